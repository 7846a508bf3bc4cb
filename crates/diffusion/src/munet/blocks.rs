//! Residual blocks, resolutions, and the steps between them.

use super::config::UnetConfig;
use super::transformer::{Condition, KeyValue, Transformer2D};
use crate::error::Result;
use mustool_nn::{
    Activation, Conv2d, GroupNorm, Linear, Tensor, Weights, activate, add_shift, upsample_nearest,
};

/// `ResnetBlock2D`: two convolutions around the time embedding.
#[derive(Debug)]
pub(super) struct ResnetBlock {
    norm1: GroupNorm,
    conv1: Conv2d,
    time_emb_proj: Linear,
    norm2: GroupNorm,
    conv2: Conv2d,
    conv_shortcut: Option<Conv2d>,
}

impl ResnetBlock {
    fn new(from: usize, to: usize, cfg: &UnetConfig, weights: &Weights) -> Self {
        let (groups, eps) = (cfg.norm_num_groups, cfg.norm_eps);
        let time_dim = 4 * cfg.block_out_channels[0];
        Self {
            norm1: GroupNorm::new(groups, from, eps, &weights.pp("norm1")),
            conv1: Conv2d::new(from, to, 3, &weights.pp("conv1")),
            time_emb_proj: Linear::new(time_dim, to, &weights.pp("time_emb_proj")),
            norm2: GroupNorm::new(groups, to, eps, &weights.pp("norm2")),
            conv2: Conv2d::new(to, to, 3, &weights.pp("conv2")),
            conv_shortcut: (from != to)
                .then(|| Conv2d::new(from, to, 1, &weights.pp("conv_shortcut"))),
        }
    }

    /// `x`: `[batch, time, rows, from]`, `temb`: `[batch, time_dim]` → `[batch, time, rows, to]`.
    fn forward(&self, x: &Tensor, temb: &Tensor) -> Result<Tensor> {
        let h = self.conv1.forward(&self.norm1.forward_silu(x)?)?;
        let shift = self
            .time_emb_proj
            .forward(&activate(temb, Activation::Silu)?)?;
        let h = self.norm2.forward_silu(&add_shift(&h, &shift)?)?;
        match &self.conv_shortcut {
            Some(shortcut) => Ok(self.conv2.forward_add(&h, &shortcut.forward(x)?)?),
            None => Ok(self.conv2.forward_add(&h, x)?),
        }
    }
}

/// One residual block with its transformers: text, beat, chord, in that order.
#[derive(Debug)]
pub(super) struct Layer {
    resnet: ResnetBlock,
    transformers: Vec<Transformer2D>,
}

/// Suffixes of the `attentions` keys, by position in the layer.
const SET_SUFFIX: [&str; 3] = ["", "2", "3"];

impl Layer {
    pub(super) fn new(
        (from, to): (usize, usize),
        heads: Option<usize>,
        index: usize,
        cfg: &UnetConfig,
        weights: &Weights,
    ) -> Self {
        let transformers = heads.map_or_else(Vec::new, |heads| {
            transformers(to, heads, index, cfg, weights)
        });
        let resnet = ResnetBlock::new(from, to, cfg, &weights.pp(format!("resnets.{index}")));
        Self {
            resnet,
            transformers,
        }
    }

    /// Projects the conditions, in the order in which `forward` takes them.
    pub(super) fn prepare(&self, sets: &[Condition], out: &mut Vec<KeyValue>) -> Result<()> {
        prepare(&self.transformers, sets, out)
    }

    pub(super) fn forward(
        &self,
        x: &Tensor,
        temb: &Tensor,
        contexts: &mut std::slice::Iter<KeyValue>,
    ) -> Result<Tensor> {
        let h = self.resnet.forward(x, temb)?;
        attend(&self.transformers, h, contexts)
    }
}

fn transformers(
    dim: usize,
    heads: usize,
    index: usize,
    cfg: &UnetConfig,
    weights: &Weights,
) -> Vec<Transformer2D> {
    SET_SUFFIX
        .iter()
        .take(cfg.attention_sets.len())
        .map(|suffix| {
            let weights = weights.pp(format!("attentions{suffix}.{index}"));
            let (groups, mult) = (cfg.norm_num_groups, cfg.feed_forward_mult);
            Transformer2D::new(dim, cfg.cross_attention_dim, heads, groups, mult, &weights)
        })
        .collect()
}

fn prepare(
    transformers: &[Transformer2D],
    sets: &[Condition],
    out: &mut Vec<KeyValue>,
) -> Result<()> {
    for (transformer, condition) in transformers.iter().zip(sets) {
        out.push(transformer.prepare(condition)?);
    }
    Ok(())
}

fn attend(
    transformers: &[Transformer2D],
    mut h: Tensor,
    contexts: &mut std::slice::Iter<KeyValue>,
) -> Result<Tensor> {
    for transformer in transformers {
        let context = contexts
            .next()
            .expect("`prepare` made one for every transformer");
        h = transformer.forward(&h, context)?;
    }
    Ok(h)
}

/// The middle: a residual block, transformers, a residual block.
#[derive(Debug)]
pub(super) struct MidBlock {
    first: Layer,
    second: ResnetBlock,
}

impl MidBlock {
    pub(super) fn new(dim: usize, heads: usize, cfg: &UnetConfig, weights: &Weights) -> Self {
        Self {
            first: Layer::new((dim, dim), Some(heads), 0, cfg, weights),
            second: ResnetBlock::new(dim, dim, cfg, &weights.pp("resnets.1")),
        }
    }

    pub(super) fn prepare(&self, sets: &[Condition], out: &mut Vec<KeyValue>) -> Result<()> {
        self.first.prepare(sets, out)
    }

    pub(super) fn forward(
        &self,
        x: &Tensor,
        temb: &Tensor,
        contexts: &mut std::slice::Iter<KeyValue>,
    ) -> Result<Tensor> {
        self.second
            .forward(&self.first.forward(x, temb, contexts)?, temb)
    }
}

/// The 3×3 convolution that halves or doubles the map.
#[derive(Debug)]
pub(super) struct Resample(Conv2d);

impl Resample {
    pub(super) fn down(dim: usize, weights: &Weights) -> Self {
        let conv = Conv2d::new(dim, dim, 3, &weights.pp("downsamplers.0.conv"));
        Self(conv.strided(2, [[1, 1], [1, 1]]))
    }

    pub(super) fn up(dim: usize, weights: &Weights) -> Self {
        Self(Conv2d::new(dim, dim, 3, &weights.pp("upsamplers.0.conv")))
    }

    /// Halves both axes, rounding up.
    pub(super) fn halve(&self, x: &Tensor) -> Result<Tensor> {
        Ok(self.0.forward(x)?)
    }

    /// Enlarges to `size`, the size of the next skip connection.
    pub(super) fn enlarge(&self, x: &Tensor, size: [usize; 2]) -> Result<Tensor> {
        Ok(self.0.forward(&upsample_nearest(x, size)?)?)
    }
}
