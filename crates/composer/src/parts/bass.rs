//! The bass: the root, or the slash bass, on every chord, and a way from one to the next.

use super::{Event, Onset, bar_at, fit_to_chords, metric_weight, onsets};
use crate::instrument::Instrument;
use crate::rng::Rng;
use crate::style::{Figure, MeterKind};
use crate::timeline::{Span, Timeline};

/// The bass line of a figure; figures that are no bass figures play long roots.
pub(crate) fn play(
    figure: Figure,
    meter: MeterKind,
    instrument: &Instrument,
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Event> {
    let register = Register::new(instrument, rng);
    match figure {
        Figure::Walk => walk(&register, timeline, rng),
        Figure::Line(pattern) => line(pattern, meter, &register, timeline),
        _ => line("R---", MeterKind::Four, &register, timeline),
    }
}

/// Where the bass plays: roots in one octave, the rest around them.
struct Register<'a> {
    instrument: &'a Instrument,
    floor: i32,
}

impl<'a> Register<'a> {
    fn new(instrument: &'a Instrument, rng: &mut Rng) -> Self {
        Self {
            instrument,
            floor: i32::from(instrument.low) + rng.below(6) as i32,
        }
    }

    fn root(&self, class: i32) -> i32 {
        self.floor + (class - self.floor).rem_euclid(12)
    }

    /// `pitch` folded into the instrument's range.
    fn fold(&self, pitch: i32) -> i32 {
        self.instrument.fold(pitch).map_or(pitch, i32::from)
    }
}

fn line(pattern: &str, meter: MeterKind, register: &Register, timeline: &Timeline) -> Vec<Event> {
    let steps = fit_to_chords(&onsets(pattern, meter, timeline), timeline, 'R', 0.0);
    let mut events = Vec::new();
    for step in steps {
        let Some(span) = timeline.span_at(step.at) else {
            continue;
        };
        let bar = bar_at(timeline, step.at);
        let strength = 0.62 + 0.2 * metric_weight(bar, step.at);
        let short = matches!(step.token, 'r' | 'o');
        let len = step.len * if short { 0.6 } else { 0.95 };
        let strength = if short { strength - 0.12 } else { strength };
        events.push(Event::new(
            step.at,
            len,
            pitch(step, span, timeline, register),
            strength,
        ));
    }
    events
}

/// The note of a step. The first of a chord is its bass, whatever the pattern says.
fn pitch(step: Onset, span: &Span, timeline: &Timeline, register: &Register) -> i32 {
    let tones = &span.tones;
    let root = register.root(tones.bass);
    // Over a slash bass, fifths and thirds are counted from the chord's root.
    let chord_root = root + (tones.root - tones.bass).rem_euclid(12);
    if step.at < span.start + 1e-6 {
        return register.fold(root);
    }
    let above = |interval: i32| {
        let pitch = chord_root + interval;
        if pitch > root + 12 { pitch - 12 } else { pitch }
    };
    let note = match step.token {
        '8' | 'o' => root + 12,
        '5' => above(tones.fifth()),
        '3' => above(tones.third()),
        '7' => above(tones.seventh().unwrap_or(tones.fifth())),
        'a' => match timeline.span_after(step.at) {
            Some(next) if (step.at + step.len - next.start).abs() < 0.3 => {
                approach(root, register.root(next.tones.bass))
            }
            _ => above(tones.fifth()),
        },
        _ => root,
    };
    register.fold(note)
}

/// The step into `goal` from the side of `from`: a tone if that is on the way, else a semitone.
fn approach(from: i32, goal: i32) -> i32 {
    match goal - from {
        3..=5 => goal - 2,
        -5..=-3 => goal + 2,
        distance if distance >= 0 => goal - 1,
        _ => goal + 1,
    }
}

/// Quarter notes: root, then chord tones and steps, the last one beside the next root.
fn walk(register: &Register, timeline: &Timeline, rng: &mut Rng) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for span in &timeline.spans {
        let next = timeline
            .span_after(span.start)
            .map(|next| register.root(next.tones.bass));
        let goal = next.unwrap_or_else(|| register.root(span.tones.bass));
        let mut here = register.root(span.tones.bass);
        let num_beats = (span.end - span.start).ceil().max(1.0) as usize;
        for beat in 0..num_beats {
            let at = span.start + beat as f64;
            let last = beat + 1 == num_beats;
            if beat > 0 {
                here = if last {
                    approach(here, goal)
                } else {
                    stroll(here, goal, beat, span, rng)
                };
                if events
                    .last()
                    .is_some_and(|event| event.pitch == register.fold(here))
                {
                    here = register.root(span.tones.root) + span.tones.fifth();
                }
            }
            let pitch = register.fold(here);
            let strength = 0.72 + 0.06 * rng.unit() + if beat == 0 { 0.06 } else { 0.0 };
            let len = (span.end - at).min(1.0) * 0.92;
            events.push(Event::new(at, len, pitch, strength));
            // Now and then a skipped eighth before the next beat.
            if !last && rng.chance(0.08) {
                events.push(Event::new(at + 0.5, 0.4, pitch, 0.5));
                if let Some(held) = events.len().checked_sub(2).and_then(|i| events.get_mut(i)) {
                    held.len = held.len.min(0.45);
                }
            }
        }
    }
    events
}

/// A chord tone on the strong beat, otherwise a step, towards the goal.
fn stroll(here: i32, goal: i32, beat: usize, span: &Span, rng: &mut Rng) -> i32 {
    let direction = if rng.chance(0.75) {
        (goal - here).signum()
    } else {
        -(goal - here).signum()
    };
    let direction = if direction == 0 {
        if rng.chance(0.5) { 1 } else { -1 }
    } else {
        direction
    };
    let reach = if beat.is_multiple_of(2) { 1..=5 } else { 2..=7 };
    reach
        .map(|step| here + direction * step)
        .find(|&pitch| span.tones.contains(pitch))
        .unwrap_or(here + 2 * direction)
}

#[cfg(test)]
mod tests {
    use super::super::testing::timeline;
    use super::*;

    const FIGURES: [Figure; 4] = [
        Figure::Walk,
        Figure::Line("R-R-R-R-R-R-R-a-"),
        Figure::Line("..R-..5-..R-..a-"),
        Figure::Line("R------R..8---3-"),
    ];

    #[test]
    fn every_chord_begins_on_its_bass() {
        let timeline = timeline("C F/A G7/B Cm7 Ebmaj7 F#m7b5 Bb13 E/G#");
        let instrument = Instrument::named("upright bass").unwrap();
        for (i, figure) in FIGURES.into_iter().enumerate() {
            let mut rng = Rng::new(i as u64, "bass");
            let events = play(figure, MeterKind::Four, instrument, &timeline, &mut rng);
            for span in &timeline.spans {
                let first = events
                    .iter()
                    .find(|e| (e.at - span.start).abs() < 1e-6)
                    .unwrap();
                assert_eq!(first.pitch.rem_euclid(12), span.tones.bass, "{figure:?}");
            }
            assert!(events.iter().all(|e| (28..=55).contains(&e.pitch)));
            assert!(
                events
                    .windows(2)
                    .all(|pair| pair[0].end() <= pair[1].at + 1e-6),
                "{figure:?}"
            );
        }
    }

    #[test]
    fn walking_lines_leap_little() {
        let timeline = timeline("Dm7 Dm7 G7 G7 Cmaj7 Cmaj7 A7 A7 Dm7 Dm7 G7 G7");
        let instrument = Instrument::named("upright bass").unwrap();
        let events = walk(
            &Register {
                instrument,
                floor: 30,
            },
            &timeline,
            &mut Rng::new(5, "walk"),
        );
        let leaps = events
            .windows(2)
            .map(|pair| (pair[1].pitch - pair[0].pitch).abs());
        let large = leaps.clone().filter(|&leap| leap > 9).count();
        assert!(
            large * 10 <= events.len(),
            "{large} large leaps of {}",
            events.len()
        );
        assert!(leaps.max().unwrap() <= 14);
    }

    #[test]
    fn approaches_end_next_to_their_goal() {
        for from in 30..45 {
            for goal in 30..45 {
                assert!((1..=2).contains(&(approach(from, goal) - goal).abs()));
            }
        }
    }
}
