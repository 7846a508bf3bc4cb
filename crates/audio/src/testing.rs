//! Reference values for this crate's tests, from the workspace's `tests/fixtures`, and test signals.

use std::path::PathBuf;

use safetensors::SafeTensors;

use crate::Waveform;

/// Path of a file in `tests/fixtures`.
pub(crate) fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name)
}

/// A safetensors file of 32-bit floats.
pub(crate) struct Fixture(Vec<u8>);

impl Fixture {
    pub(crate) fn load(name: &str) -> Self {
        Self(std::fs::read(fixture_path(name)).unwrap())
    }

    /// All values of one tensor, row-major.
    pub(crate) fn values(&self, name: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = file.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), safetensors::Dtype::F32);
        let values = tensor.data().as_chunks::<4>().0.iter();
        values.map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }
}

/// A major triad of sines at half of full scale, another octave on each further channel.
pub(crate) fn chord_of_sines(duration_s: f64, channels: u16, sample_rate: u32) -> Waveform {
    let num_frames = (duration_s * f64::from(sample_rate)).round() as usize;
    let sample = |t: usize, channel: u16| {
        let phase = std::f64::consts::TAU * t as f64 / f64::from(sample_rate);
        let root_hz = 220.0 * f64::from(1_u32 << (channel % 3));
        let sines = [1.0, 1.25, 1.5].map(|ratio| (phase * root_hz * ratio).sin());
        (sines.iter().sum::<f64>() / 6.0) as f32
    };
    let frames = (0..num_frames).flat_map(|t| (0..channels).map(move |c| sample(t, c)));
    Waveform::new(frames.collect(), channels, sample_rate).unwrap()
}

/// How far `sound` lies above its difference to `copy`, in dB; both have the same layout.
pub(crate) fn signal_to_noise_db(sound: &Waveform, copy: &Waveform) -> f64 {
    assert_eq!(sound.samples().len(), copy.samples().len());
    let energy = |values: &mut dyn Iterator<Item = f32>| -> f64 {
        values.map(|x| f64::from(x) * f64::from(x)).sum()
    };
    let pairs = sound.samples().iter().zip(copy.samples());
    let signal = energy(&mut sound.samples().iter().copied());
    10.0 * (signal / energy(&mut pairs.map(|(a, b)| a - b))).log10()
}
