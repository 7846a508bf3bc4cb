//! Why music could not be composed, rendered or written.

use std::path::PathBuf;

/// What went wrong, by what the caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The soundfont is missing or cannot be read.
    #[error("cannot read the soundfont {path}")]
    ReadSoundFont {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The soundfont is not one, or is damaged.
    #[error("this is not a usable SoundFont 2 file: {reason}")]
    BadSoundFont {
        /// What is wrong with it.
        reason: String,
    },
    /// The soundfont is larger than is accepted.
    #[error("the soundfont is {bytes} bytes long; at most {limit} are accepted")]
    SoundFontTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The synthesizer does not run at this sample rate.
    #[error("cannot render at {sample_rate} Hz; 16000 to 96000 Hz are possible")]
    SampleRate {
        /// The rate asked for.
        sample_rate: u32,
    },
    /// The plan is not playable.
    #[error("the plan cannot be played")]
    Plan {
        /// What is wrong with it, and where.
        #[from]
        source: mustool_music::PlanError,
    },
    /// An instrument that the band does not have.
    #[error("there is no instrument called {name:?}")]
    UnknownInstrument {
        /// The name.
        name: String,
    },
    /// A style that is not known.
    #[error("there is no style called {name:?}")]
    UnknownStyle {
        /// The name.
        name: String,
    },
    /// The MIDI file could not be encoded.
    #[error("cannot write MIDI")]
    Midi {
        /// Why.
        source: std::io::Error,
    },
    /// A sound file could not be made.
    #[error("cannot write the sound")]
    Audio {
        /// Why.
        #[from]
        source: mustool_audio::Error,
    },
    /// A file of the corpus cannot be read or written.
    #[error("cannot write {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The folder holds a corpus of another seed, split or sample rate.
    #[error(
        "{path} already holds another corpus: its first record has {found}, asked was {wanted}"
    )]
    OtherCorpus {
        /// The records file.
        path: PathBuf,
        /// What is there.
        found: String,
        /// What was asked for.
        wanted: String,
    },
    /// A record could not be encoded.
    #[error("cannot encode record {index}")]
    Record {
        /// The clip.
        index: u64,
        /// Why.
        source: serde_json::Error,
    },
}

/// A result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
