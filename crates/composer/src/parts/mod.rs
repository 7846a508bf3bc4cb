//! The parts of the band. Each reads the timeline and a figure and writes events in beats.
//!
//! Parts know nothing of seconds, swing or human timing; those come later ([`crate::humanise`]).

pub(crate) mod bass;
pub(crate) mod comping;
pub(crate) mod drums;
pub(crate) mod lines;
pub(crate) mod melody;

use crate::pattern;
use crate::style::MeterKind;
use crate::timeline::{Bar, Timeline};

/// A note to be played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Event {
    /// Onset in beats.
    pub(crate) at: f64,
    /// Length in beats.
    pub(crate) len: f64,
    /// MIDI note.
    pub(crate) pitch: i32,
    /// Strength: 0 silent, 0.7 usual, 1 as loud as it gets.
    pub(crate) strength: f64,
    /// Seconds after `at`, for the strings of a strummed chord.
    pub(crate) delay_s: f64,
}

impl Event {
    pub(crate) fn new(at: f64, len: f64, pitch: i32, strength: f64) -> Self {
        Self {
            at,
            len,
            pitch,
            strength,
            delay_s: 0.0,
        }
    }

    pub(crate) fn end(&self) -> f64 {
        self.at + self.len
    }
}

/// A step of a pattern on the timeline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Onset {
    pub(crate) at: f64,
    pub(crate) len: f64,
    pub(crate) token: char,
}

/// The steps of a pattern over whole bars, from the origin on. `meter` is how it was written; in
/// another metre its beats are repeated or dropped.
pub(crate) fn onsets(pattern: &str, meter: MeterKind, timeline: &Timeline) -> Vec<Onset> {
    let mut found: Vec<Onset> = Vec::new();
    for (index, bar) in timeline.bars.iter().enumerate() {
        for step in pattern::steps(pattern, index, meter.beats(), bar.beats) {
            let at = bar.start + step.at;
            if at > timeline.origin - 1e-6 {
                found.push(Onset {
                    at,
                    len: step.len,
                    token: step.token,
                });
            }
        }
    }
    found
}

/// Cuts steps at chord changes and sees that every chord is stated soon after it begins.
///
/// A step that rings on into a new chord for at least `min_len` beats is struck again there. A
/// chord without a step within `patience` beats of its start gets one, with `token`.
pub(crate) fn fit_to_chords(
    steps: &[Onset],
    timeline: &Timeline,
    token: char,
    patience: f64,
) -> Vec<Onset> {
    const MIN_LEN: f64 = 0.45;
    let mut fitted: Vec<Onset> = Vec::new();
    for span in &timeline.spans {
        let sounding = steps
            .iter()
            .map(|step| {
                let start = step.at.max(span.start);
                let end = (step.at + step.len).min(span.end);
                Onset {
                    at: start,
                    len: end - start,
                    token: step.token,
                }
            })
            .zip(steps)
            .filter(|(cut, step)| {
                let struck_here = step.at > span.start - 1e-6;
                cut.len > 1e-6 && (struck_here || cut.len >= MIN_LEN)
            })
            .map(|(cut, _)| cut);
        let mut own: Vec<Onset> = sounding.collect();
        let length = span.end - span.start;
        let first = own
            .first()
            .map_or(f64::INFINITY, |onset| onset.at - span.start);
        if first > patience.min(0.5 * length) + 1e-6 {
            let len = first.min(length).min(2.0);
            own.insert(
                0,
                Onset {
                    at: span.start,
                    len,
                    token,
                },
            );
        }
        fitted.append(&mut own);
    }
    fitted
}

/// How strong a beat is in its bar: 1 the downbeat, less inside, least off the beat.
pub(crate) fn metric_weight(bar: &Bar, position: f64) -> f64 {
    let inside = position - bar.start;
    let off_beat = (inside - inside.round()).abs() > 1e-6;
    match inside.round() as usize {
        _ if off_beat => 0.35,
        0 => 1.0,
        beat if bar.beats == 4 && beat == 2 => 0.8,
        _ => 0.65,
    }
}

/// The bar that holds a position.
pub(crate) fn bar_at(timeline: &Timeline, position: f64) -> &Bar {
    let after = timeline
        .bars
        .partition_point(|bar| bar.start <= position + 1e-6);
    &timeline.bars[after.max(1) - 1]
}

#[cfg(test)]
pub(crate) mod testing {
    //! A plan for tests: `symbols` one per two beats.
    use crate::timeline::Timeline;
    use mustool_music::{Chord, ChordEvent, Key, Meter, Plan};

    pub(crate) fn plan(symbols: &str, meter: Meter, tempo_bpm: f64) -> Plan {
        let names: Vec<&str> = symbols.split(' ').collect();
        let step_s = 120.0 / tempo_bpm;
        let mut plan = Plan::steady(tempo_bpm, meter, step_s * names.len() as f64);
        plan.key = Key::parse("C major").ok();
        let event = |(i, name): (usize, &&str)| ChordEvent {
            time_s: i as f64 * step_s,
            chord: Chord::parse(name).unwrap(),
        };
        plan.chords = names.iter().enumerate().map(event).collect();
        plan
    }

    pub(crate) fn timeline(symbols: &str) -> Timeline {
        Timeline::new(&plan(symbols, Meter::FOUR_FOUR, 120.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chord_is_stated_soon() {
        let timeline = testing::timeline("C F G Am Dm G C C");
        for pattern in [
            "x---------------",
            "....x...........",
            "x..x..x...x.x...",
            "..............x-",
        ] {
            let steps = onsets(pattern, MeterKind::Four, &timeline);
            let fitted = fit_to_chords(&steps, &timeline, 'x', 1.0);
            for span in &timeline.spans {
                let soon = fitted
                    .iter()
                    .any(|o| o.at >= span.start - 1e-9 && o.at <= span.start + 1.0);
                assert!(soon, "{pattern}: chord at {} unstated", span.start);
            }
            for onset in &fitted {
                let span = timeline.span_at(onset.at).expect("inside a chord");
                assert!(
                    onset.at + onset.len <= span.end + 1e-9,
                    "{pattern}: rings over"
                );
            }
        }
    }

    #[test]
    fn the_downbeat_is_strongest() {
        let bar = Bar {
            start: 4.0,
            beats: 4,
        };
        let weights: Vec<f64> = [4.0, 4.5, 5.0, 6.0]
            .map(|at| metric_weight(&bar, at))
            .to_vec();
        assert!(weights[0] > weights[3] && weights[3] > weights[2] && weights[2] > weights[1]);
    }
}
