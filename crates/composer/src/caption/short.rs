//! Short captions: tags, phrases, requests, and lines with facts, as people type them.

use super::control::shuffle;
use super::facts::Facts;
use super::sentences::thing;
use super::words;
use crate::rng::Rng;

/// Two to five tags.
pub(super) fn tags(facts: &Facts, rng: &mut Rng) -> String {
    let mut pool = vec![
        facts.mood(rng).to_owned(),
        facts.adjective(rng).to_owned(),
        facts.pace(rng).to_owned(),
        facts.era(rng).to_owned(),
        facts.mood(rng).to_owned(),
    ];
    for &name in facts.instruments.iter().take(3) {
        pool.push(facts.called(name, rng).to_owned());
    }
    if !facts.has_drums() && rng.chance(0.2) {
        pool.push("no drums".to_owned());
    }
    shuffle(&mut pool, rng);
    let style = match rng.below(3) {
        0 => format!("{} {}", facts.mood(rng), facts.style_name(rng)),
        1 => format!(
            "{} {}",
            facts.style.name,
            facts.called(facts.instruments[0], rng)
        ),
        _ => facts.style_name(rng).to_owned(),
    };
    let mut tags = vec![style];
    let wanted = 2 + rng.below(4);
    for tag in pool {
        if tags.len() < wanted && tags.iter().all(|other| !other.contains(&tag)) {
            tags.push(tag);
        }
    }
    if rng.chance(0.3) {
        let last = tags.len();
        tags[1..last].rotate_left(1);
        tags.rotate_left(1);
    }
    tags.join(", ")
}

/// A few words without numbers.
pub(super) fn phrase(facts: &Facts, rng: &mut Rng) -> String {
    let (style, mood, adjective) = (facts.style_name(rng), facts.mood(rng), facts.adjective(rng));
    let band = facts.band(1 + rng.below(3), rng);
    match rng.below(9) {
        0 => format!("{mood} {style} with {band}"),
        1 => format!("{adjective} {style}, {mood}, {band}"),
        2 => format!("{} {}", facts.era(rng), thing(style, rng)),
        3 => format!("{mood} and {adjective} {style}"),
        4 => format!("{style} played on {band}"),
        5 => format!("{} {style} for {}", adjective, facts.scene(rng)),
        6 => format!("{} {mood} {}", facts.pace(rng), thing(style, rng)),
        7 => format!("{band}, {style}, {mood} mood"),
        _ => words::capital(&format!("{adjective} {style} featuring {band}")),
    }
}

fn piece(rng: &mut Rng) -> &'static str {
    rng.pick(&[
        "piece",
        "track",
        "tune",
        "instrumental",
        "loop",
        "groove",
        "theme",
        "cue",
    ])
}

/// Everyday wishes; they name a use or a feeling and no facts.
pub(super) fn request(facts: &Facts, rng: &mut Rng) -> String {
    let (style, mood, scene) = (facts.style_name(rng), facts.mood(rng), facts.scene(rng));
    let adjective = facts.adjective(rng);
    let speed = speed(facts.plan.tempo_bpm, rng);
    let styled = words::a(&thing(style, rng));
    match rng.below(12) {
        0 => format!("{mood} {style}, {speed}"),
        1 => format!("something {mood} for {scene}"),
        2 => format!("background music for {scene}, {mood} and {adjective}"),
        3 => format!(
            "I want {}, {speed}",
            words::a(&format!("{mood} {}", thing(style, rng)))
        ),
        4 => format!("give me some {adjective} {}", facts.style.name),
        5 => format!("music for {scene}"),
        6 => format!("{style} that feels {mood}, {speed} please"),
        7 => format!("{} {style} kind of thing for {scene}", words::a(mood)),
        8 => format!("{mood}, {adjective}, {speed}"),
        9 => format!("play me {} {style} like in {scene}", words::a(adjective)),
        10 => format!(
            "{} {} with {}",
            words::a(mood),
            piece(rng),
            facts.band(2, rng)
        ),
        _ => format!("{styled} for {scene}, {mood}"),
    }
}

/// Everyday words for a tempo.
fn speed(tempo_bpm: f64, rng: &mut Rng) -> &'static str {
    let words: &[&'static str] = match tempo_bpm {
        t if t < 72.0 => &[
            "nice and slow",
            "taking its time",
            "really slow",
            "unhurried",
        ],
        t if t < 95.0 => &["not too fast", "unhurried", "at an easy pace", "laid back"],
        t if t < 118.0 => &[
            "at a steady pace",
            "not too fast",
            "moving along",
            "at a medium pace",
        ],
        t if t < 140.0 => &["upbeat", "moving along nicely", "with some drive", "lively"],
        _ => &["very quick", "quick", "high-speed", "at full speed"],
    };
    rng.pick(words)
}

/// A line that states some of tempo, key, metre and instruments.
pub(super) fn stated(facts: &Facts, rng: &mut Rng) -> String {
    let (style, mood) = (facts.style_name(rng), facts.mood(rng));
    let bpm = bpm_form(facts, rng);
    let key = facts.key_name(rng);
    let band = facts.band(1 + rng.below(4), rng);
    let without = if !facts.has_drums() && rng.chance(0.25) {
        ", no drums"
    } else {
        ""
    };
    let mut details: Vec<String> = Vec::new();
    if rng.chance(0.75) {
        details.push(bpm);
    }
    if let Some(key) = key.filter(|_| rng.chance(0.7)) {
        details.push(match rng.below(3) {
            0 => format!("in {key}"),
            1 => format!("key of {key}"),
            _ if key.contains(' ') => key,
            _ => format!("in the key of {key}"),
        });
    }
    let odd_meter = facts.meter() != "4/4";
    if details.is_empty() || rng.chance(if odd_meter { 0.6 } else { 0.3 }) {
        details.push(meter_form(facts, rng));
    }
    shuffle(&mut details, rng);
    let details = details.join(", ");
    match rng.below(6) {
        0 => format!(
            "{} {style} with {band}, {details}{without}",
            facts.pace(rng)
        ),
        1 => format!("{style}, {band}, {details}{without}"),
        2 => format!("{mood} {style}, {details}{without}"),
        3 => {
            let whole = words::a(&format!("{mood} {}", thing(style, rng)));
            format!(
                "{} with {band}, {details}{without}.",
                words::capital(&whole)
            )
        }
        4 => format!("{details}: {mood} {style} on {band}{without}"),
        _ => format!("{}, {details}, {band}{without}", thing(style, rng)),
    }
}

fn bpm_form(facts: &Facts, rng: &mut Rng) -> String {
    let bpm = facts.bpm();
    match rng.below(6) {
        0 => format!("at {bpm} bpm"),
        1 => format!("{bpm} BPM"),
        2 => format!("{bpm} bpm"),
        3 => format!("tempo {bpm} bpm"),
        4 => format!("{bpm} beats per minute"),
        _ => format!("at a tempo of {bpm}"),
    }
}

fn meter_form(facts: &Facts, rng: &mut Rng) -> String {
    let meter = facts.meter();
    match rng.below(4) {
        0 => meter,
        1 => format!("in {meter}"),
        2 if meter == "3/4" => "waltz time".to_owned(),
        _ => format!("{meter} time"),
    }
}

/// A line that gives the chords, with or without the rest.
pub(super) fn with_chords(facts: &Facts, rng: &mut Rng) -> String {
    if facts.chords.is_empty() {
        return stated(facts, rng);
    }
    let (style, mood) = (facts.style_name(rng), facts.mood(rng));
    let spaced = facts.chords.join(" ");
    let dashed = facts.chords.join(" - ");
    let commas = facts.chords.join(", ");
    let bpm = bpm_form(facts, rng);
    let key = facts
        .plan
        .key
        .map(|key| format!(" in {key}"))
        .unwrap_or_default();
    match rng.below(7) {
        0 => format!("{}, chords: {commas}", thing(style, rng)),
        1 => format!("{mood} {style}, {bpm}, chord progression {dashed}"),
        2 => format!("{style}{key}, chords {spaced}"),
        3 => format!("{style} over the chords {commas}, {bpm}"),
        4 => format!(
            "chord progression {dashed}, {style}, {}",
            facts.band(3, rng)
        ),
        5 => format!(
            "{mood} {style} with {}, chords: {commas}",
            facts.band(2, rng)
        ),
        _ => format!("{style}{key}, {bpm}, chords: {spaced}"),
    }
}
