//! Tests of reading facts from prompts: what must be found, and what must not.

mod robustness;

use super::*;

fn key(prompt: &str) -> Option<String> {
    stated_facts(prompt).key.map(|key| key.to_string())
}

fn chords(prompt: &str) -> String {
    let chords = stated_facts(prompt).chords;
    chords
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

fn instruments(prompt: &str) -> (String, String) {
    let facts = stated_facts(prompt);
    (
        facts.instruments.join(", "),
        facts.excluded_instruments.join(", "),
    )
}

#[test]
fn tempo_in_numbers() {
    let stated = [
        ("lo-fi piano at 96 bpm", 96.0),
        ("house, 124BPM, warm", 124.0),
        ("a tempo of 120", 120.0),
        ("tempo: 87.5", 87.5),
        ("The bpm is 117.0. Bright.", 117.0),
        ("This song goes at 152.0 beats per minute.", 152.0),
        ("The tempo of this song is 99.0 beats per minute.", 99.0),
        ("♩ = 90, gently", 90.0),
        ("♩=132", 132.0),
        ("around ~70 bpm", 70.0),
        ("BPM 100", 100.0),
        ("in 3/4 at 90 bpm", 90.0),
        ("140-bpm dubstep", 140.0),
    ];
    for (prompt, bpm) in stated {
        assert_eq!(stated_facts(prompt).tempo_bpm, Some(bpm), "{prompt}");
    }
    let unstated = [
        "808 bass",
        "a 1990s tune",
        "24 seconds long",
        "tempo",
        "5 bpm",
        "9999 bpm",
        "not 120 bpm",
        "bpm? 2 or 3",
        "tempo 3/4",
        "120",
        "tempo changes after 30 seconds",
        "at 48000 Hz",
        "tempo of 30 seconds",
    ];
    for prompt in unstated {
        assert_eq!(stated_facts(prompt).tempo_bpm, None, "{prompt}");
    }
}

#[test]
fn tempo_in_ranges_and_words() {
    let stated = [
        ("90-100 bpm", (90.0, 100.0)),
        ("between 90 and 100 bpm", (90.0, 100.0)),
        ("90 to 100 BPM", (90.0, 100.0)),
        ("This song is played in Allegro.", (110.0, 140.0)),
        (
            "A slow piece. The tempo of this song is Andante.",
            (70.0, 90.0),
        ),
        ("slow bossa nova with nylon guitar", (50.0, 80.0)),
        ("a slow waltz", (50.0, 80.0)),
        ("The tempo is medium fast with drums", (110.0, 135.0)),
        ("an up-tempo swing", (120.0, 165.0)),
        ("mid tempo rock", (90.0, 120.0)),
        ("rainy sunday jazz, not too fast", (60.0, 115.0)),
        ("The piece is in Grave.", (20.0, 40.0)),
    ];
    for (prompt, range) in stated {
        assert_eq!(stated_facts(prompt).tempo_range, Some(range), "{prompt}");
    }
    let unstated = [
        "a grave mood",
        "pad with slow attack",
        "fast guitar solo? no: fast solo",
        "slow motion footage",
        "breakfast",
        "medium quality recording",
        "moderate reverb",
        "up and away",
        "presto-changeover",
        "a slow build to the end",
        "un homme lent",
    ];
    for prompt in unstated {
        assert_eq!(stated_facts(prompt).tempo_range, None, "{prompt}");
    }
}

#[test]
fn keys_stated() {
    let stated = [
        ("bossa nova in A minor, 96 bpm", "A minor"),
        ("key of F# major", "F# major"),
        ("in the key of Am", "A minor"),
        ("in the key of C with drums", "C major"),
        ("The key is G maj.", "G major"),
        ("The key is EM.", "E major"),
        ("The key of this song is Bbmin.", "Bb minor"),
        (
            "This piece is either in the key of Gb min or C#major.",
            "Gb minor",
        ),
        ("Key: D♭ dorian", "Db dorian"),
        ("A:min, soft", "A minor"),
        ("a ballad in Bbm", "Bb minor"),
        ("blues in E, slow", "E major"),
        ("slow air in F sharp minor", "F# minor"),
        ("E-flat major waltz", "Eb major"),
        ("sonata in c minor", "C minor"),
        ("in a minor, slow", "A minor"),
        ("D mixolydian jam", "D mixolydian"),
        ("prelude in C#", "C# major"),
        ("Walzer in a-moll", "A minor"),
        ("slow song in A harmonic minor", "A minor"),
        ("A minor pentatonic riffs", "A minor"),
        ("an A minor chord progression", "A minor"),
        ("tonality G Lydian", "G lydian"),
        ("IN A MINOR", "A minor"),
    ];
    for (prompt, name) in stated {
        assert_eq!(key(prompt).as_deref(), Some(name), "{prompt}");
    }
}

#[test]
fn words_that_are_no_keys() {
    let unstated = [
        "A slow waltz",
        "in a minor mood",
        "A minor mood",
        "a major hit",
        "A Major Motion Picture",
        "This Is A Minor Thing",
        "A minor key song",
        "in a minor key",
        "I am in a hurry",
        "the key is a good hook",
        "in C section two",
        "on the B-side",
        "E-piano",
        "in G-funk style",
        "D'n'B",
        "in AM radio quality",
        "key change in the bridge",
        "low key vibes",
        "a mix of C",
        "an Em chord",
        "the A minor chord rings",
        "keyboard",
        "in A cappella style",
        "major label pop",
        "in E standard tuning",
        "Be in a major way",
        "a flat tone",
        "be sharp",
        "in 5 min",
        "a 3 min track",
    ];
    for prompt in unstated {
        assert_eq!(key(prompt), None, "{prompt}");
    }
}

#[test]
fn metres() {
    let stated = [
        ("in 3/4", "3/4"),
        ("6/8 time", "6/8"),
        ("The time signature is 2/4.", "2/4"),
        ("a 4/4-beat", "4/4"),
        ("The beat is 3. The bpm is 90.", "3/4"),
        ("The beat counts to 2.", "2/4"),
        ("a beat of 4 and a bpm of 116", "4/4"),
        ("3 beats per bar", "3/4"),
        ("a sad waltz", "3/4"),
        ("a waltz in 6/8", "6/8"),
        ("seven-eight time, odd", "7/8"),
        ("in six eight time", "6/8"),
        ("12/8 blues", "12/8"),
    ];
    for (prompt, meter) in stated {
        assert_eq!(
            stated_facts(prompt)
                .meter
                .map(|meter| meter.to_string())
                .as_deref(),
            Some(meter),
            "{prompt}"
        );
    }
    let unstated = [
        "open 24/7",
        "1/4 notes",
        "3/4 of the song",
        "9/11",
        "not a waltz",
        "no 4/4 please",
        "he beat is 400",
        "and/or",
        "the beat is 4 on the floor",
        "1/2",
        "two four six eight",
        "0/4",
        "99/99",
    ];
    for prompt in unstated {
        assert_eq!(stated_facts(prompt).meter, None, "{prompt}");
    }
}

#[test]
fn chord_progressions() {
    let stated = [
        ("Am7 Fmaj7 C G7", "Am7 Fmaj7 C G7"),
        ("chords: Am7, Fmaj7", "Am7 Fmaj7"),
        ("chord progression Dm - G - C", "Dm G C"),
        (
            "The chord sequence is Dmaj7, F#, B, E, G. The beat is 4.",
            "Dmaj7 F# B E G",
        ),
        ("The chord progression in this song is G. Soft.", "G"),
        ("folk guitar, G D Em C, warm", "G D Em C"),
        ("loop of Dm-G-C", "Dm G C"),
        ("| Am7 | Dm7 G7 | C△7 |", "Am7 Dm7 G7 Cmaj7"),
        ("Am, F, C and G over and over", "Am F C G"),
        ("ii V I: Dø G7(b9,#11) C-", "Dm7b5 G7(b9,#11) Cm"),
        ("a Dm7 vamp", "Dm7"),
        ("A Dm7 G7 vamp", "Dm7 G7"),
        ("A F#m Bm E7 all night", "A F#m Bm E7"),
        ("ends on Cmaj9", "Cmaj9"),
        ("B♭-7 E♭7 A♭△7", "Bbm7 Eb7 Abmaj7"),
        ("chords A minor, F major, C major", "Am F C"),
        ("C followed by Gm7", "C Gm7"),
        ("blues: E7 A7 B7", "E7 A7 B7"),
        ("chords Am,F,C,N.C.,G", "Am F C N G"),
        ("A:min7 D:7 G:maj7", "Am7 D7 Gmaj7"),
        ("a song with the chords Em, Am, and B7.", "Em Am B7"),
        ("D G A progression", "D G A"),
    ];
    for (prompt, expected) in stated {
        assert_eq!(chords(prompt), expected, "{prompt}");
    }
}

#[test]
fn words_that_are_no_chords() {
    let unstated = [
        "A slow waltz",
        "Am I blue",
        "I Am",
        "A B C of jazz",
        "A A B A form",
        "C section",
        "B-side",
        "E-piano groove",
        "G-funk",
        "D'n'B",
        "no 7",
        "C4 explosion",
        "AM/FM radio",
        "A/B test",
        "Go Do It",
        "Add Bass",
        "vitamin B7",
        "a chord",
        "A chord progression",
        "guitar chords. A sad tune",
        "chords A slow tune",
        "in a minor mood",
        "Em",
        "plan B",
        "D&B",
        "C++ and C",
        "E street, A street",
        "Em is a friend",
        "low C",
        "the note A",
        "note G4 then E4",
        "plays notes Ab and Db",
        "C",
        "",
        "chords in A minor",
        "chord progression in the right channel",
        "Dad Cab Bee",
        "GM sounds",
        "E A",
    ];
    for prompt in unstated {
        assert_eq!(chords(prompt), "", "{prompt}");
    }
}

#[test]
fn chords_with_times() {
    let facts = stated_facts("jazz, Am7@0 Fmaj7@2.86 C/E@4.5s, soft");
    let found: Vec<_> = facts
        .timed_chords
        .iter()
        .map(|event| (event.chord.to_string(), event.time_s))
        .collect();
    assert_eq!(
        found,
        [
            ("Am7".to_owned(), 0.0),
            ("Fmaj7".to_owned(), 2.86),
            ("C/E".to_owned(), 4.5)
        ]
    );
    assert_eq!(facts.chords, []);
    assert_eq!(stated_facts("Am7@inf G@-1 F@nan C@1e9").timed_chords, []);
    assert_eq!(
        stated_facts(&"Am7@1 ".repeat(1000)).timed_chords.len(),
        crate::MAX_CHORDS
    );
}

#[test]
fn instruments_asked_for() {
    let expected = [
        (
            "nylon-string guitar and soft strings",
            "nylon guitar, strings",
        ),
        (
            "Rhodes, double bass & brushes",
            "electric piano, upright bass, brushed drums",
        ),
        ("drum and bass with synth pads", "synth pad"),
        ("two violins, a cello and pianos", "violin, cello, piano"),
        ("distorted electric guitars", "distorted guitar"),
        ("bass, guitar", "bass guitar, acoustic guitar"),
        ("bass guitar", "bass guitar"),
        ("piano/strings duo", "piano, strings"),
        ("a xylophone-like tone, bell curve", ""),
        ("hi-hats and a punchy kick drum", "drums"),
        ("lo-fi hip-hop, summer vibes, singer's microphone", "vocals"),
    ];
    for (prompt, asked) in expected {
        assert_eq!(
            instruments(prompt),
            (asked.to_owned(), String::new()),
            "{prompt}"
        );
    }
}

#[test]
fn instruments_ruled_out() {
    let expected = [
        ("solo piano, no drums", "piano", "drums"),
        ("guitar without piano", "acoustic guitar", "piano"),
        ("no drums or bass", "", "drums, bass guitar"),
        ("without any heavy drums", "", "drums"),
        ("no drums, piano", "piano", "drums"),
        (
            "without drums, bass or guitar, just flute",
            "flute",
            "drums, bass guitar, acoustic guitar",
        ),
        (
            "strings without drums and bass",
            "strings",
            "drums, bass guitar",
        ),
        ("not only piano but strings", "piano, strings", ""),
        ("no 7 string, yes guitar", "acoustic guitar", ""),
        ("drums everywhere. No drums", "", "drums"),
        ("no way with drums", "drums", ""),
        (
            "There is no percussion in this song. The piano is soft.",
            "piano",
            "percussion",
        ),
    ];
    for (prompt, asked, excluded) in expected {
        assert_eq!(
            instruments(prompt),
            (asked.to_owned(), excluded.to_owned()),
            "{prompt}"
        );
    }
}

#[test]
fn a_whole_prompt() {
    let facts = stated_facts(
        "A slow bossa nova with nylon guitar and flute, no drums, in A minor at 96 bpm, 4/4, Am7 Dm7 G7 Cmaj7.",
    );
    let expected = serde_json::json!({
        "tempo_bpm": 96.0, "tempo_range": [50.0, 80.0], "key": "A minor", "meter": "4/4",
        "chords": ["Am7", "Dm7", "G7", "Cmaj7"], "timed_chords": [],
        "instruments": ["nylon guitar", "flute"], "excluded_instruments": ["drums"],
        "instruments_alone": false,
    });
    assert_eq!(serde_json::to_value(&facts).unwrap(), expected);
    assert_eq!(
        serde_json::from_value::<StatedFacts>(expected).unwrap(),
        facts
    );
    assert_eq!(stated_facts("rainy sunday"), StatedFacts::default());
}

/// Every way of writing the control sentences of the MusicBench data set, in our own words and
/// with facts drawn at random.
#[test]
fn control_sentences_are_read_exactly() {
    let names = ["Amaj7", "C#", "Bb7/F", "Ebm", "F#m7b5", "Gdim", "E6", "N"];
    for (index, key) in Key::all_major_minor().into_iter().enumerate() {
        let (short, long) = if key.mode.is_minor() {
            ("min", "minor")
        } else {
            ("maj", "major")
        };
        let tonic = key.tonic;
        let keys = [
            format!("The key is {tonic} {short}."),
            format!("This song is in the key of {tonic}{long}."),
            format!("The key of this song is {key}."),
            format!(
                "The key is {tonic}{}.",
                if key.mode.is_minor() { "m" } else { "M" }
            ),
        ];
        let list = names[..1 + index % names.len()].join(", ");
        let beats = 2 + index % 3;
        let bpm = 50.0 + 7.0 * index as f64;
        let meters = [
            format!("The beat is {beats}."),
            format!("The beat counts to {beats}."),
            format!("The time signature is {beats}/4."),
        ];
        for (key_sentence, meter_sentence) in keys.iter().zip(meters.iter().cycle()) {
            let prompt = format!(
                "Punchy drums. The chord sequence is {list}. {meter_sentence} The bpm is {bpm:.1}. {key_sentence}"
            );
            let facts = stated_facts(&prompt);
            assert_eq!(facts.key, Some(key), "{prompt}");
            assert_eq!(chords(&prompt).replace(' ', ", "), list, "{prompt}");
            assert_eq!(facts.meter, Meter::new(beats as u8, 4), "{prompt}");
            assert_eq!(facts.tempo_bpm, Some(bpm), "{prompt}");
        }
    }
}

#[test]
fn less_rules_out_as_a_word_of_its_own_only() {
    let facts = stated_facts("piano-less ambient with fretless bass");
    assert_eq!(facts.instruments, ["fretless bass"]);
    assert_eq!(facts.excluded_instruments, ["piano"]);
}

#[test]
fn instruments_that_play_alone_are_told_from_solos() {
    for prompt in [
        "solo piano, dreamy",
        "just a nylon guitar",
        "flute and harp duet",
        "unaccompanied cello",
        "only drums",
        "harp alone in the rain",
    ] {
        assert!(stated_facts(prompt).instruments_alone, "{prompt}");
    }
    for prompt in [
        "rock with a guitar solo",
        "just relaxing piano jazz",
        "not only sad",
        "solo",
        "piano and drums",
    ] {
        assert!(!stated_facts(prompt).instruments_alone, "{prompt}");
    }
}
