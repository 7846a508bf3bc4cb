//! Waveform in, waveform out: everything that touches sound as numbers, from file to file.
//!
//! Reading is [`decode`], writing is [`encode`] (WAV, FLAC, MP3, Ogg Opus), both with [`tags`].
//! Between them:
//! [`resample`], the spectrograms ([`stft`], [`mel`], [`semitone`]), [`loudness`], [`edit`] and
//! [`peaks`]. There are no tensors, no networks and no knowledge of chords or beats here.

mod container;
pub mod decode;
pub mod edit;
pub mod encode;
pub mod error;
pub mod file;
mod filterbank;
pub mod flac;
mod id3;
mod limiter;
pub mod loudness;
pub mod mel;
pub mod mp3;
mod mp4;
pub mod opus;
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
