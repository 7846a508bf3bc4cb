//! From Mustango's own folder to one of this project: a file for each network.
//!
//! Which tensors belong to which is in `model_files`; writing the files is the caller's.

use crate::error::{Error, Result};
use crate::model_files::ModelFiles;
use crate::pipeline::Pipeline;
use mustool_nn::{DType, Source};
use std::path::Path;

/// A model in Mustango's own folder, taken apart: what a folder of this project holds of it.
pub struct Conversion {
    /// Names of files and their tensors.
    pub networks: Vec<(&'static str, Source)>,
    /// Names of configurations and tokenizers and their contents, `model.json` among them.
    pub texts: Vec<(&'static str, Vec<u8>)>,
}

impl Conversion {
    /// Compares every key with the networks, then opens what there is; nothing is loaded. An error
    /// for a folder that is converted already.
    pub fn open(folder: &Path) -> Result<Self> {
        let files = ModelFiles::folder(folder)?;
        if matches!(files, ModelFiles::Folder(_)) {
            return Err(Error::Config {
                file: folder.display().to_string(),
                reason: "is a folder of safetensors already; use it as it is".to_owned(),
            });
        }
        Pipeline::from_files(&files, DType::F32, true)?;
        let [networks, texts] = files.names();
        let network = |name| Ok((name, files.weights(name)?));
        let text = |name| Ok((name, files.text(name)?.into_owned()));
        Ok(Self {
            networks: networks.into_iter().map(network).collect::<Result<_>>()?,
            texts: texts.into_iter().map(text).collect::<Result<_>>()?,
        })
    }
}

/// SHA-256 over the weights of a folder, as [`crate::ModelInfo::weights_sha256`] has it.
pub fn weights_sha256(folder: &Path) -> Result<String> {
    ModelFiles::folder(folder)?.sha256()
}
