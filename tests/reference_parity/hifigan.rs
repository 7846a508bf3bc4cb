//! The vocoder and the step to 16 bits.

use crate::golden::{Golden, TOLERANCE};
use crate::vae::vae_and_vocoder;
use mustool_diffusion::hifigan::to_pcm16;

/// Fails unless the samples are within `counts` of the reference. Where the reference has wrapped
/// around from 32768, this project has 32767.
pub(crate) fn assert_pcm16(waveform: &[f32], golden: &Golden, key: &str, counts: i32) {
    let (_, expected) = golden.get(key);
    assert_eq!(waveform.len(), expected.len(), "{key}: another length");
    for (i, (actual, (&expected, &x))) in to_pcm16(waveform)
        .into_iter()
        .zip(expected.iter().zip(waveform))
        .enumerate()
    {
        let wrapped = expected == -32_768.0 && x > 0.0;
        let expected = if wrapped { 32_767 } else { expected as i32 };
        let difference = i32::from(actual).abs_diff(expected);
        assert!(
            difference <= counts.unsigned_abs(),
            "{key}[{i}]: {actual}, not {expected}"
        );
    }
}

#[test]
fn spectrograms_sound_the_same() {
    let (_, vocoder) = vae_and_vocoder();
    let golden = Golden::load("hifigan_io.safetensors");
    let waveform = vocoder.forward(&golden.tensor("mel")).unwrap();
    golden.assert_close(&waveform, "waveform", TOLERANCE);
}

#[test]
fn sixteen_bits_agree_count_for_count() {
    let golden = Golden::load("hifigan_io.safetensors");
    assert_pcm16(golden.get("waveform").1, &golden, "pcm16", 0);
}

#[test]
fn full_scale_does_not_wrap_around() {
    assert_eq!(
        to_pcm16(&[1.0, -1.0, 0.0, 0.999_99, f32::NAN]),
        [32_767, -32_768, 0, 32_767, 0]
    );
}

#[test]
fn a_long_sound_in_stretches_is_the_sound_at_once() {
    let (_, vocoder) = vae_and_vocoder();
    let (frames, bands) = (2300, vocoder.config().num_mels);
    let wave = |i: usize| (i as f32 * 0.37).sin() * 2.0 - 4.0;
    let mel = (0..frames * bands).map(wave).collect();
    let mel = mustool_nn::tensor(mel, &[1, frames, bands], mustool_nn::DType::F32).unwrap();
    let at_once = mustool_nn::host(&vocoder.forward(&mel).unwrap()).unwrap();
    let in_stretches = vocoder.long(&mel).unwrap();
    crate::golden::assert_values(&in_stretches, &at_once, "stretches", 1e-6);
}
