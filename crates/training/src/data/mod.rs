//! What a network learns from: clips of sound with what is known about them.
//!
//! [`record`] reads annotations, [`origin`] finds clips, [`prepare`] turns sounds into spectrograms
//! once, [`clips`] hands out crops of them, [`wording`] says in words what a clip is, and
//! [`phrases`] invents descriptions of music that no clip has. Nothing here keeps a place: which clip
//! and which crop a step sees follows from [`crate::chance`].

pub mod clips;
pub mod origin;
pub mod phrases;
pub mod prepare;
pub mod record;
mod synonyms;
mod vocabulary;
pub mod wording;
