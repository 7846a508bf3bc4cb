//! Normalisation layers.

use crate::autograd::{Output, attach};
use crate::cpu::{Real, by_dtype, compute, with_slice};
use crate::error::Result;
use crate::init::Init;
use crate::parameter::{Parameter, Plain};
use crate::weights::Weights;
use candle_core::Tensor;
use mustool_kernels::cpu::backward::{self, NormGradients};
use mustool_kernels::cpu::{group_norm, layer_norm, rms_norm};

/// The scale and the shift of a norm.
#[derive(Debug)]
struct Scale {
    weight: Plain,
    bias: Option<Plain>,
}

impl Scale {
    /// Keys `weight` and `bias`, `[dim]`.
    fn new(dim: usize, weights: &Weights) -> Self {
        Self {
            weight: weights.plain("weight", &[dim], Init::Ones),
            bias: Some(weights.plain("bias", &[dim], Init::Zeros)),
        }
    }

    /// Runs `forward(x, weight, bias, y)` and leaves its way back in the graph.
    fn apply<T: Real>(
        &self,
        name: &'static str,
        x: &Tensor,
        forward: impl FnOnce(&[T], &[f32], &[f32], &mut [T]),
        gradients: impl Fn(&[T], &[f32], &[f32], &[T]) -> NormGradients<T> + Send + Sync + 'static,
    ) -> Result<Tensor> {
        let values = {
            let (weight, bias) = (self.weight.values(), self.bias.as_ref().map(Plain::values));
            let bias = bias.as_deref().unwrap_or(&[]);
            compute::<T>(x, x.elem_count(), |x, y| forward(x, &weight, bias, y))?
        };
        let output = Output::new(values, x.shape());
        let anchor = [Some(&self.weight), self.bias.as_ref()]
            .into_iter()
            .flatten()
            .find_map(Plain::wanted)
            .map(Parameter::anchor);
        if !x.track_op() && anchor.is_none() {
            return Ok(output.into_tensor());
        }
        let inputs: Vec<&Tensor> = [Some(x), anchor].into_iter().flatten().collect();
        let (count, kept) = (inputs.len(), x.clone());
        let (weight, bias) = (self.weight.clone(), self.bias.clone());
        attach(name, &inputs, output, move |gradient| {
            let made = with_slice::<T, _>(gradient, |dy| {
                let values = bias.as_ref().map(Plain::values);
                let values = values.as_deref().unwrap_or(&[]);
                with_slice::<T, _>(&kept, |x| gradients(x, &weight.values(), values, dy))
            })??;
            if let Some(weight) = weight.wanted() {
                weight.add_gradient(made.weight);
            }
            if let Some(bias) = bias.as_ref().and_then(Plain::wanted) {
                bias.add_gradient(made.bias);
            }
            let mut gradients = vec![None; count];
            gradients[0] = Some(Output::new(made.input, kept.shape()).into_tensor());
            Ok(gradients)
        })
    }
}

/// Layer norm over the last axis (arXiv:1607.06450).
#[derive(Debug)]
pub struct LayerNorm {
    scale: Scale,
    eps: f32,
}

impl LayerNorm {
    /// Keys `weight` and `bias`, `[dim]`.
    pub fn new(dim: usize, eps: f64, weights: &Weights) -> Self {
        Self {
            scale: Scale::new(dim, weights),
            eps: eps as f32,
        }
    }

    /// `x`: `[.., dim]` → the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let eps = self.eps;
        by_dtype!(x, T => self.scale.apply::<T>(
            "layer_norm",
            x,
            |x, weight, bias, y| layer_norm(x, weight, Some(bias), eps, y),
            move |x, weight, _, dy| backward::layer_norm(x, weight, eps, dy),
        ))
    }
}

/// Root-mean-square norm over the last axis (arXiv:1910.07467).
#[derive(Debug)]
pub struct RmsNorm {
    scale: Scale,
    eps: f32,
}

impl RmsNorm {
    /// Key `weight`, `[dim]`.
    pub fn new(dim: usize, eps: f64, weights: &Weights) -> Self {
        let scale = Scale {
            weight: weights.plain("weight", &[dim], Init::Ones),
            bias: None,
        };
        Self {
            scale,
            eps: eps as f32,
        }
    }

    /// `x`: `[.., dim]` → the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let eps = self.eps;
        by_dtype!(x, T => self.scale.apply::<T>(
            "rms_norm",
            x,
            |x, weight, _, y| rms_norm(x, weight, eps, y),
            move |x, weight, _, dy| backward::rms_norm(x, weight, eps, dy),
        ))
    }
}

/// Group norm over channels-last tensors (arXiv:1803.08494).
#[derive(Debug)]
pub struct GroupNorm {
    scale: Scale,
    groups: usize,
    eps: f32,
}

impl GroupNorm {
    /// Keys `weight` and `bias`, `[channels]`.
    pub fn new(groups: usize, channels: usize, eps: f64, weights: &Weights) -> Self {
        Self {
            scale: Scale::new(channels, weights),
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
        let (batch, groups, eps) = (x.dim(0)?, self.groups, self.eps);
        by_dtype!(x, T => self.scale.apply::<T>(
            "group_norm",
            x,
            |x, weight, bias, y| group_norm(x, batch, groups, (weight, bias), eps, silu, y),
            move |x, weight, bias, dy| {
                backward::group_norm(x, (batch, groups), (weight, bias), eps, silu, dy)
            },
        ))
    }
}
