//! The networks of the default model against their training twins: what the exported weights gave
//! there, from `twin_io.safetensors`; and the tokenizer against its library's other binding.

use crate::golden::{Golden, assert_values};
use crate::layout::{assert_channels_last, channels_last};
use mustool_diffusion::TokenBatch;
use mustool_diffusion::munet::{Condition, Unet};
use mustool_diffusion::t5::{T5Config, T5Decoder, T5Encoder};
use mustool_diffusion::vae::{Vae, VaeConfig};
use mustool_diffusion::vocos::Vocos;
use mustool_nn::{DType, Source, Weights};
use std::path::PathBuf;

/// The weights are stored in 16 bits, the same for both; both compute in 32.
const TOLERANCE: f32 = 2e-4;

fn file(name: &str) -> PathBuf {
    folder("files").join(name)
}

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("crates/default-model")
        .join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(file(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

fn golden() -> Golden {
    let path = folder("tests").join("twin_io.safetensors");
    Golden::load(path.to_str().unwrap())
}

/// Builds a network and accounts for every key of its file.
fn load<T>(network: &str, build: impl FnOnce(&Weights, &str) -> T) -> T {
    let source = Source::files(&[file(&format!("{network}.safetensors"))]).unwrap();
    let weights = Weights::new(source, DType::F32);
    let built = build(&weights, &text(&format!("{network}_config.json")));
    weights.finish().unwrap();
    built
}

#[test]
fn the_text_encoder_agrees() {
    let golden = golden();
    let encoder = load("text_encoder", |weights, config| {
        T5Encoder::new(
            &T5Config::from_json("", config.as_bytes()).unwrap(),
            weights,
        )
    });
    let hidden_states = encoder.forward(&golden.token_batch("text.")).unwrap();
    golden.assert_close(&hidden_states, "text.hidden_states", TOLERANCE);
}

#[test]
fn the_planner_agrees_step_by_step() {
    let golden = golden();
    let decoder = load("planner", |weights, config| {
        let config = T5Config::from_json("", config.as_bytes()).unwrap();
        T5Decoder::new(&config, weights)
    });
    let (shape, expected) = golden.get("planner.logits");
    let &[batch, steps, vocab] = shape else {
        panic!("{shape:?}")
    };
    let hidden_states = golden.tensor("text.hidden_states");
    let [texts, masks, plans] = [
        "text.input_ids",
        "text.attention_mask",
        "planner.decoder_input_ids",
    ]
    .map(|key| golden.ids(key));
    for row in 0..batch {
        let mask = masks[row].iter().map(|&seen| seen == 1).collect();
        let text = TokenBatch::masked(&texts[row..=row], &[mask]).unwrap();
        let hidden_states = hidden_states.narrow(0, row, 1).unwrap();
        let mut state = decoder.start(&text, &hidden_states).unwrap();
        for (step, &id) in plans[row].iter().enumerate() {
            let logits = decoder.step(&mut state, &[id]).unwrap().concat();
            let start = (row * steps + step) * vocab;
            assert_values(
                &logits,
                &expected[start..start + vocab],
                "planner.logits",
                TOLERANCE,
            );
        }
    }
}

#[test]
fn the_tokenizer_cuts_texts_alike() {
    #[derive(serde::Deserialize)]
    struct Case {
        prompt: String,
        input_ids: Vec<u32>,
    }
    let cases = std::fs::read(folder("tests").join("tokenizer_io.json")).unwrap();
    let cases: Vec<Case> = serde_json::from_slice(&cases).unwrap();
    assert!(!cases.is_empty());
    let tokenizer = tokenizers::Tokenizer::from_file(file("tokenizer.json")).unwrap();
    for case in cases {
        let encoding = tokenizer.encode(case.prompt.as_str(), true).unwrap();
        assert_eq!(encoding.get_ids(), case.input_ids, "{}", case.prompt);
    }
}

#[test]
fn the_unet_agrees() {
    let golden = golden();
    let unet = load("unet", |weights, config| {
        Unet::new(&serde_json::from_str(config).unwrap(), weights).unwrap()
    });
    let condition = Condition::new(
        golden.tensor("unet.encoder_hidden_states"),
        &golden.tensor("unet.encoder_attention_mask"),
    )
    .unwrap();
    let controls = channels_last(&golden, "unet.controls");
    let classes = golden.tensor("unet.class_labels");
    let conditions = unet
        .prepare(&[condition], Some(&controls), Some(&classes))
        .unwrap();
    let sample = channels_last(&golden, "unet.sample");
    let output = unet
        .forward(&sample, golden.get("unet.timestep").1, &conditions)
        .unwrap();
    assert_channels_last(&output, &golden, "unet.output", TOLERANCE);
}

#[test]
fn the_autoencoder_agrees_both_ways() {
    let golden = golden();
    let vae = load("vae", |weights, config| {
        Vae::new(&VaeConfig::from_json(config).unwrap(), weights)
    });
    let spectrogram = vae
        .decode(&channels_last(&golden, "vae.decode.latents"))
        .unwrap();
    assert_channels_last(&spectrogram, &golden, "vae.decode.spectrogram", TOLERANCE);
    let posterior = vae
        .encode(&channels_last(&golden, "vae.encode.spectrogram"))
        .unwrap();
    assert_channels_last(&posterior.mean, &golden, "vae.encode.mean", TOLERANCE);
    assert_channels_last(&posterior.logvar, &golden, "vae.encode.logvar", TOLERANCE);
}

#[test]
fn the_vocoder_agrees() {
    let golden = golden();
    let vocoder = load("vocoder", |weights, config| {
        Vocos::new(&serde_json::from_str(config).unwrap(), weights).unwrap()
    });
    // `[batch, channels, frames]` → one item, `[frames, channels]`.
    let item = |key: &str, i: usize| golden.tensor(key).get(i).unwrap().t().unwrap();
    let batch = golden.get("vocoder.waveform").0[0];
    let mut waveform = Vec::new();
    for i in 0..batch {
        let x = item("vocoder.spectrogram", i).contiguous().unwrap();
        let controls = item("vocoder.controls", i).contiguous().unwrap();
        waveform.extend(vocoder.forward(&x, &controls).unwrap());
    }
    assert_values(
        &waveform,
        golden.get("vocoder.waveform").1,
        "vocoder.waveform",
        TOLERANCE,
    );
}
