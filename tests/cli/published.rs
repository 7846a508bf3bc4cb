//! A tiny Mustango in the folder layout of the published one: checked, converted and played.
//!
//! Its weights are the random ones of the reference fixtures, saved as PyTorch does.

use super::torch::{self, Tensor};
use super::{Bench, names};
use safetensors::SafeTensors;
use serde_json::{Value, json};
use std::path::Path;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/mustango");

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{FIXTURES}/{name}")).unwrap()
}

/// The tensors of a fixture.
pub(crate) fn tensors(name: &str) -> Vec<Tensor> {
    let bytes = fixture(name);
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |(name, view): (String, safetensors::tensor::TensorView)| {
        let (numbers, _) = view.data().as_chunks::<4>();
        let values = numbers.iter().map(|&bytes| f32::from_le_bytes(bytes));
        (name, view.shape().to_vec(), values.collect())
    };
    let mut tensors: Vec<Tensor> = file.tensors().into_iter().map(tensor).collect();
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    tensors
}

fn write(path: &Path, bytes: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, bytes).unwrap();
}

/// A tokenizer of letters; its ids fit the smallest vocabulary of the fixtures.
fn tokenizer() -> Value {
    let mut vocab = vec![
        json!(["<pad>", 0.0]),
        json!(["</s>", 0.0]),
        json!(["<unk>", 0.0]),
    ];
    vocab.push(json!(["▁", -2.0]));
    vocab.extend(
        ('a'..='z')
            .chain('0'..='9')
            .map(|c| json!([c.to_string(), -3.0])),
    );
    vocab.extend("ABCDEFG#:.,".chars().map(|c| json!([c.to_string(), -3.5])));
    let metaspace = json!({
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true,
    });
    let added = ["<pad>", "</s>", "<unk>"]
        .iter()
        .enumerate()
        .map(|(id, content)| {
            json!({
                "id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            })
        });
    json!({
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": added.collect::<Vec<_>>(), "normalizer": null,
        "pre_tokenizer": metaspace, "decoder": metaspace,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{ "Sequence": { "id": "A", "type_id": 0 } },
                       { "SpecialToken": { "id": "</s>", "type_id": 0 } }],
            "pair": [{ "Sequence": { "id": "A", "type_id": 0 } },
                     { "Sequence": { "id": "B", "type_id": 0 } }],
            "special_tokens": { "</s>": { "id": "</s>", "ids": [1], "tokens": ["</s>"] } },
        },
        "model": { "type": "Unigram", "unk_id": 2, "vocab": vocab, "byte_fallback": false },
    })
}

/// Writes the folder. `edit` may change the tensors of a fixture before they are saved.
pub(crate) fn tiny(folder: &Path, mut edit: impl FnMut(&str, &mut Vec<Tensor>)) {
    for (name, file) in [
        ("ldm", "ldm/pytorch_model_ldm.bin"),
        ("vae", "vae/pytorch_model_vae.bin"),
        ("beats", "beats/microsoft-deberta-v3-large.pt"),
        ("chords", "chords/flan-t5-large.bin"),
    ] {
        let mut tensors = tensors(&format!("{name}.safetensors"));
        edit(name, &mut tensors);
        write(&folder.join(file), &torch::checkpoint(&tensors));
    }
    let basis = |name: &str| (name.to_owned(), vec![1], vec![0.0]);
    let bases = [
        "mel_basis",
        "stft_fn.forward_basis",
        "stft_fn.inverse_basis",
    ]
    .map(basis);
    write(
        &folder.join("stft/pytorch_model_stft.bin"),
        &torch::checkpoint(&bases),
    );
    let hifigan: Value = serde_json::from_slice(&fixture("hifigan_config.json")).unwrap();
    let mut stft: Value = serde_json::from_slice(&fixture("stft_config.json")).unwrap();
    stft["n_mel_channels"] = hifigan["num_mels"].clone();
    write(
        &folder.join("configs/stft_config.json"),
        stft.to_string().as_bytes(),
    );
    for (name, file) in [
        (
            "unet_config.json",
            "configs/music_diffusion_model_config.json",
        ),
        ("vae_config.json", "configs/vae_config.json"),
        ("hifigan_config.json", "configs/hifigan_config.json"),
        (
            "music_features_config.json",
            "configs/music_features_config.json",
        ),
        ("scheduler_config.json", "configs/scheduler_config.json"),
        ("text_encoder_config.json", "text_encoder/config.json"),
        ("beats_config.json", "beats/config.json"),
        ("chords_config.json", "chords/config.json"),
    ] {
        write(&folder.join(file), &fixture(name));
    }
    for name in ["flan-t5-large", "deberta-v3-large"] {
        let path = folder.join(name).join("tokenizer.json");
        write(&path, tokenizer().to_string().as_bytes());
    }
    let model = json!({
        "id": "tiny-mustango", "trained": false, "max_duration_s": 60.0, "default_steps": 2,
        "default_guidance": 3.0, "default_scheduler": "ddpm",
    });
    write(&folder.join("model.json"), model.to_string().as_bytes());
}

fn bench() -> Bench {
    let bench = Bench::new();
    tiny(&bench.path("mustango"), |_, _| {});
    bench
}

const MAKE: [&str; 9] = [
    "generate",
    "a soft waltz",
    "--seed",
    "4",
    "--duration",
    "1.3",
    "--steps",
    "2",
    "--json",
];

#[test]
fn the_published_folder_makes_music_and_so_does_what_it_is_converted_to() {
    let bench = bench();
    let convert = ["models", "convert", "mustango", "-o", "converted"];
    bench.ok(&convert);
    let files = names(&bench.path("converted"));
    for file in [
        "unet.safetensors",
        "beats.safetensors",
        "tokenizer.json",
        "model.json",
    ] {
        assert!(files.iter().any(|name| name == file), "{file}: {files:?}");
    }
    assert!(files.iter().all(|name| !name.starts_with('.')), "{files:?}");
    bench.refuses(2, &convert, &["exists"]);
    let told: Vec<Value> = [("mustango", "a.wav"), ("converted", "b.wav")]
        .map(|(model, file)| {
            let more = ["--model", model, "-o", file];
            bench.ok(&[&MAKE[..], &more].concat()).json()[0].clone()
        })
        .into();
    assert_eq!(told[0]["sample_rate"], 16_000);
    assert!((told[0]["duration_s"].as_f64().unwrap() - 1.3).abs() < 1e-3);
    assert_eq!(told[0]["resolved"], told[1]["resolved"]);
    // The files differ by the checksums in their tags; the sounds do not.
    assert_eq!(samples(&bench, "a.wav"), samples(&bench, "b.wav"));
    assert_ne!(
        told[0]["model"]["weights_sha256"],
        told[1]["model"]["weights_sha256"]
    );
}

/// The bytes after the head of the `data` chunk of a WAV file.
fn samples(bench: &Bench, name: &str) -> Vec<u8> {
    let bytes = bench.bytes(name);
    let at = bytes.windows(4).position(|four| four == b"data").unwrap();
    let len = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap()) as usize;
    let samples = &bytes[at + 8..at + 8 + len];
    assert!(samples.iter().any(|&byte| byte != 0), "{name} is silent");
    samples.to_vec()
}

#[test]
fn checks_account_for_every_key_of_every_checkpoint() {
    let bench = bench();
    let check = ["models", "check", "--model", "mustango", "--json"];
    let told = &bench.ok(&check).json()[0];
    assert_eq!(
        (told["id"].as_str(), told["trained"].as_bool()),
        (Some("tiny-mustango"), Some(false))
    );
    for (file, key) in [
        ("ldm", "unet.conv_in.weight"),
        ("ldm", "beat_embedding_layer.beat_ffn.bias"),
        ("vae", "vocoder.conv_post.bias"),
        ("beats", "regressor.weight"),
        ("chords", "lm_head.weight"),
    ] {
        tiny(&bench.path("mustango"), |name, tensors| {
            if name == file {
                tensors.retain(|(name, ..)| name != key);
            }
        });
        let network = ["unet.", "vocoder."]
            .iter()
            .find_map(|part| key.strip_prefix(part));
        let local = network.unwrap_or(key);
        bench.refuses(1, &check, &["missing", local]);
        let generate = [&MAKE[..], &["--model", "mustango", "-o", "a.wav"]].concat();
        bench.refuses(1, &generate, &["missing", local]);
    }
    for file in ["ldm", "vae", "beats", "chords"] {
        tiny(&bench.path("mustango"), |name, tensors| {
            if name == file {
                tensors.push(("one.too.many".to_owned(), vec![1], vec![0.0]));
            }
        });
        bench.refuses(1, &check, &["one.too.many"]);
    }
}

#[test]
fn a_converted_model_that_was_changed_is_found_out() {
    let bench = bench();
    bench.ok(&["models", "convert", "mustango", "-o", "converted"]);
    let check = ["models", "check", "--model", "converted"];
    assert!(
        bench
            .ok(&check)
            .text()
            .contains("every tensor has its place")
    );
    let path = bench.path("converted/vocoder.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    bench.refuses(1, &check, &["changed or damaged"]);
}

#[test]
fn what_is_stated_replaces_what_the_predictors_say() {
    let bench = bench();
    let plan = |more: &[&str]| {
        let args = [
            "plan",
            "a soft song",
            "--model",
            "mustango",
            "--duration",
            "4",
        ];
        bench.ok(&[&args[..], more].concat()).json_text()
    };
    let guessed = plan(&[]);
    assert_eq!(
        guessed,
        plan(&["--seed", "9"]),
        "these predictors draw nothing at random"
    );
    let stated = plan(&[
        "--bpm", "120", "--meter", "3/4", "--chords", "Am F", "--key", "A minor",
    ]);
    let times: Vec<f64> = stated["beats"]
        .as_array()
        .unwrap()
        .iter()
        .map(|beat| beat["t"].as_f64().unwrap())
        .collect();
    assert_eq!(times, [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5]);
    assert_eq!(stated["chords"][0]["symbol"], "Am");
    assert!(stated["key"].as_str().unwrap().starts_with('A'), "{stated}");
    std::fs::write(bench.path("plan.json"), stated.to_string()).unwrap();
    let follow = ["--plan", "plan.json", "--model", "mustango", "-o", "a.wav"];
    let told = bench.ok(&[&["generate", "x", "--steps", "1", "--json"], &follow[..]].concat());
    assert_eq!(told.json()[0]["resolved"], stated);
}

#[test]
fn every_scheduler_length_and_mode_goes_through_the_one_pipeline() {
    let bench = bench();
    let make = |file: &str, more: &[&str]| {
        let args = [
            "generate",
            "a soft waltz at 100 bpm in 3/4: Am F",
            "--model",
            "mustango",
            "--seed",
            "1",
            "--steps",
            "2",
            "--negative",
            "drums",
            "--json",
            "-o",
            file,
        ];
        bench.ok(&[&args[..], more].concat()).json()[0].clone()
    };
    let seconds = |told: &Value| told["duration_s"].as_f64().unwrap();
    for scheduler in ["ddpm", "ddim", "dpm++2m"] {
        let file = format!("{scheduler}.wav");
        make(&file, &["--scheduler", scheduler, "--duration", "2"]);
    }
    assert_ne!(samples(&bench, "ddpm.wav"), samples(&bench, "ddim.wav"));
    let long = make("long.wav", &["--duration", "12.34"]);
    assert!((seconds(&long) - 12.34).abs() < 1e-3, "two windows");
    for (mode, more, expected) in [
        ("vary", &["--strength", "0.5"][..], 2.0),
        ("extend", &["--duration", "3"], 3.0),
        ("inpaint", &["--from", "0.5", "--to", "1.5"], 2.0),
        ("loop", &[], 2.0),
    ] {
        let file = format!("{mode}.wav");
        let told = make(
            &file,
            &[&["--input", "ddpm.wav", "--mode", mode], more].concat(),
        );
        assert!((seconds(&told) - expected).abs() < 0.02, "{mode}: {told}");
    }
    let two = make("n.wav", &["--duration", "2", "-n", "2"]);
    assert_eq!(two["path"], "n-000.wav");
    assert_eq!(samples(&bench, "n-000.wav"), samples(&bench, "ddpm.wav"));
}
