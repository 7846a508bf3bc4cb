//! MIDI files read back: times, notes and signatures.

use mustool_music::{ChordEvent, Key, Meter};
use proptest::prelude::*;

use super::*;

fn plan(tempo_bpm: f64, meter: Meter, chords: &[(f64, &str)]) -> Plan {
    let mut plan = Plan::steady(tempo_bpm, meter, 8.0);
    plan.key = Some(Key::parse("A:min").unwrap());
    plan.chords = chords
        .iter()
        .map(|&(time_s, symbol)| ChordEvent {
            time_s,
            chord: Chord::parse(symbol).unwrap(),
        })
        .collect();
    plan
}

/// Seconds of every event, by the file's own tempo.
fn timed(bytes: &[u8]) -> Vec<(f64, TrackEventKind<'_>)> {
    let smf = Smf::parse(bytes).unwrap();
    let mut all: Vec<(u32, TrackEventKind<'_>)> = Vec::new();
    for track in &smf.tracks {
        let mut tick = 0;
        for event in track {
            tick += event.delta.as_int();
            all.push((tick, event.kind));
        }
    }
    all.sort_by_key(|(tick, _)| *tick);
    let (mut seconds, mut last, mut quarter_us) = (0.0, 0, 500_000.0);
    let mut out = Vec::new();
    for (tick, kind) in all {
        seconds += f64::from(tick - last) / f64::from(TICKS_PER_QUARTER) * quarter_us * 1e-6;
        last = tick;
        if let TrackEventKind::Meta(MetaMessage::Tempo(tempo)) = kind {
            quarter_us = f64::from(tempo.as_int());
        }
        out.push((seconds, kind));
    }
    out
}

fn starts(bytes: &[u8]) -> Vec<(f64, u8)> {
    let note = |(seconds, kind)| match kind {
        TrackEventKind::Midi {
            message: MidiMessage::NoteOn { key, .. },
            ..
        } => Some((seconds, key.as_int())),
        _ => None,
    };
    timed(bytes).into_iter().filter_map(note).collect()
}

#[test]
fn chords_sound_when_the_plan_says() {
    let plan = plan(
        84.0,
        Meter::FOUR_FOUR,
        &[(0.0, "Am7"), (2.857, "Fmaj7/A"), (5.5, "N")],
    );
    let bytes = file(&plan);
    let notes = starts(&bytes);
    let at = |seconds: f64| -> Vec<u8> {
        let near = notes
            .iter()
            .filter(|(start, _)| (start - seconds).abs() < 2e-3);
        near.map(|&(_, note)| note).collect()
    };
    assert_eq!(at(0.0), [45, 55, 57, 60, 64]);
    assert_eq!(at(2.857), [45, 57, 60, 64, 65]);
    assert_eq!(notes.len(), 10, "no chord has no notes");
}

#[test]
fn signatures_and_markers_are_those_of_the_plan() {
    let bytes = file(&plan(120.0, Meter::SIX_EIGHT, &[(0.0, "D"), (1.5, "G7")]));
    let smf = Smf::parse(&bytes).unwrap();
    let meta: Vec<MetaMessage<'_>> = smf.tracks[0]
        .iter()
        .filter_map(|event| match event.kind {
            TrackEventKind::Meta(meta) => Some(meta),
            _ => None,
        })
        .collect();
    assert!(
        meta.contains(&MetaMessage::TimeSignature(6, 3, 24, 8)),
        "{meta:?}"
    );
    assert!(meta.contains(&MetaMessage::KeySignature(0, true)));
    assert!(meta.contains(&MetaMessage::Marker(b"G7")));
    // A dotted quarter lasts half a second.
    assert!(meta.contains(&MetaMessage::Tempo(u24::new(333_333))));
}

#[test]
fn an_uneven_tempo_is_followed() {
    let mut plan = plan(100.0, Meter::THREE_FOUR, &[]);
    let times_s = [0.31, 0.9, 1.6, 2.0, 2.7, 3.1];
    plan.beats = (0_u8..)
        .zip(times_s)
        .map(|(index, time_s)| mustool_music::Beat {
            time_s,
            number: index % 3 + 1,
        })
        .collect();
    plan.chords = times_s
        .map(|time_s| ChordEvent {
            time_s,
            chord: Chord::parse("C").unwrap(),
        })
        .into();
    let bytes = file(&plan);
    let mut found: Vec<f64> = starts(&bytes).into_iter().map(|(start, _)| start).collect();
    found.dedup();
    assert_eq!(found.len(), times_s.len());
    for (found, expected) in found.iter().zip(times_s) {
        assert!((found - expected).abs() < 2e-3, "{found} for {expected}");
    }
}

#[test]
fn empty_and_broken_plans_give_files_too() {
    let mut broken = plan(
        120.0,
        Meter::FOUR_FOUR,
        &[(3.0, "C"), (1.0, "G"), (1.0, "F")],
    );
    broken.tempo_bpm = f64::NAN;
    broken.beats.clear();
    for plan in [Plan::steady(1e-9, Meter::FOUR_FOUR, 1.0), broken] {
        assert_eq!(Smf::parse(&file(&plan)).unwrap().tracks.len(), 2);
    }
}

proptest! {
    /// Every note that begins also ends, and no note lasts beyond the piece.
    #[test]
    fn notes_end(
        tempo_bpm in 20.0_f64..400.0,
        mut times_s in prop::collection::vec(0.0_f64..8.0, 0..20),
        symbols in prop::collection::vec(prop::sample::select(&["C", "Am7", "F#dim", "Bb/D", "N"]), 20),
    ) {
        times_s.sort_by(f64::total_cmp);
        let chords: Vec<(f64, &str)> = times_s.into_iter().zip(symbols).collect();
        let bytes = file(&plan(tempo_bpm, Meter::FOUR_FOUR, &chords));
        let mut sounding = [0_i32; 128];
        for (seconds, kind) in timed(&bytes) {
            if let TrackEventKind::Midi { message, .. } = kind {
                match message {
                    MidiMessage::NoteOn { key, .. } => sounding[usize::from(key.as_int())] += 1,
                    MidiMessage::NoteOff { key, .. } => sounding[usize::from(key.as_int())] -= 1,
                    _ => prop_assert!(false, "{message:?}"),
                }
                prop_assert!(seconds < 8.01, "{seconds}");
            }
            prop_assert!(sounding.iter().all(|&count| (0..=1).contains(&count)));
        }
        prop_assert!(sounding.iter().all(|&count| count == 0));
    }
}
