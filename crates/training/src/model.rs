//! The folder of a model: sizes are read from it, finished weights are written into it, in the
//! layout that the generating side loads.
//!
//! Weights are stored as 16-bit floats. A file is complete or absent; the configuration of a
//! network is written before its weights.

use crate::checkpoint::Tensors;
use crate::config::StageKind;
use crate::error::{Error, Result, read_error, write_error};
use half::f16;
use mustool_audio::file::write_atomic;
use mustool_nn::{Source, Weights};
use safetensors::tensor::{Dtype, TensorView};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Largest configuration or tokenizer, in bytes.
const MAX_TEXT_BYTES: u64 = 64 << 20;

/// A model's folder.
#[derive(Debug, Clone)]
pub struct ModelFolder {
    path: PathBuf,
}

impl ModelFolder {
    /// Opens or makes the folder. Configurations that it lacks are copied from `defaults`, which
    /// are names and contents of files; other files are not.
    pub fn open(path: &Path, defaults: &[(&str, &[u8])]) -> Result<Self> {
        std::fs::create_dir_all(path).map_err(write_error(path))?;
        for (name, content) in defaults {
            let place = path.join(name);
            let is_config = *name == "model.json" || name.ends_with("_config.json");
            if is_config && !place.exists() {
                write_atomic(&place, content)?;
            }
        }
        let path = path.to_path_buf();
        Ok(Self { path })
    }

    /// The path of a file.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Whether a file is there.
    pub fn has(&self, name: &str) -> bool {
        self.file(name).is_file()
    }

    /// A configuration or tokenizer as text.
    pub fn text(&self, name: &str) -> Result<String> {
        let path = self.file(name);
        let size = std::fs::metadata(&path).map_err(read_error(&path))?.len();
        if size > MAX_TEXT_BYTES {
            return Err(Error::Config {
                path,
                reason: format!("{size} bytes is too large"),
            });
        }
        std::fs::read_to_string(&path).map_err(read_error(&path))
    }

    /// A configuration.
    pub fn json<T: DeserializeOwned>(&self, name: &str) -> Result<T> {
        let text = self.text(name)?;
        serde_json::from_str(&text).map_err(|e| Error::Config {
            path: self.file(name),
            reason: e.to_string(),
        })
    }

    /// Replaces some fields of a configuration and keeps the others.
    pub fn update(&self, name: &str, fields: &[(&str, Value)]) -> Result<()> {
        let mut config: Map<String, Value> = if self.has(name) {
            self.json(name)?
        } else {
            Map::new()
        };
        for (field, value) in fields {
            config.insert((*field).to_owned(), value.clone());
        }
        let mut text = serde_json::to_string_pretty(&config).expect("JSON stays JSON");
        text.push('\n');
        Ok(write_atomic(&self.file(name), text.as_bytes())?)
    }

    /// The finished weights of a stage; an error that says what to run first if there are none.
    pub fn weights(&self, stage: StageKind, hint: &'static str) -> Result<Source> {
        let path = self.file(&format!("{}.safetensors", stage.file()));
        if !path.is_file() {
            return Err(Error::Missing { path, hint });
        }
        Ok(Source::files(&[path])?)
    }

    /// SHA-256 of a stage's weights; `None` where there are none.
    pub fn weights_sha256(&self, stage: StageKind) -> Option<String> {
        let bytes = std::fs::read(self.file(&format!("{}.safetensors", stage.file()))).ok()?;
        let hash = Sha256::digest(&bytes);
        Some(hash.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Writes the weights of a stage as 16-bit floats. A number beyond their range is an error.
    pub fn write_weights(&self, stage: StageKind, tensors: &Tensors) -> Result<()> {
        let path = self.file(&format!("{}.safetensors", stage.file()));
        let refuse = |reason: String| Error::Config {
            path: path.clone(),
            reason,
        };
        let mut data = Vec::new();
        for (name, (shape, values)) in tensors {
            let halves: Vec<f16> = values.iter().map(|&x| f16::from_f32(x)).collect();
            if let Some(at) = halves.iter().position(|x| !x.is_finite()) {
                return Err(refuse(format!("{name} has {} in it", values[at])));
            }
            let bytes: Vec<u8> = halves.iter().flat_map(|x| x.to_le_bytes()).collect();
            data.push((name.as_str(), shape.clone(), bytes));
        }
        let views: Vec<(&str, TensorView)> = data
            .iter()
            .map(|(name, shape, bytes)| {
                let view = TensorView::new(Dtype::F16, shape.clone(), bytes);
                Ok((*name, view.map_err(|e| refuse(e.to_string()))?))
            })
            .collect::<Result<_>>()?;
        let bytes = safetensors::serialize(views, None).map_err(|e| refuse(e.to_string()))?;
        Ok(write_atomic(&path, &bytes)?)
    }
}

/// A network built from weights, every key accounted for.
pub(crate) fn build<N>(
    weights: &Weights,
    network: impl FnOnce(&Weights) -> Result<N>,
) -> Result<N> {
    let network = network(weights)?;
    weights.finish()?;
    Ok(network)
}

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_nn::DType;

    #[test]
    fn configurations_come_from_the_defaults_and_keep_their_own_fields() {
        let folder = tempfile::tempdir().unwrap();
        let defaults: [(&str, &[u8]); 3] = [
            ("vae_config.json", br#"{"channels": [4], "mean": 0.5}"#),
            ("model.json", b"{}"),
            ("vae.safetensors", b"not copied"),
        ];
        let model = ModelFolder::open(folder.path(), &defaults).unwrap();
        assert!(model.has("model.json") && !model.has("vae.safetensors"));
        model
            .update("vae_config.json", &[("mean", Value::from(-6.0))])
            .unwrap();
        let again = ModelFolder::open(folder.path(), &defaults).unwrap();
        let config: Value = again.json("vae_config.json").unwrap();
        assert_eq!(config, serde_json::json!({"channels": [4], "mean": -6.0}));
    }

    #[test]
    fn weights_are_halved_in_size_and_read_back_rounded() {
        let folder = tempfile::tempdir().unwrap();
        let model = ModelFolder::open(folder.path(), &[]).unwrap();
        let hint = "train the autoencoder first";
        let missing = model.weights(StageKind::Vae, hint).unwrap_err();
        assert!(missing.to_string().contains(hint));
        let values = vec![0.1, -2.0, 3e-7, 60_000.0];
        let mut tensors = Tensors::from([("a".to_owned(), (vec![2, 2], values.clone()))]);
        model.write_weights(StageKind::Vae, &tensors).unwrap();
        let weights = Weights::new(model.weights(StageKind::Vae, hint).unwrap(), DType::F32);
        let rounded: Vec<f32> = values.iter().map(|&x| f16::from_f32(x).to_f32()).collect();
        assert_eq!(weights.values("a", &[2, 2]), rounded);
        weights.finish().unwrap();
        let before = model.weights_sha256(StageKind::Vae);
        for bad in [f32::NAN, 1e6] {
            tensors.insert("b".to_owned(), (vec![1], vec![bad]));
            assert!(model.write_weights(StageKind::Vae, &tensors).is_err());
        }
        assert_eq!(
            model.weights_sha256(StageKind::Vae),
            before,
            "the old file stays"
        );
    }
}
