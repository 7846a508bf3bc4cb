//! Tests of keys: reading, scales, their chords, spelling and transposition.

use std::collections::BTreeSet;

use super::*;

fn key(text: &str) -> Key {
    Key::parse(text).unwrap_or_else(|error| panic!("{error}"))
}

fn every_key() -> impl Iterator<Item = Key> {
    Key::all_major_minor()
        .into_iter()
        .flat_map(|home| Mode::ALL.map(|mode| Key::new(home.tonic, mode)))
}

fn join(names: impl IntoIterator<Item = impl ToString>) -> String {
    names
        .into_iter()
        .map(|name| name.to_string())
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn keys_are_read_in_many_forms() {
    let families: [(&str, &[&str]); 12] = [
        (
            "A minor",
            &[
                "Am",
                "A:min",
                "A min",
                "Amin",
                "A-minor",
                "a minor",
                "A Minor",
                "a-moll",
                "am",
                "A aeolian",
            ],
        ),
        (
            "C major",
            &["C", "c", "CM", "C:maj", "C maj", "C-Dur", "C Ionian"],
        ),
        (
            "F# dorian",
            &[
                "F♯ Dorian",
                "f# dorian",
                "F#:dorian",
                "F sharp dorian",
                "F-sharp dorian",
            ],
        ),
        (
            "Bb major",
            &["B♭ major", "Bb", "B flat major", "bb major", "B-flat"],
        ),
        ("Eb minor", &["eb moll", "Ebm", "E flat minor"]),
        ("D major", &["Dmajor", "DM"]),
        ("G# minor", &["G#m", "G#minor"]),
        ("E phrygian", &["E Phrygian"]),
        ("F lydian", &["F lydian"]),
        ("G mixolydian", &["G Mixolydian", "G mix"]),
        ("B locrian", &["B locrian"]),
        ("D minor", &["D harmonic minor", "D natural minor"]),
    ];
    for (name, spellings) in families {
        for spelling in spellings {
            assert_eq!(key(spelling).to_string(), name, "{spelling}");
        }
        assert_eq!(key(name).to_string(), name);
    }
}

#[test]
fn other_texts_are_not_keys() {
    for text in [
        "",
        " ",
        "H minor",
        "minor",
        "A mood",
        "C7",
        "A minor mood",
        "🎵",
        "C:maj7",
        "♯",
        "Amm",
    ] {
        assert!(Key::parse(text).is_err(), "{text}");
    }
    let message = Key::parse("C purple").unwrap_err().to_string();
    assert_eq!(
        message,
        "`purple` in `C purple` is not a mode; try `major`, `minor` or `dorian`"
    );
}

#[test]
fn signatures_and_scales() {
    let signatures = [
        ("C major", 0),
        ("A minor", 0),
        ("F# major", 6),
        ("Eb minor", -6),
        ("D dorian", 0),
        ("F lydian", 0),
    ];
    for (name, signature) in signatures {
        assert_eq!(key(name).signature(), signature, "{name}");
    }
    assert_eq!(join(key("D major").scale_notes()), "D E F# G A B C#");
    assert_eq!(join(key("Eb minor").scale_notes()), "Eb F Gb Ab Bb Cb Db");
    assert_eq!(
        join(key("F# mixolydian").scale_notes()),
        "F# G# A# B C# D# E"
    );
    assert_eq!(join(key("B locrian").scale_notes()), "B C D E F G A");
    assert_eq!(key("D minor").spelling(), Spelling::Flats);
    assert_eq!(key("E minor").spelling(), Spelling::Sharps);
}

#[test]
fn degrees_count_from_one() {
    let home = key("G major");
    let names = [1, 4, 5, 8, 12].map(|degree| home.degree(degree).name(Spelling::Sharps));
    assert_eq!(names, ["G", "C", "D", "G", "D"]);
    assert_eq!(home.chord_on(6).to_string(), "Em");
    assert_eq!(home.chord_on(8), home.chord_on(1));
}

#[test]
fn chords_of_the_scale() {
    assert_eq!(
        join(key("C major").diatonic_chords()),
        "C Dm Em F G Am Bdim"
    );
    assert_eq!(
        join(key("C minor").diatonic_chords()),
        "Cm Ddim Eb Fm Gm Ab Bb"
    );
    assert_eq!(
        join(key("C major").diatonic_sevenths()),
        "Cmaj7 Dm7 Em7 Fmaj7 G7 Am7 Bm7b5"
    );
    assert_eq!(
        join(key("E dorian").diatonic_sevenths()),
        "Em7 F#m7 Gmaj7 A7 Bm7 C#m7b5 Dmaj7"
    );
    for home in every_key() {
        let scale: BTreeSet<_> = home.scale().into_iter().collect();
        assert_eq!(scale.len(), 7, "{home}");
        for chord in home.diatonic_sevenths() {
            assert!(
                chord
                    .pitch_classes()
                    .iter()
                    .all(|note| scale.contains(&note)),
                "{chord} in {home}"
            );
        }
    }
}

#[test]
fn relatives_and_parallels() {
    assert_eq!(key("A minor").relative(), key("C major"));
    assert_eq!(key("Eb major").relative(), key("C minor"));
    assert_eq!(key("F# dorian").relative(), key("E major"));
    assert_eq!(key("C major").parallel(), key("C minor"));
    assert_eq!(key("A dorian").parallel(), key("A major"));
    for home in every_key() {
        let sorted = |key: Key| key.scale().into_iter().collect::<BTreeSet<_>>();
        assert_eq!(sorted(home.relative()), sorted(home), "{home}");
    }
    for home in Key::all_major_minor() {
        assert!(home.relative().relative().same_sound(home), "{home}");
        assert_eq!(home.parallel().parallel(), home);
    }
}

#[test]
fn notes_are_spelled_as_the_key_asks() {
    let spelled = |name: &str| join((0..12).map(|n| key(name).spell(PitchClass::new(n))));
    assert_eq!(spelled("C major"), "C Db D Eb E F F# G Ab A Bb B");
    assert_eq!(spelled("A minor"), "C C# D Eb E F F# G G# A Bb B");
    assert_eq!(spelled("D minor"), "C C# D Eb E F F# G Ab A Bb B");
    assert_eq!(spelled("F# major"), "B# C# D D# E E# F# G G# A A# B");
    for home in every_key() {
        for note in home.scale_notes() {
            assert_eq!(home.spell(note.pitch_class()), note, "{home}");
        }
        for n in 0..12 {
            assert_eq!(
                home.spell(PitchClass::new(n)).pitch_class(),
                PitchClass::new(n)
            );
        }
    }
    let chord = Chord::parse("D#m7/A#").unwrap();
    assert_eq!(key("Bb minor").spell_chord(chord).to_string(), "Ebm7/Bb");
}

#[test]
fn transposition_takes_the_plainest_name() {
    let moved = |name: &str, n| key(name).transpose(n).to_string();
    assert_eq!(moved("A minor", 1), "Bb minor");
    assert_eq!(moved("C major", 3), "Eb major");
    assert_eq!(moved("D major", 4), "F# major");
    assert_eq!(moved("F major", 1), "Gb major");
    assert_eq!(moved("Cb major", 0), "Cb major");
    assert_eq!(moved("Cb major", -12), "Cb major");
    for home in every_key() {
        for n in -25..=25 {
            let there = home.transpose(n);
            assert_eq!(
                there.tonic.pitch_class(),
                home.tonic.pitch_class().transpose(n)
            );
            assert!(there.transpose(-n).same_sound(home));
            assert!(n % 12 == 0 || there.signature().abs() <= 7, "{there}");
        }
    }
}

#[test]
fn keys_shift_as_in_the_reference() {
    let text = include_str!("../../../../tests/fixtures/mustango/mir_arith.json");
    let rows: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let mut count = 0;
    for row in rows.iter().filter(|row| row[0] == "key_shift") {
        let n = row[2].as_i64().unwrap() as i32;
        for (from, to) in [(&row[1][0], &row[3][0]), (&row[1][1], &row[3][1])] {
            let (Some(from), Some(to)) = (from.as_str(), to.as_str()) else {
                continue;
            };
            let Key { tonic, mode } = key(from);
            assert_eq!(
                Key::new(tonic.transpose_as_written(n), mode).to_string(),
                to,
                "{from} by {n}"
            );
            assert!(key(from).transpose(n).same_sound(key(to)));
            count += 1;
        }
    }
    assert_eq!(count, 18);
}

#[test]
fn the_24_usual_keys() {
    let keys = Key::all_major_minor();
    let majors = "C major Db major D major Eb major E major F major F# major G major Ab major A major Bb major B major";
    assert_eq!(join(&keys[..12]), majors);
    let minors = "C minor C# minor D minor Eb minor E minor F minor F# minor G minor G# minor A minor Bb minor B minor";
    assert_eq!(join(&keys[12..]), minors);
}

#[test]
fn json_is_the_name() {
    assert_eq!(serde_json::to_string(&key("Bbm")).unwrap(), "\"Bb minor\"");
    assert_eq!(
        serde_json::from_str::<Key>("\"F# dorian\"").unwrap(),
        key("F# dorian")
    );
    assert!(serde_json::from_str::<Key>("\"purple\"").is_err());
}
