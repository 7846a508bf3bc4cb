//! What is known about a clip: the lines of `records.jsonl`, as the composer or MusicBench write
//! them, or a caption in a text file beside the sound.
//!
//! Everything but the place of the sound may be missing. What is there must be right: a plan that
//! cannot be played is a reason to leave the clip out.

use mustool_music::{Beat, Chord, ChordEvent, Key, Meter, Plan};
use serde::{Deserialize, Serialize};

/// Longest caption, in bytes; longer ones are cut.
const MAX_CAPTION_BYTES: usize = 2000;
/// Most captions of a clip; further ones are dropped.
const MAX_CAPTIONS: usize = 64;

/// One line of a data set, in the fields of MusicBench and those of the composer.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Record {
    /// The sound, relative to the folder of the records.
    pub location: String,
    main_caption: Option<String>,
    alt_caption: Option<String>,
    captions: Option<OneOrMany>,
    prompt_ch: Option<String>,
    prompt_bt: Option<String>,
    prompt_bpm: Option<String>,
    prompt_key: Option<String>,
    plan: Option<Plan>,
    beats: Option<(Vec<f64>, Vec<f64>)>,
    bpm: Option<f64>,
    chords: Option<Vec<String>>,
    chords_time: Option<Vec<f64>>,
    key: Option<Vec<Option<String>>>,
    instruments: Vec<Instrument>,
    style: Option<String>,
    mood: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

/// An instrument by name, with or without further fields.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
enum Instrument {
    Name(String),
    Player { name: String },
}

/// What is known about a clip, in one form whatever its source.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Annotation {
    /// Whole prompts.
    pub captions: Vec<String>,
    /// Beats, chords, tempo and key.
    pub plan: Option<Plan>,
    /// Names of the instruments, each once.
    pub instruments: Vec<String>,
    /// Name of the style.
    pub style: Option<String>,
    /// Words for the mood.
    pub mood: Vec<String>,
}

impl Annotation {
    /// A clip of which only a description is known.
    pub fn captioned(caption: &str) -> Self {
        let captions = tidy([caption.to_owned()]);
        Self {
            captions,
            ..Self::default()
        }
    }

    /// What the composer knows about a clip.
    pub fn of_composed(record: &mustool_composer::Record) -> Self {
        let mut captions = record.captions.clone();
        captions.extend([record.main_caption.clone(), record.alt_caption.clone()]);
        let control = [
            &record.prompt_bpm,
            &record.prompt_key,
            &record.prompt_ch,
            &record.prompt_bt,
        ];
        captions.extend(with_control(&record.main_caption, control));
        let mut instruments: Vec<String> = Vec::new();
        for player in &record.instruments {
            if !instruments.iter().any(|name| name == player.name) {
                instruments.push(player.name.to_owned());
            }
        }
        Self {
            captions: tidy(captions),
            plan: Some(record.plan.clone()),
            instruments,
            style: Some(record.style.to_owned()),
            mood: record.mood.iter().map(|&mood| mood.to_owned()).collect(),
        }
    }

    /// What the composer knows about clip `index` of a corpus, without rendering it.
    pub fn of_score(corpus: &mustool_composer::Corpus, index: u64) -> Self {
        Self::of_composed(&corpus.record(&corpus.score(index), index))
    }

    /// The part of the clip between two moments; what is said of the whole is said of the part.
    pub fn crop(&self, start_s: f64, end_s: f64) -> Self {
        let plan = self.plan.as_ref().map(|plan| plan.crop(start_s, end_s));
        Self {
            plan,
            ..self.clone()
        }
    }
}

impl Record {
    /// The annotation of a sound that lasts `duration_s`; the reason if it cannot be right.
    pub fn annotation(&self, duration_s: f64) -> Result<Annotation, String> {
        let mut instruments: Vec<String> = Vec::new();
        for instrument in &self.instruments {
            let (Instrument::Name(name) | Instrument::Player { name }) = instrument;
            if !name.is_empty() && !instruments.contains(name) {
                instruments.push(name.clone());
            }
        }
        Ok(Annotation {
            captions: tidy(self.prompts()),
            plan: self.checked_plan(duration_s)?,
            instruments,
            style: self.style.clone().filter(|style| !style.is_empty()),
            mood: self.mood.clone(),
        })
    }

    /// All captions, and the main one with the control sentences behind it.
    fn prompts(&self) -> Vec<String> {
        let mut prompts = match &self.captions {
            Some(OneOrMany::One(caption)) => vec![caption.clone()],
            Some(OneOrMany::Many(captions)) => captions.clone(),
            None => Vec::new(),
        };
        prompts.extend(self.main_caption.clone());
        prompts.extend(self.alt_caption.clone());
        let control = [
            &self.prompt_bpm,
            &self.prompt_key,
            &self.prompt_ch,
            &self.prompt_bt,
        ];
        let control = control.map(|sentence| sentence.as_ref().unwrap_or(&NOTHING));
        if let Some(main) = &self.main_caption {
            prompts.extend(with_control(main, control));
        }
        prompts
    }

    fn checked_plan(&self, duration_s: f64) -> Result<Option<Plan>, String> {
        let plan = match (&self.plan, &self.beats) {
            (Some(plan), _) => plan.clone(),
            (None, Some(beats)) => self.assembled(beats, duration_s)?,
            (None, None) => return Ok(None),
        };
        let plan = match plan.duration_s > duration_s {
            true => plan.crop(0.0, duration_s),
            false => plan,
        };
        let fault = |e| format!("its plan cannot be played: {e}");
        plan.validate().map_err(fault)?;
        Ok(Some(plan))
    }

    /// A plan from the fields of MusicBench.
    fn assembled(&self, beats: &(Vec<f64>, Vec<f64>), duration_s: f64) -> Result<Plan, String> {
        let (times, numbers) = beats;
        if times.len() != numbers.len() {
            return Err(format!(
                "{} beat times, {} numbers",
                times.len(),
                numbers.len()
            ));
        }
        let counted = numbers.iter().fold(0f64, |most, &n| most.max(n));
        let meter = match counted as u8 {
            2..=7 => Meter::new(counted as u8, 4),
            _ => None,
        };
        let tempo_bpm = self.bpm.unwrap_or_else(|| tempo_of(times));
        let mut plan = Plan::steady(tempo_bpm, meter.unwrap_or(Meter::FOUR_FOUR), duration_s);
        plan.beats = times
            .iter()
            .zip(numbers)
            .filter(|(t, _)| **t < duration_s)
            .map(|(&time_s, &number)| Beat {
                time_s,
                number: number as u8,
            })
            .collect();
        let (symbols, starts) = (
            self.chords.as_deref().unwrap_or_default(),
            self.chords_time.as_deref().unwrap_or_default(),
        );
        if symbols.len() != starts.len() {
            return Err(format!(
                "{} chords, {} chord times",
                symbols.len(),
                starts.len()
            ));
        }
        for (symbol, &time_s) in symbols.iter().zip(starts) {
            if time_s < duration_s {
                let chord = Chord::parse(symbol).map_err(|e| format!("chord {symbol:?}: {e}"))?;
                plan.chords.push(ChordEvent { time_s, chord });
            }
        }
        let key: Vec<&str> = self
            .key
            .iter()
            .flatten()
            .flatten()
            .map(String::as_str)
            .collect();
        plan.key = Key::parse(&key.join(" ")).ok();
        Ok(plan)
    }
}

/// A sentence that is not there.
static NOTHING: String = String::new();

/// A caption with the control sentences that there are behind it.
fn with_control(main: &str, control: [&String; 4]) -> Option<String> {
    let stated: Vec<&str> = control
        .iter()
        .map(|s| s.as_str())
        .filter(|s| !s.is_empty())
        .collect();
    (!main.is_empty() && !stated.is_empty()).then(|| format!("{main} {}", stated.join(" ")))
}

/// The tempo of beats, by their mean distance; 120 without beats.
fn tempo_of(times: &[f64]) -> f64 {
    match (times.first(), times.last()) {
        (Some(first), Some(last)) if last > first => {
            60.0 * (times.len() - 1) as f64 / (last - first)
        }
        _ => 120.0,
    }
}

/// Captions that say something, each once, none endless.
fn tidy(captions: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut kept: Vec<String> = Vec::new();
    for mut caption in captions {
        if caption.len() > MAX_CAPTION_BYTES {
            let end = (0..=MAX_CAPTION_BYTES)
                .rev()
                .find(|&i| caption.is_char_boundary(i));
            caption.truncate(end.unwrap_or(0));
        }
        let caption = caption.trim().to_owned();
        if !caption.is_empty() && !kept.contains(&caption) && kept.len() < MAX_CAPTIONS {
            kept.push(caption);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(json: &str) -> Record {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn a_musicbench_row_is_understood() {
        let row = r#"{"dataset": "x", "location": "a.wav", "captions": "A rock song.",
            "main_caption": "Rock.", "prompt_bpm": "The bpm is 118.0.", "prompt_key": "",
            "beats": [[0.48, 0.98, 1.52, 2.04], [3.0, 1.0, 2.0, 3.0]], "bpm": 118.0,
            "chords": ["Amaj7", "C#", "N"], "chords_time": [0.46, 1.1, 9.9], "key": ["E major", null]}"#;
        let found = record(row).annotation(2.5).unwrap();
        let plan = found.plan.unwrap();
        assert_eq!(plan.tempo_bpm, 118.0);
        assert_eq!(
            (
                plan.meter.beats_per_bar,
                plan.beats.len(),
                plan.chords.len()
            ),
            (3, 4, 2)
        );
        assert_eq!(plan.key, Key::parse("E major").ok());
        assert_eq!(
            found.captions,
            ["A rock song.", "Rock.", "Rock. The bpm is 118.0."]
        );
    }

    #[test]
    fn a_composed_record_comes_back_whole() {
        let corpus = mustool_composer::Corpus {
            seed: 5,
            split: mustool_composer::Split::Train,
            composer: mustool_composer::Composer::default(),
        };
        for index in 0..20 {
            let score = corpus.score(index);
            let written = corpus.record(&score, index);
            let read = record(&serde_json::to_string(&written).unwrap());
            let found = read.annotation(written.plan.duration_s).unwrap();
            assert_eq!(found.plan.as_ref(), Some(&written.plan));
            assert_eq!(found.style.as_deref(), Some(written.style));
            assert!(!found.instruments.is_empty() && !found.captions.is_empty());
            assert_eq!(found, Annotation::of_composed(&written));
        }
    }

    #[test]
    fn wrong_annotations_have_reasons() {
        let reason = |json: &str| record(json).annotation(10.0).unwrap_err();
        assert!(reason(r#"{"beats": [[0.5, 1.0], [1.0]]}"#).contains("1 numbers"));
        assert!(reason(r#"{"beats": [[1.0, 0.5], [1.0, 2.0]], "bpm": 100}"#).contains("plan"));
        let chord =
            r#"{"beats": [[0.5], [1]], "bpm": 90, "chords": ["H??"], "chords_time": [0.0]}"#;
        assert!(reason(chord).contains("H??"));
        assert!(reason(r#"{"beats": [[0.5], [1]], "bpm": 9e9}"#).contains("tempo"));
    }

    #[test]
    fn captions_alone_will_do_and_are_cut_at_letters() {
        let long = "é".repeat(3000);
        assert_eq!(
            Annotation::captioned(&long).captions[0].len(),
            MAX_CAPTION_BYTES
        );
        let bare = record(r#"{"location": "a.wav"}"#).annotation(1.0).unwrap();
        assert_eq!(bare, Annotation::default());
        assert!(Annotation::captioned("  ").captions.is_empty());
    }

    #[test]
    fn a_part_has_the_beats_of_the_part() {
        let json = r#"{"beats": [[0.0, 1.0, 2.0, 3.0], [1, 2, 3, 4]], "bpm": 60}"#;
        let whole = record(json).annotation(4.0).unwrap();
        let part = whole.crop(2.0, 4.0).plan.unwrap();
        let times: Vec<f64> = part.beats.iter().map(|b| b.time_s).collect();
        assert_eq!(times, [0.0, 1.0]);
    }
}
