//! Finds the named tensors among the values of a pickle, and checks each against its storage.
//!
//! A checkpoint is the state dict itself, or a dictionary that has it under a usual key. Optimizer
//! state and numbers beside the weights are not read; their keys are reported.

use super::error::{Problem, TensorFault};
use super::layout::Layout;
use super::value::{Heap, Id, StoredType, Value};

/// Keys under which training programs put the state dict, the more specific first.
const WRAPPERS: [&str; 3] = ["state_dict", "model_state_dict", "model"];
/// How many wrappers may lie in each other.
const MAX_WRAPPERS: usize = 4;
/// A published music model of 3 billion parameters has 3,107 keys.
const MAX_KEYS: u64 = 1 << 15;
const MAX_NAME_LEN: usize = 256;
/// The largest shape in published audio models has four axes.
const MAX_AXES: usize = 8;
/// Tied weights are listed once per name. All tensors together may be this many times as large as
/// the file, so that a small file cannot ask for endless conversion.
const MAX_SHARING: u64 = 64;

/// One tensor of a checkpoint. Its numbers stay in the file until they are read.
#[derive(Debug, Clone)]
pub struct TensorEntry {
    /// Key in the state dict, as `encoder.conv_in.weight`.
    pub name: String,
    /// Type of the elements.
    pub dtype: StoredType,
    /// Length of each axis; empty for a scalar.
    pub shape: Vec<usize>,
    /// Key of the storage: tensors of one storage may share numbers.
    pub(super) storage: String,
    pub(super) layout: Layout,
}

impl TensorEntry {
    /// Number of elements.
    pub fn numel(&self) -> u64 {
        self.layout.numel()
    }

    /// Bytes of the tensor in memory, without gaps. It is at most the length of its storage.
    pub fn size_in_bytes(&self) -> u64 {
        self.layout.numel() * self.dtype.size_in_bytes() as u64
    }
}

/// The tensors of a state dict in its order, and the keys of everything else.
pub(super) struct Listing {
    pub(super) tensors: Vec<TensorEntry>,
    pub(super) ignored: Vec<String>,
}

/// Lists the state dict of a file of `file_len` bytes.
///
/// `storage_len` gives the bytes of a storage in the archive.
pub(super) fn list(
    heap: &Heap<'_>,
    root: Id,
    file_len: u64,
    storage_len: impl Fn(&str) -> Option<u64>,
) -> Result<Listing, Problem> {
    let mut listing = Listing {
        tensors: Vec::new(),
        ignored: Vec::new(),
    };
    let items = find(heap, root, &mut listing.ignored)?;
    check_count(items.len())?;
    let (limit, mut total) = (file_len.saturating_mul(MAX_SHARING), 0_u64);
    for &(key, value) in items {
        let name = key_name(heap, key)?;
        let Value::Tensor(_) = heap.get(value) else {
            listing.ignored.push(name);
            continue;
        };
        let entry = entry(heap, &name, value, &storage_len)
            .map_err(|fault| Problem::Tensor { name, fault })?;
        total = total.saturating_add(entry.size_in_bytes());
        if total > limit {
            let what = "bytes in tensors of shared storages";
            return Err(Problem::Limit {
                what,
                found: total,
                limit,
            });
        }
        listing.tensors.push(entry);
    }
    Ok(listing)
}

/// The dictionary that holds tensors, through at most [`MAX_WRAPPERS`] others.
fn find<'h>(
    heap: &'h Heap<'_>,
    root: Id,
    ignored: &mut Vec<String>,
) -> Result<&'h [(Id, Id)], Problem> {
    let mut here = root;
    for _ in 0..=MAX_WRAPPERS {
        let Value::Dict(items) = heap.get(here) else {
            return Err(Problem::NoStateDict {
                found: heap.get(here).kind().into(),
            });
        };
        let inner = WRAPPERS.iter().find_map(|wrapper| {
            let is_it = |(key, value): &&(Id, Id)| {
                matches!(heap.get(*key), Value::Str(key) if key == wrapper)
                    && matches!(heap.get(*value), Value::Dict(_))
            };
            items.iter().find(is_it)
        });
        let Some(&(inner_key, inner)) = inner else {
            if items
                .iter()
                .any(|(_, value)| matches!(heap.get(*value), Value::Tensor(_)))
            {
                return Ok(items);
            }
            return Err(Problem::NoStateDict {
                found: describe(heap, items)?,
            });
        };
        check_count(items.len() + ignored.len())?;
        for &(key, _) in items.iter().filter(|(key, _)| *key != inner_key) {
            ignored.push(key_name(heap, key)?);
        }
        here = inner;
    }
    Err(Problem::NoStateDict {
        found: "dictionaries in dictionaries".into(),
    })
}

/// The first keys of a dictionary without tensors.
fn describe(heap: &Heap<'_>, items: &[(Id, Id)]) -> Result<String, Problem> {
    let keys: Result<Vec<_>, _> = items
        .iter()
        .take(5)
        .map(|item| key_name(heap, item.0))
        .collect();
    let more = if items.len() > 5 { "and more" } else { "" };
    Ok(format!("a dictionary of {:?} {more}", keys?)
        .trim_end()
        .into())
}

fn check_count(keys: usize) -> Result<(), Problem> {
    match keys as u64 {
        found if found > MAX_KEYS => Err(Problem::Limit {
            what: "keys in a dictionary",
            found,
            limit: MAX_KEYS,
        }),
        _ => Ok(()),
    }
}

/// A key as text. Keys that are numbers, as in optimizer state, are not names of weights.
fn key_name(heap: &Heap<'_>, key: Id) -> Result<String, Problem> {
    match heap.get(key) {
        Value::Str(name) if name.len() > MAX_NAME_LEN => {
            let (found, limit) = (name.len() as u64, MAX_NAME_LEN as u64);
            Err(Problem::Limit {
                what: "bytes in a key",
                found,
                limit,
            })
        }
        Value::Str(name) => Ok((*name).to_owned()),
        other => Ok(format!("({})", other.kind())),
    }
}

/// The tensor `value`, checked against its storage.
fn entry(
    heap: &Heap<'_>,
    name: &str,
    value: Id,
    storage_len: &impl Fn(&str) -> Option<u64>,
) -> Result<TensorEntry, TensorFault> {
    let Value::Tensor(view) = heap.get(value) else {
        return Err(TensorFault::Malformed);
    };
    let view = heap.view(*view);
    let (shape, strides) = (dims(heap, view.shape)?, dims(heap, view.strides)?);
    let layout = Layout::new(view.offset, &shape, &strides)?;

    let storage = heap.storage(view.storage);
    let key = || storage.key.to_owned();
    let Some(bytes) = storage_len(storage.key) else {
        return Err(TensorFault::MissingStorage { storage: key() });
    };
    if storage
        .numel
        .checked_mul(storage.dtype.size_in_bytes() as u64)
        != Some(bytes)
    {
        let (numel, dtype) = (storage.numel, storage.dtype);
        return Err(TensorFault::StorageSize {
            storage: key(),
            numel,
            dtype,
            bytes,
        });
    }
    let (needed, available) = (layout.needed(), storage.numel);
    if needed > available {
        return Err(TensorFault::OutsideStorage {
            storage: key(),
            needed,
            available,
        });
    }
    let too_long = |_| TensorFault::Overflow {
        shape: shape.clone(),
        strides: strides.clone(),
    };
    Ok(TensorEntry {
        name: name.to_owned(),
        dtype: storage.dtype,
        shape: shape
            .iter()
            .map(|&size| usize::try_from(size))
            .collect::<Result<_, _>>()
            .map_err(too_long)?,
        storage: key(),
        layout,
    })
}

/// Shape or strides: a tuple of whole numbers ≥ 0.
fn dims(heap: &Heap<'_>, id: Id) -> Result<Vec<u64>, TensorFault> {
    let Value::Tuple(items) = heap.get(id) else {
        return Err(TensorFault::Malformed);
    };
    if items.len() > MAX_AXES {
        return Err(TensorFault::Axes {
            axes: items.len(),
            limit: MAX_AXES,
        });
    }
    items
        .iter()
        .map(|&item| heap.count(item).ok_or(TensorFault::Malformed))
        .collect()
}
