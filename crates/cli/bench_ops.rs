//! `mustool bench ops`: the operations of networks one by one, so that another library can be timed
//! on the same list (`benches/compare_torch.py`).

use std::fmt::Write as _;
use std::time::Instant;

use mustool_nn::Level;
use mustool_nn::bench::{Case, Storage, cases};
use serde_json::{Map, Value, json};

use crate::args::limit_threads;
use crate::bench::median;
use crate::terminal;

/// Most measurements of one operation.
const MOST_RUNS: usize = 400;
/// Fewest measurements of one operation.
const FEWEST_RUNS: usize = 3;

/// Time the operations of networks, each at the sizes that it has there.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchOps {
    /// Only operations with this in their names.
    #[arg(long, value_name = "PART")]
    only: Option<String>,
    /// Only this number type.
    #[arg(long, value_enum)]
    dtype: Option<NumberType>,
    /// Print the operations and their sizes without timing them.
    #[arg(long)]
    list: bool,
    /// How long each operation is repeated.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.3, value_parser = seconds)]
    seconds: f64,
    /// Threads to compute with; all cores if not given.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Print one JSON object a line.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum NumberType {
    F32,
    Bf16,
}

/// Milliseconds of one run.
struct Timing {
    /// The median of all runs.
    wall_ms: f64,
    /// Of all threads together, the mean of all runs (the scheduler counts in steps of milliseconds);
    /// where the system tells.
    cpu_ms: Option<f64>,
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    match (0.0..=600.0).contains(&seconds) {
        true => Ok(seconds),
        false => Err("not 0 to 600 seconds".to_owned()),
    }
}

/// Runs the command.
pub(crate) fn run(args: &BenchOps) -> anyhow::Result<()> {
    limit_threads(args.threads)?;
    for case in cases() {
        if args
            .only
            .as_ref()
            .is_some_and(|part| !case.name.contains(part))
        {
            continue;
        }
        for (number_type, storage) in [
            (NumberType::F32, Storage::F32),
            (NumberType::Bf16, Storage::Bf16),
        ] {
            if args.dtype.is_some_and(|only| only != number_type) {
                continue;
            }
            if terminal::interrupted() {
                return Ok(());
            }
            let timing = (!args.list).then(|| time(&case, storage, args.seconds));
            terminal::print(&match args.json {
                true => json(&case, storage, timing.as_ref()).to_string(),
                false => line(&case, storage, timing.as_ref()),
            })?;
        }
    }
    Ok(())
}

fn time(case: &Case, storage: Storage, seconds: f64) -> Timing {
    let mut operation = case.prepare(storage);
    // The first runs warm caches and threads.
    operation();
    operation();
    let mut wall = Vec::new();
    let (begun, used) = (Instant::now(), cpu_ms());
    while wall.len() < FEWEST_RUNS
        || (begun.elapsed().as_secs_f64() < seconds && wall.len() < MOST_RUNS)
    {
        let start = Instant::now();
        operation();
        wall.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let runs = wall.len() as f64;
    Timing {
        wall_ms: median(wall),
        cpu_ms: cpu_ms().zip(used).map(|(now, then)| (now - then) / runs),
    }
}

/// CPU time of the threads of this process so far, in milliseconds, as Linux's scheduler counts it.
fn cpu_ms() -> Option<f64> {
    let threads = std::fs::read_dir("/proc/self/task").ok()?;
    let of_thread = |entry: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read_to_string(entry.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().next()?.parse::<f64>().ok()
    };
    let nanoseconds: f64 = threads.filter_map(of_thread).sum();
    (nanoseconds > 0.0).then_some(nanoseconds / 1e6)
}

/// Bytes of one number.
fn size(storage: Storage) -> usize {
    match storage {
        Storage::F32 => 4,
        Storage::Bf16 => 2,
    }
}

fn json(case: &Case, storage: Storage, timing: Option<&Timing>) -> Value {
    let sizes: Map<String, Value> = case
        .operation
        .sizes()
        .into_iter()
        .map(|(name, size)| (name.to_owned(), size.into()))
        .collect();
    let mut object = json!({
        "name": case.name,
        "op": case.operation.kind(),
        "dtype": storage.name(),
        "sizes": sizes,
        "flops": case.operation.flops(),
        "bytes": case.operation.bytes(size(storage)),
        "cpu_level": Level::get().name(),
    });
    if let Some(timing) = timing {
        object["wall_ms"] = timing.wall_ms.into();
        object["cpu_ms"] = timing.cpu_ms.into();
    }
    object
}

fn line(case: &Case, storage: Storage, timing: Option<&Timing>) -> String {
    let mut line = format!("{:32} {:4}", case.name, storage.name());
    if let Some(Timing { wall_ms, .. }) = timing {
        let gflops = case.operation.flops() / wall_ms / 1e6;
        let gigabytes = case.operation.bytes(size(storage)) / wall_ms / 1e6;
        // Writing to a string cannot fail.
        let _ = write!(
            line,
            " {wall_ms:10.3} ms {gflops:8.1} GFLOP/s {gigabytes:7.1} GB/s"
        );
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listed_operation_says_its_sizes_and_a_timed_one_its_time() {
        let all = cases();
        let case = all
            .iter()
            .find(|case| case.name == "silu_4096x320")
            .unwrap();
        let listed = json(case, Storage::Bf16, None);
        assert_eq!(listed["sizes"], json!({"rows": 4096, "dim": 320}));
        assert_eq!(
            (&listed["dtype"], listed.get("cpu_ms")),
            (&json!("bf16"), None)
        );
        let timing = time(case, Storage::F32, 0.0);
        assert!(timing.wall_ms > 0.0);
        let timed = json(case, Storage::F32, Some(&timing));
        assert_eq!(timed["wall_ms"].as_f64(), Some(timing.wall_ms));
    }

    #[test]
    fn only_sensible_durations_are_taken() {
        assert_eq!(seconds("0.5"), Ok(0.5));
        for wrong in ["-1", "nan", "601", "long"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
