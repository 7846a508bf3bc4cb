//! What is done with existing sound keeps what it should keep: the default model's vary, extend,
//! inpaint and loop, measured on a sound of its own.

use mustool_audio::Waveform;
use mustool_audio::semitone::{SemitoneConfig, SemitoneSpectrogram};
use mustool_diffusion::{AudioSource, Mode, Pipeline, Request};
use mustool_nn::DType;
use std::ops::ControlFlow;
use std::sync::LazyLock;

/// Length of the sound that the others are made from, in seconds: no whole number of cells.
const LENGTH_S: f64 = 2.9;
/// Seconds around a cut in which the old sound fades into the new.
const SPLICE_S: f64 = 0.04;

static PIPELINE: LazyLock<Pipeline> =
    LazyLock::new(|| Pipeline::embedded(mustool_default_model::FILES, DType::F32).unwrap());
static SOURCE: LazyLock<Waveform> = LazyLock::new(|| make(LENGTH_S, None, 8));

fn make(duration_s: f64, mode: Option<Mode>, steps: usize) -> Waveform {
    let source = mode.map(|mode| AudioSource {
        waveform: SOURCE.clone(),
        mode,
    });
    let request = Request {
        prompt: "piano and bass at 100 bpm: Am F".to_owned(),
        duration_s,
        // Its own noise, or a strength of 1 would find the source again.
        seed: if source.is_some() { 4 } else { 3 },
        num_inference_steps: Some(steps),
        source,
        ..Request::default()
    };
    let mut on = |_: &_| ControlFlow::Continue(());
    let mut outputs = PIPELINE.generate(&request, &mut on).unwrap();
    outputs.remove(0).waveform
}

fn at(seconds: f64) -> usize {
    (seconds * f64::from(SOURCE.sample_rate())).round() as usize
}

/// Largest step from sample to sample.
fn steepest(samples: &[f32]) -> f32 {
    let steps = samples.windows(2).map(|pair| (pair[1] - pair[0]).abs());
    steps.fold(0.0, f32::max)
}

/// Fails if the sound steps more in 5 ms around `seconds` than anywhere else.
fn assert_no_click(samples: &[f32], seconds: f64, what: &str) {
    let (first, last) = (at(seconds - 0.005), at(seconds + 0.005).min(samples.len()));
    let elsewhere = steepest(&samples[..first]).max(steepest(&samples[last..]));
    let here = steepest(&samples[first..last]);
    assert!(
        here <= 1.2 * elsewhere,
        "{what}: {here} at {seconds} s, {elsewhere} elsewhere"
    );
    assert!(elsewhere > 0.0, "{what}: silence");
}

/// Mean difference of two log spectrograms over the first `seconds`, in nepers.
fn difference(a: &[f32], b: &[f32], seconds: f64) -> f32 {
    let front_end = SemitoneSpectrogram::new(SemitoneConfig::default()).unwrap();
    let of = |samples: &[f32]| front_end.compute(&samples[..at(seconds)]).into_values();
    let (a, b) = (of(a), of(b));
    assert!(a.iter().chain(&b).all(|x| x.is_finite()));
    a.iter().zip(&b).map(|(a, b)| (a - b).abs()).sum::<f32>() / a.len() as f32
}

#[test]
fn extending_keeps_the_sound_and_goes_on_without_a_click() {
    let extended = make(4.5, Some(Mode::Extend), 3);
    let (old, new) = (SOURCE.samples(), extended.samples());
    assert_eq!(new.len(), at(4.5));
    let kept = at(LENGTH_S - SPLICE_S);
    assert!(
        old[..kept] == new[..kept],
        "the sound before the cut was changed"
    );
    assert_no_click(new, LENGTH_S, "extend");
    assert!(steepest(&new[at(LENGTH_S)..]) > 0.0, "nothing follows");
}

#[test]
fn inpainting_changes_the_span_and_nothing_else() {
    let (start_s, end_s) = (0.9, 1.7);
    let mended = make(LENGTH_S, Some(Mode::Inpaint { start_s, end_s }), 3);
    let (old, new) = (SOURCE.samples(), mended.samples());
    assert_eq!(new.len(), old.len());
    let (start, end) = (at(start_s - SPLICE_S), at(end_s + SPLICE_S));
    assert!(old[..start] == new[..start] && old[end..] == new[end..]);
    assert!(old[at(1.0)..at(1.6)] != new[at(1.0)..at(1.6)]);
    assert_no_click(new, start_s, "inpaint, its start");
    assert_no_click(new, end_s, "inpaint, its end");
}

#[test]
fn a_loop_keeps_its_sound_and_its_end_joins_its_beginning() {
    let looped = make(LENGTH_S, Some(Mode::Loop), 3);
    let (old, new) = (SOURCE.samples(), looped.samples());
    assert_eq!(new.len(), old.len());
    // What is kept has been through the autoencoder and the vocoder, as with a strength of 0.
    let through = make(LENGTH_S, Some(Mode::Vary { strength: 0.0 }), 3);
    let kept_s = LENGTH_S - 1.5;
    let (lost, inevitable) = (
        difference(old, new, kept_s),
        difference(old, through.samples(), kept_s),
    );
    assert!(
        lost < 1.3 * inevitable + 0.02,
        "{lost}, the vocoder alone {inevitable}"
    );
    assert_no_click(&[new, new].concat(), LENGTH_S, "loop");
}

#[test]
fn more_strength_goes_further_from_the_sound() {
    let distances = [0.0, 0.35, 0.7, 1.0].map(|strength| {
        let varied = make(LENGTH_S, Some(Mode::Vary { strength }), 8);
        difference(SOURCE.samples(), varied.samples(), LENGTH_S)
    });
    let [none, some, more, all] = distances;
    assert!(
        none < some && some < more && more < 1.1 * all,
        "{distances:?}"
    );
}

#[test]
fn variations_are_those_of_single_runs() {
    let run = |seed, num_outputs| {
        let request = Request {
            prompt: "drums".to_owned(),
            duration_s: 1.0,
            seed,
            num_outputs,
            num_inference_steps: Some(2),
            ..Request::default()
        };
        let mut on = |_: &_| ControlFlow::Continue(());
        PIPELINE.generate(&request, &mut on).unwrap()
    };
    let samples =
        |outputs: &[mustool_diffusion::Output], i: usize| outputs[i].waveform.samples().to_vec();
    let (one, three) = (run(5, 1), run(5, 3));
    assert!(samples(&one, 0) == samples(&three, 0));
    assert!(samples(&three, 1) != samples(&three, 2));
}
