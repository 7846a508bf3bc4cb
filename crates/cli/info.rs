//! `mustool info`: what a finished file says about itself, and how it sounds in numbers.
//!
//! Also the way back from the tags of a file to the settings that made it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use mustool_audio::decode::{self, DecodeLimits};
use mustool_audio::{Tags, loudness, tags};
use mustool_diffusion::ModelInfo;
use mustool_music::Plan;
use serde_json::{Map, Value, json};

use crate::args::usage;
use crate::request::Settings;
use crate::{plan, terminal};

/// Tags whose text is JSON.
const JSON_TAGS: [&str; 2] = ["plan", "settings"];

/// Show what made a file: prompt, seed, plan, settings, model; and its loudness.
#[derive(Debug, clap::Args)]
pub(crate) struct Info {
    /// WAV or FLAC file.
    file: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Info) -> anyhow::Result<()> {
    let Info { file, json } = args;
    let tags = read(file)?;
    let waveform = decode::from_path(file, &DecodeLimits::default())?;
    let loudness = loudness::measure(&waveform)?;
    if *json {
        let value = json!({
            "path": file,
            "duration_s": waveform.duration_s(),
            "sample_rate": waveform.sample_rate(),
            "channels": waveform.channels(),
            "lufs": loudness.integrated_lufs,
            "true_peak_dbtp": loudness.true_peak_dbtp,
            "tags": as_json(&tags),
        });
        return terminal::print(&value.to_string());
    }
    let db = |value: Option<f64>| value.map_or("silent".to_owned(), |db| format!("{db:.1}"));
    let (lufs, peak) = (db(loudness.integrated_lufs), db(loudness.true_peak_dbtp));
    let (rate, channels) = (waveform.sample_rate(), waveform.channels());
    let seconds = waveform.duration_s();
    terminal::print(&format!("{}", file.display()))?;
    terminal::print(&format!(
        "  length      {seconds:.3} s, {channels} channels at {rate} Hz"
    ))?;
    terminal::print(&format!("  loudness    {lufs} LUFS, true peak {peak} dBTP"))?;
    if tags.is_empty() {
        return terminal::print("  no tags");
    }
    for (key, value) in tags
        .iter()
        .filter(|(key, _)| !matches!(*key, "comment" | "title"))
    {
        match (key, serde_json::from_str::<Plan>(value)) {
            ("plan", Ok(plan)) => terminal::print(&format!("  {key:11} {}", plan::line(&plan)))?,
            _ => terminal::print(&format!("  {key:11} {value}"))?,
        }
    }
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Tags> {
    match path.is_file() {
        true => Ok(tags::read(path)?),
        false => Err(usage(format!(
            "there is no file {}; name a WAV or FLAC file",
            path.display()
        ))),
    }
}

/// Tags as an object, with those that are JSON unpacked.
fn as_json(tags: &Tags) -> Map<String, Value> {
    let value = |key: &str, text: &str| {
        let parsed = JSON_TAGS
            .contains(&key)
            .then(|| serde_json::from_str(text).ok());
        parsed.flatten().unwrap_or_else(|| Value::from(text))
    };
    tags.iter()
        .map(|(key, text)| (key.to_owned(), value(key, text)))
        .collect()
}

/// The settings that a finished piece carries.
pub(crate) fn settings(path: &Path) -> anyhow::Result<Settings> {
    let shown = path.display();
    let tags =
        read(path).with_context(|| format!("--from-file: cannot read the tags of {shown}"))?;
    let Some(text) = tags.get("settings") else {
        return Err(usage(format!(
            "--from-file: {shown} carries no settings; only what `mustool generate` wrote can be repeated"
        )));
    };
    serde_json::from_str(text).map_err(|error| {
        usage(format!(
            "--from-file: the settings in {shown} cannot be read: {error}"
        ))
    })
}

/// Refuses to repeat a piece with another model than made it.
pub(crate) fn check_model(path: &Path, info: &ModelInfo) -> anyhow::Result<()> {
    let tags = read(path)?;
    let (id, sha256) = (
        tags.get("model").unwrap_or("?"),
        tags.get("model_sha256").unwrap_or("?"),
    );
    if sha256 == info.weights_sha256 {
        return Ok(());
    }
    Err(usage(format!(
        "--from-file: {} was made by the model {id} with weights {sha256}; this is {} with {}; \
         name the right one with --model",
        path.display(),
        info.id,
        info.weights_sha256
    )))
}
