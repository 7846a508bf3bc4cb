//! `Pipeline::generate` on Mustango's folder is the reference's chain: the same networks in the same
//! order as in `end_to_end`, here with the seed's noise.

use crate::end_to_end::{beats_and_chords, condition_sets_of};
use crate::golden::{bytes, json, path};
use crate::munet::unet;
use crate::vae::vae_and_vocoder;
use mustool_diffusion::noise::{Noise, Purpose};
use mustool_diffusion::scheduler::{History, Scheduler, SchedulerKind};
use mustool_diffusion::t5::BeamSearch;
use mustool_diffusion::{
    Pipeline, Request, TokenBatch, chords::chord_prompt, chords::parse_chords,
};
use mustool_music::{Beat, ChordEvent, Meter, Plan};
use mustool_nn::{DType, Tensor, host, tensor};
use serde_json::{Value, json as value};
use std::ops::ControlFlow;
use std::path::Path;
use tokenizers::Tokenizer;

const STEPS: usize = 3;
const SEED: u64 = 11;

/// Letters; the ids fit the smallest vocabulary.
fn tokenizer_json() -> Value {
    let mut vocab = vec![
        value!(["<pad>", 0.0]),
        value!(["</s>", 0.0]),
        value!(["<unk>", 0.0]),
    ];
    vocab.push(value!(["▁", -2.0]));
    vocab.extend(('a'..='z').map(|c| value!([c.to_string(), -3.0])));
    let metaspace = value!({
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true,
    });
    let special = |(id, content): (usize, &&str)| {
        value!({
            "id": id, "content": content, "single_word": false, "lstrip": false,
            "rstrip": false, "normalized": false, "special": true,
        })
    };
    let added: Vec<Value> = ["<pad>", "</s>", "<unk>"]
        .iter()
        .enumerate()
        .map(special)
        .collect();
    value!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": null, "pre_tokenizer": metaspace, "decoder": metaspace,
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

/// The fixtures as Mustango's folder has them.
fn model(folder: &Path) -> Pipeline {
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    };
    for (fixture, name) in [
        ("ldm.safetensors", "ldm/pytorch_model_ldm.safetensors"),
        ("vae.safetensors", "vae/pytorch_model_vae.safetensors"),
        (
            "beats.safetensors",
            "beats/microsoft-deberta-v3-large.safetensors",
        ),
        ("chords.safetensors", "chords/flan-t5-large.safetensors"),
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
        std::fs::metadata(path(fixture)).unwrap();
        write(name, &bytes(fixture));
    }
    let hifigan = json("hifigan_config.json");
    let rates = hifigan["upsample_rates"].as_array().unwrap();
    let mut stft = json("stft_config.json");
    stft["n_mel_channels"] = hifigan["num_mels"].clone();
    stft["hop_length"] = rates
        .iter()
        .map(|rate| rate.as_u64().unwrap())
        .product::<u64>()
        .into();
    write("configs/stft_config.json", stft.to_string().as_bytes());
    for name in ["flan-t5-large", "deberta-v3-large"] {
        let json = tokenizer_json().to_string();
        write(&format!("{name}/tokenizer.json"), json.as_bytes());
    }
    Pipeline::load(folder, DType::F32).unwrap()
}

fn encode(text: &str) -> Vec<u32> {
    let tokenizer = Tokenizer::from_bytes(tokenizer_json().to_string()).unwrap();
    tokenizer.encode(text, true).unwrap().get_ids().to_vec()
}

/// The reference's chain, written out: samples before they are cut to length.
fn by_hand(prompt: &str, beats: &[Beat], chords: &[ChordEvent], cells: usize) -> Vec<f32> {
    let text = TokenBatch::padded(&[encode(""), encode(prompt)], 0).unwrap();
    let sets = condition_sets_of(&text, beats, chords);
    let (unet, (vae, vocoder)) = (unet(), vae_and_vocoder());
    let conditions = unet.prepare(&sets, None, None).unwrap();
    let config = serde_json::from_value(json("scheduler_config.json")).unwrap();
    let scheduler = Scheduler::new(&config, SchedulerKind::Ddpm, STEPS).unwrap();
    let channels = json("unet_config.json")["in_channels"].as_u64().unwrap() as usize;
    let bands = json("hifigan_config.json")["num_mels"].as_u64().unwrap() as usize;
    let levels = json("vae_config.json")["ddconfig"]["ch_mult"]
        .as_array()
        .unwrap()
        .len();
    let shape = [1, cells, bands >> (levels - 1), channels];
    let len = shape.iter().product();
    let mut x = Noise::new(SEED, 0, Purpose::Initial).normals(len);
    let mut history = History::default();
    for (step, &timestep) in scheduler.timesteps().iter().enumerate() {
        let sample = tensor(x.clone(), &shape, DType::F32).unwrap();
        let sample = Tensor::cat(&[&sample, &sample], 0).unwrap();
        let output = unet
            .forward(&sample, &[timestep as f32; 2], &conditions)
            .unwrap();
        let output = host(&output).unwrap();
        let (null, prompted) = output.split_at(len);
        let halves = null.iter().zip(prompted);
        let guided: Vec<f32> = halves.map(|(u, c)| u + 3.0 * (c - u)).collect();
        let noise = scheduler
            .adds_noise(timestep)
            .then(|| Noise::new(SEED, 0, Purpose::Step(step as u32)).normals(len));
        scheduler.step(timestep, &guided, &mut x, noise.as_deref(), &mut history);
    }
    let mel = vae.decode(&tensor(x, &shape, DType::F32).unwrap()).unwrap();
    host(&vocoder.forward(&mel.squeeze(3).unwrap()).unwrap()).unwrap()
}

#[test]
fn the_pipeline_is_the_chain_of_the_reference() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = model(folder.path());
    let rate = f64::from(pipeline.info().sample_rate);
    let hop = json("hifigan_config.json")["upsample_rates"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rate| rate.as_u64().unwrap() as usize)
        .product::<usize>();
    let levels = json("vae_config.json")["ddconfig"]["ch_mult"]
        .as_array()
        .unwrap()
        .len();
    let cells = 64;
    let samples = cells * (hop << (levels - 1));
    let duration_s = samples as f64 / rate;
    let (mut beats, mut chords) = beats_and_chords();
    beats.retain(|beat| beat.time_s < duration_s);
    chords.retain(|event| event.time_s < duration_s);
    assert!(beats.len() > 2 && chords.len() > 1);
    let plan = Plan {
        beats: beats.clone(),
        chords: chords.clone(),
        ..Plan::steady(107.0, Meter::new(3, 4).unwrap(), duration_s)
    };
    let request = Request {
        prompt: "a soft waltz".to_owned(),
        plan: Some(plan.clone()),
        duration_s,
        seed: SEED,
        num_inference_steps: Some(STEPS),
        guidance_scale: Some(3.0),
        scheduler: Some(SchedulerKind::Ddpm),
        ..Request::default()
    };
    let outputs = pipeline
        .generate(&request, &mut |_| ControlFlow::Continue(()))
        .unwrap();
    let expected = by_hand(&request.prompt, &beats, &chords, cells);
    assert_eq!(outputs[0].plan, plan);
    crate::golden::assert_values(
        outputs[0].waveform.samples(),
        &expected[..samples],
        "the whole pipeline",
        1e-5,
    );
}

#[test]
fn the_predictors_are_asked_as_the_reference_asks_them() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = model(folder.path());
    let request = Request {
        prompt: "a soft song".to_owned(),
        ..Request::default()
    };
    let plan = pipeline.plan(&request).unwrap();
    let input = TokenBatch::padded(&[encode(&request.prompt)], 0).unwrap();
    let told = &crate::beats::predictor().predict(&input).unwrap()[0];
    assert_eq!(plan.beats, told.rising());
    assert_eq!(plan.meter.beats_per_bar, told.max_beat);
    let network = crate::chords::chord_predictor();
    let question = chord_prompt(&request.prompt, &plan.beats, plan.felt_beats_per_bar());
    let input = TokenBatch::padded(&[encode(&question)], 0).unwrap();
    let ids = network
        .beam_search(&input, &BeamSearch::default())
        .unwrap()
        .ids;
    let tokenizer = Tokenizer::from_bytes(tokenizer_json().to_string()).unwrap();
    let answer = parse_chords(&tokenizer.decode(&ids, true).unwrap());
    assert_eq!(plan.chords, answer.rising(10.0));
}

#[test]
fn without_guidance_only_the_prompt_is_heard() {
    let folder = tempfile::tempdir().unwrap();
    let pipeline = model(folder.path());
    let request = |negative: &str, guidance: f64| Request {
        prompt: "a soft waltz at".to_owned(),
        negative_prompt: negative.to_owned(),
        plan: Some(Plan::steady(100.0, Meter::FOUR_FOUR, 1.0)),
        duration_s: 1.0,
        num_inference_steps: Some(1),
        guidance_scale: Some(guidance),
        ..Request::default()
    };
    let samples = |negative: &str, guidance: f64| {
        let mut on = |_: &_| ControlFlow::Continue(());
        let mut outputs = pipeline
            .generate(&request(negative, guidance), &mut on)
            .unwrap();
        outputs.remove(0).waveform.samples().to_vec()
    };
    assert_eq!(samples("", 1.0), samples("drums", 1.0));
    assert_ne!(samples("", 3.0), samples("drums", 3.0));
}
