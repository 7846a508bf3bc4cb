//! Times a training step of a small MuNet: forward, backward, AdamW.
//!
//! `cargo run --release -p mustool-diffusion --example train_step -- bf16 10` prints one line of
//! JSON: medians in ms, and the processor time of a step. `train_step.py` beside this file does the
//! same with PyTorch. `RAYON_NUM_THREADS` sets the number of threads.

#![expect(clippy::print_stdout, reason = "a bench prints")]

use mustool_diffusion::munet::{Condition, Unet, UnetConfig};
use mustool_nn::optim::{AdamW, AdamWConfig, clip_global_norm};
use mustool_nn::{DType, Level, Source, Tensor, Variables, Weights, tensor};
use std::time::Instant;

/// About 3.0 M parameters at latents of 8 × 128 × 8; the batch is 8.
const CONFIG: &str = include_str!("train_step.json");
const BATCH: usize = 8;
const TOKENS: usize = 24;

fn waves(shape: &[usize], rate: f32) -> Tensor {
    let len: usize = shape.iter().product();
    let values = (0..len).map(|i| (i as f32 * rate).sin()).collect();
    tensor(values, shape, DType::F32).expect("the shape has as many elements")
}

/// Processor time of this process, all threads, in seconds; 0 where the system does not say.
fn cpu_seconds() -> f64 {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else {
        return 0.0;
    };
    let after_name = stat.rsplit(')').next().unwrap_or("");
    let ticks = |i: usize| {
        let field = after_name.split_whitespace().nth(i);
        field.and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0)
    };
    (ticks(11) + ticks(12)) / 100.0
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let dtype = match arguments.next().as_deref() {
        Some("bf16") => DType::BF16,
        _ => DType::F32,
    };
    let steps: usize = arguments.next().map_or(Ok(10), |n| n.parse())?;
    let config: UnetConfig = serde_json::from_str(CONFIG)?;
    let variables = Variables::new()?;
    let unet = Unet::new(
        &config,
        &Weights::trainable(Source::initial(1), &variables, dtype),
    )?;
    let [time, rows] = config.sample_size;
    let sample = waves(&[BATCH, time, rows, config.in_channels], 0.37);
    let target = waves(&[BATCH, time, rows, config.out_channels], 0.11);
    let control = waves(&[BATCH, time, rows, config.control_channels], 0.05);
    let text = waves(&[BATCH, TOKENS, config.cross_attention_dim], 0.71);
    let mask = tensor(vec![1.0; BATCH * TOKENS], &[BATCH, TOKENS], DType::F32)?;
    let sets = [Condition::new(text, &mask)?];
    let timesteps: Vec<f32> = (0..BATCH).map(|i| 100.0 * i as f32).collect();
    let mut optimizer = AdamW::new(AdamWConfig::default());
    let (mut stages, mut losses) = ([const { Vec::new() }; 3], Vec::new());
    let (mut cpu, mut norm) = (0.0, 0.0);
    for step in 0..steps + 2 {
        if step == 2 {
            cpu = cpu_seconds();
        }
        let start = Instant::now();
        let conditions = unet.prepare(&sets, Some(&control), None)?;
        let output = unet.forward(&sample, &timesteps, &conditions)?;
        let loss = (output - &target)?.sqr()?.mean_all()?;
        let forward = start.elapsed().as_secs_f64();
        variables.backward(&loss)?;
        let backward = start.elapsed().as_secs_f64();
        norm = clip_global_norm(&[&variables], 1.0);
        optimizer.step(&variables, 1e-3);
        let whole = start.elapsed().as_secs_f64();
        losses.push(loss.to_scalar::<f32>()?);
        if step >= 2 {
            let parts = [forward, backward - forward, whole - backward];
            for (stage, seconds) in stages.iter_mut().zip(parts) {
                stage.push(1e3 * seconds);
            }
        }
    }
    let cpu = 1e3 * (cpu_seconds() - cpu) / steps as f64;
    let wholes = (0..steps)
        .map(|i| stages.iter().map(|s| s[i]).sum())
        .collect();
    let whole = median(wholes);
    let [forward, backward, optimizer] = stages.map(median);
    println!(
        "{}",
        serde_json::json!({
            "bench": "train_step", "dtype": dtype.as_str(), "cpu_level": Level::get().name(),
            "parameters": variables.num_values(), "step_ms": whole, "forward_ms": forward,
            "backward_ms": backward, "optimizer_ms": optimizer, "cpu_ms": cpu,
            "first_loss": losses.first(), "last_loss": losses.last(), "gradient_norm": norm,
        })
    );
    Ok(())
}
