//! What a run has learnt so far, on disk: written whole or not at all, and checked when read.
//!
//! A checkpoint is a safetensors file with the weights, their average, and the two moments of the
//! optimiser; its header holds the step and a checksum. Of each run the last two and the best are
//! kept. Random numbers need no saving: they follow from seed and step.

use crate::config::StageKind;
use crate::error::{Error, Result, read_error, write_error};
use mustool_audio::file::write_atomic;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

/// Tensors by name: shape and values.
pub type Tensors = BTreeMap<String, (Vec<usize>, Vec<f32>)>;

/// The key of the header that holds [`State`].
const STATE: &str = "mustool";
/// How many of the newest checkpoints stay.
const KEPT: usize = 2;
/// Largest checkpoint file, in bytes.
const MAX_BYTES: u64 = 64 << 30;

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// Which network.
    pub stage: StageKind,
    /// Seed of the run.
    pub seed: u64,
    /// Steps that were made.
    pub step: u64,
    /// Seconds that they took, interruptions not counted.
    pub spent_s: f64,
    /// The best validation so far; lower is better.
    pub best: Option<f64>,
    /// SHA-256 of all names, shapes and values.
    #[serde(default)]
    checksum: String,
}

impl State {
    /// Before the first step.
    pub fn new(stage: StageKind, seed: u64) -> Self {
        Self {
            stage,
            seed,
            step: 0,
            spent_s: 0.0,
            best: None,
            checksum: String::new(),
        }
    }
}

/// A run at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Checkpoint {
    /// Where it stands.
    pub state: State,
    /// All tensors; the part before the first `/` of a name says what it is.
    pub tensors: Tensors,
}

impl Checkpoint {
    /// The tensors of one part, without its name: `weights`, `average`, and so on.
    pub fn part(&self, part: &str) -> Tensors {
        let prefix = format!("{part}/");
        let named = |(name, tensor): (&String, &(Vec<usize>, Vec<f32>))| {
            Some((name.strip_prefix(&prefix)?.to_owned(), tensor.clone()))
        };
        self.tensors.iter().filter_map(named).collect()
    }

    /// Adds the tensors of a part.
    pub fn add(&mut self, part: &str, tensors: Tensors) {
        let named = |(name, tensor)| (format!("{part}/{name}"), tensor);
        self.tensors.extend(tensors.into_iter().map(named));
    }

    /// The bytes of the file.
    fn to_bytes(&self) -> Result<Vec<u8>> {
        let mut state = self.state.clone();
        let data: Vec<(String, Vec<usize>, Vec<u8>)> = self
            .tensors
            .iter()
            .map(|(name, (shape, values))| {
                let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
                (name.clone(), shape.clone(), bytes)
            })
            .collect();
        state.checksum = checksum(data.iter().map(|(n, s, d)| (n.as_str(), &s[..], &d[..])));
        let wrong = |reason: String| Error::Checkpoint {
            path: PathBuf::new(),
            reason,
        };
        let text = serde_json::to_string(&state).map_err(|e| wrong(e.to_string()))?;
        let views: Vec<(&str, TensorView)> = data
            .iter()
            .map(|(name, shape, bytes)| {
                let view = TensorView::new(Dtype::F32, shape.clone(), bytes);
                Ok((name.as_str(), view.map_err(|e| wrong(e.to_string()))?))
            })
            .collect::<Result<_>>()?;
        let header = HashMap::from([(STATE.to_owned(), text)]);
        safetensors::serialize(views, Some(header)).map_err(|e| wrong(e.to_string()))
    }

    /// Reads a file and refuses it unless every byte of its numbers is as it was written.
    pub fn load(path: &Path) -> Result<Self> {
        let size = std::fs::metadata(path).map_err(read_error(path))?.len();
        let wrong = |reason: String| Error::Checkpoint {
            path: path.to_path_buf(),
            reason,
        };
        if size > MAX_BYTES {
            return Err(wrong(format!("{size} bytes is too large")));
        }
        let bytes = std::fs::read(path).map_err(read_error(path))?;
        let damaged = |e: safetensors::SafeTensorError| wrong(format!("it is damaged ({e})"));
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(damaged)?;
        let text = header.metadata().as_ref().and_then(|map| map.get(STATE));
        let text = text.ok_or_else(|| wrong("it is not a checkpoint of a training".to_owned()))?;
        let state: State = serde_json::from_str(text).map_err(|e| wrong(e.to_string()))?;
        let file = SafeTensors::deserialize(&bytes).map_err(damaged)?;
        let views: BTreeMap<String, TensorView> = file.tensors().into_iter().collect();
        let found = checksum(views.iter().map(|(n, v)| (n.as_str(), v.shape(), v.data())));
        if found != state.checksum {
            return Err(wrong("it is damaged (its checksum differs)".to_owned()));
        }
        let tensors = views
            .into_iter()
            .map(|(name, view)| {
                if view.dtype() != Dtype::F32 {
                    return Err(wrong(format!("{name} is not of type f32")));
                }
                let (chunks, _) = view.data().as_chunks::<4>();
                let values = chunks.iter().map(|&c| f32::from_le_bytes(c)).collect();
                Ok((name, (view.shape().to_vec(), values)))
            })
            .collect::<Result<_>>()?;
        Ok(Self { state, tensors })
    }
}

fn checksum<'a>(tensors: impl Iterator<Item = (&'a str, &'a [usize], &'a [u8])>) -> String {
    let mut hash = Sha256::new();
    for (name, shape, data) in tensors {
        hash.update(name.as_bytes());
        hash.update(format!("{shape:?}").as_bytes());
        hash.update(data);
    }
    hash.finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// The checkpoints of a run's folder.
#[derive(Debug, Clone)]
pub struct Shelf {
    folder: PathBuf,
}

impl Shelf {
    /// The checkpoints in `folder`, which is made if it is not there.
    pub fn open(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(write_error(folder))?;
        Ok(Self {
            folder: folder.to_path_buf(),
        })
    }

    /// The file of a step.
    fn path(&self, step: u64) -> PathBuf {
        self.folder.join(format!("step-{step:010}.safetensors"))
    }

    /// The file of the best validation.
    pub fn best_path(&self) -> PathBuf {
        self.folder.join("best.safetensors")
    }

    /// All files of steps, newest first.
    pub fn files(&self) -> Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(&self.folder).map_err(read_error(&self.folder))? {
            let path = entry.map_err(read_error(&self.folder))?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            let is_step = |n: &str| n.starts_with("step-") && n.ends_with(".safetensors");
            if name.is_some_and(is_step) {
                found.push(path);
            }
        }
        found.sort_unstable_by(|a, b| b.cmp(a));
        Ok(found)
    }

    /// Writes a checkpoint and drops the third newest.
    pub fn save(&self, checkpoint: &Checkpoint) -> Result<PathBuf> {
        let path = self.path(checkpoint.state.step);
        write_atomic(&path, &checkpoint.to_bytes()?)?;
        for old in self.files()?.into_iter().skip(KEPT) {
            std::fs::remove_file(&old).map_err(write_error(&old))?;
        }
        Ok(path)
    }

    /// Writes the checkpoint of the best validation so far.
    pub fn save_best(&self, checkpoint: &Checkpoint) -> Result<()> {
        Ok(write_atomic(&self.best_path(), &checkpoint.to_bytes()?)?)
    }

    /// Removes all checkpoints, for a run that begins anew.
    pub fn clear(&self) -> Result<()> {
        let best = Some(self.best_path()).filter(|path| path.exists());
        for path in self.files()?.into_iter().chain(best) {
            std::fs::remove_file(&path).map_err(write_error(&path))?;
        }
        Ok(())
    }

    /// The newest checkpoint that is whole, and why newer ones were passed over; `None` where there
    /// is no checkpoint at all.
    pub fn newest(&self) -> Result<(Option<Checkpoint>, Vec<String>)> {
        let mut passed_over = Vec::new();
        let files = self.files()?;
        for path in &files {
            match Checkpoint::load(path) {
                Ok(checkpoint) => return Ok((Some(checkpoint), passed_over)),
                Err(error) => passed_over.push(error.to_string()),
            }
        }
        match (files.first(), passed_over.first()) {
            (Some(path), Some(reason)) => Err(Error::Checkpoint {
                path: path.clone(),
                reason: format!("no checkpoint of this run is whole: {reason}"),
            }),
            _ => Ok((None, passed_over)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint(step: u64) -> Checkpoint {
        let mut state = State::new(StageKind::Unet, 7);
        state.step = step;
        let mut checkpoint = Checkpoint {
            state,
            tensors: Tensors::new(),
        };
        let values = vec![step as f32, -0.0, f32::MIN_POSITIVE / 2.0, 1e30, 5.0, 6.0];
        checkpoint.add(
            "weights",
            Tensors::from([("a.weight".to_owned(), (vec![2, 3], values))]),
        );
        checkpoint.add(
            "average",
            Tensors::from([("b".to_owned(), (vec![1], vec![1.5]))]),
        );
        checkpoint
    }

    fn same(a: &Checkpoint, b: &Checkpoint) -> bool {
        let bits = |c: &Checkpoint| -> Vec<u32> {
            c.tensors
                .values()
                .flat_map(|(_, v)| v.iter().map(|x| x.to_bits()))
                .collect()
        };
        a.state.step == b.state.step && bits(a) == bits(b) && a.tensors == b.tensors
    }

    #[test]
    fn a_checkpoint_comes_back_bit_for_bit() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        assert_eq!(shelf.newest().unwrap(), (None, vec![]));
        shelf.save(&checkpoint(3)).unwrap();
        shelf.save_best(&checkpoint(3)).unwrap();
        let (found, passed) = shelf.newest().unwrap();
        assert!(same(&found.unwrap(), &checkpoint(3)) && passed.is_empty());
        let best = Checkpoint::load(&shelf.best_path()).unwrap();
        assert_eq!(best.part("average")["b"], (vec![1], vec![1.5]));
        assert_eq!(best.part("weights").len(), 1);
    }

    #[test]
    fn the_last_two_and_the_best_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        for step in [5, 10, 200, 3000] {
            shelf.save(&checkpoint(step)).unwrap();
        }
        shelf.save_best(&checkpoint(10)).unwrap();
        let names: Vec<_> = shelf.files().unwrap();
        assert_eq!(names, [shelf.path(3000), shelf.path(200)]);
        let best = Checkpoint::load(&shelf.best_path()).unwrap();
        assert_eq!(best.state.step, 10);
        shelf.clear().unwrap();
        assert_eq!(shelf.newest().unwrap(), (None, vec![]));
        assert!(!shelf.best_path().exists());
    }

    #[test]
    fn a_damaged_one_gives_way_to_the_one_before() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        shelf.save(&checkpoint(1)).unwrap();
        let path = shelf.save(&checkpoint(2)).unwrap();
        let whole = std::fs::read(&path).unwrap();
        let mut flipped = whole.clone();
        *flipped.last_mut().unwrap() ^= 0x10;
        for damaged in [&whole[..whole.len() - 5], &whole[..20], &[], &flipped] {
            std::fs::write(&path, damaged).unwrap();
            let (found, passed) = shelf.newest().unwrap();
            assert!(same(&found.unwrap(), &checkpoint(1)));
            assert!(passed[0].contains("step-0000000002"), "{passed:?}");
        }
        std::fs::write(shelf.path(1), b"nonsense").unwrap();
        assert!(matches!(shelf.newest(), Err(Error::Checkpoint { .. })));
    }

    #[test]
    fn other_files_are_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::open(folder.path()).unwrap();
        std::fs::write(folder.path().join("notes.txt"), "mine").unwrap();
        std::fs::write(folder.path().join(".mustool-x.part"), "half").unwrap();
        for step in 1..5 {
            shelf.save(&checkpoint(step)).unwrap();
        }
        assert!(folder.path().join("notes.txt").exists());
        assert_eq!(shelf.files().unwrap().len(), 2);
    }
}
