//! Why a training run did not start, or stopped.

use std::path::{Path, PathBuf};

/// What stands between a configuration and trained weights.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The configuration cannot be followed; its author can mend it.
    #[error("{path}: {reason}")]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong and what would be right.
        reason: String,
    },
    /// No clip of a data set could be used.
    #[error("{path} has no usable clips: {skipped} skipped{}", first_reason(.first))]
    NoClips {
        /// The folder.
        path: PathBuf,
        /// How many entries were refused.
        skipped: usize,
        /// The first of them, with its reason.
        first: Option<String>,
    },
    /// The loss or a gradient is no number any more. The last checkpoint is untouched.
    #[error(
        "step {step}: the {what} is {value}; training stopped. The last good checkpoint is kept: \
         lower the learning rate or look at the data"
    )]
    NotFinite {
        /// The step that failed.
        step: u64,
        /// `loss` or `gradient`.
        what: &'static str,
        /// NaN or an infinity.
        value: f64,
    },
    /// A checkpoint is damaged or of another run.
    #[error("{path} cannot be resumed: {reason}")]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A stage needs something that an earlier stage makes.
    #[error("{path} is missing; {hint}")]
    Missing {
        /// The file.
        path: PathBuf,
        /// How to get it.
        hint: &'static str,
    },
    /// The tokenizer could not be read or used.
    #[error("tokenizer: {reason}")]
    Tokenizer {
        /// What it said.
        reason: String,
    },
    /// Music could not be composed.
    #[error(transparent)]
    Composer(Box<mustool_composer::Error>),
    /// Sound could not be read or transformed.
    #[error(transparent)]
    Audio(Box<mustool_audio::Error>),
    /// A network refused its configuration or its input.
    #[error(transparent)]
    Network(Box<mustool_diffusion::Error>),
    /// A layer or a file of weights failed.
    #[error(transparent)]
    Nn(Box<mustool_nn::Error>),
    /// A tensor operation failed.
    #[error(transparent)]
    Tensor(#[from] mustool_nn::TensorError),
}

/// The result of anything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Errors of other crates are boxed, so that results stay small.
macro_rules! boxed {
    ($($variant:ident($error:ty)),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Self {
                Self::$variant(Box::new(error))
            }
        })*
    };
}

boxed!(
    Composer(mustool_composer::Error),
    Audio(mustool_audio::Error),
    Network(mustool_diffusion::Error),
    Nn(mustool_nn::Error),
);

fn first_reason(first: &Option<String>) -> String {
    first
        .as_ref()
        .map(|reason| format!(", the first because {reason}"))
        .unwrap_or_default()
}

pub(crate) fn read_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |source| Error::Read { path, source }
}

pub(crate) fn write_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = path.to_path_buf();
    move |source| Error::Write { path, source }
}
