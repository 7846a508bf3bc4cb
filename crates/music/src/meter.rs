//! Metre: how many beats a bar has and which note carries the beat, written as in 3/4 or 6/8.
//!
//! Changes of metre within a piece are not here: a plan has one metre.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{ParseMeterError, shown};

/// A time signature. In text and JSON it is `"3/4"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Meter {
    /// The upper number, 1 to 32.
    pub beats_per_bar: u8,
    /// The lower number: 1, 2, 4, 8, 16 or 32.
    pub beat_unit: u8,
}

/// Largest number accepted above or below the line.
const MAX_NUMBER: u8 = 32;

impl Meter {
    /// Common time.
    pub const FOUR_FOUR: Self = Self {
        beats_per_bar: 4,
        beat_unit: 4,
    };
    /// The waltz.
    pub const THREE_FOUR: Self = Self {
        beats_per_bar: 3,
        beat_unit: 4,
    };
    /// March and polka.
    pub const TWO_FOUR: Self = Self {
        beats_per_bar: 2,
        beat_unit: 4,
    };
    /// Two dotted quarters to the bar: jig, slow ballad.
    pub const SIX_EIGHT: Self = Self {
        beats_per_bar: 6,
        beat_unit: 8,
    };
    /// Three dotted quarters to the bar: slip jig.
    pub const NINE_EIGHT: Self = Self {
        beats_per_bar: 9,
        beat_unit: 8,
    };
    /// Four dotted quarters to the bar: slow blues, gospel.
    pub const TWELVE_EIGHT: Self = Self {
        beats_per_bar: 12,
        beat_unit: 8,
    };
    /// Five quarters to the bar.
    pub const FIVE_FOUR: Self = Self {
        beats_per_bar: 5,
        beat_unit: 4,
    };
    /// Seven eighths to the bar.
    pub const SEVEN_EIGHT: Self = Self {
        beats_per_bar: 7,
        beat_unit: 8,
    };

    /// A metre from its two numbers, where they make one.
    pub const fn new(beats_per_bar: u8, beat_unit: u8) -> Option<Self> {
        let sound = beats_per_bar >= 1
            && beats_per_bar <= MAX_NUMBER
            && beat_unit <= MAX_NUMBER
            && beat_unit.is_power_of_two();
        if sound {
            Some(Self {
                beats_per_bar,
                beat_unit,
            })
        } else {
            None
        }
    }

    /// Reads `3/4`; the line may be `/`, `⁄` or `:`, with spaces around it.
    pub fn parse(text: &str) -> Result<Self, ParseMeterError> {
        let refuse = || ParseMeterError { text: shown(text) };
        let (above, below) = text.split_once(['/', '⁄', ':']).ok_or_else(refuse)?;
        let number = |digits: &str| {
            let digits = digits.trim();
            let plain =
                (1..=2).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| digits.parse::<u8>().ok()).flatten()
        };
        number(above)
            .zip(number(below))
            .and_then(|(above, below)| Self::new(above, below))
            .ok_or_else(refuse)
    }

    /// Whether the beat divides in three: 6/8, 9/8, 12/8 and their like.
    pub const fn is_compound(self) -> bool {
        self.beat_unit >= 8 && self.beats_per_bar > 3 && self.beats_per_bar.is_multiple_of(3)
    }

    /// Beats that are felt and tapped in one bar: 3 in 3/4, 2 (dotted quarters) in 6/8.
    /// Annotated beats are counted in these.
    pub const fn felt_beats(self) -> u8 {
        if self.is_compound() {
            self.beats_per_bar / 3
        } else {
            self.beats_per_bar
        }
    }

    /// Length of one felt beat in quarter notes: 1 in 4/4, 1.5 in 6/8, 0.5 in 7/8.
    pub fn quarters_per_felt_beat(self) -> f64 {
        let unit = 4.0 / f64::from(self.beat_unit);
        if self.is_compound() { 3.0 * unit } else { unit }
    }

    /// Length of one bar in seconds, where `tempo_bpm` counts felt beats.
    pub fn bar_s(self, tempo_bpm: f64) -> f64 {
        f64::from(self.felt_beats()) * 60.0 / tempo_bpm
    }
}

impl Default for Meter {
    fn default() -> Self {
        Self::FOUR_FOUR
    }
}

impl fmt::Display for Meter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.beats_per_bar, self.beat_unit)
    }
}

impl FromStr for Meter {
    type Err = ParseMeterError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Meter {
    type Error = ParseMeterError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text)
    }
}

impl From<Meter> for String {
    fn from(meter: Meter) -> Self {
        meter.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_signatures_are_read_and_printed() {
        for text in ["3/4", "4/4", "6/8", "12/8", "5/4", "7/8", "2/2", "15/16"] {
            assert_eq!(Meter::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Meter::parse(" 6 ⁄ 8 "), Ok(Meter::SIX_EIGHT));
        for text in [
            "", "3", "/", "0/4", "4/0", "4/3", "4/5", "33/4", "+3/4", "3/4/4", "300/4", "3.0/4",
        ] {
            assert!(Meter::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn compound_metres_are_felt_in_dotted_beats() {
        let felt = |text: &str| Meter::parse(text).unwrap().felt_beats();
        assert_eq!(
            ["4/4", "3/4", "6/8", "9/8", "12/8", "7/8", "3/8", "6/4"].map(felt),
            [4, 3, 2, 3, 4, 7, 3, 6]
        );
        assert_eq!(Meter::SIX_EIGHT.quarters_per_felt_beat(), 1.5);
        assert_eq!(Meter::FOUR_FOUR.quarters_per_felt_beat(), 1.0);
        assert_eq!(Meter::SEVEN_EIGHT.quarters_per_felt_beat(), 0.5);
        // A bar of 6/8 holds three quarters however it is felt.
        assert_eq!(Meter::SIX_EIGHT.bar_s(60.0), 2.0);
        assert_eq!(Meter::THREE_FOUR.bar_s(90.0), 2.0);
    }

    #[test]
    fn json_is_the_written_form() {
        let json = serde_json::to_string(&Meter::SIX_EIGHT).unwrap();
        assert_eq!(json, "\"6/8\"");
        assert_eq!(
            serde_json::from_str::<Meter>(&json).unwrap(),
            Meter::SIX_EIGHT
        );
        assert!(serde_json::from_str::<Meter>("\"6/7\"").is_err());
    }
}
