//! The limits of a plan, and the check that a plan from outside keeps them.

use super::Plan;
use crate::error::{PlanError, PlanFault};

/// Most beats in a plan.
pub const MAX_BEATS: usize = 512;
/// Most chords in a plan.
pub const MAX_CHORDS: usize = 256;
/// Longest piece, in seconds.
pub const MAX_DURATION_S: f64 = 600.0;
/// Slowest and fastest tempo, in beats per minute.
pub const TEMPO_RANGE_BPM: (f64, f64) = (20.0, 400.0);
/// Most instruments in a plan.
const MAX_INSTRUMENTS: usize = 64;
/// Longest style or instrument name, in bytes.
const MAX_NAME_BYTES: usize = 200;

fn fault(pointer: impl Into<String>, reason: PlanFault) -> PlanError {
    PlanError {
        pointer: pointer.into(),
        reason,
    }
}

pub(super) fn within(pointer: &str, value: f64, (min, max): (f64, f64)) -> Result<(), PlanError> {
    if value >= min && value <= max {
        return Ok(());
    }
    Err(fault(pointer, PlanFault::Range { value, min, max }))
}

pub(super) fn at_most(pointer: &str, count: usize, max: usize) -> Result<(), PlanError> {
    if count <= max {
        return Ok(());
    }
    Err(fault(pointer, PlanFault::TooMany { count, max }))
}

/// Times must lie within the piece and each after the one before.
pub(super) fn in_order(
    list: &str,
    times: impl Iterator<Item = f64>,
    duration_s: f64,
) -> Result<(), PlanError> {
    let mut previous = None;
    for (index, value) in times.enumerate() {
        let pointer = format!("/{list}/{index}/t");
        within(&pointer, value, (0.0, duration_s))?;
        match previous.replace(value) {
            Some(previous) if value <= previous => {
                return Err(fault(pointer, PlanFault::Order { value, previous }));
            }
            _ => {}
        }
    }
    Ok(())
}

impl Plan {
    /// Checks every number of a plan from outside; the error points at the first that is wrong.
    ///
    /// The tempo is 20 to 400 beats per minute; the duration above 0 and at most 600 s; there are
    /// at most 512 beats, 256 chords and 64 instruments; times rise and lie within the piece; beat
    /// numbers lie within the bar.
    pub fn validate(&self) -> Result<(), PlanError> {
        within("/tempo_bpm", self.tempo_bpm, TEMPO_RANGE_BPM)?;
        within(
            "/duration_s",
            self.duration_s,
            (f64::MIN_POSITIVE, MAX_DURATION_S),
        )?;
        let Self { meter, .. } = self;
        if crate::Meter::new(meter.beats_per_bar, meter.beat_unit).is_none() {
            let value = f64::from(meter.beats_per_bar);
            return Err(fault(
                "/meter",
                PlanFault::Range {
                    value,
                    min: 1.0,
                    max: 32.0,
                },
            ));
        }
        at_most("/beats", self.beats.len(), MAX_BEATS)?;
        at_most("/chords", self.chords.len(), MAX_CHORDS)?;
        at_most("/instruments", self.instruments.len(), MAX_INSTRUMENTS)?;
        in_order(
            "beats",
            self.beats.iter().map(|beat| beat.time_s),
            self.duration_s,
        )?;
        in_order(
            "chords",
            self.chords.iter().map(|event| event.time_s),
            self.duration_s,
        )?;
        let last = f64::from(meter.beats_per_bar);
        for (index, beat) in self.beats.iter().enumerate() {
            within(
                &format!("/beats/{index}/beat"),
                f64::from(beat.number),
                (1.0, last),
            )?;
        }
        let style = self.style.iter().map(|style| ("/style".to_owned(), style));
        let instruments = self.instruments.iter().enumerate();
        let names =
            style.chain(instruments.map(|(index, name)| (format!("/instruments/{index}"), name)));
        for (pointer, name) in names {
            if name.len() > MAX_NAME_BYTES {
                return Err(fault(
                    pointer,
                    PlanFault::TooLong {
                        length: name.len(),
                        max: MAX_NAME_BYTES,
                    },
                ));
            }
        }
        Ok(())
    }
}
