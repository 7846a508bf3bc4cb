//! What can be wrong with a chord symbol, a key, a metre or a plan that someone typed or sent.

/// Longest chord, key or metre text that is looked at, in bytes.
pub(crate) const MAX_SYMBOL_BYTES: usize = 64;

/// Cuts text from outside to a length that is fit for an error message.
pub(crate) fn shown(text: &str) -> String {
    const MAX_SHOWN: usize = 40;
    match text.char_indices().nth(MAX_SHOWN) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// Why a text is not a chord symbol. The writer of the symbol has to mend it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseChordError {
    /// Nothing but spaces.
    #[error("a chord symbol is empty")]
    Empty,
    /// Longer than any chord symbol.
    #[error("a chord symbol of {length} bytes is too long; at most {max} are read")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// Harte's `X`: a sound that the annotator could not name, which is not the same as silence.
    #[error("`X` stands for a chord nobody could name; write `N` where no chord sounds")]
    Unnamed,
    /// Does not begin with a note from A to G.
    #[error("`{symbol}` does not begin with a note name from A to G")]
    Root {
        /// The symbol as written.
        symbol: String,
    },
    /// The part after the root is not understood from `rest` on.
    #[error("`{symbol}` is not a known chord: `{rest}` is not understood")]
    Quality {
        /// The symbol as written.
        symbol: String,
        /// What is left where reading stopped.
        rest: String,
    },
    /// What follows the slash is neither a note nor (in Harte's notation) a degree.
    #[error("`{symbol}` has an unknown bass: `{bass}`")]
    Bass {
        /// The symbol as written.
        symbol: String,
        /// The text after the slash.
        bass: String,
    },
}

/// Why a text is not a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseKeyError {
    /// Does not begin with a note from A to G.
    #[error("`{text}` does not begin with a tonic from A to G")]
    Tonic {
        /// The text as written.
        text: String,
    },
    /// The word after the tonic names no mode.
    #[error("`{mode}` in `{text}` is not a mode; try `major`, `minor` or `dorian`")]
    Mode {
        /// The text as written.
        text: String,
        /// The part that should have been the mode.
        mode: String,
    },
}

/// Why a text is not a time signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a time signature such as 3/4, 4/4 or 6/8")]
pub struct ParseMeterError {
    /// The text as written.
    pub text: String,
}

/// What is wrong with a plan, and where: `pointer` is a JSON pointer (RFC 6901) into it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("{pointer}: {reason}")]
pub struct PlanError {
    /// For example `/chords/3/t`.
    pub pointer: String,
    /// What is wrong there.
    pub reason: PlanFault,
}

/// The kinds of fault that a plan can have.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanFault {
    /// A number outside its range, or not a number.
    #[error("{value} is outside {min} to {max}")]
    Range {
        /// The value given.
        value: f64,
        /// Smallest allowed value.
        min: f64,
        /// Largest allowed value.
        max: f64,
    },
    /// A time that is not later than the one before it.
    #[error("{value} s does not come after {previous} s")]
    Order {
        /// The value given.
        value: f64,
        /// The time of the entry before.
        previous: f64,
    },
    /// More entries than are taken.
    #[error("{count} entries; at most {max} are taken")]
    TooMany {
        /// Entries given.
        count: usize,
        /// Entries allowed.
        max: usize,
    },
    /// Text longer than is taken.
    #[error("{length} bytes of text; at most {max} are taken")]
    TooLong {
        /// Bytes given.
        length: usize,
        /// Bytes allowed.
        max: usize,
    },
    /// A chord symbol that cannot be read.
    #[error(transparent)]
    Chord(#[from] ParseChordError),
}
