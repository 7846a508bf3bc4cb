//! A score as a Standard MIDI File (format 1), for notation programs and sequencers.
//!
//! Ticks follow the beats of the plan, so bar lines stand where the music has them; every change
//! of the beat is written into the tempo track, along with metre, key, chord names and sections.
//! Tick 0 is the first bar line of the timeline, at or before the beginning of the clip.

use crate::error::{Error, Result};
use crate::render::{channels, pan, volume};
use crate::score::{Part, Score};
use crate::timeline::Timeline;
use midly::num::{u4, u7, u15, u24, u28};
use midly::{
    Format, Header, MetaMessage, MidiMessage, Smf, Timing, Track, TrackEvent, TrackEventKind,
};

/// Ticks of a quarter note.
const TICKS_PER_QUARTER: u16 = 480;

/// The bytes of a MIDI file of this score.
pub fn to_bytes(score: &Score) -> Result<Vec<u8>> {
    let clock = Clock::new(score);
    let texts = Texts::of(score);
    let header = Header::new(
        Format::Parallel,
        Timing::Metrical(u15::new(TICKS_PER_QUARTER)),
    );
    let mut smf = Smf::new(header);
    smf.tracks.push(clock.tempo_track(score, &texts));
    for (channel, part) in channels(&score.parts) {
        smf.tracks.push(clock.part_track(channel, part));
    }
    let mut bytes = Vec::new();
    smf.write_std(&mut bytes)
        .map_err(|source| Error::Midi { source })?;
    Ok(bytes)
}

/// Owned texts that the events of a file borrow.
struct Texts {
    chords: Vec<(f64, String)>,
}

impl Texts {
    fn of(score: &Score) -> Self {
        let chords = score.plan.chords.iter();
        Self {
            chords: chords
                .map(|event| (event.time_s, event.chord.to_string()))
                .collect(),
        }
    }
}

/// From seconds to ticks.
struct Clock {
    timeline: Timeline,
    ticks_per_beat: f64,
}

impl Clock {
    fn new(score: &Score) -> Self {
        let quarters = score.plan.meter.quarters_per_felt_beat();
        Self {
            timeline: Timeline::new(&score.plan),
            ticks_per_beat: quarters * f64::from(TICKS_PER_QUARTER),
        }
    }

    fn tick(&self, time_s: f64) -> u32 {
        (self.timeline.position(time_s) * self.ticks_per_beat)
            .round()
            .max(0.0) as u32
    }

    fn tempo_track<'a>(&self, score: &'a Score, texts: &'a Texts) -> Track<'a> {
        let mut events: Vec<(u32, TrackEventKind<'a>)> = Vec::new();
        let mut meta = |tick, message| events.push((tick, TrackEventKind::Meta(message)));
        let meter = score.plan.meter;
        meta(0, MetaMessage::TrackName(score.style.name.as_bytes()));
        let unit = meter.beat_unit.max(1).ilog2() as u8;
        let clocks = (24.0 * meter.quarters_per_felt_beat()).round() as u8;
        meta(
            0,
            MetaMessage::TimeSignature(meter.beats_per_bar, unit, clocks, 8),
        );
        if let Some(key) = score.plan.key {
            let sharps = key.signature().clamp(-7, 7) as i8;
            meta(0, MetaMessage::KeySignature(sharps, key.mode.is_minor()));
        }
        let mut current = 0;
        for beat in 0..self.timeline.end().floor() as u32 {
            let position = f64::from(beat);
            let length_s = self.timeline.time_s(position + 1.0) - self.timeline.time_s(position);
            let quarters = self.ticks_per_beat / f64::from(TICKS_PER_QUARTER);
            let micros = (length_s * 1e6 / quarters).round().clamp(1.0, 16_777_215.0) as u32;
            if micros != current {
                current = micros;
                let tick = (position * self.ticks_per_beat).round() as u32;
                meta(tick, MetaMessage::Tempo(u24::new(micros)));
            }
        }
        for section in &score.sections {
            meta(
                self.tick(section.start_s),
                MetaMessage::Marker(section.name.as_bytes()),
            );
        }
        for (time_s, symbol) in &texts.chords {
            meta(self.tick(*time_s), MetaMessage::Text(symbol.as_bytes()));
        }
        track(events)
    }

    fn part_track(&self, channel: i32, part: &Part) -> Track<'static> {
        let channel = u4::new(channel.clamp(0, 15) as u8);
        let mut events: Vec<(u32, TrackEventKind<'static>)> = Vec::new();
        let mut send =
            |tick, message| events.push((tick, TrackEventKind::Midi { channel, message }));
        let controller = |controller: u8, value: i32| MidiMessage::Controller {
            controller: u7::new(controller),
            value: u7::new(value.clamp(0, 127) as u8),
        };
        send(
            0,
            MidiMessage::ProgramChange {
                program: u7::new(part.program.min(127)),
            },
        );
        send(0, controller(7, volume(part.level_db)));
        send(0, controller(10, pan(part.pan)));
        for note in &part.notes {
            let key = u7::new(note.pitch.min(127));
            let on = self.tick(note.start_s);
            let off = self.tick(note.start_s + note.duration_s).max(on + 1);
            let vel = u7::new(note.velocity.clamp(1, 127));
            send(on, MidiMessage::NoteOn { key, vel });
            send(
                off,
                MidiMessage::NoteOff {
                    key,
                    vel: u7::new(0),
                },
            );
        }
        let name = TrackEventKind::Meta(MetaMessage::TrackName(part.instrument.name.as_bytes()));
        events.insert(0, (0, name));
        track(events)
    }
}

/// Sorts events by tick, releases before presses, and writes them with delta times.
fn track<'a>(mut events: Vec<(u32, TrackEventKind<'a>)>) -> Track<'a> {
    let pressing = |kind: &TrackEventKind| {
        matches!(
            kind,
            TrackEventKind::Midi {
                message: MidiMessage::NoteOn { .. },
                ..
            }
        )
    };
    events.sort_by_key(|(tick, kind)| (*tick, pressing(kind)));
    let mut last = 0;
    let mut track: Track<'a> = Vec::with_capacity(events.len() + 1);
    for (tick, kind) in events {
        track.push(TrackEvent {
            delta: u28::new(tick - last),
            kind,
        });
        last = tick;
    }
    let end = TrackEventKind::Meta(MetaMessage::EndOfTrack);
    track.push(TrackEvent {
        delta: u28::new(0),
        kind: end,
    });
    track
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Composer, Split};

    #[test]
    fn files_parse_back_with_every_note() {
        for seed in 0..40 {
            let score = Composer::default().compose(seed, Split::Train);
            let bytes = to_bytes(&score).unwrap();
            let smf = Smf::parse(&bytes).unwrap();
            assert_eq!(smf.tracks.len(), score.parts.len() + 1);
            for (track, part) in smf.tracks[1..].iter().zip(&score.parts) {
                let pressed = |event: &&TrackEvent| {
                    matches!(
                        event.kind,
                        TrackEventKind::Midi {
                            message: MidiMessage::NoteOn { .. },
                            ..
                        }
                    )
                };
                assert_eq!(track.iter().filter(pressed).count(), part.notes.len());
            }
        }
    }

    #[test]
    fn ticks_and_tempos_give_the_times_back() {
        let score = Composer::default().compose(5, Split::Train);
        let bytes = to_bytes(&score).unwrap();
        let smf = Smf::parse(&bytes).unwrap();
        let mut tempos: Vec<(u32, f64)> = Vec::new();
        let mut tick = 0;
        for event in &smf.tracks[0] {
            tick += event.delta.as_int();
            if let TrackEventKind::Meta(MetaMessage::Tempo(micros)) = event.kind {
                tempos.push((tick, f64::from(micros.as_int()) / 1e6));
            }
        }
        let start_s = Timeline::new(&score.plan).time_s(0.0);
        let seconds = |tick: u32| {
            let mut time_s = start_s;
            for (i, &(from, per_quarter_s)) in tempos.iter().enumerate() {
                let to = tempos.get(i + 1).map_or(tick, |next| next.0.min(tick));
                time_s += f64::from(to.saturating_sub(from)) / 480.0 * per_quarter_s;
            }
            time_s
        };
        let part = &score.parts[0];
        let mut tick = 0;
        let mut onsets = Vec::new();
        for event in &smf.tracks[1] {
            tick += event.delta.as_int();
            if let TrackEventKind::Midi {
                message: MidiMessage::NoteOn { .. },
                ..
            } = event.kind
            {
                onsets.push(seconds(tick));
            }
        }
        for (found_s, note) in onsets.iter().zip(&part.notes) {
            assert!(
                (found_s - note.start_s).abs() < 0.003,
                "{found_s} for {}",
                note.start_s
            );
        }
    }
}
