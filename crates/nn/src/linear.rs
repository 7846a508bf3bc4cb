//! Fully connected layers.

use crate::affine::{Affine, Product};
use crate::cpu::{Real, by_dtype};
use crate::error::Result;
use crate::init::Init;
use crate::weights::Weights;
use candle_core::{DType, Tensor};
use half::bf16;
use mustool_kernels::cpu::backward::{linear_input, linear_weight};
use mustool_kernels::cpu::{Activation, Epilogue, Packed, linear};

/// `y = x · weightᵀ + bias` over the last axis.
#[derive(Debug)]
pub struct Linear {
    affine: Affine<Packed>,
    dims: Dims,
}

#[derive(Debug, Clone, Copy)]
struct Dims {
    input: usize,
    output: usize,
}

impl Linear {
    /// Keys `weight` `[out_dim, in_dim]` and `bias` `[out_dim]`.
    pub fn new(in_dim: usize, out_dim: usize, weights: &Weights) -> Self {
        let mut layer = Self::no_bias(in_dim, out_dim, weights);
        layer.affine.bias = Some(weights.plain("bias", &[out_dim], Init::fan_in(in_dim)));
        layer
    }

    /// Key `weight` `[out_dim, in_dim]` only.
    pub fn no_bias(in_dim: usize, out_dim: usize, weights: &Weights) -> Self {
        Self::named(in_dim, out_dim, "weight", weights)
    }

    /// A bare weight of any name, `[out_dim, in_dim]`.
    pub fn named(in_dim: usize, out_dim: usize, name: &str, weights: &Weights) -> Self {
        let dims = Dims {
            input: in_dim,
            output: out_dim,
        };
        let (shape, init) = ([out_dim, in_dim], Init::fan_in(in_dim));
        let weight = weights.weight(name, &shape, init, |values, dtype| match dtype {
            DType::BF16 => dims.pack::<bf16>(values),
            _ => dims.pack::<f32>(values),
        });
        Self {
            affine: Affine { weight, bias: None },
            dims,
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
        by_dtype!(x, T => self.affine.apply::<T, _>(x, self.dims, activation, residual))
    }
}

impl Product for Dims {
    const NAME: &'static str = "linear";
    type Packed = Packed;

    fn output_shape(&self, x: &Tensor) -> Vec<usize> {
        let mut shape = x.dims().to_vec();
        if let Some(last) = shape.last_mut() {
            *last = self.output;
        }
        shape
    }

    fn pack<T: Real>(&self, weight: &[f32]) -> Packed {
        Packed::linear::<T>(weight, self.output, self.input)
    }

    fn forward<T: Real>(&self, x: &[T], weight: &Packed, epilogue: &Epilogue<T>, y: &mut [T]) {
        linear(x, weight, epilogue, y);
    }

    fn input_gradient<T: Real>(&self, dy: &[T], weight: &[f32]) -> Vec<T> {
        linear_input(dy, weight, self.input, self.output)
    }

    fn weight_gradient<T: Real>(&self, x: &[T], dy: &[T]) -> Vec<f32> {
        linear_weight(x, dy, self.input, self.output)
    }
}
