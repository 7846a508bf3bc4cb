//! The default model's picture of sound: how loud every semitone is, a hundred times a second.
//!
//! A constant-Q spectrogram (Brown 1991) made of two Fourier transforms: a long one, which tells
//! low notes apart (from C3 upwards; below, neighbouring semitones share bins), and a short one,
//! which places high notes in time. Its twin for training is
//! `tests/fixtures/semitone/semitone.py`. The way back to sound is a network, and is not here.

use serde::{Deserialize, Serialize};

use crate::filterbank::{Filterbank, magnitudes};
use crate::stft::{Spectrogram, Stft};
use crate::{Error, Result};

/// Shape of the spectrogram; the defaults are those of the default model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SemitoneConfig {
    /// Sample rate of the sound, in Hz: 24,000.
    pub sample_rate: u32,
    /// Samples from frame to frame: 240, which is 10 ms.
    pub hop_length: usize,
    /// Number of semitones: 96, which is eight octaves.
    pub num_bands: usize,
    /// MIDI note of the lowest band: 31, the G of 49 Hz.
    pub lowest_midi: u8,
    /// Transform size for bands below `crossover_hz`: 3072, which is 128 ms.
    pub n_fft_low: usize,
    /// Transform size for the other bands: 1536, which is 64 ms.
    pub n_fft_high: usize,
    /// Where the short transform takes over, in Hz: 520.
    pub crossover_hz: f64,
    /// Smallest magnitude, where a full-scale sine has about 1: 0.0001, which is −80 dB.
    pub floor: f32,
}

impl Default for SemitoneConfig {
    fn default() -> Self {
        Self {
            sample_rate: 24_000,
            hop_length: 240,
            num_bands: 96,
            lowest_midi: 31,
            n_fft_low: 3072,
            n_fft_high: 1536,
            crossover_hz: 520.0,
            floor: 1e-4,
        }
    }
}

/// Bins below this carry no music, in Hz.
const LOWEST_HZ: f64 = 20.0;

impl SemitoneConfig {
    /// Centre of band `band` in Hz, in equal temperament with A4 at 440 Hz.
    pub fn centre_hz(&self, band: usize) -> f64 {
        440.0 * ((band as f64 + f64::from(self.lowest_midi) - 69.0) / 12.0).exp2()
    }

    /// Value of a silent band: ln(`floor`).
    pub fn silence(&self) -> f32 {
        self.floor.ln()
    }

    /// Filter of `band` over the bins of a transform of `n_fft`, summing to 1.
    ///
    /// A triangle over frequency that reaches to the neighbouring semitones, or one bin if that is
    /// wider. The lowest band also takes everything from 20 Hz up to its centre.
    fn filter(&self, band: usize, n_fft: usize) -> Result<Vec<f32>> {
        let bin_hz = f64::from(self.sample_rate) / n_fft as f64;
        let centre_hz = self.centre_hz(band);
        let half_width_hz = (centre_hz * ((1.0_f64 / 12.0).exp2() - 1.0)).max(bin_hz);
        let weight = |bin: usize| {
            let hz = bin as f64 * bin_hz;
            match band {
                0 if (LOWEST_HZ..=centre_hz).contains(&hz) => 1.0,
                _ => (1.0 - (hz - centre_hz).abs() / half_width_hz).max(0.0),
            }
        };
        let weights: Vec<f64> = (0..=n_fft / 2).map(weight).collect();
        let sum: f64 = weights.iter().sum();
        if sum <= 0.0 || centre_hz * 2.0 > f64::from(self.sample_rate) {
            return Err(Error::Setting {
                setting: "num_bands",
                value: self.num_bands as f64,
                expected: "bands below half the sample rate",
            });
        }
        Ok(weights
            .into_iter()
            .map(|weight| (weight / sum) as f32)
            .collect())
    }
}

/// Computes the semitone spectrogram; one may serve many sounds.
#[derive(Clone, Debug)]
pub struct SemitoneSpectrogram {
    config: SemitoneConfig,
    /// Bands below the crossover, then those above it.
    parts: [(Stft, Filterbank); 2],
}

impl SemitoneSpectrogram {
    /// Prepares transforms and filters. Refuses bands beyond half the sample rate, a floor that is
    /// not positive, and sizes that [`Stft::new`] refuses.
    pub fn new(config: SemitoneConfig) -> Result<Self> {
        let setting = |setting, value, expected| {
            Err(Error::Setting {
                setting,
                value,
                expected,
            })
        };
        if config.sample_rate == 0 {
            return Err(Error::SampleRate { sample_rate: 0 });
        }
        if !(1..=256).contains(&config.num_bands) {
            return setting("num_bands", config.num_bands as f64, "1 to 256");
        }
        if !(config.floor.is_normal() && config.floor > 0.0) {
            return setting("floor", config.floor.into(), "a positive number");
        }
        let bands = 0..config.num_bands;
        let split = bands
            .clone()
            .filter(|&band| config.centre_hz(band) < config.crossover_hz)
            .count();
        let part = |bands: std::ops::Range<usize>, n_fft: usize| -> Result<(Stft, Filterbank)> {
            let stft = Stft::new(n_fft, config.hop_length)?;
            let filters: Result<Vec<_>> = bands.map(|band| config.filter(band, n_fft)).collect();
            Ok((stft, Filterbank::new(filters?)))
        };
        let parts = [
            part(0..split, config.n_fft_low)?,
            part(split..config.num_bands, config.n_fft_high)?,
        ];
        Ok(Self { config, parts })
    }

    /// The shape that was asked for.
    pub fn config(&self) -> &SemitoneConfig {
        &self.config
    }

    /// Frames for a sound of `num_samples`: one for each whole hop.
    pub fn num_frames(&self, num_samples: usize) -> usize {
        num_samples / self.config.hop_length
    }

    /// Natural logarithm of each semitone's magnitude, `[frames][bands]`, never below
    /// [`SemitoneConfig::silence`]. A full-scale sine on a band's centre gives
    /// −0.5 in the lowest bands, which are one bin wide, down to −3 in the highest.
    ///
    /// `samples` are one channel at the configured rate. Frame t is centred on sample
    /// t · `hop_length`; a sound shorter than one hop has no frames.
    pub fn compute(&self, samples: &[f32]) -> Spectrogram {
        let num_frames = self.num_frames(samples.len());
        let num_bands = self.config.num_bands;
        let mut values = vec![0.0; num_frames * num_bands];
        let mut first_band = 0;
        for (stft, filters) in &self.parts {
            let scale = 2.0 / stft.window_sum();
            let (mut bins, mut bands) = (Vec::new(), Vec::new());
            let mut rows = values.chunks_exact_mut(num_bands);
            stft.for_each_frame(samples, num_frames, |frame| {
                magnitudes(frame, &mut bins);
                bands.clear();
                filters.apply(&bins, &mut bands);
                let row = rows.next().into_iter().flatten().skip(first_band);
                for (value, band) in row.zip(&bands) {
                    *value = (band * scale).max(self.config.floor).ln();
                }
            });
            first_band += filters.num_bands();
        }
        Spectrogram::new(values, num_bands).expect("every row is complete")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::Fixture;

    fn spectrogram() -> SemitoneSpectrogram {
        SemitoneSpectrogram::new(SemitoneConfig::default()).unwrap()
    }

    fn sine(midi: usize, gain: f32) -> Vec<f32> {
        let hz = 440.0 * ((midi as f64 - 69.0) / 12.0).exp2();
        let phase = |i: usize| (std::f64::consts::TAU * hz * i as f64 / 24_000.0).sin();
        (0..24_000).map(|i| gain * phase(i) as f32).collect()
    }

    #[test]
    fn matches_the_training_twin() {
        let golden = Fixture::load("semitone/semitone.safetensors");
        let found = spectrogram().compute(&golden.values("waveform"));
        assert_eq!((found.num_frames(), found.num_bands()), (51, 96));
        let expected = golden.values("log_semitone");
        assert_eq!(found.values().len(), expected.len());
        for (i, (a, b)) in found.values().iter().zip(expected).enumerate() {
            // The logarithm of values near the floor amplifies the transform's rounding.
            assert!((a - b).abs() < 2e-4, "value {i}: {a} instead of {b}");
        }
    }

    #[test]
    fn every_note_peaks_in_its_own_band() {
        // Below C3 the semitones are closer than the bins.
        for midi in (48..127).step_by(3) {
            let found = spectrogram().compute(&sine(midi, 1.0));
            let middle = found.frames().nth(50).unwrap();
            let loudest = (0..96)
                .max_by(|&a, &b| middle[a].total_cmp(&middle[b]))
                .unwrap();
            assert_eq!(loudest, midi - 31);
            assert!(
                (-3.5..0.0).contains(&middle[loudest]),
                "{midi}: {}",
                middle[loudest]
            );
        }
    }

    #[test]
    fn silence_and_short_sounds_have_a_shape() {
        let config = SemitoneConfig::default();
        for num_samples in [0, 1, 239, 240, 500, 2400] {
            let found = spectrogram().compute(&vec![0.0; num_samples]);
            assert_eq!(found.num_frames(), num_samples / 240);
            assert!(
                found
                    .values()
                    .iter()
                    .all(|&value| value == config.silence())
            );
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let refused = |change: fn(&mut SemitoneConfig)| {
            let mut config = SemitoneConfig::default();
            change(&mut config);
            SemitoneSpectrogram::new(config).is_err()
        };
        assert!(refused(|c| c.num_bands = 0));
        assert!(refused(|c| c.num_bands = 100));
        assert!(refused(|c| c.floor = 0.0));
        assert!(refused(|c| c.floor = f32::NAN));
        assert!(refused(|c| c.hop_length = 0));
        assert!(refused(|c| c.sample_rate = 0));
        assert!(serde_json::from_str::<SemitoneConfig>("{\"hop\": 1}").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn gain_shifts_a_sine_by_its_logarithm(gain in 0.05_f32..1.0, midi in 45_usize..110) {
            let found = spectrogram();
            let (loud, soft) = (found.compute(&sine(midi, 1.0)), found.compute(&sine(midi, gain)));
            let at = 50 * 96 + midi - 31;
            let shift = soft.values()[at] - loud.values()[at];
            prop_assert!((shift - gain.ln()).abs() < 1e-4, "{shift}");
        }
    }
}
