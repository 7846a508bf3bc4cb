//! From a waveform to musical facts: beats, downbeats, tempo, metre, chords, key, tuning, loudness
//! and onsets.
//!
//! ```text
//! Waveform → frontend ─┬─ rhythm bands → rhythm: network → tracker ─→ beats, metre, tempo
//!                      │                                    │
//!                      └─ semitones ──→ harmony: network → decoder → chords
//!                                                  └────→ key
//! ```
//!
//! [`Analyzer::analyze`] does it all. The networks are small and were fitted on composed music
//! (`tests/reference/mir`). Judging generated music is in `mustool-evaluation`, describing music in
//! words elsewhere.

mod analysis;
mod error;
pub mod frontend;
pub mod harmony;
pub mod key;
pub mod net;
pub mod rhythm;
#[cfg(test)]
mod testing;

pub use analysis::{Analysis, Analyzer};
pub use error::{Error, Result};
