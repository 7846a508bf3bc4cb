//! The sound that a piece starts from: to vary, extend, mend or close to a loop.
//!
//! Here the file is read and its numbers are checked; what is done with it is the pipeline's.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use mustool_audio::decode::{self, DecodeLimits};
use mustool_audio::resample::resample;
use mustool_diffusion::{AudioSource, Mode, ModelInfo};
use serde::{Deserialize, Serialize};

use crate::args::usage;
use crate::output;
use crate::request::{Fault, fault, within};

/// How much of the input `vary` replaces if nothing else says it.
const DEFAULT_STRENGTH: f64 = 0.6;

/// A sound to start from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InputAudio {
    pub(crate) path: PathBuf,
    #[serde(default)]
    pub(crate) mode: ModeName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) strength: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) start_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) end_s: Option<f64>,
    /// Of the file's bytes; checked where a finished piece is repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
}

/// What to do with the input.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeName {
    /// The same again, but different by --strength.
    #[default]
    Vary,
    /// Go on where the input ends.
    Extend,
    /// Make the part between --from and --to anew.
    Inpaint,
    /// Let the end run into the beginning.
    Loop,
}

impl InputAudio {
    /// The mode with its numbers; `input_s` is the length of the input, once known.
    pub(crate) fn mode(&self, input_s: Option<f64>) -> Result<Mode, Fault> {
        if self.strength.is_some() && self.mode != ModeName::Vary {
            return fault("strength", "it belongs to the mode vary only; leave it out");
        }
        if self.mode != ModeName::Inpaint && (self.start_s.is_some() || self.end_s.is_some()) {
            let field = if self.start_s.is_some() {
                "start_s"
            } else {
                "end_s"
            };
            return fault(field, "it belongs to the mode inpaint only; leave it out");
        }
        match self.mode {
            ModeName::Vary => {
                let strength = self.strength.unwrap_or(DEFAULT_STRENGTH);
                within("strength", strength, (0.0, 1.0))?;
                Ok(Mode::Vary { strength })
            }
            ModeName::Extend => Ok(Mode::Extend),
            ModeName::Loop => Ok(Mode::Loop),
            ModeName::Inpaint => {
                let Some(start_s) = self.start_s else {
                    return fault(
                        "start_s",
                        "inpaint needs it: the second where the new part begins",
                    );
                };
                let Some(end_s) = self.end_s else {
                    return fault(
                        "end_s",
                        "inpaint needs it: the second where the new part ends",
                    );
                };
                let limit_s = input_s.unwrap_or(f64::MAX);
                within("start_s", start_s, (0.0, limit_s))?;
                if !(end_s > start_s && end_s <= limit_s) {
                    let wanted =
                        format!("the new part ends after {start_s} s and inside the input");
                    return fault("end_s", format!("{end_s} s cannot be: {wanted}"));
                }
                Ok(Mode::Inpaint { start_s, end_s })
            }
        }
    }

    /// Reads the sound, in mono and at the model's rate.
    pub(crate) fn open(&mut self, info: &ModelInfo) -> anyhow::Result<AudioSource> {
        let bytes = read_limited(&self.path, DecodeLimits::default().max_bytes, "--input")?;
        let sha256 = output::sha256(&bytes);
        let shown = self.path.display();
        if self.sha256.as_ref().is_some_and(|noted| *noted != sha256) {
            return Err(usage(format!(
                "--input: {shown} is not the file that the piece was made from; name that one"
            )));
        }
        let waveform = decode::from_bytes(&self.path, bytes, &DecodeLimits::default())
            .map_err(|error| usage(format!("--input: {error}")))?;
        let waveform = resample(&waveform.to_mono(), info.sample_rate)
            .with_context(|| format!("--input: cannot resample {shown}"))?;
        self.sha256 = Some(sha256);
        let mode = self.mode(Some(waveform.duration_s()))?;
        Ok(AudioSource { waveform, mode })
    }
}

/// Reads a whole file of at most `max_bytes`; `flag` is what to name if that is impossible.
pub(crate) fn read_limited(path: &Path, max_bytes: u64, flag: &str) -> anyhow::Result<Vec<u8>> {
    use std::io::Read;
    let failed =
        |error: std::io::Error| usage(format!("{flag}: cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    file.take(max_bytes + 1)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    if bytes.len() as u64 > max_bytes {
        let shown = path.display();
        return Err(usage(format!(
            "{flag}: {shown} has more than {max_bytes} bytes; use a shorter file"
        )));
    }
    Ok(bytes)
}
