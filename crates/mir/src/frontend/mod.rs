//! What the analysis hears: one sound at 24 kHz, seen as bands of rhythm and bands of pitch.
//!
//! Everything after this works on these two pictures; they are computed once. Which numbers the
//! networks were trained on is decided here, so a change here asks for new weights.

mod pitch;
mod rhythm;

use mustool_audio::Waveform;
use mustool_audio::resample::resample;
use mustool_audio::stft::Spectrogram;

use crate::{Error, Result};

pub use pitch::{LOWEST_MIDI, NUM_SEMITONES, PITCH_FPS, PitchBands, chroma};
pub use rhythm::{NUM_BANDS, NUM_MELS, RHYTHM_FPS, RhythmBands};

/// Sample rate of the analysis in Hz.
pub const SAMPLE_RATE: u32 = 24_000;
/// Longest sound that is analysed at once, in seconds.
pub const MAX_DURATION_S: f64 = 1800.0;
/// Root mean square to which every sound is brought, so that loudness does not matter.
const LEVEL_RMS: f64 = 0.1;
/// What is softer than this is silence and stays so.
const SILENCE_RMS: f64 = 1e-5;

/// The two pictures of a sound.
#[derive(Debug, Clone)]
pub struct Frontend {
    /// When something happens.
    pub rhythm: RhythmBands,
    /// What sounds.
    pub pitch: PitchBands,
    /// Length of the sound in seconds.
    pub duration_s: f64,
}

impl Frontend {
    /// Sees a sound of any rate and channel count. An empty one gives no frames.
    ///
    /// Refuses sounds of more than [`MAX_DURATION_S`].
    pub fn new(waveform: &Waveform) -> Result<Self> {
        let duration_s = waveform.duration_s();
        if duration_s > MAX_DURATION_S {
            return Err(Error::TooLong {
                duration_s,
                max_s: MAX_DURATION_S,
            });
        }
        let samples = levelled(resample(&waveform.to_mono(), SAMPLE_RATE)?.into_samples());
        let (pitch, log_mel) =
            rayon::join(|| PitchBands::new(&samples), || rhythm::log_mel(&samples));
        let pitch = pitch?;
        let rhythm = RhythmBands::new(&log_mel?, &pitch);
        Ok(Self {
            rhythm,
            pitch,
            duration_s,
        })
    }
}

/// The sound at a mean level, or as it is where it is silent.
fn levelled(mut samples: Vec<f32>) -> Vec<f32> {
    let energy: f64 = samples.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    let rms = (energy / samples.len().max(1) as f64).sqrt();
    if rms > SILENCE_RMS {
        let gain = (LEVEL_RMS / rms) as f32;
        samples.iter_mut().for_each(|sample| *sample *= gain);
    }
    samples
}

/// An empty picture of `num_bands` bands.
fn no_frames(num_bands: usize) -> Spectrogram {
    Spectrogram::new(Vec::new(), num_bands).expect("no values are whole frames")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::{chirps, tone};

    #[test]
    fn empty_short_and_silent_sounds_have_finite_pictures() {
        for num_samples in [0, 1, 100, 239, 240, 481, 2400, 24_000] {
            let silence = Waveform::mono(vec![0.0; num_samples], 24_000).unwrap();
            let seen = Frontend::new(&silence).unwrap();
            let finite = |x: &Spectrogram| x.values().iter().all(|v| v.is_finite());
            assert!(finite(&seen.rhythm.bands) && finite(&seen.pitch.semitones));
            assert_eq!(
                seen.rhythm.bands.num_frames(),
                (num_samples / 240).div_ceil(2)
            );
        }
    }

    #[test]
    fn a_tone_is_loudest_in_its_semitone_even_out_of_tune() {
        for (midi, cents) in [(48, 0.0), (60, 30.0), (69, -35.0), (81, 20.0)] {
            let hz = 440.0 * ((f64::from(midi) - 69.0 + cents / 100.0) / 12.0).exp2();
            let seen = Frontend::new(&tone(hz, 2.0)).unwrap();
            let middle = seen.pitch.semitones.frames().nth(10).unwrap();
            let loudest = (0..NUM_SEMITONES).max_by(|&a, &b| middle[a].total_cmp(&middle[b]));
            assert_eq!(loudest, Some(midi as usize - usize::from(LOWEST_MIDI)));
            assert!(
                (seen.pitch.tuning_cents - cents).abs() < 6.0,
                "{midi} {cents}"
            );
        }
    }

    #[test]
    fn too_long_a_sound_is_refused() {
        let long = Waveform::mono(vec![0.0; 19_000], 10).unwrap();
        assert!(matches!(Frontend::new(&long), Err(Error::TooLong { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(6))]
        #[test]
        fn gain_changes_nothing(gain in 0.01_f32..3.0) {
            let sound = chirps(3.0);
            let (a, b) = (
                Frontend::new(&sound).unwrap(),
                Frontend::new(&sound.scaled(gain).unwrap()).unwrap(),
            );
            let close = |a: &Spectrogram, b: &Spectrogram| {
                a.values().iter().zip(b.values()).all(|(a, b)| (a - b).abs() < 1e-3)
            };
            prop_assert!(close(&a.rhythm.bands, &b.rhythm.bands));
            prop_assert!(close(&a.pitch.semitones, &b.pitch.semitones));
        }
    }
}
