//! HiFi-GAN (Kong et al. 2020, arXiv:2010.05646): log-mel to waveform by transposed convolutions.

use crate::error::{Error, Result};
use mustool_nn::{
    Activation, Conv1d, ConvTranspose1d, DType, Tensor, Weights, activate, add, host,
};
use serde::Deserialize;

/// `hifigan_config.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct HifiGanConfig {
    /// Mel bands in.
    pub num_mels: usize,
    /// Width after the first convolution; halves at every stage.
    pub upsample_initial_channel: usize,
    /// Factor of every stage.
    pub upsample_rates: Vec<usize>,
    /// Kernel of every stage.
    pub upsample_kernel_sizes: Vec<usize>,
    /// Kernels of the parallel residual blocks.
    pub resblock_kernel_sizes: Vec<usize>,
    /// Dilations within each of them.
    pub resblock_dilation_sizes: Vec<Vec<usize>>,
}

impl HifiGanConfig {
    fn validate(&self) -> Result<()> {
        let stages = self.upsample_rates.len();
        let pairs = self.upsample_rates.iter().zip(&self.upsample_kernel_sizes);
        let fits = (1..=8).contains(&stages)
            && self.upsample_kernel_sizes.len() == stages
            && pairs
                .clone()
                .all(|(&rate, &kernel)| (1..=64).contains(&rate) && kernel >= rate)
            && self.upsample_initial_channel <= 1 << 16
            && (self.upsample_initial_channel >> stages) > 0
            && !self.resblock_kernel_sizes.is_empty()
            && self.resblock_kernel_sizes.len() == self.resblock_dilation_sizes.len();
        if fits {
            return Ok(());
        }
        let file = "hifigan_config.json".to_owned();
        Err(Error::Config {
            file,
            reason: format!("impossible sizes: {self:?}"),
        })
    }
}

/// A residual block: dilated convolutions, each followed by a plain one.
#[derive(Debug)]
struct ResBlock {
    convs1: Vec<Conv1d>,
    convs2: Vec<Conv1d>,
}

impl ResBlock {
    fn new(dim: usize, kernel: usize, dilations: &[usize], weights: &Weights) -> Self {
        let conv = |name: &str, i: usize, dilation: usize| {
            Conv1d::new(
                dim,
                dim,
                kernel,
                dilation,
                &weights.pp(format!("{name}.{i}")),
            )
        };
        Self {
            convs1: dilations
                .iter()
                .enumerate()
                .map(|(i, &d)| conv("convs1", i, d))
                .collect(),
            convs2: (0..dilations.len()).map(|i| conv("convs2", i, 1)).collect(),
        }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut x = x.clone();
        for (dilated, plain) in self.convs1.iter().zip(&self.convs2) {
            let h = dilated.forward(&activate(&x, Activation::LeakyRelu(0.1))?)?;
            x = plain.forward_add(&activate(&h, Activation::LeakyRelu(0.1))?, &x)?;
        }
        Ok(x)
    }
}

/// Frames that are vocoded at once.
const STRETCH: usize = 1024;
/// Frames before and after a stretch that are vocoded with it and thrown away. A sample depends on
/// some 22 frames to either side at the published sizes, most of them through the first stage.
const MARGIN: usize = 32;

/// The generator.
#[derive(Debug)]
pub struct HifiGan {
    conv_pre: Conv1d,
    stages: Vec<(ConvTranspose1d, Vec<ResBlock>)>,
    conv_post: Conv1d,
    config: HifiGanConfig,
    dtype: DType,
}

impl HifiGan {
    /// Keys as in the `vocoder.` part of AudioLDM's VAE file, weight norm folded.
    pub fn new(cfg: &HifiGanConfig, weights: &Weights) -> Result<Self> {
        cfg.validate()?;
        let blocks = cfg.resblock_kernel_sizes.len();
        let mut dim = cfg.upsample_initial_channel;
        let conv_pre = Conv1d::new(cfg.num_mels, dim, 7, 1, &weights.pp("conv_pre"));
        let mut stages = Vec::new();
        let pairs = cfg.upsample_rates.iter().zip(&cfg.upsample_kernel_sizes);
        for (stage, (&rate, &kernel)) in pairs.enumerate() {
            let weights_up = weights.pp(format!("ups.{stage}"));
            let up = ConvTranspose1d::new(dim, dim / 2, kernel, rate, &weights_up);
            dim /= 2;
            let kernels = cfg
                .resblock_kernel_sizes
                .iter()
                .zip(&cfg.resblock_dilation_sizes);
            let resblocks = kernels
                .enumerate()
                .map(|(i, (&kernel, dilations))| {
                    let weights = weights.pp(format!("resblocks.{}", stage * blocks + i));
                    ResBlock::new(dim, kernel, dilations, &weights)
                })
                .collect();
            stages.push((up, resblocks));
        }
        let conv_post = Conv1d::new(dim, 1, 7, 1, &weights.pp("conv_post"));
        Ok(Self {
            conv_pre,
            stages,
            conv_post,
            config: cfg.clone(),
            dtype: weights.dtype(),
        })
    }

    /// The sizes.
    pub fn config(&self) -> &HifiGanConfig {
        &self.config
    }

    /// Samples of one frame.
    pub fn hop_length(&self) -> usize {
        self.config.upsample_rates.iter().product()
    }

    /// [`HifiGan::forward`] for one sound of any length, `[1, frames, num_mels]` → samples, with
    /// memory for ten seconds at the published sizes.
    pub fn long(&self, mel: &Tensor) -> Result<Vec<f32>> {
        let frames = mel.dim(1)?;
        if frames <= STRETCH + 2 * MARGIN {
            return Ok(host(&self.forward(mel)?)?);
        }
        let hop = self.hop_length();
        let mut samples = Vec::with_capacity(frames * hop);
        let mut first = 0;
        while first < frames {
            let end = (first + STRETCH).min(frames);
            let from = first.saturating_sub(MARGIN);
            let to = (end + MARGIN).min(frames);
            let stretch = host(&self.forward(&mel.narrow(1, from, to - from)?)?)?;
            let wanted = match end == frames {
                true => (first - from) * hop..stretch.len(),
                false => (first - from) * hop..(end - from) * hop,
            };
            samples.extend_from_slice(&stretch[wanted]);
            first = end;
        }
        Ok(samples)
    }

    /// `mel`: natural-log mel `[batch, frames, num_mels]` → samples in −1..1, `[batch, samples]`,
    /// `f32`.
    pub fn forward(&self, mel: &Tensor) -> Result<Tensor> {
        let mut x = self.conv_pre.forward(&mel.to_dtype(self.dtype)?)?;
        for (up, resblocks) in &self.stages {
            x = up.forward(&activate(&x, Activation::LeakyRelu(0.1))?)?;
            let mut sum: Option<Tensor> = None;
            for block in resblocks {
                let y = block.forward(&x)?;
                sum = Some(match sum {
                    Some(sum) => add(&sum, &y)?,
                    None => y,
                });
            }
            let sum = sum.expect("`validate` asks for a residual block");
            x = (sum / resblocks.len() as f64)?;
        }
        let y = self
            .conv_post
            .forward(&activate(&x, Activation::LeakyRelu(0.01))?)?;
        let y = activate(&y.to_dtype(DType::F32)?, Activation::Tanh)?;
        Ok(y.squeeze(2)?)
    }
}

/// 16-bit samples: scaled by 32768 and truncated toward zero. Exactly 1.0 gives 32767, where the
/// reference wraps around.
pub fn to_pcm16(waveform: &[f32]) -> Vec<i16> {
    waveform.iter().map(|x| (x * 32_768.0) as i16).collect()
}
