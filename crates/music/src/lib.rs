//! The vocabulary of music: pitch classes, chord symbols, keys, metre, beats, tempo words and the
//! [`Plan`] of a piece, and the facts that a prompt states in plain words.
//!
//! Everything here is pure: values in, values out. Audio, tensors, files and random numbers live
//! in other crates.

mod beat;
mod chord;
mod describe;
mod error;
mod instrument;
mod key;
mod meter;
mod note;
mod pitch;
mod plan;
mod quality;
mod tempo;

pub use beat::{Beat, ChordEvent, beat_grid, tempo_from_beats};
pub use chord::Chord;
pub use describe::{StatedFacts, stated_facts};
pub use error::{ParseChordError, ParseKeyError, ParseMeterError, PlanError, PlanFault};
pub use instrument::{INSTRUMENTS, instrument_name};
pub use key::{Key, Mode};
pub use meter::Meter;
pub use note::NoteName;
pub use pitch::{PitchClass, PitchClassSet, Spelling};
pub use plan::{MAX_BEATS, MAX_CHORDS, MAX_DURATION_S, Plan, TEMPO_RANGE_BPM};
pub use quality::{Quality, Triad};
pub use tempo::{tempo_bin, tempo_range_of_word, tempo_word};
