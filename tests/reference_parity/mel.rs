//! The spectrogram that the autoencoder was trained on.

use crate::golden::{Golden, TOLERANCE, assert_values, bytes};
use mustool_audio::mel::{LogMel, MelConfig};
use mustool_audio::stft::{Spectrogram, Stft};

fn config() -> MelConfig {
    serde_json::from_slice(&bytes("stft_config.json")).unwrap()
}

/// `[frames][bands]` → `[bands][frames]`, as the reference stores it.
fn bands_first(spectrogram: &Spectrogram, num_frames: usize) -> Vec<f32> {
    let rows: Vec<&[f32]> = spectrogram.frames().take(num_frames).collect();
    (0..spectrogram.num_bands())
        .flat_map(|band| rows.iter().map(move |row| row[band]))
        .collect()
}

#[test]
fn the_published_settings_are_the_default() {
    assert_eq!(config(), MelConfig::default());
}

#[test]
fn log_mel_is_that_of_the_reference() {
    let golden = Golden::load("mel_io.safetensors");
    let log_mel = LogMel::new(&config())
        .unwrap()
        .compute(golden.get("waveform").1);
    let (shape, expected) = golden.get("mel");
    assert_eq!([1, log_mel.num_bands(), log_mel.num_frames()], *shape);
    let actual = bands_first(&log_mel, log_mel.num_frames());
    assert_values(&actual, expected, "mel", TOLERANCE);
}

#[test]
fn magnitudes_and_energy_are_those_of_the_reference() {
    let golden = Golden::load("mel_io.safetensors");
    let cfg = config();
    let stft = Stft::with_window(cfg.filter_length, cfg.hop_length, cfg.win_length).unwrap();
    let magnitude = stft.magnitude(golden.get("waveform").1);
    let energy: Vec<f32> = magnitude
        .frames()
        .map(|bins| {
            bins.iter()
                .map(|&m| f64::from(m).powi(2))
                .sum::<f64>()
                .sqrt() as f32
        })
        .collect();
    let loudest = energy.iter().fold(0f32, |a, &b| a.max(b));
    assert_values(
        &energy,
        golden.get("energy").1,
        "energy",
        2e-6 * loudest.max(1.0),
    );
    let (shape, expected) = golden.get("log_magnitudes");
    let log_magnitudes: Vec<f32> = bands_first(&magnitude, shape[2])
        .into_iter()
        .map(|m| m.max(1e-5).ln())
        .collect();
    assert_values(&log_magnitudes, expected, "log_magnitudes", 1e-3);
}
