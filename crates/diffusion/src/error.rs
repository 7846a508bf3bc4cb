//! Why a generation could not be made.

use mustool_music::PlanError;
use std::path::PathBuf;

/// What stands between a request and its music.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request asks for something impossible; the caller can mend it.
    #[error("{field}: {reason}")]
    InvalidRequest {
        /// Field of the request.
        field: &'static str,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// The caller asked to stop.
    #[error("cancelled")]
    Cancelled,
    /// A network gave NaN or infinity: damaged weights, or a type too narrow for them.
    #[error("the {stage} gave a number that is not finite")]
    NotFinite {
        /// Which network.
        stage: &'static str,
    },
    /// A file of weights is not that of the network; every key that is wrong is named.
    #[error("{file} does not fit the network:\n{problems}")]
    Keys {
        /// The network's file; in Mustango's own folder, the part of a checkpoint.
        file: String,
        /// The keys.
        problems: mustool_nn::KeyProblems,
    },
    /// A tensor operation or a checkpoint failed.
    #[error(transparent)]
    Nn(#[from] mustool_nn::Error),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] mustool_nn::TensorError),
    /// The tokenizer could not be read or used.
    #[error("tokenizer: {reason}")]
    Tokenizer {
        /// What it said.
        reason: String,
    },
    /// The plan is not playable.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Audio could not be prepared.
    #[error(transparent)]
    Audio(#[from] mustool_audio::Error),
    /// A file of the model could not be read.
    #[error("cannot read {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A configuration file has a wrong or missing value.
    #[error("{file}: {reason}")]
    Config {
        /// Which file.
        file: String,
        /// What is wrong.
        reason: String,
    },
}

/// The result of anything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
