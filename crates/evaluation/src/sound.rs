//! Whether a sound is sound: clipping, silence and loudness; and how well one sound restores
//! another.
//!
//! Distances between spectra as they are used for vocoders: log-mel, and the multi-resolution STFT
//! loss of Yamamoto, Song & Kim (ICASSP 2020). No model of hearing.

use mustool_audio::loudness;
use mustool_audio::mel::{LogMel, MelConfig};
use mustool_audio::resample::resample;
use mustool_audio::stft::Stft;
use mustool_audio::{Result as AudioResult, Waveform};
use serde::Serialize;

use crate::Result;

/// From here on a sample counts as clipped.
const FULL_SCALE: f32 = 0.999;
/// Stretches of 100 ms below this root mean square (−50 dB) are silent.
const SILENCE_RMS: f64 = 0.003_16;
/// Transform sizes and hops of the multi-resolution distance.
const RESOLUTIONS: [(usize, usize); 3] = [(512, 128), (1024, 256), (2048, 512)];
/// Smallest magnitude in a logarithm.
const FLOOR: f32 = 1e-5;

/// Faults of a sound that need no ear.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Soundness {
    /// Share of samples at full scale, 0 to 1.
    pub clipped: f64,
    /// Share of stretches of 100 ms that are silent, 0 to 1; 1 for an empty sound.
    pub silent: f64,
    /// Integrated loudness; none for silence.
    pub integrated_lufs: Option<f64>,
}

/// Measures a sound.
pub fn soundness(waveform: &Waveform) -> Soundness {
    let samples = waveform.samples();
    let clipped = samples
        .iter()
        .filter(|sample| sample.abs() >= FULL_SCALE)
        .count();
    let frames = (waveform.sample_rate() as usize / 10).max(1);
    let stretch = frames * usize::from(waveform.channels());
    let silent = |part: &&[f32]| {
        let energy: f64 = part.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        (energy / part.len() as f64).sqrt() < SILENCE_RMS
    };
    let share = |count: usize, of: usize, of_none: f64| {
        if of == 0 {
            of_none
        } else {
            count as f64 / of as f64
        }
    };
    let stretches = samples.chunks(stretch);
    let num_stretches = stretches.len();
    Soundness {
        clipped: share(clipped, samples.len(), 0.0),
        silent: share(stretches.filter(silent).count(), num_stretches, 1.0),
        integrated_lufs: loudness::measure(waveform)
            .ok()
            .and_then(|l| l.integrated_lufs),
    }
}

/// How far a restored sound is from its original.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Reconstruction {
    /// Mean difference of the log-mel spectrograms of Mustango, in nats.
    pub log_mel: f64,
    /// Norm of the difference of the magnitudes over that of the original, mean of three
    /// resolutions; 0 is equal, 1 is as far as silence.
    pub spectral_convergence: f64,
    /// Mean difference of the log-magnitudes, in nats, mean of three resolutions.
    pub log_magnitude: f64,
}

/// Compares the first channels' mean of two sounds, over the length of the shorter. All is 0 for
/// empty sounds.
pub fn reconstruction(original: &Waveform, restored: &Waveform) -> Result<Reconstruction> {
    let config = MelConfig::default();
    let mono = |sound: &Waveform| -> AudioResult<Vec<f32>> {
        Ok(resample(&sound.to_mono(), config.sampling_rate)?.into_samples())
    };
    let (mut a, mut b) = (mono(original)?, mono(restored)?);
    let length = a.len().min(b.len());
    a.truncate(length);
    b.truncate(length);
    let log_mel = LogMel::new(&config)?;
    let mel = mean_difference(log_mel.compute(&a).values(), log_mel.compute(&b).values());
    let (mut convergence, mut log_magnitude) = (0.0, 0.0);
    for (n_fft, hop_length) in RESOLUTIONS {
        let stft = Stft::new(n_fft, hop_length)?;
        let (a, b) = (
            stft.magnitude(&a).into_values(),
            stft.magnitude(&b).into_values(),
        );
        let norm = |x: &mut dyn Iterator<Item = f64>| x.map(|v| v * v).sum::<f64>().sqrt();
        let apart = norm(&mut a.iter().zip(&b).map(|(a, b)| f64::from(a - b)));
        let whole = norm(&mut a.iter().map(|&a| f64::from(a)));
        convergence += if whole > 0.0 { apart / whole } else { apart };
        let log = |x: &[f32]| -> Vec<f32> { x.iter().map(|v| v.max(FLOOR).ln()).collect() };
        log_magnitude += mean_difference(&log(&a), &log(&b));
    }
    let count = RESOLUTIONS.len() as f64;
    Ok(Reconstruction {
        log_mel: mel,
        spectral_convergence: convergence / count,
        log_magnitude: log_magnitude / count,
    })
}

fn mean_difference(a: &[f32], b: &[f32]) -> f64 {
    let sum: f64 = a.iter().zip(b).map(|(a, b)| f64::from((a - b).abs())).sum();
    if a.is_empty() {
        0.0
    } else {
        sum / a.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(gain: f32) -> Waveform {
        let sample = |i: usize| gain * (0.13 * i as f32).sin();
        Waveform::mono((0..16_000).map(sample).collect(), 16_000).unwrap()
    }

    #[test]
    fn faults_are_shares() {
        let fine = soundness(&sine(0.5));
        assert_eq!((fine.clipped, fine.silent), (0.0, 0.0));
        assert!(
            fine.integrated_lufs
                .is_some_and(|lufs| (-15.0..-5.0).contains(&lufs))
        );
        let half = [vec![1.0; 8000], vec![0.0; 8000]].concat();
        let half = soundness(&Waveform::mono(half, 16_000).unwrap());
        assert_eq!((half.clipped, half.silent), (0.5, 0.5));
        let empty = soundness(&Waveform::mono(Vec::new(), 16_000).unwrap());
        assert_eq!(
            (empty.clipped, empty.silent, empty.integrated_lufs),
            (0.0, 1.0, None)
        );
    }

    #[test]
    fn a_sound_restores_itself_and_half_of_it_is_half_as_good() {
        let same = reconstruction(&sine(0.5), &sine(0.5)).unwrap();
        assert_eq!(
            (same.log_mel, same.spectral_convergence, same.log_magnitude),
            (0.0, 0.0, 0.0)
        );
        let half = reconstruction(&sine(0.5), &sine(0.25)).unwrap();
        assert!((half.spectral_convergence - 0.5).abs() < 1e-3, "{half:?}");
        assert!(
            half.log_magnitude > 0.2 && half.log_magnitude < 0.7,
            "{half:?}"
        );
        let silence = Waveform::mono(vec![0.0; 16_000], 16_000).unwrap();
        let lost = reconstruction(&sine(0.5), &silence).unwrap();
        assert!((lost.spectral_convergence - 1.0).abs() < 1e-6);
        let nothing = Waveform::mono(Vec::new(), 16_000).unwrap();
        assert_eq!(reconstruction(&nothing, &sine(0.5)).unwrap().log_mel, 0.0);
    }
}
