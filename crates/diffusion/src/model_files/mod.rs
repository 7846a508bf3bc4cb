//! The files of a model: a folder of safetensors, Mustango's own folder, or part of the program.
//!
//! Whatever they are, a network is asked for by one name, as `unet.safetensors` and
//! `unet_config.json`; where Mustango keeps it is in `published`.

mod published;

use crate::error::{Error, Result};
use mustool_nn::{DType, Source, Weights};
use published::Published;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::path::{Path, PathBuf};

/// Largest configuration or tokenizer file.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// Every file that may hold weights, in the order of their common checksum.
const WEIGHTS: [&str; 8] = [
    "text_encoder.safetensors",
    "unet.safetensors",
    "vae.safetensors",
    "vocoder.safetensors",
    "planner.safetensors",
    "features.safetensors",
    "beats.safetensors",
    "chords.safetensors",
];

/// Every file that may hold something else.
const TEXTS: [&str; 13] = [
    "model.json",
    "text_encoder_config.json",
    "unet_config.json",
    "vae_config.json",
    "vocoder_config.json",
    "scheduler_config.json",
    "stft_config.json",
    "features_config.json",
    "beats_config.json",
    "chords_config.json",
    "planner_config.json",
    "tokenizer.json",
    "beats_tokenizer.json",
];

/// Where a model's files are.
#[derive(Debug, Clone)]
pub(crate) enum ModelFiles {
    Folder(PathBuf),
    Published(Published),
    Embedded(&'static [(&'static str, &'static [u8])]),
}

impl ModelFiles {
    /// A folder of either form.
    pub(crate) fn folder(folder: &Path) -> Result<Self> {
        if folder.join("unet.safetensors").is_file() {
            return Ok(Self::Folder(folder.to_path_buf()));
        }
        match Published::find(folder) {
            Some(published) => Ok(Self::Published(published)),
            None => Err(Error::Config {
                file: folder.display().to_string(),
                reason: "is no model: there is neither unet.safetensors (a folder of mustool) nor \
                         ldm/pytorch_model_ldm.bin (the published Mustango)"
                    .to_owned(),
            }),
        }
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).is_file(),
            Self::Published(published) => published.has(name),
            Self::Embedded(files) => files.iter().any(|(file, _)| *file == name),
        }
    }

    /// A configuration or tokenizer.
    pub(crate) fn text(&self, name: &str) -> Result<Cow<'static, [u8]>> {
        match self {
            Self::Folder(folder) => read_text(&folder.join(name)).map(Cow::Owned),
            Self::Published(published) => published.text(name).map(Cow::Owned),
            Self::Embedded(files) => embedded(files, name).map(Cow::Borrowed),
        }
    }

    /// A configuration, parsed.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_slice(&self.text(name)?).map_err(|e| Error::Config {
            file: name.to_owned(),
            reason: e.to_string(),
        })
    }

    /// The tensors of one network.
    pub(crate) fn weights(&self, name: &str) -> Result<Source> {
        match self {
            Self::Folder(folder) => Ok(Source::files(&[folder.join(name)])?),
            Self::Published(published) => published.weights(name),
            Self::Embedded(files) => Ok(Source::embedded(embedded(files, name)?)?),
        }
    }

    /// Names of the files that are there: those of weights, then the others.
    pub(crate) fn names(&self) -> [Vec<&'static str>; 2] {
        let there = |names: &[&'static str]| {
            let there = names.iter().copied().filter(|name| self.has(name));
            there.collect()
        };
        [there(&WEIGHTS), there(&TEXTS)]
    }

    /// SHA-256 over all files of weights, as hexadecimal digits.
    pub(crate) fn sha256(&self) -> Result<String> {
        let mut hash = Sha256::new();
        let [weights, _] = self.names();
        match self {
            Self::Embedded(files) => {
                for name in weights {
                    hash.update(embedded(files, name)?);
                }
            }
            Self::Folder(folder) => {
                for name in weights {
                    hash_file(&mut hash, &folder.join(name))?;
                }
            }
            Self::Published(published) => {
                for path in published.checkpoints() {
                    hash_file(&mut hash, path)?;
                }
            }
        }
        let digits = hash.finalize();
        Ok(digits.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Fails if a file that no network reads holds more than is known.
    pub(crate) fn account_for_the_rest(&self) -> Result<()> {
        match self {
            Self::Published(published) => published.account_for_the_rest(),
            Self::Folder(_) | Self::Embedded(_) => Ok(()),
        }
    }
}

/// Builds networks from a model's files, and accounts for every key.
#[derive(Debug)]
pub(crate) struct Loader<'a> {
    pub(crate) files: &'a ModelFiles,
    /// Type of the large networks.
    pub(crate) dtype: DType,
    /// Only compares names and shapes.
    pub(crate) accounting: bool,
}

impl Loader<'_> {
    /// The network in the file `name`, built by `build`.
    pub(crate) fn network<N>(
        &self,
        name: &str,
        dtype: DType,
        build: impl FnOnce(&Weights) -> Result<N>,
    ) -> Result<N> {
        let source = self.files.weights(name)?;
        let weights = match self.accounting {
            true => Weights::accounting(source),
            false => Weights::new(source, dtype),
        };
        let network = build(&weights)?;
        weights.finish().map_err(|error| match error {
            mustool_nn::Error::Keys(problems) => Error::Keys {
                file: name.to_owned(),
                problems,
            },
            other => other.into(),
        })?;
        Ok(network)
    }
}

fn embedded(files: &'static [(&'static str, &'static [u8])], name: &str) -> Result<&'static [u8]> {
    files
        .iter()
        .find(|(file, _)| *file == name)
        .map(|(_, bytes)| *bytes)
        .ok_or_else(|| Error::Config {
            file: name.to_owned(),
            reason: "is not part of this model".to_owned(),
        })
}

/// A whole file of bounded length.
fn read_text(path: &Path) -> Result<Vec<u8>> {
    let read = || {
        let size = std::fs::metadata(path)?.len();
        if size > MAX_TEXT_BYTES {
            return Err(std::io::Error::other(format!("{size} bytes is too large")));
        }
        std::fs::read(path)
    };
    read().map_err(|source| Error::File {
        path: path.to_path_buf(),
        source,
    })
}

fn hash_file(hash: &mut Sha256, path: &Path) -> Result<()> {
    let copy = |hash: &mut Sha256| std::io::copy(&mut std::fs::File::open(path)?, hash);
    copy(hash).map(drop).map_err(|source| Error::File {
        path: path.to_path_buf(),
        source,
    })
}
