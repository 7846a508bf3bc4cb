//! Tests of plans: limits, edits, chord lines and JSON.

use proptest::prelude::*;

use super::*;
use crate::{PitchClassSet, PlanFault};

fn chords(line: &str) -> Vec<ChordEvent> {
    let event = |token: &str| {
        let (symbol, time) = token.split_once('@').unwrap();
        ChordEvent {
            time_s: time.parse().unwrap(),
            chord: Chord::parse(symbol).unwrap(),
        }
    };
    line.split(' ')
        .filter(|token| !token.is_empty())
        .map(event)
        .collect()
}

fn line(events: &[ChordEvent]) -> String {
    events
        .iter()
        .map(|event| format!("{}@{}", event.chord, event.time_s))
        .collect::<Vec<_>>()
        .join(" ")
}

/// Eight seconds in four bars of two seconds.
fn song() -> Plan {
    Plan {
        key: Some(Key::parse("A minor").unwrap()),
        chords: chords("Am7@0 Dm7@2 G7/B@4 Cmaj7@6"),
        style: Some("bossa nova".to_owned()),
        instruments: vec!["nylon guitar".to_owned()],
        ..Plan::steady(120.0, Meter::FOUR_FOUR, 8.0)
    }
}

fn any_plan() -> impl Strategy<Value = Plan> {
    let meters =
        proptest::sample::select(vec![Meter::FOUR_FOUR, Meter::THREE_FOUR, Meter::SIX_EIGHT]);
    let symbols = proptest::sample::select(vec!["C", "Am7", "F#m7b5/E", "Bb", "N", "Ebmaj7/G"]);
    let chords = proptest::collection::btree_map(0..900u32, symbols, 0..12);
    (
        20.0..400.0,
        meters,
        0.5..90.0,
        proptest::option::of(0..24usize),
        chords,
    )
        .prop_map(|(tempo_bpm, meter, duration_s, key, chords)| {
            let events = chords.into_iter().map(|(time, symbol)| ChordEvent {
                time_s: f64::from(time) / 10.0,
                chord: Chord::parse(symbol).unwrap(),
            });
            Plan {
                key: key.map(|index| Key::all_major_minor()[index]),
                chords: events.filter(|event| event.time_s < duration_s).collect(),
                ..Plan::steady(tempo_bpm, meter, duration_s)
            }
        })
}

#[test]
fn json_has_the_documented_form() {
    let plan = Plan {
        beats: song().beats[..2].to_vec(),
        chords: chords("Am7@0"),
        ..song()
    };
    let json = serde_json::json!({
        "tempo_bpm": 120.0, "meter": "4/4", "key": "A minor", "duration_s": 8.0,
        "beats": [{"t": 0.0, "beat": 1}, {"t": 0.5, "beat": 2}],
        "chords": [{"t": 0.0, "symbol": "Am7"}],
        "style": "bossa nova", "instruments": ["nylon guitar"],
    });
    assert_eq!(serde_json::to_value(&plan).unwrap(), json);
    assert_eq!(serde_json::from_value::<Plan>(json).unwrap(), plan);
}

#[test]
fn json_may_leave_out_what_is_open() {
    let plan: Plan =
        serde_json::from_str(r#"{"tempo_bpm": 90, "time_signature": "3/4", "duration_s": 10}"#)
            .unwrap();
    assert_eq!(
        (plan.meter, plan.key, plan.beats.len()),
        (Meter::THREE_FOUR, None, 0)
    );
    let text = serde_json::to_string(&plan).unwrap();
    assert!(
        !text.contains("style") && !text.contains("instruments"),
        "{text}"
    );
    let unknown = r#"{"tempo_bpm": 90, "meter": "3/4", "duration_s": 10, "tempo": 90}"#;
    assert!(
        serde_json::from_str::<Plan>(unknown)
            .unwrap_err()
            .to_string()
            .contains("tempo")
    );
}

#[test]
fn validation_points_at_the_fault() {
    let pointer = |change: &dyn Fn(&mut Plan)| {
        let mut plan = song();
        change(&mut plan);
        plan.validate().unwrap_err().pointer
    };
    assert_eq!(song().validate(), Ok(()));
    assert_eq!(pointer(&|plan| plan.tempo_bpm = 19.9), "/tempo_bpm");
    assert_eq!(pointer(&|plan| plan.tempo_bpm = f64::NAN), "/tempo_bpm");
    assert_eq!(pointer(&|plan| plan.duration_s = 600.1), "/duration_s");
    assert_eq!(pointer(&|plan| plan.duration_s = 0.0), "/duration_s");
    assert_eq!(
        pointer(&|plan| plan.duration_s = f64::INFINITY),
        "/duration_s"
    );
    assert_eq!(pointer(&|plan| plan.meter.beat_unit = 0), "/meter");
    assert_eq!(pointer(&|plan| plan.beats[3].time_s = -0.1), "/beats/3/t");
    assert_eq!(pointer(&|plan| plan.beats[3].time_s = 1.0), "/beats/3/t");
    assert_eq!(pointer(&|plan| plan.beats[5].number = 5), "/beats/5/beat");
    assert_eq!(pointer(&|plan| plan.beats[5].number = 0), "/beats/5/beat");
    assert_eq!(pointer(&|plan| plan.chords[3].time_s = 8.5), "/chords/3/t");
    assert_eq!(
        pointer(&|plan| plan.chords[2].time_s = f64::NAN),
        "/chords/2/t"
    );
    assert_eq!(
        pointer(&|plan| plan.beats = vec![plan.beats[0]; MAX_BEATS + 1]),
        "/beats"
    );
    assert_eq!(
        pointer(&|plan| plan.chords = vec![plan.chords[0]; MAX_CHORDS + 1]),
        "/chords"
    );
    assert_eq!(
        pointer(&|plan| plan.style = Some("x".repeat(201))),
        "/style"
    );
    assert_eq!(
        pointer(&|plan| plan.instruments = vec!["x".repeat(201)]),
        "/instruments/0"
    );
    assert_eq!(
        pointer(&|plan| plan.instruments = vec![String::new(); 65]),
        "/instruments"
    );
    let unsorted = Plan {
        chords: chords("C@3 G@1"),
        ..song()
    };
    assert_eq!(
        unsorted.validate().unwrap_err().to_string(),
        "/chords/1/t: 1 s does not come after 3 s"
    );
}

#[test]
fn transposition_moves_key_and_chords_together() {
    let up = song().transpose(1);
    assert_eq!(up.key, Some(Key::parse("Bb minor").unwrap()));
    assert_eq!(line(&up.chords), "Bbm7@0 Ebm7@2 Ab7/C@4 Dbmaj7@6");
    assert_eq!(song().transpose(12), song());
    let keyless = Plan {
        key: None,
        chords: chords("Bb7/F@0 C@1 N@2"),
        ..song()
    };
    assert_eq!(line(&keyless.transpose(-2).chords), "Ab7/Eb@0 Bb@1 N@2");
}

#[test]
fn cropping_keeps_the_sounding_chord() {
    let middle = song().crop(3.0, 6.5);
    assert_eq!(line(&middle.chords), "Dm7@0 G7/B@1 Cmaj7@3");
    assert_eq!(middle.duration_s, 3.5);
    assert_eq!(
        middle.beats[0],
        Beat {
            time_s: 0.0,
            number: 3
        }
    );
    assert_eq!(middle.beats.len(), 7);
    assert_eq!(middle.validate(), Ok(()));
    assert_eq!(line(&song().crop(4.0, 6.0).chords), "G7/B@0");
    assert_eq!(song().crop(-5.0, 99.0), song());
    for (start_s, end_s) in [(5.0, 5.0), (6.0, 2.0), (f64::NAN, f64::NAN), (9.0, 12.0)] {
        let empty = song().crop(start_s, end_s);
        assert!(
            empty.beats.is_empty() && empty.chords.is_empty() || empty.duration_s > 0.0,
            "{start_s} {end_s}"
        );
    }
}

#[test]
fn another_tempo_rescales_as_in_the_reference() {
    let text = include_str!("../../../../tests/fixtures/mustango/mir_arith.json");
    let rows: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let close = |ours: &[f64], theirs: &[f64]| {
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            assert!((ours - theirs).abs() <= 1e-9, "{ours} is not {theirs}");
        }
    };
    let (mut beat_rows, mut chord_rows) = (0, 0);
    for row in &rows {
        let rate = row[2].as_f64().unwrap_or(1.0);
        let faster = |plan: Plan| plan.with_tempo(100.0 * rate).crop(0.0, 10.0);
        let empty = Plan {
            beats: Vec::new(),
            duration_s: 20.0,
            ..Plan::steady(100.0, Meter::FOUR_FOUR, 1.0)
        };
        let times =
            |value: &serde_json::Value| serde_json::from_value::<Vec<f64>>(value.clone()).unwrap();
        match row[0].as_str().unwrap() {
            "beat_tempo" => {
                let beat = |(&time_s, &number): (&f64, &f64)| Beat {
                    time_s,
                    number: number as u8,
                };
                let beats = times(&row[1][0])
                    .iter()
                    .zip(&times(&row[1][1]))
                    .map(beat)
                    .collect();
                let plan = faster(Plan { beats, ..empty });
                let time = plan
                    .beats
                    .iter()
                    .map(|beat| beat.time_s)
                    .collect::<Vec<_>>();
                close(&time, &times(&row[3][0]));
                let number = plan
                    .beats
                    .iter()
                    .map(|beat| f64::from(beat.number))
                    .collect::<Vec<_>>();
                close(&number, &times(&row[3][1]));
                beat_rows += 1;
            }
            "chord_tempo" => {
                let events = |value: &serde_json::Value| {
                    let pairs: Vec<(Chord, f64)> = serde_json::from_value(value.clone()).unwrap();
                    pairs
                        .into_iter()
                        .map(|(chord, time_s)| ChordEvent { time_s, chord })
                        .collect::<Vec<_>>()
                };
                let plan = faster(Plan {
                    chords: events(&row[1]),
                    ..empty
                });
                let time = |events: &[ChordEvent]| {
                    events.iter().map(|event| event.time_s).collect::<Vec<_>>()
                };
                close(&time(&plan.chords), &time(&events(&row[3])));
                chord_rows += 1;
            }
            _ => {}
        }
    }
    assert_eq!((beat_rows, chord_rows), (8, 8));
}

#[test]
fn the_chord_at_a_time() {
    let plan = Plan {
        chords: chords("Am@1 F@3"),
        ..song()
    };
    let at = |time_s: f64| plan.chord_at(time_s).map(ToString::to_string);
    assert_eq!(
        [0.9, 1.0, 2.9, 3.0, 99.0].map(at),
        [None, Some("Am"), Some("Am"), Some("F"), Some("F")].map(|c| c.map(str::to_owned))
    );
}

#[test]
fn places_between_the_beats() {
    let plan = song();
    assert_eq!(plan.bar_position(0.0), (0.0, 0.0));
    assert_eq!(plan.bar_position(0.25), (0.5, 0.125));
    assert_eq!(plan.bar_position(3.0), (6.0, 0.5));
    // Outside the beats the tempo goes on.
    assert_eq!(plan.bar_position(8.0), (16.0, 0.0));
    assert_eq!(plan.bar_position(-0.5), (-1.0, 0.75));
    let bare = Plan {
        beats: Vec::new(),
        ..song()
    };
    assert_eq!(bare.bar_position(2.5), (5.0, 0.25));
    // A clip that begins inside a bar, and one in 6/8 felt in two.
    assert_eq!(plan.crop(1.5, 8.0).bar_position(0.25), (0.5, 0.875));
    assert_eq!(
        Plan::steady(60.0, Meter::SIX_EIGHT, 8.0).bar_position(3.0),
        (3.0, 0.5)
    );
}

#[test]
fn one_chord_a_bar_repeats_to_the_end() {
    let plan = Plan::steady(120.0, Meter::FOUR_FOUR, 12.0);
    let placed = |text: &str| line(&plan.chords_from_symbols(text).unwrap());
    assert_eq!(
        placed("Am7 Fmaj7 C G"),
        "Am7@0 Fmaj7@2 C@4 G@6 Am7@8 Fmaj7@10"
    );
    assert_eq!(placed("Am7, Fmaj7, C, G"), placed("Am7 - Fmaj7 - C - G"));
    assert_eq!(placed("Am-F-C-G"), placed("Am F C G"));
    assert_eq!(placed("C-7"), "Cm7@0");
    assert_eq!(placed("C"), "C@0");
    assert_eq!(placed(""), "");
}

#[test]
fn more_chords_than_bars_share_the_beats() {
    let plan = Plan::steady(120.0, Meter::FOUR_FOUR, 4.0);
    assert_eq!(
        line(&plan.chords_from_symbols("C G Am F").unwrap()),
        "C@0 G@1 Am@2 F@3"
    );
    let many = "C G ".repeat(8);
    let events = plan.chords_from_symbols(&many).unwrap();
    assert_eq!(events.len(), 16);
    assert_eq!(
        Plan {
            chords: events,
            ..plan
        }
        .validate(),
        Ok(())
    );
}

#[test]
fn bars_are_placed_as_written() {
    let plan = Plan::steady(120.0, Meter::FOUR_FOUR, 10.0);
    let placed = |text: &str| line(&plan.chords_from_symbols(text).unwrap());
    assert_eq!(
        placed("| Am7 | Dm7 G7 | C |"),
        "Am7@0 Dm7@2 G7@3 C@4 Am7@6 Dm7@8 G7@9"
    );
    assert_eq!(placed("Am7 | % | C"), "Am7@0 C@4 Am7@6");
    assert_eq!(placed("|: C G Am :|"), placed("| C G Am |"));
    assert_eq!(
        placed("| C G Am |").split(' ').take(3).collect::<Vec<_>>(),
        ["C@0", "G@0.5", "Am@1.5"]
    );
    // A clip that begins with an upbeat: the first chord covers it.
    let upbeat = plan.crop(1.5, 10.0);
    assert_eq!(
        line(&upbeat.chords_from_symbols("Am F").unwrap()),
        "Am@0 F@2.5 Am@4.5 F@6.5"
    );
}

#[test]
fn timed_chords_are_taken_as_they_are() {
    let placed = |text: &str| song().chords_from_symbols(text);
    assert_eq!(
        line(&placed("Am7@0 Fmaj7@2.86, C/E@4.5s").unwrap()),
        "Am7@0 Fmaj7@2.86 C/E@4.5"
    );
    assert_eq!(placed("Am7@0 F@x").unwrap_err().pointer, "/chords/1/t");
    assert_eq!(placed("Am7@0 F").unwrap_err().pointer, "/chords/1/t");
    assert_eq!(placed("Am7@0 F@99").unwrap_err().pointer, "/chords/1/t");
    assert_eq!(placed("Am7@3 F@2").unwrap_err().pointer, "/chords/1/t");
    assert_eq!(
        placed("Am7@3 Hm@4").unwrap_err().pointer,
        "/chords/1/symbol"
    );
}

#[test]
fn wrong_symbols_are_named() {
    let error = song().chords_from_symbols("Am7 Fmaj7 Q").unwrap_err();
    assert_eq!(error.pointer, "/chords/2/symbol");
    assert!(matches!(error.reason, PlanFault::Chord(_)));
    assert_eq!(
        song().chords_from_symbols("| C | x |").unwrap_err().pointer,
        "/chords/1/symbol"
    );
    assert_eq!(
        song().chords_from_symbols("| % | C |").unwrap_err().pointer,
        "/chords/0/symbol"
    );
    let too_many = "C D ".repeat(200);
    assert!(matches!(
        song().chords_from_symbols(&too_many).unwrap_err().reason,
        PlanFault::TooMany { .. }
    ));
}

#[test]
fn a_chordpro_line_has_the_bars() {
    let plan = Plan {
        chords: chords("Am7@0 Dm7@2 G7@3.05 C@3.95"),
        ..song()
    };
    assert_eq!(plan.to_chordpro_line(), "[Am7] | [Dm7] [G7] | [C]");
    assert_eq!(
        Plan {
            beats: Vec::new(),
            ..plan
        }
        .to_chordpro_line(),
        "[Am7] | [Dm7] [G7] | [C]"
    );
    assert_eq!(
        Plan {
            chords: Vec::new(),
            ..song()
        }
        .to_chordpro_line(),
        ""
    );
}

proptest! {
    #[test]
    fn sound_plans_stay_sound(plan in any_plan(), n in -24..24i32, start in 0.0..1.0f64, length in 0.1..1.0f64) {
        prop_assume!(plan.beats.len() <= MAX_BEATS);
        prop_assert_eq!(plan.validate(), Ok(()));
        prop_assert_eq!(plan.transpose(n).validate(), Ok(()));
        let start_s = start * plan.duration_s;
        let part = plan.crop(start_s, start_s + length * plan.duration_s);
        prop_assert_eq!(part.validate(), Ok(()));
        for fraction in [0.0, 0.3, 0.9] {
            let time_s = fraction * part.duration_s;
            prop_assert_eq!(part.chord_at(time_s + 1e-6), plan.chord_at(start_s + time_s + 1e-6));
        }
        let json = serde_json::to_string(&plan).unwrap();
        prop_assert_eq!(serde_json::from_str::<Plan>(&json).unwrap().chords, plan.chords);
    }

    #[test]
    fn transposition_rotates_what_sounds(plan in any_plan(), n in -24..24i32) {
        let sounding = |plan: &Plan| plan.chords.iter().map(|event| event.chord.pitch_classes()).collect::<Vec<_>>();
        let rotated: Vec<PitchClassSet> = sounding(&plan).into_iter().map(|set| set.transpose(n)).collect();
        prop_assert_eq!(sounding(&plan.transpose(n)), rotated);
    }

    #[test]
    fn positions_rise_with_time(plan in any_plan(), times in proptest::collection::vec(-5.0..100.0f64, 2..20)) {
        let mut times = times;
        times.sort_by(f64::total_cmp);
        let positions: Vec<_> = times.iter().map(|&time_s| plan.bar_position(time_s)).collect();
        for pair in positions.windows(2) {
            prop_assert!(pair[0].0 <= pair[1].0);
        }
        prop_assert!(positions.iter().all(|(_, phase)| (0.0..1.0).contains(phase)));
    }

    #[test]
    fn any_chord_line_is_read_without_panic(plan in any_plan(), text in "[A-G|%@ m7,.0-9#b:-]{0,60}") {
        if let Ok(chords) = plan.chords_from_symbols(&text) {
            prop_assert_eq!(Plan { beats: Vec::new(), chords, ..plan }.validate(), Ok(()));
        }
    }
}
