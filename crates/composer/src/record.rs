//! The record of a clip: one JSON line of the data set, with everything that is known exactly.

use crate::caption::{Captions, captions};
use crate::score::Score;
use crate::split::Split;
use mustool_music::Plan;
use serde::Serialize;

/// One line of `records.jsonl`. Field names are those of the MusicBench data set where it has the
/// field; `plan` and what follows are ours.
#[derive(Debug, Clone, Serialize)]
pub struct Record {
    /// The audio file, relative to the folder of the records.
    pub location: String,
    /// A description without numbers.
    pub main_caption: String,
    /// The same in other words.
    pub alt_caption: String,
    /// A sentence that names the chords; empty without chords.
    pub prompt_ch: String,
    /// A sentence that names the metre.
    pub prompt_bt: String,
    /// A sentence that names the tempo.
    pub prompt_bpm: String,
    /// A sentence that names the key; empty without one.
    pub prompt_key: String,
    /// Prompts of all lengths.
    pub captions: Vec<String>,
    /// Beat times in seconds and their numbers in the bar.
    pub beats: (Vec<f64>, Vec<f64>),
    /// Felt beats per minute.
    pub bpm: f64,
    /// Chord symbols.
    pub chords: Vec<String>,
    /// Their times in seconds.
    pub chords_time: Vec<f64>,
    /// Tonic and mode; two empty strings without a key.
    pub key: (String, String),
    /// The plan, exact.
    pub plan: Plan,
    /// Who plays.
    pub instruments: Vec<Player>,
    /// Canonical name of the style.
    pub style: &'static str,
    /// Mood words.
    pub mood: Vec<&'static str>,
    /// Seed of the corpus.
    pub seed: u64,
    /// Number of the clip in the corpus.
    pub index: u64,
    /// Side of the split.
    pub split: Split,
}

/// A player of a clip.
#[derive(Debug, Clone, Serialize)]
pub struct Player {
    /// Canonical name of the instrument.
    pub name: &'static str,
    /// General MIDI program, from 0; a kit of bank 128 for drums.
    pub program: u8,
    /// The part's job.
    pub role: crate::style::Role,
}

impl Record {
    /// The record of clip `index` of the corpus `seed`; captions are written with `caption_seed`.
    pub fn new(score: &Score, location: String, seed: u64, index: u64, caption_seed: u64) -> Self {
        let plan = &score.plan;
        let Captions {
            main,
            alternative,
            chords,
            beats,
            tempo,
            key,
            prompts,
        } = captions(score, caption_seed);
        Self {
            location,
            main_caption: main,
            alt_caption: alternative,
            prompt_ch: chords,
            prompt_bt: beats,
            prompt_bpm: tempo,
            prompt_key: key,
            captions: prompts,
            beats: plan
                .beats
                .iter()
                .map(|beat| (beat.time_s, f64::from(beat.number)))
                .unzip(),
            bpm: plan.tempo_bpm,
            chords: plan
                .chords
                .iter()
                .map(|event| event.chord.to_string())
                .collect(),
            chords_time: plan.chords.iter().map(|event| event.time_s).collect(),
            key: plan
                .key
                .map(|key| (key.tonic.to_string(), key.mode.name().to_owned()))
                .unwrap_or_default(),
            instruments: score
                .parts
                .iter()
                .map(|part| Player {
                    name: part.instrument.name,
                    program: part.program,
                    role: part.role,
                })
                .collect(),
            style: score.style.name,
            mood: score.mood.clone(),
            plan: plan.clone(),
            seed,
            index,
            split: Split::of(plan),
        }
    }
}
