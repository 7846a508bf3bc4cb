//! One safetensors file (<https://github.com/huggingface/safetensors#format>): mapped into memory,
//! or part of the program.
//!
//! Which file a tensor comes from is decided in `source`.

use crate::error::{Error, Result};
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::Path;

/// One file of named tensors.
#[derive(Debug)]
pub(crate) struct Shard {
    bytes: Bytes,
    pub(crate) tensors: BTreeMap<String, Entry>,
}

#[derive(Debug)]
enum Bytes {
    Mapped(Mmap),
    Static(&'static [u8]),
}

impl Bytes {
    fn slice(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Static(bytes) => bytes,
        }
    }
}

/// Type, shape and place of one tensor.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) dtype: Dtype,
    pub(crate) shape: Vec<usize>,
    range: std::ops::Range<usize>,
}

impl Shard {
    /// Opens a file.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        Self::new(Bytes::Mapped(map(path)?), path)
    }

    /// Reads a file that is part of the program.
    pub(crate) fn embedded(bytes: &'static [u8]) -> Result<Self> {
        Self::new(Bytes::Static(bytes), Path::new("(embedded)"))
    }

    /// The numbers of a tensor as they are stored.
    pub(crate) fn data(&self, entry: &Entry) -> &[u8] {
        &self.bytes.slice()[entry.range.clone()]
    }

    fn new(bytes: Bytes, path: &Path) -> Result<Self> {
        let format = |reason: String| Error::Format {
            path: path.to_path_buf(),
            reason,
        };
        let data = bytes.slice();
        let parsed = SafeTensors::deserialize(data).map_err(|e| format(e.to_string()))?;
        let base = data.as_ptr() as usize;
        let mut tensors = BTreeMap::new();
        for (name, view) in parsed.tensors() {
            let start = view.data().as_ptr() as usize - base;
            let range = start..start + view.data().len();
            let entry = Entry {
                dtype: view.dtype(),
                shape: view.shape().to_vec(),
                range,
            };
            if !matches!(
                entry.dtype,
                Dtype::F32 | Dtype::F16 | Dtype::BF16 | Dtype::I64
            ) {
                return Err(format(format!("{name} has type {:?}", entry.dtype)));
            }
            tensors.insert(name, entry);
        }
        Ok(Self { bytes, tensors })
    }
}

/// Maps a file into memory.
fn map(path: &Path) -> Result<Mmap> {
    let open = |source| Error::Open {
        path: path.to_path_buf(),
        source,
    };
    let file = std::fs::File::open(path).map_err(open)?;
    #[expect(unsafe_code, reason = "memory maps are unsafe by nature")]
    // SAFETY: the map is read-only; a checkpoint that another program shortens while it is read
    // would end this process, as documented for `--model`.
    unsafe { Mmap::map(&file) }.map_err(open)
}

/// Little-endian numbers of any stored type as `f32`; integers beyond 2²⁴ lose digits.
pub(crate) fn widen(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    fn each<const N: usize>(bytes: &[u8], f: impl Fn([u8; N]) -> f32) -> Vec<f32> {
        let (chunks, _) = bytes.as_chunks::<N>();
        chunks.iter().map(|&chunk| f(chunk)).collect()
    }
    match dtype {
        Dtype::F32 => Some(each(bytes, f32::from_le_bytes)),
        Dtype::F16 => Some(each(bytes, |b| f16::from_le_bytes(b).to_f32())),
        Dtype::BF16 => Some(each(bytes, |b| bf16::from_le_bytes(b).to_f32())),
        Dtype::I64 => Some(each(bytes, |b| i64::from_le_bytes(b) as f32)),
        _ => None,
    }
}
