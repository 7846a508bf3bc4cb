//! From token ids, beats and chords to 16-bit samples, through every network in turn.

use crate::features::music_features;
use crate::golden::{Golden, TOLERANCE, json};
use crate::hifigan::assert_pcm16;
use crate::layout::{assert_channels_last, channels_last};
use crate::munet::unet;
use crate::t5_encoder::text_encoder;
use crate::vae::vae_and_vocoder;
use mustool_diffusion::TokenBatch;
use mustool_diffusion::munet::Condition;
use mustool_diffusion::scheduler::{History, Scheduler, SchedulerKind};
use mustool_music::{Beat, Chord, ChordEvent};
use mustool_nn::{DType, Tensor, host, tensor};
use serde_json::Value;

/// Largest difference after five steps, decoder and vocoder.
const END_TO_END: f32 = 1e-4;
/// Largest difference in counts of 16-bit samples.
const COUNTS: i32 = 4;

fn golden() -> Golden {
    Golden::load("e2e_io.safetensors")
}

/// Nothing and the prompt.
fn text(golden: &Golden) -> TokenBatch {
    let ids = [golden.ids("uncond_ids"), golden.ids("prompt_ids")].concat();
    let masks: Vec<Vec<bool>> = golden
        .ids("cfg_prompt_mask")
        .into_iter()
        .map(|row| row.into_iter().map(|seen| seen == 1).collect())
        .collect();
    TokenBatch::masked(&ids, &masks).unwrap()
}

fn encode_text(text: &TokenBatch) -> Tensor {
    text_encoder().forward(text).unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap())
        .collect()
}

pub(crate) fn beats_and_chords() -> (Vec<Beat>, Vec<ChordEvent>) {
    let inputs = json("e2e_inputs.json");
    let [times, numbers] = [0, 1].map(|i| floats(&inputs["beats"][0][i]));
    let beats = times.into_iter().zip(numbers);
    let names = inputs["chords"][0].as_array().unwrap().iter();
    let chords = names
        .zip(floats(&inputs["chords_time"][0]))
        .map(|(name, time_s)| ChordEvent {
            time_s,
            chord: Chord::parse(name.as_str().unwrap()).unwrap(),
        });
    (
        beats
            .map(|(time_s, number)| Beat {
                time_s,
                number: number as u8,
            })
            .collect(),
        chords.collect(),
    )
}

/// Text, beats and chords, each for nothing and for the prompt.
pub(crate) fn condition_sets_of(
    text: &TokenBatch,
    beats: &[Beat],
    chords: &[ChordEvent],
) -> [Condition; 3] {
    let layers = music_features();
    let beats = layers.beats(&[&[], beats]).unwrap();
    let chords = layers.chords(&[&[], chords]).unwrap();
    [
        (encode_text(text), text.mask_tensor().unwrap()),
        (beats.embedding, beats.mask),
        (chords.embedding, chords.mask),
    ]
    .map(|(hidden_states, mask)| Condition::new(hidden_states, &mask).unwrap())
}

fn condition_sets(golden: &Golden) -> [Condition; 3] {
    let (beats, chords) = beats_and_chords();
    condition_sets_of(&text(golden), &beats, &chords)
}

/// One run of the reference; a guidance of 1 leaves the half without prompt out.
fn assert_run(run: &str, kind: SchedulerKind, guidance: f32) {
    let (golden, unet) = (golden(), unet());
    let batch = if guidance > 1.0 { 2 } else { 1 };
    let sets = condition_sets(&golden).map(|set| Condition {
        hidden_states: set.hidden_states.narrow(0, 2 - batch, batch).unwrap(),
        bias: set.bias.narrow(0, 2 - batch, batch).unwrap(),
    });
    let conditions = unet.prepare(&sets, None, None).unwrap();
    let config = serde_json::from_value(json("scheduler_config.json")).unwrap();
    let (_, timesteps) = golden.get(&format!("{run}.timesteps"));
    let scheduler = Scheduler::new(&config, kind, timesteps.len()).unwrap();
    let actual: Vec<f32> = scheduler.timesteps().iter().map(|&t| t as f32).collect();
    assert_eq!(actual, timesteps);

    let initial = channels_last(&golden, "initial_latents");
    let noises = host(&channels_last(&golden, "noises")).unwrap();
    let mut latents = host(&initial).unwrap();
    let len = latents.len();
    let to_tensor = |latents: &[f32]| tensor(latents.to_vec(), initial.dims(), DType::F32).unwrap();
    let mut history = History::default();
    for (step, &timestep) in scheduler.timesteps().iter().enumerate() {
        let sample = to_tensor(&latents);
        let sample = Tensor::cat(&vec![&sample; batch], 0).unwrap();
        let output = unet
            .forward(&sample, &vec![timestep as f32; batch], &conditions)
            .unwrap();
        let output = host(&output).unwrap();
        let (unconditional, conditional) = (&output[..len], &output[len * (batch - 1)..]);
        let guided: Vec<f32> = unconditional
            .iter()
            .zip(conditional)
            .map(|(u, c)| u + guidance * (c - u))
            .collect();
        let noise = scheduler
            .adds_noise(timestep)
            .then(|| &noises[step * len..(step + 1) * len]);
        scheduler.step(timestep, &guided, &mut latents, noise, &mut history);
        let key = format!("{run}.step{step}.latents");
        assert_channels_last(&to_tensor(&latents), &golden, &key, END_TO_END);
    }
    let latents = to_tensor(&latents);
    assert_channels_last(&latents, &golden, &format!("{run}.latents"), END_TO_END);
    assert_sound(&latents, &golden, run);
}

/// Latents → spectrogram → samples.
fn assert_sound(latents: &Tensor, golden: &Golden, run: &str) {
    let (vae, vocoder) = vae_and_vocoder();
    let mel = vae.decode(latents).unwrap();
    assert_channels_last(&mel, golden, &format!("{run}.mel"), END_TO_END);
    let waveform = vocoder.forward(&mel.squeeze(3).unwrap()).unwrap();
    golden.assert_close(&waveform, &format!("{run}.waveform"), END_TO_END);
    assert_pcm16(
        &host(&waveform).unwrap(),
        golden,
        &format!("{run}.pcm16"),
        COUNTS,
    );
}

#[test]
fn the_prompt_and_nothing_are_encoded_side_by_side() {
    let golden = golden();
    golden.assert_close(&encode_text(&text(&golden)), "cfg_prompt_embeds", TOLERANCE);
}

#[test]
fn ddpm_with_guidance_sounds_the_same() {
    assert_run("ddpm", SchedulerKind::Ddpm, 3.0);
}

#[test]
fn ddim_with_guidance_sounds_the_same() {
    assert_run("ddim", SchedulerKind::Ddim, 3.0);
}

#[test]
fn ddpm_without_guidance_sounds_the_same() {
    assert_run("ddpm_nocfg", SchedulerKind::Ddpm, 1.0);
}
