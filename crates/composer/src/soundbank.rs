//! A soundfont made ready for one sample rate.
//!
//! The synthesizer reads samples by linear interpolation and has no anti-aliasing filter, so a
//! cymbal recorded at 44.1 kHz would fold back when played at 24 kHz. Every sample is therefore
//! low-passed once, on loading, below the Nyquist frequency of the output; rendering then costs
//! half of rendering at twice the rate. SoundFont 2.04 is the file format.

use crate::error::{Error, Result};
use rustysynth::SoundFont;
use std::io::{Cursor, Read};
use std::path::Path;
use std::sync::Arc;

/// The largest soundfont that is read.
const MAX_BYTES: u64 = 1 << 30;
/// Taps of the low-pass filter on each side of its centre.
const HALF_TAPS: usize = 40;
/// Bytes of a sample header.
const HEADER_BYTES: usize = 46;

/// Sounds for rendering at one sample rate; cheap to clone, safe to share between threads.
#[derive(Debug, Clone)]
pub struct SoundBank {
    font: Arc<SoundFont>,
    sample_rate: u32,
}

impl SoundBank {
    /// Reads a SoundFont 2 file for rendering at `sample_rate`, 16000 to 96000 Hz.
    pub fn open(path: &Path, sample_rate: u32) -> Result<Self> {
        let read = |source| Error::ReadSoundFont {
            path: path.to_owned(),
            source,
        };
        let file = std::fs::File::open(path).map_err(read)?;
        let bytes = file.metadata().map_err(read)?.len();
        if bytes > MAX_BYTES {
            return Err(Error::SoundFontTooLarge {
                bytes,
                limit: MAX_BYTES,
            });
        }
        let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or(0));
        file.take(MAX_BYTES)
            .read_to_end(&mut content)
            .map_err(read)?;
        Self::from_bytes(content, sample_rate)
    }

    /// Takes the bytes of a SoundFont 2 file for rendering at `sample_rate`.
    pub fn from_bytes(mut content: Vec<u8>, sample_rate: u32) -> Result<Self> {
        if !(16_000..=96_000).contains(&sample_rate) {
            return Err(Error::SampleRate { sample_rate });
        }
        band_limit(&mut content, sample_rate)?;
        let font =
            SoundFont::new(&mut Cursor::new(content)).map_err(|error| Error::BadSoundFont {
                reason: error.to_string(),
            })?;
        Ok(Self {
            font: Arc::new(font),
            sample_rate,
        })
    }

    /// The rate that this bank renders at, in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    pub(crate) fn font(&self) -> &Arc<SoundFont> {
        &self.font
    }
}

/// Low-passes all samples of a soundfont in place.
fn band_limit(content: &mut [u8], sample_rate: u32) -> Result<()> {
    let bad = |reason: &str| Error::BadSoundFont {
        reason: reason.to_owned(),
    };
    let (smpl, shdr) = find_chunks(content).ok_or_else(|| bad("no sample chunks in it"))?;
    let headers: Vec<(usize, usize, u32)> = content[shdr]
        .chunks_exact(HEADER_BYTES)
        .map(|header| {
            let word = |at: usize| {
                u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
            };
            (word(20) as usize, word(24) as usize, word(36))
        })
        .collect();
    let samples = &mut content[smpl];
    let mut ranges: Vec<(usize, usize, u32)> = headers
        .into_iter()
        .filter(|&(start, end, rate)| start < end && 2 * end <= samples.len() && rate > sample_rate)
        .collect();
    // Headers may share samples; each stretch is filtered once.
    ranges.sort_unstable();
    let mut done = 0;
    for (start, end, rate) in ranges {
        let start = start.max(done);
        if start < end {
            low_pass(
                &mut samples[2 * start..2 * end],
                f64::from(sample_rate) / f64::from(rate),
            );
            done = end;
        }
    }
    Ok(())
}

type Range = std::ops::Range<usize>;

/// The contents of `smpl` and `shdr`, by walking the RIFF lists.
fn find_chunks(content: &[u8]) -> Option<(Range, Range)> {
    let mut found: (Option<Range>, Option<Range>) = (None, None);
    let mut lists: Vec<Range> = std::iter::once(12..content.len()).collect();
    while let Some(list) = lists.pop() {
        let mut at = list.start;
        while at + 8 <= list.end {
            let id = content.get(at..at + 4)?;
            let size = content.get(at + 4..at + 8)?;
            let size = u32::from_le_bytes([size[0], size[1], size[2], size[3]]) as usize;
            let end = at.checked_add(8)?.checked_add(size)?.min(list.end);
            match id {
                b"LIST" if end >= at + 12 => lists.push(at + 12..end),
                b"smpl" => found.0 = Some(at + 8..end),
                b"shdr" => found.1 = Some(at + 8..end),
                _ => {}
            }
            at = at + 8 + size + size % 2;
        }
    }
    Some((found.0?, found.1?))
}

/// Windowed-sinc low-pass (Kaiser, β = 6, about −63 dB) of 16-bit samples. `ratio` is the output
/// rate over the rate of the samples; the cut-off is at 0.43 of the output rate.
fn low_pass(bytes: &mut [u8], ratio: f64) {
    let cutoff = 0.86 * ratio; // of the samples' own Nyquist frequency
    let window = |n: f64| bessel(6.0 * (1.0 - n * n).max(0.0).sqrt()) / bessel(6.0);
    let mut taps: Vec<f32> = (0..=HALF_TAPS)
        .map(|n| {
            let x = std::f64::consts::PI * n as f64 * cutoff;
            let sinc = if n == 0 { 1.0 } else { x.sin() / x };
            (cutoff * sinc * window(n as f64 / (HALF_TAPS + 1) as f64)) as f32
        })
        .collect();
    let gain = taps[0] + 2.0 * taps[1..].iter().sum::<f32>();
    taps.iter_mut().for_each(|tap| *tap /= gain);
    let kernel: Vec<f32> = taps[1..].iter().rev().chain(&taps).copied().collect();
    let pad = std::iter::repeat_n(0.0, HALF_TAPS);
    let source = bytes
        .chunks_exact(2)
        .map(|b| f32::from(i16::from_le_bytes([b[0], b[1]])));
    let padded: Vec<f32> = pad.clone().chain(source).chain(pad).collect();
    for (out, frame) in bytes.chunks_exact_mut(2).zip(padded.windows(kernel.len())) {
        let sum = dot(frame, &kernel);
        let sample = sum.round().clamp(-32768.0, 32767.0) as i16;
        out.copy_from_slice(&sample.to_le_bytes());
    }
}

/// A dot product in eight lanes, which compilers turn into vector code.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = a_chunks
        .remainder()
        .iter()
        .zip(b_chunks.remainder())
        .map(|(x, y)| x * y)
        .sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            lanes[lane] += x[lane] * y[lane];
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The modified Bessel function of order zero, by its series.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..30 {
        term *= (x / (2.0 * f64::from(k))).powi(2);
        sum += term;
    }
    sum
}
