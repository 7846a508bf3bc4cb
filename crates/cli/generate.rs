//! `mustool generate`: a prompt, a file of requests or a finished piece becomes music on disk.
//!
//! Everything that can be wrong is checked before any music is made. Levelling, tags and files are
//! in `output`, the meaning of the settings in `request`.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::Context;
use indicatif::ProgressBar;
use mustool_diffusion::{ModelInfo, Output, Pipeline, Request};

use crate::args::{ControlArgs, ModelArgs, usage};
use crate::jobs::{self, Job};
use crate::output::{self, Bits, Container, Place, Report};
use crate::request::Settings;
use crate::source::ModeName;
use crate::{info, terminal};

/// Arguments that say what to make, and so exclude a file that says it.
const CONTENT: [&str; 20] = [
    "prompt",
    "negative",
    "duration",
    "seed",
    "num_outputs",
    "bpm",
    "key",
    "meter",
    "chords",
    "plan",
    "steps",
    "guidance",
    "scheduler",
    "input",
    "mode",
    "from",
    "to",
    "strength",
    "bits",
    "lufs",
];

/// Generate music from a text prompt.
///
/// The file carries everything that made it: see `mustool info`, and repeat it with --from-file.
#[derive(Debug, clap::Args)]
pub(crate) struct Generate {
    /// What the music should sound like, in up to 2,000 characters.
    #[arg(required_unless_present_any = ["file", "from_file"])]
    pub(crate) prompt: Option<String>,
    /// WAV or FLAC file to write; a folder for several; - for stdout [default: mustool-SEED.wav].
    #[arg(short, long, value_name = "FILE", required_unless_present = "prompt")]
    pub(crate) output: Option<PathBuf>,
    /// Length in seconds [default: 10, or that of the plan or the input].
    #[arg(long, value_name = "SECONDS", allow_negative_numbers = true)]
    pub(crate) duration: Option<f64>,
    /// Seed; the same seed gives the same bytes [default: a random one, which is reported].
    #[arg(long)]
    pub(crate) seed: Option<u64>,
    /// How many pieces; their seeds count up from the first.
    #[arg(
        short = 'n',
        long = "num-outputs",
        value_name = "N",
        default_value_t = 1
    )]
    pub(crate) num_outputs: usize,
    #[command(flatten)]
    pub(crate) controls: ControlArgs,
    /// Plan to follow: JSON as `mustool plan` prints it.
    #[arg(long, value_name = "JSON", conflicts_with_all = ["bpm", "key", "meter", "chords"])]
    pub(crate) plan: Option<PathBuf>,
    /// What the music should not sound like.
    #[arg(long, value_name = "TEXT")]
    pub(crate) negative: Option<String>,
    /// Denoising steps; more are slower and finer.
    #[arg(long)]
    pub(crate) steps: Option<usize>,
    /// Strength of the prompt; 1 turns guidance off.
    #[arg(long, allow_negative_numbers = true)]
    pub(crate) guidance: Option<f64>,
    /// Sampler: ddpm, ddim or dpm++2m.
    #[arg(long)]
    pub(crate) scheduler: Option<String>,
    /// Sound to start from; most formats are read.
    #[arg(long, value_name = "AUDIO")]
    pub(crate) input: Option<PathBuf>,
    /// What to do with the input [default: vary].
    #[arg(long, value_enum, requires = "input")]
    pub(crate) mode: Option<ModeName>,
    /// Second of the input where inpainting begins.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "input",
        allow_negative_numbers = true
    )]
    pub(crate) from: Option<f64>,
    /// Second of the input where inpainting ends.
    #[arg(
        long,
        value_name = "SECONDS",
        requires = "input",
        allow_negative_numbers = true
    )]
    pub(crate) to: Option<f64>,
    /// How far to move from the input, 0 to 1 [default: 0.6].
    #[arg(long, requires = "input", allow_negative_numbers = true)]
    pub(crate) strength: Option<f64>,
    /// File type [default: that of the file name, or wav].
    #[arg(long, value_enum)]
    pub(crate) format: Option<Container>,
    /// How each sample is stored.
    #[arg(long, value_enum, default_value_t = Bits::Pcm16)]
    pub(crate) bits: Bits,
    /// Integrated loudness; the true peak stays below -1 dBTP.
    #[arg(long, default_value_t = -14.0, allow_negative_numbers = true)]
    pub(crate) lufs: f64,
    /// File of requests to run into the folder -o: one JSON object a line.
    #[arg(long, value_name = "JSONL", conflicts_with_all = CONTENT, requires = "output")]
    pub(crate) file: Option<PathBuf>,
    /// Finished piece to repeat, to the byte, from its tags.
    #[arg(long, value_name = "AUDIO", conflicts_with_all = CONTENT,
          conflicts_with_all = ["file", "format"], requires = "output")]
    pub(crate) from_file: Option<PathBuf>,
    /// Replace files that exist.
    #[arg(long)]
    pub(crate) force: bool,
    /// Tell about each finished file on stdout, a line of JSON each.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

/// Runs the command.
pub(crate) fn run(args: Generate) -> anyhow::Result<()> {
    let mut jobs = jobs::from_args(&args)?;
    let output = match (&args.output, jobs.first()) {
        (Some(path), _) => path.clone(),
        (None, Some(Job { settings, .. })) => {
            let extension = if settings.output.format == Container::Flac {
                "flac"
            } else {
                "wav"
            };
            format!("mustool-{}.{extension}", settings.seed.unwrap_or(0)).into()
        }
        (None, None) => return Err(usage("--file: there is no request in it")),
    };
    if args.json && output == Path::new("-") {
        return Err(usage(
            "--json: stdout is taken by the audio of -o -; leave one of them out",
        ));
    }
    let precision = jobs.first().and_then(|job| job.settings.dtype);
    let pipeline = args
        .model
        .load(precision.unwrap_or_else(|| args.model.dtype.resolve()))?;
    let mut requests = Vec::new();
    for Job { settings, origin } in &mut jobs {
        let request = (settings
            .validate(pipeline.info())
            .map_err(anyhow::Error::from))
        .and_then(|()| settings.prepare(pipeline.info()))
        .map_err(|error| origin.locate(error))?;
        requests.push(request);
    }
    if let Some(path) = &args.from_file {
        info::check_model(path, pipeline.info())?;
    }
    let containers: Vec<Container> = (jobs.iter())
        .flat_map(|job| vec![job.settings.output.format; job.settings.n])
        .collect();
    let mut places = output::places(&output, &containers, args.force)?
        .into_iter()
        .enumerate();
    for (Job { settings, origin }, request) in jobs.iter().zip(&requests) {
        let places: Vec<(usize, Place)> = places.by_ref().take(settings.n).collect();
        make(&args, &pipeline, settings, request, &places).map_err(|error| origin.locate(error))?;
    }
    Ok(())
}

/// Makes the outputs of one request and writes them.
fn make(
    args: &Generate,
    pipeline: &Pipeline,
    settings: &Settings,
    request: &Request,
    places: &[(usize, Place)],
) -> anyhow::Result<()> {
    let first_seed = settings.seed.unwrap_or(0);
    for ((index, place), offset) in places.iter().zip(0..) {
        let start = Instant::now();
        // Each piece has a seed of its own, so that it can be made again without the others.
        let seed = first_seed.wrapping_add(offset);
        let settings = Settings {
            seed: Some(seed),
            n: 1,
            ..settings.clone()
        };
        let request = Request {
            seed,
            num_outputs: 1,
            ..request.clone()
        };
        let outputs = with_progress(|bar| {
            pipeline.generate(&request, &mut |progress| {
                bar.set_length(progress.total as u64);
                bar.set_position(progress.step as u64);
                bar.set_message(progress.stage.to_string());
                match terminal::interrupted() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                }
            })
        })?;
        let output = outputs.first().context("the model made nothing")?;
        let finished = output::finish(output, &settings, pipeline.info())?;
        if let Some(path) = &args.from_file {
            compare(path, &finished.bytes);
        }
        output::deliver(place, &finished.bytes, args.force)?;
        let compute_s = start.elapsed().as_secs_f64();
        let told = Told {
            index: *index,
            place,
            compute_s,
            settings: &settings,
            output,
        };
        told.tell(args.json, &finished, pipeline.info())?;
    }
    Ok(())
}

fn with_progress<T>(
    work: impl FnOnce(&ProgressBar) -> mustool_diffusion::Result<T>,
) -> anyhow::Result<T> {
    let bar = terminal::progress_bar("{msg:17} {bar:40} {pos}/{len}, {elapsed}");
    let result = work(&bar);
    bar.finish_and_clear();
    result.context("cannot generate")
}

/// A finished output, to be reported.
struct Told<'a> {
    index: usize,
    place: &'a Place,
    compute_s: f64,
    settings: &'a Settings,
    output: &'a Output,
}

impl Told<'_> {
    fn tell(
        &self,
        json: bool,
        finished: &output::Finished,
        info: &ModelInfo,
    ) -> anyhow::Result<()> {
        let path = match self.place {
            Place::Stdout => None,
            Place::File(path) => Some(path.as_path()),
        };
        let output::Finished {
            bytes,
            waveform,
            loudness,
        } = finished;
        if json {
            return terminal::print(&serde_json::to_string(&Report {
                index: self.index,
                path,
                seed: self.output.seed,
                duration_s: waveform.duration_s(),
                sample_rate: waveform.sample_rate(),
                channels: waveform.channels(),
                format: self.settings.output.format,
                bytes: bytes.len(),
                sha256: output::sha256(bytes),
                lufs: loudness.integrated_lufs,
                true_peak_dbtp: loudness.true_peak_dbtp,
                compute_s: self.compute_s,
                resolved: &self.output.plan,
                settings: self.settings,
                model: info.into(),
                software: output::SOFTWARE,
            })?);
        }
        let name = path.map_or("stdout".to_owned(), |path| path.display().to_string());
        let lufs = loudness
            .integrated_lufs
            .map_or(String::new(), |lufs| format!(", {lufs:.1} LUFS"));
        let (seconds, seed) = (waveform.duration_s(), self.output.seed);
        terminal::say(&format!("{name}: {seconds:.2} s, seed {seed}{lufs}"));
        Ok(())
    }
}

/// Says so if a repeated piece is not what it was.
fn compare(path: &Path, bytes: &[u8]) {
    if std::fs::read(path).is_ok_and(|before| before != bytes) {
        terminal::warn(&format!(
            "this is not to the byte what {} is: another version of mustool or another kind of \
             processor made that (see `mustool info` and `mustool doctor`)",
            path.display()
        ));
    }
}
