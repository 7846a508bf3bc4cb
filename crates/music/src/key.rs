//! Keys: a tonic and a mode, with the scale, the chords that belong to it and the spelling that its
//! signature asks for.
//!
//! Minor is natural minor; the raised seventh of harmonic minor is not in the scale, but
//! [`Key::spell`] writes it as the leading note that it is. Finding a key in music is not here.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::chord::Chord;
use crate::error::{ParseKeyError, shown};
use crate::note::NoteName;
use crate::pitch::{PitchClass, Spelling};
use crate::quality::Quality;

/// The church modes, two of them by their everyday names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Ionian.
    Major,
    /// Aeolian, the natural minor.
    Minor,
    /// Minor with a raised sixth.
    Dorian,
    /// Minor with a lowered second.
    Phrygian,
    /// Major with a raised fourth.
    Lydian,
    /// Major with a lowered seventh.
    Mixolydian,
    /// Minor with a lowered second and fifth.
    Locrian,
}

impl Mode {
    /// All modes, the two common ones first.
    pub const ALL: [Self; 7] = [
        Self::Major,
        Self::Minor,
        Self::Dorian,
        Self::Phrygian,
        Self::Lydian,
        Self::Mixolydian,
        Self::Locrian,
    ];

    /// The word in lower case: `major`, `dorian`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Dorian => "dorian",
            Self::Phrygian => "phrygian",
            Self::Lydian => "lydian",
            Self::Mixolydian => "mixolydian",
            Self::Locrian => "locrian",
        }
    }

    /// Reads a mode in words or short forms: `major`, `maj`, `M`, `minor`, `min`, `m`, `aeolian`,
    /// `dorian`, `dur`, `moll`. Words may be in any case; `M` and `m` may not.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "M" => return Some(Self::Major),
            "m" | "-" => return Some(Self::Minor),
            _ => {}
        }
        let word = text.to_lowercase();
        Some(match word.strip_suffix('.').unwrap_or(&word) {
            "major" | "maj" | "ionian" | "dur" | "majeur" => Self::Major,
            "minor" | "min" | "aeolian" | "moll" | "mineur" => Self::Minor,
            "natural minor" | "harmonic minor" | "melodic minor" => Self::Minor,
            "dorian" | "dor" => Self::Dorian,
            "phrygian" | "phr" => Self::Phrygian,
            "lydian" | "lyd" => Self::Lydian,
            "mixolydian" | "mix" => Self::Mixolydian,
            "locrian" | "loc" => Self::Locrian,
            _ => return None,
        })
    }

    /// Semitones of the scale above its tonic.
    pub const fn intervals(self) -> [u8; 7] {
        match self {
            Self::Major => [0, 2, 4, 5, 7, 9, 11],
            Self::Minor => [0, 2, 3, 5, 7, 8, 10],
            Self::Dorian => [0, 2, 3, 5, 7, 9, 10],
            Self::Phrygian => [0, 1, 3, 5, 7, 8, 10],
            Self::Lydian => [0, 2, 4, 6, 7, 9, 11],
            Self::Mixolydian => [0, 2, 4, 5, 7, 9, 10],
            Self::Locrian => [0, 1, 3, 5, 6, 8, 10],
        }
    }

    /// Whether the third of the scale is minor.
    pub const fn is_minor(self) -> bool {
        self.intervals()[2] == 3
    }

    /// Sharps (or, negative, flats) of this mode on C.
    const fn signature_on_c(self) -> i32 {
        match self {
            Self::Lydian => 1,
            Self::Major => 0,
            Self::Mixolydian => -1,
            Self::Dorian => -2,
            Self::Minor => -3,
            Self::Phrygian => -4,
            Self::Locrian => -5,
        }
    }
}

/// A tonic and a mode. In text and JSON it is `"A minor"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key {
    /// The home note.
    pub tonic: NoteName,
    /// The scale on it.
    pub mode: Mode,
}

impl Key {
    /// A key from its two parts.
    pub const fn new(tonic: NoteName, mode: Mode) -> Self {
        Self { tonic, mode }
    }

    /// Reads a key: `A minor`, `Am`, `A:min`, `F# dorian`, `B♭ major`, `Eb-major`, `Dmaj`, `C`.
    ///
    /// A tonic alone is major. A small tonic letter is accepted too: `f# minor`, `eb moll`.
    pub fn parse(text: &str) -> Result<Self, ParseKeyError> {
        let text = text.trim();
        let refuse = || ParseKeyError::Tonic { text: shown(text) };
        let first = text.chars().next().ok_or_else(refuse)?;
        let raised = format!(
            "{}{}",
            first.to_ascii_uppercase(),
            &text[first.len_utf8()..]
        );
        let (tonic, rest) = NoteName::parse_prefix(&raised).ok_or_else(refuse)?;
        let named = rest.trim_start_matches([' ', '-']);
        let (tonic, rest) = match named.split_once([' ', '-']) {
            Some(("sharp", mode)) => (tonic.up(0, 1), mode),
            Some(("flat", mode)) => (tonic.up(0, 11), mode),
            _ if named == "sharp" => (tonic.up(0, 1), ""),
            _ if named == "flat" => (tonic.up(0, 11), ""),
            _ => (tonic, rest),
        };
        let mode = rest.trim().trim_start_matches([':', '-', '_']).trim_start();
        if rest.is_empty() {
            return Ok(Self::new(tonic, Mode::Major));
        }
        Mode::parse(mode)
            .map(|mode| Self::new(tonic, mode))
            .ok_or_else(|| ParseKeyError::Mode {
                text: shown(text),
                mode: shown(mode),
            })
    }

    /// Sharps (positive) or flats (negative) in the key signature.
    pub const fn signature(self) -> i32 {
        self.tonic.fifths() + self.mode.signature_on_c()
    }

    /// Whether the signature has sharps or flats; sharps where it has neither.
    pub const fn spelling(self) -> Spelling {
        if self.signature() < 0 {
            Spelling::Flats
        } else {
            Spelling::Sharps
        }
    }

    /// The seven notes from the tonic up, as they sound.
    pub fn scale(self) -> [PitchClass; 7] {
        self.scale_notes().map(NoteName::pitch_class)
    }

    /// The seven notes from the tonic up, as they are written: one of each letter.
    pub fn scale_notes(self) -> [NoteName; 7] {
        let intervals = self.mode.intervals();
        std::array::from_fn(|step| self.tonic.up(step as u8, intervals[step]))
    }

    /// The note on a scale degree: 1 is the tonic, 5 the dominant, 8 the tonic again.
    pub fn degree(self, degree: usize) -> PitchClass {
        self.scale()[(degree + 6) % 7]
    }

    /// The triads on the seven degrees.
    pub fn diatonic_chords(self) -> [Chord; 7] {
        std::array::from_fn(|step| self.stack(step, 3))
    }

    /// The four-note chords on the seven degrees.
    pub fn diatonic_sevenths(self) -> [Chord; 7] {
        std::array::from_fn(|step| self.stack(step, 4))
    }

    /// The triad on a scale degree: 1 is the tonic chord, 5 the dominant, 8 the tonic again.
    pub fn chord_on(self, degree: usize) -> Chord {
        self.stack((degree + 6) % 7, 3)
    }

    /// Thirds piled on the scale step `step` (0 to 6).
    fn stack(self, step: usize, num_notes: usize) -> Chord {
        let notes = self.scale_notes();
        let root = notes[step];
        let above = |third: usize| {
            let note = notes[(step + 2 * third) % 7];
            root.pitch_class().interval_to(note.pitch_class())
        };
        let quality = Quality::from_intervals((1..num_notes).map(above))
            .expect("stacked thirds have one seventh at most");
        Chord::new(root, quality)
    }

    /// The major or minor key with the same notes. Other modes give their major, except that the
    /// major gives its minor.
    pub fn relative(self) -> Self {
        match self.mode {
            Mode::Major => Self::new(self.tonic.up(5, 9), Mode::Minor),
            mode => {
                let tonic = NoteName::from_fifths(self.tonic.fifths() + mode.signature_on_c());
                let plain = || {
                    let fifths = mode.signature_on_c();
                    self.tonic.transpose(7 * fifths, self.spelling())
                };
                Self::new(tonic.unwrap_or_else(plain), Mode::Major)
            }
        }
    }

    /// The key on the same tonic with the other third: minor modes give major, major modes minor.
    pub fn parallel(self) -> Self {
        let mode = if self.mode.is_minor() {
            Mode::Major
        } else {
            Mode::Minor
        };
        Self::new(self.tonic, mode)
    }

    /// Moves the key by `n` semitones to the name with the plainest signature: A minor up one is
    /// B♭ minor, not A♯. Of two equally plain names the one in the style of `self` is taken.
    pub fn transpose(self, n: i32) -> Self {
        if n.rem_euclid(12) == 0 {
            return self;
        }
        let spelled = |spelling| Self::new(self.tonic.transpose(n, spelling), self.mode);
        let (sharps, flats) = (spelled(Spelling::Sharps), spelled(Spelling::Flats));
        match sharps.signature().abs().cmp(&flats.signature().abs()) {
            std::cmp::Ordering::Less => sharps,
            std::cmp::Ordering::Greater => flats,
            std::cmp::Ordering::Equal if self.spelling() == Spelling::Flats => flats,
            std::cmp::Ordering::Equal => sharps,
        }
    }

    /// How a note is written in this key: notes of the scale as the signature has them, others as
    /// the usual alterations (in minor the raised sixth and seventh, in major the raised fourth and
    /// the lowered second, third, sixth and seventh).
    pub fn spell(self, pitch_class: PitchClass) -> NoteName {
        let lowest = self.signature() - if self.mode.is_minor() { 3 } else { 5 };
        (lowest..lowest + 12)
            .filter_map(NoteName::from_fifths)
            .find(|note| note.pitch_class() == pitch_class)
            .unwrap_or_else(|| NoteName::from_pitch_class(pitch_class, self.spelling()))
    }

    /// Rewrites the root and the bass of a chord as this key spells them.
    pub fn spell_chord(self, chord: Chord) -> Chord {
        chord.map_notes(|note| self.spell(note.pitch_class()))
    }

    /// Whether two keys sound alike, however their tonics are spelled.
    pub fn same_sound(self, other: Self) -> bool {
        self.mode == other.mode && self.tonic.pitch_class() == other.tonic.pitch_class()
    }

    /// The 24 usual keys: C major up to B major, then C minor up to B minor.
    pub fn all_major_minor() -> [Self; 24] {
        std::array::from_fn(|index| {
            let mode = if index < 12 { Mode::Major } else { Mode::Minor };
            // F sharp in both modes; D flat and A flat major, but C sharp and G sharp minor.
            let sharp = index % 12 == 6 || mode == Mode::Minor && matches!(index % 12, 1 | 8);
            let spelling = if sharp {
                Spelling::Sharps
            } else {
                Spelling::Flats
            };
            Self::new(
                NoteName::from_pitch_class(PitchClass::new(index as i32), spelling),
                mode,
            )
        })
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.tonic, self.mode.name())
    }
}

impl FromStr for Key {
    type Err = ParseKeyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Key {
    type Error = ParseKeyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.to_string()
    }
}

#[cfg(test)]
mod tests;
