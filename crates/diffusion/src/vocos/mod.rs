//! The default model's vocoder: ConvNeXt blocks and an inverse Fourier transform.
//!
//! After Vocos (Siuzdak 2023, arXiv:2306.00814), with one oscillator per band whose phase runs on
//! over the whole clip: a network alone repeats its frames, so a held note would take the pitch of
//! a multiple of the frame rate. Its training twin is
//! `tests/reference/default_model/vocoder.py`. How the samples are made is in `synthesis`.

mod synthesis;

use crate::error::{Error, Result};
use mustool_nn::{
    Activation, Conv1d, DType, DepthwiseConv1d, Init, LayerNorm, Learned, Linear, Tensor, Weights,
    add, host,
};
use serde::Deserialize;
use synthesis::Synthesis;

/// `vocoder_config.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct VocosConfig {
    /// Bands of the spectrogram.
    pub num_bands: usize,
    /// MIDI note of the lowest band.
    pub lowest_midi: usize,
    /// Channels of the chord controls: 12 chord tones and 12 bass notes.
    pub control_channels: usize,
    /// Width of the network.
    pub dim: usize,
    /// Width inside a block.
    pub intermediate_dim: usize,
    /// Number of blocks.
    pub num_layers: usize,
    /// Transform and window length in samples.
    pub n_fft: usize,
    /// Samples per frame.
    pub hop_length: usize,
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Mean of the log spectrogram in training.
    pub mean: f32,
    /// Its standard deviation.
    pub std: f32,
}

impl VocosConfig {
    fn validate(&self) -> Result<()> {
        let fits = (1..=1024).contains(&self.num_bands)
            && (1..=4096).contains(&self.dim)
            && (1..=16_384).contains(&self.intermediate_dim)
            && (1..=64).contains(&self.num_layers)
            && (16..=16_384).contains(&self.n_fft)
            && self.n_fft.is_multiple_of(2)
            && (1..=self.n_fft).contains(&self.hop_length)
            && self.control_channels <= 1024
            && self.sample_rate >= 8000
            && self.std > 0.0;
        let file = "vocoder_config.json".to_owned();
        let bad = || Error::Config {
            file,
            reason: format!("impossible sizes: {self:?}"),
        };
        if fits { Ok(()) } else { Err(bad()) }
    }

    fn band_hz(&self, band: usize) -> f64 {
        440.0 * (((band + self.lowest_midi) as f64 - 69.0) / 12.0).exp2()
    }
}

/// A depthwise convolution, a norm and two linear layers, scaled and added (arXiv:2201.03545).
#[derive(Debug)]
struct ConvNextBlock {
    dwconv: DepthwiseConv1d,
    norm: LayerNorm,
    pwconv1: Linear,
    pwconv2: Linear,
    gamma: Learned,
}

impl ConvNextBlock {
    fn new(cfg: &VocosConfig, weights: &Weights) -> Self {
        let (dim, inner) = (cfg.dim, cfg.intermediate_dim);
        let start = Init::Constant(1.0 / cfg.num_layers as f32);
        Self {
            dwconv: DepthwiseConv1d::new(dim, 7, &weights.pp("dwconv")),
            norm: LayerNorm::new(dim, 1e-6, &weights.pp("norm")),
            pwconv1: Linear::new(dim, inner, &weights.pp("pwconv1")),
            pwconv2: Linear::new(inner, dim, &weights.pp("pwconv2")),
            gamma: Learned::new("gamma", &[dim], start, weights),
        }
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let h = self.norm.forward(&self.dwconv.forward(x)?)?;
        let h = self.pwconv1.forward_with(&h, Activation::GeluErf, None)?;
        let h = self
            .pwconv2
            .forward(&h)?
            .broadcast_mul(&self.gamma.tensor()?)?;
        Ok(add(x, &h)?)
    }
}

/// The vocoder.
pub struct Vocos {
    cfg: VocosConfig,
    embed: Conv1d,
    control_embed: Conv1d,
    norm: LayerNorm,
    convnext: Vec<ConvNextBlock>,
    final_layer_norm: LayerNorm,
    out: Linear,
    oscillators: Linear,
    synthesis: Synthesis,
    dtype: DType,
}

impl Vocos {
    /// Keys `backbone.` and `head.`.
    pub fn new(cfg: &VocosConfig, weights: &Weights) -> Result<Self> {
        cfg.validate()?;
        let (dim, bands) = (cfg.dim, cfg.num_bands);
        let (backbone, head) = (weights.pp("backbone"), weights.pp("head"));
        Ok(Self {
            embed: Conv1d::new(bands, dim, 7, 1, &backbone.pp("embed")),
            control_embed: Conv1d::no_bias(
                cfg.control_channels,
                dim,
                7,
                1,
                &backbone.pp("control_embed"),
            ),
            norm: LayerNorm::new(dim, 1e-6, &backbone.pp("norm")),
            convnext: (0..cfg.num_layers)
                .map(|i| ConvNextBlock::new(cfg, &backbone.pp(format!("convnext.{i}"))))
                .collect(),
            final_layer_norm: LayerNorm::new(dim, 1e-6, &backbone.pp("final_layer_norm")),
            out: Linear::new(dim, cfg.n_fft + 2, &head.pp("out")),
            oscillators: Linear::new(dim, 2 * bands, &head.pp("oscillators")),
            synthesis: Synthesis::new(cfg)?,
            dtype: weights.dtype(),
            cfg: cfg.clone(),
        })
    }

    /// Sizes and rates.
    pub fn config(&self) -> &VocosConfig {
        &self.cfg
    }

    /// `x`: normalised spectrogram `[frames, num_bands]`, `controls`: `[frames, control_channels]`
    /// → `frames · hop_length` samples.
    pub fn forward(&self, x: &Tensor, controls: &Tensor) -> Result<Vec<f32>> {
        let waveform = self.waveforms(&x.unsqueeze(0)?, &controls.unsqueeze(0)?)?;
        Ok(host(&waveform)?)
    }

    /// A batch of clips of the same length: `x`: `[batch, frames, num_bands]`, `controls`:
    /// `[batch, frames, control_channels]` → `[batch, frames · hop_length]`, `f32`. No gradient
    /// passes to `x` through the levels of the oscillators.
    pub fn waveforms(&self, x: &Tensor, controls: &Tensor) -> Result<Tensor> {
        let h = self
            .control_embed
            .forward(&controls.to_dtype(self.dtype)?)?;
        let h = self.embed.forward_add(&x.to_dtype(self.dtype)?, &h)?;
        let mut h = self.norm.forward(&h)?;
        for block in &self.convnext {
            h = block.forward(&h)?;
        }
        let h = self.final_layer_norm.forward(&h)?;
        let noise = self.out.forward(&h)?.to_dtype(DType::F32)?;
        let tones = self.oscillators.forward(&h)?.to_dtype(DType::F32)?;
        self.synthesis.forward(&noise, &tones, x)
    }
}
