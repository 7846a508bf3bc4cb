//! What can go wrong between a checkpoint and a tensor.

use std::fmt;
use std::path::PathBuf;

/// Why a checkpoint or a computation was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A tensor operation failed: shapes that do not fit, or a device fault.
    #[error(transparent)]
    Tensor(#[from] candle_core::Error),
    /// A checkpoint file could not be opened.
    #[error("cannot open {path}")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file is not a safetensors file.
    #[error("{path} is not a valid safetensors file: {reason}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A PyTorch checkpoint was refused.
    #[error(transparent)]
    Pickle(#[from] crate::pickle::PickleError),
    /// The keys of a checkpoint are not those of the network.
    #[error("the checkpoint does not fit the network:\n{0}")]
    Keys(KeyProblems),
    /// A gradient was asked of a layer that keeps its weights packed for inference.
    #[error("no gradient passes through weights loaded for inference; load them as variables")]
    Frozen,
    /// A configuration has a value that no network can have.
    #[error("bad configuration: {0}")]
    Config(String),
}

/// The result of anything that touches tensors.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Every key that does not fit, by name.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct KeyProblems {
    /// Keys that the network needs and the checkpoint lacks, with their shapes.
    pub missing: Vec<(String, Vec<usize>)>,
    /// Keys that the network does not know.
    pub unexpected: Vec<String>,
    /// Keys of another shape: name, wanted, found.
    pub misshaped: Vec<(String, Vec<usize>, Vec<usize>)>,
}

impl KeyProblems {
    /// Whether every key fits.
    pub fn is_empty(&self) -> bool {
        self.missing.is_empty() && self.unexpected.is_empty() && self.misshaped.is_empty()
    }
}

impl fmt::Display for KeyProblems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, shape) in &self.missing {
            writeln!(f, "  missing     {name} {shape:?}")?;
        }
        for (name, wanted, found) in &self.misshaped {
            writeln!(f, "  mis-shaped  {name}: {found:?}, not {wanted:?}")?;
        }
        for name in &self.unexpected {
            writeln!(f, "  unexpected  {name}")?;
        }
        Ok(())
    }
}
