//! Waveform in, waveform out: everything that touches sound as numbers, from file to file.
//!
//! Reading is [`decode`], writing is [`wav`] and [`flac`], both with [`tags`]. Between them:
//! [`resample`], the spectrograms ([`stft`], [`mel`], [`semitone`]), [`loudness`], [`edit`] and
//! [`peaks`]. There are no tensors, no networks and no knowledge of chords or beats here.

mod container;
pub mod decode;
pub mod edit;
pub mod error;
pub mod file;
mod filterbank;
pub mod flac;
mod limiter;
pub mod loudness;
pub mod mel;
mod mp4;
mod pcm;
pub mod peaks;
pub mod resample;
pub mod semitone;
pub mod stft;
pub mod tags;
#[cfg(test)]
mod testing;
pub mod wav;
mod waveform;

pub use error::{Error, Result};
pub use tags::Tags;
pub use waveform::Waveform;
