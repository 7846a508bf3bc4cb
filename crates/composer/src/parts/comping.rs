//! Chords: struck, strummed, broken or held, always the chord of the moment.

use super::{Event, Onset, bar_at, fit_to_chords, metric_weight, onsets};
use crate::instrument::Instrument;
use crate::rng::Rng;
use crate::style::{Figure, MeterKind};
use crate::timeline::{Span, Timeline};
use crate::voicing;

/// Where and how full the chords lie.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Register {
    /// Lowest MIDI note.
    pub(crate) low: i32,
    /// Highest MIDI note.
    pub(crate) high: i32,
    /// Voices of a chord.
    pub(crate) num_voices: usize,
}

/// The chords of a figure on `instrument`.
pub(crate) fn play(
    figure: Figure,
    meter: MeterKind,
    instrument: &Instrument,
    register: Register,
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Event> {
    let mut register = clip(register, instrument);
    if let Figure::Broken(pattern) = figure {
        // As many voices as the pattern touches, so that none that tells is left out.
        let top = pattern
            .chars()
            .filter_map(|token| token.to_digit(10))
            .max()
            .unwrap_or(3);
        register.num_voices = (top as usize).clamp(3, 5);
    }
    let positions = positions(figure, instrument, register, timeline);
    match figure {
        Figure::Block(pattern) => {
            let steps = fit_to_chords(&onsets(pattern, meter, timeline), timeline, 'x', 1.01);
            blocks(&steps, &positions, instrument, timeline, rng)
        }
        Figure::Strum(pattern) => {
            let steps = fit_to_chords(&onsets(pattern, meter, timeline), timeline, 'd', 0.51);
            strums(&steps, &positions, timeline, rng)
        }
        Figure::Broken(pattern) => {
            let steps = fit_to_chords(&onsets(pattern, meter, timeline), timeline, '1', 0.51);
            broken(&steps, &positions, instrument, timeline, rng)
        }
        _ => held(&positions, instrument, timeline, rng),
    }
}

/// The register inside the instrument's range, at least an octave and a half of it.
fn clip(register: Register, instrument: &Instrument) -> Register {
    let (floor, ceiling) = (i32::from(instrument.low), i32::from(instrument.high));
    let low = register.low.clamp(floor, (ceiling - 19).max(floor));
    let high = register.high.clamp((low + 19).min(ceiling), ceiling);
    Register {
        low,
        high,
        ..register
    }
}

/// One position per chord, each near the one before.
fn positions(
    figure: Figure,
    instrument: &Instrument,
    register: Register,
    timeline: &Timeline,
) -> Vec<Vec<i32>> {
    let fretted = !instrument.strings.is_empty() && !matches!(figure, Figure::Hold);
    let mut previous: Vec<i32> = Vec::new();
    let mut all = Vec::new();
    for span in &timeline.spans {
        let mut notes = if fretted {
            let shape = voicing::shape(&span.tones, instrument.strings, &previous);
            if matches!(figure, Figure::Broken(_)) {
                picked(&shape)
            } else {
                shape
            }
        } else {
            let Register {
                low,
                high,
                num_voices,
            } = register;
            voicing::voice(&span.tones, num_voices, low, high, &previous)
        };
        notes.retain(|note| instrument.fold(*note) == u8::try_from(*note).ok());
        previous.clone_from(&notes);
        all.push(notes);
    }
    all
}

/// The strings of a shape that fingers pick: the bass, and above it every other tone once, from
/// the top string down.
fn picked(shape: &[i32]) -> Vec<i32> {
    let Some((&bass, upper)) = shape.split_first() else {
        return Vec::new();
    };
    let mut notes: Vec<i32> = Vec::new();
    for &note in upper.iter().rev() {
        if notes.iter().all(|other| (other - note).rem_euclid(12) != 0) {
            notes.push(note);
        }
    }
    notes.push(bass);
    notes.sort_unstable();
    notes
}

fn position_at<'a>(
    positions: &'a [Vec<i32>],
    timeline: &Timeline,
    at: f64,
) -> Option<(&'a [i32], usize)> {
    let index = timeline
        .spans
        .partition_point(|span| span.start <= at + 1e-6)
        .checked_sub(1)?;
    Some((&positions[index], index))
}

fn blocks(
    steps: &[Onset],
    positions: &[Vec<i32>],
    instrument: &Instrument,
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Event> {
    let mut events = Vec::new();
    for step in steps {
        let Some((notes, _)) = position_at(positions, timeline, step.at) else {
            continue;
        };
        let base = match step.token {
            'X' => 0.82,
            'o' => 0.5,
            _ => 0.66,
        };
        let strength = base + 0.08 * metric_weight(bar_at(timeline, step.at), step.at);
        let len = step.len * if instrument.sustains() { 0.92 } else { 0.98 };
        // Fingers do not land at once: up to 9 ms from the lowest to the highest.
        let spread_s = 0.009 * rng.unit();
        for (i, &pitch) in notes.iter().enumerate() {
            let mut event = Event::new(step.at, len, pitch, strength + 0.03 * rng.gauss());
            event.delay_s = spread_s * i as f64 / notes.len() as f64;
            events.push(event);
        }
    }
    events
}

fn strums(
    steps: &[Onset],
    positions: &[Vec<i32>],
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Event> {
    let mut events = Vec::new();
    for step in steps {
        let Some((notes, _)) = position_at(positions, timeline, step.at) else {
            continue;
        };
        let spread_s = 0.006 + 0.004 * rng.unit();
        let (strength, strings): (f64, Vec<i32>) = match step.token {
            'D' => (0.85, notes.to_vec()),
            'u' => (0.56, notes.iter().rev().take(4).copied().collect()),
            'm' => (0.4, notes.to_vec()),
            _ => (0.7, notes.to_vec()),
        };
        let len = if step.token == 'm' { 0.08 } else { step.len };
        for (i, &pitch) in strings.iter().enumerate() {
            let mut event = Event::new(step.at, len, pitch, strength + 0.04 * rng.gauss());
            event.delay_s = spread_s * i as f64;
            events.push(event);
        }
    }
    events
}

fn broken(
    steps: &[Onset],
    positions: &[Vec<i32>],
    instrument: &Instrument,
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for step in steps {
        let Some((notes, index)) = position_at(positions, timeline, step.at) else {
            continue;
        };
        let span = &timeline.spans[index];
        let Some(pitch) = broken_note(step.token, notes, span, instrument) else {
            continue;
        };
        let weight = metric_weight(bar_at(timeline, step.at), step.at);
        let strength = 0.58 + 0.14 * weight + 0.03 * rng.gauss();
        // Strings and pedalled keys ring on while the chord lasts; organs and synths let go.
        let len = if instrument.sustains() {
            step.len
        } else {
            (span.end - step.at).min(2.0 + step.len)
        };
        // The same string cannot ring twice.
        for earlier in events
            .iter_mut()
            .rev()
            .take(12)
            .filter(|e| e.pitch == pitch)
        {
            earlier.len = earlier.len.min(step.at - earlier.at);
        }
        events.push(Event::new(step.at, len, pitch, strength));
    }
    for (span, notes) in timeline.spans.iter().zip(positions) {
        find_the_third(&mut events, span, notes, instrument);
    }
    events.retain(|event| event.len > 1e-6);
    events
}

/// The fingers reach for the third in the last note of a chord that has gone without it.
fn find_the_third(events: &mut [Event], span: &Span, notes: &[i32], instrument: &Instrument) {
    let class = (span.tones.root + span.tones.third()).rem_euclid(12);
    let is_third = |pitch: i32| pitch.rem_euclid(12) == class;
    let mut heard: Vec<&mut Event> = events
        .iter_mut()
        .filter(|event| event.at >= span.start && event.at < span.end)
        .collect();
    if heard.len() < 2 || heard.iter().any(|event| is_third(event.pitch)) {
        return;
    }
    let third = notes.iter().copied().find(|&note| is_third(note));
    let reached = third.and_then(|note| instrument.fold(note));
    if let (Some(last), Some(pitch)) = (heard.last_mut(), reached) {
        last.pitch = i32::from(pitch);
    }
}

fn broken_note(token: char, notes: &[i32], span: &Span, instrument: &Instrument) -> Option<i32> {
    let lowest = *notes.first()?;
    let thumb = |class: i32| lowest - (lowest - class).rem_euclid(12);
    let note = match token {
        'b' => thumb(span.tones.bass),
        'f' => thumb(span.tones.root + span.tones.fifth()),
        digit => {
            let voice = digit.to_digit(10)? as usize - 1;
            notes[voice % notes.len()] + 12 * (voice / notes.len()) as i32
        }
    };
    instrument.fold(note).map(i32::from)
}

fn held(
    positions: &[Vec<i32>],
    instrument: &Instrument,
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Event> {
    // What dies away is struck again every two bars; what lasts is held.
    let patience = if instrument.sustains() {
        f64::INFINITY
    } else {
        4.0
    };
    let mut events = Vec::new();
    for (span, notes) in timeline.spans.iter().zip(positions) {
        let mut at = span.start;
        while at < span.end - 1e-6 {
            let len = (span.end - at).min(patience);
            for &pitch in notes {
                events.push(Event::new(at, len * 0.99, pitch, 0.62 + 0.03 * rng.gauss()));
            }
            at += len;
        }
    }
    events
}

#[cfg(test)]
mod tests {
    use super::super::testing::timeline;
    use super::*;

    const REGISTER: Register = Register {
        low: 50,
        high: 76,
        num_voices: 4,
    };

    fn all_figures() -> [Figure; 5] {
        [
            Figure::Block("x--x--x---x-x---"),
            Figure::Block("..x---x---x---x."),
            Figure::Strum("d---d-u---u-d-u-"),
            Figure::Broken("b-2-3-4-3-2-1-5-"),
            Figure::Hold,
        ]
    }

    #[test]
    fn only_chord_tones_sound() {
        let timeline = timeline("C F/A G7 Am7 Dm7b5 G7b9 Cmaj9 C+");
        for name in [
            "piano",
            "acoustic guitar",
            "organ",
            "banjo",
            "glockenspiel",
            "celesta",
        ] {
            let instrument = Instrument::named(name).unwrap();
            for figure in all_figures() {
                let mut rng = Rng::new(1, "comping");
                let events = play(
                    figure,
                    MeterKind::Four,
                    instrument,
                    REGISTER,
                    &timeline,
                    &mut rng,
                );
                assert!(events.len() >= 8, "{name} {figure:?}");
                for event in &events {
                    let span = timeline.span_at(event.at).unwrap();
                    assert!(
                        span.tones.contains(event.pitch),
                        "{name} {figure:?}: {event:?}"
                    );
                    assert!(
                        event.end() <= span.end + 1e-6,
                        "{name} {figure:?}: rings over"
                    );
                    let range = i32::from(instrument.low)..=i32::from(instrument.high);
                    assert!(range.contains(&event.pitch), "{name} {figure:?}: {event:?}");
                }
            }
        }
    }

    #[test]
    fn picked_strings_keep_the_third() {
        let notes = picked(&[49, 56, 61, 64, 68]);
        assert_eq!(notes, [49, 61, 64, 68]);
        assert!(picked(&[]).is_empty());
    }

    #[test]
    fn voices_move_little_from_chord_to_chord() {
        let timeline = timeline("C Am F G Em Am Dm G");
        let piano = Instrument::named("piano").unwrap();
        let positions = positions(Figure::Hold, piano, REGISTER, &timeline);
        for pair in positions.windows(2) {
            let top = (pair[1][pair[1].len() - 1] - pair[0][pair[0].len() - 1]).abs();
            let low = (pair[1][0] - pair[0][0]).abs();
            assert!(top <= 7 && low <= 7, "{pair:?}");
        }
    }

    #[test]
    fn a_down_stroke_runs_from_low_to_high() {
        let timeline = timeline("E E");
        let guitar = Instrument::named("acoustic guitar").unwrap();
        let mut rng = Rng::new(2, "strum");
        let events = play(
            Figure::Strum("d---u---"),
            MeterKind::Four,
            guitar,
            REGISTER,
            &timeline,
            &mut rng,
        );
        let stroke: Vec<_> = events.iter().filter(|e| e.at == 0.0).collect();
        assert!(
            stroke
                .windows(2)
                .all(|p| p[0].pitch < p[1].pitch && p[0].delay_s < p[1].delay_s)
        );
        let up: Vec<_> = events.iter().filter(|e| e.at == 2.0).collect();
        assert!(up.len() == 4 || up.len() == stroke.len());
    }
}
