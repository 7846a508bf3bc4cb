//! The pickle machine: turns the instructions of `data.pkl` into plain values.
//!
//! Python's pickle is a small stack language that can call any function. This machine knows only
//! what state dicts need, and the few names of [`Global`], each with a fixed meaning; everything
//! else is an error. Source: CPython's `pickletools.py`. Not here: protocols 0 and 1, calls, sets,
//! Python objects.

use super::error::Problem;
use super::value::{Global, Heap, Id, Storage, Value, View};

/// A tensor takes about 30 opcodes, so that this is enough for 35,000 of them.
pub(super) const MAX_OPCODES: u64 = 1 << 20;
/// Longest Python module or function name that is read.
const MAX_NAME_LEN: usize = 255;
/// Longest key of a storage; PyTorch numbers them.
const MAX_KEY_LEN: usize = 64;

/// Runs a whole pickle and gives its values and the one that it stands for.
pub(super) fn run(pickle: &[u8]) -> Result<(Heap<'_>, Id), Problem> {
    let mut machine = Machine {
        rest: pickle,
        len: pickle.len(),
        opcode: 0,
        opcode_at: 0,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: Vec::new(),
        heap: Heap::default(),
    };
    for _ in 0..MAX_OPCODES {
        machine.opcode_at = machine.len - machine.rest.len();
        machine.opcode = machine.u8()?;
        if machine.step()? {
            return machine.finish();
        }
    }
    let what = "pickle opcodes and more";
    Err(Problem::Limit {
        what,
        found: MAX_OPCODES,
        limit: MAX_OPCODES,
    })
}

struct Machine<'p> {
    /// The instructions not read yet.
    rest: &'p [u8],
    /// Bytes of the whole pickle.
    len: usize,
    /// The instruction that is being carried out, and where it stands; for errors.
    opcode: u8,
    opcode_at: usize,
    stack: Vec<Id>,
    /// Heights of the stack at which open lists, tuples and dictionaries start.
    marks: Vec<usize>,
    /// Values that the pickle will refer to again. It numbers them from 0 without gaps.
    memo: Vec<Id>,
    heap: Heap<'p>,
}

impl<'p> Machine<'p> {
    /// Carries out one instruction; true if it was the last.
    fn step(&mut self) -> Result<bool, Problem> {
        let value = match self.opcode {
            b'.' => return Ok(true),
            // Framing.
            0x80 => return self.protocol(),
            0x95 => {
                return self
                    .array()
                    .map(u64::from_le_bytes)
                    .and_then(|len| self.frame(len));
            }
            // The stack and the memo.
            b'(' => return self.mark(),
            b'q' => return self.u8().and_then(|index| self.put(u32::from(index))),
            b'r' => return self.u32().and_then(|index| self.put(index)),
            0x94 => return self.put(self.memo.len() as u32),
            b'h' => return self.u8().and_then(|index| self.recall(u32::from(index))),
            b'j' => return self.u32().and_then(|index| self.recall(index)),
            // Containers.
            b'a' | b'e' => return self.append(),
            b's' | b'u' => return self.set_items(),
            b'b' => return self.build(),
            b']' => Value::List(Vec::new()),
            b'}' => Value::Dict(Vec::new()),
            b')' => Value::Tuple(Vec::new()),
            b't' => Value::Tuple(self.pop_to_mark()?),
            0x85..=0x87 => Value::Tuple(self.pop_last(usize::from(self.opcode - 0x84))?),
            // Plain values.
            b'N' => Value::None,
            0x88 | 0x89 => Value::Bool,
            b'K' => Value::Int(i64::from(self.u8()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            0x8a => self.long()?,
            b'G' => self.take(8).map(|_| Value::Float)?,
            0x8c => self.u8().and_then(|len| self.text(u64::from(len)))?,
            b'X' => self.u32().and_then(|len| self.text(u64::from(len)))?,
            0x8d => self
                .array()
                .and_then(|len| self.text(u64::from_le_bytes(len)))?,
            b'C' => self.u8().and_then(|len| self.bytes(u64::from(len)))?,
            b'B' => self.u32().and_then(|len| self.bytes(u64::from(len)))?,
            // Names, calls and storages.
            b'c' => self.global()?,
            0x93 => self.stack_global()?,
            b'R' => return self.reduce(),
            b'Q' => return self.storage(),
            opcode => {
                return Err(Problem::Opcode {
                    opcode,
                    at: self.opcode_at,
                });
            }
        };
        let id = self.heap.add(value);
        self.push(id)
    }

    /// The value that the pickle stands for.
    fn finish(mut self) -> Result<(Heap<'p>, Id), Problem> {
        let root = self.pop()?;
        if !self.stack.is_empty() || !self.marks.is_empty() {
            return Err(self.wrong("leaves more than one value"));
        }
        if !self.rest.is_empty() {
            return Err(self.wrong("is not at the end of the pickle"));
        }
        Ok((self.heap, root))
    }

    fn wrong(&self, fault: &'static str) -> Problem {
        Problem::Operand {
            opcode: self.opcode,
            at: self.opcode_at,
            fault,
        }
    }

    // Bytes of the pickle.

    fn take(&mut self, len: u64) -> Result<&'p [u8], Problem> {
        let split = usize::try_from(len)
            .ok()
            .and_then(|len| self.rest.split_at_checked(len));
        let (taken, rest) = split.ok_or(self.wrong("is longer than the rest of the pickle"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        Ok(self
            .take(N as u64)?
            .try_into()
            .expect("take gives as many bytes as asked"))
    }

    fn u8(&mut self) -> Result<u8, Problem> {
        self.array().map(u8::from_le_bytes)
    }

    fn u32(&mut self) -> Result<u32, Problem> {
        self.array().map(u32::from_le_bytes)
    }

    fn protocol(&mut self) -> Result<bool, Problem> {
        if self.opcode_at != 0 || !(2..=5).contains(&self.u8()?) {
            return Err(self.wrong("is not protocol 2 to 5 at the start of the pickle"));
        }
        Ok(false)
    }

    /// Frames only help readers of streams; the whole pickle is here already.
    fn frame(&self, len: u64) -> Result<bool, Problem> {
        if len > self.rest.len() as u64 {
            return Err(self.wrong("is longer than the rest of the pickle"));
        }
        Ok(false)
    }

    /// A whole number of up to 64 bits, in two's complement.
    fn long(&mut self) -> Result<Value<'p>, Problem> {
        let len = self.u8()?;
        let bytes = self.take(u64::from(len))?;
        if bytes.len() > 8 {
            return Err(self.wrong("is a number beyond 64 bits"));
        }
        let sign = bytes
            .last()
            .map_or(0, |&last| if last & 0x80 == 0 { 0 } else { 0xFF });
        let mut wide = [sign; 8];
        wide[..bytes.len()].copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(wide)))
    }

    fn text(&mut self, len: u64) -> Result<Value<'p>, Problem> {
        let text = str::from_utf8(self.take(len)?);
        text.map(Value::Str)
            .map_err(|_| self.wrong("is a text that is not UTF-8"))
    }

    fn bytes(&mut self, len: u64) -> Result<Value<'p>, Problem> {
        self.take(len).map(|_| Value::Bytes)
    }

    // Stack and memo.

    fn push(&mut self, id: Id) -> Result<bool, Problem> {
        self.stack.push(id);
        Ok(false)
    }

    fn mark(&mut self) -> Result<bool, Problem> {
        self.marks.push(self.stack.len());
        Ok(false)
    }

    /// Values above the last open mark; those below it belong to an outer container.
    fn height(&self) -> usize {
        self.stack.len() - self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Id, Problem> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_last(&mut self, count: usize) -> Result<Vec<Id>, Problem> {
        if self.height() < count {
            return Err(self.wrong("finds too few values on the stack"));
        }
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Id>, Problem> {
        let mark = self
            .marks
            .pop()
            .ok_or(self.wrong("finds no mark on the stack"))?;
        Ok(self.stack.split_off(mark))
    }

    /// The topmost value, which stays.
    fn top(&self) -> Result<Id, Problem> {
        let top = self.stack.last().filter(|_| self.height() > 0);
        top.copied()
            .ok_or(self.wrong("finds too few values on the stack"))
    }

    fn put(&mut self, index: u32) -> Result<bool, Problem> {
        let (top, index) = (self.top()?, index as usize);
        if index == self.memo.len() {
            self.memo.push(top);
        } else {
            // Python numbers its memo from 0 up, so a gap was made by something else.
            let gap = self.wrong("leaves a gap in the memo");
            *self.memo.get_mut(index).ok_or(gap)? = top;
        }
        Ok(false)
    }

    fn recall(&mut self, index: u32) -> Result<bool, Problem> {
        let id = self.memo.get(index as usize).copied();
        let id = id.ok_or(self.wrong("recalls a value that was never kept"))?;
        self.push(id)
    }

    // Containers.

    fn append(&mut self) -> Result<bool, Problem> {
        let items = if self.opcode == b'a' {
            self.pop_last(1)?
        } else {
            self.pop_to_mark()?
        };
        let top = self.top()?;
        match self.heap.get_mut(top) {
            Value::List(list) => list.extend(items),
            _ => return Err(self.wrong("appends to something that is no list")),
        }
        Ok(false)
    }

    fn set_items(&mut self) -> Result<bool, Problem> {
        let items = if self.opcode == b's' {
            self.pop_last(2)?
        } else {
            self.pop_to_mark()?
        };
        let (pairs, rest) = items.as_chunks::<2>();
        let top = self.top()?;
        match self.heap.get_mut(top) {
            Value::Dict(dict) if rest.is_empty() => {
                dict.extend(pairs.iter().map(|&[key, value]| (key, value)));
            }
            Value::Dict(_) => return Err(self.wrong("sets a key without a value")),
            _ => return Err(self.wrong("sets items of something that is no dictionary")),
        }
        Ok(false)
    }

    /// The attributes of a state dict (`_metadata`: versions of its modules), which nobody needs.
    fn build(&mut self) -> Result<bool, Problem> {
        let state = self.pop()?;
        match (self.heap.get(self.top()?), self.heap.get(state)) {
            (Value::Dict(_), Value::Dict(_)) => Ok(false),
            _ => Err(self.wrong("gives attributes to something that is no dictionary")),
        }
    }

    // Names, calls and storages.

    fn line(&mut self) -> Result<&'p str, Problem> {
        let window = &self.rest[..self.rest.len().min(MAX_NAME_LEN + 1)];
        let Some(end) = window.iter().position(|&byte| byte == b'\n') else {
            return Err(self.wrong("has a name that is too long"));
        };
        let line = self.take(end as u64)?;
        self.take(1)?;
        str::from_utf8(line).map_err(|_| self.wrong("has a name that is not UTF-8"))
    }

    fn global(&mut self) -> Result<Value<'p>, Problem> {
        let (module, name) = (self.line()?, self.line()?);
        self.named(module, name)
    }

    fn stack_global(&mut self) -> Result<Value<'p>, Problem> {
        let names = self.pop_last(2)?;
        match (self.heap.get(names[0]), self.heap.get(names[1])) {
            (&Value::Str(module), &Value::Str(name)) => {
                if module.len().max(name.len()) > MAX_NAME_LEN {
                    return Err(self.wrong("has a name that is too long"));
                }
                self.named(module, name)
            }
            _ => Err(self.wrong("has a name that is no text")),
        }
    }

    fn named(&self, module: &str, name: &str) -> Result<Value<'p>, Problem> {
        Global::find(module, name)
            .map(Value::Global)
            .ok_or_else(|| Problem::Global {
                name: format!("{module}.{name}"),
                at: self.opcode_at,
            })
    }

    /// A "call": of the three names that have a meaning here, with the arguments that PyTorch gives.
    fn reduce(&mut self) -> Result<bool, Problem> {
        let call = self.pop_last(2)?;
        let (function, args) = match (self.heap.get(call[0]), self.heap.get(call[1])) {
            (Value::Global(function), Value::Tuple(args)) => (*function, args.as_slice()),
            _ => return Err(self.wrong("calls something that is no function")),
        };
        let id = match (function, args) {
            (Global::OrderedDict, []) => self.heap.add(Value::Dict(Vec::new())),
            (Global::RebuildTensor, &[storage, offset, shape, strides, grad, hooks]) => {
                self.tensor(storage, offset, [shape, strides], [grad, hooks])?
            }
            (Global::RebuildTensor, &[storage, offset, shape, strides, grad, hooks, bits]) => {
                // Lazily negated or conjugated: the stored numbers are not the tensor's.
                if !matches!(self.heap.get(bits), Value::Dict(bits) if bits.is_empty()) {
                    return Err(self.wrong("rebuilds a tensor with unresolved math bits"));
                }
                self.tensor(storage, offset, [shape, strides], [grad, hooks])?
            }
            (Global::RebuildParameter, &[data, grad, hooks]) => {
                let (data_value, flags) = (self.heap.get(data), [grad, hooks]);
                if !matches!(data_value, Value::Tensor(_)) || !self.plain(flags) {
                    return Err(self.wrong("rebuilds a parameter from wrong arguments"));
                }
                data
            }
            _ => return Err(self.wrong("calls a function with wrong arguments")),
        };
        self.push(id)
    }

    /// Whether these can be the flag `requires_grad` and a dictionary of hooks, both ignored.
    fn plain(&self, [grad, hooks]: [Id; 2]) -> bool {
        matches!(self.heap.get(grad), Value::Bool)
            && matches!(self.heap.get(hooks), Value::Dict(_) | Value::None)
    }

    fn tensor(
        &mut self,
        storage: Id,
        offset: Id,
        [shape, strides]: [Id; 2],
        flags: [Id; 2],
    ) -> Result<Id, Problem> {
        match (self.heap.get(storage), self.heap.count(offset)) {
            (&Value::Storage(storage), Some(offset)) if self.plain(flags) => {
                Ok(self.heap.add_view(View {
                    storage,
                    offset,
                    shape,
                    strides,
                }))
            }
            _ => Err(self.wrong("rebuilds a tensor from wrong arguments")),
        }
    }

    /// A storage by its persistent id: `("storage", type, key, device, number of elements)`.
    fn storage(&mut self) -> Result<bool, Problem> {
        let id = self.pop()?;
        let malformed = self.wrong("refers to a storage in an unknown way");
        let Value::Tuple(items) = self.heap.get(id) else {
            return Err(malformed);
        };
        let &[tag, dtype, key, device, numel] = items.as_slice() else {
            return Err(malformed);
        };
        let Some(numel) = self.heap.count(numel) else {
            return Err(malformed);
        };
        let storage = match [tag, dtype, key, device].map(|item| self.heap.get(item)) {
            [
                Value::Str("storage"),
                Value::Global(Global::Storage(dtype)),
                Value::Str(key),
                Value::Str(_),
            ] if key.len() <= MAX_KEY_LEN => Storage {
                key,
                dtype: *dtype,
                numel,
            },
            _ => return Err(malformed),
        };
        let id = self.heap.add_storage(storage);
        let id = id.ok_or(self.wrong("gives one storage two types or lengths"))?;
        self.push(id)
    }
}
