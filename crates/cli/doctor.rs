//! `mustool doctor`: what this machine offers and whether the program is whole.
//!
//! Only facts are printed; nothing is changed and nothing leaves the machine.

use anyhow::Context;
use mustool_diffusion::Pipeline;
use mustool_nn::{DType, Level};
use serde_json::json;

use crate::args::Dtype;
use crate::{output, terminal};

/// Show processor, memory and model: the facts that a report of a problem needs.
#[derive(Debug, clap::Args)]
pub(crate) struct Doctor {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Doctor) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (total, available) = (memory_bytes("MemTotal:"), memory_bytes("MemAvailable:"));
    let pipeline = Pipeline::embedded(mustool_default_model::FILES, DType::F32)
        .context("the model inside the program is damaged; install mustool again")?;
    let info = pipeline.info();
    let precision = Dtype::Auto.resolve();
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    if args.json {
        let value = json!({
            "software": output::SOFTWARE,
            "os": os,
            "arch": arch,
            "cpu_level": Level::get().name(),
            "cores": cores,
            "memory_bytes": total,
            "memory_available_bytes": available,
            "dtype": precision,
            "cuda": false,
            "model": output::ModelReport::from(info),
        });
        return terminal::print(&value.to_string());
    }
    let gib = |bytes: Option<u64>| {
        bytes.map_or("unknown".to_owned(), |bytes| {
            format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
        })
    };
    let trained = if info.trained { "trained" } else { "untrained" };
    let dtype = serde_json::to_string(&precision)?;
    for (key, value) in [
        ("software", format!("{} on {os}, {arch}", output::SOFTWARE)),
        (
            "processor",
            format!("{}, {cores} cores", Level::get().name()),
        ),
        ("memory", format!("{}, {} free", gib(total), gib(available))),
        (
            "dtype",
            format!("{} unless --dtype says otherwise", dtype.trim_matches('"')),
        ),
        ("cuda", "not in this build".to_owned()),
        ("model", format!("{}, {trained}", info.id)),
        ("weights", format!("sha256 {}", info.weights_sha256)),
    ] {
        terminal::print(&format!("{key:11} {value}"))?;
    }
    Ok(())
}

/// A line of Linux's `/proc/meminfo`, in bytes; nothing on other systems.
fn memory_bytes(key: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
