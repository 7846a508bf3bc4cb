//! The default model's vocoder: ConvNeXt blocks and an inverse Fourier transform.
//!
//! After Vocos (Siuzdak 2023, arXiv:2306.00814), with one oscillator per band whose phase runs on
//! over the whole clip: a network alone repeats its frames, so a held note would take the pitch of
//! a multiple of the frame rate. Its training twin is
//! `tests/reference/default_model/vocoder.py`.

use crate::error::{Error, Result};
use mustool_audio::stft::{Complex32, Stft};
use mustool_nn::{
    Activation, Conv1d, DType, DepthwiseConv1d, LayerNorm, Linear, Tensor, Weights, activate, host,
    tensor,
};
use serde::Deserialize;
use std::f64::consts::TAU;

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
    gamma: Tensor,
}

impl ConvNextBlock {
    fn new(cfg: &VocosConfig, weights: &Weights) -> Result<Self> {
        let (dim, inner) = (cfg.dim, cfg.intermediate_dim);
        let gamma = weights.values("gamma", &[dim]);
        let gamma = if gamma.is_empty() {
            vec![0.0; dim]
        } else {
            gamma
        };
        Ok(Self {
            dwconv: DepthwiseConv1d::new(dim, 7, &weights.pp("dwconv")),
            norm: LayerNorm::new(dim, 1e-6, &weights.pp("norm")),
            pwconv1: Linear::new(dim, inner, &weights.pp("pwconv1")),
            pwconv2: Linear::new(inner, dim, &weights.pp("pwconv2")),
            gamma: tensor(gamma, &[1, 1, dim], weights.dtype())?,
        })
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let h = self.norm.forward(&self.dwconv.forward(x)?)?;
        let h = self.pwconv1.forward_with(&h, Activation::GeluErf, None)?;
        let h = self.pwconv2.forward(&h)?.broadcast_mul(&self.gamma)?;
        Ok((x + h)?)
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
    /// Spectrum of every oscillator, `[num_bands, bins]` as the weight of a linear layer.
    spectra: Vec<Vec<(usize, f32)>>,
    stft: Stft,
    dtype: DType,
}

impl Vocos {
    /// Keys `backbone.` and `head.`.
    pub fn new(cfg: &VocosConfig, weights: &Weights) -> Result<Self> {
        cfg.validate()?;
        let (dim, bands) = (cfg.dim, cfg.num_bands);
        let (backbone, head) = (weights.pp("backbone"), weights.pp("head"));
        let stft = Stft::new(cfg.n_fft, cfg.hop_length)?;
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
                .collect::<Result<_>>()?,
            final_layer_norm: LayerNorm::new(dim, 1e-6, &backbone.pp("final_layer_norm")),
            out: Linear::new(dim, cfg.n_fft + 2, &head.pp("out")),
            oscillators: Linear::new(dim, 2 * bands, &head.pp("oscillators")),
            spectra: oscillator_spectra(cfg),
            stft,
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
        let batch = |x: &Tensor| x.unsqueeze(0).and_then(|x| x.to_dtype(self.dtype));
        let h = self.control_embed.forward(&batch(controls)?)?;
        let h = self.embed.forward_add(&batch(x)?, &h)?;
        let mut h = self.norm.forward(&h)?;
        for block in &self.convnext {
            h = block.forward(&h)?;
        }
        let h = self.final_layer_norm.forward(&h)?;
        let noise = self.out.forward(&h)?.to_dtype(DType::F32)?;
        let bins = self.cfg.n_fft / 2 + 1;
        let magnitude = activate(
            &noise.narrow(2, 0, bins)?.minimum(100f32.ln())?,
            Activation::Exp,
        )?;
        let magnitude = host(&magnitude)?;
        let phase = host(&noise.narrow(2, bins, bins)?)?;
        let tones = host(&self.oscillators.forward(&h)?)?;
        let spectrum = self.spectrum(&host(x)?, &tones, &magnitude, &phase);
        let frames = x.dim(0)?;
        Ok(self.stft.inverse(&spectrum, frames * self.cfg.hop_length)?)
    }

    /// Adds the oscillators to the noise part: `[frames][bins]`.
    fn spectrum(
        &self,
        x: &[f32],
        tones: &[f32],
        magnitude: &[f32],
        phase: &[f32],
    ) -> Vec<Complex32> {
        let (bands, bins) = (self.cfg.num_bands, self.cfg.n_fft / 2 + 1);
        let mut spectrum: Vec<Complex32> = magnitude
            .iter()
            .zip(phase)
            .map(|(&m, &p)| Complex32::new(m * p.cos(), m * p.sin()))
            .collect();
        let cycles: Vec<f64> = (0..bands)
            .map(|k| {
                self.cfg.band_hz(k) * self.cfg.hop_length as f64 / f64::from(self.cfg.sample_rate)
            })
            .collect();
        let frames = spectrum.chunks_exact_mut(bins).zip(x.chunks_exact(bands));
        for (t, ((frame, x), tones)) in frames.zip(tones.chunks_exact(2 * bands)).enumerate() {
            let (levels, offsets) = tones.split_at(bands);
            for k in 0..bands {
                let log_level = levels[k] + x[k] * self.cfg.std + self.cfg.mean;
                let level = log_level.min(100f32.ln()).exp();
                let running = (TAU * (t as f64 * cycles[k]).fract()) as f32;
                let (sin, cos) = (offsets[k] + running).sin_cos();
                for &(bin, weight) in &self.spectra[k] {
                    frame[bin].re += weight * level * cos;
                    frame[bin].im += weight * level * sin;
                }
            }
        }
        spectrum
    }
}

/// The transform of a unit cosine at every band's centre, seen from the middle of the window: real
/// numbers, of which those below −120 dB of the largest are left out.
fn oscillator_spectra(cfg: &VocosConfig) -> Vec<Vec<(usize, f32)>> {
    let n = cfg.n_fft;
    // The window's transform at any frequency, in closed form: three shifted Dirichlet kernels.
    let dirichlet = |nu: f64| {
        // Sum over m = −n/2 .. n/2 of cos(2π·nu·m), without the last term.
        let half = n as f64 / 2.0;
        let x = std::f64::consts::PI * nu;
        let full = if x.sin().abs() < 1e-12 {
            n as f64 + 1.0
        } else {
            ((n as f64 + 1.0) * x).sin() / x.sin()
        };
        full - (TAU * nu * half).cos()
    };
    let step = 1.0 / n as f64;
    (0..cfg.num_bands)
        .map(|band| {
            let frequency = cfg.band_hz(band) / f64::from(cfg.sample_rate);
            let values: Vec<f64> = (0..=n / 2)
                .map(|bin| {
                    let nu = frequency - bin as f64 * step;
                    let window =
                        0.5 * dirichlet(nu) + 0.25 * (dirichlet(nu - step) + dirichlet(nu + step));
                    let sign = if bin % 2 == 0 { 1.0 } else { -1.0 };
                    0.5 * sign * window
                })
                .collect();
            let peak = values.iter().fold(0f64, |a, b| a.max(b.abs()));
            values
                .iter()
                .enumerate()
                .filter(|(_, v)| v.abs() > 1e-6 * peak)
                .map(|(bin, &v)| (bin, v as f32))
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_audio::stft::hann;

    #[test]
    fn oscillator_spectra_are_transforms_of_the_windowed_cosine() {
        let cfg = VocosConfig {
            num_bands: 96,
            lowest_midi: 31,
            control_channels: 24,
            dim: 8,
            intermediate_dim: 8,
            num_layers: 1,
            n_fft: 256,
            hop_length: 60,
            sample_rate: 24_000,
            mean: 0.0,
            std: 1.0,
        };
        let spectra = oscillator_spectra(&cfg);
        let window = hann(256);
        for band in [40usize, 70, 95] {
            let f = cfg.band_hz(band) / 24_000.0;
            for &(bin, value) in &spectra[band] {
                let nu = f - bin as f64 / 256.0;
                let want: f64 = (0..256)
                    .map(|i| f64::from(window[i]) * (TAU * nu * (i as f64 - 128.0)).cos())
                    .sum::<f64>()
                    * if bin % 2 == 0 { 0.5 } else { -0.5 };
                assert!(
                    (f64::from(value) - want).abs() < 1e-3,
                    "band {band} bin {bin}"
                );
            }
        }
    }
}
