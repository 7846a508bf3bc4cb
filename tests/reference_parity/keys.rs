//! Every key of the released checkpoints has its place: networks of full size are built without
//! weights, and what they ask for is compared with the list of what the files hold.

use crate::golden::bytes;
use mustool_audio::mel::MelConfig;
use mustool_diffusion::beats::BeatPredictor;
use mustool_diffusion::deberta::DebertaConfig;
use mustool_diffusion::features::{FeatureConfig, MusicFeatures};
use mustool_diffusion::hifigan::HifiGan;
use mustool_diffusion::munet::Unet;
use mustool_diffusion::mustango;
use mustool_diffusion::t5::{T5Config, T5Encoder, T5ForConditionalGeneration};
use mustool_diffusion::vae::{Vae, VaeConfig};
use mustool_nn::{DType, Source, Weights};
use std::collections::BTreeMap;

type Shapes = BTreeMap<String, Vec<usize>>;

/// Keys of one checkpoint with their shapes, and the names of those that are not parameters.
fn published(file: &str) -> (Shapes, Vec<String>) {
    let table = String::from_utf8(bytes("keys_fullsize.tsv")).unwrap();
    let (mut shapes, mut buffers) = (Shapes::new(), Vec::new());
    for row in table.lines().skip(1) {
        let [row_file, key, shape, _, kind] = row.split('\t').collect::<Vec<_>>()[..] else {
            panic!("{row}");
        };
        if row_file == file {
            let shape = shape.split('x').map(|size| size.parse().unwrap()).collect();
            assert!(
                shapes.insert(key.to_owned(), shape).is_none(),
                "{key} twice"
            );
            if kind == "buffer" {
                buffers.push(key.to_owned());
            }
        }
    }
    assert!(!shapes.is_empty(), "no keys of {file}");
    buffers.sort();
    (shapes, buffers)
}

/// Fails unless `build` asks for the keys of `file`, no more and no less; `buffers` are those of
/// them that are known and never read.
fn assert_keys(file: &str, num_keys: usize, buffers: &[&str], build: impl FnOnce(&Weights)) {
    let weights = Weights::new(Source::listing(), DType::F32);
    build(&weights);
    let (expected, expected_buffers) = published(file);
    assert_eq!(expected.len(), num_keys, "{file}");
    assert_eq!(buffers, expected_buffers, "{file}");
    let taken = weights.taken();
    let differ = |a: &Shapes, b: &Shapes| -> Vec<String> {
        let other = a.iter().filter(|(key, shape)| b.get(*key) != Some(shape));
        other
            .map(|(key, shape)| format!("{key} {shape:?}"))
            .collect()
    };
    assert_eq!(differ(&expected, &taken), [""; 0], "{file}: not asked for");
    assert_eq!(differ(&taken, &expected), [""; 0], "{file}: not published");
}

fn num_parameters(shapes: &Shapes, prefix: &str) -> usize {
    let part = shapes.iter().filter(|(key, _)| key.starts_with(prefix));
    part.map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

fn flan_t5_large() -> T5Config {
    T5Config::from_json("config.json", mustango::t5().to_string().as_bytes()).unwrap()
}

#[test]
fn munet_text_encoder_and_features_take_the_whole_ldm_file() {
    let file = "ldm/pytorch_model_ldm.bin";
    let never_read = [
        "PE.pe",
        "beat_embedding_layer.PE.pe",
        "chord_embedding_layer.PE.pe",
    ];
    assert_keys(file, 1747, &never_read, |weights| {
        let config = serde_json::from_value(mustango::unet()).unwrap();
        Unet::new(&config, &weights.pp("unet")).unwrap();
        T5Encoder::new(&flan_t5_large(), &weights.pp("text_encoder"));
        let json = mustango::features().to_string();
        let config = FeatureConfig::from_json("config.json", json.as_bytes()).unwrap();
        MusicFeatures::new(&config, weights);
    });
    let (shapes, _) = published(file);
    assert_eq!(num_parameters(&shapes, "unet."), 1_413_192_008);
}

#[test]
fn autoencoder_and_vocoder_take_the_whole_vae_file() {
    let config = VaeConfig::from_json(&mustango::vae().to_string()).unwrap();
    assert_keys("vae/pytorch_model_vae.bin", 398, &[], |weights| {
        Vae::new(&config, weights);
        let config = serde_json::from_value(mustango::hifigan()).unwrap();
        HifiGan::new(&config, &weights.pp("vocoder")).unwrap();
    });
}

#[test]
fn the_beat_predictor_takes_its_whole_file() {
    let json = mustango::deberta();
    let config = DebertaConfig::from_json("config.json", json.to_string().as_bytes()).unwrap();
    let never_read = ["deberta.embeddings.position_ids"];
    assert_keys(
        "beats/microsoft-deberta-v3-large.pt",
        399,
        &never_read,
        |weights| {
            BeatPredictor::new(&config, weights);
        },
    );
}

#[test]
fn the_chord_predictor_takes_its_whole_file() {
    assert_keys("chords/flan-t5-large.bin", 560, &[], |weights| {
        T5ForConditionalGeneration::new(&flan_t5_large(), weights);
    });
}

#[test]
fn nothing_of_the_spectrogram_file_is_needed() {
    let (shapes, buffers) = published("stft/pytorch_model_stft.bin");
    // All are computed from the settings, which these shapes confirm.
    let computed = [
        "mel_basis",
        "stft_fn.forward_basis",
        "stft_fn.inverse_basis",
    ];
    assert_eq!(buffers, computed);
    assert_eq!(shapes.keys().collect::<Vec<_>>(), computed);
    let config = MelConfig::default();
    let bins = config.filter_length / 2 + 1;
    assert_eq!(shapes["mel_basis"], [config.n_mel_channels, bins]);
    for basis in &computed[1..] {
        assert_eq!(shapes[*basis], [2 * bins, 1, config.filter_length]);
    }
}
