//! A training run as a TOML file states it: which data, which model, how long, how fast.
//!
//! ```toml
//! model = "my-model"        # folder with the sizes (*_config.json); finished weights come here
//! run = "runs/unet"         # folder of checkpoints, log and loss curve
//! steps = 20000
//! [data]
//! train = "corpus"          # a folder from `mustool compose --out`, or of one's own recordings
//! held_out = "heldout"
//! cache = "prepared"
//! ```
//! Relative paths count from the folder of the file. What is left out has the values with which
//! the default model was trained; [`Recipe`] has those that differ from stage to stage.

mod options;
#[cfg(test)]
mod tests;

pub use options::{
    Checkpoints, Composed, Data, Optimizer, TextOptions, UnetOptions, VaeOptions, VaePart,
    VocoderInput, VocoderOptions,
};

use crate::error::{Error, Result, read_error};
use crate::schedule::Schedule;
use mustool_nn::DType;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Largest batch.
const MAX_BATCH: usize = 4096;
/// Largest configuration file, in bytes.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// Which network is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StageKind {
    /// The autoencoder between spectrograms and latents.
    Vae,
    /// From spectrograms to sound.
    Vocoder,
    /// Tokenizer and text encoder.
    Text,
    /// MuNet, which denoises latents.
    Unet,
    /// From prompts to plans.
    Planner,
}

impl StageKind {
    /// The word for it on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Vae => "vae",
            Self::Vocoder => "vocoder",
            Self::Text => "text",
            Self::Unet => "unet",
            Self::Planner => "planner",
        }
    }

    /// The name of its files in the folder of a model, without ending.
    pub const fn file(self) -> &'static str {
        match self {
            Self::Text => "text_encoder",
            Self::Planner => "predictor",
            other => other.name(),
        }
    }
}

/// What the first weights are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Start {
    /// Random numbers, by the seed.
    #[default]
    Scratch,
    /// The weights that the model's folder has.
    Model,
}

/// Number type of the activations; weights are always `f32` while they are trained.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// Exact and slower.
    F32,
    /// For processors with matrix units.
    #[default]
    Bf16,
}

impl Precision {
    /// As tensors have it.
    pub fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Folder of the model: sizes are read and finished weights written here.
    pub model: PathBuf,
    /// Folder of this run: checkpoints, log, loss curve.
    pub run: PathBuf,
    /// First weights.
    #[serde(default)]
    pub start: Start,
    /// Seed of everything that is drawn.
    #[serde(default = "one")]
    pub seed: u64,
    /// Steps of the whole run.
    #[serde(default)]
    pub steps: Option<u64>,
    /// Seconds of the whole run, interruptions not counted. With it, weights depend on the machine.
    #[serde(default)]
    pub time_limit_s: Option<f64>,
    /// Clips (texts) of one step.
    #[serde(default)]
    pub batch: Option<usize>,
    /// Threads; all cores if not given. Weights do not depend on it.
    #[serde(default)]
    pub threads: Option<usize>,
    /// Number type of the activations.
    #[serde(default)]
    pub precision: Precision,
    /// What is learnt from.
    #[serde(default)]
    pub data: Data,
    /// How weights move.
    #[serde(default)]
    pub optimizer: Optimizer,
    /// Learning rate over the run.
    #[serde(default)]
    pub schedule: Option<Schedule>,
    /// When to save and to validate.
    #[serde(default)]
    pub checkpoint: Checkpoints,
    /// For the stage `vae`.
    #[serde(default)]
    pub vae: VaeOptions,
    /// For the stage `vocoder`.
    #[serde(default)]
    pub vocoder: VocoderOptions,
    /// For the stage `text`.
    #[serde(default)]
    pub text: TextOptions,
    /// For the stage `unet`.
    #[serde(default)]
    pub unet: UnetOptions,
}

/// The numbers of a run after the stage's own were filled in.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// Clips (texts) of one step.
    pub batch: usize,
    /// Largest learning rate.
    pub learning_rate: f64,
    /// Decay of the moments.
    pub betas: (f64, f64),
    /// Weight decay.
    pub weight_decay: f64,
    /// Longest gradient.
    pub max_gradient_norm: f64,
    /// Decay of the averaged weights.
    pub average_decay: f64,
    /// Learning rate over the run.
    pub schedule: Schedule,
}

fn one() -> u64 {
    1
}

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self> {
        let size = std::fs::metadata(path).map_err(read_error(path))?.len();
        let bad = |reason: String| Error::Config {
            path: path.to_path_buf(),
            reason,
        };
        if size > MAX_FILE_BYTES {
            return Err(bad(format!(
                "{size} bytes is too large for a configuration"
            )));
        }
        let text = std::fs::read_to_string(path).map_err(read_error(path))?;
        let mut config: Self = toml::from_str(&text).map_err(|e| bad(e.to_string()))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let places = [
            Some(&mut config.model),
            Some(&mut config.run),
            config.data.train.as_mut(),
            config.data.held_out.as_mut(),
            config.data.cache.as_mut(),
            config.data.composer.as_mut().map(|c| &mut c.soundfont),
            config.text.teacher.as_mut(),
            config.text.genres.as_mut(),
        ];
        for place in places.into_iter().flatten() {
            *place = folder.join(&*place);
        }
        config.validate().map_err(bad)?;
        Ok(config)
    }

    /// The first thing that is wrong.
    fn validate(&self) -> std::result::Result<(), String> {
        let check = |holds: bool, rule: &str| if holds { Ok(()) } else { Err(rule.to_owned()) };
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let UnetOptions {
            drop_all,
            drop_text,
            drop_chords,
            drop_beats,
            drop_classes,
            drop_instruments,
            drop_style,
        } = self.unet;
        let shares = [
            drop_all,
            drop_text,
            drop_chords,
            drop_beats,
            drop_classes,
            drop_instruments,
            drop_style,
            self.vocoder.drop_chords,
        ];
        let positive = |value: Option<f64>| value.is_none_or(|v| v.is_finite() && v > 0.0);
        let optimizer = &self.optimizer;
        let decays = [
            optimizer.betas.map(|b| b.0),
            optimizer.betas.map(|b| b.1),
            optimizer.average_decay,
        ];
        let decay = |value: Option<f64>| value.is_none_or(|v| (0.0..1.0).contains(&v));
        let not_negative = |v: f64| v.is_finite() && v >= 0.0;
        let frames = [self.vae.frames, self.vocoder.frames];
        check(
            self.steps.is_some() || self.time_limit_s.is_some(),
            "steps or time_limit_s must say when the run ends",
        )?;
        check(positive(self.time_limit_s), "time_limit_s must be above 0")?;
        check(
            self.batch.is_none_or(|b| (1..=MAX_BATCH).contains(&b)),
            "batch must be 1 to 4096",
        )?;
        check(
            self.threads.is_none_or(|t| (1..=1024).contains(&t)),
            "threads must be 1 to 1024",
        )?;
        check(
            shares.into_iter().all(share),
            "shares of drop_… must be 0 to 1",
        )?;
        check(
            positive(optimizer.learning_rate) && positive(optimizer.max_gradient_norm),
            "learning_rate and max_gradient_norm must be above 0",
        )?;
        check(
            optimizer.weight_decay.is_none_or(not_negative),
            "weight_decay must be 0 or more",
        )?;
        check(
            decays.into_iter().all(decay),
            "betas and average_decay must be at least 0 and below 1",
        )?;
        check(
            self.schedule.is_none_or(|s| s.is_valid()),
            "hold and floor of the schedule must be 0 to 1",
        )?;
        check(
            self.checkpoint.minutes > 0.0 && self.checkpoint.steps != Some(0),
            "minutes and steps between checkpoints must be above 0",
        )?;
        check(
            self.checkpoint.log_steps > 0 && self.checkpoint.validation_steps > 0,
            "log_steps and validation_steps must be above 0",
        )?;
        check(
            not_negative(self.vae.divergence)
                && not_negative(self.vae.noise)
                && not_negative(self.vocoder.noise),
            "divergence and noise must be 0 or more",
        )?;
        check(
            frames
                .into_iter()
                .flatten()
                .all(|f| (8..=1024).contains(&f) && f % 8 == 0),
            "frames must be a multiple of 8 from 8 to 1024",
        )?;
        check(
            self.text.phrases <= 1_000_000,
            "phrases must be at most 1000000",
        )
    }

    /// Where prepared data is kept.
    pub fn cache(&self) -> PathBuf {
        let inside = || self.run.join("cache");
        self.data.cache.clone().unwrap_or_else(inside)
    }

    /// The numbers of a run of `stage`: what the file says, else the default model's.
    pub fn recipe(&self, stage: StageKind) -> Recipe {
        let decoder = stage == StageKind::Vae && self.vae.part == VaePart::Decoder;
        let (batch, learning_rate, betas, average_decay, hold) = match stage {
            StageKind::Vae if decoder => (6, 8e-4, (0.9, 0.99), 0.998, 0.0),
            StageKind::Vae => (8, 1.2e-3, (0.9, 0.99), 0.995, 0.0),
            StageKind::Vocoder => (8, 1.2e-3, (0.8, 0.99), 0.998, 0.0),
            StageKind::Text => (64, 1.5e-3, (0.9, 0.98), 0.998, 0.0),
            StageKind::Unet => (8, 8e-4, (0.9, 0.99), 0.999, 0.55),
            StageKind::Planner => (32, 1.5e-3, (0.9, 0.98), 0.998, 0.0),
        };
        let usual = Schedule {
            hold,
            ..Schedule::default()
        };
        let given = &self.optimizer;
        Recipe {
            batch: self.batch.unwrap_or(batch),
            learning_rate: given.learning_rate.unwrap_or(learning_rate),
            betas: given.betas.unwrap_or(betas),
            weight_decay: given.weight_decay.unwrap_or(0.01),
            max_gradient_norm: given.max_gradient_norm.unwrap_or(1.0),
            average_decay: given.average_decay.unwrap_or(average_decay),
            schedule: self.schedule.unwrap_or(usual),
        }
    }

    /// Share of the run that is done, 0 to 1 and beyond: by steps or by time, whichever is further.
    pub fn progress(&self, step: u64, spent_s: f64) -> f64 {
        let by_steps = self
            .steps
            .map_or(0.0, |steps| step as f64 / steps.max(1) as f64);
        let by_time = self.time_limit_s.map_or(0.0, |limit| spent_s / limit);
        by_steps.max(by_time)
    }
}
