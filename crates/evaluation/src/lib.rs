//! How well music obeys its plan, and how far a set of pieces is from another.
//!
//! The paper's metrics ([`control`]), those of the field ([`agreement`]), the Fréchet distance
//! ([`frechet`]), faults and restoration of sound ([`sound`]). Making the music is the caller's part.

pub mod agreement;
pub mod bootstrap;
pub mod control;
mod error;
pub mod frechet;
pub mod sound;

pub use error::{Error, Result};
