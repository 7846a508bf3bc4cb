//! Other ways to look at a finished piece: its outline, its spectrogram, its plan as MIDI.
//!
//! All are made from the waveform or the plan alone, and the same piece gives the same bytes. The
//! plan as JSON is [`crate::wire::music::PlanSpec`].

pub mod mel;
pub mod midi;
pub mod peaks;
