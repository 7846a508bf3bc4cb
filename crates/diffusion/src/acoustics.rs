//! Between sound and latents: spectrogram, autoencoder and vocoder, as a model has them.
//!
//! The default model has semitones, standardised latents and an inverse Fourier transform; Mustango
//! has 64 mel bands, one scale for all latents and HiFi-GAN. Long pieces are decoded in overlapping
//! stretches, so that memory is bounded by one of them.

use crate::controls::{Grid, vocoder_controls};
use crate::error::{Error, Result};
use crate::hifigan::HifiGan;
use crate::model_files::Loader;
use crate::vae::{Vae, VaeConfig};
use crate::vocos::{Vocos, VocosConfig};
use mustool_audio::mel::{LogMel, MelConfig};
use mustool_audio::semitone::{SemitoneConfig, SemitoneSpectrogram};
use mustool_audio::{Waveform, resample};
use mustool_music::Plan;
use mustool_nn::{DType, Tensor, host, tensor};
use serde::Deserialize;

/// Peak of the clips that Mustango's autoencoder was trained on.
const MEL_PEAK: f32 = 0.5;
/// Sounds with a lower peak are silence and not made louder.
const SILENT_PEAK: f32 = 1e-4;
/// Samples per second beyond which nothing is a sound.
const MAX_SAMPLE_RATE: u32 = 192_000;
/// Seconds that are decoded at once, and of them what the neighbours decode too.
const STRETCH_S: f64 = 20.48;
const OVERLAP_S: f64 = 1.28;

/// The part of `vae_config.json` that concerns diffusion; nothing is standardised without it.
#[derive(Debug, Deserialize)]
struct LatentStatistics {
    #[serde(default)]
    mean: f32,
    #[serde(default = "one")]
    std: f32,
    #[serde(default)]
    latent_mean: Vec<f32>,
    #[serde(default)]
    latent_std: Vec<f32>,
}

fn one() -> f32 {
    1.0
}

/// What a sound is turned into before it is encoded.
enum FrontEnd {
    Semitones(SemitoneSpectrogram),
    Mel(LogMel),
}

/// What makes a spectrogram sound.
enum Vocoder {
    Vocos(Box<Vocos>),
    HifiGan(Box<HifiGan>),
}

/// Existing sound, encoded.
pub(crate) struct Encoded {
    /// Standardised latents `[cells][rows][channels]`.
    pub(crate) latents: Vec<f32>,
    /// How much louder the sound was made before.
    pub(crate) gain: f32,
}

/// Spectrogram, autoencoder and vocoder.
pub(crate) struct Acoustics {
    front_end: FrontEnd,
    vae: Vae,
    vocoder: Vocoder,
    statistics: LatentStatistics,
    grid: Grid,
    sample_rate: u32,
}

impl Acoustics {
    pub(crate) fn load(loader: &Loader) -> Result<Self> {
        let files = loader.files;
        let vae_json = files.text("vae_config.json")?;
        let vae_config = VaeConfig::from_json(&String::from_utf8_lossy(&vae_json))?;
        let vae = loader.network("vae.safetensors", loader.dtype, |weights| {
            Ok(Vae::new(&vae_config, weights))
        })?;
        let mut statistics: LatentStatistics = files.json("vae_config.json")?;
        statistics.complete(vae_config.embed_dim)?;
        let config: serde_json::Value = files.json("vocoder_config.json")?;
        let is_hifigan = config.get("upsample_rates").is_some();
        let (front_end, vocoder, grid, sample_rate) = if is_hifigan {
            let mel: MelConfig = files.json("stft_config.json")?;
            let vocoder = loader.network("vocoder.safetensors", DType::F32, |weights| {
                HifiGan::new(&files.json("vocoder_config.json")?, weights)
            })?;
            check_mel(&mel, vocoder.config().num_mels, vocoder.hop_length())?;
            let grid = Grid {
                frame_s: mel.hop_length as f64 / f64::from(mel.sampling_rate),
                downscale: vae_config.downscale(),
                num_bands: mel.n_mel_channels,
                lowest_midi: 0,
            };
            let front_end = FrontEnd::Mel(LogMel::new(&mel)?);
            (
                front_end,
                Vocoder::HifiGan(Box::new(vocoder)),
                grid,
                mel.sampling_rate,
            )
        } else {
            let vocoder = loader.network("vocoder.safetensors", DType::F32, |weights| {
                Vocos::new(&files.json::<VocosConfig>("vocoder_config.json")?, weights)
            })?;
            let config = vocoder.config();
            let grid = Grid {
                frame_s: config.hop_length as f64 / f64::from(config.sample_rate),
                downscale: vae_config.downscale(),
                num_bands: config.num_bands,
                lowest_midi: config.lowest_midi,
            };
            let sample_rate = config.sample_rate;
            let front_end = SemitoneSpectrogram::new(SemitoneConfig::default())?;
            (
                FrontEnd::Semitones(front_end),
                Vocoder::Vocos(Box::new(vocoder)),
                grid,
                sample_rate,
            )
        };
        if !grid.num_bands.is_multiple_of(grid.downscale) {
            let (bands, rows) = (grid.num_bands, grid.downscale);
            return Err(Error::Config {
                file: "vae_config.json".to_owned(),
                reason: format!("{bands} bands are no whole rows of {rows}"),
            });
        }
        Ok(Self {
            front_end,
            vae,
            vocoder,
            statistics,
            grid,
            sample_rate,
        })
    }

    pub(crate) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// Sample rate of the music in Hz.
    pub(crate) fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// Rows and channels of one cell in time.
    pub(crate) fn latent(&self) -> [usize; 2] {
        let channels = self.statistics.latent_mean.len();
        [self.grid.num_bands / self.grid.downscale, channels]
    }

    /// Encodes existing audio of any rate and channels, in a multiple of `cell_multiple` cells.
    pub(crate) fn encode(&self, waveform: &Waveform, cell_multiple: usize) -> Result<Encoded> {
        let mono = resample::resample(&waveform.to_mono(), self.sample_rate)?;
        let (spectrogram, silence, gain) = match &self.front_end {
            FrontEnd::Semitones(front_end) => {
                let silence = front_end.config().silence();
                (front_end.compute(mono.samples()), silence, 1.0)
            }
            FrontEnd::Mel(front_end) => {
                let gain = if mono.peak() > SILENT_PEAK {
                    MEL_PEAK / mono.peak()
                } else {
                    1.0
                };
                let samples: Vec<f32> = mono.samples().iter().map(|s| s * gain).collect();
                let silence = front_end.compute(&[0.0; 2048]).values()[0];
                (front_end.compute(&samples), silence, gain)
            }
        };
        let step = self.grid.downscale * cell_multiple;
        let frames = (mono.num_frames() as f64 / f64::from(self.sample_rate) / self.grid.frame_s
            - 1e-6)
            .ceil() as usize;
        let frames = match &self.front_end {
            FrontEnd::Semitones(_) => spectrogram.num_frames(),
            FrontEnd::Mel(_) => frames.max(1), // A centred transform has one frame more.
        };
        let frames = frames.next_multiple_of(step);
        let values = spectrogram.with_num_frames(frames, silence).into_values();
        let LatentStatistics {
            mean,
            std,
            latent_mean,
            latent_std,
        } = &self.statistics;
        let x = values.iter().map(|s| (s - mean) / std).collect();
        let x = tensor(x, &[1, frames, self.grid.num_bands, 1], DType::F32)?;
        let scale = self.vae.scale_factor() as f32;
        let mut latents = host(&self.vae.encode(&x)?.mean)?;
        for cell in latents.chunks_exact_mut(latent_mean.len()) {
            for ((z, m), s) in cell.iter_mut().zip(latent_mean).zip(latent_std) {
                *z = (*z * scale - m) / s;
            }
        }
        Ok(Encoded { latents, gain })
    }

    /// Standardised latents `[cells][rows][channels]` → spectrogram `[frames, bands]`, as the
    /// vocoder reads it.
    pub(crate) fn decode(&self, latents: &[f32]) -> Result<Tensor> {
        let [rows, channels] = self.latent();
        let LatentStatistics {
            latent_mean,
            latent_std,
            ..
        } = &self.statistics;
        let cell_len = rows * channels;
        let cells = latents.len() / cell_len;
        let bands = self.grid.num_bands;
        let downscale = self.grid.downscale;
        let mut frames = vec![0f32; cells * downscale * bands];
        for stretch in self.stretches(cells) {
            let z = latents[stretch.cells.start * cell_len..stretch.cells.end * cell_len]
                .iter()
                .enumerate()
                .map(|(i, z)| z * latent_std[i % channels] + latent_mean[i % channels])
                .collect();
            let z = tensor(z, &[1, stretch.cells.len(), rows, channels], DType::F32)?;
            let x = host(&self.vae.decode(&z)?)?;
            if !x.iter().all(|x| x.is_finite()) {
                return Err(Error::NotFinite { stage: "decoder" });
            }
            for (i, row) in x.chunks_exact(bands).enumerate() {
                let at = (stretch.cells.start * downscale + i) * bands;
                let weight = stretch.weight(i, downscale);
                for (sum, value) in frames[at..at + bands].iter_mut().zip(row) {
                    *sum += weight * value;
                }
            }
        }
        Ok(tensor(frames, &[cells * downscale, bands], DType::F32)?)
    }

    /// The stretches of a piece; the piece itself where it is short.
    fn stretches(&self, cells: usize) -> Vec<Stretch> {
        let (length, overlap) = (self.grid.cells(STRETCH_S), self.grid.cells(OVERLAP_S));
        stretches(cells, length, overlap)
    }

    /// A spectrogram as [`Acoustics::decode`] gives it → sound, mono.
    pub(crate) fn vocode(&self, x: &Tensor, plan: &Plan) -> Result<Waveform> {
        let (frames, bands) = x.dims2()?;
        let samples = match &self.vocoder {
            Vocoder::Vocos(vocoder) => {
                let controls = vocoder_controls(plan, frames, &self.grid);
                let controls = tensor(controls, &[frames, 24], DType::F32)?;
                vocoder.forward(x, &controls)?
            }
            Vocoder::HifiGan(vocoder) => {
                let x = x.reshape((1, frames, bands))?;
                vocoder.long(&x)?
            }
        };
        if !samples.iter().all(|s| s.is_finite()) {
            return Err(Error::NotFinite { stage: "vocoder" });
        }
        Ok(Waveform::mono(samples, self.sample_rate)?)
    }
}

/// Cells that are decoded together. The ends that a neighbour decodes too fade in and out.
#[derive(Debug, PartialEq)]
struct Stretch {
    cells: std::ops::Range<usize>,
    fade_in: usize,
    fade_out: usize,
}

impl Stretch {
    /// Share of frame `i` of the stretch, so that neighbours add up to 1.
    fn weight(&self, i: usize, downscale: usize) -> f32 {
        let len = self.cells.len() * downscale;
        let share = |from_end: usize, cells: usize| match cells * downscale {
            0 => 1.0,
            fade => ((from_end as f32 + 0.5) / fade as f32).min(1.0),
        };
        share(i, self.fade_in).min(share(len - 1 - i, self.fade_out))
    }
}

fn stretches(cells: usize, length: usize, overlap: usize) -> Vec<Stretch> {
    if cells <= length {
        return vec![Stretch {
            cells: 0..cells,
            fade_in: 0,
            fade_out: 0,
        }];
    }
    let count = (cells - overlap).div_ceil(length - overlap);
    let first = |n: usize| n * (cells - overlap) / count;
    (0..count)
        .map(|n| Stretch {
            cells: first(n)..first(n + 1) + overlap,
            fade_in: if n == 0 { 0 } else { overlap },
            fade_out: if n + 1 == count { 0 } else { overlap },
        })
        .collect()
}

impl LatentStatistics {
    /// Fills in what is not stated and refuses what cannot be.
    fn complete(&mut self, channels: usize) -> Result<()> {
        let bad = |reason: String| {
            Err(Error::Config {
                file: "vae_config.json".to_owned(),
                reason,
            })
        };
        if self.latent_mean.is_empty() && self.latent_std.is_empty() {
            self.latent_mean = vec![0.0; channels];
            self.latent_std = vec![1.0; channels];
        }
        if [self.latent_mean.len(), self.latent_std.len()] != [channels; 2] {
            return bad(format!(
                "latent_mean and latent_std need {channels} numbers"
            ));
        }
        let positive = |s: &f32| s.is_finite() && *s > 0.0;
        if !positive(&self.std) || !self.latent_std.iter().all(positive) {
            return bad("std and latent_std must be above 0".to_owned());
        }
        Ok(())
    }
}

/// Refuses a spectrogram that the vocoder cannot read.
fn check_mel(mel: &MelConfig, num_mels: usize, hop_length: usize) -> Result<()> {
    let fits = mel.n_mel_channels == num_mels
        && mel.hop_length == hop_length
        && (8000..=MAX_SAMPLE_RATE).contains(&mel.sampling_rate);
    if fits {
        return Ok(());
    }
    Err(Error::Config {
        file: "stft_config.json".to_owned(),
        reason: format!(
            "{mel:?} does not fit a vocoder of {num_mels} bands and {hop_length} samples a frame"
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_cover_every_frame_once() {
        for cells in [1, 256, 512, 513, 600, 1500, 4000] {
            let mut sums = vec![0f32; cells * 4];
            let all = stretches(cells, 512, 32);
            for stretch in &all {
                assert!(stretch.cells.len() <= 512, "{cells}: {stretch:?}");
                for i in 0..stretch.cells.len() * 4 {
                    sums[stretch.cells.start * 4 + i] += stretch.weight(i, 4);
                }
            }
            assert!(sums.iter().all(|sum| (sum - 1.0).abs() < 1e-5), "{cells}");
            assert_eq!(all.len() == 1, cells <= 512);
        }
    }
}
