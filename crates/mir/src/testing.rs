//! Sounds for tests.

use mustool_audio::Waveform;

/// A sine with five harmonics at half full scale.
pub(crate) fn tone(hz: f64, duration_s: f64) -> Waveform {
    let value = |i: usize| {
        let phase = std::f64::consts::TAU * hz * i as f64 / 24_000.0;
        let harmonics = (1..=5).map(|n| (f64::from(n) * phase).sin() / f64::from(n * n));
        (0.3 * harmonics.sum::<f64>()) as f32
    };
    let num_samples = (duration_s * 24_000.0) as usize;
    Waveform::mono((0..num_samples).map(value).collect(), 24_000).expect("finite samples")
}

/// Four decaying tones a second, of rising pitch.
pub(crate) fn chirps(duration_s: f64) -> Waveform {
    let value = |i: usize| {
        let time_s = i as f64 / 24_000.0;
        let (note, age_s) = ((time_s * 4.0).floor(), (time_s * 4.0).fract() / 4.0);
        let hz = 220.0 * ((note % 12.0) / 12.0).exp2();
        (0.4 * (-12.0 * age_s).exp() * (std::f64::consts::TAU * hz * time_s).sin()) as f32
    };
    let num_samples = (duration_s * 24_000.0) as usize;
    Waveform::mono((0..num_samples).map(value).collect(), 24_000).expect("finite samples")
}
