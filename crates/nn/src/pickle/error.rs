//! Why a PyTorch checkpoint was refused, and what its owner can do about it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::value::StoredType;

/// What to do with a file that holds more than tensors.
const RESAVE: &str = "re-save only the weights in Python: torch.save(model.state_dict(), path)";

/// A PyTorch checkpoint that could not be read: which file, and why.
#[derive(Debug)]
pub struct PickleError {
    /// The file, or the name that the caller gave to the bytes.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for PickleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.problem)
    }
}

impl std::error::Error for PickleError {
    /// The cause below the problem; the problem itself is part of this error's own text.
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.problem.source()
    }
}

/// What is wrong with a checkpoint. Nothing in a file is ever executed, whatever it asks for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// The operating system failed; try again or check the disk.
    #[error("cannot {action}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// What the operating system answered.
        source: io::Error,
    },
    /// Another kind of file; convert it as the remedy says.
    #[error("this is {found}, not a PyTorch checkpoint in zip format; {remedy}")]
    OtherFormat {
        /// What the file looks like.
        found: &'static str,
        /// How to get a readable file.
        remedy: &'static str,
    },
    /// The zip container contradicts itself; download the file again.
    #[error("the zip archive is damaged or forged at byte {at}: {fault}; download it again")]
    Archive {
        /// Byte of the file.
        at: u64,
        /// What is wrong there.
        fault: &'static str,
    },
    /// One entry of the zip container cannot be used.
    #[error("zip entry {entry:?} {fault}")]
    Entry {
        /// Name of the entry, as stored.
        entry: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// An instruction that checkpoints of tensors do not need.
    #[error("data.pkl, byte {at}: unknown pickle opcode {opcode:#04x}; {}", RESAVE)]
    Opcode {
        /// The instruction.
        opcode: u8,
        /// Its byte in `data.pkl`.
        at: usize,
    },
    /// An instruction with operands that PyTorch never writes.
    #[error("data.pkl, byte {at}: pickle opcode {opcode:#04x} {fault}")]
    Operand {
        /// The instruction.
        opcode: u8,
        /// Its byte in `data.pkl`.
        at: usize,
        /// What is wrong with its operands.
        fault: &'static str,
    },
    /// A Python function or class that is not on the list of the reader.
    #[error(
        "data.pkl, byte {at}: it names {name:?}, which is never run here; {}",
        RESAVE
    )]
    Global {
        /// Module and name in Python, with a dot between them.
        name: String,
        /// The byte in `data.pkl` of the instruction.
        at: usize,
    },
    /// More of something than any real checkpoint has.
    #[error("{found} {what}, the limit is {limit}")]
    Limit {
        /// What is counted.
        what: &'static str,
        /// How many there are, or at least are.
        found: u64,
        /// How many are accepted.
        limit: u64,
    },
    /// A listed tensor cannot be read.
    #[error("tensor {name:?} {fault}")]
    Tensor {
        /// Its key in the state dict.
        name: String,
        /// What is wrong with it.
        fault: TensorFault,
    },
    /// The file is sound but holds no named tensors.
    #[error("there is no state dict in it, only {found}; {}", RESAVE)]
    NoStateDict {
        /// What was found at the place where the state dict should be.
        found: String,
    },
    /// The caller asked for a tensor that the file does not have.
    #[error("it has no tensor {name:?}")]
    UnknownTensor {
        /// The name asked for.
        name: String,
    },
    /// The caller's buffer does not fit the tensor.
    #[error("tensor {name:?} takes {needed} bytes, the buffer has {given}")]
    BufferSize {
        /// Its key in the state dict.
        name: String,
        /// Bytes of the tensor.
        needed: u64,
        /// Bytes of the buffer.
        given: u64,
    },
    /// The tensor is larger than the free memory.
    #[error("tensor {name:?} takes {bytes} bytes, more than the memory that is left")]
    OutOfMemory {
        /// Its key in the state dict.
        name: String,
        /// Bytes of the tensor.
        bytes: u64,
    },
}

/// What is wrong with one tensor of a checkpoint. Counts are elements, not bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TensorFault {
    /// Its key is in the state dict a second time.
    #[error("is there twice")]
    Duplicate,
    /// Shape or strides are not tuples of whole numbers of one length.
    #[error("has a shape or strides that are no tuples of whole numbers ≥ 0 of one length")]
    Malformed,
    /// More axes than any real weight has.
    #[error("has {axes} axes, the limit is {limit}")]
    Axes {
        /// Number of axes.
        axes: usize,
        /// How many are accepted.
        limit: usize,
    },
    /// Its size is beyond 64 bits.
    #[error("has a size beyond 64 bits: shape {shape:?}, strides {strides:?}")]
    Overflow {
        /// The shape.
        shape: Vec<u64>,
        /// The strides.
        strides: Vec<u64>,
    },
    /// Two positions share one element (`expand`, overlapping `as_strided`).
    #[error(
        "uses elements of its storage more than once (shape {shape:?}, strides {strides:?}); \
         call .contiguous() on it before torch.save"
    )]
    Overlapping {
        /// The shape.
        shape: Vec<u64>,
        /// The strides.
        strides: Vec<u64>,
    },
    /// It reaches beyond the end of its storage.
    #[error("needs {needed} elements of storage {storage:?}, which has {available}")]
    OutsideStorage {
        /// Key of the storage.
        storage: String,
        /// Elements up to the last one used.
        needed: u64,
        /// Elements that the storage has.
        available: u64,
    },
    /// The archive has no such storage.
    #[error("is in storage {storage:?}, which the archive lacks")]
    MissingStorage {
        /// Key of the storage.
        storage: String,
    },
    /// The storage's declared length is not its length in the archive.
    #[error("is in storage {storage:?}: {numel} × {dtype} declared, {bytes} bytes present")]
    StorageSize {
        /// Key of the storage.
        storage: String,
        /// Declared number of elements.
        numel: u64,
        /// Declared element type.
        dtype: StoredType,
        /// Bytes in the archive.
        bytes: u64,
    },
}
