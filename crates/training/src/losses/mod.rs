//! How wrong an output is, and in which direction it would be less wrong.
//!
//! Every loss is a function over slices that gives its value together with its derivative by each
//! output. Sums run in `f64` in one order, so that a loss has the same bits whatever the number of
//! threads. From the output backwards the layers of `mustool-nn` carry the derivative on.

pub mod classes;
pub mod diffusion;
pub mod spectrogram;
pub mod stft;
#[cfg(test)]
mod testing;

use crate::error::Result;
use mustool_nn::{DType, Device, Tensor};

/// A loss at one output.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// How wrong the output is.
    pub value: f64,
    /// Derivative of `value` by each number of the output.
    pub gradient: Vec<f32>,
}

impl Loss {
    /// The same loss, `factor` times as important.
    pub fn scaled(mut self, factor: f64) -> Self {
        self.value *= factor;
        for slope in &mut self.gradient {
            *slope *= factor as f32;
        }
        self
    }

    /// A number whose derivative by `output` is this loss's gradient: what backward passes start
    /// from. Its own value has no meaning.
    pub fn seed(&self, output: &Tensor) -> Result<Tensor> {
        let slope = Tensor::from_slice(&self.gradient, output.shape(), &Device::Cpu)?;
        Ok((output.to_dtype(DType::F32)? * slope)?.sum_all()?)
    }
}
