//! What can go wrong with audio, by what the caller can do about it.
//!
//! Errors about a file carry its path (for bytes in memory: the name that the caller gave them),
//! the numbers that were compared, and the cause.

use std::path::PathBuf;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a sound could not be read, written or processed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file does not exist or may not be read.
    #[error("cannot open {path}")]
    Open {
        /// File that was asked for.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Reading stopped half-way for a reason outside the file.
    #[error("cannot read {path}")]
    Read {
        /// File that was being read.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file could not be written; nothing of it is left on disk.
    #[error("cannot write {path}")]
    Write {
        /// File that was to be written.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A writer that the caller supplied failed.
    #[error("cannot write audio")]
    Output(#[from] std::io::Error),
    /// The file is sound, or at least a known kind of file, but not one that can be decoded here.
    #[error("{path} is {format}, which is not supported; {remedy}")]
    Unsupported {
        /// File that was asked for.
        path: PathBuf,
        /// What the content looks like.
        format: String,
        /// What the user can do.
        remedy: &'static str,
    },
    /// The content is no audio file, or so broken that no sound could be taken from it.
    #[error("{path} is damaged: {reason}")]
    Damaged {
        /// File that was asked for.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// The file is well-formed and holds no samples.
    #[error("{path} holds no samples")]
    Empty {
        /// File that was asked for.
        path: PathBuf,
    },
    /// The file is larger than the limit allows.
    #[error("{path} has {bytes} bytes; at most {max_bytes} are accepted")]
    TooLarge {
        /// File that was asked for.
        path: PathBuf,
        /// Its size.
        bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The sound is longer than the limit allows.
    #[error("{path} lasts at least {duration_s:.1} s; at most {max_duration_s} s are accepted")]
    TooLong {
        /// File that was asked for.
        path: PathBuf,
        /// Declared duration, or how much had been decoded when the limit was passed.
        duration_s: f64,
        /// The limit.
        max_duration_s: f64,
    },
    /// The sound has more channels than the limit allows.
    #[error("{path} has {channels} channels; at most {max_channels} are accepted")]
    TooManyChannels {
        /// File that was asked for.
        path: PathBuf,
        /// Channels in the file.
        channels: usize,
        /// The limit.
        max_channels: u16,
    },
    /// The sample rate lies outside the limits.
    #[error("{path} has a sample rate of {sample_rate} Hz; {min_hz} to {max_hz} Hz are accepted")]
    SampleRateOutOfRange {
        /// File that was asked for.
        path: PathBuf,
        /// Sample rate of the file, in Hz.
        sample_rate: u32,
        /// Lowest accepted rate, in Hz.
        min_hz: u32,
        /// Highest accepted rate, in Hz.
        max_hz: u32,
    },
    /// A sample of the file is NaN or infinite.
    #[error("{path} has a sample that is not a finite number, at index {index}")]
    NotFiniteIn {
        /// File that was asked for.
        path: PathBuf,
        /// Index into the interleaved samples.
        index: usize,
    },
    /// A sample is NaN or infinite.
    #[error("sample {index} is not a finite number")]
    NotFinite {
        /// Index into the interleaved samples.
        index: usize,
    },
    /// The samples cannot be divided among the channels.
    #[error("{num_samples} samples cannot be shared among {channels} channels")]
    Layout {
        /// Number of interleaved samples.
        num_samples: usize,
        /// Number of channels.
        channels: u16,
    },
    /// A sample rate of zero, or one that the operation cannot take.
    #[error("a sample rate of {sample_rate} Hz cannot be used")]
    SampleRate {
        /// The rate, in Hz.
        sample_rate: u32,
    },
    /// Two sounds that must share channels and sample rate do not.
    #[error(
        "cannot join {left_channels} channels at {left_rate} Hz with {right_channels} channels at {right_rate} Hz"
    )]
    Mismatch {
        /// Channels of the first sound.
        left_channels: u16,
        /// Sample rate of the first sound, in Hz.
        left_rate: u32,
        /// Channels of the second sound.
        right_channels: u16,
        /// Sample rate of the second sound, in Hz.
        right_rate: u32,
    },
    /// A range or length reaches beyond the sound.
    #[error("frames {start} to {end} lie outside a sound of {num_frames} frames")]
    OutOfRange {
        /// First frame wanted.
        start: usize,
        /// Frame after the last one wanted.
        end: usize,
        /// Frames that there are.
        num_frames: usize,
    },
    /// An array has the wrong length.
    #[error("{actual} values are not {what} ({expected})")]
    Shape {
        /// What the array should hold.
        what: &'static str,
        /// Length, or divisor of the length, that was expected.
        expected: usize,
        /// Length that was given.
        actual: usize,
    },
    /// The file format has no room for this sound.
    #[error("{format} cannot hold {what} = {value}")]
    Format {
        /// Name of the file format.
        format: &'static str,
        /// Which number does not fit.
        what: &'static str,
        /// The number.
        value: u64,
    },
    /// The resampler refused the sound.
    #[error("cannot resample from {from_hz} Hz to {to_hz} Hz: {reason}")]
    Resample {
        /// Sample rate of the sound, in Hz.
        from_hz: u32,
        /// Sample rate that was wanted, in Hz.
        to_hz: u32,
        /// What the resampler said.
        reason: String,
    },
    /// An encoder refused the sound.
    #[error("the {format} encoder failed: {reason}")]
    Encode {
        /// Name of the file format.
        format: &'static str,
        /// What the encoder said.
        reason: String,
    },
    /// A tag cannot be stored or read.
    #[error("tag {key:?}: {reason}")]
    Tag {
        /// Key of the tag.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A setting makes no sense.
    #[error("{setting} = {value} is out of range: {expected}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// Its value.
        value: f64,
        /// What is accepted.
        expected: &'static str,
    },
}
