//! Notes as they are written: B♭ and A♯ sound alike but are spelled for different reasons.
//!
//! A letter from A to G with up to two accidentals. The German H is not read.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::pitch::{PitchClass, Spelling};

/// A note as written: a letter with up to two sharps or flats.
///
/// Equality compares the spelling; compare [`NoteName::pitch_class`] to compare the sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NoteName {
    /// 0 is C, 6 is B.
    letter: u8,
    /// Sharps (positive) or flats (negative), -2 to 2.
    accidental: i8,
}

const LETTERS: [char; 7] = ['C', 'D', 'E', 'F', 'G', 'A', 'B'];
const LETTER_SEMITONES: [i32; 7] = [0, 2, 4, 5, 7, 9, 11];
const MAX_ACCIDENTALS: i32 = 2;

impl NoteName {
    /// Reads a whole text as one note: `C`, `F#`, `Db`, `E♭`, `B𝄫`, `F##`, `Gx`.
    pub fn parse(text: &str) -> Option<Self> {
        match Self::parse_prefix(text.trim())? {
            (note, "") => Some(note),
            _ => None,
        }
    }

    /// Reads the note that `text` begins with; the second value is what follows it.
    pub fn parse_prefix(text: &str) -> Option<(Self, &str)> {
        let mut rest = text.chars();
        let first = rest.next()?;
        let letter = LETTERS.iter().position(|&letter| letter == first)? as u8;
        let mut accidental: i32 = 0;
        loop {
            let before = rest.as_str();
            let step = match rest.next() {
                Some('#' | '♯' | '\u{FF03}') => 1,
                Some('b' | '♭') => -1,
                Some('𝄪') => 2,
                Some('𝄫') => -2,
                Some('x') if accidental == 0 => 2,
                Some('♮') if accidental == 0 => {
                    return Some((
                        Self {
                            letter,
                            accidental: 0,
                        },
                        rest.as_str(),
                    ));
                }
                _ => {
                    return Some((
                        Self {
                            letter,
                            accidental: accidental as i8,
                        },
                        before,
                    ));
                }
            };
            let mixed = accidental * step < 0;
            accidental += step;
            if mixed || accidental.abs() > MAX_ACCIDENTALS {
                return None;
            }
        }
    }

    /// The usual name of a pitch class, with at most one accidental.
    pub const fn from_pitch_class(pitch_class: PitchClass, spelling: Spelling) -> Self {
        // Letter and sharps of each pitch class; a flat is the next letter, lowered.
        const LETTER_OF: [u8; 12] = [0, 0, 1, 1, 2, 3, 3, 4, 4, 5, 5, 6];
        let value = pitch_class.value() as usize;
        let letter = LETTER_OF[value];
        let black = LETTER_SEMITONES[letter as usize] != value as i32;
        match (black, spelling) {
            (false, _) => Self {
                letter,
                accidental: 0,
            },
            (true, Spelling::Sharps) => Self {
                letter,
                accidental: 1,
            },
            (true, Spelling::Flats) => Self {
                letter: letter + 1,
                accidental: -1,
            },
        }
    }

    /// The letter alone, `A` to `G`.
    pub const fn letter(self) -> char {
        LETTERS[self.letter as usize]
    }

    /// Sharps (positive) or flats (negative), -2 to 2.
    pub const fn accidental(self) -> i8 {
        self.accidental
    }

    /// How the note sounds.
    pub const fn pitch_class(self) -> PitchClass {
        PitchClass::new(LETTER_SEMITONES[self.letter as usize] + self.accidental as i32)
    }

    /// Moves by `n` semitones and writes the result with the given accidentals.
    /// A whole number of octaves leaves the note as it is written.
    pub const fn transpose(self, n: i32, spelling: Spelling) -> Self {
        if n.rem_euclid(12) == 0 {
            return self;
        }
        Self::from_pitch_class(self.pitch_class().transpose(n), spelling)
    }

    /// Moves by `n` semitones; notes written with a flat stay flats, all others become sharps.
    ///
    /// This is how MusicBench renames chords and keys that its augmentation has shifted.
    pub const fn transpose_as_written(self, n: i32) -> Self {
        let spelling = if self.accidental < 0 {
            Spelling::Flats
        } else {
            Spelling::Sharps
        };
        self.transpose(n, spelling)
    }

    /// The note `steps` letters and `semitones` above: a major third is `(2, 4)`.
    /// Where that would need three accidentals the plain enharmonic name is given.
    pub(crate) fn up(self, steps: u8, semitones: u8) -> Self {
        let letter = (self.letter + steps) % 7;
        let target = self.pitch_class().transpose(i32::from(semitones));
        let natural = PitchClass::new(LETTER_SEMITONES[usize::from(letter)]);
        let raised = i32::from(natural.interval_to(target));
        let accidental = if raised > 6 { raised - 12 } else { raised };
        if accidental.abs() <= MAX_ACCIDENTALS {
            return Self {
                letter,
                accidental: accidental as i8,
            };
        }
        let spelling = if self.accidental < 0 {
            Spelling::Flats
        } else {
            Spelling::Sharps
        };
        Self::from_pitch_class(target, spelling)
    }

    /// Letters to climb from `self` to `other`, 0 to 6.
    pub(crate) const fn steps_to(self, other: Self) -> u8 {
        (other.letter + 7 - self.letter) % 7
    }

    /// Place on the line of fifths: F is -1, C 0, G 1, … each sharp adds 7.
    pub(crate) const fn fifths(self) -> i32 {
        const FIFTHS: [i32; 7] = [0, 2, 4, -1, 1, 3, 5];
        FIFTHS[self.letter as usize] + 7 * self.accidental as i32
    }

    /// The note at a place on the line of fifths, where two accidentals are enough to write it.
    pub(crate) fn from_fifths(fifths: i32) -> Option<Self> {
        const LETTER_OF: [u8; 7] = [3, 0, 4, 1, 5, 2, 6];
        let letter = LETTER_OF[(fifths + 1).rem_euclid(7) as usize];
        let accidental = (fifths + 1).div_euclid(7);
        (accidental.abs() <= MAX_ACCIDENTALS).then_some(Self {
            letter,
            accidental: accidental as i8,
        })
    }
}

impl fmt::Display for NoteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.accidental < 0 { "b" } else { "#" };
        write!(
            f,
            "{}{}",
            self.letter(),
            sign.repeat(usize::from(self.accidental.unsigned_abs()))
        )
    }
}

impl From<NoteName> for String {
    fn from(note: NoteName) -> Self {
        note.to_string()
    }
}

impl TryFrom<String> for NoteName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
            .ok_or_else(|| format!("`{}` is not a note name", crate::error::shown(&text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note(name: &str) -> NoteName {
        NoteName::parse(name).unwrap_or_else(|| panic!("{name}"))
    }

    fn all() -> impl Iterator<Item = NoteName> {
        (0..7).flat_map(|letter| (-2..=2).map(move |accidental| NoteName { letter, accidental }))
    }

    #[test]
    fn every_note_is_read_back() {
        for name in all() {
            assert_eq!(NoteName::parse(&name.to_string()), Some(name));
            assert_eq!(NoteName::from_fifths(name.fifths()), Some(name));
            let json = serde_json::to_string(&name).unwrap();
            assert_eq!(serde_json::from_str::<NoteName>(&json).unwrap(), name);
        }
        assert_eq!(
            (NoteName::from_fifths(-16), NoteName::from_fifths(20)),
            (None, None)
        );
    }

    #[test]
    fn spellings_of_accidentals() {
        let expected = [
            ("E♭", "Eb"),
            ("F♯", "F#"),
            ("B𝄫", "Bbb"),
            ("G𝄪", "G##"),
            ("Gx", "G##"),
            ("D♮", "D"),
            (" A ", "A"),
        ];
        for (written, plain) in expected {
            assert_eq!(note(written).to_string(), plain);
        }
        for wrong in [
            "", "H", "a", "C###", "Cbbb", "C#b", "Cb#", "C x", "C𝄪#", "♯",
        ] {
            assert_eq!(NoteName::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn letters_climb_and_accidentals_follow() {
        assert_eq!(note("C").up(2, 3).to_string(), "Eb");
        assert_eq!(note("B").up(2, 4).to_string(), "D#");
        assert_eq!(note("Gb").up(3, 5).to_string(), "Cb");
        // A diminished third above D double flat would need three flats.
        assert_eq!(note("Dbb").up(2, 2).to_string(), "D");
        for name in all() {
            for (steps, semitones) in (0..7).zip([0, 2, 4, 5, 7, 9, 11]) {
                let sound = name.pitch_class().transpose(semitones);
                assert_eq!(name.up(steps, semitones as u8).pitch_class(), sound);
            }
        }
    }

    #[test]
    fn transposition_spells_as_told() {
        assert_eq!(note("C").transpose(1, Spelling::Flats).to_string(), "Db");
        assert_eq!(note("C").transpose(-2, Spelling::Sharps).to_string(), "A#");
        assert_eq!(note("Cb").transpose(24, Spelling::Sharps).to_string(), "Cb");
        assert_eq!(note("Bb").transpose_as_written(3).to_string(), "Db");
        assert_eq!(note("A").transpose_as_written(1).to_string(), "A#");
        for name in all() {
            for n in -13..=13 {
                for spelling in [Spelling::Sharps, Spelling::Flats] {
                    let moved = name.transpose(n, spelling);
                    assert_eq!(moved.pitch_class(), name.pitch_class().transpose(n));
                }
            }
        }
    }

    #[test]
    fn reading_a_prefix_leaves_the_rest() {
        assert_eq!(NoteName::parse_prefix("Bbm7"), Some((note("Bb"), "m7")));
        assert_eq!(NoteName::parse_prefix("F♯ø"), Some((note("F#"), "ø")));
        assert_eq!(NoteName::parse_prefix("m7"), None);
    }
}
