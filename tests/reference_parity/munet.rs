//! MuNet: mixed timesteps, all conditions, latents of any height.

use crate::golden::{Golden, TOLERANCE, json, weights_below};
use crate::layout::{assert_channels_last, channels_last};
use mustool_diffusion::munet::{Condition, Conditions, Unet, UnetConfig};
use mustool_nn::host;

pub(crate) fn unet() -> Unet {
    let config: UnetConfig = serde_json::from_value(json("unet_config.json")).unwrap();
    let weights = weights_below("ldm.safetensors", "unet.");
    let unet = Unet::new(&config, &weights).unwrap();
    weights.finish().unwrap();
    unet
}

fn conditions(unet: &Unet, golden: &Golden, case: &str) -> Conditions {
    let sets = [
        ("encoder_hidden_states", "encoder_attention_mask"),
        ("beat_features", "beat_attention_mask"),
        ("chord_features", "chord_attention_mask"),
    ]
    .map(|(features, mask)| {
        let tensor = |name: &str| golden.tensor(&format!("{case}.{name}"));
        Condition::new(tensor(features), &tensor(mask)).unwrap()
    });
    unet.prepare(&sets, None, None).unwrap()
}

fn assert_agrees(case: &str) {
    let (unet, golden) = (unet(), Golden::load("munet_io.safetensors"));
    let (_, timesteps) = golden.get(&format!("{case}.timestep"));
    let sample = channels_last(&golden, &format!("{case}.sample"));
    let conditions = conditions(&unet, &golden, case);
    let output = unet.forward(&sample, timesteps, &conditions).unwrap();
    assert_channels_last(&output, &golden, &format!("{case}.output"), TOLERANCE);
}

#[test]
fn each_item_may_have_its_own_timestep() {
    assert_agrees("t_mixed");
}

#[test]
fn the_middle_of_the_schedule_agrees() {
    assert_agrees("t500");
}

#[test]
fn the_last_timestep_agrees() {
    assert_agrees("t0");
}

#[test]
fn heights_that_do_not_halve_evenly_come_back_in_full() {
    assert_agrees("odd");
}

#[test]
fn conditions_are_prepared_once_for_all_steps() {
    let (unet, golden) = (unet(), Golden::load("munet_io.safetensors"));
    let sample = channels_last(&golden, "t500.sample");
    let conditions = conditions(&unet, &golden, "t500");
    let run =
        |timestep: f32| host(&unet.forward(&sample, &[timestep; 2], &conditions).unwrap()).unwrap();
    let first = run(500.0);
    assert_ne!(first, run(400.0), "the timestep changes nothing");
    assert_eq!(first, run(500.0), "a step changes the conditions");
}
