//! The command line of mustool: text to music, offline, in one program.
//!
//! Each command has a file of its own; here are only their list, the exit codes and the printing
//! of errors. Exit codes: 0 done, 1 failed, 2 wrong input, 130 interrupted. No music is made here.

mod analyze;
mod args;
mod bench;
mod bench_networks;
mod bench_ops;
mod bench_serve;
mod compose;
mod controls;
mod convert;
mod doctor;
mod evaluate;
mod generate;
mod http;
mod info;
mod jobs;
mod models;
mod output;
mod plan;
mod request;
mod serve;
mod source;
mod terminal;
mod train;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use crate::args::Usage;

/// Text to music, offline, in one program: chords, beats, key and tempo that obey the prompt.
#[derive(Debug, Parser)]
#[command(name = "mustool", version, max_term_width = 100)]
struct Cli {
    /// Say nothing on stderr but errors.
    #[arg(short, long, global = true)]
    quiet: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Generate(Box<generate::Generate>),
    Plan(plan::PlanCommand),
    Info(info::Info),
    #[command(subcommand)]
    Models(models::Models),
    Doctor(doctor::Doctor),
    Compose(Box<compose::Compose>),
    Serve(Box<serve::Serve>),
    Train(train::Train),
    Analyze(analyze::Analyze),
    #[command(subcommand)]
    Evaluate(evaluate::Evaluate),
    Bench(bench::Bench),
    /// Print the completions of a shell, to be sourced by it.
    Completions {
        /// Shell to write for.
        shell: clap_complete::Shell,
    },
}

fn main() -> ExitCode {
    let Cli { quiet, command } = Cli::parse();
    terminal::set_quiet(quiet);
    let outcome = terminal::watch_for_interrupts().and_then(|()| match command {
        Command::Generate(args) => generate::run(*args),
        Command::Plan(args) => plan::run(args),
        Command::Info(args) => info::run(&args),
        Command::Models(args) => models::run(args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Compose(args) => compose::run(*args),
        Command::Serve(args) => serve::run(*args),
        Command::Train(args) => train::run(args),
        Command::Analyze(args) => analyze::run(&args),
        Command::Evaluate(command) => evaluate::run(command),
        Command::Bench(args) => bench::run(args),
        Command::Completions { shell } => completions(shell),
    });
    match outcome {
        Ok(()) if terminal::interrupted() => ExitCode::from(130),
        Ok(()) => ExitCode::SUCCESS,
        Err(_) if terminal::interrupted() => {
            terminal::error("interrupted");
            ExitCode::from(130)
        }
        Err(error) => {
            terminal::error(&format!("{error:#}"));
            ExitCode::from(if is_wrong_input(&error) { 2 } else { 1 })
        }
    }
}

/// Whether the user can mend the error by asking for something else.
fn is_wrong_input(error: &anyhow::Error) -> bool {
    use mustool_diffusion::Error::{InvalidRequest, Plan};
    use mustool_training::Error::Config;
    error.is::<Usage>()
        || matches!(error.downcast_ref(), Some(InvalidRequest { .. } | Plan(_)))
        || matches!(error.downcast_ref(), Some(Config { .. }))
}

fn completions(shell: clap_complete::Shell) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "mustool", &mut script);
    terminal::write_stdout(&script)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_are_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_input_is_told_from_failures_through_any_context() {
        let wrong = args::usage("--duration: too long").context("line 3");
        assert!(is_wrong_input(&wrong));
        let invalid = mustool_diffusion::Error::InvalidRequest {
            field: "chords",
            reason: "unknown".into(),
        };
        assert!(is_wrong_input(&anyhow::Error::from(invalid).context("x")));
        let failed = mustool_diffusion::Error::NotFinite { stage: "vae" };
        assert!(!is_wrong_input(&failed.into()));
    }
}
