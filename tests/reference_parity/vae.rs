//! The autoencoder, both ways.

use crate::golden::{Golden, TOLERANCE, bytes, weights};
use crate::layout::{assert_channels_last, channels_last};
use mustool_diffusion::hifigan::HifiGan;
use mustool_diffusion::vae::{Vae, VaeConfig};

/// The networks of the VAE file, every key accounted for.
pub(crate) fn vae_and_vocoder() -> (Vae, HifiGan) {
    let json = String::from_utf8(bytes("vae_config.json")).unwrap();
    let vae_config = VaeConfig::from_json(&json).unwrap();
    let vocoder_config = serde_json::from_slice(&bytes("hifigan_config.json")).unwrap();
    let weights = weights("vae.safetensors");
    let vae = Vae::new(&vae_config, &weights);
    let vocoder = HifiGan::new(&vocoder_config, &weights.pp("vocoder")).unwrap();
    weights.finish().unwrap();
    (vae, vocoder)
}

#[test]
fn latents_decode_to_the_same_spectrogram() {
    let (vae, _) = vae_and_vocoder();
    let golden = Golden::load("vae_io.safetensors");
    let mel = vae
        .decode(&channels_last(&golden, "decode.latents"))
        .unwrap();
    assert_channels_last(&mel, &golden, "decode.mel", TOLERANCE);
}

#[test]
fn spectrograms_encode_to_the_same_distribution() {
    let (vae, _) = vae_and_vocoder();
    let golden = Golden::load("vae_io.safetensors");
    let posterior = vae.encode(&channels_last(&golden, "encode.mel")).unwrap();
    assert_channels_last(&posterior.mean, &golden, "encode.mean", TOLERANCE);
    assert_channels_last(&posterior.logvar, &golden, "encode.logvar", TOLERANCE);
}
