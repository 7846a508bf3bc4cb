//! A finished score: the plan that it follows and every note of every part, in seconds.

use crate::instrument::Instrument;
use crate::style::{Role, Style};
use mustool_music::Plan;

/// A note.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Note {
    /// Onset in seconds. Down to −0.7 s: such notes already sound when the clip begins.
    pub start_s: f64,
    /// Length in seconds, more than 0; it may last beyond the clip.
    pub duration_s: f64,
    /// MIDI note; for drums, the General MIDI drum.
    pub pitch: u8,
    /// 1 to 127.
    pub velocity: u8,
}

/// What one player plays.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The part's job.
    pub role: Role,
    /// Who plays it.
    pub instrument: &'static Instrument,
    /// General MIDI program, from 0; for drums, the program of the kit in bank 128.
    pub program: u8,
    /// In order of onset.
    pub notes: Vec<Note>,
    /// −1 left to 1 right.
    pub pan: f64,
    /// Level in decibels against full scale of the channel, at most 0.
    pub level_db: f64,
}

/// A stretch of the form.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Section {
    /// What musicians call it.
    pub name: &'static str,
    /// Where it begins, in seconds.
    pub start_s: f64,
    /// Where it ends, in seconds.
    pub end_s: f64,
    /// How full and loud it is, 0 to 1.
    pub intensity: f64,
}

/// How the parts are mixed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mix {
    /// Reverb send, 0 dry to 1; 0 turns the effects off.
    pub reverb: f64,
    /// Chorus send on comping and pads, 0 to 1.
    pub chorus: f64,
    /// Tilt of the spectrum in decibels: positive is bright. Half below 800 Hz, half above.
    pub tilt_db: f64,
}

/// A piece of music, ready to be rendered.
#[derive(Debug, Clone)]
pub struct Score {
    /// Tempo, metre, key, beats and chords that the parts follow, and who plays.
    pub plan: Plan,
    /// The style.
    pub style: &'static Style,
    /// Two or three words for its mood.
    pub mood: Vec<&'static str>,
    /// Everyone's part.
    pub parts: Vec<Part>,
    /// The form.
    pub sections: Vec<Section>,
    /// The mix.
    pub mix: Mix,
}

impl Score {
    /// The instruments that are heard, each once, in the order of the parts.
    pub fn instruments(&self) -> Vec<&'static Instrument> {
        let mut heard: Vec<&'static Instrument> = Vec::new();
        for part in &self.parts {
            if !heard.contains(&part.instrument) {
                heard.push(part.instrument);
            }
        }
        heard
    }

    /// The part with this role, if there is one.
    pub fn part(&self, role: Role) -> Option<&Part> {
        self.parts.iter().find(|part| part.role == role)
    }
}
