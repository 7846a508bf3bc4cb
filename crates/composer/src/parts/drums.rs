//! The drums: a groove, its fills and its crashes.

use super::{Event, onsets};
use crate::pattern;
use crate::rng::Rng;
use crate::style::{
    Drum::{self, ClosedHat, Crash, FloorTom, HighTom, Kick, MidTom, Ride, Snare},
    Groove, MeterKind,
};
use crate::timeline::Timeline;

/// What the drummer needs to know beside the groove.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kit<'a> {
    /// The groove, as written in `meter`.
    pub(crate) groove: Groove,
    /// The metre of the groove.
    pub(crate) meter: MeterKind,
    /// 0 calm to 1 wild.
    pub(crate) energy: f64,
    /// Bars, by index, that begin a section.
    pub(crate) section_starts: &'a [usize],
}

/// Generic grooves for styles that were not written in the metre of the plan.
const FOUR_GROOVES: &[Groove] = &[
    &[
        (Kick, "x.......x......."),
        (Snare, "....x.......x..."),
        (ClosedHat, "x.o.x.o.x.o.x.o."),
    ],
    &[
        (Kick, "x.......x.x....."),
        (Snare, "....o.......o..."),
        (Ride, "x.o.x.o.x.o.x.o."),
    ],
];
const WALTZ_GROOVES: &[Groove] = &[
    &[(Kick, "x....."), (Snare, "..x.x."), (ClosedHat, "x.x.x.")],
    &[(Kick, "x....."), (Snare, "....x."), (ClosedHat, "xoxoxo")],
    &[(Kick, "x...o."), (Snare, "..X..."), (Ride, "x.x.x.")],
];
const SIX_EIGHT_GROOVES: &[Groove] = &[
    &[(Kick, "x....."), (Snare, "...X.."), (ClosedHat, "xxxxxx")],
    &[(Kick, "x....o"), (Snare, "...X.."), (ClosedHat, "xooxoo")],
    &[(Kick, "x.x..x"), (Snare, "...X.."), (Ride, "xoxxox")],
];

/// A groove of the style if its metre is `meter`, otherwise a generic one.
pub(crate) fn groove_for(
    own: &'static [Groove],
    own_meter: MeterKind,
    meter: MeterKind,
    rng: &mut Rng,
) -> Groove {
    match meter {
        _ if own_meter == meter && !own.is_empty() => rng.pick(own),
        MeterKind::Three => rng.pick(WALTZ_GROOVES),
        MeterKind::SixEight => rng.pick(SIX_EIGHT_GROOVES),
        MeterKind::Four => rng.pick(FOUR_GROOVES),
    }
}

fn strength(token: char) -> f64 {
    match token {
        'X' => 0.92,
        'x' => 0.76,
        'g' => 0.3,
        _ => 0.52,
    }
}

/// The drum part.
pub(crate) fn play(kit: Kit, timeline: &Timeline, rng: &mut Rng) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    for &(drum, row) in kit.groove {
        for onset in onsets(row, kit.meter, timeline) {
            let hand = strength(onset.token) + 0.04 * rng.gauss();
            events.push(Event::new(onset.at, 0.12, drum as i32, hand));
        }
    }
    let light = kit.energy < 0.3;
    for (index, bar) in timeline.bars.iter().enumerate() {
        let next_is_new = kit.section_starts.contains(&(index + 1)) && index > 0;
        let turns = index % 4 == 3 && rng.chance(0.25 + 0.35 * kit.energy);
        if (next_is_new || turns) && !light {
            fill(
                &mut events,
                bar.start + bar.beats as f64,
                bar.beats,
                kit,
                timeline,
                rng,
            );
        }
        let opens = kit.section_starts.contains(&index);
        if opens && kit.energy > 0.45 && bar.start >= timeline.origin && has_kit(kit.groove) {
            events.push(Event::new(bar.start, 0.5, Crash as i32, 0.72));
        }
    }
    events.retain(|event| event.at > timeline.origin - 1e-6);
    events.sort_by(|a, b| a.at.total_cmp(&b.at).then(a.pitch.cmp(&b.pitch)));
    events
}

fn has_kit(groove: Groove) -> bool {
    groove.iter().any(|row| row.0 == Snare) && groove.iter().any(|row| row.0 == Kick)
}

/// Fills the last one or two beats before `end` with snare and toms instead of the groove.
fn fill(
    events: &mut Vec<Event>,
    end: f64,
    bar: usize,
    kit: Kit,
    timeline: &Timeline,
    rng: &mut Rng,
) {
    const ROWS: [&str; 6] = ["ssss", "s.ss", "sshm", "hhmf", "s.mf", "x.ss"];
    const TRIPLET_ROWS: [&str; 4] = ["sss", "shm", "hmf", "s.s"];
    let triplets = timeline.compound || kit.groove.iter().any(|row| is_triplet(row.1, kit.meter));
    let rows: &[&str] = if triplets { &TRIPLET_ROWS } else { &ROWS };
    let num_beats = if bar > 3 && rng.chance(0.35 * kit.energy) {
        2
    } else {
        1
    };
    let start = end - num_beats as f64;
    events.retain(|event| {
        let hands = event.pitch != Kick as i32;
        !(hands && event.at > start - 1e-6 && event.at < end - 1e-6)
    });
    for beat in 0..num_beats {
        for step in pattern::steps(rng.pick(rows), 0, 1, 1) {
            let drum: Drum = match step.token {
                'h' => HighTom,
                'm' => MidTom,
                'f' => FloorTom,
                _ => Snare,
            };
            let at = start + beat as f64 + step.at;
            let growing = 0.62 + 0.22 * (at - start) / num_beats as f64;
            events.push(Event::new(
                at,
                0.12,
                drum as i32,
                growing + 0.04 * rng.gauss(),
            ));
        }
    }
}

fn is_triplet(row: &str, meter: MeterKind) -> bool {
    let first = row.split('|').next().unwrap_or_default();
    meter != MeterKind::SixEight && first.len() / meter.beats() == 3
}

#[cfg(test)]
mod tests {
    use super::super::testing::{plan, timeline};
    use super::*;
    use crate::style::STYLES;
    use mustool_music::Meter;

    #[test]
    fn a_rock_beat_has_its_backbeat() {
        let timeline = timeline("C C C C");
        let groove: Groove = &[(Kick, "x.......x......."), (Snare, "....X.......X...")];
        let kit = Kit {
            groove,
            meter: MeterKind::Four,
            energy: 0.0,
            section_starts: &[],
        };
        let events = play(kit, &timeline, &mut Rng::new(0, "drums"));
        let snares = events.iter().filter(|e| e.pitch == Snare as i32);
        assert!(snares.clone().all(|e| e.at.rem_euclid(2.0) == 1.0));
        assert!(snares.count() >= 4);
    }

    #[test]
    fn every_style_keeps_time_in_every_metre() {
        let metres = [
            (MeterKind::Four, Meter::FOUR_FOUR),
            (MeterKind::Three, Meter::THREE_FOUR),
            (MeterKind::SixEight, Meter::SIX_EIGHT),
        ];
        for style in STYLES {
            for (kind, meter) in metres {
                let timeline = Timeline::new(&plan("C F G C C F G C", meter, 100.0));
                let mut rng = Rng::new(9, style.name);
                let groove = groove_for(style.grooves, style.meter, kind, &mut rng);
                let kit = Kit {
                    groove,
                    meter: kind,
                    energy: style.energy,
                    section_starts: &[0],
                };
                let events = play(kit, &timeline, &mut rng);
                let bars = timeline.bars.len();
                assert!(
                    events.len() >= bars,
                    "{} in {meter:?}: {}",
                    style.name,
                    events.len()
                );
                assert!(
                    events
                        .iter()
                        .all(|e| e.strength.is_finite() && e.at < timeline.end())
                );
            }
        }
    }

    #[test]
    fn fills_come_before_new_sections() {
        let timeline = timeline("C C C C C C C C");
        let groove: Groove = &[(Kick, "x.......x......."), (Snare, "....X.......X...")];
        let kit = Kit {
            groove,
            meter: MeterKind::Four,
            energy: 0.8,
            section_starts: &[3],
        };
        let events = play(kit, &timeline, &mut Rng::new(4, "fill"));
        let line = timeline.bars[3].start;
        let fill = events
            .iter()
            .filter(|e| e.at >= line - 1.0 && e.at < line && e.pitch != 36);
        assert!(fill.count() >= 2);
        assert!(
            events
                .iter()
                .any(|e| e.at == line && e.pitch == Crash as i32)
        );
    }

    #[test]
    fn calm_styles_play_no_fills_and_no_crashes() {
        let timeline = timeline("C C C C C C C C");
        let groove: Groove = &[(Kick, "x.......x......."), (Snare, "....x.......x...")];
        let kit = Kit {
            groove,
            meter: MeterKind::Four,
            energy: 0.2,
            section_starts: &[0, 2],
        };
        let events = play(kit, &timeline, &mut Rng::new(3, "calm"));
        assert!(
            events
                .iter()
                .all(|e| [Kick as i32, Snare as i32].contains(&e.pitch))
        );
        assert!(events.iter().all(|e| e.at.fract() == 0.0));
    }
}
