//! What can go wrong when music is judged.

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The music could not be analysed, or the weights of the judge are wrong.
    #[error(transparent)]
    Analysis(#[from] mustool_mir::Error),
    /// The sound could not be transformed.
    #[error("cannot measure the sound")]
    Audio(#[from] mustool_audio::Error),
    /// A distribution needs more pieces.
    #[error("{found} pieces make no distribution; {min} are needed")]
    TooFew {
        /// How many there are.
        found: usize,
        /// How many are needed.
        min: usize,
    },
    /// Values that belong together differ in number.
    #[error("{what}: {found} values instead of {expected}")]
    Shape {
        /// What was compared.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// The list of names that belongs to the judge's weights is no such list.
    #[error("the judge's names cannot be read")]
    Names(#[from] serde_json::Error),
}
