//! Metre in a prompt: "3/4", "in six-eight time", "a waltz", "The beat is 4."

use super::words::{Gap, Words};
use crate::meter::Meter;

pub(super) fn stated(words: &Words) -> Option<Meter> {
    let explicit = (0..words.len()).find_map(|index| {
        signature(words, index)
            .or_else(|| spoken(words, index))
            .or_else(|| counted(words, index))
    });
    explicit.or_else(|| {
        (0..words.len())
            .any(|index| is_waltz(words, index))
            .then_some(Meter::THREE_FOUR)
    })
}

/// "3/4", but neither "1/4 notes" nor "3/4 of the song".
fn signature(words: &Words, index: usize) -> Option<Meter> {
    let text = words.text(index);
    let figures = text
        .split(['-', '–'])
        .next()
        .filter(|figures| figures.contains(['/', '⁄']))?;
    let meter = Meter::parse(figures).ok()?;
    let usual =
        (2..=15).contains(&meter.beats_per_bar) && matches!(meter.beat_unit, 2 | 4 | 8 | 16);
    let next = if words.gap(index + 1) < Gap::Comma {
        words.lower(index + 1)
    } else {
        ""
    };
    let part = matches!(
        next,
        "of" | "note" | "notes" | "inch" | "cup" | "through" | "way" | "full"
    );
    let negated = matches!(words.lower_before(index), "not" | "no");
    (usual && !part && !negated).then_some(meter)
}

const NUMBERS: [(&str, u8); 9] = [
    ("two", 2),
    ("three", 3),
    ("four", 4),
    ("five", 5),
    ("six", 6),
    ("seven", 7),
    ("eight", 8),
    ("nine", 9),
    ("twelve", 12),
];

/// A number from two to twelve in letters.
fn number(word: &str) -> Option<u8> {
    NUMBERS
        .iter()
        .find(|(name, _)| *name == word)
        .map(|&(_, number)| number)
}

/// "three-four time", "six eight time".
fn spoken(words: &Words, index: usize) -> Option<Meter> {
    let (above, below, next) = match words.lower(index).split_once('-') {
        Some((above, below)) => (number(above)?, number(below)?, index + 1),
        None => (
            number(words.lower(index))?,
            number(words.lower(index + 1))?,
            index + 2,
        ),
    };
    let called = matches!(
        words.lower(next),
        "time" | "meter" | "metre" | "signature" | "waltz" | "feel"
    );
    let usual = matches!(below, 4 | 8) && words.gap(next) < Gap::Comma;
    (called && usual)
        .then(|| Meter::new(above, below))
        .flatten()
}

/// "The beat is 4.", "a beat of 3", "The beat counts to three.", "3 beats per bar".
fn counted(words: &Words, index: usize) -> Option<Meter> {
    let figure = |index: usize| {
        let text = words.lower(index);
        let count = number(text)
            .or_else(|| text.parse().ok())
            .filter(|count| (2..=12).contains(count));
        count.and_then(|count| Meter::new(count, 4))
    };
    // "The beat is 4 on the floor" and "a beat of 3 seconds" count nothing.
    let alone = |index: usize| {
        words.gap(index) >= Gap::Comma || matches!(words.lower(index), "and" | "with" | "at")
    };
    let per_bar = |index: usize| {
        words.lower(index) == "per" && matches!(words.lower(index + 1), "bar" | "measure")
    };
    match (
        words.lower(index),
        words.lower(index + 1),
        words.lower(index + 2),
    ) {
        ("beat", "is" | "of" | "in", _) if alone(index + 3) => figure(index + 2),
        ("beat", "is", "in" | "at") if alone(index + 4) => figure(index + 3),
        ("counts" | "counting", "to", _) if is_beat(words, index) => figure(index + 2),
        ("beats", ..) if per_bar(index + 1) => figure(index.checked_sub(1)?),
        _ => None,
    }
}

/// Whether "beat" is one of the two words before `index`: "The beat, counting to three".
fn is_beat(words: &Words, index: usize) -> bool {
    let before = words.lower_before(index);
    let earlier = index
        .checked_sub(1)
        .map_or("", |before| words.lower_before(before));
    before == "beat" || earlier == "beat"
}

fn is_waltz(words: &Words, index: usize) -> bool {
    let waltz = matches!(
        words.lower(index),
        "waltz" | "waltzes" | "waltz-time" | "waltzing"
    );
    let before = words.lower_before(index);
    let negated = |word: &str| matches!(word, "not" | "no" | "without" | "never");
    let article = matches!(before, "a" | "the");
    let earlier = index
        .checked_sub(1)
        .map_or("", |before| words.lower_before(before));
    waltz && !negated(before) && !(article && negated(earlier))
}
