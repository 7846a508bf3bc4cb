//! The log-mel spectrogram that Mustango's networks see: 64 bands, spaced as the ear hears.
//!
//! Equal to the reference's `TacotronSTFT`: Slaney's mel scale and area normalisation as in
//! librosa (Slaney 1998, Auditory Toolbox), magnitudes, natural logarithm. Resampling to 16 kHz
//! is [`crate::resample`]; the way back to sound is a vocoder network.

use serde::{Deserialize, Serialize};

use crate::filterbank::{Filterbank, magnitudes};
use crate::stft::{Spectrogram, Stft};
use crate::{Error, Result};

/// The settings of `stft_config.json`, under its names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MelConfig {
    /// Transform size in samples.
    pub filter_length: usize,
    /// Samples from frame to frame.
    pub hop_length: usize,
    /// Window length in samples, at most `filter_length`.
    pub win_length: usize,
    /// Number of mel bands.
    pub n_mel_channels: usize,
    /// Sample rate in Hz.
    pub sampling_rate: u32,
    /// Lower end of the lowest band, in Hz.
    pub mel_fmin: f64,
    /// Upper end of the highest band, in Hz; at most half the sample rate.
    pub mel_fmax: f64,
}

impl Default for MelConfig {
    /// Mustango's own settings.
    fn default() -> Self {
        Self {
            filter_length: 1024,
            hop_length: 160,
            win_length: 1024,
            n_mel_channels: 64,
            sampling_rate: 16_000,
            mel_fmin: 0.0,
            mel_fmax: 8_000.0,
        }
    }
}

/// Smallest magnitude of a band before the logarithm.
const FLOOR: f32 = 1e-5;

/// Computes log-mel spectrograms; one may serve many sounds.
#[derive(Clone, Debug)]
pub struct LogMel {
    stft: Stft,
    filters: Filterbank,
    hop_length: usize,
}

impl LogMel {
    /// Prepares transform and filters. Refuses frequencies that are not in order within half the
    /// sample rate, more bands than bins, and sizes that [`Stft::with_window`] refuses.
    pub fn new(config: &MelConfig) -> Result<Self> {
        let stft = Stft::with_window(config.filter_length, config.hop_length, config.win_length)?;
        let nyquist_hz = f64::from(config.sampling_rate) / 2.0;
        let setting = |setting, value, expected| {
            Err(Error::Setting {
                setting,
                value,
                expected,
            })
        };
        if !(0.0..nyquist_hz).contains(&config.mel_fmin) {
            return setting("mel_fmin", config.mel_fmin, "0 to half the sample rate");
        }
        if !(config.mel_fmin < config.mel_fmax && config.mel_fmax <= nyquist_hz) {
            return setting(
                "mel_fmax",
                config.mel_fmax,
                "above mel_fmin, to half the sample rate",
            );
        }
        if !(1..=stft.num_bins()).contains(&config.n_mel_channels) {
            return setting(
                "n_mel_channels",
                config.n_mel_channels as f64,
                "1 to the bins",
            );
        }
        let filters = Filterbank::new(mel_filters(config));
        Ok(Self {
            stft,
            filters,
            hop_length: config.hop_length,
        })
    }

    /// ln(max(magnitude, 1e-5)) of each band, `[frames][bands]`, for one channel of samples.
    ///
    /// One frame per hop and one more; an empty sound has none.
    pub fn compute(&self, samples: &[f32]) -> Spectrogram {
        let num_frames = self.stft.num_frames(samples.len());
        let mut values = Vec::with_capacity(num_frames * self.filters.num_bands());
        let mut bins = Vec::new();
        self.stft.for_each_frame(samples, num_frames, |frame| {
            magnitudes(frame, &mut bins);
            self.filters.apply(&bins, &mut values);
        });
        values
            .iter_mut()
            .for_each(|value| *value = value.max(FLOOR).ln());
        Spectrogram::new(values, self.filters.num_bands()).expect("every row is complete")
    }

    /// What Mustango trains on: the sound levelled by [`normalise_segment`], then exactly
    /// `num_frames` frames of it (1024 for its 10.24 s); the extra last frame is dropped.
    pub fn segment(&self, samples: &[f32], num_frames: usize) -> Spectrogram {
        let samples = normalise_segment(samples, num_frames.saturating_mul(self.hop_length));
        self.compute(&samples).with_num_frames(num_frames, 0.0)
    }
}

/// The reference's levelling: no constant part, peak at 0.5, cut or filled with silence to
/// `num_samples`, and the peak of what is left at 0.5 again. Silence stays silence.
pub fn normalise_segment(samples: &[f32], num_samples: usize) -> Vec<f32> {
    let sum: f64 = samples.iter().copied().map(f64::from).sum();
    let mean = (sum / samples.len().max(1) as f64) as f32;
    let mut segment: Vec<f32> = samples.iter().map(|sample| sample - mean).collect();
    let first_peak = peak(&segment) + 1e-8;
    segment.resize(num_samples, 0.0);
    segment
        .iter_mut()
        .for_each(|sample| *sample = *sample / first_peak * 0.5);
    let second_peak = peak(&segment);
    if second_peak > 0.0 {
        segment
            .iter_mut()
            .for_each(|sample| *sample = *sample / second_peak * 0.5);
    }
    segment
}

fn peak(samples: &[f32]) -> f32 {
    samples
        .iter()
        .fold(0.0, |peak, sample| sample.abs().max(peak))
}

/// Triangles between neighbouring points of the mel scale, each with an area of 1 Hz.
fn mel_filters(config: &MelConfig) -> Vec<Vec<f32>> {
    let (low, high) = (hz_to_mel(config.mel_fmin), hz_to_mel(config.mel_fmax));
    let num_steps = config.n_mel_channels + 1;
    let point = |i: usize| mel_to_hz(low + (high - low) * i as f64 / num_steps as f64);
    let bin_hz = f64::from(config.sampling_rate) / config.filter_length as f64;
    let row = |band: usize| {
        let (left, centre, right) = (point(band), point(band + 1), point(band + 2));
        let weight = |bin: usize| {
            let hz = bin as f64 * bin_hz;
            let triangle = ((hz - left) / (centre - left)).min((right - hz) / (right - centre));
            (triangle.max(0.0) * 2.0 / (right - left)) as f32
        };
        (0..=config.filter_length / 2).map(weight).collect()
    };
    (0..config.n_mel_channels).map(row).collect()
}

/// Slaney's scale: linear up to 1 kHz (15 mel), 27 steps per factor of 6.4 above.
fn hz_to_mel(hz: f64) -> f64 {
    if hz < 1000.0 {
        hz * 3.0 / 200.0
    } else {
        15.0 + (hz / 1000.0).ln() * 27.0 / 6.4_f64.ln()
    }
}

fn mel_to_hz(mel: f64) -> f64 {
    if mel < 15.0 {
        mel * 200.0 / 3.0
    } else {
        1000.0 * ((mel - 15.0) * 6.4_f64.ln() / 27.0).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, fixture_path};

    fn reference_config() -> MelConfig {
        let json = std::fs::read_to_string(fixture_path("mustango/stft_config.json")).unwrap();
        serde_json::from_str(&json).unwrap()
    }

    /// `[rows][columns]` to `[columns][rows]`.
    fn transpose(values: &[f32], columns: usize) -> Vec<f32> {
        let rows = values.len() / columns;
        (0..columns * rows)
            .map(|i| values[(i % rows) * columns + i / rows])
            .collect()
    }

    fn assert_close(found: &[f32], expected: &[f32], tolerance: f32) {
        assert_eq!(found.len(), expected.len());
        for (i, (a, b)) in found.iter().zip(expected).enumerate() {
            assert!((a - b).abs() < tolerance, "value {i}: {a} instead of {b}");
        }
    }

    #[test]
    fn equals_the_reference_mel() {
        assert_eq!(reference_config(), MelConfig::default());
        let golden = Fixture::load("mustango/mel_io.safetensors");
        let found = LogMel::new(&reference_config())
            .unwrap()
            .compute(&golden.values("waveform"));
        assert_eq!((found.num_frames(), found.num_bands()), (201, 64));
        assert_close(found.values(), &transpose(&golden.values("mel"), 201), 2e-5);
    }

    #[test]
    fn filters_and_magnitudes_equal_the_reference() {
        let golden = Fixture::load("mustango/mel_io.safetensors");
        let filters = mel_filters(&reference_config()).concat();
        assert_close(&filters, &golden.values("stft.mel_basis"), 1e-8);
        let magnitude = Stft::new(1024, 160)
            .unwrap()
            .magnitude(&golden.values("waveform"));
        let expected = transpose(&golden.values("log_magnitudes"), 20);
        for (a, log_b) in magnitude.values().iter().zip(&expected) {
            let b = log_b.exp();
            assert!((a - b).abs() < 1e-5 + 2e-5 * b, "{a} instead of {b}");
        }
    }

    #[test]
    fn a_segment_is_levelled_and_has_its_length() {
        let level = normalise_segment(&[3.0, 1.0, 2.0, 2.0], 6);
        assert_close(&level, &[0.5, -0.5, 0.0, 0.0, 0.0, 0.0], 1e-6);
        // The second levelling looks at what is left after the cut.
        assert_close(
            &normalise_segment(&[0.1, -0.1, 0.9, -0.9], 2),
            &[0.5, -0.5],
            1e-6,
        );
        assert_eq!(normalise_segment(&[0.3; 5], 3), [0.0; 3]);
        assert_eq!(normalise_segment(&[], 2), [0.0; 2]);
    }

    #[test]
    fn ten_seconds_are_1024_frames() {
        let log_mel = LogMel::new(&MelConfig::default()).unwrap();
        for num_samples in [0, 1000, 163_840, 200_000] {
            let found = log_mel.segment(&vec![0.1; num_samples], 1024);
            assert_eq!((found.num_frames(), found.num_bands()), (1024, 64));
            assert!(found.values().iter().all(|value| value.is_finite()));
        }
    }

    #[test]
    fn settings_that_make_no_sense_are_refused() {
        let config = MelConfig::default;
        assert!(
            LogMel::new(&MelConfig {
                mel_fmax: 8001.0,
                ..config()
            })
            .is_err()
        );
        assert!(
            LogMel::new(&MelConfig {
                mel_fmin: f64::NAN,
                ..config()
            })
            .is_err()
        );
        assert!(
            LogMel::new(&MelConfig {
                n_mel_channels: 0,
                ..config()
            })
            .is_err()
        );
        assert!(
            LogMel::new(&MelConfig {
                win_length: 2048,
                ..config()
            })
            .is_err()
        );
    }
}
