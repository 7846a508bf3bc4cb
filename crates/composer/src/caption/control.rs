//! Control sentences: one fact each, to be added to any caption.

use super::facts::Facts;
use crate::rng::Rng;
use mustool_music::tempo_word;

/// Names the chords; empty without chords.
pub(super) fn chords(facts: &Facts, rng: &mut Rng) -> String {
    if facts.chords.is_empty() {
        return String::new();
    }
    let row = facts
        .chords
        .join(if rng.chance(0.75) { ", " } else { " - " });
    match rng.below(5) {
        0 => format!("The chords are {row}."),
        1 => format!("The chord progression is {row}."),
        2 => format!("It moves through the chords {row}."),
        3 => format!("Chord sequence: {row}."),
        _ => format!("The harmony goes {row}."),
    }
}

/// Names the metre.
pub(super) fn beats(facts: &Facts, rng: &mut Rng) -> String {
    let meter = facts.meter();
    match rng.below(5) {
        0 => format!("The time signature is {meter}."),
        1 => format!("It is in {meter} time."),
        2 => format!("The piece is counted in {meter}."),
        3 => format!("Time signature {meter}."),
        _ => format!("It keeps a {meter} meter."),
    }
}

/// Names the tempo, as a number or an Italian term.
pub(super) fn tempo(facts: &Facts, rng: &mut Rng) -> String {
    let (bpm, term) = (facts.bpm(), tempo_word(facts.plan.tempo_bpm));
    match rng.below(7) {
        0 => format!("The tempo is {bpm} bpm."),
        1 => format!("It runs at {bpm} beats per minute."),
        2 => format!("It is played at {bpm} BPM."),
        3 => format!("Tempo: {bpm} bpm."),
        4 => format!("The tempo marking is {term}."),
        5 => format!("It is to be played {term}."),
        _ => format!("It goes at an even {bpm} bpm."),
    }
}

/// Names the key; empty without one.
pub(super) fn key(facts: &Facts, rng: &mut Rng) -> String {
    let Some(key) = facts.plan.key else {
        return String::new();
    };
    match rng.below(5) {
        0 => format!("The key is {key}."),
        1 => format!("It is in {key}."),
        2 => format!("The piece is written in {key}."),
        3 => format!("Key: {key}."),
        _ => format!("Its key is {key}."),
    }
}

/// Puts items in random order (Fisher–Yates).
pub(super) fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for i in (1..items.len()).rev() {
        items.swap(i, rng.below(i + 1));
    }
}
