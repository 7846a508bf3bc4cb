//! `mustool plan`: tempo, metre, key, beats and chords for a prompt, before any sound is made.
//!
//! The JSON that it prints may be edited and given to `mustool generate --plan`.

use std::path::PathBuf;

use mustool_audio::file;
use mustool_music::Plan;

use crate::args::{ControlArgs, ModelArgs};
use crate::controls::{Chords, Controls};
use crate::jobs::Origin;
use crate::output;
use crate::request::Settings;
use crate::terminal;

/// Plan the beats and chords of a prompt, as JSON to edit and give to `generate --plan`.
#[derive(Debug, clap::Args)]
#[command(name = "plan")]
pub(crate) struct PlanCommand {
    /// What the music should sound like, in up to 2,000 characters.
    prompt: String,
    /// File to write instead of stdout.
    #[arg(short, long, value_name = "JSON")]
    output: Option<PathBuf>,
    /// Length in seconds.
    #[arg(
        long,
        value_name = "SECONDS",
        default_value_t = 10.0,
        allow_negative_numbers = true
    )]
    duration: f64,
    /// Seed; the same seed gives the same plan [default: a random one].
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    controls: ControlArgs,
    /// Print a line of chords between bar lines instead of JSON.
    #[arg(long)]
    text: bool,
    /// Replace files that exist.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    model: ModelArgs,
}

/// Runs the command.
pub(crate) fn run(args: PlanCommand) -> anyhow::Result<()> {
    let PlanCommand {
        prompt,
        output,
        duration,
        seed,
        controls,
        text,
        force,
        model,
    } = args;
    let precision = model.dtype.resolve();
    let mut settings = Settings::of_prompt(prompt);
    settings.duration_s = Some(duration);
    settings.seed = seed;
    settings.controls = Controls {
        tempo_bpm: controls.bpm,
        key: controls.key,
        time_signature: controls.meter,
        chords: controls.chords.map(Chords::Text),
        ..Controls::default()
    };
    settings.resolve(precision);
    if let Some(path) = &output {
        output::check_folder(path)?;
        output::refuse_overwriting(path, force)?;
    }
    let pipeline = model.load(precision)?;
    let plan = (settings
        .validate(pipeline.info())
        .map_err(anyhow::Error::from))
    .and_then(|()| settings.prepare(pipeline.info()))
    .and_then(|request| Ok(pipeline.plan(&request)?))
    .map_err(|error| Origin::Flags.locate(error))?;
    let shown = if text {
        line(&plan)
    } else {
        serde_json::to_string_pretty(&plan)?
    };
    match output {
        Some(path) => Ok(file::write_atomic(&path, format!("{shown}\n").as_bytes())?),
        None => terminal::print(&shown),
    }
}

/// A plan in one line: `84 bpm, 4/4, A minor: [Am7] | [Fmaj7]`.
pub(crate) fn line(plan: &Plan) -> String {
    let Plan {
        tempo_bpm, meter, ..
    } = plan;
    let key = plan.key.map_or(String::new(), |key| format!(", {key}"));
    format!(
        "{tempo_bpm:.1} bpm, {meter}{key}: {}",
        plan.to_chordpro_line()
    )
}
