//! Normalisation layers.

use crate::cpu::{by_dtype, map};
use crate::error::Result;
use crate::weights::Weights;
use candle_core::Tensor;
use mustool_kernels::cpu::{group_norm, layer_norm, rms_norm};

/// Layer norm over the last axis (arXiv:1607.06450).
#[derive(Debug)]
pub struct LayerNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    eps: f32,
}

impl LayerNorm {
    /// Keys `weight` and `bias`, `[dim]`.
    pub fn new(dim: usize, eps: f64, weights: &Weights) -> Self {
        let (weight, bias) = (
            weights.values("weight", &[dim]),
            weights.values("bias", &[dim]),
        );
        Self {
            weight,
            bias,
            eps: eps as f32,
        }
    }

    /// `x`: `[.., dim]` → the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        by_dtype!(x, T => map::<T>(x, x.dims(), |x, y| {
            layer_norm(x, &self.weight, Some(&self.bias), self.eps, y);
        }))
    }
}

/// Root-mean-square norm over the last axis (arXiv:1910.07467).
#[derive(Debug)]
pub struct RmsNorm {
    weight: Vec<f32>,
    eps: f32,
}

impl RmsNorm {
    /// Key `weight`, `[dim]`.
    pub fn new(dim: usize, eps: f64, weights: &Weights) -> Self {
        Self {
            weight: weights.values("weight", &[dim]),
            eps: eps as f32,
        }
    }

    /// `x`: `[.., dim]` → the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        by_dtype!(x, T => map::<T>(x, x.dims(), |x, y| rms_norm(x, &self.weight, self.eps, y)))
    }
}

/// Group norm over channels-last tensors (arXiv:1803.08494).
#[derive(Debug)]
pub struct GroupNorm {
    weight: Vec<f32>,
    bias: Vec<f32>,
    groups: usize,
    eps: f32,
}

impl GroupNorm {
    /// Keys `weight` and `bias`, `[channels]`.
    pub fn new(groups: usize, channels: usize, eps: f64, weights: &Weights) -> Self {
        let shape = [channels];
        let (weight, bias) = (
            weights.values("weight", &shape),
            weights.values("bias", &shape),
        );
        Self {
            weight,
            bias,
            groups,
            eps: eps as f32,
        }
    }

    /// `x`: `[batch, .., channels]` → the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, false)
    }

    /// The norm, then SiLU, in one pass.
    pub fn forward_silu(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, true)
    }

    fn run(&self, x: &Tensor, silu: bool) -> Result<Tensor> {
        let batch = x.dim(0)?;
        by_dtype!(x, T => map::<T>(x, x.dims(), |x, y| {
            group_norm(x, batch, self.groups, (&self.weight, &self.bias), self.eps, silu, y);
        }))
    }
}
