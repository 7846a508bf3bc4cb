//! The values that a checkpoint may be made of: plain data, storages and tensors, nothing that runs.
//!
//! Values live in one arena and refer to each other by index, so that a value shared a million times
//! is stored once, deep nesting needs no call stack, and cycles are freed like everything else.

use std::collections::HashMap;
use std::fmt;

/// Type of the elements of a stored tensor; always little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the variants are the names of the types")]
pub enum StoredType {
    F64,
    F32,
    F16,
    Bf16,
    I64,
    I32,
    I16,
    I8,
    U8,
    Bool,
}

impl StoredType {
    /// Bytes of one element.
    pub fn size_in_bytes(self) -> usize {
        match self {
            Self::F64 | Self::I64 => 8,
            Self::F32 | Self::I32 => 4,
            Self::F16 | Self::Bf16 | Self::I16 => 2,
            Self::I8 | Self::U8 | Self::Bool => 1,
        }
    }
}

/// The name that safetensors gives to the type: `F32`, `BF16`, `I64`…
impl fmt::Display for StoredType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F64 => "F64",
            Self::F32 => "F32",
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::I64 => "I64",
            Self::I32 => "I32",
            Self::I16 => "I16",
            Self::I8 => "I8",
            Self::U8 => "U8",
            Self::Bool => "BOOL",
        })
    }
}

impl From<StoredType> for safetensors::Dtype {
    fn from(dtype: StoredType) -> Self {
        match dtype {
            StoredType::F64 => Self::F64,
            StoredType::F32 => Self::F32,
            StoredType::F16 => Self::F16,
            StoredType::Bf16 => Self::BF16,
            StoredType::I64 => Self::I64,
            StoredType::I32 => Self::I32,
            StoredType::I16 => Self::I16,
            StoredType::I8 => Self::I8,
            StoredType::U8 => Self::U8,
            StoredType::Bool => Self::BOOL,
        }
    }
}

/// The Python names that a checkpoint may mention. Each stands for a fixed meaning, not for code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Global {
    OrderedDict,
    RebuildTensor,
    RebuildParameter,
    Storage(StoredType),
}

impl Global {
    /// `None` for every name that is not on the list.
    pub(super) fn find(module: &str, name: &str) -> Option<Self> {
        Some(match (module, name) {
            ("collections", "OrderedDict") => Self::OrderedDict,
            ("torch._utils", "_rebuild_tensor_v2") => Self::RebuildTensor,
            ("torch._utils", "_rebuild_parameter") => Self::RebuildParameter,
            ("torch", "DoubleStorage") => Self::Storage(StoredType::F64),
            ("torch", "FloatStorage") => Self::Storage(StoredType::F32),
            ("torch", "HalfStorage") => Self::Storage(StoredType::F16),
            ("torch", "BFloat16Storage") => Self::Storage(StoredType::Bf16),
            ("torch", "LongStorage") => Self::Storage(StoredType::I64),
            ("torch", "IntStorage") => Self::Storage(StoredType::I32),
            ("torch", "ShortStorage") => Self::Storage(StoredType::I16),
            ("torch", "CharStorage") => Self::Storage(StoredType::I8),
            ("torch", "ByteStorage") => Self::Storage(StoredType::U8),
            ("torch", "BoolStorage") => Self::Storage(StoredType::Bool),
            _ => return None,
        })
    }
}

/// Index of a value in its [`Heap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Id(u32);

/// One value. Text borrows from the bytes of the pickle.
#[derive(Debug)]
pub(super) enum Value<'p> {
    None,
    Bool,
    Int(i64),
    Float,
    Bytes,
    Str(&'p str),
    Tuple(Vec<Id>),
    List(Vec<Id>),
    Dict(Vec<(Id, Id)>),
    Global(Global),
    Storage(usize),
    Tensor(usize),
}

impl Value<'_> {
    /// What it is, for messages.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::None => "None",
            Self::Bool | Self::Int(_) | Self::Float => "a number",
            Self::Bytes => "bytes",
            Self::Str(_) => "a text",
            Self::Tuple(_) | Self::List(_) => "a list",
            Self::Dict(_) => "a dictionary",
            Self::Global(_) => "a class",
            Self::Storage(_) => "a storage",
            Self::Tensor(_) => "a single tensor",
        }
    }
}

/// A run of elements in the archive, of which tensors are views.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Storage<'p> {
    /// Name of its entry in the folder `data` of the archive.
    pub(super) key: &'p str,
    pub(super) dtype: StoredType,
    pub(super) numel: u64,
}

/// A view of a storage, as written: shape and strides are not checked yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct View {
    pub(super) storage: usize,
    /// Elements of the storage before the first one.
    pub(super) offset: u64,
    pub(super) shape: Id,
    pub(super) strides: Id,
}

/// Owner of every value of one pickle.
#[derive(Debug, Default)]
pub(super) struct Heap<'p> {
    values: Vec<Value<'p>>,
    storages: Vec<Storage<'p>>,
    storage_of_key: HashMap<&'p str, usize>,
    views: Vec<View>,
}

impl<'p> Heap<'p> {
    /// Keeps a value. The machine's limit on opcodes keeps the index far below 2^32.
    pub(super) fn add(&mut self, value: Value<'p>) -> Id {
        let index = u32::try_from(self.values.len()).expect("fewer values than opcodes");
        self.values.push(value);
        Id(index)
    }

    pub(super) fn get(&self, id: Id) -> &Value<'p> {
        &self.values[id.0 as usize]
    }

    pub(super) fn get_mut(&mut self, id: Id) -> &mut Value<'p> {
        &mut self.values[id.0 as usize]
    }

    /// Keeps a storage once, however often it is mentioned; `None` if two mentions differ.
    pub(super) fn add_storage(&mut self, storage: Storage<'p>) -> Option<Id> {
        let fresh = self.storages.len();
        let index = *self.storage_of_key.entry(storage.key).or_insert(fresh);
        if index == fresh {
            self.storages.push(storage);
        }
        (self.storages[index] == storage).then(|| self.add(Value::Storage(index)))
    }

    pub(super) fn add_view(&mut self, view: View) -> Id {
        self.views.push(view);
        self.add(Value::Tensor(self.views.len() - 1))
    }

    /// `index` is that of a [`Value::Storage`] or of a [`View`] of this heap.
    pub(super) fn storage(&self, index: usize) -> Storage<'p> {
        self.storages[index]
    }

    /// `index` is that of a [`Value::Tensor`] of this heap.
    pub(super) fn view(&self, index: usize) -> View {
        self.views[index]
    }

    /// A whole number ≥ 0; `None` for anything else.
    pub(super) fn count(&self, id: Id) -> Option<u64> {
        match self.get(id) {
            Value::Int(number) => u64::try_from(*number).ok(),
            _ => None,
        }
    }
}
