//! How loud a sound is to the ear, and bringing it to a wanted loudness without distortion.
//!
//! Integrated loudness and true peak as in EBU R 128 and ITU-R BS.1770-4, measured by the crate
//! `ebur128`. Peaks are held back by a limiter that looks ahead, never by clipping. A single
//! channel counts once, not as two speakers. There is no loudness range and no momentary meter.

use ebur128::{EbuR128, Mode};
use serde::Serialize;

use crate::limiter::limit;
use crate::{Error, Result, Waveform};

/// Loudness of a whole sound.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Loudness {
    /// Integrated loudness in LUFS; none for silence (below −70 LUFS) and for sounds shorter than
    /// 0.4 s, which the standard does not define.
    pub integrated_lufs: Option<f64>,
    /// Highest peak between the samples, in dB relative to full scale; none for digital silence.
    pub true_peak_dbtp: Option<f64>,
}

/// The most that [`normalise`] raises a sound, in dB, lest near-silence become noise.
pub const MAX_GAIN_DB: f64 = 40.0;
/// How often the gain is corrected for what the limiter took away.
const MAX_ROUNDS: usize = 6;
/// Deviation from the target that needs no further correction, in LU.
const CLOSE_ENOUGH_LU: f64 = 0.05;

/// Measures loudness and true peak. Refuses sample rates below 16 Hz or above 2.8 MHz and more
/// than 64 channels.
pub fn measure(waveform: &Waveform) -> Result<Loudness> {
    let mut meter = meter(waveform, Mode::I)?;
    meter
        .add_frames_f32(waveform.samples())
        .map_err(|_| refused(waveform))?;
    let integrated = meter.loudness_global().map_err(|_| refused(waveform))?;
    let peak = true_peak(waveform)?;
    Ok(Loudness {
        integrated_lufs: integrated.is_finite().then_some(integrated),
        true_peak_dbtp: (peak > 0.0).then(|| 20.0 * peak.log10()),
    })
}

/// `waveform` at `target_lufs`, with no true peak above `true_peak_dbtp`; as long as before.
///
/// Where both cannot be had the ceiling wins, and the sound stays below the target. Silence stays
/// silence; a sound that is too short to have a loudness is only held below the ceiling. The
/// target is from −70 to 0 LUFS, the ceiling from −20 to 0 dBTP.
pub fn normalise(waveform: &Waveform, target_lufs: f64, true_peak_dbtp: f64) -> Result<Waveform> {
    let setting = |setting, value, expected| {
        Err(Error::Setting {
            setting,
            value,
            expected,
        })
    };
    if !(-70.0..=0.0).contains(&target_lufs) {
        return setting("target_lufs", target_lufs, "-70 to 0 LUFS");
    }
    if !(-20.0..=0.0).contains(&true_peak_dbtp) {
        return setting("true_peak_dbtp", true_peak_dbtp, "-20 to 0 dBTP");
    }
    let ceiling = from_db(true_peak_dbtp);
    let Some(integrated_lufs) = measure(waveform)?.integrated_lufs else {
        return held_below(waveform, 0.0, ceiling);
    };
    let mut gain_db = (target_lufs - integrated_lufs).min(MAX_GAIN_DB);
    let mut result = held_below(waveform, gain_db, ceiling)?;
    for _ in 0..MAX_ROUNDS {
        let reached_lufs = measure(&result)?.integrated_lufs.unwrap_or(target_lufs);
        let missing_lu = target_lufs - reached_lufs;
        // Only what the limiter took is given back, and never more than 6 dB at a time.
        if missing_lu < CLOSE_ENOUGH_LU || gain_db >= MAX_GAIN_DB {
            break;
        }
        gain_db = (gain_db + missing_lu.min(6.0)).min(MAX_GAIN_DB);
        let louder = held_below(waveform, gain_db, ceiling)?;
        let gained = measure(&louder)?.integrated_lufs.unwrap_or(reached_lufs) - reached_lufs;
        if gained < missing_lu.min(6.0) / 8.0 {
            break; // Hardly louder, only flatter: not worth it.
        }
        result = louder;
    }
    Ok(result)
}

/// `waveform` raised by `gain_db`, with its true peaks brought down to `ceiling` (linear).
fn held_below(waveform: &Waveform, gain_db: f64, ceiling: f64) -> Result<Waveform> {
    let raised = waveform.scaled(from_db(gain_db) as f32)?;
    if true_peak(&raised)? <= ceiling {
        return Ok(raised);
    }
    let limited = limit(&raised, ceiling as f32)?;
    // The meter interpolates a little differently than the limiter.
    let peak = true_peak(&limited)?;
    if peak > ceiling {
        limited.scaled((ceiling / peak) as f32)
    } else {
        Ok(limited)
    }
}

/// Highest true peak of all channels, linear.
fn true_peak(waveform: &Waveform) -> Result<f64> {
    let mut meter = meter(waveform, Mode::TRUE_PEAK)?;
    meter
        .add_frames_f32(waveform.samples())
        .map_err(|_| refused(waveform))?;
    // The meter's filter holds the last frames back until others follow.
    let silence = vec![0.0; 64 * usize::from(waveform.channels())];
    meter
        .add_frames_f32(&silence)
        .map_err(|_| refused(waveform))?;
    let peak = |channel| meter.true_peak(channel).map_err(|_| refused(waveform));
    (0..u32::from(waveform.channels()))
        .try_fold(0.0, |highest, channel| Ok(peak(channel)?.max(highest)))
}

fn meter(waveform: &Waveform, mode: Mode) -> Result<EbuR128> {
    EbuR128::new(waveform.channels().into(), waveform.sample_rate(), mode)
        .map_err(|_| refused(waveform))
}

fn refused(waveform: &Waveform) -> Error {
    if waveform.channels() > 64 {
        let value = waveform.channels().into();
        return Error::Format {
            format: "a loudness meter",
            what: "channels",
            value,
        };
    }
    Error::SampleRate {
        sample_rate: waveform.sample_rate(),
    }
}

/// Decibels as a linear factor.
pub fn from_db(db: f64) -> f64 {
    10.0_f64.powf(db / 20.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn sine(hz: f64, phase: f64, gain: f64, seconds: f64) -> Vec<f32> {
        let turn = |i: usize| (std::f64::consts::TAU * hz * i as f64 / 48_000.0 + phase).sin();
        (0..(seconds * 48_000.0) as usize)
            .map(|i| (gain * turn(i)) as f32)
            .collect()
    }

    fn stereo(channel: Vec<f32>) -> Waveform {
        Waveform::from_channels(&[channel.clone(), channel], 48_000).unwrap()
    }

    /// Sine with noise bursts at regular distances: soft music with hard attacks.
    fn drums(gain: f32, seed: u32) -> Waveform {
        let mut state = seed;
        let mut samples = sine(220.0, 0.0, 0.05, 3.0);
        for (i, sample) in samples.iter_mut().enumerate() {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = state as f32 / 2_147_483_648.0 - 1.0;
            let decay = (-((i % 12_000) as f32) / 600.0).exp();
            *sample = gain * (*sample + 0.8 * noise * decay);
        }
        stereo(samples)
    }

    #[test]
    fn the_standards_own_signal_measures_minus_23() {
        // EBU Tech 3341, test 1: a stereo sine of 1 kHz at −23 dBFS is −23 LUFS.
        let found = measure(&stereo(sine(1000.0, 0.0, from_db(-23.0), 20.0))).unwrap();
        assert!(
            (found.integrated_lufs.unwrap() + 23.0).abs() < 0.1,
            "{found:?}"
        );
        assert!(
            (found.true_peak_dbtp.unwrap() + 23.0).abs() < 0.1,
            "{found:?}"
        );
    }

    #[test]
    fn peaks_between_samples_are_seen() {
        // EBU Tech 3341, test 16: a quarter of the rate at 45° peaks 3 dB above its samples.
        let wave = sine(12_000.0, std::f64::consts::FRAC_PI_4, 0.5, 1.0);
        let found = measure(&Waveform::mono(wave, 48_000).unwrap()).unwrap();
        assert!(
            (found.true_peak_dbtp.unwrap() + 6.02).abs() < 0.3,
            "{found:?}"
        );
    }

    #[test]
    fn gain_alone_suffices_where_there_is_room() {
        let before = stereo(sine(440.0, 0.0, 0.05, 3.0));
        let after = normalise(&before, -20.0, -1.0).unwrap();
        assert!((measure(&after).unwrap().integrated_lufs.unwrap() + 20.0).abs() < 0.01);
        let ratio = after.samples()[1001] / before.samples()[1001];
        for (a, b) in after.samples().iter().zip(before.samples()) {
            assert!((a - ratio * b).abs() < 1e-6, "the gain is not constant");
        }
    }

    #[test]
    fn drums_reach_the_target_below_the_ceiling() {
        let before = drums(1.0, 1);
        let after = normalise(&before, -14.0, -1.0).unwrap();
        let found = measure(&after).unwrap();
        assert!(
            (found.integrated_lufs.unwrap() + 14.0).abs() < 0.3,
            "{found:?}"
        );
        assert!(found.true_peak_dbtp.unwrap() <= -0.99, "{found:?}");
        assert_eq!(after.num_frames(), before.num_frames());
    }

    #[test]
    fn silence_stays_and_the_very_short_is_only_limited() {
        let silence = stereo(vec![0.0; 48_000]);
        assert_eq!(normalise(&silence, -14.0, -1.0).unwrap(), silence);
        let empty = stereo(vec![]);
        assert_eq!(normalise(&empty, -14.0, -1.0).unwrap(), empty);
        assert_eq!(
            measure(&silence).unwrap(),
            Loudness {
                integrated_lufs: None,
                true_peak_dbtp: None
            }
        );
        let click = Waveform::mono(vec![0.0, 2.0, 0.0], 48_000).unwrap();
        let held = measure(&normalise(&click, -14.0, -1.0).unwrap()).unwrap();
        assert!(held.true_peak_dbtp.unwrap() <= -0.99, "{held:?}");
        let faint = stereo(sine(440.0, 0.0, 1e-5, 1.0));
        assert_eq!(normalise(&faint, -14.0, -1.0).unwrap(), faint);
    }

    #[test]
    fn targets_that_make_no_sense_are_refused() {
        let sound = stereo(vec![0.1; 100]);
        for (target, ceiling) in [
            (1.0, -1.0),
            (f64::NAN, -1.0),
            (-14.0, 0.1),
            (-14.0, f64::NAN),
        ] {
            assert!(normalise(&sound, target, ceiling).is_err());
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn no_sound_exceeds_the_ceiling(
            gain in 0.01_f32..8.0,
            seed in any::<u32>(),
            target in -24.0..-5.0,
            ceiling in -6.0..0.0,
        ) {
            let after = normalise(&drums(gain, seed), target, ceiling).unwrap();
            let found = measure(&after).unwrap();
            prop_assert!(found.true_peak_dbtp.unwrap() <= ceiling + 0.01, "{:?}", found);
            prop_assert!(found.integrated_lufs.unwrap() <= target + 0.1, "{:?}", found);
        }
    }
}
