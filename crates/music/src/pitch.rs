//! Notes without an octave: the twelve pitch classes, and sets of them.
//!
//! Equal temperament throughout: enharmonic notes are the same pitch class. How notes are spelled
//! is in `note`; octaves, frequencies and MIDI numbers are not here.

use serde::{Deserialize, Serialize};

use crate::note::NoteName;

/// Whether black keys are written as sharps or as flats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spelling {
    /// C♯, D♯, F♯, G♯, A♯.
    Sharps,
    /// D♭, E♭, G♭, A♭, B♭.
    Flats,
}

const SHARP_NAMES: [&str; 12] = [
    "C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B",
];
const FLAT_NAMES: [&str; 12] = [
    "C", "Db", "D", "Eb", "E", "F", "Gb", "G", "Ab", "A", "Bb", "B",
];

/// One of the twelve notes of the octave: 0 is C, 1 is C♯/D♭, … 11 is B.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub struct PitchClass(u8);

impl PitchClass {
    /// The pitch class `semitones` above C; any number wraps around the octave.
    pub const fn new(semitones: i32) -> Self {
        Self(semitones.rem_euclid(12) as u8)
    }

    /// Semitones above C, 0 to 11.
    pub const fn value(self) -> u8 {
        self.0
    }

    /// Moves up by `n` semitones, or down where `n` is negative.
    pub const fn transpose(self, n: i32) -> Self {
        Self::new(self.0 as i32 + n.rem_euclid(12))
    }

    /// Semitones to climb from `self` to `other`, 0 to 11.
    pub const fn interval_to(self, other: Self) -> u8 {
        (other.0 + 12 - self.0) % 12
    }

    /// The plain ASCII name, such as `F#` or `Gb`.
    pub const fn name(self, spelling: Spelling) -> &'static str {
        match spelling {
            Spelling::Sharps => SHARP_NAMES[self.0 as usize],
            Spelling::Flats => FLAT_NAMES[self.0 as usize],
        }
    }

    /// Reads a note name in any spelling, such as `C`, `F♯` or `Cb`.
    pub fn parse(text: &str) -> Option<Self> {
        NoteName::parse(text).map(NoteName::pitch_class)
    }
}

impl From<u8> for PitchClass {
    fn from(semitones: u8) -> Self {
        Self::new(i32::from(semitones))
    }
}

impl From<PitchClass> for u8 {
    fn from(pitch_class: PitchClass) -> Self {
        pitch_class.0
    }
}

/// A set of pitch classes: which of the twelve notes sound, for example in a chord.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
#[serde(from = "Vec<PitchClass>", into = "Vec<PitchClass>")]
pub struct PitchClassSet(u16);

impl PitchClassSet {
    /// The empty set.
    pub const EMPTY: Self = Self(0);

    /// Whether `pitch_class` is in the set.
    pub const fn contains(self, pitch_class: PitchClass) -> bool {
        self.0 >> pitch_class.0 & 1 == 1
    }

    /// Puts `pitch_class` into the set.
    pub const fn insert(&mut self, pitch_class: PitchClass) {
        self.0 |= 1 << pitch_class.0;
    }

    /// The members from C upwards.
    pub fn iter(self) -> impl Iterator<Item = PitchClass> {
        (0..12)
            .map(PitchClass)
            .filter(move |&pitch_class| self.contains(pitch_class))
    }

    /// How many members there are, 0 to 12.
    pub const fn len(self) -> usize {
        self.0.count_ones() as usize
    }

    /// Whether nothing is in the set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Moves every member up by `n` semitones.
    pub const fn transpose(self, n: i32) -> Self {
        let n = n.rem_euclid(12) as u32;
        let moved = (self.0 as u32) << n;
        Self(((moved | moved >> 12) & 0xFFF) as u16)
    }

    /// The members of either set.
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members of both sets.
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<PitchClass> for PitchClassSet {
    fn from_iter<I: IntoIterator<Item = PitchClass>>(members: I) -> Self {
        let mut set = Self::EMPTY;
        members
            .into_iter()
            .for_each(|pitch_class| set.insert(pitch_class));
        set
    }
}

impl From<Vec<PitchClass>> for PitchClassSet {
    fn from(members: Vec<PitchClass>) -> Self {
        members.into_iter().collect()
    }
}

impl From<PitchClassSet> for Vec<PitchClass> {
    fn from(set: PitchClassSet) -> Self {
        set.iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_set() -> impl Strategy<Value = PitchClassSet> {
        proptest::collection::vec(any::<u8>(), 0..12)
            .prop_map(|members| members.into_iter().map(PitchClass::from).collect())
    }

    #[test]
    fn pitch_classes_wrap_around_the_octave() {
        assert_eq!(
            [0, 12, -12, 13, -1].map(|n| PitchClass::new(n).value()),
            [0, 0, 0, 1, 11]
        );
        assert_eq!(
            PitchClass::new(i32::MIN)
                .transpose(i32::MIN)
                .transpose(i32::MAX)
                .value(),
            3
        );
        assert_eq!(PitchClass::new(10).name(Spelling::Flats), "Bb");
        assert_eq!(PitchClass::new(10).name(Spelling::Sharps), "A#");
        assert_eq!(PitchClass::parse("Cb"), Some(PitchClass::new(11)));
        assert_eq!(PitchClass::parse("H"), None);
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let triad: PitchClassSet = [7, 0, 4, 0].into_iter().map(PitchClass::new).collect();
        assert_eq!(
            triad.iter().map(PitchClass::value).collect::<Vec<_>>(),
            [0, 4, 7]
        );
        assert_eq!((triad.len(), triad.is_empty()), (3, false));
        assert!(triad.contains(PitchClass::new(4)) && !triad.contains(PitchClass::new(3)));
        assert_eq!(
            (PitchClassSet::EMPTY.len(), PitchClassSet::EMPTY.is_empty()),
            (0, true)
        );
        let json = serde_json::to_string(&triad).unwrap();
        assert_eq!(json, "[0,4,7]");
        assert_eq!(serde_json::from_str::<PitchClassSet>(&json).unwrap(), triad);
    }

    proptest! {
        #[test]
        fn transposing_a_set_transposes_its_members(set in any_set(), n in any::<i32>()) {
            let each: PitchClassSet = set.iter().map(|pitch_class| pitch_class.transpose(n)).collect();
            prop_assert_eq!(set.transpose(n), each);
            prop_assert_eq!(set.transpose(n).len(), set.len());
        }

        #[test]
        fn union_and_intersection(a in any_set(), b in any_set()) {
            for pitch_class in (0..12).map(PitchClass::new) {
                let (in_a, in_b) = (a.contains(pitch_class), b.contains(pitch_class));
                prop_assert_eq!(a.union(b).contains(pitch_class), in_a || in_b);
                prop_assert_eq!(a.intersection(b).contains(pitch_class), in_a && in_b);
            }
        }
    }
}
