//! Reads the tensors of a PyTorch checkpoint (`.bin`, `.pt`, `.pth`) without trusting the file.
//!
//! A checkpoint is a zip archive: `data.pkl` names the tensors, `data/0`, `data/1`, … hold their
//! numbers. Python's own reader runs whatever a pickle asks for; this one runs nothing, knows only
//! the names that tensors need, and bounds its time and memory by the length of the file. Source:
//! `torch/serialization.py` and `torch/_utils.py` of PyTorch 1.6 to 2.15.
//!
//! Not here: files written before PyTorch 1.6, TorchScript, quantized, sparse and complex tensors,
//! and writing.

mod crc32;
mod directory;
mod error;
mod layout;
mod machine;
mod state_dict;
#[cfg(test)]
mod tests;
mod value;
mod zip;

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

pub use error::{PickleError, Problem, TensorFault};
pub use state_dict::TensorEntry;
pub use value::StoredType;

use state_dict::Listing;
use zip::Archive;

/// The pickle describes the tensors, in some 120 bytes each.
const MAX_PICKLE_LEN: u64 = 8 << 20;

/// An opened checkpoint: its tensors are listed and checked, none is loaded.
///
/// Opening takes memory for the list, not for the tensors. Reading takes the memory of the one
/// tensor that is read, and 1 MiB more if it is a transposed or sliced view of its storage.
#[derive(Debug)]
pub struct PickledCheckpoint<R = File> {
    path: PathBuf,
    archive: Archive<R>,
    tensors: Vec<TensorEntry>,
    /// Indices into `tensors`, sorted by name.
    by_name: Vec<usize>,
    ignored: Vec<String>,
}

impl PickledCheckpoint {
    /// Opens a file and checks all but the numbers of its tensors; see [`Self::verify`].
    pub fn open(path: &Path) -> Result<Self, PickleError> {
        match File::open(path) {
            Ok(file) => Self::from_reader(file, path),
            Err(source) => {
                let problem = Problem::Io {
                    action: "open the file",
                    source,
                };
                Err(PickleError {
                    path: path.into(),
                    problem,
                })
            }
        }
    }
}

impl<R: Read + Seek> PickledCheckpoint<R> {
    /// Opens bytes from anywhere; `path` is their name in errors.
    pub fn from_reader(reader: R, path: impl Into<PathBuf>) -> Result<Self, PickleError> {
        let path = path.into();
        match open(reader) {
            Ok((archive, listing, by_name)) => {
                let Listing { tensors, ignored } = listing;
                Ok(Self {
                    path,
                    archive,
                    tensors,
                    by_name,
                    ignored,
                })
            }
            Err(problem) => Err(PickleError { path, problem }),
        }
    }

    /// The tensors in the order of the state dict. No name is there twice.
    pub fn tensors(&self) -> &[TensorEntry] {
        &self.tensors
    }

    /// The keys of everything that is no tensor of the state dict, as `epoch` or `optimizer`.
    pub fn ignored(&self) -> &[String] {
        &self.ignored
    }

    /// The tensor of this name, if there is one.
    pub fn tensor(&self, name: &str) -> Option<&TensorEntry> {
        let place = self
            .by_name
            .binary_search_by(|&index| self.tensors[index].name.as_str().cmp(name));
        place.ok().map(|place| &self.tensors[self.by_name[place]])
    }

    /// The numbers of a tensor: little-endian, in C order, without gaps, whatever its strides were.
    pub fn read(&self, name: &str) -> Result<Vec<u8>, PickleError> {
        let entry = self.expect_tensor(name)?;
        let mut out = Vec::new();
        // It is not longer than its storage, which is in the file; there may be less memory still.
        let len = usize::try_from(entry.size_in_bytes()).ok();
        let reserved = len.filter(|&len| out.try_reserve_exact(len).is_ok());
        let Some(len) = reserved else {
            let (name, bytes) = (name.to_owned(), entry.size_in_bytes());
            return Err(self.error(Problem::OutOfMemory { name, bytes }));
        };
        out.resize(len, 0);
        self.fill(entry, &mut out)?;
        Ok(out)
    }

    /// Like [`Self::read`], into a buffer of [`TensorEntry::size_in_bytes`] bytes.
    pub fn read_into(&self, name: &str, out: &mut [u8]) -> Result<(), PickleError> {
        let entry = self.expect_tensor(name)?;
        let (needed, given) = (entry.size_in_bytes(), out.len() as u64);
        if needed != given {
            let name = name.to_owned();
            return Err(self.error(Problem::BufferSize {
                name,
                needed,
                given,
            }));
        }
        self.fill(entry, out)
    }

    /// Reads the whole file once and compares the checksums that PyTorch recorded in it.
    ///
    /// Files saved with `torch.serialization.set_crc32_options(False)` have none, and pass.
    pub fn verify(&self) -> Result<(), PickleError> {
        self.archive.verify().map_err(|problem| self.error(problem))
    }

    fn expect_tensor(&self, name: &str) -> Result<&TensorEntry, PickleError> {
        self.tensor(name)
            .ok_or_else(|| self.error(Problem::UnknownTensor { name: name.into() }))
    }

    fn fill(&self, entry: &TensorEntry, out: &mut [u8]) -> Result<(), PickleError> {
        let stored = self.archive.entry(&storage_path(&entry.storage));
        let stored = stored.expect("every listed tensor was checked against its storage");
        let size = entry.dtype.size_in_bytes();
        let read = |at: u64, bytes: &mut [u8]| self.archive.read(stored, at, bytes);
        entry
            .layout
            .gather(size, read, out)
            .map_err(|problem| self.error(problem))
    }

    fn error(&self, problem: Problem) -> PickleError {
        PickleError {
            path: self.path.clone(),
            problem,
        }
    }
}

/// Name in the archive of the storage with this key.
fn storage_path(key: &str) -> String {
    format!("data/{key}")
}

type Opened<R> = (Archive<R>, Listing, Vec<usize>);

fn open<R: Read + Seek>(mut reader: R) -> Result<Opened<R>, Problem> {
    let file_len = recognise(&mut reader)?;
    let archive = Archive::open(reader, file_len)?;
    if archive.entry("byteorder").is_some() && archive.read_all("byteorder", 16)? != b"little" {
        return Err(Problem::OtherFormat {
            found: "a checkpoint of a big-endian machine",
            remedy: "re-save it on a PC",
        });
    }
    let pickle = archive.read_all("data.pkl", MAX_PICKLE_LEN)?;
    let (heap, root) = machine::run(&pickle)?;
    let storage_len = |key: &str| archive.entry(&storage_path(key)).map(|entry| entry.size);
    let listing = state_dict::list(&heap, root, file_len, storage_len)?;

    let name = |index: usize| listing.tensors[index].name.as_str();
    let mut by_name: Vec<_> = (0..listing.tensors.len()).collect();
    by_name.sort_unstable_by_key(|&index| name(index));
    if let Some(twice) = by_name
        .windows(2)
        .find(|pair| name(pair[0]) == name(pair[1]))
    {
        let (name, fault) = (name(twice[0]).to_owned(), TensorFault::Duplicate);
        return Err(Problem::Tensor { name, fault });
    }
    Ok((archive, listing, by_name))
}

/// The length of a zip archive; an error that tells what to do for other files seen in the wild.
fn recognise<R: Read + Seek>(reader: &mut R) -> Result<u64, Problem> {
    let mut head = Vec::new();
    let mut length = |reader: &mut R| -> io::Result<u64> {
        reader.seek(SeekFrom::Start(0))?;
        reader.take(16).read_to_end(&mut head)?;
        reader.seek(SeekFrom::End(0))
    };
    let file_len = length(reader).map_err(|source| Problem::Io {
        action: "read the file",
        source,
    })?;
    // The number 0x1950a86a20f9469cfc6c as a pickle, which opens files of PyTorch 0.1.10 to 1.5.
    const LEGACY: &[u8] = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19\x2e";
    let (found, remedy) = match head.as_slice() {
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => return Ok(file_len),
        [] => ("an empty file", "download it again"),
        head if head.starts_with(LEGACY) => (
            "a checkpoint in the format before PyTorch 1.6",
            "re-save it with torch>=1.6: torch.save(torch.load(path), new_path)",
        ),
        [0x80, ..] => (
            "a bare pickle",
            "re-save the weights with torch.save of torch>=1.6",
        ),
        head if head.starts_with(b"version https://") => (
            "a Git LFS pointer",
            "fetch the file itself with: git lfs pull",
        ),
        [b'<', ..] => ("a web page", "download the file again"),
        head if head.get(8) == Some(&b'{') => ("a safetensors file", "load it as it is"),
        [0x1f, 0x8b, ..] => ("a gzip file", "unpack it first"),
        _ => (
            "an unknown format",
            "give a file written by torch.save of torch>=1.6",
        ),
    };
    Err(Problem::OtherFormat { found, remedy })
}
