//! Every network against the reference implementation: weights, inputs and outputs come from
//! running Mustango at d9354bd on tiny random models.
//!
//! Another set of such files is read from the folder in `MUSTOOL_FIXTURES`, if it is set.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod beats;
mod chords;
mod default_model;
mod end_to_end;
mod features;
mod golden;
mod hifigan;
mod keys;
mod layout;
mod mel;
mod modes;
mod munet;
mod pipeline;
mod scheduler;
mod sentencepiece;
mod t5_encoder;
mod vae;
