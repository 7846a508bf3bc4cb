//! From what the network says to samples: noise and oscillators in a spectrum, and its inverse
//! Fourier transform; and the way back, for training.

use super::VocosConfig;
use crate::error::Result;
use mustool_audio::stft::{Complex32, Stft, hann};
use mustool_nn::{Activation, DType, Tensor, activate, host, record};
use std::f64::consts::TAU;

/// Largest logarithm of a magnitude.
const MAX_LOG: f32 = 4.605_170_2;

/// The part of the vocoder without weights.
#[derive(Clone)]
pub(super) struct Synthesis {
    /// Spectrum of every oscillator: bins and their real values.
    spectra: Vec<Vec<(usize, f32)>>,
    /// Cycles of every oscillator from frame to frame.
    cycles: Vec<f64>,
    stft: Stft,
    window: Vec<f32>,
    cfg: VocosConfig,
}

/// One clip as it goes into the synthesis, `[frames]` rows each.
struct Clip<'a> {
    /// Log magnitudes, then phases: `[2 · bins]`.
    noise: &'a [f32],
    /// Magnitudes, `[bins]`.
    magnitude: &'a [f32],
    /// Log levels relative to the spectrogram, then phases: `[2 · bands]`.
    tones: &'a [f32],
    /// The normalised spectrogram, `[bands]`.
    x: &'a [f32],
}

/// One oscillator in one frame.
struct Tone {
    level: f32,
    /// Whether the level moves with its logarithm.
    free: bool,
    sin: f32,
    cos: f32,
}

impl Synthesis {
    pub(super) fn new(cfg: &VocosConfig) -> Result<Self> {
        let hop_s = cfg.hop_length as f64 / f64::from(cfg.sample_rate);
        Ok(Self {
            spectra: oscillator_spectra(cfg),
            cycles: (0..cfg.num_bands).map(|k| cfg.band_hz(k) * hop_s).collect(),
            stft: Stft::new(cfg.n_fft, cfg.hop_length)?,
            window: hann(cfg.n_fft),
            cfg: cfg.clone(),
        })
    }

    /// `noise`: `[batch, frames, 2 · bins]`, `tones`: `[batch, frames, 2 · num_bands]`, both `f32`;
    /// `x`: the normalised spectrogram, `[batch, frames, num_bands]`, through which no gradient
    /// passes → `[batch, frames · hop_length]`.
    pub(super) fn forward(&self, noise: &Tensor, tones: &Tensor, x: &Tensor) -> Result<Tensor> {
        let (batch, frames, _) = noise.dims3()?;
        let bins = self.stft.num_bins();
        let logs = noise.detach().narrow(2, 0, bins)?.minimum(MAX_LOG)?;
        let parts = Parts {
            noise: host(noise)?,
            magnitude: host(&activate(&logs, Activation::Exp)?)?,
            tones: host(tones)?,
            x: host(x)?,
            batch,
        };
        let mut samples = Vec::with_capacity(batch * frames * self.cfg.hop_length);
        for clip in 0..batch {
            let spectrum = self.spectrum(&parts.clip(clip));
            samples.extend(self.stft.inverse(&spectrum, frames * self.cfg.hop_length)?);
        }
        let shape = [batch, frames * self.cfg.hop_length];
        if !noise.track_op() && !tones.track_op() {
            return Ok(mustool_nn::tensor(samples, &shape, DType::F32)?);
        }
        let (this, shapes) = (self.clone(), [noise.dims().to_vec(), tones.dims().to_vec()]);
        let backward = move |gradient: &Tensor| {
            let gradient = host(gradient)?;
            let (mut noise, mut tones) = (Vec::new(), Vec::new());
            for (clip, dy) in gradient.chunks_exact(gradient.len() / batch).enumerate() {
                let spectrum = this.spectrum_gradient(dy);
                this.clip_gradient(&parts.clip(clip), &spectrum, &mut noise, &mut tones);
            }
            let tensor = |values, shape: &[usize]| mustool_nn::tensor(values, shape, DType::F32);
            Ok(vec![
                Some(tensor(noise, &shapes[0])?),
                Some(tensor(tones, &shapes[1])?),
            ])
        };
        Ok(record(
            "synthesis",
            &[noise, tones],
            samples,
            &shape,
            backward,
        )?)
    }

    /// Noise and oscillators: `[frames][bins]`.
    fn spectrum(&self, clip: &Clip) -> Vec<Complex32> {
        let (bands, bins) = (self.cfg.num_bands, self.stft.num_bins());
        let mut spectrum = Vec::with_capacity(clip.magnitude.len());
        for (noise, magnitude) in clip
            .noise
            .chunks_exact(2 * bins)
            .zip(clip.magnitude.chunks_exact(bins))
        {
            let polar = magnitude.iter().zip(&noise[bins..]);
            spectrum.extend(polar.map(|(&m, &p)| Complex32::new(m * p.cos(), m * p.sin())));
        }
        let rows = clip
            .x
            .chunks_exact(bands)
            .zip(clip.tones.chunks_exact(2 * bands));
        for (t, (frame, (x, tones))) in spectrum.chunks_exact_mut(bins).zip(rows).enumerate() {
            for k in 0..bands {
                let Tone {
                    level, sin, cos, ..
                } = self.tone(t, k, x, tones);
                for &(bin, weight) in &self.spectra[k] {
                    frame[bin].re += weight * level * cos;
                    frame[bin].im += weight * level * sin;
                }
            }
        }
        spectrum
    }

    /// Oscillator `k` in frame `t`.
    fn tone(&self, t: usize, k: usize, x: &[f32], tones: &[f32]) -> Tone {
        let log_level = tones[k] + x[k] * self.cfg.std + self.cfg.mean;
        let running = (TAU * (t as f64 * self.cycles[k]).fract()) as f32;
        let (sin, cos) = (tones[self.cfg.num_bands + k] + running).sin_cos();
        Tone {
            level: log_level.min(MAX_LOG).exp(),
            free: log_level <= MAX_LOG,
            sin,
            cos,
        }
    }

    /// Gradient of the spectrum, `[frames][bins]`, from that of the samples: the transform is
    /// linear, so this is its transpose, which is again a windowed Fourier transform.
    fn spectrum_gradient(&self, dy: &[f32]) -> Vec<Complex32> {
        let (n_fft, hop, bins) = (self.cfg.n_fft, self.cfg.hop_length, self.stft.num_bins());
        let (frames, half) = (dy.len() / hop, n_fft / 2);
        let mut weights = vec![0f32; dy.len()];
        for frame in 0..frames {
            for (i, w) in self.window.iter().enumerate() {
                let position = (frame * hop + i).checked_sub(half);
                if let Some(position) = position.filter(|&position| position < dy.len()) {
                    weights[position] += w * w;
                }
            }
        }
        // Whole hops of silence on either side, so that no window meets a mirrored end.
        let hops = half.div_ceil(hop) + 1;
        let mut padded = vec![0f32; hops * hop];
        padded.extend(dy.iter().zip(weights).map(|(dy, w)| {
            if w > 1e-8 {
                dy / (w * n_fft as f32)
            } else {
                0.0
            }
        }));
        padded.resize(padded.len() + hops * hop, 0.0);
        let mut spectrum = self.stft.forward(&padded);
        spectrum.truncate((hops + frames) * bins);
        spectrum.drain(..hops * bins);
        for frame in spectrum.chunks_exact_mut(bins) {
            // All bins but the first and the last stand for two frequencies.
            for value in &mut frame[1..bins - 1] {
                *value *= 2.0;
            }
            (frame[0].im, frame[bins - 1].im) = (0.0, 0.0);
        }
        spectrum
    }

    /// Appends the gradients of `noise` and `tones`.
    fn clip_gradient(
        &self,
        clip: &Clip,
        spectrum: &[Complex32],
        noise: &mut Vec<f32>,
        tones: &mut Vec<f32>,
    ) {
        let (bands, bins) = (self.cfg.num_bands, self.stft.num_bins());
        let frames = clip
            .noise
            .chunks_exact(2 * bins)
            .zip(clip.magnitude.chunks_exact(bins));
        for ((row, magnitude), dy) in frames.zip(spectrum.chunks_exact(bins)) {
            let (logs, phases) = row.split_at(bins);
            let polar = || magnitude.iter().zip(phases).zip(dy);
            noise.extend(polar().zip(logs).map(|(((m, p), dy), log)| {
                let radial = m * (dy.re * p.cos() + dy.im * p.sin());
                if *log <= MAX_LOG { radial } else { 0.0 }
            }));
            noise.extend(polar().map(|((m, p), dy)| m * (dy.im * p.cos() - dy.re * p.sin())));
        }
        let rows = clip
            .x
            .chunks_exact(bands)
            .zip(clip.tones.chunks_exact(2 * bands));
        for (t, ((x, row), dy)) in rows.zip(spectrum.chunks_exact(bins)).enumerate() {
            let (mut levels, mut phases) = (Vec::new(), Vec::new());
            for k in 0..bands {
                let Tone {
                    level,
                    free,
                    sin,
                    cos,
                } = self.tone(t, k, x, row);
                let (mut re, mut im) = (0f32, 0f32);
                for &(bin, weight) in &self.spectra[k] {
                    re += weight * dy[bin].re;
                    im += weight * dy[bin].im;
                }
                let radial = level * (re * cos + im * sin);
                levels.push(if free { radial } else { 0.0 });
                phases.push(level * (im * cos - re * sin));
            }
            tones.extend(levels.into_iter().chain(phases));
        }
    }
}

/// The values of a batch.
struct Parts {
    noise: Vec<f32>,
    magnitude: Vec<f32>,
    tones: Vec<f32>,
    x: Vec<f32>,
    batch: usize,
}

impl Parts {
    fn clip(&self, index: usize) -> Clip<'_> {
        let part = |values: &'_ [f32]| -> std::ops::Range<usize> {
            let len = values.len() / self.batch;
            index * len..(index + 1) * len
        };
        Clip {
            noise: &self.noise[part(&self.noise)],
            magnitude: &self.magnitude[part(&self.magnitude)],
            tones: &self.tones[part(&self.tones)],
            x: &self.x[part(&self.x)],
        }
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
