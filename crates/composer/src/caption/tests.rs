use super::*;
use crate::compose::{Composer, Split};
use mustool_music::{Chord, Plan, stated_facts};
use std::collections::BTreeSet;

fn score(seed: u64) -> Score {
    Composer::default().compose(seed, Split::Train)
}

fn all_texts(captions: &Captions) -> Vec<String> {
    let Captions {
        main,
        alternative,
        chords,
        beats,
        tempo,
        key,
        prompts,
    } = captions.clone();
    let mut texts = vec![main, alternative, chords, beats, tempo, key];
    texts.extend(prompts);
    texts
}

/// What a caption says that is not so. The judge is the reader of prompts, which knows nothing of
/// how captions are written.
fn contradictions(text: &str, plan: &Plan) -> Vec<String> {
    let stated = stated_facts(text);
    let mut found = Vec::new();
    if stated
        .tempo_bpm
        .is_some_and(|bpm| (bpm - plan.tempo_bpm).abs() > 0.06)
    {
        found.push(format!("{:?} bpm", stated.tempo_bpm));
    }
    let outside = |(low, high): (f64, f64)| !(low..=high).contains(&plan.tempo_bpm);
    if stated.tempo_range.is_some_and(outside) {
        found.push(format!("{:?} bpm", stated.tempo_range));
    }
    if stated
        .key
        .is_some_and(|key| !plan.key.is_some_and(|own| own.same_sound(key)))
    {
        found.push(format!("key {:?}", stated.key));
    }
    if stated.meter.is_some_and(|meter| meter != plan.meter) {
        found.push(format!("meter {:?}", stated.meter));
    }
    let played = |chord: &Chord| {
        plan.chords
            .iter()
            .any(|event| event.chord.same_sound(chord))
    };
    found.extend(
        stated
            .chords
            .iter()
            .filter(|chord| !played(chord))
            .map(Chord::to_string),
    );
    let heard = |name: &&String| plan.instruments.contains(name);
    found.extend(
        stated
            .instruments
            .iter()
            .filter(|name| !heard(name))
            .cloned(),
    );
    let excluded = stated.excluded_instruments.iter();
    found.extend(excluded.filter(heard).map(|name| format!("no {name}")));
    found
}

#[test]
fn captions_never_contradict_the_plan() {
    let mut wrong = Vec::new();
    for seed in 0..600 {
        let score = score(seed);
        for text in all_texts(&captions(&score, seed)) {
            for fault in contradictions(&text, &score.plan) {
                wrong.push(format!(
                    "{text:?} says {fault} of {} {:?}",
                    score.plan.tempo_bpm, score.plan.instruments
                ));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}: {:#?}",
        wrong.len(),
        &wrong[..wrong.len().min(40)]
    );
}

#[test]
fn captions_differ_in_length_and_content() {
    let mut seen = BTreeSet::new();
    let mut total = 0;
    for seed in 0..150 {
        let texts = captions(&score(seed), seed).prompts;
        assert!(texts.len() >= 6, "{texts:?}");
        let words = texts.iter().map(|text| text.split_whitespace().count());
        assert!(
            words.clone().min().unwrap() <= 10 && words.max().unwrap() >= 12,
            "{texts:?}"
        );
        total += texts.len();
        seen.extend(texts);
    }
    assert!(
        seen.len() * 100 > total * 98,
        "{} of {total} are different",
        seen.len()
    );
}

#[test]
fn captions_are_clean_text() {
    for seed in 0..300 {
        for text in all_texts(&captions(&score(seed), seed)) {
            assert!(
                !text.contains("  ") && !text.contains("{}") && !text.contains(" ,"),
                "{text}"
            );
            assert!(
                !text.contains(" a a ") && !text.contains("the the "),
                "{text}"
            );
            assert_eq!(text.trim(), text);
        }
    }
}

#[test]
fn tempo_key_and_chords_are_often_stated() {
    let (mut tempo, mut key, mut chords, mut all) = (0, 0, 0, 0);
    for seed in 0..100 {
        for text in captions(&score(seed), seed).prompts {
            let stated = stated_facts(&text);
            tempo += usize::from(stated.tempo_bpm.is_some());
            key += usize::from(stated.key.is_some());
            chords += usize::from(stated.chords.len() > 1);
            all += 1;
        }
    }
    for (what, count) in [("tempo", tempo), ("key", key), ("chords", chords)] {
        assert!(count * 100 > all * 7, "{what} stated in {count} of {all}");
    }
}
