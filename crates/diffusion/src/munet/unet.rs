//! The whole network.

use super::blocks::{Layer, MidBlock, Resample};
use super::config::UnetConfig;
use super::transformer::{Condition, KeyValue};
use crate::error::Result;
use mustool_nn::{
    Activation, Conv2d, DType, GroupNorm, Init, Learned, Linear, Tensor, Weights, concat, tensor,
};

/// MuNet: predicts noise or velocity from a noisy latent.
#[derive(Debug)]
pub struct Unet {
    conv_in: Conv2d,
    control: Option<Control>,
    linear_1: Linear,
    linear_2: Linear,
    class_embedding: Option<Learned>,
    down_blocks: Vec<(Vec<Layer>, Option<Resample>)>,
    mid_block: MidBlock,
    up_blocks: Vec<(Vec<Layer>, Option<Resample>)>,
    conv_norm_out: GroupNorm,
    conv_out: Conv2d,
    time_channels: usize,
    dtype: DType,
}

/// Frame-aligned controls: a map on the latent grid and a bias for each row.
#[derive(Debug)]
struct Control {
    control_in: Conv2d,
    frequency_bias: Learned,
}

/// Everything that stays the same over the steps of a run.
#[derive(Debug)]
pub struct Conditions {
    contexts: Vec<KeyValue>,
    control: Option<Tensor>,
    classes: Option<Tensor>,
}

impl Unet {
    /// Keys as in the `unet.` part of Mustango's checkpoint.
    pub fn new(cfg: &UnetConfig, weights: &Weights) -> Result<Self> {
        cfg.validate()?;
        let widths = &cfg.block_out_channels;
        let (first, levels) = (widths[0], widths.len());
        let mut skips = vec![first];
        let mut from = first;
        let mut down_blocks = Vec::new();
        for (level, &to) in widths.iter().enumerate() {
            let weights = weights.pp(format!("down_blocks.{level}"));
            let heads = cfg
                .attends_down(level)
                .then(|| cfg.attention_head_dim[level]);
            let mut layers = Vec::new();
            for index in 0..cfg.layers_per_block {
                layers.push(Layer::new((from, to), heads, index, cfg, &weights));
                skips.push(to);
                from = to;
            }
            let down = (level + 1 < levels).then(|| Resample::down(to, &weights));
            skips.extend(down.is_some().then_some(to));
            down_blocks.push((layers, down));
        }
        let mid_heads = cfg.attention_head_dim[levels - 1];
        let mid_block = MidBlock::new(from, mid_heads, cfg, &weights.pp("mid_block"));
        let mut up_blocks = Vec::new();
        for (level, &to) in widths.iter().rev().enumerate() {
            let weights = weights.pp(format!("up_blocks.{level}"));
            let heads = cfg
                .attends_up(level)
                .then(|| cfg.attention_head_dim[levels - 1 - level]);
            let mut layers = Vec::new();
            for index in 0..=cfg.layers_per_block {
                let skip = skips.pop().expect("one skip for every layer on the way up");
                layers.push(Layer::new((from + skip, to), heads, index, cfg, &weights));
                from = to;
            }
            let up = (level + 1 < levels).then(|| Resample::up(to, &weights));
            up_blocks.push((layers, up));
        }
        Ok(Self {
            conv_in: Conv2d::new(cfg.in_channels, first, 3, &weights.pp("conv_in")),
            control: (cfg.control_channels > 0).then(|| Control::new(cfg, weights)),
            linear_1: Linear::new(first, 4 * first, &weights.pp("time_embedding.linear_1")),
            linear_2: Linear::new(4 * first, 4 * first, &weights.pp("time_embedding.linear_2")),
            class_embedding: (!cfg.class_labels.is_empty()).then(|| {
                let shape = [cfg.class_labels.len(), 4 * first];
                Learned::new("class_embedding.weight", &shape, Init::Zeros, weights)
            }),
            down_blocks,
            mid_block,
            up_blocks,
            conv_norm_out: GroupNorm::new(
                cfg.norm_num_groups,
                first,
                cfg.norm_eps,
                &weights.pp("conv_norm_out"),
            ),
            conv_out: Conv2d::new(first, cfg.out_channels, 3, &weights.pp("conv_out")),
            time_channels: first,
            dtype: weights.dtype(),
        })
    }

    /// Latents of a multiple of this length in time halve evenly on the way down.
    pub fn time_multiple(&self) -> usize {
        1 << (self.down_blocks.len() - 1)
    }

    /// Projects the conditions once for a whole run. `sets` are in the order of
    /// `attention_sets`; `control` is `[batch, time, rows, control_channels]`, `classes`
    /// `[batch, class_labels]` as [`UnetConfig::class_row`] gives them.
    pub fn prepare(
        &self,
        sets: &[Condition],
        control: Option<&Tensor>,
        classes: Option<&Tensor>,
    ) -> Result<Conditions> {
        let sets: Vec<Condition> = sets
            .iter()
            .map(|set| {
                let hidden_states = set.hidden_states.to_dtype(self.dtype)?;
                Ok(Condition {
                    hidden_states,
                    bias: set.bias.clone(),
                })
            })
            .collect::<Result<_>>()?;
        let mut contexts = Vec::new();
        let layers = |blocks: &[(Vec<Layer>, _)], out: &mut Vec<KeyValue>| -> Result<()> {
            blocks
                .iter()
                .flat_map(|(layers, _)| layers)
                .try_for_each(|l| l.prepare(&sets, out))
        };
        layers(&self.down_blocks, &mut contexts)?;
        self.mid_block.prepare(&sets, &mut contexts)?;
        layers(&self.up_blocks, &mut contexts)?;
        let control = match (&self.control, control) {
            (Some(layer), Some(map)) => Some(layer.forward(&map.to_dtype(self.dtype)?)?),
            _ => None,
        };
        let classes = match (&self.class_embedding, classes) {
            (Some(layer), Some(rows)) => Some(rows.to_dtype(self.dtype)?.matmul(&layer.tensor()?)?),
            _ => None,
        };
        Ok(Conditions {
            contexts,
            control,
            classes,
        })
    }

    /// `sample`: `[batch, time, rows, in_channels]`, one timestep for each → the prediction, `f32`,
    /// `[batch, time, rows, out_channels]`.
    pub fn forward(
        &self,
        sample: &Tensor,
        timesteps: &[f32],
        conditions: &Conditions,
    ) -> Result<Tensor> {
        let mut temb = self.time_embedding(timesteps)?;
        if let Some(classes) = &conditions.classes {
            temb = (temb + classes)?;
        }
        let mut contexts = conditions.contexts.iter();
        let sample = sample.to_dtype(self.dtype)?;
        let mut x = match &conditions.control {
            Some(control) => self.conv_in.forward_add(&sample, control)?,
            None => self.conv_in.forward(&sample)?,
        };
        let mut skips = vec![x.clone()];
        for (layers, down) in &self.down_blocks {
            for layer in layers {
                x = layer.forward(&x, &temb, &mut contexts)?;
                skips.push(x.clone());
            }
            if let Some(down) = down {
                x = down.halve(&x)?;
                skips.push(x.clone());
            }
        }
        x = self.mid_block.forward(&x, &temb, &mut contexts)?;
        for (layers, up) in &self.up_blocks {
            for layer in layers {
                let skip = skips.pop().expect("one skip for every layer on the way up");
                x = layer.forward(&concat(&x, &skip)?, &temb, &mut contexts)?;
            }
            if let Some(up) = up {
                let next = skips.last().expect("a finer level has skips left");
                let (_, time, rows, _) = next.dims4()?;
                x = up.enlarge(&x, [time, rows])?;
            }
        }
        let y = self
            .conv_out
            .forward(&self.conv_norm_out.forward_silu(&x)?)?;
        Ok(y.to_dtype(DType::F32)?)
    }

    /// Sinusoids of the timesteps (cosines first), then two linear layers: `[batch, 4·channels]`.
    fn time_embedding(&self, timesteps: &[f32]) -> Result<Tensor> {
        let half = self.time_channels / 2;
        let rate = |i: usize| (-(10_000f32.ln()) * i as f32 / half as f32).exp();
        let values = timesteps
            .iter()
            .flat_map(|&t| {
                let cosines = (0..half).map(move |i| (t * rate(i)).cos());
                cosines.chain((0..half).map(move |i| (t * rate(i)).sin()))
            })
            .collect();
        let x = tensor(values, &[timesteps.len(), 2 * half], self.dtype)?;
        let x = self.linear_1.forward_with(&x, Activation::Silu, None)?;
        Ok(self.linear_2.forward(&x)?)
    }
}

impl Control {
    fn new(cfg: &UnetConfig, weights: &Weights) -> Self {
        let (channels, rows) = (cfg.block_out_channels[0], cfg.sample_size[1]);
        let shape = [rows, channels];
        Self {
            control_in: Conv2d::new(cfg.control_channels, channels, 3, &weights.pp("control_in")),
            frequency_bias: Learned::new("frequency_bias", &shape, Init::Zeros, weights),
        }
    }

    fn forward(&self, map: &Tensor) -> Result<Tensor> {
        Ok(self
            .control_in
            .forward(map)?
            .broadcast_add(&self.frequency_bias.tensor()?)?
            .contiguous()?)
    }
}
