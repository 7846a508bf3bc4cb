//! When notes begin: peaks of the onset strength.
//!
//! Spectral flux with a maximum filter over neighbouring bands, which forgives vibrato (SuperFlux,
//! Böck & Widmer, DAFx 2013), and their peak picking.

use crate::frontend::{NUM_MELS, RhythmBands};

/// Frames a second of the onset strength.
const FPS: f64 = 100.0;
/// Frames back that a frame is compared with.
const LAG: usize = 2;
/// Frames before and after that a peak tops.
const PEAK: (usize, usize) = (3, 5);
/// Frames before and after over which the mean is taken.
const MEAN: (usize, usize) = (10, 10);
/// How far a peak rises above the mean, in sums of `RhythmBands` values.
const THRESHOLD: f32 = 1.0;
/// Shortest time between onsets in frames.
const PAUSE: usize = 4;

/// How much louder each frame is than two frames before, summed over the mel bands: 100 values a
/// second, each ≥ 0, the first two 0.
pub fn onset_strength(bands: &RhythmBands) -> Vec<f32> {
    let frames: Vec<&[f32]> = bands.mel_frames().collect();
    let louder = |frame: usize| {
        let Some(before) = frame.checked_sub(LAG).map(|before| frames[before]) else {
            return 0.0;
        };
        let rise = |(band, now): (usize, &f32)| {
            let near = &before[band.saturating_sub(1)..(band + 2).min(NUM_MELS)];
            let before = near.iter().copied().fold(0.0, f32::max);
            (now - before).max(0.0)
        };
        frames[frame].iter().enumerate().map(rise).sum()
    };
    (0..frames.len()).map(louder).collect()
}

/// Times of onsets in seconds, in order, at least 40 ms apart.
pub fn onsets(onset_strength: &[f32]) -> Vec<f64> {
    let num_frames = onset_strength.len();
    let around = |frame: usize, (before, after): (usize, usize)| {
        &onset_strength[frame.saturating_sub(before)..(frame + after + 1).min(num_frames)]
    };
    let mut last: Option<usize> = None;
    let mut times = Vec::new();
    for (frame, &strength) in onset_strength.iter().enumerate() {
        let tops = around(frame, PEAK).iter().all(|&other| other <= strength);
        let near = around(frame, MEAN);
        let mean = near.iter().sum::<f32>() / near.len() as f32;
        let rested = last.is_none_or(|last| frame >= last + PAUSE);
        if tops && rested && strength > mean + THRESHOLD {
            last = Some(frame);
            times.push(frame as f64 / FPS);
        }
    }
    times
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::Frontend;
    use crate::testing::chirps;

    #[test]
    fn every_struck_note_is_an_onset_and_nothing_else() {
        let seen = Frontend::new(&chirps(5.0)).unwrap();
        let found = onsets(&onset_strength(&seen.rhythm));
        // The first note starts with the sound and has nothing before it.
        let expected: Vec<f64> = (1..20).map(|i| 0.25 * f64::from(i)).collect();
        assert_eq!(found.len(), expected.len(), "{found:?}");
        for (found, expected) in found.iter().zip(&expected) {
            assert!((found - expected).abs() < 0.035, "{found} {expected}");
        }
    }

    #[test]
    fn silence_has_none() {
        assert!(onsets(&[]).is_empty());
        assert!(onsets(&[0.0; 500]).is_empty());
    }
}
