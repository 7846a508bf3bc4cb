//! A corpus of clips: as files with records, or one after another in memory.
//!
//! Clip `index` of a corpus depends on the seed, the index and the split only, so a corpus can be
//! continued, and any clip of it made again without the others.

use crate::compose::Composer;
use crate::error::{Error, Result};
use crate::record::Record;
use crate::render::render;
use crate::rng::Rng;
use crate::score::Score;
use crate::soundbank::SoundBank;
use crate::split::Split;
use mustool_audio::Waveform;
use mustool_audio::wav::{self, SampleFormat};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;

/// Name of the file of records in the folder of a corpus.
pub const RECORDS_FILE: &str = "records.jsonl";

/// Which corpus.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Corpus {
    /// Seed of the whole corpus.
    pub seed: u64,
    /// Side of the split.
    pub split: Split,
    /// Composes the clips.
    pub composer: Composer,
}

/// A clip in memory.
#[derive(Debug, Clone)]
pub struct Clip {
    /// Its score.
    pub score: Score,
    /// Its record.
    pub record: Record,
    /// Its sound, mono.
    pub waveform: Waveform,
}

impl Corpus {
    /// The score of a clip.
    pub fn score(&self, index: u64) -> Score {
        self.composer
            .compose(self.stream(index, "score"), self.split)
    }

    /// The record of a clip and of its score.
    pub fn record(&self, score: &Score, index: u64) -> Record {
        let location = format!("audio/{index:06}.wav");
        Record::new(
            score,
            location,
            self.seed,
            index,
            self.stream(index, "captions"),
        )
    }

    /// A clip, rendered.
    pub fn clip(&self, index: u64, bank: &SoundBank) -> Result<Clip> {
        let score = self.score(index);
        let waveform = render(&score, bank)?;
        Ok(Clip {
            record: self.record(&score, index),
            score,
            waveform,
        })
    }

    /// All clips from `first` on, without end; for training without files.
    pub fn stream_from<'a>(
        &'a self,
        first: u64,
        bank: &'a SoundBank,
    ) -> impl Iterator<Item = Result<Clip>> + 'a {
        (first..).map(|index| self.clip(index, bank))
    }

    fn stream(&self, index: u64, what: &str) -> u64 {
        Rng::new(self.seed, what)
            .fork(&format!("{} {index}", self.split.name()))
            .next_u64()
    }

    /// Writes clips `0..num_clips` to `folder`: `audio/NNNNNN.wav` (16 bit, mono) and
    /// [`RECORDS_FILE`], with `num_threads` threads.
    ///
    /// Records are in order, and a record is written after its audio; a run that was interrupted
    /// is continued where it stopped, with the same bytes as without the interruption. `progress`
    /// hears how many clips exist. Returning `false` from it stops the run.
    pub fn write(
        &self,
        folder: &Path,
        num_clips: u64,
        bank: &SoundBank,
        num_threads: usize,
        mut progress: impl FnMut(u64) -> bool,
    ) -> Result<()> {
        let audio = folder.join("audio");
        std::fs::create_dir_all(&audio).map_err(write_error(&audio))?;
        let path = folder.join(RECORDS_FILE);
        let (done, kept_bytes) = self.resume(&path)?;
        let mut records = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(write_error(&path))?;
        records.set_len(kept_bytes).map_err(write_error(&path))?;
        std::io::Seek::seek(&mut records, std::io::SeekFrom::End(0)).map_err(write_error(&path))?;
        if !progress(done) {
            return Ok(());
        }
        let (next, stop) = (AtomicU64::new(done), AtomicBool::new(false));
        let (sender, receiver) = mpsc::sync_channel::<Result<(u64, String)>>(64);
        std::thread::scope(|scope| {
            for _ in 0..num_threads.max(1) {
                let (sender, next, stop) = (sender.clone(), &next, &stop);
                scope.spawn(move || {
                    while !stop.load(Ordering::Relaxed) {
                        let index = next.fetch_add(1, Ordering::Relaxed);
                        if index >= num_clips {
                            break;
                        }
                        let line = self
                            .write_clip(folder, index, bank)
                            .map(|line| (index, line));
                        if sender.send(line).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            let outcome = in_order(receiver, done, |line, count| {
                records
                    .write_all(line.as_bytes())
                    .map_err(write_error(&path))?;
                Ok(progress(count))
            });
            stop.store(true, Ordering::Relaxed);
            outcome
        })
    }

    fn write_clip(&self, folder: &Path, index: u64, bank: &SoundBank) -> Result<String> {
        let Clip {
            record, waveform, ..
        } = self.clip(index, bank)?;
        let path = folder.join(&record.location);
        let bytes = wav::to_bytes(
            &waveform,
            SampleFormat::Pcm16,
            &mustool_audio::Tags::default(),
        )?;
        std::fs::write(&path, bytes).map_err(write_error(&path))?;
        let line =
            serde_json::to_string(&record).map_err(|source| Error::Record { index, source })?;
        Ok(line + "\n")
    }

    /// How many whole records are there already, and their bytes.
    fn resume(&self, path: &Path) -> Result<(u64, u64)> {
        let Ok(text) = std::fs::read(path) else {
            return Ok((0, 0));
        };
        let text = String::from_utf8_lossy(&text);
        let (mut done, mut bytes) = (0u64, 0u64);
        for line in text
            .split_inclusive('\n')
            .filter(|line| line.ends_with('\n'))
        {
            let Ok(record) = serde_json::from_str::<serde_json::Value>(line) else {
                break;
            };
            let found = (
                record["seed"].as_u64(),
                record["split"].as_str(),
                record["index"].as_u64(),
            );
            if found.0 != Some(self.seed) || found.1 != Some(self.split.name()) {
                return Err(Error::OtherCorpus {
                    path: path.to_owned(),
                    found: format!("seed {} and split {}", record["seed"], record["split"]),
                    wanted: format!("seed {} and split {:?}", self.seed, self.split.name()),
                });
            }
            if found.2 != Some(done) {
                break;
            }
            done += 1;
            bytes += line.len() as u64;
        }
        Ok((done, bytes))
    }
}

/// Hands lines to `sink` in the order of their indices, from `first` on, until it says `false`.
fn in_order(
    receiver: mpsc::Receiver<Result<(u64, String)>>,
    first: u64,
    mut sink: impl FnMut(&str, u64) -> Result<bool>,
) -> Result<()> {
    let mut waiting: BTreeMap<u64, String> = BTreeMap::new();
    let mut next = first;
    for received in receiver {
        let (index, line) = received?;
        waiting.insert(index, line);
        while let Some(line) = waiting.remove(&next) {
            next += 1;
            if !sink(&line, next)? {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn write_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error + use<> {
    let path = PathBuf::from(path);
    move |source| Error::Write { path, source }
}
