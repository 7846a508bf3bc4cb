//! Tests that any text at all is read, in time that grows with its length only.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

#[test]
fn long_prompts_take_time_in_proportion() {
    let pieces = [
        "Am7 ",
        "no drums or ",
        "tempo of the ",
        "key of ",
        "A-B-C-",
        "C7(",
        "chord A ",
        "90 to ",
        "🎵♭ ",
        "a",
    ];
    for piece in pieces {
        let long = piece.repeat(100_000 / piece.len());
        let start = Instant::now();
        let facts = stated_facts(&long);
        assert!(facts.chords.len() <= crate::MAX_CHORDS);
        assert!(
            start.elapsed() < Duration::from_secs(5),
            "{piece} took {:?}",
            start.elapsed()
        );
    }
}

proptest! {
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}") {
        let _ = stated_facts(&text);
    }

    #[test]
    fn musical_text_is_read_without_panic(
        words in proptest::collection::vec(
            proptest::sample::select(vec![
                "A", "a", "minor", "in", "key", "of", "Am7", "C-", "G♯ø", "-", "|", "no", "drums,", "bass", "or", "3/4",
                "tempo", "96", "bpm", "to", "chords:", "N.C.", "B♭△7", "and", "flat", "sharp", "not", "too", "slow.",
                "@", "Am7@2", "beats", "per", "bar", "E–A", "C7(b9,", "#11)", "♩", "=", "𝄫", "waltz", "~", "é",
            ]),
            0..40,
        ),
        separator in proptest::sample::select(vec![" ", "", ",", "\n", "/"]),
    ) {
        let facts = stated_facts(&words.join(separator));
        prop_assert!(facts.tempo_bpm.is_none_or(|bpm| (20.0..=400.0).contains(&bpm)));
        prop_assert!(facts.tempo_range.is_none_or(|(lower, upper)| lower < upper));
        prop_assert!(facts.instruments.iter().all(|name| !facts.excluded_instruments.contains(name)));
        prop_assert!(facts.instruments.iter().all(|name| crate::INSTRUMENTS.contains(&name.as_str())));
    }

    #[test]
    fn a_stated_tempo_is_found(bpm in 20..=400u32, before in "[a-z ,]{0,30}", after in "[a-z ,.]{0,30}") {
        prop_assume!(!before.ends_with("not ") && !before.ends_with("no "));
        let prompt = format!("{before}, {bpm} bpm, {after}");
        prop_assert_eq!(stated_facts(&prompt).tempo_bpm, Some(f64::from(bpm)));
    }
}
