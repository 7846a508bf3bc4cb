//! Tempo in a prompt: "at 96 bpm", "tempo of 120", "♩ = 90", "Allegro", "not too fast".

use super::words::{Gap, Words};
use crate::TEMPO_RANGE_BPM;
use crate::tempo::tempo_range_of_word;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct StatedTempo {
    pub(super) bpm: Option<f64>,
    pub(super) range: Option<(f64, f64)>,
}

/// Most words between "tempo" and its number.
const MAX_FILLERS: usize = 6;

pub(super) fn stated(words: &Words) -> StatedTempo {
    let mut tempo = StatedTempo::default();
    let mut everyday = None;
    for index in 0..words.len() {
        match number_at(words, index) {
            Some(Number::One(bpm)) => tempo.bpm = tempo.bpm.or(Some(bpm)),
            Some(Number::Range(lower, upper)) => tempo.range = tempo.range.or(Some((lower, upper))),
            None => {}
        }
        // A term such as "Andante" says more than an adjective such as "slow" before it.
        let range = word_at(words, index);
        match is_term(words.lower(index)) {
            true => tempo.range = tempo.range.or(range),
            false => everyday = everyday.or(range),
        }
    }
    tempo.range = tempo.range.or(everyday);
    tempo
}

/// One of the nine Italian terms.
fn is_term(word: &str) -> bool {
    matches!(
        word,
        "grave"
            | "largo"
            | "adagio"
            | "andante"
            | "moderato"
            | "allegro"
            | "vivace"
            | "presto"
            | "prestissimo"
    )
}

enum Number {
    One(f64),
    Range(f64, f64),
}

/// A plain decimal number that can be a tempo.
fn plausible(text: &str) -> Option<f64> {
    let text = text.trim_start_matches(['~', '≈', '@', '±']);
    let short = (2..=7).contains(&text.len());
    let plain = short && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    let (slowest, fastest) = TEMPO_RANGE_BPM;
    let bpm: f64 = plain.then(|| text.parse().ok()).flatten()?;
    (slowest..=fastest).contains(&bpm).then_some(bpm)
}

/// `96`, or `90-100`.
fn number(text: &str) -> Option<Number> {
    if let Some(bpm) = plausible(text) {
        return Some(Number::One(bpm));
    }
    let (lower, upper) = text.split_once(['-', '–', '−'])?;
    let (lower, upper) = (plausible(lower)?, plausible(upper)?);
    (lower < upper).then_some(Number::Range(lower, upper))
}

/// A tempo in numbers whose number or keyword stands at `index`.
fn number_at(words: &Words, index: usize) -> Option<Number> {
    let word = words.lower(index);
    if matches!(words.lower_before(index), "not" | "no") && words.gap(index) == Gap::Space {
        return None;
    }
    let glued = ["bpm", "b.p.m", "-bpm"]
        .iter()
        .find_map(|unit| number(word.strip_suffix(unit)?));
    if glued.is_some() {
        return glued;
    }
    if let Some(found) = number(word) {
        if !unit_at(words, index + 1) {
            return None;
        }
        return Some(with_lower_bound(words, index, found));
    }
    match word {
        "tempo" | "bpm" | "♩" | "b.p.m" | "metronome" => number_after(words, index + 1),
        _ => word
            .strip_prefix("♩=")
            .or(word.strip_prefix("bpm="))
            .and_then(number),
    }
}

fn unit_at(words: &Words, index: usize) -> bool {
    match words.lower(index) {
        "bpm" | "bpms" | "b.p.m" | "beats/min" | "beats/minute" => words.gap(index) < Gap::Comma,
        "beats" | "beat" => {
            let minute = matches!(words.lower(index + 2), "minute" | "min");
            matches!(words.lower(index + 1), "per" | "a") && minute
        }
        _ => false,
    }
}

/// "90 to 100 bpm", "between 90 and 100 bpm", "90 - 100 bpm".
fn with_lower_bound(words: &Words, index: usize, found: Number) -> Number {
    let Number::One(upper) = found else {
        return found;
    };
    let joined = matches!(words.lower_before(index), "to" | "and" | "or");
    let lower_index = match joined {
        true => index.checked_sub(2),
        false if words.gap(index) == Gap::Dash => index.checked_sub(1),
        false => None,
    };
    match lower_index.and_then(|lower| plausible(words.lower(lower))) {
        Some(lower) if lower < upper => Number::Range(lower, upper),
        _ => Number::One(upper),
    }
}

/// The number after "tempo" or "bpm", past words such as "of this song is about".
fn number_after(words: &Words, start: usize) -> Option<Number> {
    for index in (start..words.len()).take(MAX_FILLERS + 1) {
        if words.gap(index) >= Gap::Comma {
            return None;
        }
        if let Some(found) = number(words.lower(index)) {
            // "tempo 3/4" and "tempo of 2 bars" are no numbers here; "at 120 seconds" is not a tempo.
            let other_unit = matches!(
                words.lower(index + 1),
                "seconds" | "sec" | "bars" | "hz" | "ms"
            );
            return (!other_unit).then_some(found);
        }
        let filler = matches!(
            words.lower(index),
            "of" | "is"
                | "at"
                | "around"
                | "about"
                | "approximately"
                | "roughly"
                | "approx"
                | "this"
                | "the"
                | "song"
                | "piece"
                | "track"
                | "music"
                | "set"
                | "to"
                | "exactly"
                | "a"
                | "be"
                | "steady"
                | "bpm"
        );
        if !filler {
            return None;
        }
    }
    None
}

/// A tempo in words that begins at `index`.
fn word_at(words: &Words, index: usize) -> Option<(f64, f64)> {
    let (one, gap) = (words.lower(index), words.gap(index + 1));
    if !one.starts_with(|c: char| c.is_alphabetic()) || one.len() > 24 {
        return None;
    }
    let before = words.lower_before(index);
    let earlier = index
        .checked_sub(1)
        .map_or("", |before| words.lower_before(before));
    let negated = words.gap(index) == Gap::Space
        && (matches!(before, "not" | "no" | "never" | "without" | "isn't")
            || matches!(before, "too" | "very" | "so" | "that")
                && matches!(earlier, "not" | "never"));
    if negated {
        // "not too fast" is as good as a range.
        return match one {
            "fast" => Some((60.0, 115.0)),
            "slow" => Some((80.0, 140.0)),
            _ => None,
        };
    }
    let next = if gap < Gap::Comma {
        words.lower(index + 1)
    } else {
        ""
    };
    match one {
        "slow" | "fast" if is_other_sense(next) => None,
        // "fast guitar solo"
        "slow" | "fast"
            if words.gap(index + 2) == Gap::Space && is_figure(words.lower(index + 2)) =>
        {
            None
        }
        "slow" | "fast" => match before {
            "very" | "extremely" | "medium" => {
                tempo_range_of_word(&format!("{before} {one}")).or_else(|| tempo_range_of_word(one))
            }
            _ => tempo_range_of_word(one),
        },
        "medium" | "moderate" | "relaxed" | "upbeat" | "mid" | "up" | "quick" | "walking"
        | "laid-back" => {
            let pace = matches!(next, "tempo" | "pace" | "paced" | "speed" | "tempoed");
            let one = match one {
                "up" => "uptempo",
                "mid" => "medium",
                "quick" => "fast",
                "relaxed" => "relaxed tempo",
                "laid-back" => "laid-back tempo",
                "upbeat" => "upbeat tempo",
                "walking" => "walking pace",
                one => one,
            };
            // "up tempo" is two words, "up pace" is no tempo.
            pace.then(|| tempo_range_of_word(one)).flatten()
        }
        "medium-paced" | "medium-fast" | "medium-slow" => {
            tempo_range_of_word(&one.replace("-paced", "").replace('-', " "))
        }
        // An English adjective unless it is given as a tempo.
        "grave" => {
            let term = words.text(index).starts_with('G')
                && matches!(before, "in" | "is" | "of" | "tempo" | "marked" | "at");
            term.then(|| tempo_range_of_word(one)).flatten()
        }
        "lent" | "vif" | "rapido" | "veloce" => None,
        _ if one.contains("tempo") || !is_plain_pace(one) => tempo_range_of_word(one),
        _ => None,
    }
}

/// Words of the table that need another word to be a tempo.
fn is_plain_pace(word: &str) -> bool {
    matches!(word, "slow" | "fast" | "medium" | "moderate")
}

/// A short passage, whose pace is not that of the music.
fn is_figure(word: &str) -> bool {
    matches!(
        word,
        "solo"
            | "solos"
            | "run"
            | "runs"
            | "riff"
            | "riffs"
            | "lick"
            | "licks"
            | "fill"
            | "fills"
            | "picking"
            | "fingerpicking"
            | "arpeggio"
            | "arpeggios"
            | "roll"
            | "rolls"
    )
}

/// "fast attack", "slow build", "fast runs": not the pace of the music.
fn is_other_sense(word: &str) -> bool {
    is_figure(word)
        || matches!(
            word,
            "attack"
                | "attacks"
                | "decay"
                | "release"
                | "build"
                | "buildup"
                | "build-up"
                | "building"
                | "motion"
                | "burn"
                | "burning"
                | "burner"
                | "fade"
                | "fade-in"
                | "fade-out"
                | "crescendo"
                | "rise"
                | "swell"
                | "swells"
                | "down"
                | "reveal"
                | "food"
                | "car"
                | "cars"
                | "lane"
                | "lfo"
                | "vibrato"
                | "tremolo"
                | "hi-hats"
                | "hats"
                | "forward"
                | "cooker"
                | "dissolve"
                | "pan"
                | "sweep"
                | "sweeps"
                | "strings"
                | "violin"
        )
}
