//! From notes on the grid to notes as people play them: swing, small delays, uneven strength.

use crate::instrument::Instrument;
use crate::parts::Event;
use crate::rng::Rng;
use crate::score::Note;
use crate::style::{Drum, Feel, Role};
use crate::timeline::{PREROLL_S, Timeline};

/// How a part is played.
pub(crate) struct Touch<'a> {
    pub(crate) feel: Feel,
    pub(crate) role: Role,
    pub(crate) instrument: &'a Instrument,
    /// Loudness of the section at a position, 0 to 1.
    pub(crate) intensity: &'a dyn Fn(f64) -> f64,
    /// Where the clip ends.
    pub(crate) duration_s: f64,
}

/// The notes of a part, in order of onset. Notes that begin before the pre-roll and still sound
/// then begin with it; notes outside the clip are dropped.
pub(crate) fn perform(
    events: &[Event],
    touch: &Touch,
    timeline: &Timeline,
    rng: &mut Rng,
) -> Vec<Note> {
    let mut notes: Vec<Note> = Vec::new();
    for event in events {
        let late_ms = if lies_back(touch.role, event) {
            touch.feel.laid_back_ms
        } else {
            0.0
        };
        let shift_s = (late_ms + touch.feel.jitter_ms * rng.gauss()) / 1000.0 + event.delay_s;
        let loudness = 0.72 + 0.28 * (touch.intensity)(event.at);
        let velocity = (127.0 * event.strength * loudness + 3.0 * rng.gauss()).clamp(8.0, 127.0);
        let start_s = timeline.time_s(swung(event.at, touch.feel, timeline)) + shift_s;
        let end_s = timeline.time_s(swung(event.end(), touch.feel, timeline));
        let (pitched, shortest_s) = (touch.role != Role::Drums, 0.03);
        let heard_s = start_s.max(-PREROLL_S);
        let duration_s = (end_s - heard_s).max(if start_s < heard_s { 0.0 } else { shortest_s });
        if start_s >= touch.duration_s - 0.02 || duration_s < shortest_s {
            continue;
        }
        if start_s < -PREROLL_S && (!pitched || duration_s < 0.25) {
            continue;
        }
        let Ok(pitch) = u8::try_from(event.pitch) else {
            continue;
        };
        let in_range = (touch.instrument.low..=touch.instrument.high).contains(&pitch);
        if pitched && !in_range {
            continue;
        }
        notes.push(Note {
            start_s: heard_s,
            duration_s,
            pitch,
            velocity: velocity as u8,
        });
    }
    notes.sort_by(|a, b| a.start_s.total_cmp(&b.start_s).then(a.pitch.cmp(&b.pitch)));
    release_before_repeat(&mut notes);
    notes
}

/// The backbeat and the chords may lie behind the beat; bass, kick and tune do not.
fn lies_back(role: Role, event: &Event) -> bool {
    match role {
        Role::Drums => [Drum::Snare, Drum::SideStick, Drum::Clap]
            .iter()
            .any(|&drum| drum as i32 == event.pitch),
        Role::Comping | Role::Arpeggio | Role::CounterMelody => true,
        Role::Bass | Role::Pad | Role::Melody => false,
    }
}

/// A position moved by swing: the second half of each beat, or half-beat, comes late.
fn swung(position: f64, feel: Feel, timeline: &Timeline) -> f64 {
    if timeline.compound || feel.swing <= 0.0 {
        return position;
    }
    let unit = if feel.swings_sixteenths { 0.5 } else { 1.0 };
    let middle = 0.5 + feel.swing / 6.0;
    let inside = (position / unit).fract();
    let warped = if inside < 0.5 {
        2.0 * inside * middle
    } else {
        middle + (2.0 * inside - 1.0) * (1.0 - middle)
    };
    ((position / unit).floor() + warped) * unit
}

/// A key has to come up before it goes down again.
fn release_before_repeat(notes: &mut [Note]) {
    let mut last: [Option<usize>; 128] = [None; 128];
    for i in 0..notes.len() {
        let key = usize::from(notes[i].pitch.min(127));
        if let Some(before) = last[key] {
            let gap_s = notes[i].start_s - notes[before].start_s;
            notes[before].duration_s = notes[before].duration_s.min((gap_s - 0.005).max(0.01));
        }
        last[key] = Some(i);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::testing::timeline;

    fn feel(swing: f64, jitter_ms: f64) -> Feel {
        Feel {
            swing,
            swings_sixteenths: false,
            jitter_ms,
            laid_back_ms: 0.0,
        }
    }

    fn perform_straight(events: &[Event], feel: Feel) -> Vec<Note> {
        let timeline = timeline("C F G C");
        let instrument = Instrument::named("piano").unwrap();
        let intensity = |_: f64| 1.0;
        let touch = Touch {
            feel,
            role: Role::Comping,
            instrument,
            intensity: &intensity,
            duration_s: 4.0,
        };
        perform(events, &touch, &timeline, &mut Rng::new(1, "perform"))
    }

    #[test]
    fn triplet_swing_delays_the_eighth_to_two_thirds() {
        let timeline = timeline("C F G C");
        assert!((swung(1.5, feel(1.0, 0.0), &timeline) - (1.0 + 2.0 / 3.0)).abs() < 1e-9);
        assert_eq!(swung(2.0, feel(1.0, 0.0), &timeline), 2.0);
        assert_eq!(swung(1.5, feel(0.0, 0.0), &timeline), 1.5);
    }

    #[test]
    fn jitter_stays_small_and_averages_out() {
        let origin = timeline("C F G C").origin;
        let events: Vec<Event> = (0..8)
            .map(|beat| Event::new(origin + f64::from(beat), 0.5, 60 + beat, 0.7))
            .collect();
        let notes = perform_straight(&events, feel(0.0, 8.0));
        let errors: Vec<f64> = notes
            .iter()
            .map(|n| n.start_s - 0.5 * f64::from(n.pitch - 60))
            .collect();
        assert!(
            errors.iter().all(|error| error.abs() <= 0.0201),
            "{errors:?}"
        );
        let mean = errors.iter().sum::<f64>() / errors.len() as f64;
        assert!(mean.abs() < 0.01);
    }

    #[test]
    fn a_repeated_key_is_released_first() {
        let origin = timeline("C F G C").origin;
        let note = |at, len| Event::new(origin + at, len, 60, 0.7);
        let events = [note(0.0, 2.0), note(1.0, 1.0)];
        let notes = perform_straight(&events, feel(0.0, 0.0));
        assert!(notes[0].start_s + notes[0].duration_s < notes[1].start_s);
    }

    #[test]
    fn notes_outside_the_clip_are_dropped_and_held_ones_are_cut() {
        let origin = timeline("C F G C").origin;
        let note = |at, len, pitch| Event::new(origin + at, len, pitch, 0.7);
        // Long over, still sounding at the pre-roll, after the end, out of the piano's range.
        let events = [
            note(-4.0, 1.0, 60),
            note(-3.0, 4.0, 62),
            note(9.0, 1.0, 64),
            note(1.0, 1.0, 5),
        ];
        let notes = perform_straight(&events, feel(0.0, 0.0));
        assert_eq!(notes.len(), 1);
        assert_eq!((notes[0].start_s, notes[0].pitch), (-PREROLL_S, 62));
        assert!((notes[0].duration_s - (0.5 + PREROLL_S)).abs() < 1e-9);
    }

    #[test]
    fn only_what_lies_back_is_late() {
        let strike = |pitch: Drum| Event::new(0.0, 0.1, pitch as i32, 0.7);
        assert!(lies_back(Role::Drums, &strike(Drum::Snare)));
        assert!(!lies_back(Role::Drums, &strike(Drum::Kick)));
        assert!(!lies_back(Role::Bass, &strike(Drum::Snare)));
    }
}
