//! `mustool models`: which models there are, whether one is whole, and PyTorch files made safe.
//!
//! Models are folders of safetensors files; nothing is fetched from a network.

use std::path::{Path, PathBuf};

use anyhow::Context;
use mustool_diffusion::{ModelInfo, Pipeline};
use mustool_nn::DType;
use serde_json::json;

use crate::args::{ModelArgs, usage};
use crate::convert::{self, Convert};
use crate::terminal;

/// List, check and convert models.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Models {
    /// List the model inside the program and those in a folder.
    List {
        /// Folder whose subfolders are models.
        #[arg(long, value_name = "DIR", env = "MUSTOOL_MODELS")]
        folder: Option<PathBuf>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
    },
    /// Account for every tensor of a model; lists all that is missing, odd or left over.
    Check {
        #[command(flatten)]
        model: ModelArgs,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
    },
    Convert(Convert),
}

/// Runs the command.
pub(crate) fn run(command: Models) -> anyhow::Result<()> {
    match command {
        Models::List { folder, json } => list(folder.as_deref(), json),
        Models::Check { model, json } => check(&model, json),
        Models::Convert(args) => convert::run(&args),
    }
}

fn list(folder: Option<&Path>, json: bool) -> anyhow::Result<()> {
    let pipeline = Pipeline::embedded(mustool_default_model::FILES, DType::F32)
        .context("cannot load the model inside the program")?;
    let bytes: usize = mustool_default_model::FILES
        .iter()
        .map(|(_, bytes)| bytes.len())
        .sum();
    let info = pipeline.info();
    match json {
        true => terminal::print(&as_json(info, Path::new("(inside the program)")).to_string())?,
        false => {
            let state = if info.trained { "" } else { ", untrained" };
            let (id, rate, mb) = (&info.id, info.sample_rate, bytes as f64 / 1e6);
            terminal::print(&format!(
                "{id:24} {rate} Hz, {mb:.1} MB, inside the program{state}"
            ))?;
        }
    }
    let Some(folder) = folder else {
        return Ok(());
    };
    let shown = folder.display();
    let entries = std::fs::read_dir(folder)
        .map_err(|error| usage(format!("--folder: cannot read {shown}: {error}")))?;
    let mut found: Vec<(PathBuf, u64)> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .map(|path| (weights_bytes(&path), path))
        .filter_map(|(bytes, path)| (bytes > 0).then_some((path, bytes)))
        .collect();
    found.sort();
    for (path, bytes) in found {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match json {
            true => terminal::print(&json!({ "path": path, "bytes": bytes }).to_string())?,
            false => {
                let mb = bytes as f64 / 1e6;
                terminal::print(&format!("{name:24} {mb:.1} MB, {}", path.display()))?;
            }
        }
    }
    Ok(())
}

/// Bytes of the safetensors files in a folder and its subfolders, four levels deep.
fn weights_bytes(folder: &Path) -> u64 {
    fn sum(folder: &Path, depth: u32) -> u64 {
        let Ok(entries) = std::fs::read_dir(folder) else {
            return 0;
        };
        let bytes = |entry: std::fs::DirEntry| {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth > 0 => sum(&path, depth - 1),
                Ok(_) if path.extension().is_some_and(|e| e == "safetensors") => {
                    path.metadata().map_or(0, |metadata| metadata.len())
                }
                _ => 0,
            }
        };
        entries.flatten().map(bytes).sum()
    }
    sum(folder, 4)
}

fn check(model: &ModelArgs, json: bool) -> anyhow::Result<()> {
    let (place, info) = match &model.model {
        Some(folder) if folder.is_dir() => {
            let info = Pipeline::check(folder)
                .with_context(|| format!("the model in {} is not whole", folder.display()))?;
            (folder.clone(), info)
        }
        _ => {
            let pipeline = model.load(model.dtype.resolve())?;
            ("(inside the program)".into(), pipeline.info().clone())
        }
    };
    if json {
        return terminal::print(&as_json(&info, &place).to_string());
    }
    terminal::print(&format!("{}: every tensor has its place", place.display()))?;
    for (key, value) in [
        ("id", info.id.clone()),
        ("weights", format!("sha256 {}", info.weights_sha256)),
        (
            "trained",
            if info.trained { "yes" } else { "no" }.to_owned(),
        ),
        ("sample rate", format!("{} Hz", info.sample_rate)),
        ("longest", format!("{} s", info.max_duration_s)),
        ("steps", info.default_steps.to_string()),
        ("guidance", info.default_guidance.to_string()),
    ] {
        terminal::print(&format!("  {key:12} {value}"))?;
    }
    Ok(())
}

fn as_json(info: &ModelInfo, place: &Path) -> serde_json::Value {
    json!({
        "id": info.id,
        "path": place,
        "weights_sha256": info.weights_sha256,
        "trained": info.trained,
        "sample_rate": info.sample_rate,
        "max_duration_s": info.max_duration_s,
        "default_steps": info.default_steps,
        "default_guidance_scale": info.default_guidance,
    })
}
