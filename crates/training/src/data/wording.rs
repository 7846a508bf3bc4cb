//! What a clip is, in the words that people type: drawn anew each time the clip is seen.
//!
//! Captions that came with the clip are used as they are; these wordings add bare tags, half
//! sentences, stated facts in any order, and what is absent. They never contradict the annotation.

use super::record::Annotation;
use super::synonyms::{INSTRUMENTS, STYLES, TEMPO_WORDS};
use mustool_composer::Rng;
use mustool_music::{Meter, Mode, Plan};

/// Most chords that a wording names.
const NAMED_CHORDS: usize = 6;
/// Groups of instruments whose absence may be stated.
const GROUPS: [&str; 5] = ["drums", "guitar", "piano", "bass", "strings"];

/// A caption of the clip or a new wording, equally likely; empty where nothing is known.
pub fn wording(clip: &Annotation, rng: &mut Rng) -> String {
    let own = !clip.captions.is_empty() && rng.chance(0.5);
    match (own, can_be_worded(clip)) {
        (false, true) => caption(clip, rng),
        _ => rng.choose(&clip.captions).cloned().unwrap_or_default(),
    }
}

/// What MuNet reads: a wording, mostly after style and instruments as the program puts them before
/// a prompt (`bossa nova: nylon guitar, shaker | …`), or these alone.
pub fn prompt(clip: &Annotation, rng: &mut Rng) -> String {
    let form = rng.unit();
    let sounds = sounds(clip, rng);
    if form < 0.2 || sounds.is_empty() {
        return wording(clip, rng);
    }
    let text = if form < 0.75 {
        wording(clip, rng)
    } else {
        String::new()
    };
    format!("{sounds} | {text}").trim_end().to_owned()
}

/// Style and all instruments, then mood and style: always the same for a clip.
pub fn full_caption(clip: &Annotation) -> String {
    if !can_be_worded(clip) {
        return clip.captions.first().cloned().unwrap_or_default();
    }
    let style = clip.style.as_deref().unwrap_or_default();
    let lead: Vec<&str> = [clip.mood.first().map(String::as_str), Some(style)]
        .into_iter()
        .flatten()
        .collect();
    let lead = lead.join(" ");
    format!("{style}: {} | {lead}", clip.instruments.join(", "))
}

/// Style and instruments in the form that the program puts before a prompt; either may lack.
fn sounds(clip: &Annotation, rng: &mut Rng) -> String {
    let mut parts = clip.instruments.clone();
    if rng.chance(0.5) {
        shuffle(&mut parts, rng);
    }
    let style = clip.style.as_deref().filter(|_| rng.chance(0.85));
    match style {
        Some(style) if parts.is_empty() || rng.chance(0.07) => style.to_owned(),
        Some(style) => format!("{style}: {}", parts.join(", ")),
        None => parts.join(", "),
    }
}

fn can_be_worded(clip: &Annotation) -> bool {
    clip.style.is_some() && !clip.instruments.is_empty()
}

/// One new wording.
fn caption(clip: &Annotation, rng: &mut Rng) -> String {
    let text = description(clip, rng);
    let mut parts = match clip.plan.as_ref().filter(|_| rng.chance(0.4)) {
        Some(plan) => stated(plan, rng),
        None => Vec::new(),
    };
    if parts.is_empty() {
        parts.push(text);
    } else {
        let text = text.trim_end_matches('.').to_owned();
        let at = if rng.chance(0.8) { 0 } else { parts.len() };
        parts.insert(at, text);
    }
    let text = parts.join(", ");
    if rng.chance(0.7) {
        text
    } else {
        text.to_lowercase()
    }
}

/// Style, mood, tempo word and instruments, in one of twelve forms.
fn description(clip: &Annotation, rng: &mut Rng) -> String {
    let style = clip.style.as_deref().unwrap_or_default();
    let style = if rng.chance(0.6) {
        another(STYLES, style, rng)
    } else {
        style.to_owned()
    };
    let mut moods = clip.mood.clone();
    shuffle(&mut moods, rng);
    if moods.is_empty() {
        moods.push("instrumental".to_owned());
    }
    let mood = moods[0].clone();
    let parts = names(clip, rng);
    let few = &parts[..1 + rng.below(parts.len())];
    let tempo = clip
        .plan
        .as_ref()
        .map(|plan| tempo_word(plan.tempo_bpm, rng));
    let tempo = tempo.unwrap_or("steady");
    let solo = if parts.len() == 1 && rng.chance(0.7) {
        "solo "
    } else {
        ""
    };
    let lead = format!("{solo}{}", few[0]);
    let text = match rng.below(12) {
        0 => format!("{mood} {style}"),
        1 => format!("{style}, {lead}"),
        2 => [&[style][..], few, &moods[..moods.len().min(2)]]
            .concat()
            .join(", "),
        3 => format!("{tempo} {style} with {}", listed(few)),
        4 => format!("a {mood} {style} piece with {}", listed(&parts)),
        5 => format!("{} playing {mood} {style}", listed(&parts)),
        6 => format!(
            "This is a {tempo}, {mood} {style} track. You hear {}.",
            listed(&parts)
        ),
        7 => format!("{lead}, {mood}, {tempo}"),
        8 => format!(
            "An instrumental {style} song with {}. The mood is {}.",
            listed(few),
            listed(&moods)
        ),
        9 => lead,
        10 => listed(few),
        _ => format!("{mood} and {tempo} {lead}, {style} style"),
    };
    match rng.chance(0.08).then(|| missing(clip, rng)).flatten() {
        Some(missing) => format!("{text}, {missing}"),
        None => text,
    }
}

/// Some of tempo, key, metre and chords, each in one of several forms, in any order.
fn stated(plan: &Plan, rng: &mut Rng) -> Vec<String> {
    let mut facts = Vec::new();
    if rng.chance(0.6) {
        let bpm = plan.tempo_bpm.round();
        facts.push(match rng.below(4) {
            0 => format!("{bpm} bpm"),
            1 => format!("at {bpm} BPM"),
            2 => format!("tempo {bpm}"),
            _ => format!("bpm: {bpm}"),
        });
    }
    if let Some(key) = plan.key
        && rng.chance(0.5)
    {
        let (tonic, mode) = (key.tonic, key.mode.name());
        let letter = match key.mode {
            Mode::Major => Some(""),
            Mode::Minor => Some("m"),
            _ => None,
        };
        facts.push(match (letter.filter(|_| rng.chance(0.3)), rng.below(3)) {
            (Some(letter), _) => format!("key of {tonic}{letter}"),
            (None, 0) => format!("in {tonic} {mode}"),
            (None, 1) => format!("{tonic} {mode}"),
            (None, _) => format!("in the key of {tonic} {mode}"),
        });
    }
    let likely = if plan.meter == Meter::FOUR_FOUR {
        0.1
    } else {
        0.64
    };
    if rng.chance(likely) {
        let time = if rng.chance(0.5) { " time" } else { "" };
        facts.push(format!("{}{time}", plan.meter));
    }
    if rng.chance(0.35) {
        let symbols: Vec<String> = plan
            .chords
            .iter()
            .filter(|event| event.chord.root().is_some())
            .take(NAMED_CHORDS)
            .map(|event| event.chord.to_string())
            .collect();
        if !symbols.is_empty() {
            let between = rng.pick(&[" ", ", ", " - "]);
            let before = rng.pick(&["", "chords: ", "chords ", "progression "]);
            facts.push(format!("{before}{}", symbols.join(between)));
        }
    }
    shuffle(&mut facts, rng);
    facts
}

/// The instruments in any order, some by another name.
fn names(clip: &Annotation, rng: &mut Rng) -> Vec<String> {
    let mut parts = clip.instruments.clone();
    if rng.chance(0.6) {
        shuffle(&mut parts, rng);
    }
    for part in &mut parts {
        if rng.chance(0.5) {
            *part = another(INSTRUMENTS, part, rng);
        }
    }
    parts
}

/// A group of instruments that the clip does not have.
fn missing(clip: &Annotation, rng: &mut Rng) -> Option<String> {
    let have = clip.instruments.join(" ");
    let groups: Vec<&str> = GROUPS.into_iter().filter(|g| !have.contains(g)).collect();
    let group = rng.choose(&groups)?;
    let word = if rng.chance(0.5) { "no" } else { "without" };
    Some(format!("{word} {group}"))
}

/// One of the names in use for a thing; its own if no other is known.
fn another(table: &[(&str, &[&str])], name: &str, rng: &mut Rng) -> String {
    let known = table.iter().find(|(canonical, _)| *canonical == name);
    known
        .map_or(name, |(_, others)| rng.pick(others))
        .to_owned()
}

fn tempo_word(tempo_bpm: f64, rng: &mut Rng) -> &'static str {
    let words = TEMPO_WORDS.iter().find(|(limit, _)| tempo_bpm < *limit);
    words.map_or("very fast", |(_, words)| rng.pick(words))
}

/// `a`, `a and b`, `a, b and c`.
fn listed(items: &[String]) -> String {
    match items {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

fn shuffle<T>(items: &mut [T], rng: &mut Rng) {
    for i in (1..items.len()).rev() {
        items.swap(i, rng.below(i + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chance::Chance;
    use mustool_music::{Key, stated_facts};

    fn clip() -> Annotation {
        let mut plan = Plan::steady(92.0, Meter::new(3, 4).unwrap(), 10.0);
        plan.key = Key::parse("D minor").ok();
        plan.chords = plan.chords_from_symbols("Dm7@0 G7@2.5 Cmaj7@5").unwrap();
        Annotation {
            captions: vec!["my own caption".to_owned()],
            plan: Some(plan),
            instruments: vec!["piano".to_owned(), "upright bass".to_owned()],
            style: Some("jazz waltz".to_owned()),
            mood: vec!["wistful".to_owned(), "warm".to_owned()],
        }
    }

    #[test]
    fn facts_in_a_wording_are_those_of_the_clip() {
        let (clip, mut stated_tempi) = (clip(), 0);
        for step in 0..2000 {
            let text = wording(&clip, &mut Chance::new(1).at(step, "words"));
            let facts = stated_facts(&text);
            if let Some(tempo) = facts.tempo_bpm.filter(|_| text.contains("92")) {
                assert!((tempo - 92.0).abs() < 0.5, "{text}: {tempo}");
                stated_tempi += 1;
            }
            assert!(
                facts.meter.is_none_or(|m| m == Meter::new(3, 4).unwrap()),
                "{text}"
            );
            assert!(
                !text.contains("drums") || text.contains("no") || text.contains("without"),
                "{text}"
            );
            assert!(!text.is_empty() && !text.contains("  "), "{text:?}");
        }
        assert!(stated_tempi > 100, "{stated_tempi}");
    }

    #[test]
    fn half_of_the_wordings_are_the_clips_own_and_the_rest_differ() {
        let clip = clip();
        let all: Vec<String> = (0..400)
            .map(|step| wording(&clip, &mut Chance::new(2).at(step, "words")))
            .collect();
        let own = all.iter().filter(|text| *text == "my own caption").count();
        assert!((150..250).contains(&own), "{own}");
        let distinct: std::collections::BTreeSet<&String> = all.iter().collect();
        assert!(distinct.len() > 120, "{}", distinct.len());
        assert_eq!(
            full_caption(&clip),
            "jazz waltz: piano, upright bass | wistful jazz waltz"
        );
    }

    #[test]
    fn prompts_begin_with_the_sounds_in_four_of_five() {
        let (clip, mut rng) = (clip(), Chance::new(4).at(0, "words"));
        let all: Vec<String> = (0..1000).map(|_| prompt(&clip, &mut rng)).collect();
        let sounding = |text: &&String| text.contains(" |");
        assert!((750..850).contains(&all.iter().filter(sounding).count()));
        assert!(all.iter().any(|p| p == "jazz waltz: piano, upright bass |"));
        assert!(all.iter().any(|p| p.starts_with("upright bass, piano | ")));
        let mine = Annotation::captioned("rain on a tin roof");
        assert_eq!(prompt(&mine, &mut rng), "rain on a tin roof");
    }

    #[test]
    fn a_clip_of_which_little_is_known_says_little() {
        let mut rng = Chance::new(3).at(0, "words");
        assert_eq!(wording(&Annotation::default(), &mut rng), "");
        let mine = Annotation::captioned("rain on a tin roof");
        for _ in 0..20 {
            assert_eq!(wording(&mine, &mut rng), "rain on a tin roof");
        }
        assert_eq!(full_caption(&mine), "rain on a tin roof");
    }

    #[test]
    fn every_style_and_instrument_with_other_names_exists() {
        let styles: Vec<&str> = mustool_composer::style::STYLES
            .iter()
            .map(|s| s.name)
            .collect();
        for (style, others) in STYLES {
            assert!(styles.contains(style), "{style}");
            assert!(!others.is_empty());
        }
        for (instrument, _) in INSTRUMENTS {
            assert!(
                mustool_music::INSTRUMENTS.contains(instrument),
                "{instrument}"
            );
        }
    }
}
