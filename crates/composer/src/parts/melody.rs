//! The tune: a rhythmic motif that comes back, moved along the scale and bent to the chords.
//!
//! Strong notes are chord tones, weak ones steps between them; a phrase breathes at its end. The
//! plan of phrases is the old one of songs, A A' B A'' over two-bar units.

use super::{Event, bar_at, metric_weight};
use crate::instrument::Instrument;
use crate::rng::Rng;
use crate::style::{TuneFeel, TuneScale};
use crate::timeline::{Bar, Timeline};
use mustool_music::{Key, Mode};

/// A note of a motif: where, how long, and how many scale steps from the note before.
#[derive(Debug, Clone, Copy)]
struct Cell {
    at: f64,
    len: f64,
    steps: i32,
}

/// Two bars of rhythm and contour.
type Motif = Vec<Cell>;

/// A tune over the whole timeline.
pub(crate) fn play(
    feel: TuneFeel,
    key: Option<Key>,
    instrument: &Instrument,
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Event> {
    let beats = timeline.bars.iter().map(|bar| bar.beats).max().unwrap_or(4);
    let phrases: Vec<Motif> = (0..3)
        .map(|_| motif(feel, beats, timeline.compound, rng))
        .collect();
    let form: &[usize] = rng.pick(&[
        &[0, 0, 1, 0][..],
        &[0, 1, 0, 2],
        &[0, 0, 0, 1],
        &[0, 1, 2, 1],
    ]);
    let mut singer = Singer::new(feel, key, instrument, rng);
    let mut events: Vec<Event> = Vec::new();
    for (unit, bars) in timeline.bars.chunks(2).enumerate() {
        let phrase = &phrases[form[unit % form.len()]];
        let ends = unit % 2 == 1;
        sing(phrase, bars, ends, &mut singer, timeline, rng, &mut events);
    }
    if feel.scale == TuneScale::Chromatic {
        lean(&mut events, timeline, rng);
    }
    events
}

/// Invents two bars of rhythm with a contour that turns back after leaps.
fn motif(feel: TuneFeel, beats: usize, compound: bool, rng: &mut Rng) -> Motif {
    let per_beat = match (compound, feel.density) {
        (true, _) => 3,
        (false, density) if density > 1.9 => 4,
        _ => 2,
    };
    let total = 2 * beats * per_beat;
    let wanted = feel.density * 2.0 * beats as f64;
    let weight = |slot: usize| {
        let off = !slot.is_multiple_of(per_beat);
        let downbeat = slot.is_multiple_of(beats * per_beat);
        match (off, downbeat) {
            (true, _) => 0.45 + 0.6 * feel.syncopation,
            (false, true) => 1.5 - 0.6 * feel.syncopation,
            (false, false) => 1.0 - 0.2 * feel.syncopation,
        }
    };
    let sum: f64 = (0..total).map(weight).sum();
    let breath = total - per_beat * (1 + rng.below(2));
    let mut at: Vec<f64> = (0..breath)
        .filter(|&slot| rng.chance(weight(slot) * wanted / sum))
        .map(|slot| slot as f64 / per_beat as f64)
        .collect();
    if at.len() < 2 {
        at = vec![0.0, beats as f64 / 2.0, beats as f64];
    }
    let end = 2.0 * beats as f64;
    let mut leap = 0i32;
    at.iter()
        .enumerate()
        .map(|(i, &start)| {
            let gap = at.get(i + 1).copied().unwrap_or(end) - start;
            let steps = if leap.abs() > 2 {
                -leap.signum()
            } else {
                let size = [0, 1, 2, 3, 4][rng.weighted(&[0.12, 0.5, 0.2, 0.1, 0.08])];
                if rng.chance(0.5) { size } else { -size }
            };
            leap = steps;
            Cell {
                at: start,
                len: gap.min(beats as f64 * 0.75),
                steps,
            }
        })
        .collect()
}

/// The voice: its scale, its range and the note it is on.
struct Singer {
    scale: [bool; 12],
    low: i32,
    high: i32,
    here: i32,
}

impl Singer {
    fn new(feel: TuneFeel, key: Option<Key>, instrument: &Instrument, rng: &mut Rng) -> Self {
        let (floor, ceiling) = (i32::from(instrument.low), i32::from(instrument.high));
        // An octave and a half in the middle of the range, not lower than the chords' middle.
        let centre = ((floor + ceiling) / 2).max(67).min(ceiling - 7) + rng.below(5) as i32 - 2;
        let low = (centre - 9).max(floor);
        let high = (low + 19).min(ceiling);
        let mut scale = [false; 12];
        for interval in scale_intervals(feel.scale, key.map_or(Mode::Major, |key| key.mode)) {
            let tonic = key.map_or(0, |key| i32::from(key.tonic.pitch_class().value()));
            scale[(tonic + interval).rem_euclid(12) as usize] = true;
        }
        Self {
            scale,
            low,
            high,
            here: centre,
        }
    }
}

fn scale_intervals(scale: TuneScale, mode: Mode) -> Vec<i32> {
    let seven = || mode.intervals().iter().map(|&i| i32::from(i)).collect();
    match (scale, mode.is_minor()) {
        (TuneScale::Diatonic | TuneScale::Chromatic, _) => seven(),
        (TuneScale::Pentatonic, true) if mode == Mode::Phrygian || mode == Mode::Locrian => seven(),
        (TuneScale::Pentatonic, true) => vec![0, 3, 5, 7, 10],
        (TuneScale::Pentatonic, false) if mode == Mode::Mixolydian => vec![0, 2, 4, 7, 10],
        (TuneScale::Pentatonic, false) => vec![0, 2, 4, 7, 9],
        (TuneScale::Blues, true) => vec![0, 3, 5, 6, 7, 10],
        (TuneScale::Blues, false) => vec![0, 2, 3, 4, 7, 9],
    }
}

fn sing(
    phrase: &Motif,
    bars: &[Bar],
    ends: bool,
    singer: &mut Singer,
    timeline: &Timeline,
    rng: &mut Rng,
    events: &mut Vec<Event>,
) {
    let start = bars[0].start;
    let end = bars
        .iter()
        .map(|bar| bar.start + bar.beats as f64)
        .fold(start, f64::max);
    let inside: Vec<&Cell> = phrase
        .iter()
        .filter(|cell| start + cell.at < end && start + cell.at >= timeline.origin - 1e-6)
        .collect();
    for (i, cell) in inside.iter().enumerate() {
        let at = start + cell.at;
        let Some(span) = timeline.span_at(at) else {
            continue;
        };
        let len = cell.len.min(end - at);
        let last = i + 1 == inside.len();
        // A varied return: now and then another step than the first time.
        let steps = if rng.chance(0.12) {
            cell.steps + rng.below(3) as i32 - 1
        } else {
            cell.steps
        };
        let scale = bend(singer.scale, |pitch| span.tones.contains(pitch));
        let mut pitch = along(&scale, singer.here, steps);
        if pitch > singer.high || pitch < singer.low {
            pitch = along(&scale, singer.here, -steps);
        }
        let weight = metric_weight(bar_at(timeline, at), at);
        let strong = weight > 0.5 && len >= 0.5;
        let rings_into_next = at + len > span.end + 0.3;
        let rubs = |p: i32| !span.tones.contains(p) && (span.tones.contains(p - 1) || len >= 1.0);
        if strong || (ends && last) || (len >= 0.75 && rubs(pitch)) {
            pitch = nearest(pitch, singer.here, |p| span.tones.contains(p));
        }
        let pitch = into_range(pitch, singer.low, singer.high);
        singer.here = pitch;
        let len = if rings_into_next { span.end - at } else { len };
        let strength = 0.68 + 0.14 * weight + 0.04 * rng.gauss();
        events.push(Event::new(at, len * 0.93, pitch, strength));
    }
}

/// The scale with the chord's own notes in place of those a semitone beside them.
fn bend(scale: [bool; 12], chord: impl Fn(i32) -> bool) -> [bool; 12] {
    let mut bent = scale;
    for class in 0..12 {
        if chord(class) && !scale[class as usize] {
            for side in [-1, 1] {
                let beside = (class + side).rem_euclid(12);
                if !chord(beside) {
                    bent[beside as usize] = false;
                }
            }
            bent[class as usize] = true;
        }
    }
    bent
}

/// `steps` scale notes up or down from `here`.
fn along(scale: &[bool; 12], here: i32, steps: i32) -> i32 {
    let mut pitch = here;
    let mut left = steps.abs();
    for _ in 0..36 {
        if left == 0 && scale[pitch.rem_euclid(12) as usize] {
            break;
        }
        pitch += if steps < 0 { -1 } else { 1 };
        if scale[pitch.rem_euclid(12) as usize] && left > 0 {
            left -= 1;
        }
    }
    pitch
}

/// The fitting pitch nearest to `pitch`; of two, the one that `here` does not repeat.
fn nearest(pitch: i32, here: i32, fits: impl Fn(i32) -> bool) -> i32 {
    (0..12)
        .flat_map(|distance| [pitch + distance, pitch - distance])
        .filter(|&candidate| fits(candidate))
        .min_by_key(|&candidate| 2 * (candidate - pitch).abs() + i32::from(candidate == here))
        .unwrap_or(pitch)
}

fn into_range(pitch: i32, low: i32, high: i32) -> i32 {
    match pitch {
        p if p > high => p - 12 * (p - high + 11).div_euclid(12),
        p if p < low => p + 12 * (low - p + 11).div_euclid(12),
        p => p,
    }
}

/// Short weak notes become chromatic neighbours of the strong notes they lead to.
fn lean(events: &mut [Event], timeline: &Timeline, rng: &mut Rng) {
    for i in 1..events.len() {
        let goal = events[i];
        let weak = &mut events[i - 1];
        let off_beat = metric_weight(bar_at(timeline, weak.at), weak.at) < 0.5;
        let close = goal.at - weak.at <= 0.51 && (goal.pitch - weak.pitch).abs() <= 4;
        if off_beat && close && goal.pitch != weak.pitch && rng.chance(0.4) {
            weak.pitch = goal.pitch + if weak.pitch < goal.pitch { -1 } else { 1 };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::timeline;
    use super::*;
    use crate::instrument::INSTRUMENTS;

    fn feel(scale: TuneScale, density: f64) -> TuneFeel {
        TuneFeel {
            scale,
            density,
            syncopation: 0.3,
        }
    }

    const SYMBOLS: &str = "C C Am Am F F G G7 Em A7 Dm Dm7 G G7/B C C";

    #[test]
    fn tunes_stay_in_range_and_leap_little() {
        let timeline = timeline(SYMBOLS);
        let key = Key::parse("C major").ok();
        for (seed, instrument) in INSTRUMENTS.iter().enumerate() {
            let mut rng = Rng::new(seed as u64, "tune");
            let events = play(
                feel(TuneScale::Diatonic, 1.4),
                key,
                instrument,
                &timeline,
                &mut rng,
            );
            let range = i32::from(instrument.low)..=i32::from(instrument.high);
            assert!(
                events.iter().all(|e| range.contains(&e.pitch)),
                "{}",
                instrument.name
            );
            let large = events
                .windows(2)
                .filter(|p| (p[1].pitch - p[0].pitch).abs() > 12)
                .count();
            assert!(
                large <= events.len() / 12,
                "{}: {large} leaps",
                instrument.name
            );
            assert!(events.len() > 10, "{}: {}", instrument.name, events.len());
        }
    }

    #[test]
    fn long_notes_agree_with_the_chord() {
        let timeline = timeline(SYMBOLS);
        let key = Key::parse("C major").ok();
        let flute = Instrument::named("flute").unwrap();
        for seed in 0..40 {
            let scale = [TuneScale::Diatonic, TuneScale::Blues, TuneScale::Chromatic][seed % 3];
            let mut rng = Rng::new(seed as u64, "agree");
            for event in play(feel(scale, 1.2), key, flute, &timeline, &mut rng) {
                let span = timeline.span_at(event.at).unwrap();
                let agrees = span.tones.contains(event.pitch);
                assert!(
                    agrees || event.len < 1.0,
                    "{seed}: {event:?} over {:?}",
                    span.tones
                );
            }
        }
    }

    #[test]
    fn the_scale_bends_to_secondary_dominants() {
        let mut major = [false; 12];
        [0, 2, 4, 5, 7, 9, 11]
            .iter()
            .for_each(|&i: &usize| major[i] = true);
        let a7 = |pitch: i32| [9, 1, 4, 7].contains(&pitch.rem_euclid(12));
        let bent = bend(major, a7);
        assert!(bent[1] && !bent[0] && !bent[2] && bent[9]);
        assert_eq!(along(&bent, 69, 2), 73);
    }
}
