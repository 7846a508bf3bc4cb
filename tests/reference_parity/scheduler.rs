//! The noise schedule, and single steps of DDPM and DDIM.

use crate::golden::{Golden, TOLERANCE, assert_values, json};
use mustool_diffusion::scheduler::{
    History, PredictionType, Scheduler, SchedulerConfig, SchedulerKind,
};

fn config(prediction: &str) -> SchedulerConfig {
    let config: SchedulerConfig = serde_json::from_value(json("scheduler_config.json")).unwrap();
    assert_eq!(config.prediction_type, PredictionType::VPrediction);
    let prediction_type = match prediction {
        "epsilon" => PredictionType::Epsilon,
        _ => PredictionType::VPrediction,
    };
    SchedulerConfig {
        prediction_type,
        ..config
    }
}

/// Replays a trace: four steps from its beginning, then one at the last timestep.
fn assert_trace(kind: SchedulerKind, prediction: &str) {
    let golden = Golden::load("scheduler_io.safetensors");
    let trace = format!("{kind}_{prediction}");
    let (_, expected) = golden.get(&format!("{trace}.timesteps"));
    let scheduler = Scheduler::new(&config(prediction), kind, expected.len()).unwrap();
    let timesteps: Vec<f32> = scheduler.timesteps().iter().map(|&t| t as f32).collect();
    assert_eq!(timesteps, expected, "{trace}");
    let mut sample = golden.get(&format!("{trace}.sample0")).1.to_vec();
    for step in 0..5 {
        let key = |name: &str| format!("{trace}.step{step}.{name}");
        let values = |name: &str| golden.get(&key(name)).1;
        let timestep = values("t")[0] as usize;
        assert_eq!(sample.len(), values("sample").len());
        assert_values(&sample, values("sample"), &key("sample"), TOLERANCE);
        let model_output = values("model_output");
        let x0 = scheduler.pred_original_sample(timestep, model_output, &sample);
        // Predicted noise is divided by √ᾱ, 0.07 at the first step: so are its errors.
        let tolerance = TOLERANCE / scheduler.alphas_cumprod()[timestep].sqrt();
        let pred = "pred_original_sample";
        assert_values(&x0, values(pred), &key(pred), tolerance);
        let noise = scheduler.adds_noise(timestep).then(|| values("noise"));
        scheduler.step(
            timestep,
            model_output,
            &mut sample,
            noise,
            &mut History::default(),
        );
        assert_values(
            &sample,
            values("prev_sample"),
            &key("prev_sample"),
            TOLERANCE,
        );
    }
}

#[test]
fn ddpm_follows_velocity() {
    assert_trace(SchedulerKind::Ddpm, "v_prediction");
}

#[test]
fn ddpm_follows_noise() {
    assert_trace(SchedulerKind::Ddpm, "epsilon");
}

#[test]
fn ddim_follows_velocity() {
    assert_trace(SchedulerKind::Ddim, "v_prediction");
}

#[test]
fn ddim_follows_noise() {
    assert_trace(SchedulerKind::Ddim, "epsilon");
}

#[test]
fn the_schedule_is_that_of_stable_diffusion() {
    let golden = Golden::load("scheduler_io.safetensors");
    let scheduler = Scheduler::new(&config("v_prediction"), SchedulerKind::Ddpm, 100).unwrap();
    let expected = golden.get("alphas_cumprod").1;
    assert_values(scheduler.alphas_cumprod(), expected, "alphas_cumprod", 1e-6);
}

#[test]
fn training_targets_agree() {
    let golden = Golden::load("scheduler_io.safetensors");
    let scheduler = Scheduler::new(&config("v_prediction"), SchedulerKind::Ddpm, 100).unwrap();
    let (shape, clean) = golden.get("train.x0");
    let len: usize = shape[1..].iter().product();
    let noise = golden.get("train.noise").1.chunks(len);
    let timesteps = golden.get("train.t").1;
    let (mut noisy, mut velocity) = (Vec::new(), Vec::new());
    for ((clean, noise), &t) in clean.chunks(len).zip(noise).zip(timesteps) {
        noisy.extend(scheduler.add_noise(clean, noise, t as usize));
        velocity.extend(scheduler.velocity(clean, noise, t as usize));
    }
    assert_values(
        &noisy,
        golden.get("train.noisy").1,
        "train.noisy",
        TOLERANCE,
    );
    assert_values(
        &velocity,
        golden.get("train.velocity").1,
        "train.velocity",
        TOLERANCE,
    );
}
