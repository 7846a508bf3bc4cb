//! The transformer of a UNet layer: self-attention over the latent, cross-attention to a condition.

use crate::error::Result;
use mustool_nn::{
    Activation, GroupNorm, LayerNorm, Linear, Tensor, Weights, attention, geglu, reshape,
};

/// What is attended to: features and which of them are real.
#[derive(Debug, Clone)]
pub struct Condition {
    /// `[batch, tokens, dim]`.
    pub hidden_states: Tensor,
    /// Additive, `[batch, 1, 1, tokens]`: 0 for real tokens, −10000 for padding. Never −∞, since a
    /// whole row may be masked.
    pub bias: Tensor,
}

impl Condition {
    /// From features and a mask `[batch, tokens]` of ones and zeros.
    pub fn new(hidden_states: Tensor, mask: &Tensor) -> Result<Self> {
        let (batch, tokens) = mask.dims2()?;
        let bias = mask
            .affine(10_000.0, -10_000.0)?
            .reshape((batch, 1, 1, tokens))?;
        Ok(Self {
            hidden_states,
            bias,
        })
    }
}

/// A condition projected by one layer, the same for all steps of a run.
#[derive(Debug, Clone)]
pub struct KeyValue {
    key: Tensor,
    value: Tensor,
    bias: Tensor,
}

/// Multi-head attention: queries from `x`, keys and values from a context.
#[derive(Debug)]
struct Attention {
    to_q: Linear,
    to_k: Linear,
    to_v: Linear,
    to_out: Linear,
    heads: usize,
    scale: f64,
}

impl Attention {
    fn new(dim: usize, context_dim: usize, heads: usize, weights: &Weights) -> Self {
        Self {
            to_q: Linear::no_bias(dim, dim, &weights.pp("to_q")),
            to_k: Linear::no_bias(context_dim, dim, &weights.pp("to_k")),
            to_v: Linear::no_bias(context_dim, dim, &weights.pp("to_v")),
            to_out: Linear::new(dim, dim, &weights.pp("to_out.0")),
            heads,
            scale: ((dim / heads) as f64).powf(-0.5),
        }
    }

    /// `residual + attention(x, context)`; all `[batch, tokens, dim]`.
    fn forward(
        &self,
        x: &Tensor,
        key: &Tensor,
        value: &Tensor,
        bias: Option<&Tensor>,
        residual: &Tensor,
    ) -> Result<Tensor> {
        let query = self.to_q.forward(x)?;
        let y = attention(&query, key, value, self.heads, self.scale, bias)?;
        Ok(self
            .to_out
            .forward_with(&y, Activation::Identity, Some(residual))?)
    }
}

/// Feed-forward layer with a GELU gate: GEGLU of Shazeer 2020, arXiv:2002.05202.
#[derive(Debug)]
struct FeedForward {
    proj: Linear,
    out: Linear,
}

impl FeedForward {
    fn new(dim: usize, mult: usize, weights: &Weights) -> Self {
        let inner = dim * mult;
        Self {
            proj: Linear::new(dim, 2 * inner, &weights.pp("net.0.proj")),
            out: Linear::new(inner, dim, &weights.pp("net.2")),
        }
    }

    /// `residual + ff(x)`; `[batch, tokens, dim]`.
    fn forward(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        let gated = geglu(&self.proj.forward(x)?)?;
        Ok(self
            .out
            .forward_with(&gated, Activation::Identity, Some(residual))?)
    }
}

/// `Transformer2DModel` of depth 1.
#[derive(Debug)]
pub(super) struct Transformer2D {
    norm: GroupNorm,
    proj_in: Linear,
    norm1: LayerNorm,
    attn1: Attention,
    norm2: LayerNorm,
    attn2: Attention,
    norm3: LayerNorm,
    ff: FeedForward,
    proj_out: Linear,
}

impl Transformer2D {
    pub(super) fn new(
        dim: usize,
        context_dim: usize,
        heads: usize,
        groups: usize,
        mult: usize,
        weights: &Weights,
    ) -> Self {
        let block = weights.pp("transformer_blocks.0");
        Self {
            norm: GroupNorm::new(groups, dim, 1e-6, &weights.pp("norm")),
            proj_in: Linear::new(dim, dim, &weights.pp("proj_in")),
            norm1: LayerNorm::new(dim, 1e-5, &block.pp("norm1")),
            attn1: Attention::new(dim, dim, heads, &block.pp("attn1")),
            norm2: LayerNorm::new(dim, 1e-5, &block.pp("norm2")),
            attn2: Attention::new(dim, context_dim, heads, &block.pp("attn2")),
            norm3: LayerNorm::new(dim, 1e-5, &block.pp("norm3")),
            ff: FeedForward::new(dim, mult, &block.pp("ff")),
            proj_out: Linear::new(dim, dim, &weights.pp("proj_out")),
        }
    }

    /// Projects a condition to this layer's keys and values.
    pub(super) fn prepare(&self, condition: &Condition) -> Result<KeyValue> {
        Ok(KeyValue {
            key: self.attn2.to_k.forward(&condition.hidden_states)?,
            value: self.attn2.to_v.forward(&condition.hidden_states)?,
            bias: condition.bias.clone(),
        })
    }

    /// `x`: `[batch, time, rows, dim]` → the same shape.
    pub(super) fn forward(&self, x: &Tensor, context: &KeyValue) -> Result<Tensor> {
        let (batch, time, rows, dim) = x.dims4()?;
        let flat = |x: &Tensor| reshape(x, (batch, time * rows, dim));
        let h = self.proj_in.forward(&flat(&self.norm.forward(x)?)?)?;
        let normed = self.norm1.forward(&h)?;
        let (key, value) = (
            self.attn1.to_k.forward(&normed)?,
            self.attn1.to_v.forward(&normed)?,
        );
        let h = self.attn1.forward(&normed, &key, &value, None, &h)?;
        let normed = self.norm2.forward(&h)?;
        let KeyValue { key, value, bias } = context;
        let h = self.attn2.forward(&normed, key, value, Some(bias), &h)?;
        let h = self.ff.forward(&self.norm3.forward(&h)?, &h)?;
        let h = self
            .proj_out
            .forward_with(&h, Activation::Identity, Some(&flat(x)?))?;
        Ok(reshape(&h, (batch, time, rows, dim))?)
    }
}
