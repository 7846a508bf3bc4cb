//! Reads what lead sheets write after the root: `m7`, `△7`, `-7b5`, `7(b9,#11)`, `6/9`, `ø`.
//!
//! The spellings are those of common fake books and of Wikipedia's "Chord notation"; where these
//! disagree the choice is noted in place. Roots and basses are read in `chord`.

use crate::quality::Quality;

/// What has been understood so far, from left to right.
#[derive(Default)]
struct Reading {
    third: Option<Third>,
    /// 6, 7 or 8; 7 where nothing is said.
    fifth: Option<u8>,
    number: Option<u8>,
    major_seventh: bool,
    diminished_seventh: bool,
    /// Extra notes, bit n = n semitones.
    added: u32,
    removed: u32,
    brackets: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Third {
    Minor,
    Major,
    Suspended { second: bool, fourth: bool },
    Absent,
}

/// Reads a whole quality; on failure gives back the part that was not understood.
pub(super) fn parse(text: &str) -> Result<Quality, String> {
    let plain: String = text.chars().map(plain_char).collect();
    let mut reading = Reading::default();
    let mut rest = plain.as_str();
    while !rest.is_empty() {
        rest = reading.step(rest).ok_or(rest)?;
    }
    if reading.brackets {
        Err(String::new())
    } else {
        reading.finish().ok_or(plain)
    }
}

/// Musical signs as the ASCII that means the same: `^` major seventh, `h` half-diminished.
fn plain_char(c: char) -> char {
    match c {
        '♯' | '\u{FF03}' => '#',
        '♭' => 'b',
        '△' | 'Δ' | '∆' | '▵' => '^',
        'ø' | 'Ø' | '∅' | '⌀' => 'h',
        '°' | 'º' | '˚' | '○' => 'o',
        '−' | '–' | '‐' | '‑' => '-',
        '⁷' => '7',
        '⁶' => '6',
        '⁹' => '9',
        '⁵' => '5',
        '⁴' => '4',
        '²' => '2',
        other => other,
    }
}

/// The first of `words` that `text` begins with is cut off.
fn strip_any<'a>(text: &'a str, words: &[&str]) -> Option<&'a str> {
    words.iter().find_map(|word| text.strip_prefix(word))
}

/// A degree such as `9`, `b13` or `#11` as semitones above the root, and what follows it.
fn degree(text: &str) -> Option<(u8, &str)> {
    let (shift, digits) = match text.as_bytes().first()? {
        b'b' | b'-' => (-1, &text[1..]),
        b'#' | b'+' => (1, &text[1..]),
        _ => (0, text),
    };
    let (number, rest) = number(digits)?;
    let natural = match number {
        2 | 9 => 14,
        4 | 11 => 17,
        6 if shift == 0 => 9,
        6 | 13 => 21,
        5 if shift != 0 => 7,
        _ => return None,
    };
    // The written alteration of a second, fourth or sixth is a tension too: `#4` is `#11`.
    let semitones = natural + shift;
    (!matches!(semitones, 16 | 22)).then_some((semitones as u8, rest))
}

/// A number from 2 to 13 that chord symbols use.
fn number(text: &str) -> Option<(i32, &str)> {
    const NUMBERS: [(&str, i32); 8] = [
        ("13", 13),
        ("11", 11),
        ("9", 9),
        ("7", 7),
        ("6", 6),
        ("5", 5),
        ("4", 4),
        ("2", 2),
    ];
    NUMBERS
        .iter()
        .find_map(|&(digits, number)| text.strip_prefix(digits).map(|rest| (number, rest)))
}

impl Reading {
    /// Understands one element at the start of `text`; gives what follows it.
    fn step<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Some(rest) = text.strip_prefix([' ', ',']) {
            return self.brackets.then_some(rest);
        }
        if let Some(rest) = text.strip_prefix('(') {
            return (!std::mem::replace(&mut self.brackets, true)).then_some(rest);
        }
        if let Some(rest) = text.strip_prefix(')') {
            return std::mem::replace(&mut self.brackets, false).then_some(rest);
        }
        self.word(text)
            .or_else(|| self.change(text))
            .or_else(|| self.digits(text))
    }

    fn word<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Some(rest) = text.strip_prefix('^') {
            // The triangle means a major seventh even where no 7 follows.
            return self
                .major(rest)
                .or_else(|| self.set_number(7, true).then_some(rest));
        }
        const MAJOR: [&str; 8] = ["Major", "major", "Maj", "MAJ", "maj", "Ma", "ma", "M"];
        const MINOR: [&str; 8] = ["minor", "Minor", "min", "Min", "MIN", "mi", "Mi", "m"];
        // `MIN` is not `M`, and `madd9` is minor with an added ninth.
        let minor_first = ["MI", "Mi", "madd"]
            .iter()
            .any(|start| text.starts_with(start));
        if !minor_first && let Some(rest) = strip_any(text, &MAJOR) {
            return self.major(rest).or_else(|| self.major_word(rest));
        }
        if let Some(rest) = strip_any(text, &MINOR) {
            return self.set_third(Third::Minor).then_some(rest);
        }
        if let Some(rest) = strip_any(text, &["no", "omit"]) {
            let (absent, rest) = rest.split_at_checked(1)?;
            self.removed |= match absent {
                "3" => 1 << 3 | 1 << 4,
                "5" => 1 << 6 | 1 << 7 | 1 << 8,
                _ => return None,
            };
            return Some(rest);
        }
        if let Some(rest) = strip_any(text, &["hdim", "h"]) {
            self.fifth = Some(6);
            let rest = if let Some((7 | 9 | 11, _)) = number(rest) {
                rest
            } else {
                self.then_seventh(rest)?
            };
            return self.set_third(Third::Minor).then_some(rest);
        }
        if let Some(rest) = strip_any(text, &["dim", "Dim", "DIM", "o"]) {
            self.fifth = Some(6);
            self.diminished_seventh = true;
            return self.set_third(Third::Minor).then_some(rest);
        }
        if let Some(rest) = strip_any(text, &["aug", "Aug", "AUG"]) {
            return self.augmented(rest);
        }
        if let Some(rest) = strip_any(text, &["sus", "Sus", "SUS"]) {
            return self.suspended(rest);
        }
        if let Some(rest) = strip_any(text, &["add", "Add", "ADD"]) {
            let (semitones, rest) = degree(rest.trim_start())?;
            self.added |= 1 << semitones;
            return Some(rest);
        }
        if let Some(rest) = text.strip_prefix("alt") {
            self.removed |= 1 << 7;
            self.added |= Quality::ALTERED7.mask();
            return (self.number.is_none_or(|number| number == 7) && self.third.is_none())
                .then_some(rest);
        }
        let rest = text.strip_prefix("dom")?;
        (self.third.is_none() && number(rest).is_some()).then_some(rest)
    }

    /// `maj` with its number, as in `maj7`, `maj9` and `maj6`.
    fn major<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let (number, rest) = number(rest)?;
        match number {
            6 => self.set_number(6, false),
            7 | 9 | 11 | 13 => self.set_number(number as u8, true),
            _ => false,
        }
        .then_some(rest)
    }

    /// `maj` alone: a major triad, or after a number a major seventh (`7M` in Latin countries).
    fn major_word<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        if self.number.is_some_and(|number| number >= 7) {
            return (!std::mem::replace(&mut self.major_seventh, true)).then_some(rest);
        }
        self.set_third(Third::Major).then_some(rest)
    }

    fn augmented<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        self.fifth = Some(8);
        Some(rest.strip_prefix('5').unwrap_or(rest))
    }

    fn suspended<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        let earlier = match self.third {
            Some(Third::Suspended { second, fourth }) => (second, fourth),
            _ => (false, false),
        };
        let (second, fourth, rest) = if let Some(rest) = strip_any(rest, &["24", "42"]) {
            (true, true, rest)
        } else if let Some(rest) = rest.strip_prefix('2') {
            (true, false, rest)
        } else {
            (false, true, rest.strip_prefix('4').unwrap_or(rest))
        };
        if second && earlier.0 || fourth && earlier.1 {
            return None;
        }
        self.third = Some(Third::Suspended {
            second: second || earlier.0,
            fourth: fourth || earlier.1,
        });
        Some(rest)
    }

    /// `b9`, `#11`, `-5`, `+9`; also `-` for minor and `+` for augmented.
    fn change<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let sign = *text.as_bytes().first()?;
        let numbered = self.number.is_some() || self.brackets;
        match sign {
            b'b' | b'#' => {}
            // Before any number, `-` is minor and `+` augmented; `-5` is the old flat five.
            b'-' if !numbered && !text.starts_with("-5") => {
                return self.set_third(Third::Minor).then_some(&text[1..]);
            }
            b'+' if !numbered || degree(text).is_none() => return self.augmented(&text[1..]),
            b'-' | b'+' => {}
            // `m/maj7` is one name, not a slash chord.
            b'/' if self.third == Some(Third::Minor) && text.starts_with("/maj") => {
                return Some(&text[1..]);
            }
            b'/' if self.number.is_some() => return self.slash_tension(&text[1..]),
            _ => return None,
        }
        let (semitones, rest) = degree(text)?;
        match semitones {
            6 | 8 if self.fifth.is_none() => self.fifth = Some(semitones),
            _ => self.added |= 1 << semitones,
        }
        Some(rest)
    }

    /// `/9` after a number, as in `6/9` and in `7/13`.
    fn slash_tension<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        let (semitones, rest) = degree(text)?;
        self.added |= 1 << semitones;
        matches!(semitones, 13..=21).then_some(rest)
    }

    fn digits<'a>(&mut self, text: &'a str) -> Option<&'a str> {
        if let Some(rest) = text.strip_prefix("69") {
            self.added |= 1 << 14;
            return self.set_number(6, false).then_some(rest);
        }
        if self.brackets {
            let (semitones, rest) = degree(text)?;
            self.added |= 1 << semitones;
            return Some(rest);
        }
        let (number, rest) = number(text)?;
        match number {
            5 => self.set_third(Third::Absent),
            // `C2` is read as `Cadd9` and `C4` as `Csus4`, the commoner meanings.
            2 => {
                self.added |= 1 << 14;
                true
            }
            4 => self.set_third(Third::Suspended {
                second: false,
                fourth: true,
            }),
            number => self.set_number(number as u8, false),
        }
        .then_some(rest)
    }

    fn then_seventh<'a>(&mut self, rest: &'a str) -> Option<&'a str> {
        self.set_number(7, false).then_some(rest)
    }

    fn set_third(&mut self, third: Third) -> bool {
        self.third.replace(third).is_none()
    }

    fn set_number(&mut self, number: u8, major_seventh: bool) -> bool {
        self.major_seventh |= major_seventh;
        self.number.replace(number).is_none()
    }

    fn finish(self) -> Option<Quality> {
        let minor = self.third == Some(Third::Minor);
        let third = match self.third {
            None | Some(Third::Major) => 1 << 4,
            Some(Third::Minor) => 1 << 3,
            Some(Third::Suspended { second, fourth }) => {
                u32::from(second) << 2 | u32::from(fourth) << 5
            }
            Some(Third::Absent) => 0,
        };
        let fifth = 1 << self.fifth.unwrap_or(7);
        let seventh = match self.number {
            _ if self.major_seventh => 1 << 11,
            None => 0,
            Some(6) => 1 << 9,
            Some(_) if self.diminished_seventh => 1 << 9,
            Some(_) => 1 << 10,
        };
        // An altered ninth or eleventh takes the place of the one that the number implies.
        let unless = |altered: u32, implied: u8| {
            if self.added & altered == 0 {
                1 << implied
            } else {
                0
            }
        };
        let (ninth, eleventh) = (unless(1 << 13 | 1 << 15, 14), unless(1 << 18, 17));
        let thirteenth = unless(1 << 20, 21);
        let implied = match self.number {
            Some(9) => ninth,
            Some(11) => ninth | eleventh,
            Some(13) if minor => ninth | eleventh | thirteenth,
            Some(13) => ninth | thirteenth,
            _ => 0,
        };
        Quality::from_mask((third | fifth | seventh | implied) & !self.removed | self.added)
    }
}
