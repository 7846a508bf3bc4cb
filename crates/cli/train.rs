//! `mustool train`: trains one of a model's networks, from composed music or a folder of one's own.
//!
//! What is learnt, from what and how fast stands in a TOML file; how it is done is in
//! `mustool-training`. Ctrl-C writes a checkpoint, and running the command again goes on from it.

use std::ops::ControlFlow;
use std::path::PathBuf;

use anyhow::Context;
use clap::ValueEnum;
use mustool_training::{Config, Event, Outcome, StageKind};

use crate::{args, terminal};

/// Entries without use that are named one by one.
const NAMED_SKIPS: usize = 10;

/// Train a network of a model. Run again to continue.
#[derive(Debug, clap::Args)]
pub(crate) struct Train {
    /// Which network. A model is made in the order text, vae, vocoder, unet, planner.
    #[arg(value_enum)]
    stage: Stage,
    /// What to learn from, how long and how fast (TOML).
    #[arg(long, value_name = "TOML")]
    config: PathBuf,
    /// Folder of clips to learn from, instead of the one in the configuration.
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Whether to go on from the last checkpoint or to begin anew.
    #[arg(long, value_enum, default_value_t = Resume::Auto)]
    resume: Resume,
    /// Print every line of the log as JSON.
    #[arg(long)]
    json: bool,
}

/// The networks, as the command line names them.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Stage {
    /// The tokenizer and text encoder.
    Text,
    /// The autoencoder between spectrograms and latents.
    Vae,
    /// From spectrograms to sound.
    Vocoder,
    /// The diffusion network.
    Unet,
    /// From prompts to plans.
    Planner,
}

/// `--resume`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Resume {
    /// Go on if there is a checkpoint.
    Auto,
    /// Begin anew; checkpoints of the run are removed.
    Never,
}

impl From<Stage> for StageKind {
    fn from(stage: Stage) -> Self {
        match stage {
            Stage::Text => Self::Text,
            Stage::Vae => Self::Vae,
            Stage::Vocoder => Self::Vocoder,
            Stage::Unet => Self::Unet,
            Stage::Planner => Self::Planner,
        }
    }
}

/// Runs the command.
pub(crate) fn run(args: Train) -> anyhow::Result<()> {
    let mut config = Config::load(&args.config)?;
    if let Some(folder) = args.data {
        if !folder.is_dir() {
            return Err(args::usage(format!(
                "--data: {} is no folder",
                folder.display()
            )));
        }
        config.data.train = Some(folder);
        config.data.composer = None;
    }
    if let Some(threads) = config.threads {
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build_global()
            .context("threads: cannot start them; try fewer")?;
    }
    let bar = terminal::progress_bar("{bar:40} {percent}% {msg}");
    bar.set_length(1000);
    let mut printed = Ok(());
    let mut watch = |event: Event| {
        show(&event, &bar);
        if let (Event::Logged(entry), true, Ok(())) = (&event, args.json, &printed) {
            let line = serde_json::to_string(entry).expect("numbers and names are JSON");
            printed = terminal::print(&line);
        }
        match terminal::interrupted() || printed.is_err() {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let stage = StageKind::from(args.stage);
    let resume = args.resume == Resume::Auto;
    let defaults = mustool_default_model::FILES;
    let outcome = mustool_training::train(stage, &config, resume, defaults, &mut watch)
        .with_context(|| format!("cannot train the {}", stage.name()))?;
    bar.finish_and_clear();
    printed?;
    match outcome {
        Outcome::Finished => terminal::say(&format!(
            "done: {} is part of the model in {}",
            stage.name(),
            config.model.display()
        )),
        Outcome::Interrupted => terminal::say("stopped; run again to continue"),
    }
    Ok(())
}

/// Tells the person at the terminal.
fn show(event: &Event, bar: &indicatif::ProgressBar) {
    match event {
        Event::Preparing { what, done, total } => {
            bar.set_position((1000 * done / (*total).max(1)) as u64);
            bar.set_message(format!("{done} of {total} {what} prepared"));
        }
        Event::Skipped(skipped) => {
            for entry in skipped.iter().take(NAMED_SKIPS) {
                terminal::warn(&format!("skipped {}: {}", entry.what, entry.reason));
            }
            if let Some(more) = skipped
                .len()
                .checked_sub(NAMED_SKIPS)
                .filter(|&more| more > 0)
            {
                terminal::warn(&format!("skipped {more} more"));
            }
        }
        Event::Resumed { step, passed_over } => {
            for reason in *passed_over {
                terminal::warn(reason);
            }
            terminal::say(&format!("going on from step {step}"));
        }
        Event::Step { step, progress } => {
            bar.set_position((1000.0 * progress) as u64);
            bar.set_message(format!("step {step}"));
        }
        Event::Logged(entry) => {
            let value = |(name, value): (&String, &f64)| format!("{name} {value:.4}");
            let values: Vec<String> = entry.values.iter().map(value).collect();
            let kind = if entry.validation { " (held out)" } else { "" };
            let line = format!("step {}{kind}: {}", entry.step, values.join(", "));
            bar.suspend(|| terminal::say(&line));
        }
        Event::Saved(_) => {}
    }
}
