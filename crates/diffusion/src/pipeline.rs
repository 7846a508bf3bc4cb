//! The whole way from a request to music, with the model's networks.

use crate::controls::{Grid, vocoder_controls};
use crate::error::{Error, Result};
use crate::model_files::ModelFiles;
use crate::munet::{Condition, Unet, UnetConfig};
use crate::planner::{self, Planner, PlannerNetwork};
use crate::request::{Output, Progress, Request, Stage};
use crate::sampler::{Sampler, SamplerParts};
use crate::scheduler::{SchedulerConfig, SchedulerKind};
use crate::t5::{T5Config, T5Encoder};
use crate::tokens::TokenBatch;
use crate::vae::{Vae, VaeConfig};
use crate::vocos::{Vocos, VocosConfig};
use mustool_audio::Waveform;
use mustool_audio::semitone::{SemitoneConfig, SemitoneSpectrogram};
use mustool_music::Plan;
use mustool_nn::{DType, Tensor, Weights, host, tensor};
use serde::Deserialize;
use std::ops::ControlFlow;
use std::path::Path;
use tokenizers::Tokenizer;

/// What a model is and what it can do: `model.json`.
#[derive(Debug, Clone, Deserialize)]
pub struct ModelInfo {
    /// Name of the model.
    pub id: String,
    /// Whether it was trained; random weights give noise.
    pub trained: bool,
    /// Longest piece in seconds.
    pub max_duration_s: f64,
    /// Denoising steps unless asked otherwise.
    pub default_steps: usize,
    /// Guidance unless asked otherwise.
    pub default_guidance: f64,
    /// SHA-256 of all weights.
    #[serde(default)]
    pub weights_sha256: String,
    /// Sample rate of the music in Hz.
    #[serde(default)]
    pub sample_rate: u32,
}

/// The part of `vae_config.json` that concerns diffusion.
#[derive(Debug, Deserialize)]
struct LatentStatistics {
    mean: f32,
    std: f32,
    latent_mean: Vec<f32>,
    latent_std: Vec<f32>,
}

/// The files that hold weights.
const WEIGHTS: [&str; 4] = [
    "text_encoder.safetensors",
    "unet.safetensors",
    "vae.safetensors",
    "vocoder.safetensors",
];
/// The planner's weights; a model without them makes plain plans.
const PLANNER: &str = "planner.safetensors";

/// All networks of a model, ready to make music.
pub struct Pipeline {
    info: ModelInfo,
    tokenizer: Tokenizer,
    text_encoder: T5Encoder,
    planner: Option<PlannerNetwork>,
    unet: Unet,
    vae: Vae,
    vocoder: Vocos,
    spectrogram: SemitoneSpectrogram,
    scheduler: SchedulerConfig,
    statistics: LatentStatistics,
    grid: Grid,
}

impl Pipeline {
    /// Reads a model from a folder of safetensors, configurations and a tokenizer. `dtype` is that
    /// of the UNet: `F32`, or `BF16` for speed where the processor has tiles.
    pub fn load(folder: &Path, dtype: DType) -> Result<Self> {
        Self::from_files(&ModelFiles::Folder(folder.to_path_buf()), dtype)
    }

    /// Reads a model that is part of the program: names and contents of its files.
    pub fn embedded(files: &'static [(&'static str, &'static [u8])], dtype: DType) -> Result<Self> {
        Self::from_files(&ModelFiles::Embedded(files), dtype)
    }

    fn from_files(files: &ModelFiles, dtype: DType) -> Result<Self> {
        let mut info: ModelInfo = files.json("model.json")?;
        let has_planner = files.has(PLANNER);
        let names: Vec<&str> = WEIGHTS
            .into_iter()
            .chain(has_planner.then_some(PLANNER))
            .collect();
        info.weights_sha256 = files.sha256(&names)?;
        let open = |name: &str, dtype| Ok::<_, Error>(Weights::new(files.weights(name)?, dtype));
        let t5 = |name: &str| T5Config::from_json(name, &files.text(name)?);

        let weights = open("text_encoder.safetensors", DType::F32)?;
        let text_encoder = T5Encoder::new(&t5("text_encoder_config.json")?, &weights);
        weights.finish()?;
        let planner = if has_planner {
            let weights = open(PLANNER, DType::F32)?;
            let name = "planner_config.json";
            let network = PlannerNetwork::new(name, &files.text(name)?, &weights)?;
            weights.finish()?;
            Some(network)
        } else {
            None
        };
        let weights = open("unet.safetensors", dtype)?;
        let unet_config: UnetConfig = files.json("unet_config.json")?;
        let unet = Unet::new(&unet_config, &weights)?;
        weights.finish()?;
        let weights = open("vae.safetensors", dtype)?;
        let vae_json = files.text("vae_config.json")?;
        let vae_config = VaeConfig::from_json(&String::from_utf8_lossy(&vae_json))?;
        let vae = Vae::new(&vae_config, &weights);
        weights.finish()?;
        let weights = open("vocoder.safetensors", DType::F32)?;
        let vocoder = Vocos::new(&files.json::<VocosConfig>("vocoder_config.json")?, &weights)?;
        weights.finish()?;

        let config = vocoder.config();
        info.sample_rate = config.sample_rate;
        let grid = Grid {
            frame_s: config.hop_length as f64 / f64::from(config.sample_rate),
            downscale: vae_config.downscale(),
            num_bands: config.num_bands,
            lowest_midi: config.lowest_midi,
        };
        let tokenizer =
            Tokenizer::from_bytes(files.text("tokenizer.json")?).map_err(|e| Error::Tokenizer {
                reason: e.to_string(),
            })?;
        let statistics: LatentStatistics = files.json("vae_config.json")?;
        let channels = vae_config.embed_dim;
        if [statistics.latent_mean.len(), statistics.latent_std.len()] != [channels; 2] {
            let reason = format!("latent_mean and latent_std need {channels} numbers");
            return Err(Error::Config {
                file: "vae_config.json".to_owned(),
                reason,
            });
        }
        Ok(Self {
            info,
            tokenizer,
            text_encoder,
            planner,
            unet,
            vae,
            vocoder,
            spectrogram: SemitoneSpectrogram::new(SemitoneConfig::default())?,
            scheduler: files.json("scheduler_config.json")?,
            statistics,
            grid,
        })
    }

    /// What this model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Tempo, key, beats and chords for a request: what it states, and by its seed the rest.
    pub fn plan(&self, request: &Request) -> Result<Plan> {
        request.validate(self.info.max_duration_s)?;
        let planner = self.planner.as_ref().map(|network| Planner {
            tokenizer: &self.tokenizer,
            text_encoder: &self.text_encoder,
            network,
        });
        planner::plan(request, planner)
    }

    /// Makes the music. `progress` is called before every step; `Break` ends with
    /// [`Error::Cancelled`]. The samples depend on nothing but the request and the model.
    pub fn generate(
        &self,
        request: &Request,
        progress: &mut dyn FnMut(&Progress) -> ControlFlow<()>,
    ) -> Result<Vec<Output>> {
        request.validate(self.info.max_duration_s)?;
        let mut report = |stage, step, total| match progress(&Progress { stage, step, total }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        };
        report(Stage::PredictControls, 0, 1)?;
        let plan = self.plan(request)?;
        report(Stage::TextEncode, 0, 1)?;
        let text = self.encode_text(request, &plan)?;
        let mut sampler = Sampler::new(
            SamplerParts {
                unet: &self.unet,
                scheduler: &self.scheduler,
                text: &text,
                grid: &self.grid,
                latent: [
                    self.grid.num_bands / self.grid.downscale,
                    self.statistics.latent_mean.len(),
                ],
                steps: request
                    .num_inference_steps
                    .unwrap_or(self.info.default_steps),
                kind: request.scheduler.unwrap_or(SchedulerKind::DpmSolver),
                guidance: request.guidance_scale.unwrap_or(self.info.default_guidance),
            },
            request,
            &plan,
            |waveform| self.encode_audio(waveform),
        )?;
        (0..request.num_outputs)
            .map(|sample| {
                let latents = sampler.run(request.seed, sample as u64, &mut |step, total| {
                    let done = sample * total + step;
                    report(Stage::Denoise, done, request.num_outputs * total)
                })?;
                report(Stage::VaeDecode, sample, request.num_outputs)?;
                let x = self.decode(&latents)?;
                report(Stage::Vocode, sample, request.num_outputs)?;
                let waveform = self.vocode(&x, sampler.shifted_plan(&plan))?;
                let waveform = sampler.finish(waveform, request)?;
                Ok(Output {
                    waveform,
                    seed: request.seed,
                    plan: plan.clone(),
                })
            })
            .collect()
    }

    /// The negative prompt and the prompt, `[2, tokens, dim]`, the latter behind the plan's sounds
    /// as in training: `bossa nova: nylon guitar, shaker | slow bossa nova in A minor`.
    fn encode_text(&self, request: &Request, plan: &Plan) -> Result<Condition> {
        let instruments = plan.instruments.join(", ");
        let sounds = match &plan.style {
            Some(style) if instruments.is_empty() => style.clone(),
            Some(style) => format!("{style}: {instruments}"),
            None => instruments,
        };
        let prompt = if sounds.is_empty() {
            request.prompt.clone()
        } else {
            format!("{sounds} | {}", request.prompt)
        };
        let rows = [
            planner::encode(&self.tokenizer, &request.negative_prompt)?,
            planner::encode(&self.tokenizer, &prompt)?,
        ];
        let tokens = rows.iter().map(Vec::len).max().unwrap_or(0);
        let mask = rows
            .iter()
            .flat_map(|row| (0..tokens).map(|i| f32::from(u8::from(i < row.len()))))
            .collect();
        let hidden = self.text_encoder.forward(&TokenBatch::padded(&rows, 0)?)?;
        Condition::new(hidden, &tensor(mask, &[rows.len(), tokens], DType::F32)?)
    }

    /// Standardised latents `[cells][rows][channels]` of existing audio, and their cells.
    fn encode_audio(&self, waveform: &Waveform) -> Result<Vec<f32>> {
        let mono = mustool_audio::resample::resample(&waveform.to_mono(), self.info.sample_rate)?;
        let spectrogram = self.spectrogram.compute(mono.samples());
        let step = self.grid.downscale;
        let frames = spectrogram.num_frames().next_multiple_of(step * 4);
        let silence = self.spectrogram.config().silence();
        let values = spectrogram.with_num_frames(frames, silence).into_values();
        let LatentStatistics {
            mean,
            std,
            latent_mean,
            latent_std,
        } = &self.statistics;
        let x = values.iter().map(|s| (s - mean) / std).collect();
        let x = tensor(x, &[1, frames, self.grid.num_bands, 1], DType::F32)?;
        let mut latents = host(&self.vae.encode(&x)?.mean)?;
        for cell in latents.chunks_exact_mut(latent_mean.len()) {
            for ((z, m), s) in cell.iter_mut().zip(latent_mean).zip(latent_std) {
                *z = (*z - m) / s;
            }
        }
        Ok(latents)
    }

    /// Latents `[cells][rows][channels]` → normalised spectrogram `[frames, bands]`.
    fn decode(&self, latents: &[f32]) -> Result<Tensor> {
        let LatentStatistics {
            latent_mean,
            latent_std,
            ..
        } = &self.statistics;
        let channels = latent_mean.len();
        let rows = self.grid.num_bands / self.grid.downscale;
        let z = latents
            .iter()
            .enumerate()
            .map(|(i, z)| z * latent_std[i % channels] + latent_mean[i % channels])
            .collect();
        let cells = latents.len() / (rows * channels);
        let z = tensor(z, &[1, cells, rows, channels], DType::F32)?;
        let x = self.vae.decode(&z)?;
        let (_, frames, bands, _) = x.dims4()?;
        Ok(x.reshape((frames, bands))?)
    }

    fn vocode(&self, x: &Tensor, plan: Plan) -> Result<Waveform> {
        let frames = x.dim(0)?;
        let controls = vocoder_controls(&plan, frames, &self.grid);
        let controls = tensor(controls, &[frames, 24], DType::F32)?;
        let samples = self.vocoder.forward(x, &controls)?;
        if !samples.iter().all(|s| s.is_finite()) {
            return Err(Error::NotFinite { stage: "vocoder" });
        }
        Ok(Waveform::mono(samples, self.info.sample_rate)?)
    }
}
