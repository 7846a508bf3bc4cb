//! From sounds to spectrograms, once: a folder of clips or the composer becomes two flat files
//! that training reads from, and an index of what is known about each clip.
//!
//! What cannot be used is left out with its reason. Where the clips come from is in
//! [`super::origin`].

use super::origin::{Clip, Entry, Origin, clips_of, entries, fingerprint};
use super::record::Annotation;
use crate::error::{Error, Result, write_error};
use half::f16;
use mustool_audio::file::write_atomic;
use mustool_audio::semitone::SemitoneSpectrogram;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Changes when the files or how they are made change.
const VERSION: u32 = 1;
/// Sounds that are worked on at a time.
const CHUNK: usize = 32;

/// Something that was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skipped {
    /// A file, a line, or a clip.
    pub what: String,
    /// Why.
    pub reason: String,
}

/// What the prepared files hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Index {
    /// SHA-256 of the origin and of the form of the files.
    pub fingerprint: String,
    /// Frames of every clip.
    pub num_frames: usize,
    /// Bands of every frame.
    pub num_bands: usize,
    /// Samples of every frame.
    pub hop_length: usize,
    /// One for each clip, in order.
    pub annotations: Vec<Annotation>,
    /// What was left out.
    pub skipped: Vec<Skipped>,
}

/// Where a set of clips lies: `NAME.json`, `NAME.spectrograms`, `NAME.audio`.
#[derive(Debug, Clone)]
pub struct Place {
    /// The folder.
    pub folder: PathBuf,
    /// `train` or `held-out`.
    pub name: &'static str,
}

impl Place {
    /// One of the files.
    pub fn path(&self, ending: &str) -> PathBuf {
        self.folder.join(format!("{}.{ending}", self.name))
    }
}

/// Makes the files of `place` unless they are there already and of the same origin. `progress`
/// hears how many entries of how many are done; `Break` stops and leaves nothing half-made.
/// `None` if it was stopped.
pub fn prepare(
    origin: &Origin,
    place: &Place,
    num_frames: usize,
    max_clips: Option<usize>,
    spectrogram: &SemitoneSpectrogram,
    progress: &mut dyn FnMut(usize, usize) -> ControlFlow<()>,
) -> Result<Option<Index>> {
    std::fs::create_dir_all(&place.folder).map_err(write_error(&place.folder))?;
    let entries = entries(origin)?;
    let form = format!(
        "{VERSION} {num_frames} {max_clips:?} {:?}",
        spectrogram.config()
    );
    let fingerprint = fingerprint(origin, &entries, &form);
    if let Some(index) = read_index(&place.path("json"))
        && index.fingerprint == fingerprint
    {
        return Ok(Some(index));
    }
    let config = spectrogram.config();
    let mut index = Index {
        fingerprint,
        num_frames,
        num_bands: config.num_bands,
        hop_length: config.hop_length,
        annotations: Vec::new(),
        skipped: Vec::new(),
    };
    let mut outputs = [
        Output::new(place, "spectrograms")?,
        Output::new(place, "audio")?,
    ];
    let limit = max_clips.unwrap_or(usize::MAX);
    let work = |entry: &Entry| clips_of(origin, entry, num_frames, spectrogram);
    for (i, chunk) in entries.chunks(CHUNK).enumerate() {
        if index.annotations.len() >= limit {
            break;
        }
        let made: Vec<Result<Vec<Clip>, Skipped>> = chunk.par_iter().map(work).collect();
        for made in made {
            match made {
                Err(skipped) => index.skipped.push(skipped),
                Ok(clips) => {
                    for clip in clips.into_iter().take(limit - index.annotations.len()) {
                        outputs[0].write(&clip.spectrogram, |x| f16::from_f32(x).to_le_bytes())?;
                        outputs[1].write(&clip.audio, |x| pcm(x).to_le_bytes())?;
                        index.annotations.push(clip.annotation);
                    }
                }
            }
        }
        if progress((i * CHUNK + chunk.len()).min(entries.len()), entries.len()).is_break() {
            return Ok(None);
        }
    }
    if index.annotations.is_empty() {
        return Err(no_clips(origin, &index.skipped));
    }
    for output in outputs {
        output.finish()?;
    }
    let json = serde_json::to_vec(&index).expect("annotations are JSON");
    write_atomic(&place.path("json"), &json)?;
    Ok(Some(index))
}

fn no_clips(origin: &Origin, skipped: &[Skipped]) -> Error {
    let path = match origin {
        Origin::Folder(folder) => folder.to_path_buf(),
        Origin::Composer { .. } => PathBuf::from("the composer"),
    };
    Error::NoClips {
        path,
        skipped: skipped.len(),
        first: skipped.first().map(|s| format!("{}: {}", s.what, s.reason)),
    }
}

fn read_index(path: &Path) -> Option<Index> {
    serde_json::from_slice(&std::fs::read(path).ok()?).ok()
}

fn pcm(x: f32) -> i16 {
    (x * 32_768.0).round().clamp(-32_768.0, 32_767.0) as i16
}

/// A file that takes its name when it is complete.
struct Output {
    path: PathBuf,
    part: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    fn new(place: &Place, ending: &str) -> Result<Self> {
        let (path, part) = (place.path(ending), place.path(&format!("{ending}.part")));
        let file = BufWriter::new(File::create(&part).map_err(write_error(&part))?);
        Ok(Self { path, part, file })
    }

    fn write(&mut self, values: &[f32], bytes: impl Fn(f32) -> [u8; 2]) -> Result<()> {
        let bytes: Vec<u8> = values.iter().flat_map(|&x| bytes(x)).collect();
        self.file.write_all(&bytes).map_err(write_error(&self.part))
    }

    fn finish(self) -> Result<()> {
        let file = self
            .file
            .into_inner()
            .map_err(|e| write_error(&self.part)(e.into_error()))?;
        file.sync_all().map_err(write_error(&self.part))?;
        std::fs::rename(&self.part, &self.path).map_err(write_error(&self.path))
    }
}
