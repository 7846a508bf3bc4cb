//! The facts that a prompt states in plain words: tempo, key, metre, chords, instruments.
//!
//! Rules over words, no statistics. They are cautious: a fact is taken only where the words can
//! hardly mean anything else ("A slow waltz" states no key), because a fact missed is made good by
//! the models that read the whole prompt, while a fact invented is obeyed. English, with the
//! international terms of music. Nothing here guesses what was not said.

mod chords;
mod instruments;
mod key;
mod meter;
mod tempo;
#[cfg(test)]
mod tests;
mod words;

use serde::{Deserialize, Serialize};

use crate::beat::ChordEvent;
use crate::chord::Chord;
use crate::key::Key;
use crate::meter::Meter;
use words::Words;

/// What a prompt says outright; everything else is left open.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct StatedFacts {
    /// A tempo given as a number, 20 to 400.
    pub tempo_bpm: Option<f64>,
    /// A tempo given as a word or as two numbers: slowest and fastest, in beats per minute.
    pub tempo_range: Option<(f64, f64)>,
    /// The first key named.
    pub key: Option<Key>,
    /// A time signature, or 3/4 for a waltz.
    pub meter: Option<Meter>,
    /// Chord symbols in the order of the text, at most 256.
    pub chords: Vec<Chord>,
    /// Chord symbols with times, written as `Am7@2.5`, at most 256.
    pub timed_chords: Vec<ChordEvent>,
    /// Instruments asked for, by the names of [`crate::INSTRUMENTS`], each once.
    pub instruments: Vec<String>,
    /// Instruments ruled out, as in "no drums".
    pub excluded_instruments: Vec<String>,
    /// Whether the instruments asked for play alone, as in "solo piano" or "flute and harp duet".
    pub instruments_alone: bool,
}

/// Finds the facts that `prompt` states. Any text will do; time grows with its length only.
///
/// Where a prompt contradicts itself the first statement counts, except that an instrument that
/// is ruled out anywhere is not listed as asked for.
///
/// ```
/// let facts = mustool_music::stated_facts("slow waltz in A minor, 84 bpm, accordion, no drums");
/// assert_eq!(facts.tempo_bpm, Some(84.0));
/// assert_eq!(facts.key.unwrap().to_string(), "A minor");
/// assert_eq!(facts.meter.unwrap().to_string(), "3/4");
/// assert_eq!(facts.instruments, ["accordion"]);
/// assert_eq!(facts.excluded_instruments, ["drums"]);
/// ```
pub fn stated_facts(prompt: &str) -> StatedFacts {
    let words = Words::new(prompt);
    let tempo = tempo::stated(&words);
    let chords = chords::stated(&words);
    let instruments = instruments::stated(&words);
    StatedFacts {
        tempo_bpm: tempo.bpm,
        tempo_range: tempo.range,
        key: key::stated(&words, &chords.used),
        meter: meter::stated(&words),
        chords: chords.plain,
        timed_chords: chords.timed,
        instruments: instruments.asked,
        excluded_instruments: instruments.excluded,
        instruments_alone: instruments.alone,
    }
}
