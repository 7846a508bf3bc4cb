//! Composing: a plan from nothing but a seed, then its arrangement.
//!
//! A clip is a window on a longer piece. A third of the clips begin with the piece; the rest begin
//! anywhere in a bar, with the music already sounding.

use crate::arrange;
use crate::error::Result;
use crate::harmony::{self, Change};
use crate::instrument::Instrument;
use crate::lineup::{self, Ensemble};
use crate::rng::Rng;
use crate::score::Score;
pub use crate::split::Split;
use crate::style::{MeterKind, STYLES, Style};
use mustool_music::{Beat, ChordEvent, Key, Meter, Mode, PitchClass, Plan, Spelling};

/// Composes clips of one length.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Composer {
    duration_s: f64,
}

/// How long a clip of the training corpus lasts.
pub const CLIP_S: f64 = 10.24;

impl Default for Composer {
    fn default() -> Self {
        Self { duration_s: CLIP_S }
    }
}

impl Composer {
    /// A composer of clips of `duration_s`, between 2 and 120 s; anything else is moved there.
    pub fn new(duration_s: f64) -> Self {
        let duration_s = if duration_s.is_finite() {
            duration_s.clamp(2.0, 120.0)
        } else {
            CLIP_S
        };
        Self { duration_s }
    }

    /// A piece on one side of the split. The same seed gives the same score.
    pub fn compose(&self, seed: u64, split: Split) -> Score {
        let root = Rng::new(seed, "compose");
        let mut attempt = 0u64;
        loop {
            let mut rng = root.fork(&format!("attempt {attempt}"));
            let style = rng.pick(STYLES);
            let sketch = self.sketch(style, &mut rng);
            // Nine in ten sketches are for training, one in ten is not: this ends soon.
            if Split::of(&sketch.plan) == split {
                return arrange::write(&sketch.plan, style, &sketch.band, rng.next_u64());
            }
            attempt += 1;
        }
    }

    /// Writes every part of a given plan for a band in a style.
    ///
    /// `instruments` are canonical names; one that General MIDI lacks is played by its nearest
    /// relative. None means the band that the style usually has. The same arguments give the same
    /// score. Beats and chords stay as they are; style and instruments become those of the score.
    /// Fails on a plan that is not valid and on names that are not instruments.
    pub fn arrange(
        &self,
        plan: &Plan,
        style: &'static Style,
        instruments: &[String],
        seed: u64,
    ) -> Result<Score> {
        arrange::arrange(plan, style, instruments, seed)
    }

    fn sketch(&self, style: &'static Style, rng: &mut Rng) -> Sketch {
        let ensemble = match rng.weighted(&[0.2, 0.28, 0.5, 0.02 * style.drums]) {
            0 => Ensemble::Solo,
            1 => Ensemble::Small,
            2 => Ensemble::Full,
            _ => Ensemble::DrumsOnly,
        };
        let band = lineup::choose(style, ensemble, rng);
        let (kind, meter) = meter(style, rng);
        let tempo_bpm = tempo(style, kind, rng);
        let key = key(style, rng);
        let grid = self.grid(style, kind, tempo_bpm, rng);
        let mut plan = Plan {
            tempo_bpm,
            meter,
            key: Some(key),
            duration_s: self.duration_s,
            beats: grid.beats,
            chords: Vec::new(),
            style: Some(style.name.to_owned()),
            instruments: Vec::new(),
        };
        if ensemble == Ensemble::DrumsOnly {
            plan.key = None;
        } else {
            let slot_beats = slot_beats(kind, tempo_bpm, rng);
            let beats_needed = grid.first_beat + grid.times_s.len() as f64 + 1.0;
            let changes =
                harmony::progression(style.dialect, key.mode, slot_beats, beats_needed, rng);
            plan.chords = window(
                &changes,
                key,
                grid.first_beat,
                &grid.times_s,
                self.duration_s,
            );
        }
        Sketch { plan, band }
    }

    /// The beats of the window. Times start at the first beat at or before 0 s.
    fn grid(&self, style: &Style, kind: MeterKind, tempo_bpm: f64, rng: &mut Rng) -> Grid {
        let per_bar = kind.beats();
        let period_s = 60.0 / tempo_bpm;
        let fresh = rng.chance(0.35);
        let first_beat = if fresh { 0 } else { rng.below(8 * per_bar) };
        let phase_s = if fresh {
            rng.between(0.0, 0.019)
        } else {
            -period_s * rng.unit()
        };
        // People drift by up to a third of a percent and back; machines do not.
        let drift = if style.feel.jitter_ms > 3.0 {
            0.003 * rng.unit()
        } else {
            0.0
        };
        let (cycle_beats, turn) = (rng.between(9.0, 24.0), rng.unit());
        let mut times_s = Vec::new();
        let mut time_s = phase_s;
        while time_s < self.duration_s {
            times_s.push(time_s);
            let angle = std::f64::consts::TAU * (times_s.len() as f64 / cycle_beats + turn);
            time_s += period_s * (1.0 + drift * angle.sin());
        }
        let beats = times_s
            .iter()
            .enumerate()
            .filter(|(_, time_s)| **time_s >= 0.0)
            .map(|(i, &time_s)| Beat {
                time_s,
                number: ((first_beat + i) % per_bar) as u8 + 1,
            })
            .collect();
        Grid {
            beats,
            times_s,
            first_beat: first_beat as f64,
        }
    }
}

struct Sketch {
    plan: Plan,
    band: Vec<&'static Instrument>,
}

struct Grid {
    beats: Vec<Beat>,
    /// Times of all beats from the one at or before 0 s.
    times_s: Vec<f64>,
    /// The number of that beat in the piece, from 0.
    first_beat: f64,
}

fn meter(style: &Style, rng: &mut Rng) -> (MeterKind, Meter) {
    let kind = if rng.chance(style.other_meter) {
        match style.meter {
            MeterKind::Four => rng.pick(&[MeterKind::Three, MeterKind::SixEight]),
            MeterKind::Three => MeterKind::Four,
            MeterKind::SixEight => rng.pick(&[MeterKind::Four, MeterKind::Three]),
        }
    } else {
        style.meter
    };
    let meter = match kind {
        MeterKind::Four => Meter::FOUR_FOUR,
        MeterKind::Three => Meter::THREE_FOUR,
        MeterKind::SixEight => Meter::SIX_EIGHT,
    };
    (kind, meter)
}

/// A tempo of the style, evenly spread on a logarithmic scale, mostly a whole number. Felt beats
/// of 6/8 are longer than those of the style's quarters, and the other way round.
fn tempo(style: &Style, kind: MeterKind, rng: &mut Rng) -> f64 {
    let (low, high) = style.tempo_bpm;
    let factor = match (style.meter, kind) {
        (MeterKind::SixEight, MeterKind::Four | MeterKind::Three) => 1.35,
        (MeterKind::Four | MeterKind::Three, MeterKind::SixEight) => 0.65,
        _ => 1.0,
    };
    let bpm = (rng.between(low.ln(), high.ln()).exp() * factor).clamp(50.0, 190.0);
    if rng.chance(0.7) {
        bpm.round()
    } else {
        (bpm * 10.0).round() / 10.0
    }
}

fn key(style: &Style, rng: &mut Rng) -> Key {
    let minor = rng.chance(style.minor);
    let mode = match (minor, rng.chance(style.modal)) {
        (true, true) => rng.pick(&[Mode::Dorian, Mode::Dorian, Mode::Phrygian]),
        (true, false) => Mode::Minor,
        (false, true) => rng.pick(&[Mode::Mixolydian, Mode::Mixolydian, Mode::Lydian]),
        (false, false) => Mode::Major,
    };
    let tonic = PitchClass::new(rng.below(12) as i32);
    // Of the two spellings take the one with fewer accidentals.
    let spelled = |spelling| {
        let note = mustool_music::NoteName::from_pitch_class(tonic, spelling);
        Key::new(note, mode)
    };
    let (sharp, flat) = (spelled(Spelling::Sharps), spelled(Spelling::Flats));
    if sharp.signature().abs() < flat.signature().abs() {
        sharp
    } else {
        flat
    }
}

/// How long a chord lasts: a bar, half of one or two of them, so that most last 1.1 to 4.2 s.
fn slot_beats(kind: MeterKind, tempo_bpm: f64, rng: &mut Rng) -> f64 {
    let bar = kind.beats() as f64;
    let half = if kind == MeterKind::Three {
        bar
    } else {
        bar / 2.0
    };
    let options = [(half, 0.3), (bar, 1.0), (2.0 * bar, 0.25)];
    let weights = options.map(|(beats, weight)| {
        let length_s = beats * 60.0 / tempo_bpm;
        if (1.1..4.2).contains(&length_s) {
            weight
        } else {
            0.002 * weight
        }
    });
    options[rng.weighted(&weights)].0
}

/// The chord events of a window that begins `times_s[0]` at beat `first_beat` of the piece.
fn window(
    changes: &[Change],
    key: Key,
    first_beat: f64,
    times_s: &[f64],
    duration_s: f64,
) -> Vec<ChordEvent> {
    let mut events: Vec<ChordEvent> = Vec::new();
    let mut start = 0.0;
    for change in changes {
        let end = start + change.beats;
        let from = start - first_beat;
        let time_s = if from < 0.0 {
            Some(0.0)
        } else {
            times_s.get(from as usize).copied()
        };
        let ends_s = times_s.get((end - first_beat).max(0.0) as usize).copied();
        let already_over = end <= first_beat || ends_s.is_some_and(|ends_s| ends_s <= 0.02);
        if let Some(time_s) = time_s.filter(|&t| !already_over && t < duration_s - 0.05) {
            events.push(ChordEvent {
                time_s: time_s.max(0.0),
                chord: change.roman.in_key(key),
            });
        }
        start = end;
    }
    events
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    fn scores(n: u64) -> Vec<Score> {
        (0..n)
            .map(|seed| Composer::default().compose(seed, Split::Train))
            .collect()
    }

    #[test]
    fn same_seed_same_score() {
        for seed in [0, 1, 99, u64::MAX] {
            let [a, b] = [0, 1].map(|_| Composer::default().compose(seed, Split::Train));
            assert_eq!((a.plan, a.parts, a.mood), (b.plan, b.parts, b.mood));
        }
    }

    #[test]
    fn plans_are_valid_and_beats_match_the_tempo() {
        for score in scores(150) {
            score.plan.validate().unwrap();
            let beats = &score.plan.beats;
            let period_s = 60.0 / score.plan.tempo_bpm;
            for pair in beats.windows(2) {
                let gap_s = pair[1].time_s - pair[0].time_s;
                assert!(
                    (gap_s / period_s - 1.0).abs() < 0.0031,
                    "{gap_s} for {period_s}"
                );
                let per_bar = score.plan.felt_beats_per_bar();
                assert_eq!(pair[1].number, pair[0].number % per_bar + 1);
            }
            assert!((50.0..=190.0).contains(&score.plan.tempo_bpm));
            assert!(beats[0].time_s < period_s * 1.01);
            if let Some(first) = score.plan.chords.first() {
                assert!(first.time_s < 0.02, "the first chord sounds from the start");
            }
        }
    }

    #[test]
    fn chords_change_on_beats() {
        for score in scores(100) {
            for event in score.plan.chords.iter().skip(1) {
                let on_beat = |beat: &Beat| (beat.time_s - event.time_s).abs() < 1e-9;
                assert!(score.plan.beats.iter().any(on_beat), "{event:?}");
            }
        }
    }

    #[test]
    fn all_keys_styles_and_metres_occur() {
        let mut tonics: BTreeMap<u8, usize> = BTreeMap::new();
        let mut styles = BTreeSet::new();
        let mut meters = BTreeSet::new();
        let mut modes: BTreeMap<String, usize> = BTreeMap::new();
        for score in scores(800) {
            if let Some(key) = score.plan.key {
                *tonics.entry(key.tonic.pitch_class().value()).or_default() += 1;
                *modes.entry(key.mode.name().to_owned()).or_default() += 1;
            }
            styles.insert(score.style.name);
            meters.insert(score.plan.meter.to_string());
        }
        assert_eq!(styles.len(), STYLES.len());
        assert_eq!(meters.len(), 3);
        assert!(
            tonics.len() == 12 && tonics.values().all(|&n| n > 35),
            "{tonics:?}"
        );
        assert!(modes["major"] > 250 && modes["minor"] > 250, "{modes:?}");
        let modal: usize = modes
            .iter()
            .filter(|m| m.0 != "major" && m.0 != "minor")
            .map(|m| m.1)
            .sum();
        assert!((30..160).contains(&modal), "{modes:?}");
    }

    #[test]
    fn keys_are_spelled_with_few_accidentals() {
        for score in scores(200) {
            if let Some(key) = score.plan.key {
                assert!(key.signature().abs() <= 6, "{key}");
            }
        }
    }

    #[test]
    fn a_window_opens_on_the_chord_that_sounds() {
        let change = |numeral: &str| Change {
            roman: harmony::Roman::parse(numeral).unwrap(),
            beats: 4.0,
        };
        let changes = ["I", "IV", "V", "I"].map(change);
        let key = Key::parse("C major").unwrap();
        // The clip begins half a beat after beat 2 of the second bar.
        let times_s: Vec<f64> = (0..8).map(|i| f64::from(i) * 0.5 - 0.25).collect();
        let events = window(&changes, key, 5.0, &times_s, 3.0);
        let told: Vec<_> = events
            .iter()
            .map(|e| (e.time_s, e.chord.to_string()))
            .collect();
        assert_eq!(told, [(0.0, "F".to_owned()), (1.25, "G".to_owned())]);
    }

    #[test]
    fn chords_last_long_enough_to_be_heard() {
        let mut rng = Rng::new(0, "slots");
        let mut short = 0;
        for tempo_bpm in (50..=190).step_by(5) {
            for kind in [MeterKind::Four, MeterKind::Three, MeterKind::SixEight] {
                let length_s =
                    slot_beats(kind, f64::from(tempo_bpm), &mut rng) * 60.0 / f64::from(tempo_bpm);
                short += usize::from(!(0.9..5.0).contains(&length_s));
            }
        }
        assert!(short <= 3, "{short} odd slots of 87");
    }
}
