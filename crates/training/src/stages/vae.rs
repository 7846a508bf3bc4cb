//! The autoencoder: spectrograms into a small latent and back.
//!
//! First the whole; then, if wished, the decoder alone on latents with a little noise, while the
//! encoder stays, so that diffusion may already learn its latents.

use super::latents::{LatentStatistics, VAE_FIRST, encode};
use super::{Context, Normal, Sizes, amplify, crop_frames, judged, tensor};
use crate::chance::{Chance, normals};
use crate::checkpoint::Tensors;
use crate::config::{Precision, StageKind, VaeOptions, VaePart};
use crate::data::clips::Clips;
use crate::error::Result;
use crate::losses::spectrogram::{Emphasis, divergence, reconstruction};
use crate::model::ModelFolder;
use crate::trainer::{Forward, HELD_OUT, Stage, Values};
use mustool_diffusion::vae::{Posterior, Vae, VaeConfig};
use mustool_nn::{Tensor, Variables, host};
use serde_json::Value;

/// Decibels of one neper.
const DB: f64 = 20.0 / std::f64::consts::LN_10;
/// Clips that the statistics of the latent are measured on.
const MEASURED_CLIPS: usize = 64;
/// What stays while the decoder learns alone.
const ENCODER: [&str; 2] = ["encoder.", "quant_conv."];

pub(super) struct VaeStage<'a> {
    model: &'a ModelFolder,
    config: VaeConfig,
    options: VaeOptions,
    precision: Precision,
    clips: &'a Clips,
    held_out: Option<&'a Clips>,
    validation_clips: usize,
    chance: Chance,
    normal: Normal,
    emphasis: Emphasis,
    frames: usize,
    batch: usize,
    variables: Variables,
    vae: Vae,
    /// The finished encoder, where the decoder learns alone.
    encoder: Option<Vae>,
}

impl<'a> VaeStage<'a> {
    pub(super) fn new(
        context: &Context<'a>,
        sizes: &Sizes,
        clips: &'a Clips,
        held_out: Option<&'a Clips>,
    ) -> Result<Self> {
        let options = context.config.vae.clone();
        let decoder_only = options.part == VaePart::Decoder;
        let build = |w: &_| Ok(Vae::new(&sizes.vae, w));
        let encoder = match options.part {
            VaePart::Full => None,
            VaePart::Decoder => Some(context.finished(StageKind::Vae, VAE_FIRST, build)?),
        };
        if context.begins_anew() && !decoder_only {
            // The model hears with the loudness of its own data.
            let (mean, std) = clips.statistics()?;
            for file in ["vae_config.json", "vocoder_config.json"] {
                let fields = [("mean", Value::from(mean)), ("std", Value::from(std))];
                context.model.update(file, &fields)?;
            }
        }
        let (variables, vae) = context.network(build)?;
        if decoder_only {
            for prefix in ENCODER {
                variables.set_trainable(prefix, false);
            }
        }
        let usual = if decoder_only { 384 } else { 256 };
        Ok(Self {
            model: context.model,
            config: sizes.vae.clone(),
            frames: crop_frames(options.frames, usual, sizes),
            options,
            precision: context.config.precision,
            clips,
            held_out,
            validation_clips: context.config.checkpoint.validation_clips,
            chance: context.chance,
            normal: Normal::of(context.model, "vae_config.json")?,
            emphasis: Emphasis::for_bands(sizes.grid.num_bands),
            batch: context.recipe.batch,
            variables,
            vae,
            encoder,
        })
    }

    /// Crops at random gain, within about ±6 dB, normalised: `[batch][frames][bands]`.
    fn crops(&self, step: u64) -> Result<Vec<f32>> {
        let mut rng = self.chance.at(step, "crops");
        let mut crops = Vec::new();
        for i in self.chance.picks(step, self.batch, self.clips.len()) {
            let start = rng.below(self.clips.num_frames() - self.frames + 1);
            let mut crop = self.clips.spectrogram(i, start, self.frames)?;
            amplify(&mut crop, rng.between(-0.7, 0.35) as f32);
            crops.extend(crop);
        }
        self.normal.apply(&mut crops);
        Ok(crops)
    }

    /// A latent near the encoder's answer, `noise` times its own width or up to `options.noise`.
    fn sample(&self, posterior: &Posterior, step: u64) -> Result<Tensor> {
        let mean = &posterior.mean;
        let mut rng = self.chance.at(step, "latent noise");
        let noise = tensor(normals(&mut rng, mean.elem_count()), mean.dims())?;
        if self.encoder.is_none() {
            let width = (&posterior.logvar * 0.5)?.exp()?;
            return Ok((mean + (width * noise)?)?);
        }
        let scales = (0..self.batch).map(|_| (rng.unit() * self.options.noise) as f32);
        let scales = tensor(scales.collect(), &[self.batch, 1, 1, 1])?;
        Ok((mean.detach() + noise.broadcast_mul(&scales)?)?)
    }
}

impl Stage for VaeStage<'_> {
    fn variables(&self) -> &Variables {
        &self.variables
    }

    fn forward(&self, step: u64) -> Result<Forward> {
        let target = self.crops(step)?;
        let shape = [self.batch, self.frames, self.emphasis.num_bands, 1];
        let x = tensor(target.clone(), &shape)?;
        let posterior = self.encoder.as_ref().unwrap_or(&self.vae).encode(&x)?;
        let z = self.sample(&posterior, step)?;
        let y = self.vae.decode(&(z * self.config.scale_factor)?)?;
        let loss = reconstruction(&host(&y)?, &target, &self.emphasis);
        let mut seed = loss.seed(&y)?;
        let mut parts = vec![("reconstruction", loss.value)];
        let mut total = loss.value;
        if self.encoder.is_none() {
            let (mean, logvar) = (host(&posterior.mean)?, host(&posterior.logvar)?);
            let (by_mean, by_logvar) = divergence(&mean, &logvar);
            parts.push(("divergence", by_mean.value));
            let (by_mean, by_logvar) = (
                by_mean.scaled(self.options.divergence),
                by_logvar.scaled(self.options.divergence),
            );
            total += by_mean.value;
            let by_latent =
                (by_mean.seed(&posterior.mean)? + by_logvar.seed(&posterior.logvar)?)?;
            seed = (seed + by_latent)?;
        }
        Ok(Forward {
            seed,
            loss: total,
            parts,
        })
    }

    fn validate(&self, weights: &Tensors) -> Result<Values> {
        let Some(clips) = self.held_out else {
            return Ok(Values::new());
        };
        let vae = judged(weights, self.precision, |w| Ok(Vae::new(&self.config, w)))?;
        let (frames, bands) = (clips.num_frames(), clips.num_bands());
        let count = self.validation_clips.min(clips.len()).max(1);
        let (mut error, mut low, mut nats) = (0.0, 0.0, 0.0);
        for i in 0..count {
            let mut target = clips.spectrogram(i, 0, frames)?;
            self.normal.apply(&mut target);
            let x = tensor(target.clone(), &[1, frames, bands, 1])?;
            let posterior = vae.encode(&x)?;
            let latents = (&posterior.mean * self.config.scale_factor)?;
            let y = host(&vae.decode(&latents)?)?;
            let (by_mean, _) = divergence(&host(&posterior.mean)?, &host(&posterior.logvar)?);
            nats += by_mean.value * posterior.mean.elem_count() as f64;
            let errors = y.iter().zip(&target).enumerate();
            for (j, (y, x)) in errors {
                let db = f64::from((y - x).abs() * self.normal.std) * DB;
                error += db / (frames * bands) as f64;
                if j % bands < self.emphasis.low_bands {
                    low += db / (frames * self.emphasis.low_bands) as f64;
                }
            }
        }
        let mean = |sum: f64| sum / count as f64;
        Ok(Values::from([
            (HELD_OUT.to_owned(), mean(error)),
            ("low_bands_db".to_owned(), mean(low)),
            ("nats_per_clip".to_owned(), mean(nats)),
        ]))
    }

    fn export(&self, weights: &Tensors) -> Result<()> {
        if self.encoder.is_none() {
            let vae = judged(weights, self.precision, |w| Ok(Vae::new(&self.config, w)))?;
            let (mut latents, stride) = (Vec::new(), (self.clips.len() / MEASURED_CLIPS).max(1));
            for i in (0..self.clips.len()).step_by(stride).take(MEASURED_CLIPS) {
                latents.extend(encode(&vae, self.clips, i..i + 1, self.normal)?);
            }
            let measured = LatentStatistics::measure(&latents, self.config.embed_dim);
            let fields = [
                ("latent_mean", Value::from(measured.latent_mean)),
                ("latent_std", Value::from(measured.latent_std)),
            ];
            self.model.update("vae_config.json", &fields)?;
        }
        self.model.write_weights(StageKind::Vae, weights)
    }
}
