//! Text to waveform: the networks of Mustango and the pipeline that runs them.

pub mod error;

pub use error::{Error, Result};
