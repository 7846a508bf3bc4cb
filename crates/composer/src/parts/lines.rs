//! Lines beside the tune: long guide tones, and short answers where the tune rests.

use super::Event;
use crate::instrument::{Instrument, Nature};
use crate::rng::Rng;
use crate::timeline::Timeline;
use crate::voicing;

/// Thirds and sevenths, each the nearest to the one before: the thread through the harmony.
pub(crate) fn guide_tones(
    instrument: &Instrument,
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Event> {
    let (low, high) = (i32::from(instrument.low), i32::from(instrument.high));
    let mut here = 60.clamp(low + 5, high - 5);
    let mut events = Vec::new();
    for span in &timeline.spans {
        let tones = &span.tones;
        let guides = [Some(tones.third()), tones.seventh(), Some(tones.fifth())];
        let classes = guides.into_iter().flatten().take(2).map(|i| tones.root + i);
        let pitch = classes
            .flat_map(|class| {
                let under = here - (here - class).rem_euclid(12);
                [under, under + 12]
            })
            .min_by_key(|pitch| (pitch - here).abs())
            .and_then(|pitch| instrument.fold(pitch));
        let Some(pitch) = pitch.map(i32::from) else {
            continue;
        };
        here = pitch;
        let mut at = span.start;
        while at < span.end - 1e-6 {
            let len = (span.end - at).min(4.0);
            events.push(Event::new(at, len * 0.95, pitch, 0.6 + 0.04 * rng.gauss()));
            at += len;
        }
    }
    events
}

/// Two to four short notes or chords in the rests of `tune`, at the ends of bars if there are none.
pub(crate) fn answers(
    tune: &[Event],
    instrument: &Instrument,
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Event> {
    const RIFFS: [&[f64]; 4] = [
        &[0.0, 0.5],
        &[0.5, 1.0],
        &[0.0, 0.5, 0.75],
        &[0.0, 0.75, 1.0],
    ];
    let compound: &[&[f64]] = &[
        &[0.0, 1.0 / 3.0],
        &[0.0, 2.0 / 3.0],
        &[0.0, 1.0 / 3.0, 2.0 / 3.0],
    ];
    let riff: &[f64] = if timeline.compound {
        rng.pick(compound)
    } else {
        rng.pick(&RIFFS)
    };
    let mut events = Vec::new();
    let mut previous: Vec<i32> = Vec::new();
    for start in rests(tune, timeline) {
        for (i, offset) in riff.iter().enumerate() {
            let at = start + offset;
            let Some(span) = timeline.span_at(at) else {
                continue;
            };
            let last = i + 1 == riff.len();
            let len = if last { 0.5f64 } else { 0.3 }.min(span.end - at);
            let notes = if instrument.nature == Nature::Held {
                voicing::voice(&span.tones, 3, 55, 79, &previous)
            } else {
                voicing::voice(&span.tones, 3, 57, 81, &previous).split_off(1)[..1].to_vec()
            };
            for note in &notes {
                if let Some(pitch) = instrument.fold(*note) {
                    let strength = 0.72 + 0.03 * rng.gauss();
                    events.push(Event::new(at, len, i32::from(pitch), strength));
                }
            }
            previous = notes;
        }
    }
    events
}

/// Beats where an answer of a beat and a half finds room; without a tune, every other bar's third.
fn rests(tune: &[Event], timeline: &Timeline) -> Vec<f64> {
    if tune.is_empty() {
        let bars = timeline
            .bars
            .iter()
            .enumerate()
            .filter(|(i, bar)| i % 2 == 1 && bar.beats > 1);
        return bars
            .map(|(_, bar)| bar.start + (bar.beats / 2) as f64)
            .collect();
    }
    let ends = tune.iter().map(Event::end);
    let starts = tune
        .iter()
        .skip(1)
        .map(|event| event.at)
        .chain([timeline.end()]);
    ends.zip(starts)
        .filter_map(|(end, next)| {
            let beat = (end - 1e-6).ceil();
            (next - beat >= 1.45).then_some(beat)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::timeline;
    use super::*;

    #[test]
    fn guide_tones_move_by_step_and_belong() {
        let timeline = timeline("Dm7 G7 Cmaj7 A7 Dm7 G7 Cmaj7 Cmaj7");
        let cello = Instrument::named("cello").unwrap();
        let events = guide_tones(cello, &timeline, &mut Rng::new(0, "guide"));
        assert!(
            events
                .windows(2)
                .all(|p| (p[0].pitch - p[1].pitch).abs() <= 5),
            "{events:?}"
        );
        for event in &events {
            assert!(
                timeline
                    .span_at(event.at)
                    .unwrap()
                    .tones
                    .contains(event.pitch)
            );
        }
    }

    #[test]
    fn answers_wait_for_the_tune() {
        let timeline = timeline("C C F F G G C C");
        let tune = [Event::new(0.0, 1.0, 72, 0.7), Event::new(4.0, 3.9, 74, 0.7)];
        for name in ["brass", "trombone"] {
            let horn = Instrument::named(name).unwrap();
            let events = answers(&tune, horn, &timeline, &mut Rng::new(1, "answer"));
            assert!(!events.is_empty());
            for event in &events {
                assert!(
                    tune.iter()
                        .all(|t| event.at >= t.end() - 1e-6 || event.end() <= t.at + 1e-6)
                );
                assert!(
                    timeline
                        .span_at(event.at)
                        .unwrap()
                        .tones
                        .contains(event.pitch)
                );
            }
        }
    }

    #[test]
    fn without_a_tune_answers_come_every_other_bar() {
        let timeline = timeline("C C F F G G C C");
        assert_eq!(rests(&[], &timeline), [6.0, 14.0]);
    }
}
