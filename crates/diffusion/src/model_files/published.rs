//! Mustango's own folder, as `declare-lab/mustango` is published: PyTorch checkpoints that hold
//! several networks each, and configurations of which some are only in the code.
//!
//! The tokenizers are not in it; they belong to the models that it builds on, and are looked for in
//! `flan-t5-large` and `deberta-v3-large` inside the folder, as `tokenizer.json` or as the
//! SentencePiece file of that model. Sizes that no file states are those of the published model.

use super::read_text;
use crate::error::{Error, Result};
use crate::mustango;
use crate::sentencepiece::{self, Style};
use mustool_nn::{Source, Weights};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Checkpoints without their endings.
const LDM: &str = "ldm/pytorch_model_ldm";
const VAE: &str = "vae/pytorch_model_vae";
const STFT: &str = "stft/pytorch_model_stft";
const BEATS: &str = "beats/microsoft-deberta-v3-large";
const CHORDS: &str = "chords/flan-t5-large";

/// A folder, and its checkpoints: `ldm`, `vae`, and where they are there `beats` and `chords`.
#[derive(Debug, Clone)]
pub(crate) struct Published {
    folder: PathBuf,
    checkpoints: Vec<(&'static str, PathBuf)>,
}

impl Published {
    /// Nothing, unless the folder has the checkpoint of the denoising network.
    pub(super) fn find(folder: &Path) -> Option<Self> {
        let checkpoints = [LDM, VAE, BEATS, CHORDS, STFT]
            .into_iter()
            .filter_map(|stem| {
                let endings = ["bin", "pt", "pth", "safetensors"];
                let mut paths = endings
                    .map(|e| folder.join(format!("{stem}.{e}")))
                    .into_iter();
                paths.find(|path| path.is_file()).map(|path| (stem, path))
            });
        let published = Self {
            folder: folder.to_path_buf(),
            checkpoints: checkpoints.collect(),
        };
        published.checkpoint(LDM).map(|_| published.clone())
    }

    fn checkpoint(&self, stem: &str) -> Option<&Path> {
        let found = self.checkpoints.iter().find(|(other, _)| *other == stem);
        found.map(|(_, path)| path.as_path())
    }

    /// The files that hold weights which are read.
    pub(super) fn checkpoints(&self) -> impl Iterator<Item = &Path> {
        let read = self.checkpoints.iter().filter(|(stem, _)| *stem != STFT);
        read.map(|(_, path)| path.as_path())
    }

    pub(super) fn has(&self, name: &str) -> bool {
        match part(name) {
            Some((stem, ..)) => self.checkpoint(stem).is_some(),
            // What belongs to a predictor is there only with it.
            None if name.starts_with("beats_") => self.checkpoint(BEATS).is_some(),
            None if name.starts_with("chords_") => self.checkpoint(CHORDS).is_some(),
            None => text(name).is_some(),
        }
    }

    pub(super) fn weights(&self, name: &str) -> Result<Source> {
        let missing = |stem: &str| Error::File {
            path: self.folder.join(format!("{stem}.bin")),
            source: std::io::ErrorKind::NotFound.into(),
        };
        let (stem, prefix, others) = part(name).ok_or_else(|| missing(name))?;
        let path = self.checkpoint(stem).ok_or_else(|| missing(stem))?;
        Ok(open(path)?.part(prefix, others))
    }

    pub(super) fn text(&self, name: &str) -> Result<Vec<u8>> {
        let (places, otherwise) = text(name).ok_or_else(|| Error::Config {
            file: name.to_owned(),
            reason: "is not part of Mustango".to_owned(),
        })?;
        let mut paths = places.iter().map(|place| self.folder.join(place));
        let Some(path) = paths.find(|path| path.is_file()) else {
            return match otherwise {
                Some(value) => Ok(value().to_string().into_bytes()),
                None => Err(Error::Config {
                    file: self.folder.display().to_string(),
                    reason: format!("has none of {}", places.join(", ")),
                }),
            };
        };
        let bytes = read_text(&path)?;
        let style = match path.file_name().and_then(|name| name.to_str()) {
            Some("spiece.model") => Style::T5,
            Some("spm.model") => Style::Deberta,
            _ => return Ok(bytes),
        };
        sentencepiece::to_tokenizer_json(&path.display().to_string(), &bytes, style)
    }

    /// The spectrogram's own file holds nothing but what its settings say.
    pub(super) fn account_for_the_rest(&self) -> Result<()> {
        let Some(path) = self.checkpoint(STFT) else {
            return Ok(());
        };
        let weights = Weights::accounting(open(path)?);
        for name in [
            "mel_basis",
            "stft_fn.forward_basis",
            "stft_fn.inverse_basis",
        ] {
            weights.ignore(name, &[]);
        }
        Ok(weights.finish()?)
    }
}

fn open(path: &Path) -> Result<Source> {
    Ok(match path.extension().is_some_and(|e| e == "safetensors") {
        true => Source::files(&[path.to_path_buf()])?,
        false => Source::pickled(path)?,
    })
}

/// Checkpoint, beginning of the keys, and beginnings of those that are other networks'.
type Part = (&'static str, &'static str, &'static [&'static str]);

fn part(name: &str) -> Option<Part> {
    Some(match name {
        "unet.safetensors" => (LDM, "unet.", &[]),
        "text_encoder.safetensors" => (LDM, "text_encoder.", &[]),
        "features.safetensors" => (LDM, "", &["unet.", "text_encoder."]),
        "vae.safetensors" => (VAE, "", &["vocoder."]),
        "vocoder.safetensors" => (VAE, "vocoder.", &[]),
        "beats.safetensors" => (BEATS, "", &[]),
        "chords.safetensors" => (CHORDS, "", &[]),
        _ => return None,
    })
}

/// Files that may hold a configuration or tokenizer, the most specific first, and what holds if
/// none of them is there.
type Text = (&'static [&'static str], Option<fn() -> Value>);

fn text(name: &str) -> Option<Text> {
    Some(match name {
        "model.json" => (&["model.json"], Some(mustango::model)),
        "unet_config.json" => (
            &["configs/music_diffusion_model_config.json"],
            Some(mustango::unet),
        ),
        "vae_config.json" => (&["configs/vae_config.json"], Some(mustango::vae)),
        "stft_config.json" => (&["configs/stft_config.json"], Some(mustango::stft)),
        "vocoder_config.json" => (&["configs/hifigan_config.json"], Some(mustango::hifigan)),
        "scheduler_config.json" => (
            &["configs/scheduler_config.json"],
            Some(mustango::scheduler),
        ),
        "features_config.json" => (
            &["configs/music_features_config.json"],
            Some(mustango::features),
        ),
        "text_encoder_config.json" => (
            &["text_encoder/config.json", "flan-t5-large/config.json"],
            Some(mustango::t5),
        ),
        "chords_config.json" => (
            &["chords/config.json", "flan-t5-large/config.json"],
            Some(mustango::t5),
        ),
        "beats_config.json" => (
            &["beats/config.json", "deberta-v3-large/config.json"],
            Some(mustango::deberta),
        ),
        "tokenizer.json" => (
            &["flan-t5-large/tokenizer.json", "flan-t5-large/spiece.model"],
            None,
        ),
        "beats_tokenizer.json" => (
            &[
                "deberta-v3-large/tokenizer.json",
                "deberta-v3-large/spm.model",
            ],
            None,
        ),
        _ => return None,
    })
}
