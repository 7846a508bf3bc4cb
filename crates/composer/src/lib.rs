//! Writes music from a seed, with exact annotations, and renders it through a soundfont.
//!
//! ```text
//! seed → Composer::compose → Score → render → Waveform
//!                              ├──→ midi::to_bytes
//!                              └──→ record::Record (beats, chords, key, instruments, captions)
//! plan → Composer::arrange ────┘
//! ```
//!
//! Everything is decided by the seed: the same seed gives the same bytes on every machine. There
//! is no network and no learnt model in this crate, and no notes of anyone else's music.

mod arrange;
pub mod caption;
pub mod compose;
pub mod corpus;
mod error;
mod form;
pub mod harmony;
mod humanise;
pub mod instrument;
mod lineup;
pub mod midi;
mod mood;
mod parts;
mod pattern;
mod record;
mod render;
mod rng;
mod score;
mod soundbank;
mod split;
pub mod style;
mod timeline;
mod voicing;

pub use compose::{CLIP_S, Composer};
pub use corpus::{Clip, Corpus};
pub use error::{Error, Result};
pub use record::{Player, Record};
pub use render::render;
pub use rng::Rng;
pub use score::{Mix, Note, Part, Score, Section};
pub use soundbank::SoundBank;
pub use split::Split;
pub use style::{Role, Style};
pub use timeline::PREROLL_S;
