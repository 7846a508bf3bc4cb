//! Phrases of chords: a shared turn of the dialect, or functions that lead to a cadence.

use super::dialect::Idiom;
use super::roman::Roman;
use crate::rng::Rng;
use mustool_music::{Mode, Quality};

/// What a chord does in its phrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Function {
    Tonic,
    Subdominant,
    Dominant,
}

use Function::{Dominant, Subdominant, Tonic};

/// A slot of the harmonic rhythm holds one chord, or two that share it.
pub(super) type Slot = Vec<Roman>;

/// How a phrase ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cadence {
    /// On the dominant: a question.
    Half,
    /// Dominant to tonic: an answer.
    Authentic,
    /// Subdominant to tonic: amen.
    Plagal,
    /// On the subdominant or dominant, ready to go round again.
    Open,
}

/// The chords of each function in a mode, with weights. Numerals as in [`Roman::parse`].
fn vocabulary(mode: Mode, function: Function) -> &'static [(&'static str, f64)] {
    match (mode, function) {
        (Mode::Major, Tonic) => &[("I", 6.0), ("vi", 3.5), ("iii", 1.2)],
        (Mode::Major, Subdominant) => &[("IV", 5.0), ("ii", 4.0), ("vi", 1.0)],
        (Mode::Major, Dominant) => &[("V", 8.0), ("viio", 0.5), ("iii", 0.7)],
        (Mode::Minor, Tonic) => &[("i", 6.0), ("bVI", 2.5), ("bIII", 2.5)],
        (Mode::Minor, Subdominant) => &[("iv", 5.0), ("bVI", 3.0), ("iio", 1.0)],
        (Mode::Minor, Dominant) => &[("V", 5.0), ("bVII", 3.5), ("v", 1.5)],
        (Mode::Dorian, Tonic) => &[("i", 7.0), ("bIII", 2.0)],
        (Mode::Dorian, Subdominant) => &[("IV", 6.0), ("ii", 2.0)],
        (Mode::Dorian, Dominant) => &[("bVII", 5.0), ("v", 3.0)],
        (Mode::Phrygian | Mode::Locrian, Tonic) => &[("i", 7.0), ("bIII", 1.0)],
        (Mode::Phrygian | Mode::Locrian, Subdominant) => &[("bVI", 3.0), ("iv", 3.0)],
        (Mode::Phrygian | Mode::Locrian, Dominant) => &[("bII", 7.0), ("bvii", 2.0)],
        (Mode::Lydian, Tonic) => &[("I", 7.0), ("vi", 2.0), ("iii", 1.0)],
        (Mode::Lydian, Subdominant) => &[("II", 7.0), ("vi", 1.5)],
        (Mode::Lydian, Dominant) => &[("V", 4.0), ("vii", 3.0), ("II", 2.0)],
        (Mode::Mixolydian, Tonic) => &[("I", 8.0), ("vi", 1.5)],
        (Mode::Mixolydian, Subdominant) => &[("IV", 6.0), ("ii", 2.0)],
        (Mode::Mixolydian, Dominant) => &[("bVII", 7.0), ("v", 3.0)],
    }
}

/// What follows what: rows and columns are tonic, subdominant, dominant.
fn next(function: Function, rng: &mut Rng) -> Function {
    let weights = match function {
        Tonic => [0.25, 0.5, 0.25],
        Subdominant => [0.22, 0.2, 0.58],
        Dominant => [0.72, 0.16, 0.12],
    };
    [Tonic, Subdominant, Dominant][rng.weighted(&weights)]
}

fn functions(num_slots: usize, cadence: Cadence, rng: &mut Rng) -> Vec<Function> {
    let close: &[Function] = match cadence {
        Cadence::Half => &[Dominant],
        Cadence::Authentic => &[Dominant, Tonic],
        Cadence::Plagal => &[Subdominant, Tonic],
        Cadence::Open if rng.chance(0.5) => &[Subdominant],
        Cadence::Open => &[Dominant],
    };
    let mut row = vec![if rng.chance(0.87) { Tonic } else { Subdominant }];
    while row.len() + close.len() < num_slots {
        row.push(next(row[row.len() - 1], rng));
    }
    row.extend_from_slice(close);
    row.truncate(num_slots);
    row
}

fn realise(row: &[Function], cadence: Cadence, mode: Mode, rng: &mut Rng) -> Vec<Slot> {
    let mut slots: Vec<Slot> = Vec::new();
    for (i, &function) in row.iter().enumerate() {
        let words = vocabulary(mode, function);
        let previous = slots.last().and_then(|slot| slot.last()).copied();
        let first_is_home = i == 0 && rng.chance(0.88);
        let ends_home = i + 1 == row.len() && cadence == Cadence::Authentic && rng.chance(0.85);
        let choice = if function == Tonic && (first_is_home || ends_home) {
            0
        } else {
            let weights: Vec<f64> = words
                .iter()
                .map(|(numeral, weight)| {
                    let repeats = Roman::parse(numeral) == previous;
                    if repeats { weight * 0.12 } else { *weight }
                })
                .collect();
            rng.weighted(&weights)
        };
        slots.push(vec![numeral(words[choice].0)]);
    }
    slots
}

/// A numeral of this crate's own tables.
pub(super) fn numeral(text: &str) -> Roman {
    Roman::parse(text).unwrap_or(Roman::new(0, Quality::MAJOR))
}

/// A statement: one phrase, or a question and its answer, in slots.
pub(super) fn statement(idiom: &Idiom, mode: Mode, rng: &mut Rng) -> Vec<Slot> {
    let schemata = idiom.schemata(mode);
    if !schemata.is_empty() && rng.chance(idiom.shared_turns) {
        return read_schema(rng.pick(schemata));
    }
    if rng.chance(idiom.periods) {
        let question = functions(4, Cadence::Half, rng);
        let mut slots = realise(&question, Cadence::Half, mode, rng);
        let close = if rng.chance(0.85) {
            Cadence::Authentic
        } else {
            Cadence::Plagal
        };
        if rng.chance(0.4) {
            // A parallel period: the answer begins as the question did.
            let mut answer = slots[..2].to_vec();
            answer.extend(realise(&functions(2, close, rng), close, mode, rng));
            slots.extend(answer);
        } else {
            slots.extend(realise(&functions(4, close, rng), close, mode, rng));
        }
        return slots;
    }
    let cadence = match rng.weighted(&[0.5, 0.2, 0.12, 0.18]) {
        0 => Cadence::Open,
        1 => Cadence::Half,
        2 => Cadence::Plagal,
        _ => Cadence::Authentic,
    };
    realise(&functions(4, cadence, rng), cadence, mode, rng)
}

/// Reads `"ii7,V7 I I"`: slots between spaces, chords that share one between commas.
fn read_schema(schema: &str) -> Vec<Slot> {
    schema
        .split(' ')
        .map(|slot| slot.split(',').map(numeral).collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::*;

    #[test]
    fn all_words_are_numerals() {
        for mode in Mode::ALL {
            for function in [Tonic, Subdominant, Dominant] {
                for (word, _) in vocabulary(mode, function) {
                    assert!(Roman::parse(word).is_some(), "{word}");
                }
            }
        }
        for dialect in Dialect::ALL {
            for mode in Mode::ALL {
                for schema in dialect.idiom().schemata(mode) {
                    for word in schema.split([' ', ',']) {
                        assert!(Roman::parse(word).is_some(), "{word} of {schema}");
                    }
                }
            }
        }
    }

    #[test]
    fn an_authentic_phrase_ends_dominant_tonic() {
        for seed in 0..200 {
            let mut rng = Rng::new(seed, "cadence");
            let row = functions(4, Cadence::Authentic, &mut rng);
            assert_eq!(row[2..], [Dominant, Tonic]);
            let slots = realise(&row, Cadence::Authentic, Mode::Major, &mut rng);
            assert_eq!(slots.len(), 4);
        }
    }

    #[test]
    fn statements_are_whole_phrases() {
        for seed in 0..300u64 {
            let mut rng = Rng::new(seed, "statement");
            let dialect = Dialect::ALL[seed as usize % Dialect::ALL.len()];
            let slots = statement(dialect.idiom(), Mode::Minor, &mut rng);
            assert!(
                [2, 4, 6, 8, 12].contains(&slots.len()),
                "{} slots",
                slots.len()
            );
        }
    }

    #[test]
    fn dominants_lead_home_more_often_than_not() {
        let mut rng = Rng::new(0, "functions");
        let home = (0..1000)
            .filter(|_| next(Dominant, &mut rng) == Tonic)
            .count();
        assert!((650..790).contains(&home), "{home}");
    }
}
