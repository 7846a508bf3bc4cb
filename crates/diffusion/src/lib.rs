//! Text to waveform: the networks of Mustango and the pipeline that runs them.
//!
//! The flow is one way: text → plan → conditioning → latents → spectrogram → waveform. Every
//! network is a struct whose fields are its architecture and its checkpoint's keys.
//! Not here: writing files (`mustool-audio`), training, music analysis.

pub mod controls;
pub mod error;
pub mod t5;
mod tokens;
pub mod hifigan;
pub mod munet;
pub mod noise;
pub mod scheduler;
pub mod vae;
pub mod vocos;

pub use error::{Error, Result};
pub use tokens::{MAX_TOKENS, TokenBatch};
