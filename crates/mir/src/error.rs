//! What can go wrong when music is analysed.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a sound could not be analysed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The sound lasts longer than the analysis takes at once.
    #[error("the sound lasts {duration_s:.1} s; at most {max_s} s are analysed at once")]
    TooLong {
        /// Its length.
        duration_s: f64,
        /// The limit.
        max_s: f64,
    },
    /// The sound could not be resampled or transformed.
    #[error("cannot prepare the sound for analysis")]
    Audio(#[from] mustool_audio::Error),
    /// Weights of a network are missing, mis-shaped or not numbers.
    #[error("weights {name}: {reason}")]
    Weights {
        /// Name of the tensor or of the file.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
}
