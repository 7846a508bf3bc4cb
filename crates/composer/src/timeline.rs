//! Where the bars, beats and chords of a plan lie: musical positions in beats, times in seconds.
//!
//! A plan may begin and end inside a bar; the timeline completes those bars, so that parts always
//! think in whole bars. Position 0 is the first bar line of the timeline, at or before 0 s.

use mustool_music::{Beat, Plan, beat_grid};

/// Music that begins before 0 s is played from here, so that a clip opens on a sounding chord.
pub const PREROLL_S: f64 = 0.7;

/// A chord as the parts see it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Tones {
    /// Pitch class of the root.
    pub(crate) root: i32,
    /// Pitch class of the bass.
    pub(crate) bass: i32,
    /// Semitones above the root, ascending, 0 first; tensions above 12.
    pub(crate) intervals: Vec<i32>,
}

impl Tones {
    /// Whether a MIDI note belongs to the chord.
    pub(crate) fn contains(&self, pitch: i32) -> bool {
        let above = (pitch - self.root).rem_euclid(12);
        (pitch - self.bass).rem_euclid(12) == 0
            || self
                .intervals
                .iter()
                .any(|interval| interval.rem_euclid(12) == above)
    }

    /// The interval of the third, or of what stands in for it; the fifth of a power chord.
    pub(crate) fn third(&self) -> i32 {
        [4, 3, 5, 2]
            .into_iter()
            .find(|i| self.intervals.contains(i))
            .unwrap_or(self.fifth())
    }

    /// The interval of the fifth, altered or not.
    pub(crate) fn fifth(&self) -> i32 {
        [7, 6, 8]
            .into_iter()
            .find(|i| self.intervals.contains(i))
            .unwrap_or(7)
    }

    /// The interval of the seventh or sixth, if the chord has one.
    pub(crate) fn seventh(&self) -> Option<i32> {
        [10, 11, 9].into_iter().find(|i| self.intervals.contains(i))
    }
}

/// A chord and where it sounds, in beats.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Span {
    /// First beat position.
    pub(crate) start: f64,
    /// Where it ends.
    pub(crate) end: f64,
    /// The chord.
    pub(crate) tones: Tones,
}

/// A bar.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bar {
    /// Position of its bar line, in beats.
    pub(crate) start: f64,
    /// Felt beats.
    pub(crate) beats: usize,
}

/// The time line of a plan.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    times_s: Vec<f64>,
    /// All bars, the first and last completed.
    pub(crate) bars: Vec<Bar>,
    /// All chords, in order; gaps are "no chord".
    pub(crate) spans: Vec<Span>,
    /// Whether felt beats divide into three.
    pub(crate) compound: bool,
    /// Where the music begins.
    pub(crate) origin: f64,
}

impl Timeline {
    /// Lays out a plan. A plan without beats gets a steady grid at its tempo.
    pub(crate) fn new(plan: &Plan) -> Self {
        let felt = plan.felt_beats_per_bar().max(1);
        let beats = if plan.beats.is_empty() {
            beat_grid(plan.tempo_bpm, felt, 0.0, plan.duration_s)
        } else {
            plan.beats.clone()
        };
        let (times_s, bars) = complete_bars(&beats, felt, plan);
        let mut timeline = Self {
            times_s,
            bars,
            spans: Vec::new(),
            compound: plan.meter.is_compound(),
            origin: 0.0,
        };
        let opens_late = plan.chords.first().is_some_and(|event| event.time_s > 0.02);
        if opens_late {
            timeline.origin = timeline.snap(plan.chords[0].time_s);
        } else if beats
            .first()
            .is_some_and(|beat| beat.number == 1 && beat.time_s < 0.02)
        {
            timeline.origin = timeline.snap(beats[0].time_s);
        }
        timeline.spans = timeline.lay_chords(plan);
        timeline
    }

    fn lay_chords(&self, plan: &Plan) -> Vec<Span> {
        let mut spans: Vec<Span> = Vec::new();
        for (i, event) in plan.chords.iter().enumerate() {
            let start = if i == 0 {
                self.origin
            } else {
                self.snap(event.time_s)
            };
            let end = plan
                .chords
                .get(i + 1)
                .map_or(self.end(), |next| self.snap(next.time_s));
            let (Some(root), Some(bass)) = (event.chord.root(), event.chord.bass()) else {
                continue;
            };
            let tones = Tones {
                root: i32::from(root.pitch_class().value()),
                bass: i32::from(bass.pitch_class().value()),
                intervals: event.chord.intervals().into_iter().map(i32::from).collect(),
            };
            if end > start {
                spans.push(Span { start, end, tones });
            }
        }
        spans
    }

    /// The end of the last bar, in beats.
    pub(crate) fn end(&self) -> f64 {
        self.bars
            .last()
            .map_or(0.0, |bar| bar.start + bar.beats as f64)
    }

    /// The time of a position, in seconds; straight lines between beats and beyond them.
    pub(crate) fn time_s(&self, position: f64) -> f64 {
        let last = self.times_s.len() - 1;
        let index = (position.floor().max(0.0) as usize).min(last.saturating_sub(1));
        let (here, there) = (self.times_s[index], self.times_s[(index + 1).min(last)]);
        here + (position - index as f64) * (there - here)
    }

    /// The position of a time, in beats.
    pub(crate) fn position(&self, time_s: f64) -> f64 {
        let last = self.times_s.len() - 1;
        let index = self
            .times_s
            .partition_point(|&t| t <= time_s)
            .clamp(1, last)
            - 1;
        let (here, there) = (self.times_s[index], self.times_s[index + 1]);
        index as f64 + (time_s - here) / (there - here).max(1e-6)
    }

    /// The position of a time, moved to the nearest quarter of a beat when that is within 40 ms.
    pub(crate) fn snap(&self, time_s: f64) -> f64 {
        let position = self.position(time_s);
        let step = if self.compound { 6.0 } else { 4.0 };
        let near = (position * step).round() / step;
        if (self.time_s(near) - time_s).abs() < 0.04 {
            near
        } else {
            position
        }
    }

    /// The chord that sounds at a position.
    pub(crate) fn span_at(&self, position: f64) -> Option<&Span> {
        let next = self
            .spans
            .partition_point(|span| span.start <= position + 1e-6);
        self.spans[..next]
            .last()
            .filter(|span| position < span.end - 1e-6)
    }

    /// The chord after the one that sounds at a position.
    pub(crate) fn span_after(&self, position: f64) -> Option<&Span> {
        self.spans.get(
            self.spans
                .partition_point(|span| span.start <= position + 1e-6),
        )
    }
}

/// Beat times from a bar line before the pre-roll to the bar line after the end, and the bars.
fn complete_bars(beats: &[Beat], felt: u8, plan: &Plan) -> (Vec<f64>, Vec<Bar>) {
    let steady_s = 60.0 / plan.tempo_bpm;
    let period = |pair: Option<&[Beat]>| {
        pair.map_or(steady_s, |p| p[1].time_s - p[0].time_s)
            .max(0.05)
    };
    let lead_s = period(beats.get(0..2));
    let tail_s = period(beats.len().checked_sub(2).and_then(|n| beats.get(n..)));
    let mut grid: Vec<(f64, u8)> = beats
        .iter()
        .map(|beat| (beat.time_s, beat.number))
        .collect();
    if grid.is_empty() {
        grid.push((0.0, 1));
    }
    let mut before = Vec::new();
    let (mut time_s, mut number) = grid[0];
    while number != 1 || time_s > -PREROLL_S {
        time_s -= lead_s;
        number = if number <= 1 { felt } else { number - 1 };
        before.push((time_s, number));
    }
    before.reverse();
    before.append(&mut grid);
    let mut grid = before;
    let (mut time_s, mut number) = grid[grid.len() - 1];
    loop {
        time_s += tail_s;
        number = if number >= felt { 1 } else { number + 1 };
        grid.push((time_s, number));
        if number == 1 && time_s >= plan.duration_s {
            break;
        }
    }
    let lines: Vec<usize> = (0..grid.len())
        .filter(|&i| i == 0 || grid[i].1 == 1)
        .collect();
    let bar = |pair: &[usize]| Bar {
        start: pair[0] as f64,
        beats: pair[1] - pair[0],
    };
    (
        grid.iter().map(|beat| beat.0).collect(),
        lines.windows(2).map(bar).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_music::{Chord, ChordEvent, Meter};

    fn plan() -> Plan {
        let mut plan = Plan::steady(120.0, Meter::FOUR_FOUR, 4.0);
        plan.beats = (0..8)
            .map(|i| Beat {
                time_s: 0.2 + 0.5 * f64::from(i),
                number: (i as u8 + 2) % 4 + 1,
            })
            .collect();
        let event = |time_s, symbol: &str| ChordEvent {
            time_s,
            chord: Chord::parse(symbol).unwrap(),
        };
        plan.chords = vec![event(0.0, "Am7/G"), event(1.2, "F")];
        plan
    }

    #[test]
    fn bars_are_completed_on_both_sides() {
        let timeline = Timeline::new(&plan());
        assert!(timeline.time_s(0.0) <= -PREROLL_S);
        assert!(timeline.time_s(timeline.end()) >= 4.0);
        assert!(timeline.bars.iter().all(|bar| bar.beats == 4));
        let downbeat = timeline
            .bars
            .iter()
            .map(|bar| timeline.time_s(bar.start))
            .find(|&t| t > 0.0);
        assert!((downbeat.unwrap() - 1.2).abs() < 1e-9);
    }

    #[test]
    fn chords_lie_on_beats_and_carry_their_bass() {
        let timeline = Timeline::new(&plan());
        assert_eq!(timeline.spans.len(), 2);
        assert_eq!(timeline.spans[0].start, 0.0);
        assert_eq!(timeline.spans[0].tones.bass, 7);
        assert!((timeline.time_s(timeline.spans[1].start) - 1.2).abs() < 1e-9);
        assert!(timeline.spans[1].tones.contains(60) && !timeline.spans[1].tones.contains(62));
    }

    #[test]
    fn position_and_time_are_inverse() {
        let timeline = Timeline::new(&plan());
        for i in 0..40 {
            let position = f64::from(i) * 0.3;
            assert!((timeline.position(timeline.time_s(position)) - position).abs() < 1e-9);
        }
    }

    #[test]
    fn an_empty_plan_still_has_bars() {
        let mut empty = Plan::steady(60.0, Meter::SIX_EIGHT, 3.0);
        empty.beats.clear();
        let timeline = Timeline::new(&empty);
        assert!(timeline.compound && timeline.bars.iter().all(|bar| bar.beats == 2));
        assert!(timeline.span_at(0.5).is_none());
    }

    #[test]
    fn thirds_and_sevenths_have_stand_ins() {
        let tones = |intervals: &[i32]| Tones {
            root: 0,
            bass: 0,
            intervals: intervals.to_vec(),
        };
        assert_eq!(tones(&[0, 3, 6, 10]).third(), 3);
        assert_eq!(tones(&[0, 3, 6, 10]).fifth(), 6);
        assert_eq!(tones(&[0, 5, 7]).third(), 5);
        assert_eq!(tones(&[0, 7]).third(), 7);
        assert_eq!(tones(&[0, 4, 7, 9]).seventh(), Some(9));
        assert_eq!(tones(&[0, 4, 7]).seventh(), None);
    }
}
