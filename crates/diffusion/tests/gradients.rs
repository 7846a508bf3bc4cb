//! Every network can be trained: a gradient reaches each of its weights, and is the slope that is
//! measured by moving that weight.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use mustool_diffusion::TokenBatch;
use mustool_diffusion::beats::BeatPredictor;
use mustool_diffusion::deberta::DebertaConfig;
use mustool_diffusion::features::{FeatureConfig, MusicFeatures};
use mustool_diffusion::hifigan::{HifiGan, HifiGanConfig};
use mustool_diffusion::munet::{Condition, Unet, UnetConfig};
use mustool_diffusion::t5::{T5Config, T5ForConditionalGeneration};
use mustool_diffusion::vae::{Vae, VaeConfig};
use mustool_diffusion::vocos::{Vocos, VocosConfig};
use mustool_music::{Beat, Chord, ChordEvent};
use mustool_nn::{DType, Parameter, Source, Tensor, Variables, Weights, host, tensor};

type Outcome<T> = Result<T, mustool_diffusion::Error>;

/// `len` numbers in −1..1, a function of `seed`.
fn noise(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    };
    (0..len + 4).map(|_| next()).skip(4).collect()
}

fn random(shape: &[usize], seed: u64) -> Tensor {
    tensor(noise(shape.iter().product(), seed), shape, DType::F32).unwrap()
}

/// Trainable weights, and what they are named by.
fn trainable() -> (Variables, Weights) {
    let variables = Variables::new().unwrap();
    let weights = Weights::trainable(Source::initial(3), &variables, DType::F32);
    (variables, weights)
}

/// The sum of all outputs, each times a number of its own, in `f64` for slopes.
fn value(outputs: &[Tensor]) -> f64 {
    let mut sum = 0.0;
    for (seed, y) in outputs.iter().enumerate() {
        let mix = noise(y.elem_count(), 90 + seed as u64);
        let y = host(y).unwrap();
        assert!(y.iter().all(|y| y.is_finite()), "an output is not finite");
        sum += y
            .iter()
            .zip(mix)
            .map(|(y, m)| f64::from(*y) * f64::from(m))
            .sum::<f64>();
    }
    sum
}

fn loss(outputs: &[Tensor]) -> Tensor {
    outputs
        .iter()
        .enumerate()
        .map(|(seed, y)| {
            (y * random(y.dims(), 90 + seed as u64))
                .unwrap()
                .sum_all()
                .unwrap()
        })
        .reduce(|a, b| (a + b).unwrap())
        .unwrap()
}

/// Half along the gradient, half at random: wrong sizes, orders and missing terms all show.
fn direction(gradient: &[f32], seed: u64) -> Vec<f32> {
    let unit = |x: Vec<f32>| -> Vec<f32> {
        let size = x.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
        x.iter().map(|x| x / size).collect()
    };
    let (along, across) = (unit(gradient.to_vec()), unit(noise(gradient.len(), seed)));
    unit(along.iter().zip(across).map(|(a, b)| a + b).collect())
}

/// Checks the gradient of every parameter against slopes over `2 · step`.
fn check(variables: &Variables, step: f32, forward: impl Fn() -> Outcome<Vec<Tensor>>) {
    let all = variables.all();
    assert!(!all.is_empty());
    for (seed, parameter) in all.iter().enumerate() {
        // Away from the zeros and ones of the start, which hide mistakes.
        let nudge = noise(parameter.values().len(), 500 + seed as u64);
        parameter.update(|values, _| {
            for (value, nudge) in values.iter_mut().zip(nudge) {
                *value += 0.1 * nudge;
            }
        });
    }
    variables.backward(&loss(&forward().unwrap())).unwrap();
    assert_eq!(variables.without_gradient(), Vec::<String>::new());
    let gradients: Vec<Vec<f32>> = all
        .iter()
        .map(|p| p.with_gradient(|g| g.unwrap().to_vec()))
        .collect();
    for (seed, (parameter, gradient)) in all.iter().zip(&gradients).enumerate() {
        let direction = direction(gradient, seed as u64);
        let at = parameter.values().to_vec();
        let moved = |by: f32| {
            set(
                parameter,
                at.iter().zip(&direction).map(|(x, d)| x + by * d),
            );
            value(&forward().unwrap())
        };
        let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
        set(parameter, at.iter().copied());
        let dot = |a: &[f32], b: &[f32]| -> f64 {
            a.iter()
                .zip(b)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum()
        };
        let (want, size) = (dot(gradient, &direction), dot(gradient, gradient).sqrt());
        assert!(
            (want - slope).abs() <= 1.5e-2 * size + 3e-3,
            "{}: gradient {want}, slope {slope}, of a size of {size}",
            parameter.name()
        );
    }
}

fn set(parameter: &Parameter, values: impl Iterator<Item = f32>) {
    parameter.update(|target, _| {
        for (target, value) in target.iter_mut().zip(values) {
            *target = value;
        }
    });
}

#[test]
fn the_unet_with_all_conditions() {
    let config: UnetConfig = serde_json::from_str(
        r#"{"in_channels":3,"out_channels":3,"sample_size":[6,4],"block_out_channels":[8,12],
        "attention_head_dim":[2,3],"layers_per_block":1,
        "down_block_types":["DownBlock2D","CrossAttnDownBlock2DMusic"],
        "up_block_types":["CrossAttnUpBlock2DMusic","UpBlock2D"],"norm_num_groups":4,
        "norm_eps":1e-5,"cross_attention_dim":5,"feed_forward_mult":2,
        "attention_sets":["text","beat","chord"],"control_channels":2,
        "class_labels":["style:waltz","harp","piano"]}"#,
    )
    .unwrap();
    let (variables, weights) = trainable();
    let unet = Unet::new(&config, &weights).unwrap();
    let mask = tensor(vec![1.0, 1.0, 0.0, 1.0, 1.0, 1.0], &[2, 3], DType::F32).unwrap();
    let sets: Vec<Condition> = (0..3)
        .map(|i| Condition::new(random(&[2, 3, 5], 20 + i), &mask).unwrap())
        .collect();
    let (sample, control) = (random(&[2, 5, 4, 3], 1), random(&[2, 5, 4, 2], 2));
    let instruments = [vec!["harp".to_owned()], vec!["piano".to_owned()]];
    let rows = [
        config.class_row(Some("waltz"), &instruments[0]),
        config.class_row(None, &instruments[1]),
    ];
    assert_eq!(rows.concat(), [1.0, 1.0, 0.0, 0.0, 0.0, 1.0]);
    let classes = tensor(rows.concat(), &[2, 3], DType::F32).unwrap();
    check(&variables, 2e-2, || {
        let conditions = unet.prepare(&sets, Some(&control), Some(&classes))?;
        Ok(vec![unet.forward(&sample, &[10.0, 700.0], &conditions)?])
    });
}

#[test]
fn the_autoencoder() {
    let config = VaeConfig {
        channels: vec![4, 8],
        num_res_blocks: 1,
        z_channels: 3,
        embed_dim: 2,
        scale_factor: 0.9,
        patch_size: 2,
        norm_groups: 2,
    };
    let (variables, weights) = trainable();
    let vae = Vae::new(&config, &weights);
    let spectrogram = random(&[2, 12, 8, 1], 3);
    check(&variables, 1e-2, || {
        let posterior = vae.encode(&spectrogram)?;
        let spread = (posterior.logvar * 0.5).unwrap().exp().unwrap();
        let latents = (posterior.mean + (random(spread.dims(), 5) * spread).unwrap()).unwrap();
        Ok(vec![vae.decode(&latents)?])
    });
}

#[test]
fn the_vocoder_with_oscillators() {
    let config = VocosConfig {
        num_bands: 7,
        lowest_midi: 69,
        control_channels: 3,
        dim: 6,
        intermediate_dim: 10,
        num_layers: 2,
        n_fft: 32,
        hop_length: 8,
        sample_rate: 16_000,
        mean: -1.0,
        std: 0.7,
    };
    let (variables, weights) = trainable();
    let vocoder = Vocos::new(&config, &weights).unwrap();
    let (x, controls) = (random(&[2, 9, 7], 6), random(&[2, 9, 3], 7));
    check(&variables, 1e-2, || {
        Ok(vec![vocoder.waveforms(&x, &controls)?])
    });
}

#[test]
fn a_batch_of_waveforms_is_each_waveform() {
    let config = VocosConfig {
        num_bands: 5,
        lowest_midi: 60,
        control_channels: 2,
        dim: 4,
        intermediate_dim: 6,
        num_layers: 1,
        n_fft: 16,
        hop_length: 4,
        sample_rate: 16_000,
        mean: 0.0,
        std: 1.0,
    };
    let weights = Weights::new(Source::random(5), DType::F32);
    let vocoder = Vocos::new(&config, &weights).unwrap();
    let (x, controls) = (random(&[3, 6, 5], 8), random(&[3, 6, 2], 9));
    let batch = vocoder.waveforms(&x, &controls).unwrap();
    for i in 0..3 {
        let alone = vocoder
            .forward(&x.get(i).unwrap(), &controls.get(i).unwrap())
            .unwrap();
        assert_eq!(host(&batch.get(i).unwrap()).unwrap(), alone);
    }
}

#[test]
fn the_gan_generator() {
    let config = HifiGanConfig {
        num_mels: 4,
        upsample_initial_channel: 8,
        upsample_rates: vec![3, 2],
        upsample_kernel_sizes: vec![7, 4],
        resblock_kernel_sizes: vec![3, 5],
        resblock_dilation_sizes: vec![vec![1, 3]; 2],
    };
    let (variables, weights) = trainable();
    let generator = HifiGan::new(&config, &weights).unwrap();
    let mel = random(&[2, 6, 4], 10);
    check(&variables, 2e-3, || Ok(vec![generator.forward(&mel)?]));
}

#[test]
fn the_text_networks() {
    let prompts = TokenBatch::padded(&[vec![3, 7, 5, 1], vec![9, 1]], 0).unwrap();
    let answers = TokenBatch::padded(&[vec![0, 4], vec![0, 11, 2]], 0).unwrap();
    for (kind, tied) in [("gated-gelu", true), ("relu", false)] {
        let json = format!(
            r#"{{"vocab_size":12,"d_model":8,"d_kv":3,"d_ff":10,"num_layers":2,"num_heads":2,
            "relative_attention_num_buckets":8,"relative_attention_max_distance":16,
            "feed_forward_proj":"{kind}","tie_word_embeddings":{tied}}}"#
        );
        let config = T5Config::from_json("t5.json", json.as_bytes()).unwrap();
        let (variables, weights) = trainable();
        let network = T5ForConditionalGeneration::new(&config, &weights);
        check(&variables, 4e-3, || {
            Ok(vec![network.logits(&prompts, &answers)?])
        });
    }
}

#[test]
fn all_tokens_at_once_score_as_one_by_one() {
    let json = r#"{"vocab_size":12,"d_model":8,"d_kv":4,"d_ff":10,"num_layers":2,"num_heads":2}"#;
    let config = T5Config::from_json("t5.json", json.as_bytes()).unwrap();
    let weights = Weights::new(Source::random(2), DType::F32);
    let network = T5ForConditionalGeneration::new(&config, &weights);
    let prompt = TokenBatch::padded(&[vec![3, 7, 5, 1]], 0).unwrap();
    let answer = [0u32, 4, 9, 2];
    let input = TokenBatch::masked(&[answer.to_vec()], &[vec![true; 4]]).unwrap();
    let all = host(&network.logits(&prompt, &input).unwrap()).unwrap();
    let mut state = network.start(&prompt).unwrap();
    for (token, want) in answer.iter().zip(all.chunks(12)) {
        let got = network.step(&mut state, &[*token]).unwrap();
        for (got, want) in got[0].iter().zip(want) {
            assert!((got - want).abs() < 1e-5, "{got}, not {want}");
        }
    }
}

#[test]
fn the_beat_predictor() {
    let json = r#"{"vocab_size":14,"hidden_size":8,"num_hidden_layers":2,
        "num_attention_heads":2,"intermediate_size":12,"max_position_embeddings":32,
        "position_buckets":4,"layer_norm_eps":1e-7}"#;
    let config = DebertaConfig::from_json("beats.json", json.as_bytes()).unwrap();
    let (variables, weights) = trainable();
    let predictor = BeatPredictor::new(&config, &weights);
    let input = TokenBatch::padded(&[vec![3, 7, 5, 1, 2, 2], vec![9, 1, 13]], 0).unwrap();
    check(&variables, 5e-3, || {
        let prediction = predictor.forward(&input)?;
        Ok(vec![prediction.logits, prediction.values])
    });
}

#[test]
fn beats_and_chords_as_vectors() {
    let config = FeatureConfig {
        d_fme: 6,
        d_pe: 4,
        d_beat: 5,
        d_chord: 7,
        beat_len: 3,
        chord_len: 2,
        base: 10_000.0,
        d_oh_beat_type: 7,
        d_oh_chord_type: 12,
        d_oh_inv_type: 4,
    };
    let (variables, weights) = trainable();
    let features = MusicFeatures::new(&config, &weights);
    let beats = [0.5, 1.0].map(|time_s| Beat { time_s, number: 1 });
    let chords = [ChordEvent {
        time_s: 0.0,
        chord: Chord::parse("Gm7").unwrap(),
    }];
    check(&variables, 2e-2, || {
        let beats = features.beats(&[&beats, &[]])?.embedding;
        Ok(vec![beats, features.chords(&[&chords, &[]])?.embedding])
    });
}
