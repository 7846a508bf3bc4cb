//! `mustool bench --config mustango --random-weights`: the published model's networks at full size,
//! one after the other, without its weights.
//!
//! Each network is made of random numbers and run on a clip of 10.24 s in a process of its own, so
//! that the peak of memory is its own. CPU time and memory are Linux's figures of that process.

use std::time::Instant;

use anyhow::Context;
use clap::ValueEnum;
use mustool_diffusion::hifigan::HifiGan;
use mustool_diffusion::munet::{Condition, Unet};
use mustool_diffusion::t5::{T5Config, T5Encoder};
use mustool_diffusion::vae::{Vae, VaeConfig};
use mustool_diffusion::{TokenBatch, mustango};
use mustool_nn::{DType, Device, Level, Source, Tensor, Weights, host};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::args::{Dtype, limit_threads, usage};
use crate::terminal;

/// Tokens of the prompt, and places for beats and chords.
const TOKENS: usize = 64;
const BEATS: usize = 50;
const CHORDS: usize = 20;
/// Cells of the latent in time and pitch, and its channels.
const LATENT: [usize; 3] = [256, 16, 8];

/// What to time, where no other command says it.
#[derive(Debug, clap::Args)]
pub(crate) struct Networks {
    /// Time the networks of this model at their full size.
    #[arg(long, value_enum, requires = "random_weights")]
    config: Option<Config>,
    /// Fill them with random numbers: speed and memory are those of the published weights.
    #[arg(long, requires = "config")]
    random_weights: bool,
    /// Denoising steps to take the median of.
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=100))]
    steps: u16,
    /// Number type of MuNet, the decoder and the vocoder.
    #[arg(long, value_enum, default_value_t = Dtype::Auto)]
    dtype: Dtype,
    /// Threads to compute with; all cores if not given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// Time this stage alone, in this process.
    #[arg(long, value_enum, hide = true, requires = "config")]
    stage: Option<StageName>,
}

/// The stages of a generation that networks take part in, in order.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum StageName {
    TextEncoder,
    UnetStep,
    VaeDecode,
    Vocoder,
}

/// `--config`.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Config {
    /// Mustango as published: 1.4 billion numbers in the denoising network.
    Mustango,
}

/// Time and memory of one stage.
#[derive(Debug, Serialize, Deserialize)]
struct Stage {
    stage: String,
    /// Of one run, after loading.
    seconds: f64,
    /// The same, over all threads.
    cpu_seconds: Option<f64>,
    load_seconds: f64,
    weights_bytes: u64,
    /// Most memory of the process while it loaded and ran.
    peak_bytes: Option<u64>,
}

/// Runs the command.
pub(crate) fn run(args: &Networks) -> anyhow::Result<()> {
    if args.config.is_none() {
        return Err(usage(
            "bench: name what to time: ops, generate, or --config mustango --random-weights",
        ));
    }
    if let Some(name) = args.stage {
        limit_threads(args.threads)?;
        let stage = time_stage(name, args.dtype.resolve().dtype(), args.steps)?;
        return terminal::print(&serde_json::to_string(&stage)?);
    }
    let mut done = Vec::new();
    for name in StageName::value_variants() {
        if terminal::interrupted() {
            return Ok(());
        }
        let stage = in_own_process(*name, args)?;
        if !args.json {
            print_line(&stage)?;
        }
        done.push(stage);
    }
    if !args.json {
        return Ok(());
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let value = json!({
        "config": "mustango",
        "weights": "random",
        "dtype": args.dtype.resolve(),
        "steps": args.steps,
        "cpu_level": Level::get().name(),
        "threads": args.threads.map_or(threads, usize::from),
        "audio_s": 10.24,
        "stages": done,
    });
    terminal::print(&value.to_string())
}

/// Runs this program once more for one stage.
fn in_own_process(name: StageName, args: &Networks) -> anyhow::Result<Stage> {
    let named = |value: &dyn Fn() -> Option<clap::builder::PossibleValue>| {
        value().map_or(String::new(), |value| value.get_name().to_owned())
    };
    let stage = named(&|| name.to_possible_value());
    let mut command = std::process::Command::new(std::env::current_exe()?);
    command.args(["bench", "--config", "mustango", "--random-weights"]);
    command.args(["--stage", &stage, "--steps", &args.steps.to_string()]);
    command.args(["--dtype", &named(&|| args.dtype.to_possible_value())]);
    if let Some(threads) = args.threads {
        command.args(["--threads", &threads.to_string()]);
    }
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .context("cannot start this program again")?;
    if !output.status.success() {
        anyhow::bail!("{stage} could not be timed");
    }
    serde_json::from_slice(&output.stdout).with_context(|| format!("{stage} told nothing"))
}

fn time_stage(name: StageName, dtype: DType, steps: u16) -> anyhow::Result<Stage> {
    match name {
        StageName::TextEncoder => text_encoder(),
        StageName::UnetStep => unet_step(dtype, steps),
        StageName::VaeDecode => vae_decode(dtype),
        StageName::Vocoder => vocoder(dtype),
    }
}

fn print_line(stage: &Stage) -> anyhow::Result<()> {
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let cpu = stage
        .cpu_seconds
        .map_or(String::new(), |seconds| format!(", {seconds:.2} CPU-s"));
    let peak = stage.peak_bytes.map_or(String::new(), |bytes| {
        format!(", peak {:.2} GiB", gib(bytes))
    });
    let Stage {
        stage: name,
        seconds,
        weights_bytes,
        ..
    } = stage;
    let weights = gib(*weights_bytes);
    terminal::print(&format!(
        "{name:14} {seconds:8.3} s{cpu}, weights {weights:.2} GiB{peak}"
    ))
}

/// Builds a network, runs it `runs` times and reports the median.
fn time<N>(
    stage: &str,
    dtype: DType,
    runs: u16,
    build: impl FnOnce(&Weights) -> anyhow::Result<N>,
    mut forward: impl FnMut(&N) -> anyhow::Result<Tensor>,
) -> anyhow::Result<Stage> {
    let begun = Instant::now();
    let weights = Weights::new(Source::random(1), dtype);
    let network = build(&weights).with_context(|| format!("{stage}: cannot build it"))?;
    let numbers: usize = weights
        .taken()
        .values()
        .map(|shape| shape.iter().product::<usize>())
        .sum();
    let load_seconds = begun.elapsed().as_secs_f64();
    let mut timings = Vec::new();
    for _ in 0..runs {
        let (start, cpu) = (Instant::now(), cpu_seconds());
        let output = forward(&network).with_context(|| format!("{stage}: cannot run it"))?;
        let seconds = start.elapsed().as_secs_f64();
        timings.push((
            seconds,
            cpu_seconds().zip(cpu).map(|(now, then)| now - then),
        ));
        if !host(&output)?.iter().all(|x| x.is_finite()) {
            anyhow::bail!("{stage}: it gave a number that is not finite");
        }
    }
    timings.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (seconds, cpu_seconds) = timings[(timings.len() - 1) / 2];
    Ok(Stage {
        stage: stage.to_owned(),
        seconds,
        cpu_seconds,
        load_seconds,
        weights_bytes: (numbers * dtype.size_in_bytes()) as u64,
        peak_bytes: peak_bytes(),
    })
}

/// The prompt and its negation, always in `f32`.
fn text_encoder() -> anyhow::Result<Stage> {
    let rows = [7, 11].map(|start| (0..TOKENS as u32).map(|i| start + i).collect());
    let tokens = TokenBatch::padded(&rows, 0)?;
    time(
        "text_encoder",
        DType::F32,
        1,
        |weights| {
            let json = mustango::t5().to_string();
            Ok(T5Encoder::new(
                &T5Config::from_json("t5", json.as_bytes())?,
                weights,
            ))
        },
        |network| Ok(network.forward(&tokens)?),
    )
}

/// One step with guidance: two halves of a batch.
fn unet_step(dtype: DType, steps: u16) -> anyhow::Result<Stage> {
    let [time_cells, rows, channels] = LATENT;
    let sample = noise(&[2, time_cells, rows, channels])?;
    let sets = [TOKENS, BEATS, CHORDS]
        .map(|tokens| {
            let mask = Tensor::ones((2, tokens), DType::F32, &Device::Cpu)?;
            Ok(Condition::new(noise(&[2, tokens, 1024])?, &mask)?)
        })
        .into_iter()
        .collect::<anyhow::Result<Vec<_>>>()?;
    let mut conditions = None;
    time(
        "unet_step",
        dtype,
        steps,
        |weights| {
            Ok(Unet::new(
                &serde_json::from_value(mustango::unet())?,
                weights,
            )?)
        },
        |network| {
            let conditions = match &conditions {
                Some(ready) => ready,
                None => conditions.insert(network.prepare(&sets, None, None)?),
            };
            Ok(network.forward(&sample, &[500.0; 2], conditions)?)
        },
    )
}

fn vae_decode(dtype: DType) -> anyhow::Result<Stage> {
    let [time_cells, rows, channels] = LATENT;
    let latents = noise(&[1, time_cells, rows, channels])?;
    time(
        "vae_decode",
        dtype,
        1,
        |weights| {
            let config = VaeConfig::from_json(&mustango::vae().to_string())?;
            Ok(Vae::new(&config, weights))
        },
        |network| Ok(network.decode(&latents)?),
    )
}

fn vocoder(dtype: DType) -> anyhow::Result<Stage> {
    let mel = noise(&[1, 4 * LATENT[0], 4 * LATENT[1]])?;
    time(
        "vocoder",
        dtype,
        1,
        |weights| {
            Ok(HifiGan::new(
                &serde_json::from_value(mustango::hifigan())?,
                weights,
            )?)
        },
        |network| Ok(network.forward(&mel)?),
    )
}

fn noise(shape: &[usize]) -> anyhow::Result<Tensor> {
    Ok(Tensor::randn(0f32, 1f32, shape, &Device::Cpu)?)
}

/// CPU time of all threads of this process so far, from Linux's `/proc/self/stat`, whose clock
/// ticks a hundred times a second.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, in brackets, may have spaces.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let user: f64 = fields.next()?.parse().ok()?;
    let system: f64 = fields.next()?.parse().ok()?;
    Some((user + system) / 100.0)
}

/// Most memory that this process had at once.
fn peak_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn the_peak_counts_what_was_held() {
        let before = peak_bytes().unwrap();
        let held = std::hint::black_box(vec![1u8; 256 << 20]);
        assert!(
            peak_bytes().unwrap() >= before.max(200 << 20),
            "{}",
            held.len()
        );
    }

    #[test]
    fn computing_takes_cpu_time() {
        let before = cpu_seconds().unwrap();
        let begun = Instant::now();
        let mut sum = 0u64;
        while begun.elapsed().as_secs_f64() < 0.2 {
            sum = sum.wrapping_mul(31).wrapping_add(1);
        }
        let used = cpu_seconds().unwrap() - before;
        assert!(used > 0.01 && sum != 1, "{used}");
    }
}
