//! Tests of the reader as a whole: real checkpoints, hostile ones, and random damage.

mod build;
mod checkpoints;
mod damaged;
mod hostile_pickle;
mod hostile_zip;

use std::io::Cursor;
use std::time::{Duration, Instant};

use super::{PickleError, PickledCheckpoint, Problem};

/// No file of any kind may take more than this to be refused.
const MAX_TIME: Duration = Duration::from_secs(1);
const MAX_MEMORY: u64 = 100_000_000;

/// Opens bytes and reads every tensor, within the limits of time and memory for hostile files.
fn load(bytes: &[u8]) -> Result<Vec<(String, Vec<u8>)>, PickleError> {
    let started = Instant::now();
    let mut result = Ok(Vec::new());
    let memory = allocation_counter::measure(|| {
        result = PickledCheckpoint::from_reader(Cursor::new(bytes), "test.pt").and_then(|file| {
            file.verify()?;
            let read = |name: &String| Ok((name.clone(), file.read(name)?));
            file.tensors()
                .iter()
                .map(|entry| read(&entry.name))
                .collect()
        });
    });
    assert!(
        memory.bytes_max < MAX_MEMORY,
        "{} bytes of memory",
        memory.bytes_max
    );
    assert!(started.elapsed() < MAX_TIME, "{:?}", started.elapsed());
    result
}

/// Why bytes are refused.
fn refusal(bytes: &[u8]) -> Problem {
    load(bytes).expect_err("the file must be refused").problem
}
