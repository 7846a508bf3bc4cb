//! Musical facts as JSON: keys, metres, chords and beats as text and numbers.
//!
//! The values are checked by `validate`; the music itself is in `mustool-music`.

use mustool_music::Plan;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How keys are written; others are understood too.
pub const KEY_PATTERN: &str =
    r"^[A-G](b|#)?( (major|minor|dorian|phrygian|lydian|mixolydian|locrian)|:(maj|min))$";
/// How metres are written.
pub const METER_PATTERN: &str = r"^([1-9]|[12][0-9]|3[0-2])/(1|2|4|8|16|32)$";
/// How chords are written; others are understood too.
pub const CHORD_PATTERN: &str = r"^([A-G](b|#)?(m|5|6|7|9|11|13|maj7|maj9|m6|m7|m9|m11|m7b5|dim|dim7|aug|sus2|sus4|7sus4|add9|6/9|7b9|7#9|7#11|7alt|mMaj7)?(/[A-G](b|#)?)?|N)$";

/// A beat and its place in the bar.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Beat)]
pub struct BeatSpec {
    /// Seconds from the start.
    #[schema(minimum = 0, maximum = 60)]
    pub t: f64,
    /// Place in the bar; 1 is the downbeat.
    #[schema(minimum = 1, maximum = 32)]
    pub beat: u8,
}

/// A chord and when it begins; it lasts until the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChordEvent)]
pub struct ChordSpec {
    /// Seconds from the start.
    #[schema(minimum = 0, maximum = 60)]
    pub t: f64,
    /// Chord symbol: `Am7`, `F#maj7/A#`, `C:min7`, `N` for none.
    #[schema(
        min_length = 1,
        max_length = 32,
        pattern = r"^([A-G](b|#)?(m|5|6|7|9|11|13|maj7|maj9|m6|m7|m9|m11|m7b5|dim|dim7|aug|sus2|sus4|7sus4|add9|6/9|7b9|7#9|7#11|7alt|mMaj7)?(/[A-G](b|#)?)?|N)$",
        examples("Am7")
    )]
    pub symbol: String,
}

/// Tempo, metre, key, beats and chords of a piece, all times in seconds from its start.
///
/// This is what `POST /v1/plans` answers and what `plan` of a generation takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Plan)]
pub struct PlanSpec {
    /// Felt beats per minute.
    #[schema(minimum = 20, maximum = 400)]
    pub tempo_bpm: f64,
    /// Metre.
    #[serde(alias = "meter")]
    #[schema(
        pattern = r"^([1-9]|[12][0-9]|3[0-2])/(1|2|4|8|16|32)$",
        examples("4/4")
    )]
    pub time_signature: String,
    /// Key, where there is one: `A:min`.
    #[serde(default)]
    #[schema(
        pattern = r"^[A-G](b|#)?( (major|minor|dorian|phrygian|lydian|mixolydian|locrian)|:(maj|min))$",
        examples("A:min")
    )]
    pub key: Option<String>,
    /// Length of the piece in seconds.
    #[schema(minimum = 1, maximum = 60)]
    pub duration_s: f64,
    /// Felt beats in order.
    #[serde(default)]
    #[schema(max_items = 512)]
    pub beats: Vec<BeatSpec>,
    /// Chords in order.
    #[serde(default)]
    #[schema(max_items = 256)]
    pub chords: Vec<ChordSpec>,
    /// For example `bossa nova`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(max_length = 64)]
    pub style: Option<String>,
    /// Instruments by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schema(max_items = 64)]
    pub instruments: Vec<String>,
}

/// Beats as JSON.
pub fn beats_of(plan: &Plan) -> Vec<BeatSpec> {
    let beats = plan.beats.iter();
    beats
        .map(|beat| BeatSpec {
            t: beat.time_s,
            beat: beat.number,
        })
        .collect()
}

/// Chords as JSON.
pub fn chords_of(plan: &Plan) -> Vec<ChordSpec> {
    let chords = plan.chords.iter();
    chords
        .map(|event| ChordSpec {
            t: event.time_s,
            symbol: event.chord.to_string(),
        })
        .collect()
}

impl From<&Plan> for PlanSpec {
    fn from(plan: &Plan) -> Self {
        Self {
            tempo_bpm: plan.tempo_bpm,
            time_signature: plan.meter.to_string(),
            key: plan.key.map(|key| key.to_string()),
            duration_s: plan.duration_s,
            beats: beats_of(plan),
            chords: chords_of(plan),
            style: plan.style.clone(),
            instruments: plan.instruments.clone(),
        }
    }
}
