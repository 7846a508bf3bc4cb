//! `mustool models convert`: PyTorch checkpoints as safetensors files: one file, or the whole folder
//! of the published Mustango as a model of this program.
//!
//! Checkpoints are read as data, never run, and one tensor at a time, so that memory holds no more
//! than the largest of them. Numbers are kept as they are, and names but for the network's own.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use mustool_diffusion::{Conversion, weights_sha256};
use mustool_nn::pickle::PickledCheckpoint;
use mustool_nn::{Source, StoredTensor};
use serde_json::{Value, json};

use crate::args::usage;
use crate::{output, terminal};

/// Convert a PyTorch checkpoint (.bin, .pt, .pth), or the folder of the published Mustango.
///
/// The folder needs the tokenizers of the models that Mustango builds on: put
/// flan-t5-large/spiece.model (or tokenizer.json) and deberta-v3-large/spm.model into it.
#[derive(Debug, clap::Args)]
pub(crate) struct Convert {
    /// Checkpoint that `torch.save` wrote, or a folder with ldm, vae, beats and chords.
    checkpoint: PathBuf,
    /// File or folder to write [default: the same name with .safetensors; needed for a folder].
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Replace a file that exists; a folder is never replaced.
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Convert) -> anyhow::Result<()> {
    let path = &args.checkpoint;
    match (path.is_dir(), path.is_file()) {
        (true, _) => convert_folder(args),
        (_, true) => convert_file(args),
        _ => Err(usage(format!(
            "there is no file or folder {}; name a checkpoint or a model",
            path.display()
        ))),
    }
}

fn convert_file(args: &Convert) -> anyhow::Result<()> {
    let path = &args.checkpoint;
    let target = match &args.output {
        Some(output) => output.clone(),
        None => path.with_extension("safetensors"),
    };
    output::check_folder(&target)?;
    output::refuse_overwriting(&target, args.force)?;
    let checkpoint = PickledCheckpoint::open(path)?;
    checkpoint.verify()?;
    if checkpoint.tensors().is_empty() {
        return Err(usage(format!("{} holds no tensors", path.display())));
    }
    for key in checkpoint.ignored() {
        terminal::warn(&format!("{key} is no tensor and is left out"));
    }
    let count = write(&Source::pickled(path)?, &target)?;
    terminal::say(&format!("{}: {count} tensors", target.display()));
    Ok(())
}

/// Writes a whole model beside the target, which appears when it is complete.
fn convert_folder(args: &Convert) -> anyhow::Result<()> {
    let Some(target) = &args.output else {
        return Err(usage("-o: name the folder to write the model into"));
    };
    if target.symlink_metadata().is_ok() {
        let shown = target.display();
        return Err(usage(format!(
            "-o: {shown} exists; name a folder that is not there yet"
        )));
    }
    output::check_folder(target)?;
    verify(&args.checkpoint)?;
    let conversion = Conversion::open(&args.checkpoint)?;
    let failed = || {
        format!(
            "cannot write {}; free some space or name another folder",
            target.display()
        )
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".mustool-").suffix(".part");
    let unfinished = builder.tempdir_in(parent(target)).with_context(failed)?;
    for (name, source) in &conversion.networks {
        let count = write(source, &unfinished.path().join(name))?;
        terminal::say(&format!("{name}: {count} tensors"));
    }
    for (name, text) in &conversion.texts {
        std::fs::write(unfinished.path().join(name), text).with_context(failed)?;
    }
    state_checksum(unfinished.path()).with_context(failed)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(unfinished.path(), readable).with_context(failed)?;
    }
    std::fs::rename(unfinished.keep(), target).with_context(failed)?;
    terminal::say(&format!(
        "{}: use it with --model, or name it in MUSTOOL_MODEL",
        target.display()
    ));
    Ok(())
}

/// Reads the checkpoints of a folder once and compares the checksums in them.
fn verify(folder: &Path) -> anyhow::Result<()> {
    for part in ["ldm", "vae", "beats", "chords"] {
        let Ok(entries) = std::fs::read_dir(folder.join(part)) else {
            continue;
        };
        for path in entries.flatten().map(|entry| entry.path()) {
            let pickled = ["bin", "pt", "pth"].map(|ending| Some(ending.as_ref()));
            if pickled.contains(&path.extension()) {
                PickledCheckpoint::open(&path)?.verify()?;
            }
        }
    }
    Ok(())
}

/// Adds the checksum of the weights to `model.json`, so that it need not be computed at each start.
fn state_checksum(folder: &Path) -> anyhow::Result<()> {
    let path = folder.join("model.json");
    let mut model: Value = serde_json::from_slice(&std::fs::read(&path)?)?;
    model["weights_sha256"] = weights_sha256(folder)?.into();
    std::fs::write(&path, format!("{model:#}\n"))?;
    Ok(())
}

fn parent(target: &Path) -> &Path {
    match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Writes all tensors to a file beside the target, which then takes its place; their number.
fn write(source: &Source, target: &Path) -> anyhow::Result<usize> {
    let failed = || {
        format!(
            "cannot write {}; free some space or name another file",
            target.display()
        )
    };
    let mut builder = tempfile::Builder::new();
    builder.prefix(".mustool-").suffix(".part");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666)); // less the umask
    let temporary = builder.tempfile_in(parent(target)).with_context(failed)?;
    let tensors = in_file_order(source.stored());
    let bar = terminal::progress_bar("{bar:40} {bytes}/{total_bytes}, {eta} left");
    bar.set_length(tensors.iter().map(StoredTensor::size_in_bytes).sum());
    let mut out = BufWriter::new(temporary);
    out.write_all(&header(&tensors)?).with_context(failed)?;
    for tensor in &tensors {
        if terminal::interrupted() {
            anyhow::bail!("interrupted");
        }
        out.write_all(&source.bytes(&tensor.name)?)
            .with_context(failed)?;
        bar.inc(tensor.size_in_bytes());
    }
    bar.finish_and_clear();
    let temporary = out
        .into_inner()
        .map_err(io::IntoInnerError::into_error)
        .with_context(failed)?;
    temporary.as_file().sync_all().with_context(failed)?;
    temporary
        .persist(target)
        .map_err(|error| error.error)
        .with_context(failed)?;
    Ok(tensors.len())
}

/// Widest numbers first, so that every tensor is aligned; then by name.
fn in_file_order(mut tensors: Vec<StoredTensor>) -> Vec<StoredTensor> {
    tensors.sort_by(|a, b| {
        let wider = b.number_bytes.cmp(&a.number_bytes);
        wider.then_with(|| a.name.cmp(&b.name))
    });
    tensors
}

/// The head of a safetensors file: its length in 8 bytes, then names, types, shapes and offsets
/// as JSON, filled up with spaces to a multiple of 8
/// (<https://github.com/huggingface/safetensors#format>).
fn header(tensors: &[StoredTensor]) -> anyhow::Result<Vec<u8>> {
    let mut at = 0u64;
    let mut entries = BTreeMap::new();
    for tensor in tensors {
        let end = at + tensor.size_in_bytes();
        entries.insert(
            tensor.name.as_str(),
            json!({
                "dtype": tensor.dtype,
                "shape": tensor.shape,
                "data_offsets": [at, end],
            }),
        );
        at = end;
    }
    let mut text = serde_json::to_vec(&entries)?;
    text.resize(text.len().next_multiple_of(8), b' ');
    let mut header = (text.len() as u64).to_le_bytes().to_vec();
    header.append(&mut text);
    Ok(header)
}
