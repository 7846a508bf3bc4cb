//! Roman numerals: chords relative to the tonic, `ii7`, `bVIImaj7`, `V7/3`.
//!
//! The numeral counts the degrees of the *major* scale in every mode, so minor keys write `bIII`
//! and `bVII`. Upper case has a major third, lower case a minor one. `/3`, `/5` and `/7` put that
//! member of the chord in the bass.

use mustool_music::{Chord, Key, PitchClass, Quality, Triad};
use std::fmt;

/// A chord relative to a tonic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roman {
    /// Semitones from the tonic up to the root, 0 to 11.
    pub root: u8,
    /// The kind of chord.
    pub quality: Quality,
    /// Semitones from the tonic up to the bass note when it is not the root.
    pub bass: Option<u8>,
}

const NUMERALS: [(&str, u8); 7] = [
    ("VII", 11),
    ("III", 4),
    ("VI", 9),
    ("IV", 5),
    ("II", 2),
    ("V", 7),
    ("I", 0),
];

const MAJOR_SUFFIXES: [(&str, Quality); 16] = [
    ("", Quality::MAJOR),
    ("7", Quality::DOMINANT7),
    ("maj7", Quality::MAJOR7),
    ("6", Quality::MAJOR6),
    ("69", Quality::SIX_NINE),
    ("9", Quality::DOMINANT9),
    ("maj9", Quality::MAJOR9),
    ("13", Quality::DOMINANT13),
    ("7b9", Quality::DOMINANT7_FLAT9),
    ("add9", Quality::ADD9),
    ("sus4", Quality::SUS4),
    ("sus2", Quality::SUS2),
    ("7sus4", Quality::DOMINANT7_SUS4),
    ("+", Quality::AUGMENTED),
    ("+7", Quality::AUGMENTED7),
    ("5", Quality::POWER),
];

const MINOR_SUFFIXES: [(&str, Quality); 9] = [
    ("", Quality::MINOR),
    ("7", Quality::MINOR7),
    ("6", Quality::MINOR6),
    ("9", Quality::MINOR9),
    ("maj7", Quality::MINOR_MAJOR7),
    ("add9", Quality::MINOR_ADD9),
    ("o", Quality::DIMINISHED),
    ("o7", Quality::DIMINISHED7),
    ("ø7", Quality::HALF_DIMINISHED7),
];

impl Roman {
    /// A chord in root position.
    pub const fn new(root: u8, quality: Quality) -> Self {
        Self {
            root: root % 12,
            quality,
            bass: None,
        }
    }

    /// Reads a numeral; `None` if it is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let (accidental, rest) = match text.as_bytes().first()? {
            b'b' => (11, &text[1..]),
            b'#' => (1, &text[1..]),
            _ => (0, text),
        };
        let (body, member) = match rest.split_once('/') {
            Some((body, member)) => (body, Some(member)),
            None => (rest, None),
        };
        for (numeral, degree) in NUMERALS {
            let lower = numeral.to_ascii_lowercase();
            let table: &[(&str, Quality)] = if body.starts_with(numeral) {
                &MAJOR_SUFFIXES
            } else if body.starts_with(&lower) {
                &MINOR_SUFFIXES
            } else {
                continue;
            };
            let suffix = &body[numeral.len()..];
            let quality = table.iter().find(|(name, _)| *name == suffix)?.1;
            let root = (degree + accidental) % 12;
            let chord = Self {
                root,
                quality,
                bass: None,
            };
            return match member {
                None => Some(chord),
                Some(member) => chord.over_member(member.parse().ok()?),
            };
        }
        None
    }

    /// The chord over its third, fifth or seventh (`member` 3, 5, 7); `None` if it has none.
    pub fn over_member(self, member: u8) -> Option<Self> {
        let interval = match member {
            3 => self.quality.third()?,
            5 => self.quality.fifth()?,
            7 => self.quality.seventh()?,
            _ => return None,
        };
        Some(self.over(self.root + interval))
    }

    /// The chord over `bass`, in semitones above the tonic; the root clears the slash.
    pub fn over(self, bass: u8) -> Self {
        let bass = bass % 12;
        Self {
            bass: (bass != self.root).then_some(bass),
            ..self
        }
    }

    /// The sounding bass, in semitones above the tonic.
    pub fn bass_note(self) -> u8 {
        self.bass.unwrap_or(self.root)
    }

    /// The chord in a key, spelled as the key spells.
    pub fn in_key(self, key: Key) -> Chord {
        let note = |semitones: u8| {
            let pitch_class = key.tonic.pitch_class().transpose(i32::from(semitones));
            key.spell(pitch_class)
        };
        let chord = Chord::new(note(self.root), self.quality);
        match self.bass {
            Some(bass) => chord.with_bass(note(bass)),
            None => chord,
        }
    }

    /// The numeral of a chord in a key; `None` of "no chord".
    pub fn of(chord: &Chord, tonic: PitchClass) -> Option<Self> {
        let above = |pitch_class: PitchClass| tonic.interval_to(pitch_class);
        let root = above(chord.root()?.pitch_class());
        let bass = above(chord.bass()?.pitch_class());
        Some(Self::new(root, *chord.quality()?).over(bass))
    }

    /// Whether the third is minor (or the triad diminished).
    pub fn is_minor(self) -> bool {
        matches!(self.quality.triad(), Triad::Minor | Triad::Diminished)
    }
}

impl fmt::Display for Roman {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DEGREES: [&str; 12] = [
            "I", "bII", "II", "bIII", "III", "IV", "#IV", "V", "bVI", "VI", "bVII", "VII",
        ];
        let degree = DEGREES[usize::from(self.root % 12)];
        let is = |(_, quality): &&(&str, Quality)| *quality == self.quality;
        if let Some((suffix, _)) = MINOR_SUFFIXES.iter().find(is) {
            let lower = degree.replace('I', "i").replace('V', "v");
            write!(f, "{lower}{suffix}")?;
        } else {
            match MAJOR_SUFFIXES.iter().find(is) {
                Some((suffix, _)) => write!(f, "{degree}{suffix}")?,
                None => write!(f, "{degree}{}", self.quality.symbol())?,
            }
        }
        match self.bass {
            Some(bass) => write!(f, "/{}", (bass + 12 - self.root) % 12),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_music::Mode;

    fn key(text: &str) -> Key {
        Key::parse(text).expect("a key")
    }

    #[test]
    fn numerals_become_chords() {
        let symbol =
            |numeral: &str, k: &str| Roman::parse(numeral).unwrap().in_key(key(k)).to_string();
        assert_eq!(symbol("ii7", "C major"), "Dm7");
        assert_eq!(symbol("bVII", "C major"), "Bb");
        assert_eq!(symbol("V7/3", "A major"), "E7/G#");
        assert_eq!(symbol("bIIImaj7", "A minor"), "Cmaj7");
        assert_eq!(symbol("#ivo7", "C major"), "F#dim7");
        assert_eq!(symbol("iiø7", "E minor"), "F#m7b5");
    }

    #[test]
    fn what_is_no_numeral_is_refused() {
        for text in ["", "H", "IIX", "V7/9", "b", "viimaj"] {
            assert_eq!(Roman::parse(text), None, "{text}");
        }
    }

    #[test]
    fn chords_and_numerals_are_inverse_in_every_key() {
        for k in Key::all_major_minor() {
            for text in [
                "I", "ii7", "bVI", "V7/3", "iv6", "bIImaj7", "viio7", "IV/5", "V7sus4",
            ] {
                let roman = Roman::parse(text).unwrap();
                assert_eq!(
                    Roman::of(&roman.in_key(k), k.tonic.pitch_class()),
                    Some(roman)
                );
            }
        }
        assert_eq!(Roman::of(&Chord::NO_CHORD, PitchClass::new(0)), None);
        assert_eq!(key("D dorian").mode, Mode::Dorian);
    }
}
