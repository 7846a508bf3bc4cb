//! Where requests come from: the flags, a file of requests, or the tags of a finished piece.
//!
//! A fault is told in the words of its origin: the flag, or the line and the field. What the
//! settings mean is in `request`.

use std::path::{Path, PathBuf};

use crate::args::{Dtype, Precision, usage};
use crate::controls::{Chords, Controls};
use crate::generate::Generate;
use crate::info;
use crate::output::{Container, Format, Target};
use crate::request::{Fault, Settings, read_plan};
use crate::source::{InputAudio, read_limited};
use crate::terminal;

/// Largest file of requests.
const MAX_REQUESTS_BYTES: u64 = 16 << 20;
/// Most lines of a file of requests.
const MAX_REQUESTS: usize = 10_000;
/// Settings, and who wrote them.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) settings: Settings,
    pub(crate) origin: Origin,
}

/// Who wrote the settings, to name the place of a fault.
#[derive(Debug, Clone)]
pub(crate) enum Origin {
    Flags,
    Line { path: PathBuf, number: usize },
    Tags { path: PathBuf },
}

/// Fields of a request and the flags that set them.
const FLAGS: [(&str, &str); 26] = [
    ("prompt", "PROMPT"),
    ("negative_prompt", "--negative"),
    ("duration_s", "--duration"),
    ("seed", "--seed"),
    ("n", "-n"),
    ("num_outputs", "-n"),
    ("steps", "--steps"),
    ("num_inference_steps", "--steps"),
    ("guidance_scale", "--guidance"),
    ("scheduler", "--scheduler"),
    ("tempo_bpm", "--bpm"),
    ("key", "--key"),
    ("time_signature", "--meter"),
    ("meter", "--meter"),
    ("chords", "--chords"),
    ("plan", "--plan"),
    ("source", "--input"),
    ("input_audio", "--input"),
    ("input", "--input"),
    ("span", "--from and --to"),
    ("mode", "--mode"),
    ("strength", "--strength"),
    ("start_s", "--from"),
    ("end_s", "--to"),
    ("bits", "--bits"),
    ("target_lufs", "--lufs"),
];

impl Origin {
    /// The same error, with the flag or the line that has to be mended.
    pub(crate) fn locate(&self, error: anyhow::Error) -> anyhow::Error {
        let (field, reason) = match (error.downcast_ref(), error.downcast_ref()) {
            (Some(Fault { field, reason }), _) => (*field, reason.clone()),
            (_, Some(mustool_diffusion::Error::InvalidRequest { field, reason })) => {
                (*field, reason.clone())
            }
            _ => return error,
        };
        usage(match self {
            Self::Flags => {
                let flag = FLAGS.iter().find(|(name, _)| *name == field);
                format!("{}: {reason}", flag.map_or(field, |(_, flag)| flag))
            }
            Self::Line { path, number } => {
                format!(
                    "--file: {}, line {number}: {field}: {reason}",
                    path.display()
                )
            }
            Self::Tags { path } => {
                format!(
                    "--from-file: the settings in {}: {field}: {reason}",
                    path.display()
                )
            }
        })
    }
}

/// The requests that the arguments ask for, with their seeds.
pub(crate) fn from_args(args: &Generate) -> anyhow::Result<Vec<Job>> {
    let precision = args.model.dtype.resolve();
    if let Some(path) = &args.file {
        return from_lines(path, args, precision);
    }
    let mut job = match &args.from_file {
        Some(path) => from_tags(path, args)?,
        None => from_flags(args)?,
    };
    job.settings.resolve(precision);
    Ok(vec![job])
}

fn from_flags(args: &Generate) -> anyhow::Result<Job> {
    let named = match &args.output {
        Some(path) if path != Path::new("-") && !path.is_dir() => Container::of_path(path)?,
        _ => None,
    };
    if let (Some(named), Some(asked)) = (named, args.format)
        && named != asked
    {
        return Err(usage(
            "--format: the name of the file says otherwise; make them agree",
        ));
    }
    let input_audio = args.input.as_ref().map(|path| InputAudio {
        path: path.clone(),
        mode: args.mode.unwrap_or_default(),
        strength: args.strength,
        start_s: args.from,
        end_s: args.to,
        sha256: None,
    });
    let settings = Settings {
        negative_prompt: args.negative.clone().unwrap_or_default(),
        duration_s: args.duration,
        seed: args.seed,
        n: args.num_outputs,
        steps: args.steps,
        guidance_scale: args.guidance,
        scheduler: args.scheduler.clone(),
        controls: Controls {
            tempo_bpm: args.controls.bpm,
            key: args.controls.key,
            time_signature: args.controls.meter,
            chords: args.controls.chords.clone().map(Chords::Text),
            ..Controls::default()
        },
        plan: args.plan.as_deref().map(read_plan).transpose()?,
        input_audio,
        output: Format {
            format: named.or(args.format).unwrap_or_default(),
            bits: args.bits,
            loudness: Target {
                target_lufs: args.lufs,
                ..Target::default()
            },
            ..Format::default()
        },
        ..Settings::of_prompt(args.prompt.clone().unwrap_or_default())
    };
    Ok(Job {
        settings,
        origin: Origin::Flags,
    })
}

fn from_tags(path: &Path, args: &Generate) -> anyhow::Result<Job> {
    let mut settings = info::settings(path)?;
    match args.model.dtype {
        Dtype::Auto => {}
        other => settings.dtype = Some(other.resolve()),
    }
    let origin = Origin::Tags {
        path: path.to_path_buf(),
    };
    Ok(Job { settings, origin })
}

fn from_lines(path: &Path, args: &Generate, precision: Precision) -> anyhow::Result<Vec<Job>> {
    let shown = path.display();
    let bytes = read_limited(path, MAX_REQUESTS_BYTES, "--file")?;
    let text = std::str::from_utf8(&bytes)
        .map_err(|error| usage(format!("--file: {shown} is not UTF-8 text: {error}")))?;
    let lines = text
        .lines()
        .zip(1..)
        .filter(|(line, _)| !line.trim().is_empty());
    let mut jobs = Vec::new();
    for (line, number) in lines {
        if jobs.len() == MAX_REQUESTS {
            return Err(usage(format!(
                "--file: {shown} has more than {MAX_REQUESTS} requests; split it"
            )));
        }
        let mut settings: Settings = serde_json::from_str(line)
            .map_err(|error| usage(format!("--file: {shown}, line {number}: {error}")))?;
        if settings.dtype.is_some_and(|dtype| dtype != precision) {
            return Err(usage(format!(
                "--file: {shown}, line {number}: dtype: it is one for all lines; use --dtype"
            )));
        }
        if settings.webhook.is_some() {
            terminal::warn(&format!(
                "--file: {shown}, line {number}: webhook: only the service calls one"
            ));
        }
        settings.output.format = args.format.unwrap_or(settings.output.format);
        settings.resolve(precision);
        let origin = Origin::Line {
            path: path.to_path_buf(),
            number,
        };
        jobs.push(Job { settings, origin });
    }
    if jobs.is_empty() {
        return Err(usage(format!(
            "--file: {shown} has no requests; write one JSON object a line"
        )));
    }
    Ok(jobs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::request::fault;

    #[test]
    fn a_fault_is_told_in_the_words_of_its_origin() {
        let error = || anyhow::Error::from(fault::<()>("duration_s", "too long").unwrap_err());
        let located = |origin: Origin| origin.locate(error()).to_string();
        assert_eq!(located(Origin::Flags), "--duration: too long");
        let line = Origin::Line {
            path: "r.jsonl".into(),
            number: 3,
        };
        assert_eq!(
            located(line),
            "--file: r.jsonl, line 3: duration_s: too long"
        );
        let tags = Origin::Tags {
            path: "a.wav".into(),
        };
        assert!(located(tags).ends_with("a.wav: duration_s: too long"));
    }

    #[test]
    fn the_pipelines_refusals_name_the_flag_too() {
        let refused = mustool_diffusion::Error::InvalidRequest {
            field: "num_inference_steps",
            reason: "too many".into(),
        };
        let wrapped = anyhow::Error::from(refused).context("cannot generate");
        assert_eq!(
            Origin::Flags.locate(wrapped).to_string(),
            "--steps: too many"
        );
    }
}
