//! `mustool train` on networks of a few thousand weights and on tones of half a second: it ends in
//! the same weights whatever happens to it on the way.

use super::{Bench, Run};
use mustool_audio::wav::{self, SampleFormat};
use mustool_audio::{Tags, Waveform};
use mustool_training::checkpoint::Checkpoint;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;

/// Clips of 64 frames at 24 kHz.
const SAMPLES: usize = 64 * 240;

/// A folder with a small model's sizes and `count` clips that have plans and captions.
fn bench(count: usize) -> Bench {
    let bench = Bench::new();
    for (name, sizes) in small_model() {
        std::fs::create_dir_all(bench.path("model")).unwrap();
        std::fs::write(bench.path("model").join(name), sizes.to_string()).unwrap();
    }
    write_clips(&bench.path("clips"), count, 0);
    write_clips(&bench.path("others"), 4, 100);
    bench
}

fn small_model() -> Vec<(&'static str, Value)> {
    let text = json!({
        "vocab_size": 300, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 1, "num_heads": 2,
        "feed_forward_proj": "gated-gelu", "max_length": 96, "tie_word_embeddings": false,
    });
    let unet = json!({
        "in_channels": 4, "out_channels": 4, "sample_size": [8, 12],
        "block_out_channels": [8, 8, 16], "attention_head_dim": [1, 2, 2], "layers_per_block": 1,
        "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2DMusic", "CrossAttnDownBlock2DMusic"],
        "up_block_types": ["CrossAttnUpBlock2DMusic", "CrossAttnUpBlock2DMusic", "UpBlock2D"],
        "norm_num_groups": 4, "norm_eps": 1e-5, "cross_attention_dim": 16, "feed_forward_mult": 2,
        "attention_sets": ["text"], "control_channels": 38,
    });
    vec![
        ("text_encoder_config.json", text.clone()),
        ("predictor_config.json", text),
        ("unet_config.json", unet),
        (
            "vae_config.json",
            json!({
                "embed_dim": 4, "z_channels": 4, "patch_size": 2, "channels": [8, 8, 8],
                "num_res_blocks": 1, "norm_groups": 4, "mean": -6.0, "std": 2.0,
            }),
        ),
        (
            "vocoder_config.json",
            json!({
                "num_bands": 96, "lowest_midi": 31, "control_channels": 24, "dim": 16,
                "intermediate_dim": 32, "num_layers": 1, "n_fft": 1536, "hop_length": 240,
                "sample_rate": 24000, "mean": -6.0, "std": 2.0,
            }),
        ),
    ]
}

/// Tones whose pitch, caption and chord are the same thing.
fn write_clips(folder: &Path, count: usize, first: usize) {
    std::fs::create_dir_all(folder).unwrap();
    let notes = ["C", "D", "E", "F", "G", "A"];
    let mut records = String::new();
    for i in first..first + count {
        let name = format!("{i}.wav");
        let hz = 261.6 * 2f64.powf((i % 12) as f64 / 12.0);
        let wave = |k: usize| (k as f64 / 24e3 * hz * std::f64::consts::TAU).sin();
        let samples = (0..SAMPLES).map(|k| (0.4 * wave(k)) as f32).collect();
        let waveform = Waveform::mono(samples, 24_000).unwrap();
        wav::write_file(
            &folder.join(&name),
            &waveform,
            SampleFormat::Pcm16,
            &Tags::default(),
        )
        .unwrap();
        let note = notes[i % notes.len()];
        let record = json!({
            "location": name, "captions": [format!("a tone of {note}")], "bpm": 120,
            "beats": [[0.0, 0.5], [1, 2]], "chords": [note], "chords_time": [0.0],
            "key": [format!("{note} major"), null], "style": "pop", "mood": ["calm"],
            "instruments": ["piano"],
        });
        records.push_str(&format!("{record}\n"));
    }
    std::fs::write(folder.join("records.jsonl"), records).unwrap();
}

/// Writes a configuration for a run of its own.
fn configure(bench: &Bench, run: &str, more: &str) -> String {
    let name = format!("{run}.toml");
    let (top, tables) = more
        .split_once("[")
        .map_or((more, String::new()), |(top, rest)| {
            (top, format!("[{rest}"))
        });
    let text = format!(
        "model = 'model'\nrun = '{run}'\nbatch = 2\nprecision = 'f32'\n{top}\n\
         [data]\ntrain = 'clips'\nheld_out = 'others'\ncache = 'cache'\n\
         [checkpoint]\nsteps = 2\nlog_steps = 1\nvalidation_steps = 10\nvalidation_clips = 4\n{tables}"
    );
    std::fs::write(bench.path(&name), text).unwrap();
    name
}

fn train(bench: &Bench, stage: &str, config: &str, more: &[&str]) -> Run {
    bench.run(&[&["train", stage, "--config", config, "--json"], more].concat())
}

fn trained(bench: &Bench, stage: &str, config: &str) -> Run {
    let run = train(bench, stage, config, &[]);
    assert_eq!(run.code, Some(0), "{stage}: {}", run.stderr);
    run
}

fn checkpoint(bench: &Bench, run: &str, step: u64) -> Checkpoint {
    let path = bench.path(run).join(format!("step-{step:010}.safetensors"));
    Checkpoint::load(&path).unwrap()
}

/// Every number of a checkpoint, by its bits.
fn bits(checkpoint: &Checkpoint) -> Vec<(String, Vec<u32>)> {
    let tensors = checkpoint.tensors.iter();
    let bits =
        tensors.map(|(name, (_, v))| (name.clone(), v.iter().map(|x| x.to_bits()).collect()));
    bits.collect()
}

#[test]
fn ten_kills_do_not_change_a_weight() {
    let bench = bench(5);
    let calm = configure(&bench, "calm", "steps = 60");
    trained(&bench, "vae", &calm);
    let exported = bench.bytes("model/vae.safetensors");

    let disturbed = configure(&bench, "disturbed", "steps = 60");
    for round in 0..10usize {
        let args = ["train", "vae", "--config", &disturbed, "--json"];
        let mut child = bench
            .command(&args)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed after another number of steps each time, wherever it is then.
        for _ in 0..3 + round * 7 % 4 {
            lines.next();
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let last = trained(&bench, "vae", &disturbed);
    assert!(
        last.stderr.contains("going on from step"),
        "{}",
        last.stderr
    );
    assert!(bits(&checkpoint(&bench, "calm", 60)) == bits(&checkpoint(&bench, "disturbed", 60)));
    assert!(
        exported == bench.bytes("model/vae.safetensors"),
        "the exported weights differ"
    );
    let steps: Vec<u64> = std::fs::read_to_string(bench.path("disturbed/log.jsonl"))
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .filter(|line| line["validation"].is_null())
        .map(|line| line["step"].as_u64().unwrap())
        .collect();
    assert_eq!(
        steps,
        (1..=60).collect::<Vec<u64>>(),
        "the log has every step once"
    );
}

#[test]
fn threads_do_not_change_a_weight_and_seeds_do() {
    let bench = bench(5);
    let mut ends = Vec::new();
    for (run, more) in [
        ("one", "threads = 1"),
        ("three", "threads = 3"),
        ("seed", "seed = 9"),
    ] {
        let config = configure(&bench, run, &format!("steps = 6\n{more}"));
        trained(&bench, "vae", &config);
        ends.push(bits(&checkpoint(&bench, run, 6)));
    }
    assert!(ends[0] == ends[1]);
    assert!(ends[0] != ends[2]);
}

#[test]
fn not_a_number_stops_the_run_and_keeps_the_last_good_checkpoint() {
    let bench = bench(3);
    let config = configure(&bench, "run", "steps = 4");
    trained(&bench, "vae", &config);
    let good = bits(&checkpoint(&bench, "run", 4));
    let config = configure(
        &bench,
        "run",
        "steps = 400\n[optimizer]\nlearning_rate = 1e30\nmax_gradient_norm = 1e30",
    );
    let run = train(&bench, "vae", &config, &[]);
    assert_eq!(run.code, Some(1), "{}", run.stderr);
    assert!(run.stderr.contains("training stopped"), "{}", run.stderr);
    let kept = std::fs::read_dir(bench.path("run")).unwrap();
    let newest = kept
        .filter_map(|entry| Checkpoint::load(&entry.unwrap().path()).ok())
        .max_by_key(|checkpoint| checkpoint.state.step)
        .unwrap();
    let finite = |(_, v): &(Vec<usize>, Vec<f32>)| v.iter().all(|x| x.is_finite());
    assert!(
        newest.tensors.values().all(finite),
        "step {}",
        newest.state.step
    );
    assert!(newest.state.step >= 4 && !good.is_empty());
}

#[test]
fn a_folder_with_broken_files_is_trained_on_and_they_are_named() {
    let bench = bench(3);
    std::fs::write(bench.path("clips/noise.wav"), b"not music").unwrap();
    let mut records = std::fs::read_to_string(bench.path("clips/records.jsonl")).unwrap();
    records.push_str("{\"location\": \"noise.wav\"}\n{\"location\": \"gone.wav\"}\n{\"loc");
    std::fs::write(bench.path("clips/records.jsonl"), records).unwrap();
    let config = configure(&bench, "run", "steps = 2");
    let run = trained(&bench, "vae", &config);
    for words in ["line 4", "noise.wav", "line 5", "gone.wav", "line 6"] {
        assert!(run.stderr.contains(words), "no {words:?} in {}", run.stderr);
    }
    let own = bench.path("own");
    write_clips(&own, 2, 0);
    std::fs::remove_file(own.join("records.jsonl")).unwrap();
    let run = train(
        &bench,
        "vae",
        &config,
        &["--data", "own", "--resume", "never"],
    );
    assert_eq!(run.code, Some(0), "{}", run.stderr);
}

#[test]
fn wrong_configurations_are_refused_with_exit_code_2() {
    let bench = bench(2);
    for (more, word) in [("", "time_limit_s"), ("steps = 2\nbatches = 3", "batches")] {
        let config = configure(&bench, "run", more);
        let run = train(&bench, "vae", &config, &[]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains(word), "{}", run.stderr);
    }
    let config = configure(&bench, "run", "steps = 2");
    let run = train(&bench, "unet", &config, &[]);
    assert!(
        run.stderr.contains("run the stage vae first"),
        "{}",
        run.stderr
    );
    let run = train(&bench, "vae", &config, &["--data", "nowhere"]);
    assert_eq!(run.code, Some(2), "{}", run.stderr);
}

#[test]
fn a_model_trained_from_nothing_makes_music() {
    let bench = bench(6);
    for (stage, steps) in [
        ("text", 4),
        ("vae", 20),
        ("vocoder", 3),
        ("unet", 6),
        ("planner", 4),
    ] {
        let config = configure(
            &bench,
            stage,
            &format!("steps = {steps}\n[text]\nphrases = 200"),
        );
        let lines = trained(&bench, stage, &config).json();
        assert!(
            lines.iter().all(|line| line["values"].is_object()),
            "{stage}"
        );
        let judged = lines
            .iter()
            .filter(|line| line["validation"] == true)
            .count();
        assert!(judged > 0, "{stage} was judged");
        assert!(bench.path(stage).join("loss.svg").exists());
    }
    let decoder = configure(
        &bench,
        "decoder",
        "steps = 2\nstart = 'model'\n[vae]\npart = 'decoder'",
    );
    trained(&bench, "vae", &decoder);
    let decoded = configure(
        &bench,
        "decoded",
        "steps = 2\nstart = 'model'\n[vocoder]\ninput = 'decoded'",
    );
    trained(&bench, "vocoder", &decoded);
    bench.ok(&[
        "generate",
        "a tone of C",
        "--model",
        "model",
        "-o",
        "out.wav",
        "--duration",
        "1",
        "--steps",
        "2",
    ]);
    let sound = bench.bytes("out.wav");
    assert!(sound.len() > 24_000, "{} bytes", sound.len());
}
