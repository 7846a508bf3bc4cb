//! Where clips come from: records with their sounds, sounds with their captions, or the composer.
//!
//! A sound longer than a clip becomes several; the rest of its end is padded with silence if it is
//! at least half a clip, and left out otherwise.

use super::prepare::Skipped;
use super::record::{Annotation, Record};
use crate::error::{Result, read_error};
use mustool_audio::Waveform;
use mustool_audio::decode::{self, DecodeLimits};
use mustool_audio::resample::resample;
use mustool_audio::semitone::SemitoneSpectrogram;
use mustool_composer::{Corpus, SoundBank};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::{Component, Path, PathBuf};

/// Name of the file of records in a folder of clips.
const RECORDS_FILE: &str = "records.jsonl";
/// Longest line of it, in bytes.
const MAX_LINE_BYTES: u64 = 4 << 20;
/// Most entries of a folder.
const MAX_ENTRIES: usize = 4_000_000;
/// Quieter sounds are silence.
const SILENCE_PEAK: f32 = 1e-4;
/// Sounds that are read without records: by the ends of their names.
const SOUND_ENDINGS: [&str; 8] = ["wav", "flac", "mp3", "ogg", "m4a", "aac", "aif", "aiff"];

/// Where clips come from.
#[derive(Debug)]
pub enum Origin<'a> {
    /// A folder with records, or with sounds and captions of the same names.
    Folder(&'a Path),
    /// Clips that are composed and rendered on the way.
    Composer {
        /// Which music.
        corpus: &'a Corpus,
        /// How many clips.
        num_clips: u64,
        /// Its sounds.
        bank: &'a SoundBank,
    },
}

/// One entry of an origin, not yet read.
pub(super) enum Entry {
    Record { line: usize, text: String },
    Sound(PathBuf),
    Unreadable { line: usize, reason: String },
    Composed(u64),
}

/// A clip ready to be written.
pub(super) struct Clip {
    pub(super) annotation: Annotation,
    pub(super) spectrogram: Vec<f32>,
    pub(super) audio: Vec<f32>,
}

/// Everything that an origin has, in a fixed order.
pub(super) fn entries(origin: &Origin) -> Result<Vec<Entry>> {
    match origin {
        Origin::Composer { num_clips, .. } => Ok((0..*num_clips).map(Entry::Composed).collect()),
        Origin::Folder(folder) => {
            let records = folder.join(RECORDS_FILE);
            if records.is_file() {
                lines(&records)
            } else {
                let mut found = Vec::new();
                sounds(folder, 0, &mut found)?;
                found.sort_unstable();
                Ok(found.into_iter().map(Entry::Sound).collect())
            }
        }
    }
}

fn lines(path: &Path) -> Result<Vec<Entry>> {
    let mut reader = BufReader::new(File::open(path).map_err(read_error(path))?);
    let mut entries = Vec::new();
    for line in 1..=MAX_ENTRIES {
        let mut bytes = Vec::new();
        let mut limited = (&mut reader).take(MAX_LINE_BYTES);
        limited
            .read_until(b'\n', &mut bytes)
            .map_err(read_error(path))?;
        if bytes.is_empty() {
            break;
        }
        let whole = bytes.len() < MAX_LINE_BYTES as usize || bytes.ends_with(b"\n");
        entries.push(match String::from_utf8(bytes) {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) if whole => Entry::Record { line, text },
            Ok(_) => Entry::Unreadable {
                line,
                reason: format!("is longer than {MAX_LINE_BYTES} bytes"),
            },
            Err(error) => Entry::Unreadable {
                line,
                reason: error.to_string(),
            },
        });
    }
    Ok(entries)
}

/// Sound files below a folder, up to eight folders deep, hidden ones left out.
fn sounds(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    for entry in std::fs::read_dir(folder).map_err(read_error(folder))? {
        let path = entry.map_err(read_error(folder))?.path();
        let hidden = path
            .file_name()
            .is_none_or(|n| n.to_string_lossy().starts_with('.'));
        let ending = path
            .extension()
            .map(|e| e.to_string_lossy().to_ascii_lowercase());
        if hidden || found.len() >= MAX_ENTRIES {
            continue;
        } else if path.is_dir() && depth < 8 {
            sounds(&path, depth + 1, found)?;
        } else if ending.is_some_and(|e| SOUND_ENDINGS.contains(&e.as_str())) {
            found.push(path);
        }
    }
    Ok(())
}

/// Changes whenever a sound, a record or a setting does.
pub(super) fn fingerprint(origin: &Origin, entries: &[Entry], form: &str) -> String {
    let mut hash = Sha256::new();
    hash.update(form.as_bytes());
    if let Origin::Composer { corpus, bank, .. } = origin {
        hash.update(format!("{corpus:?} {}", bank.sample_rate()).as_bytes());
    }
    let mut stat = |path: &Path| {
        let about = std::fs::metadata(path).ok();
        let changed = about.as_ref().and_then(|m| m.modified().ok());
        hash.update(format!("{path:?} {:?} {changed:?}", about.map(|m| m.len())).as_bytes());
    };
    for entry in entries {
        match (entry, origin) {
            (Entry::Record { text, .. }, Origin::Folder(folder)) => {
                if let Ok(record) = serde_json::from_str::<Record>(text) {
                    stat(&folder.join(record.location));
                }
            }
            (Entry::Sound(path), _) => {
                stat(path);
                stat(&path.with_extension("txt"));
            }
            _ => {}
        }
    }
    for entry in entries {
        match entry {
            Entry::Record { text, .. } => hash.update(text.as_bytes()),
            Entry::Unreadable { reason, .. } => hash.update(reason.as_bytes()),
            Entry::Composed(index) => hash.update(index.to_le_bytes()),
            Entry::Sound(_) => {}
        }
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The clips of an entry, or why it has none.
pub(super) fn clips_of(
    origin: &Origin,
    entry: &Entry,
    num_frames: usize,
    spectrogram: &SemitoneSpectrogram,
) -> Result<Vec<Clip>, Skipped> {
    let what = match entry {
        Entry::Record { line, .. } | Entry::Unreadable { line, .. } => {
            format!("{RECORDS_FILE} line {line}")
        }
        Entry::Sound(path) => path.display().to_string(),
        Entry::Composed(index) => format!("composed clip {index}"),
    };
    let found = match (entry, origin) {
        (Entry::Record { text, .. }, Origin::Folder(folder)) => recorded(text, folder),
        (Entry::Sound(path), _) => captioned(path),
        (Entry::Composed(index), Origin::Composer { corpus, bank, .. }) => {
            composed(corpus, bank, *index)
        }
        (Entry::Unreadable { reason, .. }, _) => Err(reason.clone()),
        _ => Err("is not part of this origin".to_owned()),
    };
    found
        .and_then(|(annotation, waveform)| windows(&annotation, &waveform, num_frames, spectrogram))
        .map_err(|reason| Skipped { what, reason })
}

/// What a folder says about its clips, without reading their sounds; entries that cannot be
/// understood are left out.
pub fn annotations(folder: &Path, limit: usize) -> Result<Vec<Annotation>> {
    let understood = |entry: Entry| match entry {
        Entry::Record { text, .. } => {
            let record: Record = serde_json::from_str(&text).ok()?;
            record.annotation(mustool_music::MAX_DURATION_S).ok()
        }
        Entry::Sound(path) => {
            let caption = std::fs::read_to_string(path.with_extension("txt")).ok()?;
            Some(Annotation::captioned(&caption))
        }
        Entry::Unreadable { .. } | Entry::Composed(_) => None,
    };
    let entries = entries(&Origin::Folder(folder))?;
    Ok(entries
        .into_iter()
        .filter_map(understood)
        .take(limit)
        .collect())
}

fn read_sound(path: &Path) -> Result<Waveform, String> {
    let waveform = decode::from_path(path, &DecodeLimits::default()).map_err(|e| with_cause(&e))?;
    if waveform.peak() < SILENCE_PEAK {
        return Err(format!("{} is silent", path.display()));
    }
    Ok(waveform)
}

/// A line of the records with its sound.
fn recorded(text: &str, folder: &Path) -> Result<(Annotation, Waveform), String> {
    let record: Record = serde_json::from_str(text).map_err(|e| format!("is no record: {e}"))?;
    let location = Path::new(&record.location);
    let inside = location
        .components()
        .all(|c| matches!(c, Component::Normal(_) | Component::CurDir));
    if record.location.is_empty() || !inside {
        return Err(format!(
            "location {:?} is not inside the folder",
            record.location
        ));
    }
    let waveform = read_sound(&folder.join(location))?;
    let annotation = record.annotation(waveform.duration_s())?;
    Ok((annotation, waveform))
}

/// A sound with the text file beside it.
fn captioned(path: &Path) -> Result<(Annotation, Waveform), String> {
    let caption = std::fs::read_to_string(path.with_extension("txt")).unwrap_or_default();
    Ok((Annotation::captioned(&caption), read_sound(path)?))
}

fn composed(
    corpus: &Corpus,
    bank: &SoundBank,
    index: u64,
) -> Result<(Annotation, Waveform), String> {
    let clip = corpus.clip(index, bank).map_err(|e| with_cause(&e))?;
    Ok((Annotation::of_composed(&clip.record), clip.waveform))
}

/// Cuts a sound into clips.
fn windows(
    annotation: &Annotation,
    waveform: &Waveform,
    num_frames: usize,
    spectrogram: &SemitoneSpectrogram,
) -> Result<Vec<Clip>, String> {
    let config = spectrogram.config();
    let mono = resample(&waveform.to_mono(), config.sample_rate).map_err(|e| with_cause(&e))?;
    let levels = spectrogram.compute(mono.samples());
    let (samples, bands) = (num_frames * config.hop_length, config.num_bands);
    let total = levels.num_frames();
    // A clip that rounding has made a little short is whole.
    let count = total / num_frames + usize::from(2 * (total % num_frames) >= num_frames);
    if count == 0 {
        let needed_s = 0.5 * samples as f64 / f64::from(config.sample_rate);
        return Err(format!(
            "lasts {:.2} s; at least {needed_s:.2} s are needed",
            mono.duration_s()
        ));
    }
    let clip_s = samples as f64 / f64::from(config.sample_rate);
    let padded = |values: &[f32], at: usize, len: usize, filling: f32| -> Vec<f32> {
        let part = &values[at.min(values.len())..(at + len).min(values.len())];
        let mut part = part.to_vec();
        part.resize(len, filling);
        part
    };
    let clip = |i: usize| Clip {
        annotation: match count {
            1 => annotation.clone(),
            _ => annotation.crop(i as f64 * clip_s, (i + 1) as f64 * clip_s),
        },
        spectrogram: padded(
            levels.values(),
            i * num_frames * bands,
            num_frames * bands,
            config.silence(),
        ),
        audio: padded(mono.samples(), i * samples, samples, 0.0),
    };
    Ok((0..count).map(clip).collect())
}

/// An error with everything that led to it.
fn with_cause(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}
