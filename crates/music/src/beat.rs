//! Beats and chords in time, the even grid of a steady tempo, and the tempo of given beats.
//!
//! Finding beats in audio is not here.

use serde::{Deserialize, Serialize};

use crate::chord::Chord;

/// A felt beat and its place in the bar. In JSON `{"t": 0.48, "beat": 1}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Beat {
    /// Seconds from the start.
    #[serde(rename = "t")]
    pub time_s: f64,
    /// Place in the bar; 1 is the downbeat.
    #[serde(rename = "beat")]
    pub number: u8,
}

/// A chord and when it begins; it lasts until the next. In JSON `{"t": 2.86, "symbol": "Fmaj7"}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChordEvent {
    /// Seconds from the start.
    #[serde(rename = "t")]
    pub time_s: f64,
    /// What sounds from then on.
    #[serde(rename = "symbol")]
    pub chord: Chord,
}

/// Most beats that [`beat_grid`] makes: an hour and a half at 720 beats per minute.
const MAX_GRID_BEATS: usize = 65_536;

/// Two times closer than this are the same moment.
pub(crate) const SAME_MOMENT_S: f64 = 1e-9;

/// The beats of a steady tempo from 0 up to, but not at, `duration_s`.
///
/// `first_beat_s` is the time of a downbeat. Where it lies before 0 the piece begins inside a bar.
/// Empty where the tempo or the duration is not a positive number or the bar has no beats; 65,536
/// beats at most.
pub fn beat_grid(
    tempo_bpm: f64,
    beats_per_bar: u8,
    first_beat_s: f64,
    duration_s: f64,
) -> Vec<Beat> {
    let interval_s = 60.0 / tempo_bpm;
    let usable =
        tempo_bpm > 0.0 && interval_s > 0.0 && first_beat_s.is_finite() && duration_s.is_finite();
    if !usable || !interval_s.is_finite() || beats_per_bar == 0 {
        return Vec::new();
    }
    let first = (-first_beat_s / interval_s - SAME_MOMENT_S).ceil().max(0.0);
    (0..MAX_GRID_BEATS)
        .map(|index| {
            let index = first + index as f64;
            // A multiplication, not a running sum, so that no error builds up.
            let time_s = (first_beat_s + index * interval_s).max(0.0);
            Beat {
                time_s,
                number: (index % f64::from(beats_per_bar)) as u8 + 1,
            }
        })
        .take_while(|beat| beat.time_s < duration_s - SAME_MOMENT_S)
        .collect()
}

/// The tempo of beat times in seconds, as the MusicBench data set computes it: the mean of the
/// local tempos, each replaced by the median of itself and its neighbours, in whole beats per
/// minute.
///
/// The medians are taken in place from left to right, and the first and last tempo count as their
/// own outer neighbours. `None` for fewer than three beats and where two beats coincide or a time
/// is not a number.
pub fn tempo_from_beats(times_s: &[f64]) -> Option<f64> {
    if times_s.len() < 3 {
        return None;
    }
    let local: Vec<f64> = times_s
        .windows(2)
        .map(|pair| 60.0 / (pair[1] - pair[0]))
        .collect();
    if !local.iter().all(|tempo| tempo.is_finite()) {
        return None;
    }
    let mut before = local[0];
    let mut total = 0.0;
    for (index, &tempo) in local.iter().enumerate() {
        let after = local.get(index + 1).copied().unwrap_or(tempo);
        before = median(before, tempo, after);
        total += before;
    }
    Some((total / local.len() as f64).round_ties_even())
}

/// The middle one of three numbers.
fn median(a: f64, b: f64, c: f64) -> f64 {
    a.max(b).min(a.min(b).max(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_grid_counts_bars_and_stops_before_the_end() {
        let beats = beat_grid(120.0, 3, 0.25, 2.25);
        let expected = [(0.25, 1), (0.75, 2), (1.25, 3), (1.75, 1)];
        assert_eq!(
            beats,
            expected.map(|(time_s, number)| Beat { time_s, number })
        );
    }

    #[test]
    fn a_grid_may_begin_inside_a_bar() {
        let beats = beat_grid(60.0, 4, -1.5, 3.0);
        let expected = [(0.5, 3), (1.5, 4), (2.5, 1)];
        assert_eq!(
            beats,
            expected.map(|(time_s, number)| Beat { time_s, number })
        );
        // A beat exactly at the start is kept.
        assert_eq!(
            beat_grid(60.0, 4, -2.0, 1.0),
            [Beat {
                time_s: 0.0,
                number: 3
            }]
        );
    }

    #[test]
    fn a_grid_of_impossible_numbers_is_empty() {
        let bad = [f64::NAN, f64::INFINITY, -1.0, 0.0];
        for value in bad {
            assert!(beat_grid(value, 4, 0.0, 10.0).is_empty(), "tempo {value}");
            assert!(
                beat_grid(120.0, 4, 0.0, value).is_empty(),
                "duration {value}"
            );
        }
        assert!(beat_grid(120.0, 4, f64::NAN, 10.0).is_empty());
        assert!(beat_grid(120.0, 0, 0.0, 10.0).is_empty());
        assert_eq!(beat_grid(1e12, 4, 0.0, 1e12).len(), MAX_GRID_BEATS);
    }

    #[test]
    fn tempo_agrees_with_the_reference_arithmetic() {
        let text = include_str!("../../../tests/fixtures/mustango/mir_arith.json");
        let rows: Vec<serde_json::Value> = serde_json::from_str(text).unwrap();
        let rows: Vec<_> = rows
            .iter()
            .filter(|row| row[0] == "bpm_from_beats")
            .collect();
        assert_eq!(rows.len(), 8);
        for row in rows {
            let times: Vec<f64> = serde_json::from_value(row[1].clone()).unwrap();
            assert_eq!(tempo_from_beats(&times), row[3].as_f64(), "{times:?}");
        }
    }

    #[test]
    fn tempo_needs_three_separate_beats() {
        assert_eq!(tempo_from_beats(&[]), None);
        assert_eq!(tempo_from_beats(&[0.0, 0.5]), None);
        assert_eq!(tempo_from_beats(&[0.0, 0.5, 0.5]), None);
        assert_eq!(tempo_from_beats(&[0.0, f64::NAN, 1.0]), None);
        assert_eq!(tempo_from_beats(&[0.0, 0.5, 1.0]), Some(120.0));
    }

    #[test]
    fn the_tempo_of_a_grid_is_its_own() {
        for tempo_bpm in 40..=240 {
            let times: Vec<f64> = beat_grid(f64::from(tempo_bpm), 4, 0.1, 10.0)
                .iter()
                .map(|beat| beat.time_s)
                .collect();
            assert_eq!(tempo_from_beats(&times), Some(f64::from(tempo_bpm)));
        }
    }
}
