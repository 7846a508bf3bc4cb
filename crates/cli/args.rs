//! Flags that several commands share, and the error of those who used them wrongly.

use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use mustool_diffusion::Pipeline;
use mustool_music::{Key, Meter};
use mustool_nn::{DType, Level};
use serde::{Deserialize, Serialize};

use crate::terminal;

/// Wrong input: names the flag and the remedy. The program ends with exit code 2.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// A [`Usage`] error.
pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Usage(message.into()).into()
}

/// Which model, and how it computes.
#[derive(Debug, clap::Args)]
pub(crate) struct ModelArgs {
    /// Folder of a model; without it, the one inside the program.
    #[arg(long, value_name = "DIR", env = "MUSTOOL_MODEL")]
    pub(crate) model: Option<PathBuf>,
    /// Number type of the networks; auto is bf16 where the processor has units for it.
    #[arg(long, value_enum, default_value_t = Dtype::Auto)]
    pub(crate) dtype: Dtype,
    /// Threads to compute with; all cores if not given. The result is the same.
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) threads: Option<u16>,
}

/// `--dtype`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Dtype {
    /// bf16 with AMX, else f32.
    Auto,
    /// 32-bit floats.
    F32,
    /// 16-bit floats with the range of 32-bit ones.
    Bf16,
}

/// The number type that a piece was really computed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Precision {
    /// 32-bit floats.
    F32,
    /// 16-bit floats with the range of 32-bit ones.
    Bf16,
}

impl Dtype {
    /// What `auto` means on this processor.
    pub(crate) fn resolve(self) -> Precision {
        match self {
            Self::F32 => Precision::F32,
            Self::Bf16 => Precision::Bf16,
            Self::Auto if Level::get() == Level::Amx => Precision::Bf16,
            Self::Auto => Precision::F32,
        }
    }
}

impl Precision {
    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::F32 => DType::F32,
            Self::Bf16 => DType::BF16,
        }
    }
}

impl ModelArgs {
    /// Loads the model and says plainly if it is untrained.
    pub(crate) fn load(&self, precision: Precision) -> anyhow::Result<Pipeline> {
        limit_threads(self.threads)?;
        let pipeline = match &self.model {
            Some(folder) if !folder.is_dir() => {
                let shown = folder.display();
                return Err(usage(format!(
                    "--model: {shown} is not a folder; name the folder of a model, or leave \
                     --model out to use the one inside the program"
                )));
            }
            Some(folder) => Pipeline::load(folder, precision.dtype())
                .with_context(|| format!("cannot load the model in {}", folder.display()))?,
            None => Pipeline::embedded(mustool_default_model::FILES, precision.dtype())
                .context("cannot load the model inside the program")?,
        };
        if !pipeline.info().trained {
            terminal::warn(
                "this model is untrained: its weights are random numbers, and what it makes is \
                 noise, not music; name a trained one with --model",
            );
        }
        Ok(pipeline)
    }
}

/// Applies `--threads`; once a process.
pub(crate) fn limit_threads(threads: Option<u16>) -> anyhow::Result<()> {
    let Some(threads) = threads else {
        return Ok(());
    };
    rayon::ThreadPoolBuilder::new()
        .num_threads(threads.into())
        .build_global()
        .context("--threads: cannot start the threads; try fewer")
}

/// Musical facts that win over what the prompt says or leaves open.
#[derive(Debug, clap::Args)]
pub(crate) struct ControlArgs {
    /// Tempo in felt beats per minute, 20 to 400.
    #[arg(long, value_name = "BPM", allow_negative_numbers = true)]
    pub(crate) bpm: Option<f64>,
    /// Key, as "A minor", "Am", "F#:maj" or "D dorian".
    #[arg(long)]
    pub(crate) key: Option<Key>,
    /// Time signature, as 4/4, 3/4 or 6/8.
    #[arg(long, value_name = "N/N")]
    pub(crate) meter: Option<Meter>,
    /// Chords: "Am7 F C G" one a bar, "| Am7 | F G |" with bar lines, or "Am7@0 F@2.5" in seconds.
    #[arg(long)]
    pub(crate) chords: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_auto_depends_on_the_processor() {
        assert_eq!(Dtype::F32.resolve(), Precision::F32);
        assert_eq!(Dtype::Bf16.resolve(), Precision::Bf16);
        let auto = Dtype::Auto.resolve();
        assert_eq!(auto == Precision::Bf16, Level::get() == Level::Amx);
    }
}
