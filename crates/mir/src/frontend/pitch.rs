//! How loud every semitone from E1 to E♭8 is, ten times a second, in the tuning of the recording.
//!
//! A constant-Q picture of one long Fourier transform (Brown 1991) with three bands a semitone,
//! from which the tuning is read as in Chordino (Mauch & Dixon 2010: the phase of the three-band
//! cycle). Notes below E2 share bins with their neighbours; their overtones tell them apart.

use mustool_audio::stft::{Spectrogram, Stft};

use super::{SAMPLE_RATE, no_frames};
use crate::Result;

/// MIDI note of the lowest band: E1, 41 Hz.
pub const LOWEST_MIDI: u8 = 28;
/// Number of semitones, seven octaves.
pub const NUM_SEMITONES: usize = 84;
/// Frames a second of [`PitchBands::semitones`].
pub const PITCH_FPS: f64 = 10.0;
/// Frames a second of the transform, of which two make a frame.
const FINE_FPS: f64 = 20.0;
const HOP_LENGTH: usize = 1200;
const N_FFT: usize = 8192;
/// Bands a semitone.
const THIRDS: usize = 3;
/// What a magnitude is multiplied with before `ln(1 + x)`; a full-scale sine has magnitude 1.
const COMPRESSION: f32 = 1000.0;
/// Frames that are transformed at once.
const BLOCK: usize = 512;

/// Semitones over time.
#[derive(Debug, Clone)]
pub struct PitchBands {
    /// `[frames][NUM_SEMITONES]`, `ln(1 + 1000 · magnitude)`, 10 frames a second; frame i is the
    /// mean around 0.1 · i + 0.025 s.
    pub semitones: Spectrogram,
    /// The same 20 times a second.
    pub(crate) fine: Spectrogram,
    /// How far the recording is above 440 Hz, −50 to 50 cents; 0 for silence.
    pub tuning_cents: f64,
}

impl PitchBands {
    /// Of samples at [`SAMPLE_RATE`].
    pub(crate) fn new(samples: &[f32]) -> Result<Self> {
        let stft = Stft::new(N_FFT, HOP_LENGTH)?;
        let filters = filters();
        let num_frames = stft.num_frames(samples.len());
        let scale = 2.0 / stft.window_sum();
        let mut powers = Vec::with_capacity(num_frames * filters.len());
        // In blocks, since the whole transform of an hour would not fit into memory. Blocks overlap
        // by a window, so that every frame sees the sound around it.
        let context = N_FFT.div_ceil(HOP_LENGTH);
        for first in (0..num_frames).step_by(BLOCK) {
            let last = (first + BLOCK).min(num_frames);
            let from = first.saturating_sub(context);
            let end = ((last + context) * HOP_LENGTH).min(samples.len());
            let magnitudes = stft.magnitude(&samples[from * HOP_LENGTH..end]);
            for frame in magnitudes.frames().skip(first - from).take(last - first) {
                powers.extend(filters.iter().map(|(start, weights)| {
                    let bins = frame[*start..].iter().zip(weights);
                    bins.map(|(bin, weight)| (bin * scale).powi(2) * weight)
                        .sum::<f32>()
                }));
            }
        }
        if powers.is_empty() {
            return Ok(Self {
                semitones: no_frames(NUM_SEMITONES),
                fine: no_frames(NUM_SEMITONES),
                tuning_cents: 0.0,
            });
        }
        let thirds = Spectrogram::new(powers, filters.len())?;
        let tuning = tuning(&thirds);
        let fine = semitones(&thirds, tuning)?;
        let semitones = in_pairs(&fine)?;
        Ok(Self {
            semitones,
            fine,
            tuning_cents: 100.0 * tuning,
        })
    }

    /// Time of the middle of frame `frame` of [`PitchBands::semitones`], in seconds.
    pub fn time_s(frame: usize) -> f64 {
        frame as f64 / PITCH_FPS + 0.5 / FINE_FPS
    }
}

/// One triangle for each third of a semitone: first bin and weights. A sine in the middle of a
/// band has its full power there, in low bands spread over the neighbours.
fn filters() -> Vec<(usize, Vec<f32>)> {
    let bin_hz = f64::from(SAMPLE_RATE) / N_FFT as f64;
    (0..NUM_SEMITONES * THIRDS)
        .map(|band| {
            let third = band as f64 - 1.0;
            let midi = f64::from(LOWEST_MIDI) + third / THIRDS as f64;
            let centre_hz = 440.0 * ((midi - 69.0) / 12.0).exp2();
            let half_hz = (centre_hz * ((1.0_f64 / 36.0).exp2() - 1.0)).max(1.2 * bin_hz);
            let first = ((centre_hz - half_hz) / bin_hz).ceil().max(0.0) as usize;
            let last = ((centre_hz + half_hz) / bin_hz).floor() as usize;
            let weight = |bin: usize| 1.0 - (bin as f64 * bin_hz - centre_hz).abs() / half_hz;
            (
                first,
                (first..=last).map(|bin| weight(bin) as f32).collect(),
            )
        })
        .collect()
}

/// Tuning in semitones, −0.5 to 0.5: the phase of the cycle of three bands, weighted by magnitude.
/// Low bands are too wide to tell, so the lowest two octaves do not count.
fn tuning(thirds: &Spectrogram) -> f64 {
    let mut sums = [0.0_f64; THIRDS];
    for frame in thirds.frames() {
        for (band, power) in frame.iter().enumerate().skip(24 * THIRDS) {
            sums[band % THIRDS] += f64::from(*power).sqrt();
        }
    }
    let angle = |i: usize| std::f64::consts::TAU * (i as f64 - 1.0) / THIRDS as f64;
    let (re, im) = sums
        .iter()
        .enumerate()
        .fold((0.0, 0.0), |(re, im), (i, sum)| {
            (re + sum * angle(i).cos(), im + sum * angle(i).sin())
        });
    if re.hypot(im) > 0.0 {
        im.atan2(re) / std::f64::consts::TAU
    } else {
        0.0
    }
}

/// Compressed magnitudes of semitones that lie `tuning` semitones above the bands' own.
fn semitones(thirds: &Spectrogram, tuning: f64) -> Result<Spectrogram> {
    // Weights of the five thirds around the middle of a semitone.
    let weight = |offset: i32| (1.0 - (f64::from(offset) - 3.0 * tuning).abs() / 1.5).max(0.0);
    let weights: Vec<f32> = (-3..=3).map(|offset| weight(offset) as f32).collect();
    let num_thirds = NUM_SEMITONES * THIRDS;
    let mut values = Vec::with_capacity(thirds.num_frames() * NUM_SEMITONES);
    for frame in thirds.frames() {
        values.extend((0..NUM_SEMITONES).map(|semitone| {
            let power: f32 = weights
                .iter()
                .enumerate()
                .filter_map(|(i, weight)| {
                    let band = (semitone * THIRDS + 1 + i).checked_sub(3)?;
                    (band < num_thirds).then(|| frame[band] * weight)
                })
                .sum();
            (COMPRESSION * power.sqrt()).ln_1p()
        }));
    }
    Ok(Spectrogram::new(values, NUM_SEMITONES)?)
}

/// The mean of every two frames; a last single frame stands for itself.
fn in_pairs(fine: &Spectrogram) -> Result<Spectrogram> {
    let num_bands = fine.num_bands();
    let mut values = Vec::with_capacity(fine.values().len() / 2 + num_bands);
    for pair in fine.values().chunks(2 * num_bands) {
        let (first, second) = pair.split_at(num_bands);
        let second = if second.is_empty() { first } else { second };
        values.extend(first.iter().zip(second).map(|(a, b)| (a + b) / 2.0));
    }
    Ok(Spectrogram::new(values, num_bands)?)
}

/// How loud each pitch class is in a frame of semitones, C first: the sum over the octaves.
pub fn chroma(semitones: &[f32]) -> [f32; 12] {
    let mut sums = [0.0; 12];
    for (semitone, value) in semitones.iter().enumerate() {
        sums[(semitone + usize::from(LOWEST_MIDI)) % 12] += value;
    }
    sums
}
