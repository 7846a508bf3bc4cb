//! The files of a model: a folder, or part of the program.

use crate::error::{Error, Result};
use mustool_nn::Source;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::path::PathBuf;

/// Largest configuration or tokenizer file.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// Where a model's files are.
#[derive(Debug, Clone)]
pub(crate) enum ModelFiles {
    Folder(PathBuf),
    Embedded(&'static [(&'static str, &'static [u8])]),
}

impl ModelFiles {
    pub(crate) fn has(&self, name: &str) -> bool {
        match self {
            Self::Folder(folder) => folder.join(name).is_file(),
            Self::Embedded(files) => files.iter().any(|(file, _)| *file == name),
        }
    }

    /// A configuration or tokenizer.
    pub(crate) fn text(&self, name: &str) -> Result<Cow<'static, [u8]>> {
        match self {
            Self::Folder(folder) => {
                let path = folder.join(name);
                let read = || {
                    let size = std::fs::metadata(&path)?.len();
                    if size > MAX_TEXT_BYTES {
                        return Err(std::io::Error::other(format!("{size} bytes is too large")));
                    }
                    std::fs::read(&path)
                };
                read().map(Cow::Owned).map_err(|source| Error::File {
                    path: path.clone(),
                    source,
                })
            }
            Self::Embedded(files) => self.embedded(files, name).map(Cow::Borrowed),
        }
    }

    /// A configuration, parsed.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T> {
        serde_json::from_slice(&self.text(name)?).map_err(|e| Error::Config {
            file: name.to_owned(),
            reason: e.to_string(),
        })
    }

    /// A safetensors file.
    pub(crate) fn weights(&self, name: &str) -> Result<Source> {
        match self {
            Self::Folder(folder) => Ok(Source::files(&[folder.join(name)])?),
            Self::Embedded(files) => Ok(Source::embedded(self.embedded(files, name)?)?),
        }
    }

    fn embedded(
        &self,
        files: &'static [(&'static str, &'static [u8])],
        name: &str,
    ) -> Result<&'static [u8]> {
        files
            .iter()
            .find(|(file, _)| *file == name)
            .map(|(_, bytes)| *bytes)
            .ok_or_else(|| Error::Config {
                file: name.to_owned(),
                reason: "is not part of this model".to_owned(),
            })
    }

    /// SHA-256 over the named files, in order, as hexadecimal digits.
    pub(crate) fn sha256(&self, names: &[&str]) -> Result<String> {
        let mut hash = Sha256::new();
        for name in names {
            match self {
                Self::Embedded(files) => hash.update(self.embedded(files, name)?),
                Self::Folder(folder) => {
                    let path = folder.join(name);
                    let copy =
                        |hash: &mut Sha256| std::io::copy(&mut std::fs::File::open(&path)?, hash);
                    copy(&mut hash).map_err(|source| Error::File {
                        path: path.clone(),
                        source,
                    })?;
                }
            }
        }
        Ok(hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }
}
