//! How far found beats and chords agree with those of a plan, in the measures of the field.
//!
//! Beats: F-measure with a tolerance of 70 ms (Dixon 2007). Chords: share of the time in which the
//! chord is right, by root, by major or minor triad, and exactly, as in MIREX (Harte 2010). Tempo:
//! within 4 % (Gouyon et al. 2006). The values equal those of `mir_eval`.

use mustool_mir::Analysis;
use mustool_music::{Chord, ChordEvent, Plan, Triad};
use serde::Serialize;

/// How far a found beat may lie from a true one, in seconds.
pub const BEAT_TOLERANCE_S: f64 = 0.07;
/// How far a found tempo may lie from the true one, as a share of it.
pub const TEMPO_TOLERANCE: f64 = 0.04;

/// Agreement with a plan; none where the plan has nothing to agree with.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Agreement {
    /// Whether the tempo is right within 4 %.
    pub tempo: bool,
    /// F-measure of the beats.
    pub beat_f: Option<f64>,
    /// F-measure of the downbeats.
    pub downbeat_f: Option<f64>,
    /// Share of the time with the right root.
    pub chord_root: Option<f64>,
    /// Share of the time of major and minor chords with the right root and third.
    pub chord_majmin: Option<f64>,
    /// Share of the time with exactly the right chord, bass and colour included.
    pub chord_exact: Option<f64>,
}

impl Agreement {
    /// Of what was found with what was planned.
    pub fn new(plan: &Plan, found: &Analysis) -> Self {
        let tempo = |tempo: f64| (tempo / plan.tempo_bpm - 1.0).abs() <= TEMPO_TOLERANCE;
        let times = |first: bool| -> Vec<f64> {
            let beats = plan.beats.iter().filter(|beat| !first || beat.number == 1);
            beats.map(|beat| beat.time_s).collect()
        };
        let beats: Vec<f64> = found.beats.iter().map(|beat| beat.time_s).collect();
        let chords = |agrees: Comparison| {
            chord_overlap(&plan.chords, &found.chords, plan.duration_s, agrees)
        };
        Self {
            tempo: found.tempo_bpm.is_some_and(tempo),
            beat_f: f_measure(&times(false), &beats),
            downbeat_f: f_measure(&times(true), &found.downbeats_s),
            chord_root: chords(same_root),
            chord_majmin: chords(same_triad),
            chord_exact: chords(|a, b| Some(a.same_sound(b))),
        }
    }
}

/// F-measure of `found` times against `expected` ones, both ascending: each is matched once at
/// most, within [`BEAT_TOLERANCE_S`]. None without expected times.
pub fn f_measure(expected: &[f64], found: &[f64]) -> Option<f64> {
    if expected.is_empty() {
        return None;
    }
    let (mut i, mut j, mut matched) = (0, 0, 0);
    while let (Some(a), Some(b)) = (expected.get(i), found.get(j)) {
        if (a - b).abs() <= BEAT_TOLERANCE_S {
            matched += 1;
            (i, j) = (i + 1, j + 1);
        } else if a < b {
            i += 1;
        } else {
            j += 1;
        }
    }
    Some(2.0 * f64::from(matched) / (expected.len() + found.len()) as f64)
}

/// Whether a found chord agrees with an expected one; none where that cannot be said.
type Comparison = fn(&Chord, &Chord) -> Option<bool>;

fn same_root(expected: &Chord, found: &Chord) -> Option<bool> {
    let class = |chord: &Chord| chord.root().map(|root| root.pitch_class());
    Some(class(expected) == class(found))
}

fn same_triad(expected: &Chord, found: &Chord) -> Option<bool> {
    let triad = |chord: &Chord| chord.quality().map(|quality| quality.triad());
    let wanted = triad(expected)?;
    matches!(wanted, Triad::Major | Triad::Minor)
        .then(|| same_root(expected, found) == Some(true) && triad(found) == Some(wanted))
}

/// Share of the time up to `duration_s` in which the chords agree, of the time that can be
/// compared. Before the first chord of either list nothing sounds.
pub fn chord_overlap(
    expected: &[ChordEvent],
    found: &[ChordEvent],
    duration_s: f64,
    agrees: Comparison,
) -> Option<f64> {
    let mut times: Vec<f64> = [expected, found]
        .concat()
        .iter()
        .map(|event| event.time_s.clamp(0.0, duration_s))
        .chain([0.0, duration_s])
        .collect();
    times.sort_by(f64::total_cmp);
    let at = |events: &[ChordEvent], time_s: f64| {
        let begun = events.partition_point(|event| event.time_s <= time_s);
        begun.checked_sub(1).map(|index| events[index].chord)
    };
    let (mut compared_s, mut right_s) = (0.0, 0.0);
    for pair in times.windows(2) {
        let Some(wanted) = at(expected, pair[0]) else {
            continue;
        };
        let heard = at(found, pair[0]).unwrap_or(Chord::NO_CHORD);
        if let Some(agrees) = agrees(&wanted, &heard) {
            let length_s = pair[1] - pair[0];
            compared_s += length_s;
            right_s += if agrees { length_s } else { 0.0 };
        }
    }
    (compared_s > 0.0).then(|| right_s / compared_s)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(chords: &[(f64, &str)]) -> Vec<ChordEvent> {
        let event = |&(time_s, symbol): &(f64, &str)| ChordEvent {
            time_s,
            chord: Chord::parse(symbol).unwrap(),
        };
        chords.iter().map(event).collect()
    }

    #[test]
    fn beats_match_once_and_within_the_tolerance() {
        assert_eq!(f_measure(&[1.0, 2.0], &[1.06, 1.94]), Some(1.0));
        assert_eq!(f_measure(&[1.0, 2.0], &[1.08, 1.92]), Some(0.0));
        assert_eq!(f_measure(&[1.0, 2.0], &[0.98, 1.02]), Some(0.5));
        assert_eq!(f_measure(&[1.0], &[]), Some(0.0));
        assert_eq!(f_measure(&[], &[1.0]), None);
    }

    #[test]
    fn chords_are_weighed_by_time() {
        let expected = events(&[(0.0, "C"), (2.0, "Am7"), (4.0, "Gsus4"), (6.0, "N")]);
        let found = events(&[(0.0, "C"), (1.0, "Cm"), (2.0, "Am"), (4.0, "G")]);
        let overlap = |agrees| chord_overlap(&expected, &found, 8.0, agrees).unwrap();
        assert_eq!(overlap(same_root), 0.75);
        assert_eq!(overlap(same_triad), 0.75); // Of 4 s in major and minor.
        assert_eq!(overlap(|a, b| Some(a.same_sound(b))), 0.125);
        assert_eq!(chord_overlap(&[], &found, 8.0, same_root), None);
        assert_eq!(chord_overlap(&expected, &[], 8.0, same_root), Some(0.25));
    }

    proptest! {
        #[test]
        fn everything_agrees_with_itself(
            gaps in prop::collection::vec(0.2_f64..2.0, 1..20),
            chords in prop::collection::vec("[A-G](m|7|maj7)?", 20),
        ) {
            let mut time_s = 0.0;
            let times: Vec<f64> = gaps.iter().map(|gap| { time_s += gap; time_s }).collect();
            prop_assert_eq!(f_measure(&times, &times), Some(1.0));
            let pairs: Vec<(f64, &str)> =
                times.iter().copied().zip(chords.iter().map(String::as_str)).collect();
            let chords = events(&pairs);
            let exact = chord_overlap(&chords, &chords, time_s + 1.0, |a, b| Some(a.same_sound(b)));
            prop_assert!((exact.unwrap() - 1.0).abs() < 1e-9);
        }
    }
}
