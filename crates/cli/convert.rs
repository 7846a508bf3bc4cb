//! `mustool models convert`: a PyTorch `.bin` or `.pt` checkpoint as a safetensors file.
//!
//! The checkpoint is read as data, never run, and one tensor at a time, so that memory holds no
//! more than the largest of them. Numbers and names are kept as they are.

use std::collections::BTreeMap;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use mustool_nn::pickle::{PickledCheckpoint, TensorEntry};
use serde_json::json;

use crate::args::usage;
use crate::{output, terminal};

/// Convert a PyTorch checkpoint (.bin, .pt, .pth) to safetensors.
#[derive(Debug, clap::Args)]
pub(crate) struct Convert {
    /// Checkpoint that `torch.save` wrote.
    checkpoint: PathBuf,
    /// File to write [default: the same name with .safetensors].
    #[arg(short, long, value_name = "SAFETENSORS")]
    output: Option<PathBuf>,
    /// Replace a file that exists.
    #[arg(long)]
    force: bool,
}

/// Runs the command.
pub(crate) fn run(args: &Convert) -> anyhow::Result<()> {
    let Convert {
        checkpoint: path,
        output,
        force,
    } = args;
    if !path.is_file() {
        return Err(usage(format!(
            "there is no file {}; name a checkpoint",
            path.display()
        )));
    }
    let target = output
        .clone()
        .unwrap_or_else(|| path.with_extension("safetensors"));
    output::check_folder(&target)?;
    output::refuse_overwriting(&target, *force)?;
    let checkpoint = PickledCheckpoint::open(path)?;
    checkpoint.verify()?;
    if checkpoint.tensors().is_empty() {
        return Err(usage(format!("{} holds no tensors", path.display())));
    }
    for key in checkpoint.ignored() {
        terminal::warn(&format!("{key} is no tensor and is left out"));
    }
    write(&checkpoint, &target)?;
    let count = checkpoint.tensors().len();
    terminal::say(&format!("{}: {count} tensors", target.display()));
    Ok(())
}

/// Writes all tensors to a file beside the target, which then takes its place.
fn write(checkpoint: &PickledCheckpoint, target: &Path) -> anyhow::Result<()> {
    let folder = match target.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
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
    let temporary = builder.tempfile_in(folder).with_context(failed)?;
    let tensors = in_file_order(checkpoint.tensors());
    let bar = terminal::progress_bar("{bar:40} {bytes}/{total_bytes}, {eta} left");
    bar.set_length(tensors.iter().map(|tensor| tensor.size_in_bytes()).sum());
    let mut out = BufWriter::new(temporary);
    out.write_all(&header(&tensors)?).with_context(failed)?;
    for tensor in tensors {
        if terminal::interrupted() {
            anyhow::bail!("interrupted");
        }
        out.write_all(&checkpoint.read(&tensor.name)?)
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
    Ok(())
}

/// Widest numbers first, so that every tensor is aligned; then by name.
fn in_file_order(tensors: &[TensorEntry]) -> Vec<&TensorEntry> {
    let mut tensors: Vec<&TensorEntry> = tensors.iter().collect();
    tensors.sort_by_key(|tensor| (usize::MAX - tensor.dtype.size_in_bytes(), &tensor.name));
    tensors
}

/// The head of a safetensors file: its length in 8 bytes, then names, types, shapes and offsets
/// as JSON, filled up with spaces to a multiple of 8
/// (<https://github.com/huggingface/safetensors#format>).
fn header(tensors: &[&TensorEntry]) -> anyhow::Result<Vec<u8>> {
    let mut at = 0u64;
    let mut entries = BTreeMap::new();
    for tensor in tensors {
        let end = at + tensor.size_in_bytes();
        entries.insert(
            tensor.name.as_str(),
            json!({
                "dtype": tensor.dtype.to_string(),
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
