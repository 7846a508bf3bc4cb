//! Holds peaks below a ceiling by turning the volume down in time, as a mastering limiter does.
//!
//! The gain is known before it is needed, because the whole sound is: it falls within 5 ms before
//! a peak and recovers over about 100 ms after it. All channels share it, so that nothing moves in
//! the stereo picture. Nothing is clipped, delayed or cut.

use std::collections::VecDeque;

use crate::{Result, Waveform};

/// How far the gain looks to either side, in seconds.
const LOOK_AHEAD_S: f64 = 0.005;
/// Time constant of the recovery, in seconds.
const RELEASE_S: f64 = 0.1;
/// Points between two samples at which the wave is looked at, and the sample itself.
const OVERSAMPLING: usize = 4;
/// Samples on either side that decide the wave between two samples.
const REACH: usize = 12;

/// `waveform` with its peaks, also those between samples, at `ceiling` (linear, above 0) or below.
///
/// What is below the ceiling and not near a peak is unchanged.
pub(crate) fn limit(waveform: &Waveform, ceiling: f32) -> Result<Waveform> {
    let peaks = peak_per_frame(waveform);
    let wanted: Vec<f32> = peaks
        .iter()
        .map(|&peak| if peak > ceiling { ceiling / peak } else { 1.0 })
        .collect();
    let sample_rate = f64::from(waveform.sample_rate());
    let reach = (LOOK_AHEAD_S * sample_rate).ceil() as usize;
    let release = (-1.0 / (RELEASE_S * sample_rate)).exp();
    let lowest = recover_slowly(lowest_nearby(&wanted, reach), release);
    // Each mean is over values that are at most what its middle frame wants.
    let gains = mean_nearby(&mean_nearby(&lowest, reach / 2), reach - reach / 2);
    let channels = usize::from(waveform.channels());
    let samples = waveform
        .frames()
        .zip(&gains)
        .flat_map(|(frame, &gain)| frame.iter().map(move |x| x * gain));
    let samples: Vec<f32> = samples.collect();
    debug_assert_eq!(samples.len(), gains.len() * channels);
    Waveform::new(samples, waveform.channels(), waveform.sample_rate())
}

/// The highest absolute value of the wave from the sample before to the sample after each frame.
fn peak_per_frame(waveform: &Waveform) -> Vec<f32> {
    let kernels: Vec<_> = (1..OVERSAMPLING).map(interpolation_kernel).collect();
    let mut peaks = vec![0.0_f32; waveform.num_frames()];
    for channel in 0..waveform.channels() {
        let samples = waveform.channel(channel);
        let mut padded = vec![0.0; REACH - 1];
        padded.extend(&samples);
        padded.extend([0.0; REACH]);
        for (t, neighbours) in padded.windows(2 * REACH).enumerate() {
            let between = kernels.iter().map(|kernel| {
                kernel
                    .iter()
                    .zip(neighbours)
                    .map(|(a, b)| a * b)
                    .sum::<f32>()
                    .abs()
            });
            let between = between.fold(0.0, f32::max);
            peaks[t] = peaks[t].max(between).max(samples[t].abs());
            if let Some(next) = peaks.get_mut(t + 1) {
                *next = next.max(between);
            }
        }
    }
    peaks
}

/// A Hann-windowed sinc for the point `step / OVERSAMPLING` after the middle sample.
fn interpolation_kernel(step: usize) -> Vec<f32> {
    let offset = step as f64 / OVERSAMPLING as f64;
    let weight = |i: usize| {
        let x = i as f64 - (REACH - 1) as f64 - offset;
        let angle = std::f64::consts::PI * x;
        let window = 0.5 + 0.5 * (angle / REACH as f64).cos();
        (window * angle.sin() / angle) as f32
    };
    (0..2 * REACH).map(weight).collect()
}

/// The lowest value within `reach` positions of each.
fn lowest_nearby(values: &[f32], reach: usize) -> Vec<f32> {
    // Candidates in rising order of value and position; the first is the lowest.
    let mut candidates: VecDeque<usize> = VecDeque::new();
    let mut lowest = Vec::with_capacity(values.len());
    let mut next = 0;
    for position in 0..values.len() {
        while next < values.len().min(position + reach + 1) {
            while candidates
                .back()
                .is_some_and(|&last| values[last] >= values[next])
            {
                candidates.pop_back();
            }
            candidates.push_back(next);
            next += 1;
        }
        while candidates
            .front()
            .is_some_and(|&first| first + reach < position)
        {
            candidates.pop_front();
        }
        lowest.push(candidates.front().map_or(1.0, |&first| values[first]));
    }
    lowest
}

/// Falls at once and rises towards 1 exponentially; never above the input.
fn recover_slowly(mut gains: Vec<f32>, release: f64) -> Vec<f32> {
    // In f64, for the last steps towards 1 are too small for f32.
    let mut before = 1.0_f64;
    for gain in &mut gains {
        before = f64::from(*gain).min(1.0 - (1.0 - before) * release);
        *gain = before as f32;
    }
    gains
}

/// The mean within `reach` positions of each; the ends are continued.
fn mean_nearby(values: &[f32], reach: usize) -> Vec<f32> {
    let (Some(&first), Some(&last)) = (values.first(), values.last()) else {
        return Vec::new();
    };
    let at = |position: usize| match position.checked_sub(reach) {
        None => f64::from(first),
        Some(inside) => f64::from(values.get(inside).copied().unwrap_or(last)),
    };
    let width = 2 * reach + 1;
    let mut sum: f64 = (0..width).map(at).sum();
    let mut means = Vec::with_capacity(values.len());
    for position in 0..values.len() {
        means.push((sum / width as f64) as f32);
        sum += at(position + width) - at(position);
    }
    means
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_lowest_nearby_is_the_minimum(values in prop::collection::vec(0.0_f32..1.0, 0..60), reach in 0_usize..9) {
            let found = lowest_nearby(&values, reach);
            prop_assert_eq!(found.len(), values.len());
            for (i, &lowest) in found.iter().enumerate() {
                let nearby = &values[i.saturating_sub(reach)..(i + reach + 1).min(values.len())];
                prop_assert_eq!(lowest, nearby.iter().copied().fold(1.0, f32::min));
            }
        }

        #[test]
        fn samples_stay_below_the_ceiling_and_quiet_ones_untouched(
            samples in prop::collection::vec(-4.0_f32..4.0, 1..900),
            ceiling in 0.2_f32..1.0,
        ) {
            let mut long = samples.clone();
            long.extend(vec![0.01; 48_000 * 2]);
            let sound = Waveform::mono(long, 48_000).unwrap();
            let limited = limit(&sound, ceiling).unwrap();
            prop_assert!(limited.peak() <= ceiling * 1.0001, "{}", limited.peak());
            prop_assert!((limited.samples().last().unwrap() - 0.01).abs() < 1e-6);
        }
    }

    #[test]
    fn means_continue_the_ends() {
        assert_eq!(mean_nearby(&[0.0, 3.0, 3.0], 1), [1.0, 2.0, 3.0]);
        assert_eq!(mean_nearby(&[2.0], 4), [2.0]);
        assert!(mean_nearby(&[], 4).is_empty());
    }

    #[test]
    fn both_channels_get_the_same_gain() {
        let loud: Vec<f32> = (0..4000)
            .map(|i| if i == 2000 { 2.0 } else { 0.1 })
            .collect();
        let soft = vec![0.1; 4000];
        let limited = limit(&Waveform::from_channels(&[loud, soft], 8000).unwrap(), 0.5).unwrap();
        let frame = limited.frames().nth(2000).unwrap();
        assert!((frame[0] / frame[1] - 20.0).abs() < 1e-4, "{frame:?}");
        assert!(frame[0] <= 0.5);
        assert_eq!(limited.frames().next().unwrap(), [0.1, 0.1]);
    }
}
