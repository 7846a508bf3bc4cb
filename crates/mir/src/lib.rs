//! From a waveform to musical facts: beats, tempo, metre, chords, key, loudness.

mod error;
pub mod frontend;
#[cfg(test)]
mod testing;

pub use error::{Error, Result};
