//! Text to waveform: the networks of Mustango and the pipeline that runs them.
//!
//! The flow is one way: text → plan → conditioning → latents → spectrogram → waveform. Every
//! network is a struct whose fields are its architecture and its checkpoint's keys.
//! Not here: writing files (`mustool-audio`), training, music analysis.

mod acoustics;
pub mod beats;
pub mod chords;
mod conditioning;
pub mod controls;
mod conversion;
pub mod deberta;
pub mod error;
pub mod features;
pub mod hifigan;
mod model_files;
pub mod munet;
pub mod mustango;
pub mod noise;
mod pipeline;
mod planner;
mod request;
mod sampler;
pub mod scheduler;
pub mod sentencepiece;
pub mod t5;
mod tokens;
pub mod vae;
pub mod vocos;

pub use conversion::{Conversion, weights_sha256};
pub use error::{Error, Result};
pub use pipeline::{ModelInfo, Pipeline};
pub use request::{
    AudioSource, MAX_OUTPUTS, MAX_PROMPT_CHARS, Mode, Output, Progress, Request, Stage, check_beats,
};
pub use scheduler::SchedulerKind;
pub use tokens::{MAX_TOKENS, TokenBatch};
