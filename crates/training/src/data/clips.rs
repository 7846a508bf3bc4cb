//! The prepared clips of a data set, read as training asks for them.
//!
//! Spectrograms lie as 16-bit floats, audio as 16-bit integers; only the crop that is wanted is
//! read, and the system keeps what fits in memory.

use super::prepare::{Index, Place, Skipped};
use super::record::Annotation;
use crate::error::{Error, Result, read_error};
use half::f16;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// Numbers of 16 bits in a file, in rows of one length.
#[derive(Debug)]
pub(crate) struct Rows {
    path: PathBuf,
    file: Mutex<File>,
    row: usize,
}

impl Rows {
    /// Opens a file that must hold `count` rows of `row` numbers.
    pub(crate) fn open(path: &Path, row: usize, count: usize) -> Result<Self> {
        let file = File::open(path).map_err(read_error(path))?;
        let (found, wanted) = (
            file.metadata().map_err(read_error(path))?.len(),
            2 * row as u64 * count as u64,
        );
        if found != wanted {
            return Err(Error::Config {
                path: path.to_path_buf(),
                reason: format!("has {found} bytes, not {wanted}: remove it to make it again"),
            });
        }
        Ok(Self {
            path: path.to_path_buf(),
            file: Mutex::new(file),
            row,
        })
    }

    /// `len` numbers from `start` of row `i`.
    pub(crate) fn read(
        &self,
        i: usize,
        start: usize,
        len: usize,
        widen: impl Fn([u8; 2]) -> f32,
    ) -> Result<Vec<f32>> {
        let mut bytes = vec![0u8; 2 * len];
        let offset = 2 * (i as u64 * self.row as u64 + start as u64);
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.read_exact(&mut bytes))
            .map_err(read_error(&self.path))?;
        drop(file);
        let (pairs, _) = bytes.as_chunks::<2>();
        Ok(pairs.iter().map(|&pair| widen(pair)).collect())
    }
}

/// All clips of one side of a data set.
#[derive(Debug)]
pub struct Clips {
    index: Index,
    spectrograms: Rows,
    audio: Rows,
}

impl Clips {
    /// Opens what [`super::prepare::prepare`] has made.
    pub fn open(place: &Place, index: Index) -> Result<Self> {
        let count = index.annotations.len();
        let row = |width: usize| index.num_frames * width;
        Ok(Self {
            spectrograms: Rows::open(&place.path("spectrograms"), row(index.num_bands), count)?,
            audio: Rows::open(&place.path("audio"), row(index.hop_length), count)?,
            index,
        })
    }

    /// Number of clips.
    pub fn len(&self) -> usize {
        self.index.annotations.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.index.annotations.is_empty()
    }

    /// Frames of every clip.
    pub fn num_frames(&self) -> usize {
        self.index.num_frames
    }

    /// Bands of every frame.
    pub fn num_bands(&self) -> usize {
        self.index.num_bands
    }

    /// Samples of every frame.
    pub fn hop_length(&self) -> usize {
        self.index.hop_length
    }

    /// What is known about all clips, in order.
    pub fn annotations(&self) -> &[Annotation] {
        &self.index.annotations
    }

    /// What was left out, and why.
    pub fn skipped(&self) -> &[Skipped] {
        &self.index.skipped
    }

    /// Changes when any clip does.
    pub fn fingerprint(&self) -> &str {
        &self.index.fingerprint
    }

    /// Log spectrogram of a part of clip `i`, `[frames][num_bands]`.
    ///
    /// # Panics
    /// If there is no such part.
    pub fn spectrogram(&self, i: usize, start: usize, frames: usize) -> Result<Vec<f32>> {
        let bands = self.index.num_bands;
        self.check(i, start, frames);
        let widen = |pair| f16::from_le_bytes(pair).to_f32();
        self.spectrograms
            .read(i, start * bands, frames * bands, widen)
    }

    /// Samples of the same frames, `frames · hop_length`.
    ///
    /// # Panics
    /// If there is no such part.
    pub fn audio(&self, i: usize, start: usize, frames: usize) -> Result<Vec<f32>> {
        let hop = self.index.hop_length;
        self.check(i, start, frames);
        let widen = |pair| f32::from(i16::from_le_bytes(pair)) / 32_768.0;
        self.audio.read(i, start * hop, frames * hop, widen)
    }

    fn check(&self, i: usize, start: usize, frames: usize) {
        let last = self.index.num_frames;
        assert!(
            i < self.len() && start + frames <= last,
            "no frames {start}+{frames} of {last} in clip {i}"
        );
    }

    /// Mean and standard deviation of the log spectrogram, over at most 256 clips.
    pub fn statistics(&self) -> Result<(f32, f32)> {
        let stride = (self.len() / 256).max(1);
        let (mut count, mut sum, mut squares) = (0u64, 0f64, 0f64);
        for i in (0..self.len()).step_by(stride) {
            for x in self.spectrogram(i, 0, self.num_frames())? {
                count += 1;
                sum += f64::from(x);
                squares += f64::from(x) * f64::from(x);
            }
        }
        let mean = sum / count.max(1) as f64;
        let variance = squares / count.max(1) as f64 - mean * mean;
        Ok((mean as f32, variance.max(1e-6).sqrt() as f32))
    }
}
