//! What has to be true of every score, whatever the seed.

use mustool_composer::instrument::Nature;
use mustool_composer::style::STYLES;
use mustool_composer::{Composer, Note, PREROLL_S, Part, Role, Score, Split};
use mustool_music::{Chord, ChordEvent, Key, Meter, PitchClass, Plan};
use proptest::prelude::*;

fn compose(seed: u64) -> Score {
    Composer::default().compose(seed, Split::Train)
}

fn class(note: &Note) -> PitchClass {
    PitchClass::new(i32::from(note.pitch))
}

/// When each chord begins and ends, and the chord.
fn spans(plan: &Plan) -> Vec<(f64, f64, Chord)> {
    let ends = plan
        .chords
        .iter()
        .skip(1)
        .map(|event| event.time_s)
        .chain([plan.duration_s]);
    plan.chords
        .iter()
        .zip(ends)
        .map(|(event, end)| (event.time_s, end, event.chord))
        .collect()
}

fn pitched(score: &Score) -> impl Iterator<Item = &Part> {
    score.parts.iter().filter(|part| part.role != Role::Drums)
}

#[test]
fn notes_are_playable() {
    for seed in 0..400 {
        let score = compose(seed);
        assert!((1..=9).contains(&score.parts.len()));
        for part in &score.parts {
            let range = part.instrument.low..=part.instrument.high;
            assert!(!part.notes.is_empty(), "{seed}: {:?} is silent", part.role);
            for note in &part.notes {
                assert!(note.start_s >= -PREROLL_S - 1e-9 && note.start_s < score.plan.duration_s);
                assert!(note.duration_s > 0.0 && note.duration_s.is_finite());
                assert!((1..=127).contains(&note.velocity));
                assert!(
                    part.role == Role::Drums || range.contains(&note.pitch),
                    "{seed}: {} plays {}",
                    part.instrument.name,
                    note.pitch
                );
            }
            assert!(
                part.notes
                    .windows(2)
                    .all(|pair| pair[0].start_s <= pair[1].start_s)
            );
        }
    }
}

#[test]
fn the_bass_states_every_chord() {
    let (mut stated, mut all) = (0, 0);
    for seed in 0..300 {
        let score = compose(seed);
        let Some(bass) = score.part(Role::Bass) else {
            continue;
        };
        for (start_s, _, chord) in spans(&score.plan).into_iter().filter(|span| span.0 > 0.05) {
            let Some(root) = chord.bass() else { continue };
            let near = |note: &&Note| (note.start_s - start_s).abs() < 0.06;
            all += 1;
            stated += usize::from(
                bass.notes
                    .iter()
                    .filter(near)
                    .any(|note| class(note) == root.pitch_class()),
            );
        }
    }
    assert!(all > 500);
    assert!(
        stated * 1000 >= all * 998,
        "{stated} of {all} chords begin on their bass"
    );
}

/// The share of the sounding time of `roles` that lies on notes of the chord of the moment.
fn share_of_chord_tones(score: &Score, roles: &[Role]) -> Option<f64> {
    let (mut inside_s, mut all_s) = (0.0, 0.0);
    for part in score.parts.iter().filter(|part| roles.contains(&part.role)) {
        for (start_s, end_s, chord) in spans(&score.plan) {
            let classes = chord.pitch_classes();
            for note in &part.notes {
                let from_s = note.start_s.max(start_s);
                let sounding_s = ((note.start_s + note.duration_s).min(end_s) - from_s).max(0.0);
                all_s += sounding_s;
                if classes.contains(class(note)) {
                    inside_s += sounding_s;
                }
            }
        }
    }
    (all_s > 0.0).then_some(inside_s / all_s)
}

#[test]
fn accompaniments_play_the_chords() {
    let mut shares = Vec::new();
    for seed in 0..300 {
        let roles = [
            Role::Comping,
            Role::Pad,
            Role::Arpeggio,
            Role::CounterMelody,
        ];
        if let Some(share) = share_of_chord_tones(&compose(seed), &roles) {
            assert!(share >= 0.9, "{seed}: {share}");
            shares.push(share);
        }
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    assert!(shares.len() > 200 && mean > 0.97, "{mean}");
}

#[test]
fn tunes_agree_with_the_harmony() {
    let mut shares = Vec::new();
    for seed in 0..300 {
        shares.extend(share_of_chord_tones(&compose(seed), &[Role::Melody]));
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    assert!(
        (0.6..0.98).contains(&mean),
        "{mean} of the tunes' time are chord tones"
    );
}

#[test]
fn every_chord_is_complete_somewhere() {
    let (mut complete, mut all) = (0, 0);
    for seed in 0..200 {
        let score = compose(seed);
        if !pitched(&score).any(|part| part.instrument.plays_chords()) {
            continue;
        }
        for (start_s, end_s, chord) in spans(&score.plan) {
            if end_s - start_s < 0.5 {
                continue;
            }
            let third = chord.quality().and_then(|quality| quality.third());
            let (Some(root), Some(third)) = (chord.root(), third) else {
                continue;
            };
            let wanted = [
                root.pitch_class(),
                root.pitch_class().transpose(i32::from(third)),
            ];
            let sounds = |wanted: &PitchClass| {
                pitched(&score).flat_map(|part| &part.notes).any(|note| {
                    class(note) == *wanted
                        && note.start_s < end_s - 0.05
                        && note.start_s + note.duration_s > start_s + 0.05
                })
            };
            all += 1;
            complete += usize::from(wanted.iter().all(sounds));
        }
    }
    assert!(
        all > 500 && complete * 100 >= all * 98,
        "{complete} of {all}"
    );
}

#[test]
fn transposing_the_plan_transposes_the_harmony() {
    let mut compared = 0;
    for seed in 0..80 {
        let score = compose(seed);
        let names: Vec<String> = score
            .instruments()
            .iter()
            .map(|instrument| instrument.name.to_owned())
            .collect();
        let composer = Composer::default();
        let written = |plan: &Plan| composer.arrange(plan, score.style, &names, seed).unwrap();
        let (here, there) = (written(&score.plan), written(&score.plan.transpose(5)));
        assert_eq!(here.parts.len(), there.parts.len(), "{seed}");
        for (a, b) in here.parts.iter().zip(&there.parts) {
            assert_eq!((a.role, a.instrument.name), (b.role, b.instrument.name));
            // Tunes, broken chords and hands on frets turn where their range ends.
            let moves_as_one = match a.role {
                Role::Drums => Some(0),
                Role::Pad => Some(5),
                _ => None,
            };
            if let Some(n) = moves_as_one {
                assert_eq!(classes(a, n), classes(b, 0), "{seed}: {:?}", a.role);
                compared += 1;
            }
        }
    }
    assert!(compared > 40, "{compared}");
}

/// The pitch classes that a part uses, moved by `n` semitones.
fn classes(part: &Part, n: i32) -> std::collections::BTreeSet<u8> {
    part.notes
        .iter()
        .map(|note| class(note).transpose(n).value())
        .collect()
}

#[test]
fn forty_programs_and_all_kinds_of_ensembles_are_heard() {
    let mut programs = std::collections::BTreeSet::new();
    let (mut solo, mut small, mut with_drums) = (0, 0, 0);
    for seed in 0..600 {
        let score = compose(seed);
        programs.extend(
            score
                .parts
                .iter()
                .map(|part| (part.role == Role::Drums, part.program)),
        );
        let players = score.instruments();
        solo += usize::from(players.len() == 1);
        small += usize::from((2..=3).contains(&players.len()));
        with_drums += usize::from(players.iter().any(|i| i.nature == Nature::Drums));
        let named: Vec<&str> = players.iter().map(|i| i.name).collect();
        assert_eq!(named, score.plan.instruments);
    }
    assert!(programs.len() > 60, "{} programs", programs.len());
    assert!((60..150).contains(&solo), "{solo} solos of 600");
    assert!(
        small > 120 && with_drums > 200,
        "{small} small, {with_drums} with drums"
    );
}

#[test]
fn a_drummer_alone_has_no_chords() {
    let lone = (0..3000)
        .map(compose)
        .find(|score| score.plan.chords.is_empty());
    let score = lone.expect("one clip in a hundred is drums alone");
    assert!(score.parts.iter().all(|part| part.role == Role::Drums));
    assert_eq!(score.plan.key, None);
}

/// Any plan that passes validation can be played, however odd.
fn any_plan() -> impl Strategy<Value = Plan> {
    let meter = prop::sample::select(vec!["4/4", "3/4", "6/8", "5/4", "7/8", "12/8", "2/4"]);
    let symbols = prop::collection::vec(
        prop::sample::select(vec![
            "C", "F#m7b5", "Bb13", "N.C.", "G5", "Ebmaj9/G", "A7b9", "Dsus2", "E+", "Caug7",
        ]),
        0..12,
    );
    (meter, symbols, 30.0..300.0f64, 0.5..20.0f64).prop_map(
        |(meter, symbols, tempo_bpm, duration_s)| {
            let mut plan =
                Plan::steady(tempo_bpm, Meter::parse(meter).expect("a metre"), duration_s);
            plan.key = Key::parse("E minor").ok();
            let step_s = duration_s / symbols.len().max(1) as f64;
            let event = |(i, symbol): (usize, &&str)| ChordEvent {
                time_s: i as f64 * step_s,
                chord: Chord::parse(symbol).expect("a chord"),
            };
            plan.chords = symbols.iter().enumerate().map(event).collect();
            plan
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn any_valid_plan_can_be_arranged(plan in any_plan(), style in 0..STYLES.len(), seed: u64) {
        prop_assume!(plan.validate().is_ok());
        let score = Composer::default().arrange(&plan, STYLES[style], &[], seed).unwrap();
        prop_assert_eq!(&score.plan.chords, &plan.chords);
        prop_assert_eq!(&score.plan.beats, &plan.beats);
        for part in &score.parts {
            for note in &part.notes {
                prop_assert!(note.start_s < plan.duration_s && note.duration_s.is_finite());
            }
        }
    }
}

#[test]
fn unknown_instruments_and_bad_plans_are_refused() {
    let score = compose(1);
    let composer = Composer::default();
    let unknown = composer.arrange(&score.plan, score.style, &["kazoo orchestra".to_owned()], 0);
    assert!(unknown.unwrap_err().to_string().contains("kazoo orchestra"));
    let mut bad = score.plan.clone();
    bad.duration_s = f64::NAN;
    assert!(composer.arrange(&bad, score.style, &[], 0).is_err());
}
