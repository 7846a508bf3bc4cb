//! The tables of a run's configuration: data, optimiser, checkpoints, and one for each stage.
//!
//! What is left out has the values with which the default model was trained.

use serde::Deserialize;
use std::path::PathBuf;

/// What is learnt from: a folder, or the composer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Data {
    /// Folder of clips to learn from.
    pub train: Option<PathBuf>,
    /// Folder of clips to judge by.
    pub held_out: Option<PathBuf>,
    /// The composer instead of folders; audio is rendered as it is needed and not stored as files.
    pub composer: Option<Composed>,
    /// Folder for spectrograms and latents that were computed once; inside the run's if not given.
    pub cache: Option<PathBuf>,
    /// Most clips of each side.
    pub max_clips: Option<usize>,
}

/// Clips of the composer.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Composed {
    /// Seed of the corpus.
    #[serde(default = "super::one")]
    pub seed: u64,
    /// Clips to learn from.
    pub num_clips: u64,
    /// Clips to judge by, of harmonies that are kept from training.
    #[serde(default)]
    pub num_held_out: u64,
    /// SoundFont 2 file to play with.
    pub soundfont: PathBuf,
}

/// How weights move; what is `None` is up to the stage.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Optimizer {
    /// Largest learning rate.
    pub learning_rate: Option<f64>,
    /// Decay of the two moments of AdamW.
    pub betas: Option<(f64, f64)>,
    /// Share of each weight lost per unit of learning rate.
    pub weight_decay: Option<f64>,
    /// Longest gradient; longer ones are shortened to it.
    pub max_gradient_norm: Option<f64>,
    /// Decay of the averaged weights, which are the ones exported.
    pub average_decay: Option<f64>,
}

/// When to save and to validate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Checkpoints {
    /// Minutes between checkpoints.
    pub minutes: f64,
    /// Steps between checkpoints, if that comes first.
    pub steps: Option<u64>,
    /// Steps between log lines.
    pub log_steps: u64,
    /// Steps between validations; each is followed by a checkpoint.
    pub validation_steps: u64,
    /// Held-out clips in a validation.
    pub validation_clips: usize,
}

impl Default for Checkpoints {
    fn default() -> Self {
        Self {
            minutes: 3.0,
            steps: None,
            log_steps: 20,
            validation_steps: 500,
            validation_clips: 48,
        }
    }
}

/// Which part of the autoencoder learns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VaePart {
    /// Encoder and decoder.
    #[default]
    Full,
    /// The decoder alone, on latents with noise, so that latents stay as diffusion knows them.
    Decoder,
}

/// For the stage `vae`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VaeOptions {
    /// Which part learns.
    pub part: VaePart,
    /// Weight of the latent's divergence.
    pub divergence: f64,
    /// Largest noise on the latent where the decoder learns alone.
    pub noise: f64,
    /// Frames of a crop; 256, or 384 for the decoder alone.
    pub frames: Option<usize>,
}

impl Default for VaeOptions {
    fn default() -> Self {
        Self {
            part: VaePart::Full,
            divergence: 4e-3,
            noise: 0.3,
            frames: None,
        }
    }
}

/// What the vocoder hears while it learns.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum VocoderInput {
    /// Spectrograms of the sounds themselves.
    #[default]
    True,
    /// What the model's autoencoder makes of them.
    Decoded,
}

/// For the stage `vocoder`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VocoderOptions {
    /// True or decoded spectrograms.
    pub input: VocoderInput,
    /// Largest noise on the latent of decoded spectrograms.
    pub noise: f64,
    /// Share of clips whose chords are kept secret.
    pub drop_chords: f64,
    /// Frames of a crop; 80, or 128 where the input is decoded.
    pub frames: Option<usize>,
}

impl Default for VocoderOptions {
    fn default() -> Self {
        Self {
            input: VocoderInput::True,
            noise: 0.3,
            drop_chords: 0.12,
            frames: None,
        }
    }
}

/// For the stage `text`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TextOptions {
    /// Folder of a MiniLM sentence encoder (model.safetensors, tokenizer.json) to learn from too.
    pub teacher: Option<PathBuf>,
    /// Further genre names, one a line.
    pub genres: Option<PathBuf>,
    /// Invented phrases, for tokenizer and teacher.
    pub phrases: usize,
}

impl Default for TextOptions {
    fn default() -> Self {
        Self {
            teacher: None,
            genres: None,
            phrases: 12_000,
        }
    }
}

/// For the stage `unet`: how often each condition is kept secret.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UnetOptions {
    /// All conditions at once.
    pub drop_all: f64,
    /// The text.
    pub drop_text: f64,
    /// The chords.
    pub drop_chords: f64,
    /// The beats.
    pub drop_beats: f64,
    /// All class labels of a clip.
    pub drop_classes: f64,
    /// Of the class labels, the instruments.
    pub drop_instruments: f64,
    /// Of the class labels, the style.
    pub drop_style: f64,
}

impl Default for UnetOptions {
    fn default() -> Self {
        Self {
            drop_all: 0.08,
            drop_text: 0.10,
            drop_chords: 0.08,
            drop_beats: 0.08,
            drop_classes: 0.06,
            drop_instruments: 0.08,
            drop_style: 0.15,
        }
    }
}
