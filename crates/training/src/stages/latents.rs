//! The latents of all clips, encoded once by the finished autoencoder, and their statistics.

use super::{Context, Normal, Sizes, tensor};
use crate::config::StageKind;
use crate::data::clips::{Clips, Rows};
use crate::error::{Error, Result, write_error};
use crate::trainer::{Event, Watch};
use half::f16;
use mustool_audio::file::write_atomic;
use mustool_diffusion::vae::Vae;
use mustool_nn::host;
use serde::Deserialize;
use std::fs::File;
use std::io::{BufWriter, Write};

/// What must be done before.
pub(super) const VAE_FIRST: &str = "run the stage vae first";
/// Clips that are encoded at a time.
const TOGETHER: usize = 4;

/// Mean and standard deviation of each channel of the latent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct LatentStatistics {
    pub(super) latent_mean: Vec<f32>,
    pub(super) latent_std: Vec<f32>,
}

impl LatentStatistics {
    /// Of latents `[.., channels]`.
    pub(super) fn measure(latents: &[f32], channels: usize) -> Self {
        let count = (latents.len() / channels.max(1)).max(1) as f64;
        let (mut sums, mut squares) = (vec![0f64; channels], vec![0f64; channels]);
        for cell in latents.chunks_exact(channels) {
            for (i, &z) in cell.iter().enumerate() {
                sums[i] += f64::from(z);
                squares[i] += f64::from(z) * f64::from(z);
            }
        }
        let mean: Vec<f64> = sums.iter().map(|sum| sum / count).collect();
        let deviation = |(square, mean): (&f64, &f64)| {
            ((square / count - mean * mean).max(0.0).sqrt() as f32).max(1e-4)
        };
        Self {
            latent_std: squares.iter().zip(&mean).map(deviation).collect(),
            latent_mean: mean.into_iter().map(|m| m as f32).collect(),
        }
    }

    fn apply(&self, latents: &mut [f32]) {
        for cell in latents.chunks_exact_mut(self.latent_mean.len()) {
            for ((z, mean), std) in cell.iter_mut().zip(&self.latent_mean).zip(&self.latent_std) {
                *z = (*z - mean) / std;
            }
        }
    }
}

/// The means of the latents of some clips, `[clips][cells][rows][channels]`.
pub(super) fn encode(
    vae: &Vae,
    clips: &Clips,
    which: std::ops::Range<usize>,
    normal: Normal,
) -> Result<Vec<f32>> {
    let (frames, bands) = (clips.num_frames(), clips.num_bands());
    let mut x = Vec::with_capacity(which.len() * frames * bands);
    for i in which.clone() {
        x.extend(clips.spectrogram(i, 0, frames)?);
    }
    normal.apply(&mut x);
    let x = tensor(x, &[which.len(), frames, bands, 1])?;
    Ok(host(&vae.encode(&x)?.mean)?)
}

/// The standardised latents of one side of the data.
pub(super) struct Latents {
    rows: Rows,
    statistics: LatentStatistics,
    row: usize,
}

impl Latents {
    /// Encodes all clips unless that was done before; `None` if it was asked to stop.
    pub(super) fn prepare(
        context: &Context,
        sizes: &Sizes,
        clips: &Clips,
        name: &str,
        watch: Watch,
    ) -> Result<Option<Self>> {
        context.model.weights(StageKind::Vae, VAE_FIRST)?;
        let statistics: LatentStatistics = context.model.json("vae_config.json")?;
        let channels = sizes.vae.embed_dim;
        if [statistics.latent_mean.len(), statistics.latent_std.len()] != [channels; 2] {
            return Err(Error::Config {
                path: context.model.file("vae_config.json"),
                reason: format!("latent_mean and latent_std need {channels} numbers"),
            });
        }
        let normal = Normal::of(context.model, "vae_config.json")?;
        let [cells, rows] = sizes.unet.sample_size;
        let (row, folder) = (cells * rows * channels, context.config.cache());
        let weights = context
            .model
            .weights_sha256(StageKind::Vae)
            .unwrap_or_default();
        let mark = format!("{} {weights} {normal:?}\n", clips.fingerprint());
        let path = folder.join(format!("{name}.latents"));
        let mark_path = folder.join(format!("{name}.latents.mark"));
        if !std::fs::read_to_string(&mark_path).is_ok_and(|found| found == mark) {
            let vae =
                context.finished(StageKind::Vae, VAE_FIRST, |w| Ok(Vae::new(&sizes.vae, w)))?;
            let part = folder.join(format!("{name}.latents.part"));
            let mut file = BufWriter::new(File::create(&part).map_err(write_error(&part))?);
            for start in (0..clips.len()).step_by(TOGETHER) {
                let end = (start + TOGETHER).min(clips.len());
                let latents = encode(&vae, clips, start..end, normal)?;
                let bytes: Vec<u8> = latents
                    .iter()
                    .flat_map(|&z| f16::from_f32(z).to_le_bytes())
                    .collect();
                file.write_all(&bytes).map_err(write_error(&part))?;
                let (what, done, total) = ("latents", end, clips.len());
                if watch(Event::Preparing { what, done, total }).is_break() {
                    return Ok(None);
                }
            }
            file.into_inner()
                .map_err(|e| write_error(&part)(e.into_error()))?
                .sync_all()
                .map_err(write_error(&part))?;
            std::fs::rename(&part, &path).map_err(write_error(&path))?;
            write_atomic(&mark_path, mark.as_bytes())?;
        }
        Ok(Some(Self {
            rows: Rows::open(&path, row, clips.len())?,
            statistics,
            row,
        }))
    }

    /// The latent of clip `i`, `[cells][rows][channels]`, with mean 0 and deviation 1.
    pub(super) fn get(&self, i: usize) -> Result<Vec<f32>> {
        let widen = |pair| f16::from_le_bytes(pair).to_f32();
        let mut latent = self.rows.read(i, 0, self.row, widen)?;
        self.statistics.apply(&mut latent);
        Ok(latent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standardised_latents_have_mean_zero_and_deviation_one() {
        let latents: Vec<f32> = (0..600)
            .map(|i| if i % 2 == 0 { 3.0 } else { (i % 7) as f32 })
            .collect();
        let statistics = LatentStatistics::measure(&latents, 2);
        assert_eq!(statistics.latent_mean[0], 3.0);
        assert_eq!(
            statistics.latent_std[0], 1e-4,
            "a constant channel does not divide by 0"
        );
        let mut moved = latents.clone();
        statistics.apply(&mut moved);
        let again = LatentStatistics::measure(&moved, 2);
        assert!(
            again.latent_mean.iter().all(|m| m.abs() < 1e-4),
            "{again:?}"
        );
        assert!((again.latent_std[1] - 1.0).abs() < 1e-4);
    }
}
