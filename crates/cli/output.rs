//! From a generated waveform to a file: loudness, format, tags, names, and nothing half-written.
//!
//! The bytes depend on the waveform and the request alone, so that a repeated request gives the
//! same file. Generating is elsewhere.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::ValueEnum;
use mustool_audio::resample::resample;
use mustool_audio::wav::{self, SampleFormat};
use mustool_audio::{Tags, Waveform, file, flac, loudness};
use mustool_diffusion::{ModelInfo, Output};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::args::usage;
use crate::request::{Fault, Settings, fault, within};
use crate::terminal;

/// `-o -`: audio on stdout.
const STDOUT: &str = "-";
/// Sample rates that files may have, in Hz.
const SAMPLE_RATES_HZ: (f64, f64) = (8_000.0, 192_000.0);
/// The program, as it is written into files.
pub(crate) const SOFTWARE: &str = concat!("mustool ", env!("CARGO_PKG_VERSION"));

/// Kind of file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Container {
    /// Uncompressed.
    #[default]
    Wav,
    /// Compressed without loss.
    Flac,
}

/// How each sample is stored.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub(crate) enum Bits {
    /// 16-bit integers.
    #[default]
    #[value(name = "16")]
    #[serde(rename = "16")]
    Pcm16,
    /// 24-bit integers.
    #[value(name = "24")]
    #[serde(rename = "24")]
    Pcm24,
    /// 32-bit floats; WAV only.
    #[value(name = "32f")]
    #[serde(rename = "32f")]
    Float32,
}

/// Form of the finished file.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Format {
    #[serde(default)]
    pub(crate) format: Container,
    #[serde(default)]
    pub(crate) bits: Bits,
    #[serde(default)]
    pub(crate) loudness: Target,
    /// In Hz; that of the model where `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sample_rate: Option<u32>,
    /// Of compressed files, which are the service's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bitrate_kbps: Option<f64>,
    /// Whether the file carries what made it.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub(crate) embed_metadata: bool,
    /// The service's: pictures while it works. There are none here.
    #[serde(default, skip_serializing_if = "is_no")]
    pub(crate) previews: bool,
}

impl Default for Format {
    /// 16-bit WAV as the model makes it.
    fn default() -> Self {
        Self {
            format: Container::default(),
            bits: Bits::default(),
            loudness: Target::default(),
            sample_rate: None,
            bitrate_kbps: None,
            embed_metadata: true,
            previews: false,
        }
    }
}

fn yes() -> bool {
    true
}

fn is_yes(flag: &bool) -> bool {
    *flag
}

fn is_no(flag: &bool) -> bool {
    !flag
}

/// How loud the finished file is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Target {
    pub(crate) target_lufs: f64,
    pub(crate) true_peak_dbtp: f64,
}

impl Default for Target {
    /// What streaming services play at.
    fn default() -> Self {
        Self {
            target_lufs: -14.0,
            true_peak_dbtp: -1.0,
        }
    }
}

impl Container {
    fn extension(self) -> &'static str {
        match self {
            Self::Wav => "wav",
            Self::Flac => "flac",
        }
    }

    /// What the name of a file says, if it says anything.
    pub(crate) fn of_path(path: &Path) -> anyhow::Result<Option<Self>> {
        let Some(extension) = path.extension() else {
            return Ok(None);
        };
        match extension.to_string_lossy().to_ascii_lowercase().as_str() {
            "wav" => Ok(Some(Self::Wav)),
            "flac" => Ok(Some(Self::Flac)),
            other => Err(usage(format!(
                "-o: .{other} files are not written; use .wav or .flac"
            ))),
        }
    }
}

impl Format {
    /// Checks what the file type and the loudness meter can take.
    pub(crate) fn validate(&self) -> Result<(), Fault> {
        if self.format == Container::Flac && self.bits == Bits::Float32 {
            return fault("bits", "FLAC has no floats; use 24, or a .wav file");
        }
        if let Some(sample_rate) = self.sample_rate {
            within("sample_rate", sample_rate.into(), SAMPLE_RATES_HZ)?;
        }
        if self.bitrate_kbps.is_some() {
            return fault("bitrate_kbps", "WAV and FLAC have none; leave it out");
        }
        within("target_lufs", self.loudness.target_lufs, (-70.0, 0.0))?;
        within("true_peak_dbtp", self.loudness.true_peak_dbtp, (-20.0, 0.0))
    }

    fn to_bytes(self, waveform: &Waveform, tags: &Tags) -> mustool_audio::Result<Vec<u8>> {
        let samples = match self.bits {
            Bits::Pcm16 => SampleFormat::Pcm16,
            Bits::Pcm24 => SampleFormat::Pcm24,
            Bits::Float32 => SampleFormat::Float32,
        };
        match self.format {
            Container::Wav => wav::to_bytes(waveform, samples, tags),
            Container::Flac => flac::to_bytes(waveform, samples, tags),
        }
    }
}

/// Where one output goes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    Stdout,
    File(PathBuf),
}

/// Names for `count` outputs of the kinds in `containers`, none of which is there yet unless
/// `force`.
///
/// `-` is stdout. A folder, or a name that ends in a slash or has no extension, gets 000.wav and so
/// on; a file name is used as it is for one output and numbered for several.
pub(crate) fn places(
    output: &Path,
    containers: &[Container],
    force: bool,
) -> anyhow::Result<Vec<Place>> {
    if output == Path::new(STDOUT) {
        return stdout_place(containers.len());
    }
    let slash = output.to_string_lossy().ends_with('/');
    let is_folder = output.is_dir() || slash || output.extension().is_none();
    if is_folder {
        std::fs::create_dir_all(output)
            .with_context(|| format!("-o: cannot make the folder {}", output.display()))?;
    }
    let number = |index: usize| format!("{index:03}");
    let name = |(index, container): (usize, &Container)| match (is_folder, containers.len()) {
        (true, _) => output
            .join(number(index))
            .with_extension(container.extension()),
        (false, 1) => output.to_path_buf(),
        (false, _) => {
            let stem = output.file_stem().unwrap_or_default().to_string_lossy();
            let name = format!("{stem}-{}.{}", number(index), container.extension());
            output.with_file_name(name)
        }
    };
    let paths: Vec<PathBuf> = containers.iter().enumerate().map(name).collect();
    if let Some(path) = paths.first() {
        check_folder(path)?;
    }
    for path in &paths {
        refuse_overwriting(path, force)?;
    }
    Ok(paths.into_iter().map(Place::File).collect())
}

fn stdout_place(count: usize) -> anyhow::Result<Vec<Place>> {
    if count != 1 {
        return Err(usage(
            "-o -: stdout takes one piece; name a file or a folder for several",
        ));
    }
    if terminal::stdout_is_terminal() {
        return Err(usage(
            "-o -: stdout is a terminal; pipe it on, or name a file",
        ));
    }
    Ok(vec![Place::Stdout])
}

/// Refuses a path that exists, unless `--force`.
pub(crate) fn refuse_overwriting(path: &Path, force: bool) -> anyhow::Result<()> {
    let shown = path.display();
    if path.is_dir() {
        return Err(usage(format!("-o: {shown} is a folder; name a file")));
    }
    if !force && path.symlink_metadata().is_ok() {
        return Err(usage(format!(
            "-o: {shown} exists; use --force to replace it, or another name"
        )));
    }
    Ok(())
}

/// Fails early, before minutes of work, where no file can be written.
pub(crate) fn check_folder(path: &Path) -> anyhow::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let shown = folder.display();
    if !folder.is_dir() {
        return Err(usage(format!(
            "-o: there is no folder {shown}; make it first"
        )));
    }
    tempfile::tempfile_in(folder)
        .map(drop)
        .with_context(|| format!("-o: cannot write in {shown}; choose another folder"))
}

/// What is told about a finished file, as a line of JSON.
#[derive(Debug, Serialize)]
pub(crate) struct Report<'a> {
    pub(crate) index: usize,
    pub(crate) path: Option<&'a Path>,
    pub(crate) seed: u64,
    pub(crate) duration_s: f64,
    pub(crate) sample_rate: u32,
    pub(crate) channels: u16,
    pub(crate) format: Container,
    pub(crate) bytes: usize,
    pub(crate) sha256: String,
    pub(crate) lufs: Option<f64>,
    pub(crate) true_peak_dbtp: Option<f64>,
    pub(crate) compute_s: f64,
    pub(crate) resolved: &'a mustool_music::Plan,
    pub(crate) settings: &'a Settings,
    pub(crate) model: ModelReport<'a>,
    pub(crate) software: &'static str,
}

/// The model, in a [`Report`].
#[derive(Debug, Serialize)]
pub(crate) struct ModelReport<'a> {
    pub(crate) id: &'a str,
    pub(crate) weights_sha256: &'a str,
    pub(crate) trained: bool,
}

impl<'a> From<&'a ModelInfo> for ModelReport<'a> {
    fn from(info: &'a ModelInfo) -> Self {
        let ModelInfo {
            id,
            weights_sha256,
            trained,
            ..
        } = info;
        Self {
            id,
            weights_sha256,
            trained: *trained,
        }
    }
}

/// A finished file in memory.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) bytes: Vec<u8>,
    pub(crate) waveform: Waveform,
    pub(crate) loudness: loudness::Loudness,
}

/// Levels the sound and packs it with its tags. `settings` are those that make this one output.
pub(crate) fn finish(
    output: &Output,
    settings: &Settings,
    info: &ModelInfo,
) -> anyhow::Result<Finished> {
    let Target {
        target_lufs,
        true_peak_dbtp,
    } = settings.output.loudness;
    let waveform = match settings.output.sample_rate {
        Some(sample_rate) => resample(&output.waveform, sample_rate)
            .context("cannot change the sample rate of the sound")?,
        None => output.waveform.clone(),
    };
    let waveform = loudness::normalise(&waveform, target_lufs, true_peak_dbtp)
        .context("cannot level the sound")?;
    let loudness = loudness::measure(&waveform).context("cannot measure the sound")?;
    if waveform.peak() == 0.0 {
        terminal::warn("the result is silent");
    }
    let tags = match settings.output.embed_metadata {
        true => tags(output, settings, info)?,
        false => Tags::new(),
    };
    let bytes = settings
        .output
        .to_bytes(&waveform, &tags)
        .context("cannot pack the sound")?;
    Ok(Finished {
        bytes,
        waveform,
        loudness,
    })
}

fn tags(output: &Output, settings: &Settings, info: &ModelInfo) -> anyhow::Result<Tags> {
    let mut tags = Tags::new();
    let title: String = settings.prompt.chars().take(80).collect();
    for (key, value) in [
        ("title", title),
        ("comment", settings.prompt.clone()),
        ("prompt", settings.prompt.clone()),
        ("seed", output.seed.to_string()),
        ("plan", serde_json::to_string(&output.plan)?),
        ("settings", serde_json::to_string(settings)?),
        ("model", info.id.clone()),
        ("model_sha256", info.weights_sha256.clone()),
        ("software", SOFTWARE.to_owned()),
    ] {
        tags.insert(key, value)?;
    }
    Ok(tags)
}

/// Writes a finished file to its place, whole or not at all.
pub(crate) fn deliver(place: &Place, bytes: &[u8], force: bool) -> anyhow::Result<()> {
    match place {
        Place::Stdout => terminal::write_stdout(bytes),
        Place::File(path) => {
            refuse_overwriting(path, force)?; // It may have appeared meanwhile.
            file::write_atomic(path, bytes).with_context(
                || "-o: nothing was written; free some space or choose another folder",
            )
        }
    }
}

/// Checksum in hexadecimal.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_without_an_extension_is_a_folder() {
        let parent = tempfile::tempdir().unwrap();
        let two = [Container::Wav, Container::Flac];
        for name in ["takes", "takes/", "takes"] {
            let found = places(&parent.path().join(name), &two, false).unwrap();
            let folder = parent.path().join("takes");
            let expected = ["000.wav", "001.flac"].map(|file| Place::File(folder.join(file)));
            assert_eq!(found, expected, "{name}");
        }
        let found = places(&parent.path().join("take.wav"), &two, false).unwrap();
        let expected = ["take-000.wav", "take-001.flac"];
        assert_eq!(
            found,
            expected.map(|file| Place::File(parent.path().join(file)))
        );
        let found = places(&parent.path().join("take.wav"), &two[..1], false).unwrap();
        assert_eq!(found, [Place::File(parent.path().join("take.wav"))]);
    }
}
