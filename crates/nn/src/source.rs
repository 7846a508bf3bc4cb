//! Where weights come from: safetensors files (memory-mapped, sharded), PyTorch checkpoints, tensors
//! at hand, random numbers for benches or for a training's start, or nowhere at all (to list the
//! keys of a network).

use crate::error::Result;
use crate::init::{Init, noise};
use crate::pickle::PickledCheckpoint;
use crate::shard::{Shard, widen};
use safetensors::Dtype;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A set of named tensors.
#[derive(Debug)]
pub struct Source {
    kind: Kind,
    /// What the names of the tensors begin with, in front of those that are asked for.
    prefix: String,
    /// Beginnings of names that belong to other parts of the file.
    others: Vec<String>,
}

#[derive(Debug)]
enum Kind {
    Files(Vec<Shard>),
    Pickled(Box<PickledCheckpoint>),
    Memory(BTreeMap<String, (Vec<usize>, Vec<f32>)>),
    Random(u64),
    Initial(u64),
    Listing,
}

/// A tensor as its file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredTensor {
    /// Name without the source's prefix.
    pub name: String,
    /// Type, as safetensors names it: `F32`, `BF16`, ..
    pub dtype: String,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// Bytes of one number.
    pub number_bytes: usize,
}

impl StoredTensor {
    /// Bytes of all numbers.
    pub fn size_in_bytes(&self) -> u64 {
        self.shape.iter().product::<usize>() as u64 * self.number_bytes as u64
    }
}

impl Source {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            prefix: String::new(),
            others: Vec::new(),
        }
    }

    /// Opens safetensors files; a key may be in one of them only.
    pub fn files(paths: &[PathBuf]) -> Result<Self> {
        let shards = paths.iter().map(|path| Shard::open(path));
        Ok(Self::new(Kind::Files(shards.collect::<Result<_>>()?)))
    }

    /// Opens a PyTorch checkpoint; its tensors are read one at a time, when they are asked for.
    pub fn pickled(path: &Path) -> Result<Self> {
        let checkpoint = Box::new(PickledCheckpoint::open(path)?);
        Ok(Self::new(Kind::Pickled(checkpoint)))
    }

    /// Reads a safetensors file that is part of the program.
    pub fn embedded(bytes: &'static [u8]) -> Result<Self> {
        Ok(Self::new(Kind::Files(vec![Shard::embedded(bytes)?])))
    }

    /// Tensors at hand: name → shape and values.
    pub fn memory(tensors: BTreeMap<String, (Vec<usize>, Vec<f32>)>) -> Self {
        Self::new(Kind::Memory(tensors))
    }

    /// Any key of any shape, filled with small random numbers: for benches.
    pub fn random(seed: u64) -> Self {
        Self::new(Kind::Random(seed))
    }

    /// Any key of any shape, filled as its layer wishes at the start of a training.
    pub fn initial(seed: u64) -> Self {
        Self::new(Kind::Initial(seed))
    }

    /// Any key of any shape, without values: lists what a network asks for.
    pub fn listing() -> Self {
        Self::new(Kind::Listing)
    }

    /// The tensors whose names begin with `prefix`, without that beginning, but for those that then
    /// begin with one of `others`: one network of a file that holds several.
    pub fn part(self, prefix: &str, others: &[&str]) -> Self {
        Self {
            prefix: format!("{}{prefix}", self.prefix),
            others: others.iter().map(|&other| other.to_owned()).collect(),
            ..self
        }
    }

    pub(crate) fn is_listing(&self) -> bool {
        matches!(self.kind, Kind::Listing)
    }

    /// The name in this part of a name in the file.
    fn local<'a>(&self, name: &'a str) -> Option<&'a str> {
        let name = name.strip_prefix(self.prefix.as_str())?;
        let elsewhere = self.others.iter().any(|other| name.starts_with(other));
        (!elsewhere).then_some(name)
    }

    fn full_name<'a>(&self, name: &'a str) -> Cow<'a, str> {
        match self.prefix.as_str() {
            "" => name.into(),
            prefix => format!("{prefix}{name}").into(),
        }
    }

    /// All names, sorted; empty for random weights and listings.
    pub fn names(&self) -> Vec<String> {
        let local = |name: &String| self.local(name).map(str::to_owned);
        let mut names: Vec<String> = match &self.kind {
            Kind::Files(shards) => shards
                .iter()
                .flat_map(|shard| shard.tensors.keys().filter_map(local))
                .collect(),
            Kind::Pickled(checkpoint) => {
                let names = checkpoint.tensors().iter().map(|tensor| &tensor.name);
                names.filter_map(local).collect()
            }
            Kind::Memory(tensors) => tensors.keys().filter_map(local).collect(),
            Kind::Random(_) | Kind::Initial(_) | Kind::Listing => Vec::new(),
        };
        names.sort();
        names
    }

    /// Shape of a tensor, if it is there; `wanted` for sources that have everything.
    pub(crate) fn shape(&self, name: &str, wanted: &[usize]) -> Option<Vec<usize>> {
        let full = self.full_name(name);
        self.local(&full)?;
        match &self.kind {
            Kind::Files(shards) => entry(shards, &full).map(|(_, entry)| entry.shape.clone()),
            Kind::Pickled(checkpoint) => checkpoint.tensor(&full).map(|found| found.shape.clone()),
            Kind::Memory(tensors) => tensors.get(&*full).map(|(shape, _)| shape.clone()),
            Kind::Random(_) | Kind::Initial(_) | Kind::Listing => Some(wanted.to_vec()),
        }
    }

    /// Values of a tensor whose shape was checked; empty for listings.
    pub(crate) fn values(&self, name: &str, shape: &[usize], init: Init) -> Result<Vec<f32>> {
        match &self.kind {
            Kind::Files(_) | Kind::Pickled(_) => {
                let (dtype, bytes) = self.numbers(name)?;
                widen(dtype, &bytes).ok_or_else(|| unreadable(name, dtype))
            }
            Kind::Memory(tensors) => {
                let found = tensors.get(&*self.full_name(name));
                Ok(found.map_or_else(Vec::new, |(_, values)| values.clone()))
            }
            Kind::Random(seed) => Ok(random_values(*seed, name, shape)),
            Kind::Initial(seed) => Ok(init.values(*seed, name, shape)),
            Kind::Listing => Ok(Vec::new()),
        }
    }

    /// The tensors of a file in the order of their names; none for other sources.
    pub fn stored(&self) -> Vec<StoredTensor> {
        let describe = |name: String| {
            let full = self.full_name(&name);
            let (dtype, shape) = match &self.kind {
                Kind::Files(shards) => {
                    let (_, entry) = entry(shards, &full)?;
                    (entry.dtype, entry.shape.clone())
                }
                Kind::Pickled(checkpoint) => {
                    let found = checkpoint.tensor(&full)?;
                    (found.dtype.into(), found.shape.clone())
                }
                Kind::Memory(_) | Kind::Random(_) | Kind::Initial(_) | Kind::Listing => {
                    return None;
                }
            };
            Some(StoredTensor {
                name,
                dtype: dtype.to_string(),
                shape,
                number_bytes: dtype.bitsize() / 8,
            })
        };
        self.names().into_iter().filter_map(describe).collect()
    }

    /// The numbers of a tensor of a file, little-endian, as they are stored.
    pub fn bytes(&self, name: &str) -> Result<Cow<'_, [u8]>> {
        self.numbers(name).map(|(_, bytes)| bytes)
    }

    fn numbers(&self, name: &str) -> Result<(Dtype, Cow<'_, [u8]>)> {
        let full = self.full_name(name);
        match &self.kind {
            Kind::Files(shards) => entry(shards, &full)
                .map(|(shard, entry)| (entry.dtype, shard.data(entry).into()))
                .ok_or_else(|| unreadable(name, Dtype::F32)),
            Kind::Pickled(checkpoint) => {
                let bytes = checkpoint.read(&full)?;
                let dtype = checkpoint.tensor(&full).map(|found| found.dtype.into());
                Ok((dtype.unwrap_or(Dtype::F32), bytes.into()))
            }
            Kind::Memory(_) | Kind::Random(_) | Kind::Initial(_) | Kind::Listing => {
                Err(unreadable(name, Dtype::F32))
            }
        }
    }
}

fn entry<'a>(shards: &'a [Shard], name: &str) -> Option<(&'a Shard, &'a crate::shard::Entry)> {
    let entry = |shard: &'a Shard| Some((shard, shard.tensors.get(name)?));
    shards.iter().find_map(entry)
}

fn unreadable(name: &str, dtype: Dtype) -> crate::error::Error {
    crate::error::Error::Config(format!("{name} cannot be read as numbers ({dtype})"))
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

#[cfg(test)]
mod tests {
    use super::*;

    fn file_of_two() -> Source {
        let tensor = |value: f32| (vec![2], vec![value; 2]);
        Source::memory(BTreeMap::from([
            ("one.a".to_owned(), tensor(1.0)),
            ("one.b".to_owned(), tensor(2.0)),
            ("two.a".to_owned(), tensor(3.0)),
            ("rest".to_owned(), tensor(4.0)),
        ]))
    }

    #[test]
    fn a_part_has_its_own_names_and_no_others() {
        let one = file_of_two().part("one.", &[]);
        assert_eq!(one.names(), ["a", "b"]);
        assert_eq!(one.values("b", &[2], Init::Zeros).unwrap(), [2.0, 2.0]);
        assert_eq!(one.shape("rest", &[2]), None);
        let rest = file_of_two().part("", &["one.", "two."]);
        assert_eq!(rest.names(), ["rest"]);
        assert_eq!(
            rest.shape("one.a", &[2]),
            None,
            "it belongs to another part"
        );
    }
}
