//! The diary of a run: one JSON line for every few steps, and what of it is still true after a
//! resume. The curve drawn from it is in [`crate::curve`].

use crate::error::{Result, read_error, write_error};
use mustool_audio::file::write_atomic;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Steps made.
    pub step: u64,
    /// Clips (texts) seen.
    pub samples: u64,
    /// Share of the run that is done.
    pub progress: f64,
    /// Seconds that the steps took, interruptions not counted.
    pub spent_s: f64,
    /// Seconds of all processors since this process began, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_s: Option<f64>,
    /// Learning rate.
    pub learning_rate: f64,
    /// Named numbers: `loss` and its parts, means since the last line; in a validation `held_out`.
    pub values: BTreeMap<String, f64>,
    /// Whether the numbers are of a validation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub validation: bool,
}

/// The file of lines.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    file: File,
    entries: Vec<Entry>,
}

impl Log {
    /// Opens or makes the file. Lines of steps after `step` are dropped, since the steps will be
    /// made again; so are lines that a crash cut short.
    pub fn open(path: &Path, step: u64) -> Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(read_error(path)(error)),
        };
        let entries: Vec<Entry> = text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|entry: &Entry| entry.step <= step)
            .collect();
        let kept: String = entries.iter().map(line).collect();
        if kept != text || !path.exists() {
            write_atomic(path, kept.as_bytes())?;
        }
        let file = File::options()
            .append(true)
            .open(path)
            .map_err(write_error(path))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            entries,
        })
    }

    /// Appends a line.
    pub fn write(&mut self, entry: Entry) -> Result<()> {
        let written = self.file.write_all(line(&entry).as_bytes());
        written.map_err(write_error(&self.path))?;
        self.entries.push(entry);
        Ok(())
    }

    /// All lines so far.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn line(entry: &Entry) -> String {
    let mut line = serde_json::to_string(entry).expect("numbers and names are JSON");
    line.push('\n');
    line
}

/// Processor seconds of this process, on systems with `/proc`.
pub fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // Fields 14 and 15 count after the name in parentheses, which may hold spaces.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks: f64 = fields.get(11)?.parse::<f64>().ok()? + fields.get(12)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(step: u64) -> Entry {
        Entry {
            step,
            samples: 8 * step,
            progress: 0.5,
            spent_s: 1.25,
            cpu_s: None,
            learning_rate: 1e-3,
            values: BTreeMap::from([("loss".to_owned(), 0.5)]),
            validation: step == 20,
        }
    }

    #[test]
    fn a_resumed_log_goes_on_where_the_checkpoint_was() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.jsonl");
        let mut log = Log::open(&path, 0).unwrap();
        for step in [10, 20, 30] {
            log.write(entry(step)).unwrap();
        }
        let mut text = std::fs::read_to_string(&path).unwrap();
        text.push_str("{\"step\": 12, \"samp");
        std::fs::write(&path, text).unwrap();
        let mut log = Log::open(&path, 20).unwrap();
        assert_eq!(log.entries(), [entry(10), entry(20)]);
        log.write(entry(30)).unwrap();
        let lines = std::fs::read_to_string(&path).unwrap();
        let read: Vec<Entry> = lines
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(read, [entry(10), entry(20), entry(30)]);
    }
}
