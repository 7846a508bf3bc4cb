//! The vocoder: from spectrograms to sound, first true ones, then what the autoencoder makes of
//! them.
//!
//! The network starts as a plain bank of tones: each band's oscillator at the level that the
//! spectrogram shows, and hardly any noise.

use super::latents::VAE_FIRST;
use super::{Context, Normal, Sizes, amplify, crop_frames, fill, judged, tensor};
use crate::chance::{Chance, normals};
use crate::checkpoint::Tensors;
use crate::config::{Precision, StageKind, VocoderInput, VocoderOptions};
use crate::data::clips::Clips;
use crate::error::Result;
use crate::losses::stft::StftLoss;
use crate::model::ModelFolder;
use crate::trainer::{Forward, HELD_OUT, Stage, Values};
use mustool_audio::semitone::SemitoneSpectrogram;
use mustool_diffusion::controls::{Grid, vocoder_controls};
use mustool_diffusion::vae::Vae;
use mustool_diffusion::vocos::{Vocos, VocosConfig};
use mustool_nn::{Tensor, Variables, host};
use std::f64::consts::TAU;

/// Frames on either side of a crop that the autoencoder sees and the vocoder does not.
const MARGIN: usize = 32;
/// Frames of a held-out crop.
const JUDGED_FRAMES: usize = 256;
/// Seed of the held-out crops.
const JUDGING_SEED: u64 = 0;
/// ln of the level of the noise at the start.
const FIRST_NOISE: f32 = -2.0;

pub(super) struct VocoderStage<'a> {
    model: &'a ModelFolder,
    config: VocosConfig,
    options: VocoderOptions,
    precision: Precision,
    clips: &'a Clips,
    held_out: Option<&'a Clips>,
    validation_clips: usize,
    chance: Chance,
    normal: Normal,
    grid: Grid,
    frames: usize,
    batch: usize,
    /// The autoencoder with the scale of its latents, where the input is decoded.
    vae: Option<(Vae, f64)>,
    loss: StftLoss,
    judging_loss: StftLoss,
    variables: Variables,
    vocoder: Vocos,
}

/// What the vocoder sees and what it should give.
struct Batch {
    /// `[batch, frames, bands]`.
    x: Tensor,
    /// `[batch, frames, control_channels]`.
    controls: Tensor,
    /// `[batch][samples]`.
    waveforms: Vec<f32>,
}

impl<'a> VocoderStage<'a> {
    pub(super) fn new(
        context: &Context<'a>,
        sizes: &Sizes,
        clips: &'a Clips,
        held_out: Option<&'a Clips>,
    ) -> Result<Self> {
        let options = context.config.vocoder.clone();
        let decoded = options.input == VocoderInput::Decoded;
        let vae = decoded
            .then(|| {
                let build = |w: &_| Ok(Vae::new(&sizes.vae, w));
                let vae = context.finished(StageKind::Vae, VAE_FIRST, build)?;
                Ok::<_, crate::Error>((vae, sizes.vae.scale_factor))
            })
            .transpose()?;
        let (variables, vocoder) = context.network(|w| Ok(Vocos::new(&sizes.vocoder, w)?))?;
        if context.begins_anew() {
            first_weights(&variables, &sizes.vocoder, &sizes.spectrogram()?);
        }
        let usual = if decoded { 128 } else { 80 };
        let frames = crop_frames(options.frames, usual, sizes);
        Ok(Self {
            model: context.model,
            config: sizes.vocoder.clone(),
            options,
            precision: context.config.precision,
            clips,
            held_out,
            validation_clips: context.config.checkpoint.validation_clips,
            chance: context.chance,
            normal: Normal::of(context.model, "vocoder_config.json")?,
            grid: sizes.grid,
            frames,
            batch: context.recipe.batch,
            vae,
            loss: StftLoss::new(true),
            judging_loss: StftLoss::new(false),
            variables,
            vocoder,
        })
    }

    /// Crops of some clips at random gain; `drop_chords` is the share whose chords are secret.
    fn crops(
        &self,
        clips: &Clips,
        picked: &[usize],
        frames: usize,
        drop_chords: f64,
        rng: &mut mustool_composer::Rng,
    ) -> Result<Batch> {
        let margin = match self.vae {
            Some(_) => MARGIN.min((clips.num_frames() - frames) / 2 / 8 * 8),
            None => 0,
        };
        let (span, channels) = (frames + 2 * margin, self.config.control_channels);
        let (mut levels, mut waveforms, mut controls) = (Vec::new(), Vec::new(), Vec::new());
        for &i in picked {
            let start = rng.below((clips.num_frames() - span) / 8 + 1) * 8;
            let gain = rng.between(0.5, 1.3) as f32;
            let mut crop = clips.spectrogram(i, start, span)?;
            amplify(&mut crop, gain.ln());
            levels.extend(crop);
            let sound = clips.audio(i, start + margin, frames)?;
            waveforms.extend(sound.into_iter().map(|x| x * gain));
            let secret = rng.chance(drop_chords);
            match clips.annotations()[i].plan.as_ref().filter(|_| !secret) {
                Some(plan) => {
                    let all = vocoder_controls(plan, clips.num_frames(), &self.grid);
                    let first = (start + margin) * channels;
                    controls.extend_from_slice(&all[first..first + frames * channels]);
                }
                None => controls.extend(std::iter::repeat_n(0.0, frames * channels)),
            }
        }
        self.normal.apply(&mut levels);
        let (batch, bands) = (picked.len(), self.config.num_bands);
        let x = tensor(levels, &[batch, span, bands, 1])?;
        let x = match &self.vae {
            Some((vae, scale)) => self.through(vae, *scale, &x, rng)?,
            None => x,
        };
        let x = x.reshape((batch, span, bands))?.narrow(1, margin, frames)?;
        Ok(Batch {
            x: x.contiguous()?,
            controls: tensor(controls, &[batch, frames, channels])?,
            waveforms,
        })
    }

    /// What the autoencoder makes of spectrograms, with a little noise on the latents.
    fn through(
        &self,
        vae: &Vae,
        scale: f64,
        x: &Tensor,
        rng: &mut mustool_composer::Rng,
    ) -> Result<Tensor> {
        let mean = vae.encode(x)?.mean;
        let batch = mean.dim(0)?;
        let widths = (0..batch).map(|_| (rng.unit() * self.options.noise) as f32);
        let widths = tensor(widths.collect(), &[batch, 1, 1, 1])?;
        let noise = tensor(normals(rng, mean.elem_count()), mean.dims())?;
        let latents = (mean + noise.broadcast_mul(&widths)?)?;
        Ok(vae.decode(&(latents * scale)?)?.detach())
    }
}

impl Stage for VocoderStage<'_> {
    fn variables(&self) -> &Variables {
        &self.variables
    }

    fn forward(&self, step: u64) -> Result<Forward> {
        let picked = self.chance.picks(step, self.batch, self.clips.len());
        let mut rng = self.chance.at(step, "crops");
        let drop_chords = self.options.drop_chords;
        let batch = self.crops(self.clips, &picked, self.frames, drop_chords, &mut rng)?;
        let output = self.vocoder.waveforms(&batch.x, &batch.controls)?;
        let (loss, parts) = self
            .loss
            .loss(&host(&output)?, &batch.waveforms, self.batch);
        Ok(Forward {
            seed: loss.seed(&output)?,
            loss: loss.value,
            parts: vec![
                ("convergence", parts.convergence),
                ("log_magnitude", parts.log_magnitude),
            ],
        })
    }

    fn validate(&self, weights: &Tensors) -> Result<Values> {
        let Some(clips) = self.held_out else {
            return Ok(Values::new());
        };
        let vocoder = judged(weights, self.precision, |w| {
            Ok(Vocos::new(&self.config, w)?)
        })?;
        let count = self.validation_clips.min(clips.len()).max(1);
        let frames = JUDGED_FRAMES.min(clips.num_frames() / 8 * 8);
        let (mut convergence, mut log_magnitude) = (0.0, 0.0);
        for i in 0..count {
            let mut rng = Chance::new(JUDGING_SEED).at(i as u64, "held-out crops");
            let batch = self.crops(clips, &[i], frames, 0.0, &mut rng)?;
            let output = host(&vocoder.waveforms(&batch.x, &batch.controls)?)?;
            let (_, parts) = self.judging_loss.loss(&output, &batch.waveforms, 1);
            convergence += parts.convergence / count as f64;
            log_magnitude += parts.log_magnitude / count as f64;
        }
        Ok(Values::from([
            (HELD_OUT.to_owned(), convergence + log_magnitude),
            ("convergence".to_owned(), convergence),
            ("log_magnitude".to_owned(), log_magnitude),
        ]))
    }

    fn export(&self, weights: &Tensors) -> Result<()> {
        self.model.write_weights(StageKind::Vocoder, weights)
    }
}

/// A plain bank of tones: what the filter of each band loses is given back, chords are not heard.
fn first_weights(variables: &Variables, config: &VocosConfig, spectrogram: &SemitoneSpectrogram) {
    fill(
        variables,
        |name| name.ends_with("control_embed.weight"),
        0.0,
    );
    let gamma = 1.0 / config.num_layers as f32;
    fill(variables, |name| name.ends_with(".gamma"), gamma);
    if let Some(bias) = variables.get("head.out.bias") {
        bias.update(|values, _| values[..config.n_fft / 2 + 1].fill(FIRST_NOISE));
    }
    if let Some(weight) = variables.get("head.oscillators.weight") {
        let mut rng = Chance::new(0).at(0, "oscillators");
        weight.update(|values, _| {
            let noise = normals(&mut rng, values.len());
            values
                .iter_mut()
                .zip(noise)
                .for_each(|(w, n)| *w = 0.01 * n);
        });
    }
    if let Some(bias) = variables.get("head.oscillators.bias") {
        let losses = (0..config.num_bands).map(|band| band_response(spectrogram, band));
        let losses: Vec<f32> = losses.collect();
        bias.update(|values, _| {
            values.fill(0.0);
            values
                .iter_mut()
                .zip(losses)
                .for_each(|(bias, loss)| *bias = -loss);
        });
    }
}

/// What a band shows of a cosine of amplitude 1 at its centre, as ln.
fn band_response(spectrogram: &SemitoneSpectrogram, band: usize) -> f32 {
    let config = spectrogram.config();
    let cycles = config.centre_hz(band) / f64::from(config.sample_rate);
    let len = 4 * config.n_fft_low.max(config.hop_length);
    let tone: Vec<f32> = (0..len)
        .map(|i| (TAU * cycles * i as f64).cos() as f32)
        .collect();
    let levels = spectrogram.compute(&tone);
    let middle = levels.num_frames() / 2;
    levels.values()[middle * levels.num_bands() + band]
}
