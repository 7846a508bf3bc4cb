//! The layers of a T5 block: attention without biases or scaling, and the feed-forward layer.

use super::config::{FeedForwardKind, T5Config};
use crate::error::Result;
use mustool_nn::{Activation, Linear, RmsNorm, Tensor, Weights, attention};

/// Projections of one attention, with the norm before them.
#[derive(Debug)]
pub(super) struct Attention {
    pub(super) layer_norm: RmsNorm,
    pub(super) q: Linear,
    pub(super) k: Linear,
    pub(super) v: Linear,
    pub(super) o: Linear,
    heads: usize,
}

impl Attention {
    /// Keys `layer_norm` and `<name>.{q,k,v,o}`.
    pub(super) fn new(config: &T5Config, name: &str, weights: &Weights) -> Self {
        let (dim, inner) = (config.d_model, config.inner_dim());
        let project = |key: &str| Linear::no_bias(dim, inner, &weights.pp(name).pp(key));
        Self {
            layer_norm: RmsNorm::new(dim, config.layer_norm_epsilon, &weights.pp("layer_norm")),
            q: project("q"),
            k: project("k"),
            v: project("v"),
            o: Linear::no_bias(inner, dim, &weights.pp(name).pp("o")),
            heads: config.num_heads,
        }
    }

    /// `x`: `[batch, tokens, d_model]` looks at itself → the same shape, `x` added.
    pub(super) fn forward(&self, x: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let normed = self.layer_norm.forward(x)?;
        self.attend(x, &normed, &normed, bias)
    }

    /// `x` looks at the hidden states of a prompt, `[batch, prompt tokens, d_model]`.
    pub(super) fn look_at(&self, x: &Tensor, prompt: &Tensor, bias: &Tensor) -> Result<Tensor> {
        self.attend(x, &self.layer_norm.forward(x)?, prompt, bias)
    }

    fn attend(&self, x: &Tensor, from: &Tensor, to: &Tensor, bias: &Tensor) -> Result<Tensor> {
        let (q, k, v) = (
            self.q.forward(from)?,
            self.k.forward(to)?,
            self.v.forward(to)?,
        );
        let seen = attention(&q, &k, &v, self.heads, 1.0, Some(bias))?;
        Ok(self.o.forward_with(&seen, Activation::Identity, Some(x))?)
    }
}

/// Feed-forward layer, with the norm before it.
#[derive(Debug)]
pub(super) struct FeedForward {
    layer_norm: RmsNorm,
    wi: Linear,
    activation: Activation,
    gate: Option<Linear>,
    wo: Linear,
}

impl FeedForward {
    /// Keys `layer_norm` and `DenseReluDense.{wi_0,wi_1,wo}`, or `{wi,wo}` where not gated.
    pub(super) fn new(config: &T5Config, weights: &Weights) -> Self {
        let dense = weights.pp("DenseReluDense");
        let inwards = |key: &str| Linear::no_bias(config.d_model, config.d_ff, &dense.pp(key));
        let (wi, activation, gate) = match config.feed_forward_proj {
            FeedForwardKind::GatedGelu => {
                (inwards("wi_0"), Activation::GeluTanh, Some(inwards("wi_1")))
            }
            FeedForwardKind::Relu => (inwards("wi"), Activation::Relu, None),
        };
        let norm = weights.pp("layer_norm");
        Self {
            layer_norm: RmsNorm::new(config.d_model, config.layer_norm_epsilon, &norm),
            wi,
            activation,
            gate,
            wo: Linear::no_bias(config.d_ff, config.d_model, &dense.pp("wo")),
        }
    }

    /// `x`: `[.., d_model]` → the same shape, `x` added.
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let normed = self.layer_norm.forward(x)?;
        let mut inner = self.wi.forward_with(&normed, self.activation, None)?;
        if let Some(gate) = &self.gate {
            inner = (inner * gate.forward(&normed)?)?;
        }
        Ok(self
            .wo
            .forward_with(&inner, Activation::Identity, Some(x))?)
    }
}
