//! From gradients to better weights: AdamW, clipping, and a running mean of the weights.
//!
//! Schedules of the learning rate are the training crate's.

mod adamw;
mod clip;
mod ema;

pub use adamw::{AdamW, AdamWConfig, AdamWState};
pub use clip::clip_global_norm;
pub use ema::Ema;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

/// Names, shapes and values of tensors, as checkpoints have them.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;
