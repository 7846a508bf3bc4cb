//! Descriptions of music that nobody has recorded: they teach tokenizer and text encoder words
//! beyond those of the clips.

use super::vocabulary::{GENRES, INSTRUMENTS, MOODS, SCENES, TEMPI};
use crate::chance::Chance;
use mustool_composer::Rng;

const NOTES: &str = "C C# Db D D# Eb E F F# Gb G G# Ab A A# Bb B";
const QUALITIES: &str = "m 7 maj7 m7 sus4 sus2 dim dim7 m7b5 aug 6 m6 9 maj9 m9 add9 7b9 13 5";
const MODES: &str = "major minor maj min dorian phrygian lydian mixolydian";

/// The words that phrases are made of.
#[derive(Debug)]
pub struct Words {
    moods: Vec<&'static str>,
    scenes: Vec<&'static str>,
    instruments: Vec<&'static str>,
    tempi: Vec<&'static str>,
    genres: Vec<String>,
    /// How many of `genres` are this program's own and common.
    num_common: usize,
}

impl Words {
    /// The own words and `further_genres`.
    pub fn new(further_genres: &[String]) -> Self {
        let list = |words: &'static str| words.split("; ").collect::<Vec<&str>>();
        let mut genres: Vec<String> = list(GENRES).into_iter().map(str::to_owned).collect();
        let num_common = genres.len();
        genres.extend_from_slice(further_genres);
        Self {
            moods: list(MOODS),
            scenes: list(SCENES),
            instruments: list(INSTRUMENTS),
            tempi: list(TEMPI),
            genres,
            num_common,
        }
    }

    /// Every word and name once.
    pub fn vocabulary(&self) -> Vec<String> {
        let own = [&self.moods, &self.scenes, &self.instruments, &self.tempi];
        let own = own.into_iter().flatten().map(|&word| word.to_owned());
        own.chain(self.genres.iter().cloned()).collect()
    }

    /// Phrases that name no key, chord or number.
    pub fn phrases(&self, count: usize, seed: u64) -> Vec<String> {
        let mut rng = Chance::new(seed).at(0, "phrases");
        (0..count).map(|_| self.phrase(&mut rng)).collect()
    }

    fn phrase(&self, rng: &mut Rng) -> String {
        let common = rng.chance(0.6);
        let known = if common {
            self.num_common
        } else {
            self.genres.len()
        };
        let s = &self.genres[rng.below(known)];
        let [m, n, _] = three(&self.moods, rng);
        let [i, j, k] = three(&self.instruments, rng);
        let (t, c) = (rng.pick(&self.tempi), rng.pick(&self.scenes));
        match rng.below(14) {
            0 => format!("{m} {s}"),
            1 => format!("{m} {s} with {i}"),
            2 => format!("{s}, {i}, {j}, {m}"),
            3 => format!("a {m}, {n} {s} track for {c}"),
            4 => format!("{t} {s} with {i} and {j}"),
            5 => format!("{i} and {j}, {m} and {n}"),
            6 => format!("solo {i}, {m}"),
            7 => format!("music for {c}"),
            8 => format!("{c}, {s}"),
            9 => format!(
                "This is a {m} {s} piece with {i}, {j} and {k}. It feels {n} and would suit {c}."
            ),
            10 => format!(
                "An instrumental {s} song. The {i} plays the melody over {j}. The mood is {m}."
            ),
            11 => format!("{s} {i}, {t}"),
            12 => format!("something {m} with a {i}, like {c}"),
            _ => format!(
                "{m} {i} playing {s} at a {} feel",
                t.trim_start_matches("at a ")
            ),
        }
    }
}

/// Three different words.
fn three(words: &[&'static str], rng: &mut Rng) -> [&'static str; 3] {
    let first = rng.below(words.len());
    let second = (first + 1 + rng.below(words.len() - 1)) % words.len();
    let third = std::iter::repeat_with(|| rng.below(words.len()))
        .find(|i| ![first, second].contains(i))
        .unwrap_or(first);
    [words[first], words[second], words[third]]
}

/// Statements of tempo, key, metre and chords, for the tokenizer.
pub fn facts(count: usize, seed: u64) -> Vec<String> {
    let list = |words: &'static str| words.split(' ').collect::<Vec<&str>>();
    let (notes, qualities, modes) = (list(NOTES), list(QUALITIES), list(MODES));
    let mut rng = Chance::new(seed).at(0, "facts");
    let chord = |rng: &mut Rng| {
        let quality = if rng.chance(0.05) {
            ""
        } else {
            rng.pick(&qualities)
        };
        let bass = rng.pick(&["", "", "", "", "", "", "/E", "/G"]);
        format!("{}{quality}{bass}", rng.pick(&notes))
    };
    (0..count)
        .map(|_| {
            let bpm = 40 + rng.below(161);
            let key = format!("{} {}", rng.pick(&notes), rng.pick(&modes));
            let chords = [(); 4].map(|()| chord(&mut rng)).join(" ");
            match rng.below(9) {
                0 => format!("at {bpm} bpm"),
                1 => format!("{bpm} BPM, {key}"),
                2 => format!("in {key}"),
                3 => format!("key of {key}, {chords}"),
                4 => format!("bpm {bpm} | 4/4 | {key} | {chords}"),
                5 => format!("{} time", rng.pick(&["3/4", "4/4", "6/8"])),
                6 => format!("chords: {}", chords.replace(' ', ", ")),
                7 => format!("tempo of {bpm}"),
                _ => format!("{chords} in {key}"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phrases_are_many_and_repeatable() {
        let words = Words::new(&["zeuhl".to_owned()]);
        let phrases = words.phrases(500, 7);
        assert_eq!(phrases, words.phrases(500, 7));
        let distinct: std::collections::BTreeSet<&String> = phrases.iter().collect();
        assert!(distinct.len() > 450, "{}", distinct.len());
        assert!(
            phrases
                .iter()
                .all(|p| !p.contains('{') && !p.contains("  "))
        );
        let vocabulary = words.vocabulary();
        for word in [
            "melancholy",
            "a rainy sunday",
            "rhodes",
            "bossa nova",
            "zeuhl",
            "largo",
        ] {
            assert!(vocabulary.iter().any(|w| w == word), "{word}");
        }
    }

    #[test]
    fn facts_are_read_by_the_parser_of_prompts() {
        for fact in facts(300, 1).iter().filter(|f| f.contains("BPM")) {
            let stated = mustool_music::stated_facts(fact);
            let bpm: f64 = fact.split(' ').next().unwrap().parse().unwrap();
            assert_eq!(stated.tempo_bpm, Some(bpm), "{fact}");
        }
    }
}
