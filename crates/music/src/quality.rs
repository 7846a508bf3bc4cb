//! Chord qualities: what a chord is made of above its root, and how lead sheets name that.
//!
//! A quality is an open set of intervals rather than a fixed list of types, so that `7(b9,#11)` is
//! as welcome as `m7`. Roots and basses are in `chord`; reading symbols is in `chord::lead_sheet`
//! and `chord::harte`.

use std::fmt;

/// The three-note skeleton of a chord, whatever is stacked on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Triad {
    /// Major third, also with an altered fifth other than the augmented.
    Major,
    /// Minor third and perfect fifth.
    Minor,
    /// Minor third and diminished fifth.
    Diminished,
    /// Major third and augmented fifth.
    Augmented,
    /// A major second in place of the third.
    Sus2,
    /// A perfect fourth in place of the third.
    Sus4,
    /// No third at all.
    Power,
}

/// What sounds above the root: a set of intervals from 0 to 21 semitones.
///
/// Third, fifth and seventh (or sixth) lie within the octave; tensions lie above it, so that the
/// ninth of `Cadd9` (14) differs from the second of `Csus2` (2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Quality(u32);

/// Tensions in the second octave, in semitones, with their names.
pub(crate) const TENSIONS: [(u8, &str); 7] = [
    (13, "b9"),
    (14, "9"),
    (15, "#9"),
    (17, "11"),
    (18, "#11"),
    (20, "b13"),
    (21, "13"),
];

impl Quality {
    /// `C`
    pub const MAJOR: Self = Self::of(&[4, 7]);
    /// `Cm`
    pub const MINOR: Self = Self::of(&[3, 7]);
    /// `Cdim`
    pub const DIMINISHED: Self = Self::of(&[3, 6]);
    /// `Caug`
    pub const AUGMENTED: Self = Self::of(&[4, 8]);
    /// `Csus2`
    pub const SUS2: Self = Self::of(&[2, 7]);
    /// `Csus4`
    pub const SUS4: Self = Self::of(&[5, 7]);
    /// `C5`
    pub const POWER: Self = Self::of(&[7]);
    /// `C6`
    pub const MAJOR6: Self = Self::of(&[4, 7, 9]);
    /// `Cm6`
    pub const MINOR6: Self = Self::of(&[3, 7, 9]);
    /// `C7`
    pub const DOMINANT7: Self = Self::of(&[4, 7, 10]);
    /// `Cmaj7`
    pub const MAJOR7: Self = Self::of(&[4, 7, 11]);
    /// `Cm7`
    pub const MINOR7: Self = Self::of(&[3, 7, 10]);
    /// `CmMaj7`
    pub const MINOR_MAJOR7: Self = Self::of(&[3, 7, 11]);
    /// `Cm7b5`
    pub const HALF_DIMINISHED7: Self = Self::of(&[3, 6, 10]);
    /// `Cdim7`
    pub const DIMINISHED7: Self = Self::of(&[3, 6, 9]);
    /// `C7#5`
    pub const AUGMENTED7: Self = Self::of(&[4, 8, 10]);
    /// `C7sus4`
    pub const DOMINANT7_SUS4: Self = Self::of(&[5, 7, 10]);
    /// `Cadd9`
    pub const ADD9: Self = Self::of(&[4, 7, 14]);
    /// `Cmadd9`
    pub const MINOR_ADD9: Self = Self::of(&[3, 7, 14]);
    /// `C6/9`
    pub const SIX_NINE: Self = Self::of(&[4, 7, 9, 14]);
    /// `C9`
    pub const DOMINANT9: Self = Self::of(&[4, 7, 10, 14]);
    /// `Cmaj9`
    pub const MAJOR9: Self = Self::of(&[4, 7, 11, 14]);
    /// `Cm9`
    pub const MINOR9: Self = Self::of(&[3, 7, 10, 14]);
    /// `C7b9`
    pub const DOMINANT7_FLAT9: Self = Self::of(&[4, 7, 10, 13]);
    /// `C13`: with the ninth, without the eleventh, which would clash with the third.
    pub const DOMINANT13: Self = Self::of(&[4, 7, 10, 14, 21]);
    /// `C7alt`: every tension of a dominant altered, no fifth.
    pub const ALTERED7: Self = Self::of(&[4, 10, 13, 15, 18, 20]);

    /// The root and nothing else: `C:1` in annotations.
    pub const ROOT_ONLY: Self = Self::of(&[]);

    const fn of(intervals: &[u8]) -> Self {
        let mut mask = 1;
        let mut i = 0;
        while i < intervals.len() {
            mask |= 1 << intervals[i];
            i += 1;
        }
        Self(mask)
    }

    /// A quality from intervals in semitones above the root; the root itself may be left out.
    ///
    /// Intervals are sorted into third, fifth, seventh and tensions (beside a third, 2 becomes the
    /// ninth 14, and 3 beside 4 becomes the sharp ninth 15). `None` where both sevenths are given.
    pub fn from_intervals(intervals: impl IntoIterator<Item = u8>) -> Option<Self> {
        let mask = intervals.into_iter().fold(0, |mask, interval| {
            let folded = match interval % 24 {
                1 => 13,
                12 | 16 | 19 | 22 | 23 => interval % 12,
                other => other,
            };
            mask | 1 << folded
        });
        Self::from_mask(mask)
    }

    /// Sorts a mask of intervals (bit n = n semitones) into third, fifth, seventh and tensions.
    pub(crate) fn from_mask(mask: u32) -> Option<Self> {
        let mut mask = mask | 1;
        let has = |mask: u32, interval: u8| mask >> interval & 1 == 1;
        let shift = |mask: &mut u32, from: u8, to: u8| {
            if has(*mask, from) {
                *mask = *mask & !(1 << from) | 1 << to;
            }
        };
        if has(mask, 4) {
            shift(&mut mask, 3, 15);
        }
        if has(mask, 3) || has(mask, 4) {
            shift(&mut mask, 2, 14);
            shift(&mut mask, 5, 17);
        }
        if has(mask, 7) {
            shift(&mut mask, 6, 18);
        }
        if has(mask, 6) || has(mask, 7) {
            shift(&mut mask, 8, 20);
        }
        if has(mask, 10) && has(mask, 11) {
            return None;
        }
        if has(mask, 10) || has(mask, 11) {
            shift(&mut mask, 9, 21);
        }
        Some(Self(mask))
    }

    pub(crate) const fn mask(self) -> u32 {
        self.0
    }

    pub(crate) const fn has(self, interval: u8) -> bool {
        self.0 >> interval & 1 == 1
    }

    /// Semitones above the root, ascending, 0 first; tensions are 13, 14, 15, 17, 18, 20, 21.
    pub fn intervals(self) -> Vec<u8> {
        (0..=21).filter(|&interval| self.has(interval)).collect()
    }

    /// The skeleton of the chord. A minor third with an augmented fifth counts as minor.
    pub const fn triad(self) -> Triad {
        match (self.third(), self.fifth()) {
            (Some(3), Some(6)) => Triad::Diminished,
            (Some(3), _) => Triad::Minor,
            (Some(4), Some(8)) => Triad::Augmented,
            (Some(4), _) => Triad::Major,
            (Some(5), _) => Triad::Sus4,
            (Some(2), _) => Triad::Sus2,
            _ => Triad::Power,
        }
    }

    /// Semitones of the third: 3 or 4, or 5 or 2 where a fourth or second takes its place.
    pub const fn third(self) -> Option<u8> {
        self.first_of([4, 3, 5, 2])
    }

    /// Semitones of the fifth: 6, 7 or 8.
    pub const fn fifth(self) -> Option<u8> {
        self.first_of([7, 6, 8, 7])
    }

    /// Semitones of the seventh (10, 11) or of the sixth or diminished seventh (9).
    pub const fn seventh(self) -> Option<u8> {
        self.first_of([10, 11, 9, 9])
    }

    const fn first_of(self, intervals: [u8; 4]) -> Option<u8> {
        let mut i = 0;
        while i < intervals.len() {
            if self.has(intervals[i]) {
                return Some(intervals[i]);
            }
            i += 1;
        }
        None
    }

    /// What a lead sheet writes after the root: `""`, `m`, `maj7`, `m7b5`, `7(b9,#11)`.
    pub fn symbol(self) -> String {
        if self == Self::ALTERED7 {
            return "7alt".to_owned();
        }
        let (third, fifth, seventh) = (self.third(), self.fifth(), self.seventh());
        let mut extras = self.mask() >> 13 << 13;
        let number = self.number(&mut extras);
        let diminished = third == Some(3) && fifth == Some(6) && seventh != Some(10);
        let augmented = third == Some(4) && fifth == Some(8) && seventh.is_none();
        let power = third.is_none() && fifth == Some(7) && seventh.is_none();
        let mut symbol = match (third, seventh) {
            _ if diminished => "dim",
            _ if augmented => "aug",
            _ if power => "5",
            (Some(3), _) => "m",
            _ => "",
        }
        .to_owned();
        if seventh == Some(11) {
            symbol += if symbol.is_empty() { "maj" } else { "Maj" };
        }
        symbol += number;
        let suspended = match (self.has(2), self.has(5)) {
            (false, false) => "",
            (true, false) => "sus2",
            (false, true) => "sus4",
            (true, true) => "sus2sus4",
        };
        symbol += suspended;

        let mut changes = Vec::new();
        match fifth {
            _ if diminished || augmented => {}
            Some(6) => changes.push("b5"),
            Some(8) => changes.push("#5"),
            _ => {}
        }
        changes.extend(
            TENSIONS
                .iter()
                .filter(|(tension, _)| extras >> tension & 1 == 1)
                .map(|(_, name)| name),
        );
        if third.is_none() && !power {
            changes.push("no3");
        }
        if fifth.is_none() {
            changes.push("no5");
        }
        symbol
            + &written(
                &changes,
                !number.is_empty() && suspended.is_empty(),
                number.is_empty(),
            )
    }

    /// The number of the symbol (`7`, `9`, `6/9`, …); tensions that it implies leave `extras`.
    fn number(self, extras: &mut u32) -> &'static str {
        let ninth = self.has(14) && !self.has(13) && !self.has(15);
        let eleventh = self.has(17) && !self.has(18);
        let thirteenth = self.has(21) && !self.has(20);
        let minor = self.third() == Some(3);
        let (number, implied): (_, &[u8]) = match self.seventh() {
            None => ("", &[]),
            Some(9) if minor && self.fifth() == Some(6) => ("7", &[]),
            Some(9) if ninth => ("6/9", &[14]),
            Some(9) => ("6", &[]),
            _ if ninth && thirteenth && minor && eleventh => ("13", &[14, 17, 21]),
            _ if ninth && thirteenth && !minor && !self.has(17) => ("13", &[14, 21]),
            _ if ninth && eleventh => ("11", &[14, 17]),
            _ if ninth => ("9", &[14]),
            _ => ("7", &[]),
        };
        implied
            .iter()
            .for_each(|tension| *extras &= !(1 << tension));
        number
    }
}

/// Alterations and tensions as they follow a symbol: `b9`, `add9`, or `(b9,#11)`.
fn written(changes: &[&str], after_number: bool, no_number: bool) -> String {
    match changes {
        [] => String::new(),
        [change] if after_number && change.starts_with(['b', '#']) => (*change).to_owned(),
        [change] if no_number && change.starts_with(|c: char| c.is_ascii_digit()) => {
            format!("add{change}")
        }
        changes => format!("({})", changes.join(",")),
    }
}

impl fmt::Display for Quality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.symbol())
    }
}
