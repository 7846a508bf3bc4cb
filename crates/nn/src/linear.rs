//! Fully connected layers.

use crate::cpu::{Real, by_dtype, map, with_optional};
use crate::error::Result;
use crate::weights::Weights;
use candle_core::{DType, Tensor};
use half::bf16;
use mustool_kernels::cpu::{Activation, Epilogue, Packed, linear};

/// `y = x · weightᵀ + bias` over the last axis.
#[derive(Debug)]
pub struct Linear {
    weight: Packed,
    bias: Option<Vec<f32>>,
    out_dim: usize,
}

impl Linear {
    /// Keys `weight` `[out_dim, in_dim]` and `bias` `[out_dim]`.
    pub fn new(in_dim: usize, out_dim: usize, weights: &Weights) -> Self {
        let bias = weights.values("bias", &[out_dim]);
        Self {
            bias: Some(bias),
            ..Self::no_bias(in_dim, out_dim, weights)
        }
    }

    /// Key `weight` `[out_dim, in_dim]` only.
    pub fn no_bias(in_dim: usize, out_dim: usize, weights: &Weights) -> Self {
        Self::named(in_dim, out_dim, "weight", weights)
    }

    /// A bare weight of any name, `[out_dim, in_dim]`.
    pub fn named(in_dim: usize, out_dim: usize, name: &str, weights: &Weights) -> Self {
        let weight = weights.packed(name, &[out_dim, in_dim], |values, dtype| match dtype {
            DType::BF16 => Packed::linear::<bf16>(values, out_dim, in_dim),
            _ => Packed::linear::<f32>(values, out_dim, in_dim),
        });
        Self {
            weight,
            bias: None,
            out_dim,
        }
    }

    /// `x`: `[.., in_dim]` → `[.., out_dim]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.forward_with(x, Activation::Identity, None)
    }

    /// `activation(x · weightᵀ + bias) + residual`, in one pass.
    pub fn forward_with(
        &self,
        x: &Tensor,
        activation: Activation,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        by_dtype!(x, T => self.run::<T>(x, activation, residual))
    }

    fn run<T: Real>(
        &self,
        x: &Tensor,
        activation: Activation,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let mut shape = x.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.out_dim;
        }
        let product = |residual: Option<&[T]>| {
            let epilogue = Epilogue {
                bias: self.bias.as_deref(),
                activation,
                residual,
            };
            map::<T>(x, shape, |x, y| linear(x, &self.weight, &epilogue, y))
        };
        with_optional::<T, _>(residual, product)
    }
}
