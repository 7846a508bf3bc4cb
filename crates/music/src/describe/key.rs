//! Keys in a prompt: "in A minor", "key of F# major", "The key is E maj.", "in Bbm".
//!
//! The letter A is also an article, so it counts as a key only where an article cannot stand.

use super::words::{Gap, Words};
use crate::key::{Key, Mode};
use crate::note::NoteName;

/// Most words between "key" and its name.
const MAX_FILLERS: usize = 6;

/// `used` marks the words that are chord symbols.
pub(super) fn stated(words: &Words, used: &[bool]) -> Option<Key> {
    let all = || 0..words.len();
    all()
        .filter(|&index| matches!(words.lower(index), "key" | "tonality" | "tonic"))
        .find_map(|index| after_keyword(words, index + 1))
        .or_else(|| {
            all()
                .filter(|&index| !used[index])
                .find_map(|index| in_passing(words, index))
        })
}

/// A key and how it was written.
struct Found {
    key: Key,
    /// The word behind the key.
    end: usize,
    /// How the mode was given.
    mode: Given,
    /// The tonic is a small letter.
    small: bool,
}

#[derive(PartialEq)]
enum Given {
    /// In a word of its own or in full: `A minor`, `A-minor`, `Aminor`.
    Word,
    /// As part of a symbol: `Am`, `A:min`, `EM`.
    Symbol,
    /// Not at all.
    Nothing,
}

/// A mode in words; abbreviations that are English words ("mix") are not taken.
fn mode_word(word: &str) -> Option<Mode> {
    match word {
        "major" | "minor" | "maj" | "min" | "dorian" | "phrygian" | "lydian" | "mixolydian"
        | "locrian" | "aeolian" | "ionian" | "dur" | "moll" => Mode::parse(word),
        _ => None,
    }
}

/// Reads a key that begins at `index`.
fn key_at(words: &Words, index: usize) -> Option<Found> {
    let text = words.text(index);
    let first = text
        .chars()
        .next()
        .filter(|c| matches!(c, 'A'..='G' | 'a'..='g'))?;
    if text.len() > 24 {
        return None;
    }
    let raised = format!("{}{}", first.to_ascii_uppercase(), &text[1..]);
    let (letter, rest) = NoteName::parse_prefix(&raised)?;
    // `E-flat` and `C-sharp`, then perhaps `-major`.
    let dashed = rest.strip_prefix('-').unwrap_or(rest);
    let (tonic, rest) = match accidental(letter, dashed.split('-').next().unwrap_or("")) {
        Some(tonic) => (tonic, dashed.split_once('-').map_or("", |(_, mode)| mode)),
        None => (letter, rest),
    };
    let small = first.is_ascii_lowercase();
    let found = |tonic, mode, end, given| {
        Some(Found {
            key: Key::new(tonic, mode),
            end,
            mode: given,
            small,
        })
    };
    if !rest.is_empty() {
        let lower = rest.to_lowercase();
        if let Some(mode) = mode_word(lower.trim_start_matches(['-', '–'])) {
            return found(tonic, mode, index + 1, Given::Word);
        }
        let symbol = match rest {
            "m" | "-" => Some(Mode::Minor),
            "M" => Some(Mode::Major),
            _ => rest.strip_prefix(':').and_then(Mode::parse),
        };
        return symbol.and_then(|mode| found(tonic, mode, index + 1, Given::Symbol));
    }
    let follows = |index: usize| {
        if words.gap(index) <= Gap::Space {
            words.lower(index)
        } else {
            ""
        }
    };
    let (tonic, end) = match accidental(letter, follows(index + 1)) {
        Some(tonic) => (tonic, index + 2),
        None => (tonic, index + 1),
    };
    if let Some(mode) = mode_word(follows(end)) {
        return found(tonic, mode, end + 1, Given::Word);
    }
    match (follows(end), mode_word(follows(end + 1))) {
        ("natural" | "harmonic" | "melodic", Some(Mode::Minor)) => {
            found(tonic, Mode::Minor, end + 2, Given::Word)
        }
        _ => found(tonic, Mode::Major, end, Given::Nothing),
    }
}

fn accidental(letter: NoteName, word: &str) -> Option<NoteName> {
    match word {
        "sharp" => NoteName::parse(&format!("{letter}#")),
        "flat" => NoteName::parse(&format!("{letter}b")),
        _ => None,
    }
}

/// Whether nothing, or a word that cannot be described by an article, follows.
fn stands_alone(words: &Words, end: usize) -> bool {
    words.gap(end) >= Gap::Dash
        || matches!(
            words.lower(end),
            "at" | "with"
                | "for"
                | "on"
                | "in"
                | "and"
                | "or"
                | "played"
                | "featuring"
                | "over"
                | "then"
        )
}

/// The key after "key", past words such as "of this song is".
fn after_keyword(words: &Words, start: usize) -> Option<Key> {
    let filler = |word: &str| {
        matches!(
            word,
            "of" | "is"
                | "in"
                | "this"
                | "the"
                | "song"
                | "piece"
                | "track"
                | "music"
                | "either"
                | "be"
                | "set"
                | "to"
                | "signature"
                | "should"
        )
    };
    let index = (start..words.len())
        .take(MAX_FILLERS + 1)
        .take_while(|&index| words.gap(index) <= Gap::Colon)
        .find(|&index| !filler(words.lower(index)))?;
    let Found {
        key,
        end,
        mode,
        small,
    } = key_at(words, index)?;
    let of = matches!(words.lower_before(index), "of");
    let accepted = match mode {
        Given::Word | Given::Symbol => true,
        Given::Nothing if small => of && key.tonic.letter() != 'A',
        Given::Nothing => of || key.tonic.letter() != 'A' || stands_alone(words, end),
    };
    accepted.then_some(key)
}

/// A key named without the word "key".
fn in_passing(words: &Words, index: usize) -> Option<Key> {
    let Found {
        key,
        end,
        mode,
        small,
    } = key_at(words, index)?;
    let text = words.text(index);
    let before = words.lower_before(index);
    let next = if words.gap(end) < Gap::Comma {
        words.lower(end)
    } else {
        ""
    };
    let accepted = match mode {
        Given::Word => {
            let chord = matches!(
                next,
                "chord" | "chords" | "triad" | "triads" | "seventh" | "7th" | "arpeggio"
            ) && !matches!(
                words.lower(end + 1),
                "progression" | "progressions" | "sequence"
            );
            !chord && (!is_article(text) || not_an_article(words, index, end, small))
        }
        Given::Symbol if text.contains(':') => true,
        // A radio band and a synthesis method.
        Given::Symbol if matches!(text, "AM" | "FM") => false,
        Given::Symbol => !small && before == "in" && next != "i",
        Given::Nothing => !small && before == "in" && stands_alone(words, end),
    };
    accepted.then_some(key)
}

fn is_article(text: &str) -> bool {
    matches!(text, "a" | "A")
}

/// Whether the letter A before a mode names a key: "in A minor", but not "in a minor mood" and not
/// "A minor mood".
fn not_an_article(words: &Words, index: usize, end: usize, small: bool) -> bool {
    let before = words.lower_before(index);
    let alone =
        words.gap(end) >= Gap::Dash || matches!(words.lower(end), "at" | "with" | "for" | "on");
    let scale = matches!(words.lower(end), "pentatonic" | "scale" | "blues");
    if small {
        return alone && matches!(before, "in" | "of");
    }
    if before.is_empty() {
        return alone || scale;
    }
    // In A Title Every Word Is Large, so a large article proves nothing there.
    let title = words.text(end - 1).starts_with(|c: char| c.is_uppercase());
    alone || !title || matches!(before, "in" | "of")
}
