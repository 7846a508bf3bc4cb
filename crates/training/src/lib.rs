//! Trains every network that the project ships, from composed music or a folder of one's own.
//!
//! ```text
//! composer or folder → data (clips, captions, controls) → stages (batch, forward, loss)
//!                                                            ↓          ↑ validation
//!                       model folder ← export ← checkpoint ← optimiser
//! ```
//!
//! A run is a function of its configuration and its seed: interrupted and resumed it ends in the
//! same weights, bit for bit, on any number of threads. Only a limit on time makes it depend on the
//! machine. Not here: the networks themselves (`mustool-diffusion`), their backward passes and the
//! optimiser (`mustool-nn`), and messages to people (the command line).

pub mod chance;
pub mod checkpoint;
pub mod config;
pub mod curve;
pub mod data;
mod error;
pub mod log;
pub mod losses;
pub mod model;
pub mod schedule;
mod stages;
mod trainer;

pub use config::{Config, StageKind};
pub use error::{Error, Result};
pub use stages::train;
pub use trainer::{Event, Outcome, Watch};
