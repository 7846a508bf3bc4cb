//! The whole way from a request to music, with the model's networks.

use crate::acoustics::Acoustics;
use crate::conditioning::Conditioning;
use crate::error::{Error, Result};
use crate::features::{FeatureConfig, MusicFeatures};
use crate::model_files::{Loader, ModelFiles};
use crate::munet::{Condition, Unet, UnetConfig};
use crate::planner::{ClipPredictors, Planner, PlannerNetwork, TextReader, unwanted_instruments};
use crate::request::{Output, Progress, Request, Stage};
use crate::sampler::{Sampler, SamplerParts};
use crate::scheduler::{SchedulerConfig, SchedulerKind};
use crate::t5::{T5Config, T5Encoder};
use crate::tokens::TokenBatch;
use mustool_music::Plan;
use mustool_nn::DType;
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
    /// How steps are taken unless asked otherwise.
    #[serde(default)]
    pub default_scheduler: SchedulerKind,
    /// SHA-256 of all weights. Where `model.json` states it, it is not computed again.
    #[serde(default)]
    pub weights_sha256: String,
    /// Sample rate of the music in Hz.
    #[serde(default)]
    pub sample_rate: u32,
}

/// All networks of a model, ready to make music.
pub struct Pipeline {
    info: ModelInfo,
    reader: TextReader,
    planner: Planner,
    features: Option<MusicFeatures>,
    unet: Unet,
    unet_config: UnetConfig,
    acoustics: Acoustics,
    scheduler: SchedulerConfig,
}

impl Pipeline {
    /// Reads a model from a folder: of safetensors, configurations and a tokenizer, or as Mustango
    /// is published. `dtype` is that of the UNet and the networks after it: `F32`, or `BF16` for
    /// speed where the processor has tiles.
    pub fn load(folder: &Path, dtype: DType) -> Result<Self> {
        Self::from_files(&ModelFiles::folder(folder)?, dtype, false)
    }

    /// Reads a model that is part of the program: names and contents of its files.
    pub fn embedded(files: &'static [(&'static str, &'static [u8])], dtype: DType) -> Result<Self> {
        Self::from_files(&ModelFiles::Embedded(files), dtype, false)
    }

    /// Compares every key of every network with its configuration and reads all weights once for
    /// their checksum, but loads none: what [`Pipeline::load`] would say of the folder.
    pub fn check(folder: &Path) -> Result<ModelInfo> {
        let files = ModelFiles::folder(folder)?;
        let stated = Self::from_files(&files, DType::F32, true)?.info;
        let weights_sha256 = files.sha256()?;
        if !stated.weights_sha256.is_empty() && stated.weights_sha256 != weights_sha256 {
            return Err(Error::Config {
                file: "model.json".to_owned(),
                reason: format!(
                    "states the checksum {}, but the weights have {weights_sha256}: a file was \
                     changed or damaged",
                    stated.weights_sha256
                ),
            });
        }
        Ok(ModelInfo {
            weights_sha256,
            ..stated
        })
    }

    pub(crate) fn from_files(files: &ModelFiles, dtype: DType, accounting: bool) -> Result<Self> {
        let loader = Loader {
            files,
            dtype,
            accounting,
        };
        let mut info: ModelInfo = files.json("model.json")?;
        let file = "text_encoder_config.json";
        let text_config = T5Config::from_json(file, &files.text(file)?)?;
        let reader = TextReader {
            tokenizer: tokenizer(files, "tokenizer.json")?,
            encoder: loader.network("text_encoder.safetensors", DType::F32, |weights| {
                Ok(T5Encoder::new(&text_config, weights))
            })?,
            max_tokens: text_config.max_tokens(),
        };
        let planner = if files.has("planner.safetensors") {
            let file = "planner_config.json";
            let config = files.text(file)?;
            let network = loader.network("planner.safetensors", DType::F32, |weights| {
                PlannerNetwork::new(file, &config, weights)
            })?;
            Planner::Network(Box::new(network))
        } else if files.has("beats.safetensors") && files.has("chords.safetensors") {
            let tokenizer = self::tokenizer(files, "beats_tokenizer.json")?;
            Planner::Clip(Box::new(ClipPredictors::new(files, tokenizer)?))
        } else {
            Planner::Plain
        };
        let unet_config: UnetConfig = files.json("unet_config.json")?;
        let attends = |name: &str| unet_config.attention_sets.iter().any(|set| set == name);
        let features = if attends("beat") || attends("chord") {
            let file = "features_config.json";
            let config = FeatureConfig::from_json(file, &files.text(file)?)?;
            Some(
                loader.network("features.safetensors", DType::F32, |weights| {
                    Ok(MusicFeatures::new(&config, weights))
                })?,
            )
        } else {
            None
        };
        let unet = loader.network("unet.safetensors", dtype, |weights| {
            Unet::new(&unet_config, weights)
        })?;
        let acoustics = Acoustics::load(&loader)?;
        files.account_for_the_rest()?;
        info.sample_rate = acoustics.sample_rate();
        if info.weights_sha256.is_empty() && !accounting {
            info.weights_sha256 = files.sha256()?;
        }
        let pipeline = Self {
            info,
            reader,
            planner,
            features,
            unet,
            unet_config,
            acoustics,
            scheduler: files.json("scheduler_config.json")?,
        };
        pipeline.check_sizes(&text_config)?;
        Ok(pipeline)
    }

    /// Refuses networks that do not fit each other.
    fn check_sizes(&self, text: &T5Config) -> Result<()> {
        let wanted = self.unet_config.cross_attention_dim;
        let features = self.features.as_ref().map(MusicFeatures::config);
        let widths = [
            ("the text encoder", Some(text.d_model)),
            ("a beat", features.map(|config| config.d_beat)),
            ("a chord", features.map(|config| config.d_chord)),
        ];
        let [_, channels] = self.acoustics.latent();
        let reason = match widths
            .iter()
            .find(|(_, width)| width.is_some_and(|w| w != wanted))
        {
            Some((what, width)) => {
                let width = width.unwrap_or(0);
                format!("cross_attention_dim is {wanted}, but {what} has a width of {width}")
            }
            None if self.unet_config.in_channels != channels => {
                let wanted = self.unet_config.in_channels;
                format!("in_channels is {wanted}, but the autoencoder has {channels}")
            }
            None => return Ok(()),
        };
        Err(Error::Config {
            file: "unet_config.json".to_owned(),
            reason,
        })
    }

    /// What this model is.
    pub fn info(&self) -> &ModelInfo {
        &self.info
    }

    /// Tempo, key, beats and chords for a request: what it states, and what networks make of the
    /// rest, by its seed where they draw at random.
    pub fn plan(&self, request: &Request) -> Result<Plan> {
        request.validate(self.info.max_duration_s)?;
        self.planner.plan(request, &self.reader)
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
        let conditioning = Conditioning {
            text: self.encode_text(request, &plan)?,
            attention_sets: &self.unet_config.attention_sets,
            features: self.features.as_ref(),
            map_grid: (self.unet_config.control_channels > 0).then(|| self.acoustics.grid()),
            classes: [
                self.unet_config
                    .class_row(None, &unwanted_instruments(request)),
                self.unet_config
                    .class_row(plan.style.as_deref(), &plan.instruments),
            ],
        };
        let mut sampler = Sampler::new(
            SamplerParts {
                unet: &self.unet,
                scheduler: &self.scheduler,
                conditioning: &conditioning,
                grid: self.acoustics.grid(),
                latent: self.acoustics.latent(),
                steps: request
                    .num_inference_steps
                    .unwrap_or(self.info.default_steps),
                kind: request.scheduler.unwrap_or(self.info.default_scheduler),
                guidance: request.guidance_scale.unwrap_or(self.info.default_guidance),
            },
            request,
            &plan,
            |waveform| self.acoustics.encode(waveform, self.unet.time_multiple()),
        )?;
        (0..request.num_outputs)
            .map(|sample| {
                let latents = sampler.run(request.seed, sample as u64, &mut |step, total| {
                    let done = sample * total + step;
                    report(Stage::Denoise, done, request.num_outputs * total)
                })?;
                report(Stage::VaeDecode, sample, request.num_outputs)?;
                let x = self.acoustics.decode(&latents)?;
                report(Stage::Vocode, sample, request.num_outputs)?;
                let waveform = self.acoustics.vocode(&x, &sampler.shifted_plan(&plan))?;
                let waveform = sampler.finish(waveform, request)?;
                Ok(Output {
                    waveform,
                    seed: request.seed,
                    plan: plan.clone(),
                })
            })
            .collect()
    }

    /// The negative prompt and the prompt, `[2, tokens, dim]`.
    fn encode_text(&self, request: &Request, plan: &Plan) -> Result<Condition> {
        let prompt = self.planner.told(request, plan);
        let rows = [
            self.reader.encode(&request.negative_prompt)?,
            self.reader.encode(&prompt)?,
        ];
        let tokens = TokenBatch::padded(&rows, 0)?;
        let hidden = self.reader.encoder.forward(&tokens)?;
        Condition::new(hidden, &tokens.mask_tensor()?)
    }
}

fn tokenizer(files: &ModelFiles, name: &str) -> Result<Tokenizer> {
    let reason = |e: tokenizers::Error| format!("{name}: {e}");
    Tokenizer::from_bytes(files.text(name)?).map_err(|e| Error::Tokenizer { reason: reason(e) })
}
