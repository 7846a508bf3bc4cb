//! How loud 36 mel bands are a hundred times a second, and how fast the harmony changes.
//!
//! The logarithmic spectrogram that beat trackers read since Böck & Schedl (DAFx 2011), with
//! novelty curves of the chroma (Foote 2000) for music whose bars are heard in its harmony only.

use mustool_audio::mel::{LogMel, MelConfig};
use mustool_audio::stft::Spectrogram;

use super::pitch::PitchBands;
use super::{SAMPLE_RATE, chroma, no_frames};
use crate::Result;

/// Frames a second of [`RhythmBands::bands`].
pub const RHYTHM_FPS: f64 = 50.0;
/// Mel bands.
pub const NUM_MELS: usize = 36;
/// Values a frame: the mel bands of its first and of its second half, then six novelty curves.
pub const NUM_BANDS: usize = 2 * NUM_MELS + NUM_NOVELTIES;
const NUM_NOVELTIES: usize = 2 * SPANS.len();
/// Lengths before and after that the novelty compares, in frames of 50 ms.
const SPANS: [usize; 3] = [4, 10, 20];
/// Semitones that count as bass.
const BASS_SEMITONES: usize = 24;
/// ln(0.003): everything softer is silence.
const FLOOR: f32 = -5.8;

/// What happens when.
#[derive(Debug, Clone)]
pub struct RhythmBands {
    /// `[frames][NUM_BANDS]`, 50 frames a second; frame i begins at i / 50 s.
    pub bands: Spectrogram,
}

/// `[frames][NUM_MELS]`, 100 frames a second, from 0 for silence to about 3.
pub(super) fn log_mel(samples: &[f32]) -> Result<Spectrogram> {
    let config = MelConfig {
        filter_length: 1024,
        hop_length: 240,
        win_length: 1024,
        n_mel_channels: NUM_MELS,
        sampling_rate: SAMPLE_RATE,
        mel_fmin: 30.0,
        mel_fmax: 11_000.0,
    };
    let log_mel = LogMel::new(&config)?.compute(samples);
    // The frame centred on the very end of the sound is dropped.
    let num_frames = samples.len() / config.hop_length;
    let values = log_mel.values()[..num_frames * NUM_MELS].iter();
    let values = values
        .map(|value| (value.max(FLOOR) - FLOOR) / 3.0)
        .collect();
    Ok(Spectrogram::new(values, NUM_MELS)?)
}

impl RhythmBands {
    pub(super) fn new(log_mel: &Spectrogram, pitch: &PitchBands) -> Self {
        let novelties = novelties(&pitch.fine);
        let num_frames = log_mel.num_frames().div_ceil(2);
        let mut values = Vec::with_capacity(num_frames * NUM_BANDS);
        for (frame, halves) in log_mel.values().chunks(2 * NUM_MELS).enumerate() {
            let (first, second) = halves.split_at(NUM_MELS);
            values.extend_from_slice(first);
            values.extend_from_slice(if second.is_empty() { first } else { second });
            values.extend(novelty_at(&novelties, frame as f64 * 20.0 / RHYTHM_FPS));
        }
        let bands = if values.is_empty() {
            no_frames(NUM_BANDS)
        } else {
            Spectrogram::new(values, NUM_BANDS).expect("every frame is complete")
        };
        Self { bands }
    }

    /// Mel bands 100 times a second, `[frames][NUM_MELS]` (one more where the count is odd).
    pub fn mel_frames(&self) -> impl Iterator<Item = &[f32]> {
        self.bands
            .frames()
            .flat_map(|frame| frame[..2 * NUM_MELS].chunks_exact(NUM_MELS))
    }
}

/// `[frames][NUM_NOVELTIES]`: 1 − the cosine between the chroma before and after, over all pitches
/// for each span, then over the bass for each span. 0 is no change, and so is silence.
fn novelties(fine: &Spectrogram) -> Vec<[f32; NUM_NOVELTIES]> {
    let all: Vec<[f32; 12]> = fine.frames().map(chroma).collect();
    let bass: Vec<[f32; 12]> = fine
        .frames()
        .map(|frame| chroma(&frame[..BASS_SEMITONES]))
        .collect();
    let (all, bass) = (running_sums(&all), running_sums(&bass));
    let num_frames = fine.num_frames();
    (0..num_frames)
        .map(|frame| {
            let change = |sums: &[[f64; 12]], span: usize| {
                let (from, to) = (frame.saturating_sub(span), (frame + span).min(num_frames));
                let part = |a: usize, b: usize| std::array::from_fn(|i| sums[b][i] - sums[a][i]);
                distance(&part(from, frame), &part(frame, to))
            };
            std::array::from_fn(|i| {
                let sums = if i < SPANS.len() { &all } else { &bass };
                change(sums, SPANS[i % SPANS.len()])
            })
        })
        .collect()
}

/// Sums of everything before each frame, one more than there are frames.
fn running_sums(frames: &[[f32; 12]]) -> Vec<[f64; 12]> {
    let mut sums = vec![[0.0; 12]];
    for frame in frames {
        let last = sums[sums.len() - 1];
        sums.push(std::array::from_fn(|i| last[i] + f64::from(frame[i])));
    }
    sums
}

/// 1 − the cosine of the deviations from the mean, halved: 0 to 1.
fn distance(a: &[f64; 12], b: &[f64; 12]) -> f32 {
    let centred = |x: &[f64; 12]| -> [f64; 12] {
        let mean = x.iter().sum::<f64>() / 12.0;
        std::array::from_fn(|i| x[i] - mean)
    };
    let (a, b) = (centred(a), centred(b));
    let dot = |x: &[f64; 12], y: &[f64; 12]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let norm = (dot(&a, &a) * dot(&b, &b)).sqrt();
    if norm > 1e-9 {
        (0.5 - 0.5 * dot(&a, &b) / norm) as f32
    } else {
        0.0
    }
}

/// The curves at a fractional frame.
fn novelty_at(novelties: &[[f32; NUM_NOVELTIES]], position: f64) -> [f32; NUM_NOVELTIES] {
    let Some(last) = novelties.len().checked_sub(1) else {
        return [0.0; NUM_NOVELTIES];
    };
    let before = (position as usize).min(last);
    let after = (before + 1).min(last);
    let part = (position - before as f64).clamp(0.0, 1.0) as f32;
    std::array::from_fn(|i| novelties[before][i] * (1.0 - part) + novelties[after][i] * part)
}
