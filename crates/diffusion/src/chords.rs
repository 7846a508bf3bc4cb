//! The words between Mustango and its chord predictor: the question, and how the answer is read.
//!
//! The network that answers is [`crate::t5::T5ForConditionalGeneration`]. Chord symbols themselves
//! are in `mustool_music`.

use mustool_music::{Beat, Chord, ChordEvent};

/// Longest chord symbol that is read, in bytes.
const MAX_SYMBOL: usize = 64;

/// The question: `Caption: .. \n Timestamps: .. \n Max Beat: ..`, where `\n` is a backslash and an
/// n, as the predictor was trained.
///
/// Times are in seconds, printed with as few decimals as they need and one at least.
pub fn chord_prompt(prompt: &str, beats: &[Beat], max_beat: u8) -> String {
    let times: Vec<String> = beats
        .iter()
        .map(|beat| format!("{:?}", beat.time_s))
        .collect();
    format!(
        "Caption: {prompt} \\n Timestamps: {} \\n Max Beat: {max_beat}",
        times.join(" , ")
    )
}

/// What the answer said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ParsedChords {
    /// Chords in the order of the answer, with times in seconds as they were written.
    pub chords: Vec<ChordEvent>,
    /// Items that are no chord at a time.
    pub skipped: Vec<String>,
}

/// Reads `Gm at 0.46 n Eb at 1.39`: the separator is what is left of `\n` in the vocabulary.
///
/// An item without exactly one ` at `, without a finite time or with an unknown symbol is skipped,
/// where the reference stops with an error. Times are neither sorted nor bounded.
pub fn parse_chords(text: &str) -> ParsedChords {
    let mut parsed = ParsedChords::default();
    for item in text.split(" n ") {
        match parse_item(item) {
            Some(event) => parsed.chords.push(event),
            None => parsed.skipped.push(item.to_owned()),
        }
    }
    parsed
}

fn parse_item(item: &str) -> Option<ChordEvent> {
    let (symbol, time) = item.split_once(" at ")?;
    let (symbol, time) = (symbol.trim(), time.trim());
    if symbol.len() > MAX_SYMBOL {
        return None;
    }
    let time_s: f64 = time
        .parse()
        .ok()
        .filter(|time_s: &f64| time_s.is_finite())?;
    Some(ChordEvent {
        time_s,
        chord: Chord::parse(symbol).ok()?,
    })
}

impl ParsedChords {
    /// The chords that a plan can hold: inside `0..duration_s`, each later than the one before.
    pub fn rising(&self, duration_s: f64) -> Vec<ChordEvent> {
        let mut rising: Vec<ChordEvent> = Vec::with_capacity(self.chords.len());
        for event in &self.chords {
            let later = rising.last().is_none_or(|last| event.time_s > last.time_s);
            if later && (0.0..duration_s).contains(&event.time_s) {
                rising.push(*event);
            }
        }
        rising
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn symbols(parsed: &ParsedChords) -> Vec<(String, f64)> {
        parsed
            .chords
            .iter()
            .map(|e| (e.chord.to_string(), e.time_s))
            .collect()
    }

    #[test]
    fn the_question_prints_times_as_python_does() {
        let beats = [0.5, 1.0, 1.56].map(|time_s| Beat { time_s, number: 1 });
        let expected = r"Caption: A waltz. \n Timestamps: 0.5 , 1.0 , 1.56 \n Max Beat: 3";
        assert_eq!(chord_prompt("A waltz.", &beats, 3), expected);
        assert_eq!(
            chord_prompt("", &[], 1),
            r"Caption:  \n Timestamps:  \n Max Beat: 1"
        );
    }

    #[test]
    fn what_is_no_chord_is_skipped_and_the_rest_kept() {
        let parsed = parse_chords("C#m 0.5 n A at 2.0 n G at x n Qb at 3 n D at nan n F at 4 at 5");
        assert_eq!(symbols(&parsed), [("A".to_owned(), 2.0)]);
        assert_eq!(
            parsed.skipped,
            ["C#m 0.5", "G at x", "Qb at 3", "D at nan", "F at 4 at 5"]
        );
        assert_eq!(symbols(&parse_chords("N at 0.0")), [("N".to_owned(), 0.0)]);
        assert!(parse_chords("").chords.is_empty());
    }

    #[test]
    fn a_plan_gets_rising_times_inside_the_piece() {
        let parsed = parse_chords("C at -1 n Am at 0.0 n F at 2.0 n G at 1.0 n E at 10.0");
        let times: Vec<f64> = parsed
            .rising(10.0)
            .iter()
            .map(|event| event.time_s)
            .collect();
        assert_eq!(times, [0.0, 2.0]);
    }

    proptest! {
        #[test]
        fn no_answer_breaks_the_reader(text in ".{0,80}") {
            let parsed = parse_chords(&text);
            let items = text.split(" n ").count();
            prop_assert_eq!(parsed.chords.len() + parsed.skipped.len(), items);
        }
    }
}
