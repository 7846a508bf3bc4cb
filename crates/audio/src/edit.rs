//! Cutting and joining sounds: crop, fade, crossfade, loop, and setting a new part into an old one.
//!
//! Positions and lengths are in frames. Tempo and pitch are never changed here.

use serde::{Deserialize, Serialize};

use crate::{Error, Result, Waveform};

/// How the volume moves during a fade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Curve {
    /// Keeps the power constant: right for joining different music.
    #[default]
    EqualPower,
    /// Keeps the sum of the gains at 1: right for joining two takes of the same music.
    Linear,
}

impl Curve {
    /// Gain of the sound that comes in at `frame` of a fade of `num_frames`; strictly between 0
    /// and 1, and the mirror image of the gain of the sound that goes out.
    fn gain(self, frame: usize, num_frames: usize) -> f32 {
        let x = (frame + 1) as f64 / (num_frames + 1) as f64;
        match self {
            Self::EqualPower => (x * std::f64::consts::FRAC_PI_2).sin() as f32,
            Self::Linear => x as f32,
        }
    }
}

/// Frames `start` to `end` (exclusive) of `waveform`.
pub fn crop(waveform: &Waveform, start: usize, end: usize) -> Result<Waveform> {
    let num_frames = waveform.num_frames();
    if start > end || end > num_frames {
        return Err(Error::OutOfRange {
            start,
            end,
            num_frames,
        });
    }
    let channels = usize::from(waveform.channels());
    rebuild(
        waveform,
        waveform.samples()[start * channels..end * channels].to_vec(),
    )
}

/// `waveform` cut or filled with silence to `num_frames`.
pub fn with_num_frames(waveform: &Waveform, num_frames: usize) -> Result<Waveform> {
    let mut samples = waveform.samples().to_vec();
    samples.resize(num_frames * usize::from(waveform.channels()), 0.0);
    rebuild(waveform, samples)
}

/// One sound after the other. Both have the same channels and sample rate.
pub fn concat(first: &Waveform, second: &Waveform) -> Result<Waveform> {
    crossfade(first, second, 0, Curve::Linear)
}

/// The first `num_frames` rise from silence; the whole sound if it is shorter.
pub fn fade_in(waveform: &Waveform, num_frames: usize, curve: Curve) -> Result<Waveform> {
    let length = num_frames.min(waveform.num_frames());
    with_gain(waveform, |frame| {
        if frame < length {
            curve.gain(frame, length)
        } else {
            1.0
        }
    })
}

/// The last `num_frames` sink to silence; the whole sound if it is shorter.
pub fn fade_out(waveform: &Waveform, num_frames: usize, curve: Curve) -> Result<Waveform> {
    let length = num_frames.min(waveform.num_frames());
    let last = waveform.num_frames().saturating_sub(1);
    let gain = |from_end: usize| {
        if from_end < length {
            curve.gain(from_end, length)
        } else {
            1.0
        }
    };
    with_gain(waveform, |frame| gain(last - frame))
}

/// `first`, whose last `overlap` frames fade into the first `overlap` frames of `second`.
///
/// The result is `overlap` frames shorter than both together. Both have the same channels and
/// sample rate, and at least `overlap` frames.
pub fn crossfade(
    first: &Waveform,
    second: &Waveform,
    overlap: usize,
    curve: Curve,
) -> Result<Waveform> {
    check_same(first, second)?;
    for sound in [first, second] {
        if overlap > sound.num_frames() {
            return Err(Error::OutOfRange {
                start: 0,
                end: overlap,
                num_frames: sound.num_frames(),
            });
        }
    }
    let channels = usize::from(first.channels());
    let (head, tail) = first
        .samples()
        .split_at(first.samples().len() - overlap * channels);
    let (start, rest) = second.samples().split_at(overlap * channels);
    let mut samples = Vec::with_capacity(first.samples().len() + rest.len());
    samples.extend_from_slice(head);
    samples.extend(tail.iter().zip(start).enumerate().map(|(i, (old, new))| {
        let frame = i / channels;
        old * curve.gain(overlap - 1 - frame, overlap) + new * curve.gain(frame, overlap)
    }));
    samples.extend_from_slice(rest);
    rebuild(first, samples)
}

/// A sound that may be repeated without a seam: its last `overlap` frames fade into its first.
///
/// The result is `overlap` frames shorter; `overlap` is at most half of the sound.
pub fn seamless_loop(waveform: &Waveform, overlap: usize, curve: Curve) -> Result<Waveform> {
    let num_frames = waveform.num_frames();
    if overlap > num_frames / 2 {
        return Err(Error::OutOfRange {
            start: 0,
            end: overlap,
            num_frames,
        });
    }
    let tail = crop(waveform, num_frames - overlap, num_frames)?;
    crossfade(
        &tail,
        &crop(waveform, 0, num_frames - overlap)?,
        overlap,
        curve,
    )
}

/// `waveform` with `patch` in place of its frames from `start` on.
///
/// Within the patch, its first and last `overlap` frames are crossfaded with what was there; at
/// the very start or end of the sound there is no crossfade. The patch must lie inside the sound
/// and have at least 2 · `overlap` frames. Everything outside the patch is exactly as before.
pub fn replace(
    waveform: &Waveform,
    patch: &Waveform,
    start: usize,
    overlap: usize,
    curve: Curve,
) -> Result<Waveform> {
    check_same(waveform, patch)?;
    let (num_frames, patch_frames) = (waveform.num_frames(), patch.num_frames());
    let end = start.saturating_add(patch_frames);
    if end > num_frames || overlap > patch_frames / 2 {
        return Err(Error::OutOfRange {
            start,
            end,
            num_frames,
        });
    }
    let channels = usize::from(waveform.channels());
    let mut samples = waveform.samples().to_vec();
    let place = samples[start * channels..end * channels].chunks_exact_mut(channels);
    for (frame, (old, new)) in place.zip(patch.frames()).enumerate() {
        let from_end = patch_frames - 1 - frame;
        let (inward, outward) = match () {
            () if frame < overlap && start > 0 => (
                curve.gain(frame, overlap),
                curve.gain(overlap - 1 - frame, overlap),
            ),
            () if from_end < overlap && end < num_frames => (
                curve.gain(from_end, overlap),
                curve.gain(overlap - 1 - from_end, overlap),
            ),
            () => (1.0, 0.0),
        };
        old.iter_mut()
            .zip(new)
            .for_each(|(old, new)| *old = *old * outward + new * inward);
    }
    rebuild(waveform, samples)
}

fn with_gain(waveform: &Waveform, gain: impl Fn(usize) -> f32) -> Result<Waveform> {
    let scaled = waveform.frames().enumerate().flat_map(|(frame, samples)| {
        let gain = gain(frame);
        samples.iter().map(move |sample| sample * gain)
    });
    rebuild(waveform, scaled.collect())
}

fn rebuild(like: &Waveform, samples: Vec<f32>) -> Result<Waveform> {
    Waveform::new(samples, like.channels(), like.sample_rate())
}

fn check_same(left: &Waveform, right: &Waveform) -> Result<()> {
    let of = |sound: &Waveform| (sound.channels(), sound.sample_rate());
    if of(left) == of(right) {
        return Ok(());
    }
    let ((left_channels, left_rate), (right_channels, right_rate)) = (of(left), of(right));
    Err(Error::Mismatch {
        left_channels,
        left_rate,
        right_channels,
        right_rate,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn constant(value: f32, num_frames: usize) -> Waveform {
        Waveform::new(vec![value; 2 * num_frames], 2, 8000).unwrap()
    }

    fn ramp(num_frames: usize) -> Waveform {
        Waveform::mono((0..num_frames).map(|i| i as f32 / 1000.0).collect(), 8000).unwrap()
    }

    #[test]
    fn parts_join_to_the_whole() {
        let whole = ramp(100);
        let (a, b) = (crop(&whole, 0, 37).unwrap(), crop(&whole, 37, 100).unwrap());
        assert_eq!(concat(&a, &b).unwrap(), whole);
        assert!(crop(&whole, 3, 101).is_err());
        assert!(crop(&whole, 5, 4).is_err());
        assert_eq!(with_num_frames(&whole, 120).unwrap().num_frames(), 120);
        assert_eq!(with_num_frames(&whole, 37).unwrap(), a);
    }

    #[test]
    fn fades_mirror_each_other() {
        let sound = constant(1.0, 10);
        let rising = fade_in(&sound, 4, Curve::Linear).unwrap();
        assert_eq!(rising.channel(0)[..5], [0.2, 0.4, 0.6, 0.8, 1.0]);
        let mut sinking = fade_out(&sound, 4, Curve::Linear).unwrap().channel(0);
        sinking.reverse();
        assert_eq!(sinking, rising.channel(0));
        assert_eq!(
            fade_out(&constant(1.0, 0), 4, Curve::Linear)
                .unwrap()
                .num_frames(),
            0
        );
        assert!(fade_in(&sound, 50, Curve::EqualPower).unwrap().peak() < 1.0);
    }

    #[test]
    fn mismatched_sounds_are_refused() {
        let mono = ramp(10);
        assert!(matches!(
            concat(&mono, &constant(0.0, 10)),
            Err(Error::Mismatch { .. })
        ));
        assert!(crossfade(&mono, &mono, 11, Curve::Linear).is_err());
        assert!(replace(&mono, &mono, 1, 0, Curve::Linear).is_err());
        assert!(seamless_loop(&mono, 6, Curve::Linear).is_err());
    }

    #[test]
    fn a_loop_continues_where_it_began() {
        let sound = ramp(1000);
        let looped = seamless_loop(&sound, 100, Curve::Linear).unwrap();
        assert_eq!(looped.num_frames(), 900);
        // The frame after the last one is the first one: the step is as small as within the sound.
        assert!((looped.samples()[899] - 0.899).abs() < 1e-6);
        assert!(
            (looped.samples()[0] - 0.9).abs() < 0.01,
            "{}",
            looped.samples()[0]
        );
    }

    proptest! {
        #[test]
        fn linear_keeps_level_and_equal_power_keeps_power(overlap in 0_usize..50) {
            let sound = constant(0.5, 50);
            let joined = crossfade(&sound, &sound, overlap, Curve::Linear).unwrap();
            prop_assert_eq!(joined.num_frames(), 100 - overlap);
            prop_assert!(joined.samples().iter().all(|x| (x - 0.5).abs() < 1e-6));
            for frame in 0..overlap {
                let (a, b) = (Curve::EqualPower.gain(frame, overlap), Curve::EqualPower.gain(overlap - 1 - frame, overlap));
                prop_assert!((a * a + b * b - 1.0).abs() < 1e-6);
            }
        }

        #[test]
        fn a_patch_touches_nothing_else(start in 0_usize..80, length in 0_usize..20, overlap in 0_usize..10) {
            let (old, patch) = (constant(0.25, 100), constant(0.75, length));
            prop_assume!(overlap <= length / 2);
            let patched = replace(&old, &patch, start, overlap, Curve::Linear).unwrap();
            for (frame, samples) in patched.frames().enumerate() {
                let inside = (start..start + length).contains(&frame);
                let right = if inside { samples[0] > 0.25 } else { samples == [0.25, 0.25] };
                prop_assert!(right, "frame {}: {:?}", frame, samples);
            }
            prop_assert_eq!(replace(&old, &crop(&old, 0, length).unwrap(), start, 0, Curve::EqualPower).unwrap(), old);
        }
    }
}
