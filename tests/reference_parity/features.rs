//! Beats and chords as MuNet hears them: tokens, masks and vectors, and the halves of guidance.

use crate::golden::{Golden, TOLERANCE, assert_values, bytes, json, weights};
use mustool_diffusion::features::{
    BeatTokens, ChordTokens, FeatureConfig, Features, MusicFeatures,
};
use mustool_music::{Beat, Chord, ChordEvent};

struct Clip {
    beats: Vec<Beat>,
    chords: Vec<ChordEvent>,
}

fn clips() -> Vec<Clip> {
    let inputs = json("features_inputs.json");
    let items = |key: &str| inputs[key].as_array().unwrap().clone();
    let numbers = |value: &serde_json::Value| -> Vec<f64> {
        value
            .as_array()
            .unwrap()
            .iter()
            .map(|x| x.as_f64().unwrap())
            .collect()
    };
    let beats = |item: &serde_json::Value| {
        let (times, places) = (numbers(&item[0]), numbers(&item[1]));
        let beat = |(time_s, number): (f64, f64)| Beat {
            time_s,
            number: number as u8,
        };
        times.into_iter().zip(places).map(beat).collect()
    };
    let chords = |names: &serde_json::Value, times: &serde_json::Value| {
        let names = names.as_array().unwrap().iter();
        let event = |(name, time_s): (&serde_json::Value, f64)| ChordEvent {
            time_s,
            chord: Chord::parse(name.as_str().unwrap()).unwrap(),
        };
        names.zip(numbers(times)).map(event).collect()
    };
    let (names, times) = (items("chords"), items("chords_time"));
    let clip = |(i, item): (usize, &serde_json::Value)| Clip {
        beats: beats(item),
        chords: chords(&names[i], &times[i]),
    };
    items("beats").iter().enumerate().map(clip).collect()
}

fn config() -> FeatureConfig {
    let file = "music_features_config.json";
    FeatureConfig::from_json(file, &bytes(file)).unwrap()
}

fn golden() -> Golden {
    Golden::load("features.safetensors")
}

pub(crate) fn music_features() -> MusicFeatures {
    MusicFeatures::new(&config(), &weights("ldm.safetensors"))
}

fn assert_features(features: &Features, prefix: &str) {
    let golden = golden();
    golden.assert_close(
        &features.embedding,
        &format!("{prefix}_embedding"),
        TOLERANCE,
    );
    golden.assert_close(&features.mask, &format!("{prefix}_mask"), 0.0);
}

#[test]
fn tokens_times_and_masks_agree() {
    let (golden, config) = (golden(), config());
    let whole = |tokens: &[u32]| -> Vec<f32> { tokens.iter().map(|&t| t as f32).collect() };
    let flags =
        |mask: &[bool]| -> Vec<f32> { mask.iter().map(|&m| f32::from(u8::from(m))).collect() };
    let check = |key: &str, row: usize, actual: &[f32]| {
        let width = golden.get(key).0[1];
        assert_eq!(
            actual,
            &golden.get(key).1[row * width..(row + 1) * width],
            "{key} of {row}"
        );
    };
    for (row, clip) in clips().iter().enumerate() {
        let beats = BeatTokens::new(&clip.beats, config.beat_len);
        check("beat_token", row, &whole(&beats.tokens));
        check("beat_time", row, &beats.times_s);
        check("beat_mask", row, &flags(&beats.mask));
        let chords = ChordTokens::new(&clip.chords, config.chord_len);
        check("chord_root", row, &whole(&chords.roots));
        check("chord_type", row, &whole(&chords.types));
        check("chord_inv", row, &whole(&chords.inversions));
        check("chord_time", row, &chords.times_s);
        check("chord_mask", row, &flags(&chords.mask));
    }
}

#[test]
fn vectors_agree() {
    let (clips, layers) = (clips(), music_features());
    let beats: Vec<&[Beat]> = clips.iter().map(|clip| &clip.beats[..]).collect();
    let chords: Vec<&[ChordEvent]> = clips.iter().map(|clip| &clip.chords[..]).collect();
    assert_features(&layers.beats(&beats).unwrap(), "beat");
    assert_features(&layers.chords(&chords).unwrap(), "chord");
}

#[test]
fn the_unconditional_half_hears_silence() {
    let (clips, layers) = (clips(), music_features());
    let silent = clips.len();
    let beats = clips.iter().map(|clip| &clip.beats[..]);
    let beats: Vec<&[Beat]> = std::iter::repeat_n(&[][..], silent).chain(beats).collect();
    let chords = clips.iter().map(|clip| &clip.chords[..]);
    let chords: Vec<&[ChordEvent]> = std::iter::repeat_n(&[][..], silent).chain(chords).collect();
    assert_features(&layers.beats(&beats).unwrap(), "cfg_beat");
    assert_features(&layers.chords(&chords).unwrap(), "cfg_chord");
}

#[test]
fn a_clip_does_not_depend_on_its_neighbours() {
    let (clips, layers) = (clips(), music_features());
    let alone = layers.chords(&[&clips[1].chords]).unwrap();
    let expected = golden();
    let (shape, values) = expected.get("chord_embedding");
    let size = shape[1] * shape[2];
    let actual = mustool_nn::host(&alone.embedding).unwrap();
    assert_values(
        &actual,
        &values[size..2 * size],
        "the second clip alone",
        TOLERANCE,
    );
}
