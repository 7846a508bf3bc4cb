//! Tests of reading, printing and transposing chord symbols.

use proptest::prelude::*;

use super::*;

fn chord(symbol: &str) -> Chord {
    Chord::parse(symbol).unwrap_or_else(|error| panic!("{symbol}: {error}"))
}

/// Every quality there is: all thirds, fifths, sevenths and sets of tensions.
fn all_qualities() -> impl Iterator<Item = Quality> {
    const TENSIONS: [u32; 7] = [13, 14, 15, 17, 18, 20, 21];
    let thirds = [0, 1 << 4, 1 << 3, 1 << 2, 1 << 5, 1 << 2 | 1 << 5];
    let fifths = [0, 1 << 6, 1 << 7, 1 << 8];
    let sevenths = [0, 1 << 9, 1 << 10, 1 << 11];
    thirds.into_iter().flat_map(move |third| {
        fifths.into_iter().flat_map(move |fifth| {
            sevenths.into_iter().flat_map(move |seventh| {
                (0..128).map(move |set| {
                    let tension = |(bit, tension): (usize, &u32)| {
                        if set >> bit & 1 == 1 { 1 << tension } else { 0 }
                    };
                    let tensions: u32 = TENSIONS.iter().enumerate().map(tension).sum();
                    Quality::from_mask(third | fifth | seventh | tensions).expect("one seventh")
                })
            })
        })
    })
}

#[test]
fn every_quality_is_read_back_from_both_notations() {
    let root = NoteName::parse("Eb").unwrap();
    let mut count = 0;
    for quality in all_qualities() {
        let chord = Chord::new(root, quality);
        assert_eq!(Chord::parse(&chord.to_string()), Ok(chord), "{chord}");
        assert_eq!(
            Chord::parse(&chord.to_harte()),
            Ok(chord),
            "{}",
            chord.to_harte()
        );
        assert_eq!(
            Quality::from_intervals(quality.intervals()),
            Some(quality),
            "{chord}"
        );
        count += 1;
    }
    assert_eq!(count, 6 * 4 * 4 * 128);
}

#[test]
fn canonical_symbols() {
    let expected = [
        ("C", Quality::MAJOR),
        ("Cm", Quality::MINOR),
        ("Cdim", Quality::DIMINISHED),
        ("Caug", Quality::AUGMENTED),
        ("Csus2", Quality::SUS2),
        ("Csus4", Quality::SUS4),
        ("C5", Quality::POWER),
        ("C6", Quality::MAJOR6),
        ("Cm6", Quality::MINOR6),
        ("C7", Quality::DOMINANT7),
        ("Cmaj7", Quality::MAJOR7),
        ("Cm7", Quality::MINOR7),
        ("CmMaj7", Quality::MINOR_MAJOR7),
        ("Cm7b5", Quality::HALF_DIMINISHED7),
        ("Cdim7", Quality::DIMINISHED7),
        ("C7#5", Quality::AUGMENTED7),
        ("C7sus4", Quality::DOMINANT7_SUS4),
        ("Cadd9", Quality::ADD9),
        ("Cmadd9", Quality::MINOR_ADD9),
        ("C6/9", Quality::SIX_NINE),
        ("C9", Quality::DOMINANT9),
        ("Cmaj9", Quality::MAJOR9),
        ("Cm9", Quality::MINOR9),
        ("C7b9", Quality::DOMINANT7_FLAT9),
        ("C13", Quality::DOMINANT13),
        ("C7alt", Quality::ALTERED7),
    ];
    for (symbol, quality) in expected {
        let chord = Chord::new(NoteName::parse("C").unwrap(), quality);
        assert_eq!(chord.to_string(), symbol);
        assert_eq!(Chord::parse(symbol), Ok(chord));
    }
}

#[test]
fn lead_sheet_spellings_of_the_same_chord() {
    let families: [(&str, &[&str]); 31] = [
        (
            "Cmaj7",
            &[
                "CM7", "C△7", "CΔ", "C∆7", "C^7", "C^", "CMaj7", "Cma7", "CMAJ7", "C7M", "C△⁷",
            ],
        ),
        ("C", &["CM", "Cmaj", "Cmajor"]),
        ("Cm", &["C-", "Cmin", "Cmi", "CMIN", "C−", "Cminor"]),
        ("Cm7", &["C-7", "Cmin7", "Cmi7", "C−7", "C–7"]),
        (
            "Cm7b5",
            &[
                "Cø", "Cø7", "C∅7", "Ch7", "Chdim7", "Cmin7b5", "C-7b5", "Cm7-5", "Cm7(b5)",
                "Cm7♭5",
            ],
        ),
        ("Cdim", &["C°", "Co", "Cº", "CDim"]),
        ("Cdim7", &["C°7", "Co7", "Cdim7"]),
        ("Caug", &["C+", "C+5", "Caug5", "C(#5)"]),
        ("C7#5", &["C+7", "Caug7", "C7+", "C7+5", "C7(#5)", "C7aug"]),
        ("Csus4", &["Csus", "C4", "CSus4"]),
        ("C7sus4", &["C7sus", "Csus7", "Cm7sus4"]),
        ("C9sus4", &["Csus9", "C9sus"]),
        (
            "CmMaj7",
            &[
                "Cm(maj7)", "Cminmaj7", "CmM7", "C-△7", "C-Δ", "Cm/maj7", "Cm7M", "CmiMa7",
            ],
        ),
        ("C6/9", &["C69", "C6(9)", "C6add9"]),
        ("Cm6/9", &["Cm69", "C-6/9"]),
        ("Cadd9", &["C2", "Cadd2", "C(add9)", "C(9)"]),
        ("C7b9", &["C7(b9)", "C7-9", "C7♭9", "C7/b9"]),
        (
            "C7(b9,#11)",
            &["C7b9#11", "C7(b9#11)", "C7(♭9, ♯11)", "C7b9(#11)"],
        ),
        ("C9", &["C7(9)", "C7add9", "C7/9", "Cdom9"]),
        ("C7", &["Cdom7"]),
        ("C7alt", &["Calt"]),
        ("C13", &["C9(13)", "C7(9,13)", "C7/9/13"]),
        ("C7(b9,13)", &["C13b9", "C13(b9)"]),
        ("C13#11", &["C13(#11)", "C9(#11,13)"]),
        ("Cmaj7#11", &["C△7#11", "CM7(#4)", "Cmaj7(#11)"]),
        ("C7b13", &["C7(b13)", "C7b6"]),
        ("C(b5)", &["C-5", "Cmaj(b5)"]),
        ("Cdim/Gb", &["Co/G♭"]),
        ("C7(no3)", &["C7no3", "C7omit3"]),
        ("Csus2sus4", &["Csus24", "Csus4sus2"]),
        ("N", &["NC", "N.C.", "N", " N.C "]),
    ];
    for (canonical, spellings) in families {
        for spelling in spellings {
            assert_eq!(chord(spelling).to_string(), canonical, "{spelling}");
        }
        assert_eq!(chord(canonical).to_string(), canonical);
    }
}

#[test]
fn roots_and_basses_keep_their_spelling() {
    for symbol in [
        "Am7", "F#m7b5/E", "Bbm7", "Cb", "B#aug", "Fb/Ab", "C6/9/E", "Ebm/Bb", "F##m", "Bbb7/F",
    ] {
        assert_eq!(chord(symbol).to_string(), symbol);
    }
    assert_eq!(chord("B♭-7").to_string(), "Bbm7");
    assert_eq!(chord("B𝄫").to_string(), "Bbb");
    // `Ab5` is a power chord on A flat.
    assert_eq!(chord("Ab5").quality(), Some(&Quality::POWER));
    assert_eq!(chord("C/C"), chord("C"));
    assert!(!chord("C/B#").is_inverted());
    assert!(chord("C/E").is_inverted());
    assert_eq!(chord("C/E").bass(), NoteName::parse("E").as_ref());
    assert_eq!(chord("D/F#").bass_interval(), 4);
}

#[test]
fn harte_notation() {
    let pairs = [
        ("A:min7", "Am7"),
        ("C:maj/3", "C/E"),
        ("Bb:hdim7/b3", "Bbm7b5/Db"),
        ("C:maj", "C"),
        ("F#:7(#9)", "F#7#9"),
        ("D:sus4(b7)", "D7sus4"),
        ("C:maj(9)", "Cadd9"),
        ("G:maj6(9)", "G6/9"),
        ("C:(1,b3,5)", "Cm"),
        ("C:7(*5,b13)", "C7(b13,no5)"),
        ("E:minmaj7", "EmMaj7"),
        ("Ab:maj/5", "Ab/Eb"),
        ("C:min/b7", "Cm/Bb"),
        ("C/3", "C/E"),
        ("A/b7", "A/G"),
        ("N", "N"),
    ];
    for (harte, lead_sheet) in pairs {
        assert_eq!(chord(harte).to_string(), lead_sheet, "{harte}");
    }
    let printed = [
        ("Am7", "A:min7"),
        ("C/E", "C:maj/3"),
        ("Db/F", "Db:maj/3"),
        ("N.C.", "N"),
        ("C/D#", "C:maj/#2"),
    ];
    for (lead_sheet, harte) in printed {
        assert_eq!(chord(lead_sheet).to_harte(), harte);
        assert_eq!(chord(harte), chord(lead_sheet));
    }
    assert_eq!(Chord::parse("X"), Err(ParseChordError::Unnamed));
    for wrong in [
        "C:",
        "C:foo",
        "C:maj(",
        "C:maj(99)",
        "C:maj/",
        "C:maj/0",
        "C:maj/x",
        "C:(7,b7)",
    ] {
        assert!(Chord::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn words_are_not_chords() {
    let words = [
        "",
        " ",
        "H",
        "a",
        "Am I",
        "Amazing",
        "Cat",
        "Dog",
        "Bass",
        "Edge",
        "Gm7x",
        "C7b",
        "Cadd",
        "Csus4sus",
        "C77",
        "Cmm",
        "C(9",
        "C9)",
        "Cmajmaj",
        "C###",
        "Cb#",
        "C/",
        "C/H",
        "C7/Eb/G",
        "Cno4",
        "Face",
        "Add9",
        "E♮♮",
        "Dom",
        "Aim",
        "Bmaj7maj7",
        "C,7",
    ];
    for word in words {
        assert!(
            Chord::parse(word).is_err(),
            "{word} is {:?}",
            Chord::parse(word)
        );
    }
    let long = format!("C{}", "b9".repeat(40));
    assert_eq!(
        Chord::parse(&long),
        Err(ParseChordError::TooLong {
            length: 81,
            max: 64
        })
    );
}

#[test]
fn errors_name_the_part_that_is_wrong() {
    let message = |symbol: &str| Chord::parse(symbol).unwrap_err().to_string();
    assert_eq!(
        message("Cm7q"),
        "`Cm7q` is not a known chord: `q` is not understood"
    );
    assert_eq!(message("C/H"), "`C/H` has an unknown bass: `H`");
    assert_eq!(
        message("H7"),
        "`H7` does not begin with a note name from A to G"
    );
}

#[test]
fn notes_of_chords() {
    let notes = |symbol: &str| {
        chord(symbol)
            .pitch_classes()
            .iter()
            .map(PitchClass::value)
            .collect::<Vec<_>>()
    };
    assert_eq!(notes("C"), [0, 4, 7]);
    assert_eq!(notes("Am7"), [0, 4, 7, 9]);
    assert_eq!(notes("F#m7b5/E"), [0, 4, 6, 9]);
    assert_eq!(notes("C/D"), [0, 2, 4, 7]);
    assert_eq!(notes("N"), [0; 0]);
    assert_eq!(chord("C13").intervals(), [0, 4, 7, 10, 14, 21]);
    assert_eq!(chord("Cm13").intervals(), [0, 3, 7, 10, 14, 17, 21]);
    assert_eq!(chord("C7#9").intervals(), [0, 4, 7, 10, 15]);
    assert_eq!(chord("N").intervals(), [0; 0]);
}

#[test]
fn intervals_are_sorted_into_thirds_fifths_sevenths_and_tensions() {
    let symbol =
        |intervals: &[u8]| Quality::from_intervals(intervals.iter().copied()).map(Quality::symbol);
    let expected: [(&[u8], &str); 9] = [
        (&[0, 2, 4, 7], "add9"),
        (&[4, 5, 7], "add11"),
        (&[3, 4, 7, 10], "7#9"),
        (&[4, 6, 7, 11], "maj7#11"),
        (&[4, 7, 8, 10], "7b13"),
        (&[4, 7, 9, 10], "7(13)"),
        (&[1, 4, 7, 10], "7b9"),
        (&[16, 19, 22], "7"),
        (&[3, 6, 9], "dim7"),
    ];
    for (intervals, name) in expected {
        assert_eq!(symbol(intervals).as_deref(), Some(name), "{intervals:?}");
    }
    assert_eq!(symbol(&[4, 7, 10, 11]), None);
}

#[test]
fn triads_of_qualities() {
    use crate::Triad;
    let triad = |symbol: &str| chord(symbol).quality().unwrap().triad();
    let symbols = [
        "C13", "Cm9", "Cø7", "C+7", "C9sus4", "Csus2", "C5", "Cdim7", "C7b5",
    ];
    let expected = [
        Triad::Major,
        Triad::Minor,
        Triad::Diminished,
        Triad::Augmented,
        Triad::Sus4,
        Triad::Sus2,
        Triad::Power,
        Triad::Diminished,
        Triad::Major,
    ];
    assert_eq!(symbols.map(triad), expected);
}

#[test]
fn transposition_names_chords_as_the_reference_does() {
    let text = include_str!("../../../../tests/fixtures/mustango/mir_arith.json");
    let rows: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
    let rows: Vec<_> = rows.iter().filter(|row| row[0] == "chord_shift").collect();
    assert_eq!(rows.len(), 66);
    for row in rows {
        let (from, n, to) = (
            row[1].as_str().unwrap(),
            row[2].as_i64().unwrap(),
            row[3].as_str().unwrap(),
        );
        assert_eq!(
            chord(from).transpose(n as i32).to_string(),
            to,
            "{from} by {n}"
        );
    }
}

#[test]
fn enharmonic_chords_sound_the_same() {
    assert!(chord("A#m7/C#").same_sound(&chord("Bbm7/Db")));
    assert_ne!(chord("A#"), chord("Bb"));
    assert!(!chord("C").same_sound(&chord("C/E")));
    assert!(!chord("C6").same_sound(&chord("Am7")));
    assert!(!chord("C").same_sound(&Chord::NO_CHORD));
}

#[test]
fn json_is_the_symbol() {
    assert_eq!(
        serde_json::to_string(&chord("B♭-7/Ab")).unwrap(),
        "\"Bbm7/Ab\""
    );
    assert_eq!(
        serde_json::from_str::<Chord>("\"A:min7\"").unwrap(),
        chord("Am7")
    );
    assert!(serde_json::from_str::<Chord>("\"Hm\"").is_err());
}

pub(crate) fn any_chord() -> impl Strategy<Value = Chord> {
    let qualities: Vec<Quality> = all_qualities().collect();
    let note = (0..7usize, -2..=2i32).prop_map(|(letter, accidental)| {
        let sign = if accidental < 0 { "b" } else { "#" };
        let name = format!(
            "{}{}",
            b"CDEFGAB"[letter] as char,
            sign.repeat(accidental.unsigned_abs() as usize)
        );
        NoteName::parse(&name).expect("two accidentals at most")
    });
    (
        note.clone(),
        proptest::sample::select(qualities),
        proptest::option::of(note),
    )
        .prop_map(|(root, quality, bass)| {
            let chord = Chord::new(root, quality);
            bass.map_or(chord, |bass| chord.with_bass(bass))
        })
}

proptest! {
    #[test]
    fn printing_and_reading_agree(chord in any_chord()) {
        prop_assert_eq!(Chord::parse(&chord.to_string()), Ok(chord));
        let harte = Chord::parse(&chord.to_harte()).unwrap();
        prop_assert!(harte.same_sound(&chord), "{} is not {}", chord.to_harte(), chord);
    }

    #[test]
    fn transposition_rotates_the_notes_and_comes_back(chord in any_chord(), n in -100..100i32) {
        let moved = chord.transpose(n);
        prop_assert_eq!(moved.pitch_classes(), chord.pitch_classes().transpose(n));
        prop_assert_eq!(moved.intervals(), chord.intervals());
        prop_assert!(moved.transpose(-n).same_sound(&chord));
        prop_assert_eq!(chord.transpose(12), chord);
    }

    #[test]
    fn the_bass_and_the_root_sound(chord in any_chord()) {
        let sounding = chord.pitch_classes();
        prop_assert!(sounding.contains(chord.root().unwrap().pitch_class()));
        prop_assert!(sounding.contains(chord.bass().unwrap().pitch_class()));
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,40}") {
        let _ = Chord::parse(&text);
    }

    #[test]
    fn text_near_chords_is_read_without_panic(text in "[A-G][#b♯♭mMajdinsu0-9(),/:+°ø△ *-]{0,20}") {
        if let Ok(chord) = Chord::parse(&text) {
            prop_assert_eq!(Chord::parse(&chord.to_string()), Ok(chord));
        }
    }
}
