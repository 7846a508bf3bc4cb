//! `mustool bench`: how fast this machine computes, in numbers that can be compared.
//!
//! `generate` times each stage of a generation. Single operations are timed in `bench_ops`, networks
//! of the published size in `bench_networks`, the service in `bench_serve`.

use std::ops::ControlFlow;
use std::time::Instant;

use anyhow::Context;
use mustool_diffusion::Request;
use mustool_nn::Level;
use serde_json::{Map, json};

use crate::args::ModelArgs;
use crate::bench_networks::{self, Networks};
use crate::bench_ops::{self, BenchOps};
use crate::bench_serve::{self, BenchServe};
use crate::terminal;

/// Time the computations.
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub(crate) struct Bench {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    networks: Networks,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    Ops(BenchOps),
    /// Time the service: accepting, refusing, cancelling and following jobs.
    Serve(BenchServe),
    /// Time each stage of a generation; the median of several runs.
    Generate {
        /// Length in seconds.
        #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
        duration: f64,
        /// Denoising steps [default: that of the model].
        #[arg(long)]
        steps: Option<usize>,
        /// How many times to run.
        #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=100))]
        runs: u16,
        /// Print one JSON object.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        model: ModelArgs,
    },
}

/// Runs the command.
pub(crate) fn run(args: Bench) -> anyhow::Result<()> {
    match args.what {
        None => bench_networks::run(&args.networks),
        Some(What::Ops(args)) => bench_ops::run(&args),
        Some(What::Serve(args)) => bench_serve::run(&args),
        Some(What::Generate {
            duration,
            steps,
            runs,
            json,
            model,
        }) => {
            let pipeline = model.load(model.dtype.resolve())?;
            let request = Request {
                prompt: "warm lo-fi piano with brushed drums".to_owned(),
                duration_s: duration,
                num_inference_steps: steps,
                ..Request::default()
            };
            let mut timings = Vec::new();
            for _ in 0..runs {
                timings.push(time_stages(&pipeline, &request)?);
            }
            report(&timings, duration, json)
        }
    }
}

/// Seconds of each stage in order, then of the whole.
fn time_stages(
    pipeline: &mustool_diffusion::Pipeline,
    request: &Request,
) -> anyhow::Result<Vec<(String, f64)>> {
    let start = Instant::now();
    let mut stages: Vec<(String, f64)> = Vec::new();
    let mut begun = start;
    pipeline
        .generate(request, &mut |progress| {
            if terminal::interrupted() {
                return ControlFlow::Break(());
            }
            let name = progress.stage.to_string();
            if stages.last().is_none_or(|(last, _)| *last != name) {
                close(&mut stages, begun);
                begun = Instant::now();
                stages.push((name, 0.0));
            }
            ControlFlow::Continue(())
        })
        .context("cannot generate")?;
    close(&mut stages, begun);
    stages.push(("whole".to_owned(), start.elapsed().as_secs_f64()));
    Ok(stages)
}

fn close(stages: &mut [(String, f64)], begun: Instant) {
    if let Some((_, seconds)) = stages.last_mut() {
        *seconds = begun.elapsed().as_secs_f64();
    }
}

fn report(timings: &[Vec<(String, f64)>], duration_s: f64, json: bool) -> anyhow::Result<()> {
    let Some(first) = timings.first() else {
        return Ok(());
    };
    let mut medians = Map::new();
    for (name, _) in first {
        let of_stage = |stages: &Vec<(String, f64)>| {
            stages
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, seconds)| *seconds)
        };
        medians.insert(
            name.clone(),
            median(timings.iter().filter_map(of_stage).collect()).into(),
        );
    }
    let level = Level::get().name();
    if json {
        let value = json!({
            "duration_s": duration_s, "runs": timings.len(), "cpu_level": level, "seconds": medians,
        });
        return terminal::print(&value.to_string());
    }
    for (name, seconds) in medians {
        let seconds = seconds.as_f64().unwrap_or(0.0);
        terminal::print(&format!("{name:18} {seconds:8.3} s"))?;
    }
    Ok(())
}

/// The middle value; 0 for none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_survives_odd_input() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![]), 0.0);
        assert_eq!(median(vec![5.0]), 5.0);
    }
}
