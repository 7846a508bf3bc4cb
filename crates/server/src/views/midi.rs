//! The plan of a piece as a Standard MIDI File: its tempo, metre, key and chords, for a sequencer.
//!
//! Format 1 of the MIDI Association's "Standard MIDI Files 1.0": a conductor track whose tempo
//! follows the beats, with a marker for every chord, and a track that plays the chords. The melody
//! is not in a plan, and so not here.

use midly::num::{u4, u7, u15, u24, u28};
use midly::{
    Format, Header, MetaMessage, MidiMessage, Smf, Timing, Track, TrackEvent, TrackEventKind,
};
use mustool_music::{Chord, Plan};

/// Ticks of a quarter note.
const TICKS_PER_QUARTER: u16 = 480;
/// Loudness of the chords.
const VELOCITY: u8 = 72;
/// The channel of the chords.
const CHANNEL: u8 = 0;
/// The C two octaves below middle C; basses lie in the octave above it.
const BASS_C: u8 = 36;
/// Chord notes lie in the octave around middle C, from this G upwards.
const CHORD_LOWEST: u8 = 55;
/// The slowest tempo that the format can hold, in microseconds a quarter.
const MAX_QUARTER_US: f64 = 16_777_215.0;

/// A whole MIDI file.
///
/// A plan without beats keeps its tempo throughout. Chord symbols are markers; a plan without
/// chords has an empty chord track.
pub fn file(plan: &Plan) -> Vec<u8> {
    let grid = Grid::new(plan);
    let markers: Vec<(u32, String)> = plan
        .chords
        .iter()
        .map(|event| (grid.tick(event.time_s), event.chord.to_string()))
        .collect();
    let mut conductor = conductor(plan, &grid);
    for (tick, text) in &markers {
        conductor.push((
            *tick,
            TrackEventKind::Meta(MetaMessage::Marker(text.as_bytes())),
        ));
    }
    let header = Header {
        format: Format::Parallel,
        timing: Timing::Metrical(u15::new(TICKS_PER_QUARTER)),
    };
    let smf = Smf {
        header,
        tracks: vec![track(conductor), track(chords(plan, &grid))],
    };
    let mut bytes = Vec::new();
    smf.write_std(&mut bytes)
        .expect("writing to memory does not fail");
    bytes
}

/// Where seconds lie in ticks.
struct Grid {
    /// Times of the beats, in seconds, growing; the first is the start of the piece.
    times_s: Vec<f64>,
    /// Their ticks.
    ticks: Vec<u32>,
    ticks_per_beat: f64,
    beat_s: f64,
}

impl Grid {
    fn new(plan: &Plan) -> Self {
        let ticks_per_beat = plan.meter.quarters_per_felt_beat() * f64::from(TICKS_PER_QUARTER);
        let usable = plan.tempo_bpm.is_finite() && plan.tempo_bpm > 0.0;
        let beat_s = if usable { 60.0 / plan.tempo_bpm } else { 0.5 };
        let beats = plan.beats.iter().map(|beat| beat.time_s);
        let mut times_s: Vec<f64> = beats
            .filter(|time_s| time_s.is_finite() && *time_s > 0.0)
            .collect();
        times_s.sort_by(f64::total_cmp);
        times_s.dedup_by(|a, b| *a - *b < 1e-3);
        // The upbeat takes the ticks that its seconds are worth at the plan's tempo.
        let first = times_s
            .first()
            .map_or(0.0, |time_s| time_s / beat_s * ticks_per_beat);
        let beat_ticks =
            (0..times_s.len()).map(|i| (first + i as f64 * ticks_per_beat).round() as u32);
        let ticks = std::iter::once(0).chain(beat_ticks).collect();
        times_s.insert(0, 0.0);
        Self {
            times_s,
            ticks,
            ticks_per_beat,
            beat_s,
        }
    }

    fn tick(&self, time_s: f64) -> u32 {
        let index = self
            .times_s
            .partition_point(|&beat_s| beat_s <= time_s)
            .saturating_sub(1);
        let (start_s, start) = (self.times_s[index], f64::from(self.ticks[index]));
        let rate = match (self.times_s.get(index + 1), self.ticks.get(index + 1)) {
            (Some(end_s), Some(&end)) => (f64::from(end) - start) / (end_s - start_s),
            _ => self.ticks_per_beat / self.beat_s,
        };
        (start + (time_s - start_s).max(0.0) * rate).round() as u32
    }

    /// Length of a quarter from this beat on, in microseconds.
    fn quarter_us(&self, index: usize) -> u32 {
        let beat = match (self.times_s.get(index + 1), self.ticks.get(index + 1)) {
            (Some(end_s), Some(&end)) => {
                let seconds = end_s - self.times_s[index];
                seconds / f64::from((end - self.ticks[index]).max(1))
            }
            _ => self.beat_s / self.ticks_per_beat,
        };
        (beat * f64::from(TICKS_PER_QUARTER) * 1e6)
            .round()
            .clamp(1.0, MAX_QUARTER_US) as u32
    }
}

type Timed<'a> = (u32, TrackEventKind<'a>);

fn conductor<'a>(plan: &Plan, grid: &Grid) -> Vec<Timed<'a>> {
    let meta = |message| TrackEventKind::Meta(message);
    // The format writes the unit as a power of two.
    let unit = plan.meter.beat_unit.trailing_zeros() as u8;
    let meter = MetaMessage::TimeSignature(plan.meter.beats_per_bar, unit, 24, 8);
    let mut events = vec![(0, meta(meter))];
    if let Some(key) = plan.key {
        let sharps = key.signature().clamp(-7, 7) as i8;
        events.push((
            0,
            meta(MetaMessage::KeySignature(sharps, key.mode.is_minor())),
        ));
    }
    let mut last = None;
    for (index, &tick) in grid.ticks.iter().enumerate() {
        let quarter_us = grid.quarter_us(index);
        if last != Some(quarter_us) {
            events.push((tick, meta(MetaMessage::Tempo(u24::new(quarter_us)))));
            last = Some(quarter_us);
        }
    }
    events
}

/// Bass and chord notes of each chord until the next.
fn chords<'a>(plan: &Plan, grid: &Grid) -> Vec<Timed<'a>> {
    let mut events = vec![(0, TrackEventKind::Meta(MetaMessage::TrackName(b"Chords")))];
    let ends = plan.chords.iter().skip(1).map(|event| event.time_s);
    let ends = ends.chain(std::iter::once(plan.duration_s));
    for (event, end_s) in plan.chords.iter().zip(ends) {
        let (start, end) = (grid.tick(event.time_s), grid.tick(end_s));
        if end <= start {
            continue;
        }
        for note in notes(&event.chord) {
            let (key, vel) = (u7::new(note), u7::new(VELOCITY));
            events.push((start, midi(MidiMessage::NoteOn { key, vel })));
            let vel = u7::new(0);
            events.push((end, midi(MidiMessage::NoteOff { key, vel })));
        }
    }
    // At one moment notes end before others begin.
    events.sort_by_key(|(tick, kind)| {
        let begins = matches!(
            kind,
            TrackEventKind::Midi {
                message: MidiMessage::NoteOn { .. },
                ..
            }
        );
        (*tick, begins)
    });
    events
}

fn midi<'a>(message: MidiMessage) -> TrackEventKind<'a> {
    let channel = u4::new(CHANNEL);
    TrackEventKind::Midi { channel, message }
}

/// Note numbers of a chord: its bass, and its pitch classes close around middle C.
fn notes(chord: &Chord) -> Vec<u8> {
    let Some(bass) = chord.bass().or(chord.root()) else {
        return Vec::new();
    };
    let lowest = i32::from(CHORD_LOWEST);
    let near = |value: u8| (lowest + (i32::from(value) - lowest).rem_euclid(12)) as u8;
    let upper = chord
        .pitch_classes()
        .iter()
        .map(|class| near(class.value()));
    let mut notes: Vec<u8> = upper.chain([BASS_C + bass.pitch_class().value()]).collect();
    notes.sort_unstable();
    notes.dedup();
    notes
}

/// Events in the order of their ticks as a track, with its end.
fn track(mut events: Vec<Timed<'_>>) -> Track<'_> {
    events.sort_by_key(|(tick, _)| *tick);
    let mut now = 0;
    let mut track: Track<'_> = events
        .into_iter()
        .map(|(tick, kind)| {
            let delta = u28::new(tick - now);
            now = tick;
            TrackEvent { delta, kind }
        })
        .collect();
    let kind = TrackEventKind::Meta(MetaMessage::EndOfTrack);
    let delta = u28::new(0);
    track.push(TrackEvent { delta, kind });
    track
}

#[cfg(test)]
#[path = "midi_tests.rs"]
mod tests;
