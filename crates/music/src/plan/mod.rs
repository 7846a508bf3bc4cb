//! The plan of a piece: tempo, metre, key, and when its beats and chords fall.
//!
//! A plan is what a prompt is turned into before any sound is made, and what annotations of
//! finished music look like. Reading plans from files and making music from them is elsewhere.

mod check;
mod symbols;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::beat::{Beat, ChordEvent, SAME_MOMENT_S, beat_grid};
use crate::chord::Chord;
use crate::key::Key;
use crate::meter::Meter;
use crate::pitch::Spelling;

pub use check::{MAX_BEATS, MAX_CHORDS, MAX_DURATION_S, TEMPO_RANGE_BPM};

/// Tempo, metre, key, beats and chords of a piece, with all times in seconds from its start.
///
/// Nothing is checked when a plan is built or read from JSON, apart from the form of its fields;
/// call [`Plan::validate`] on plans from outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Felt beats per minute: dotted quarters in 6/8.
    pub tempo_bpm: f64,
    /// In JSON also `time_signature`.
    #[serde(alias = "time_signature")]
    pub meter: Meter,
    /// Home note and scale, where there is one.
    #[serde(default)]
    pub key: Option<Key>,
    /// Length of the piece.
    pub duration_s: f64,
    /// Felt beats in order.
    #[serde(default)]
    pub beats: Vec<Beat>,
    /// Chords in order; each lasts until the next.
    #[serde(default)]
    pub chords: Vec<ChordEvent>,
    /// For example `bossa nova`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub style: Option<String>,
    /// Names as in [`crate::INSTRUMENTS`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instruments: Vec<String>,
}

impl Plan {
    /// A plan in a steady tempo that begins on a downbeat; key, chords and style are left open.
    pub fn steady(tempo_bpm: f64, meter: Meter, duration_s: f64) -> Self {
        Self {
            tempo_bpm,
            meter,
            key: None,
            duration_s,
            beats: beat_grid(tempo_bpm, meter.felt_beats(), 0.0, duration_s),
            chords: Vec::new(),
            style: None,
            instruments: Vec::new(),
        }
    }

    /// Moves key and chords by `n` semitones. Chords are spelled as the new key asks; without a
    /// key, in flats where the plan is written in flats, and as [`Chord::transpose`] does otherwise.
    pub fn transpose(&self, n: i32) -> Self {
        let key = self.key.map(|key| key.transpose(n));
        let in_flats = self.chords.iter().any(|event| {
            let notes = [event.chord.root(), event.chord.bass()];
            notes
                .into_iter()
                .flatten()
                .any(|note| note.accidental() < 0)
        });
        let moved = |chord: Chord| match key {
            _ if n.rem_euclid(12) == 0 => chord,
            Some(key) => key.spell_chord(chord.transpose(n)),
            None if in_flats => chord.transpose_spelled(n, Spelling::Flats),
            None => chord.transpose(n),
        };
        let chords = self
            .chords
            .iter()
            .map(|event| ChordEvent {
                chord: moved(event.chord),
                ..*event
            })
            .collect();
        Self {
            key,
            chords,
            ..self.clone()
        }
    }

    /// The part from `start_s` up to `end_s`, both held within the piece, moved to begin at 0.
    /// The chord that sounds at the cut is kept. A span without length gives a plan of no duration,
    /// which [`Plan::validate`] refuses.
    pub fn crop(&self, start_s: f64, end_s: f64) -> Self {
        let start_s = start_s.max(0.0).min(self.duration_s);
        let end_s = end_s.min(self.duration_s).max(start_s);
        let inside =
            |time_s: f64| time_s >= start_s - SAME_MOMENT_S && time_s < end_s - SAME_MOMENT_S;
        let moved = |time_s: f64| (time_s - start_s).max(0.0);
        let beats = self.beats.iter().filter(|beat| inside(beat.time_s));
        let sounding = self
            .chords
            .iter()
            .rposition(|event| event.time_s < start_s - SAME_MOMENT_S);
        let later = self.chords.iter().filter(|event| inside(event.time_s));
        let starts_on_chord = later
            .clone()
            .next()
            .is_some_and(|event| moved(event.time_s) <= SAME_MOMENT_S);
        let kept = sounding
            .filter(|_| !starts_on_chord && end_s > start_s)
            .map(|index| &self.chords[index]);
        Self {
            duration_s: end_s - start_s,
            beats: beats
                .map(|beat| Beat {
                    time_s: moved(beat.time_s),
                    ..*beat
                })
                .collect(),
            chords: kept
                .into_iter()
                .chain(later)
                .map(|event| ChordEvent {
                    time_s: moved(event.time_s),
                    ..*event
                })
                .collect(),
            ..self.clone()
        }
    }

    /// The same piece played at another tempo: every time and the duration are rescaled.
    pub fn with_tempo(&self, tempo_bpm: f64) -> Self {
        let stretch = self.tempo_bpm / tempo_bpm;
        let beats = self.beats.iter().map(|beat| Beat {
            time_s: beat.time_s * stretch,
            ..*beat
        });
        let chords = self.chords.iter().map(|event| ChordEvent {
            time_s: event.time_s * stretch,
            ..*event
        });
        Self {
            tempo_bpm,
            duration_s: self.duration_s * stretch,
            beats: beats.collect(),
            chords: chords.collect(),
            ..self.clone()
        }
    }

    /// The chord that sounds at `time_s`; none before the first chord.
    pub fn chord_at(&self, time_s: f64) -> Option<&Chord> {
        let begun = self.chords.partition_point(|event| event.time_s <= time_s);
        begun.checked_sub(1).map(|index| &self.chords[index].chord)
    }

    /// Felt beats in a bar, as the beats of this plan count them: 2 in 6/8, or 6 where somebody
    /// has annotated every eighth.
    pub fn felt_beats_per_bar(&self) -> u8 {
        let counted = self.beats.iter().map(|beat| beat.number).max().unwrap_or(0);
        counted.max(self.meter.felt_beats()).max(1)
    }

    /// Where `time_s` lies between the beats: the beat index with its fraction (0 is the first beat
    /// of the plan, negative before it), and the place in the bar from 0 (downbeat) to below 1.
    ///
    /// Outside the beats the nearest beat interval goes on; without beats the tempo does, with a
    /// downbeat at 0.
    pub fn bar_position(&self, time_s: f64) -> (f64, f64) {
        let beat_s = 60.0 / self.tempo_bpm;
        let gap = |earlier: &Beat, later: &Beat| (later.time_s - earlier.time_s).max(SAME_MOMENT_S);
        let begun = self.beats.partition_point(|beat| beat.time_s <= time_s);
        let anchor = begun.saturating_sub(1);
        let (beat_index, number) = match self.beats.get(anchor) {
            None => (time_s / beat_s, 1),
            Some(beat) => {
                let interval_s = match (self.beats.get(anchor + 1), anchor.checked_sub(1)) {
                    (Some(next), _) => gap(beat, next),
                    (None, Some(before)) => gap(&self.beats[before], beat),
                    (None, None) => beat_s,
                };
                (
                    anchor as f64 + (time_s - beat.time_s) / interval_s,
                    beat.number,
                )
            }
        };
        let per_bar = f64::from(self.felt_beats_per_bar());
        let from_downbeat = beat_index - anchor as f64 + f64::from(number) - 1.0;
        let phase = from_downbeat.rem_euclid(per_bar) / per_bar;
        // Rounding may lift a tiny negative remainder to exactly one bar.
        (beat_index, if phase < 1.0 { phase } else { 0.0 })
    }
}
