//! Where weights come from: safetensors files (memory-mapped, sharded), tensors at hand, random
//! numbers for benches or for a training's start, or nowhere at all (to list a network's keys).

use crate::error::{Error, Result};
use crate::init::{Init, noise};
use half::{bf16, f16};
use memmap2::Mmap;
use safetensors::{Dtype, SafeTensors};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A set of named tensors.
#[derive(Debug)]
pub struct Source(Kind);

#[derive(Debug)]
enum Kind {
    Files(Vec<Shard>),
    Memory(BTreeMap<String, (Vec<usize>, Vec<f32>)>),
    Random(u64),
    Initial(u64),
    Listing,
}

#[derive(Debug)]
struct Shard {
    bytes: Bytes,
    tensors: BTreeMap<String, Entry>,
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

#[derive(Debug)]
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    range: std::ops::Range<usize>,
}

impl Source {
    /// Opens safetensors files; a key may be in one of them only.
    pub fn files(paths: &[PathBuf]) -> Result<Self> {
        let mut shards = Vec::new();
        for path in paths {
            let bytes = Bytes::Mapped(map(path)?);
            shards.push(Shard::new(bytes, path)?);
        }
        Ok(Self(Kind::Files(shards)))
    }

    /// Reads a safetensors file that is part of the program.
    pub fn embedded(bytes: &'static [u8]) -> Result<Self> {
        let shard = Shard::new(Bytes::Static(bytes), Path::new("(embedded)"))?;
        Ok(Self(Kind::Files(vec![shard])))
    }

    /// Tensors at hand: name → shape and values.
    pub fn memory(tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Self {
        Self(Kind::Memory(tensors))
    }

    /// Any key of any shape, filled with small random numbers: for benches.
    pub fn random(seed: u64) -> Self {
        Self(Kind::Random(seed))
    }

    /// Any key of any shape, filled as its layer wishes at the start of a training.
    pub fn initial(seed: u64) -> Self {
        Self(Kind::Initial(seed))
    }

    /// Any key of any shape, without values: lists what a network asks for.
    pub fn listing() -> Self {
        Self(Kind::Listing)
    }

    pub(crate) fn is_listing(&self) -> bool {
        matches!(self.0, Kind::Listing)
    }

    /// All names, sorted; empty for random weights and listings.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = match &self.0 {
            Kind::Files(shards) => shards
                .iter()
                .flat_map(|s| s.tensors.keys().cloned())
                .collect(),
            Kind::Memory(tensors) => tensors.keys().cloned().collect(),
            Kind::Random(_) | Kind::Initial(_) | Kind::Listing => Vec::new(),
        };
        names.sort();
        names
    }

    /// Shape of a tensor, if it is there; `wanted` for sources that have everything.
    pub(crate) fn shape(&self, name: &str, wanted: &[usize]) -> Option<Vec<usize>> {
        match &self.0 {
            Kind::Files(shards) => shards
                .iter()
                .find_map(|s| s.tensors.get(name))
                .map(|e| e.shape.clone()),
            Kind::Memory(tensors) => tensors.get(name).map(|(shape, _)| shape.clone()),
            Kind::Random(_) | Kind::Initial(_) | Kind::Listing => Some(wanted.to_vec()),
        }
    }

    /// Values of a tensor whose shape was checked.
    pub(crate) fn values(&self, name: &str, shape: &[usize], init: Init) -> Option<Vec<f32>> {
        match &self.0 {
            Kind::Files(shards) => shards.iter().find_map(|shard| {
                let entry = shard.tensors.get(name)?;
                widen(entry.dtype, &shard.bytes.slice()[entry.range.clone()])
            }),
            Kind::Memory(tensors) => tensors.get(name).map(|(_, values)| values.clone()),
            Kind::Random(seed) => Some(random_values(*seed, name, shape)),
            Kind::Initial(seed) => Some(init.values(*seed, name, shape)),
            Kind::Listing => Some(Vec::new()),
        }
    }
}

impl Shard {
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
fn widen(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
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

/// Uniform numbers of standard deviation `1/√fan_in`; ones for the scales of norms.
fn random_values(seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
    let len = shape.iter().product();
    if shape.len() == 1 {
        let value = if name.ends_with("weight") { 1.0 } else { 0.0 };
        return vec![value; len];
    }
    let fan_in: usize = shape[1..].iter().product();
    let limit = (3.0 / fan_in.max(1) as f32).sqrt();
    noise(seed, name).take(len).map(|x| x * limit).collect()
}
