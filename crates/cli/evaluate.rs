//! `mustool evaluate`: how well a model obeys its prompts and plans, in numbers.
//!
//! Every prompt is generated with its plan, the composer renders the same plan as the ceiling, and
//! both are heard by the same ears (`mustool-evaluation`). The prompts come from a file or are
//! composed from the harmonies that are held out from training.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;
use mustool_audio::wav::{self, SampleFormat};
use mustool_audio::{Tags, Waveform};
use mustool_composer::{Composer, Corpus, SoundBank, Split, Style, render};
use mustool_diffusion::{Pipeline, Request};
use mustool_evaluation::report::{Examiner, Pair, Report, Row};
use mustool_music::Plan;
use serde::Deserialize;
use serde_json::json;

use crate::args::{ModelArgs, usage};
use crate::compose::USUAL_SOUNDFONT;
use crate::source::read_limited;
use crate::terminal;

/// Largest file of prompts.
const MAX_PROMPTS_BYTES: u64 = 64 << 20;
/// Most prompts.
const MAX_PROMPTS: usize = 10_000;
/// Pieces composed in search of one with the wanted number of players.
const MAX_TRIES: usize = 500;

/// Measure how well a model does what it is asked.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Evaluate {
    /// Generate prompts with their plans and compare with the composer's rendering of the plans.
    Model(Box<EvaluateModel>),
}

/// `mustool evaluate model`.
#[derive(Debug, clap::Args)]
pub(crate) struct EvaluateModel {
    /// Prompts as JSON lines, with "prompt" and "plan"; a corpus's records.jsonl will do.
    #[arg(long, value_name = "JSONL", required_unless_present = "held_out")]
    prompts: Option<PathBuf>,
    /// Compose this many prompts from held-out harmonies instead.
    #[arg(long, value_name = "N", conflicts_with = "prompts")]
    held_out: Option<usize>,
    /// Only held-out prompts with this many instruments.
    #[arg(long, value_name = "N", requires = "held_out")]
    players: Option<usize>,
    /// Seed of the held-out prompts, and first seed of the generations.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many seeds of each prompt are generated.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=64))]
    seeds: u64,
    /// What the generated pieces are measured against.
    #[arg(long, value_enum, default_value_t = Reference::Compose)]
    reference: Reference,
    /// Denoising steps [default: that of the model].
    #[arg(long)]
    steps: Option<usize>,
    /// Strength of the prompt [default: that of the model].
    #[arg(long)]
    guidance: Option<f64>,
    /// Keep the generated and the reference pieces in this folder.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// SoundFont 2 file of the references.
    #[arg(long, value_name = "SF2", env = "MUSTOOL_SOUNDFONT", default_value = USUAL_SOUNDFONT)]
    soundfont: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
}

/// `--reference`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Reference {
    /// The composer's rendering of the same plan.
    Compose,
    /// Nothing: no ceiling and no shares.
    None,
}

/// A line of a file of prompts. Other fields are ignored.
#[derive(Debug, Clone, Deserialize)]
struct Prompt {
    #[serde(alias = "main_caption")]
    prompt: String,
    #[serde(default)]
    plan: Option<Plan>,
}

/// Runs the command.
pub(crate) fn run(command: Evaluate) -> anyhow::Result<()> {
    let Evaluate::Model(args) = command;
    let prompts = match (&args.prompts, args.held_out) {
        (Some(path), _) => read_prompts(path)?,
        (None, Some(count)) => held_out(count, args.players, args.seed)?,
        (None, None) => bail!("name a file with --prompts or a number with --held-out"),
    };
    if let Some(folder) = &args.out {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let pipeline = args.model.load(args.model.dtype.resolve())?;
    let bank = match args.reference {
        Reference::None => None,
        Reference::Compose => {
            let rate = pipeline.info().sample_rate;
            let bank = SoundBank::open(&args.soundfont, rate).context(
                "no sounds for the references: name a soundfont with --soundfont, or go without \
                 with --reference none",
            )?;
            Some(bank)
        }
    };
    let bench = Bench {
        examiner: Examiner::new().context("the weights inside the program are damaged")?,
        pipeline,
        bank,
        args: &args,
    };
    let pairs = bench.pairs(&prompts)?;
    let report = Report::new(&pairs);
    if args.json {
        let value = json!({
            "model": bench.pipeline.info().id,
            "weights_sha256": bench.pipeline.info().weights_sha256,
            "num_prompts": prompts.len(),
            "num_seeds": args.seeds,
            "report": report,
        });
        return terminal::print(&value.to_string());
    }
    table(&report)
        .iter()
        .try_for_each(|line| terminal::print(line))
}

/// Everything that makes and hears pieces.
struct Bench<'a> {
    pipeline: Pipeline,
    examiner: Examiner,
    bank: Option<SoundBank>,
    args: &'a EvaluateModel,
}

impl Bench<'_> {
    /// Generates and judges every seed of every prompt, until it is done or interrupted.
    fn pairs(&self, prompts: &[Prompt]) -> anyhow::Result<Vec<Pair>> {
        let bar = terminal::progress_bar("{bar:40} {pos}/{len} pieces, {eta} left");
        bar.set_length(prompts.len() as u64 * self.args.seeds);
        let mut pairs = Vec::new();
        for (number, prompt) in prompts.iter().enumerate() {
            let mut reference = None;
            for take in 0..self.args.seeds {
                if terminal::interrupted() {
                    return Ok(pairs);
                }
                let seed = self
                    .args
                    .seed
                    .wrapping_add(number as u64 * self.args.seeds + take);
                let (plan, waveform) = self
                    .generate(prompt, seed)
                    .with_context(|| format!("prompt {}", number + 1))?;
                self.keep(&format!("{number:04}-{take}.wav"), &waveform)?;
                if take == 0 {
                    reference = self
                        .rendered(&plan, seed)
                        .with_context(|| format!("prompt {}: its reference", number + 1))?;
                }
                let judged = |sound: &Waveform| self.examiner.examine(&plan, sound);
                if let Some(sound) = &reference {
                    self.keep(&format!("{number:04}-reference.wav"), sound)?;
                }
                pairs.push(Pair {
                    prompt: number,
                    generated: judged(&waveform)?,
                    reference: reference.as_ref().map(judged).transpose()?,
                    plan,
                });
                bar.inc(1);
            }
        }
        bar.finish();
        Ok(pairs)
    }

    fn generate(&self, prompt: &Prompt, seed: u64) -> anyhow::Result<(Plan, Waveform)> {
        let default_s = Request::default().duration_s;
        let request = Request {
            prompt: prompt.prompt.clone(),
            duration_s: prompt
                .plan
                .as_ref()
                .map_or(default_s, |plan| plan.duration_s),
            plan: prompt.plan.clone(),
            seed,
            num_inference_steps: self.args.steps,
            guidance_scale: self.args.guidance,
            ..Request::default()
        };
        let mut outputs = self.pipeline.generate(&request, &mut |_| {
            if terminal::interrupted() {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            }
        })?;
        let output = outputs.pop().context("the model gave nothing")?;
        // Its own plan, where the prompt has none, lacks what only the prompt knows.
        Ok((prompt.plan.clone().unwrap_or(output.plan), output.waveform))
    }

    fn rendered(&self, plan: &Plan, seed: u64) -> anyhow::Result<Option<Waveform>> {
        let Some(bank) = &self.bank else {
            return Ok(None);
        };
        let name = plan.style.as_deref().unwrap_or("pop");
        let style = Style::named(name)
            .with_context(|| format!("the composer has no style called {name:?}"))?;
        let score = Composer::default().arrange(plan, style, &plan.instruments, seed)?;
        Ok(Some(render(&score, bank)?))
    }

    fn keep(&self, name: &str, waveform: &Waveform) -> anyhow::Result<()> {
        let Some(folder) = &self.args.out else {
            return Ok(());
        };
        let path = folder.join(name);
        wav::write_file(&path, waveform, SampleFormat::Pcm16, &Tags::default())
            .with_context(|| format!("cannot write {}", path.display()))
    }
}

/// Reads the prompts of a file; empty lines are skipped.
fn read_prompts(path: &Path) -> anyhow::Result<Vec<Prompt>> {
    let bytes = read_limited(path, MAX_PROMPTS_BYTES, "--prompts")?;
    let shown = path.display();
    let text = String::from_utf8(bytes)
        .map_err(|_| usage(format!("--prompts: {shown} is not UTF-8 text")))?;
    let mut prompts = Vec::new();
    for (index, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim().is_empty())
    {
        let wrong =
            |reason: String| usage(format!("--prompts: {shown}, line {}: {reason}", index + 1));
        let prompt: Prompt = serde_json::from_str(line).map_err(|e| wrong(e.to_string()))?;
        if let Some(plan) = &prompt.plan {
            plan.validate().map_err(|error| wrong(error.to_string()))?;
        }
        prompts.push(prompt);
        if prompts.len() > MAX_PROMPTS {
            return Err(wrong(format!(
                "more than {MAX_PROMPTS} prompts; split the file"
            )));
        }
    }
    if prompts.is_empty() {
        return Err(usage(format!("--prompts: {shown} has no prompts")));
    }
    Ok(prompts)
}

/// Composes prompts with plans that are not in training.
fn held_out(count: usize, players: Option<usize>, seed: u64) -> anyhow::Result<Vec<Prompt>> {
    if !(1..=MAX_PROMPTS).contains(&count) {
        return Err(usage(format!(
            "--held-out: from 1 to {MAX_PROMPTS} prompts"
        )));
    }
    let corpus = Corpus {
        seed,
        split: Split::HeldOut,
        composer: Composer::default(),
    };
    let prompts: Vec<Prompt> = (0..(count * MAX_TRIES) as u64)
        .map(|index| (index, corpus.score(index)))
        .filter(|(_, score)| players.is_none_or(|wanted| score.instruments().len() == wanted))
        .take(count)
        .map(|(index, score)| {
            let record = corpus.record(&score, index);
            Prompt {
                prompt: record.main_caption,
                plan: Some(record.plan),
            }
        })
        .collect();
    if prompts.len() < count {
        let found = prompts.len();
        return Err(usage(format!(
            "--players: the composer hardly ever seats so many; {found} of {count} prompts found"
        )));
    }
    Ok(prompts)
}

/// The report as people read it.
fn table(report: &Report) -> Vec<String> {
    let number = |value: Option<f64>| value.map_or("-".to_owned(), |value| format!("{value:.3}"));
    let between = |ends: Option<(f64, f64)>| {
        ends.map_or(String::new(), |(low, high)| {
            format!("{low:.3} to {high:.3}")
        })
    };
    let head = ["measure", "n", "model", "ceiling", "share", "95 %"];
    let [measure, n, model, ceiling, share, ends] = head;
    let mut lines = vec![format!(
        "{measure:16} {n:>5} {model:>8} {ceiling:>8} {share:>8}  {ends}"
    )];
    lines.extend(report.rows.iter().map(|row: &Row| {
        let [model, ceiling, share] = [Some(row.generated), row.ceiling, row.share].map(number);
        let (measure, count, ends) = (row.measure, row.count, between(row.share_95));
        format!("{measure:16} {count:>5} {model:>8} {ceiling:>8} {share:>8}  {ends}")
    }));
    lines.push(format!(
        "Fréchet distance {}, between halves of the references {}",
        number(report.frechet),
        number(report.frechet_floor)
    ));
    lines.push(format!("diversity over seeds {}", number(report.diversity)));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn held_out_prompts_have_plans_and_the_wanted_players() {
        let prompts = held_out(4, Some(2), 7).unwrap();
        assert_eq!(prompts.len(), 4);
        for prompt in &prompts {
            let plan = prompt.plan.as_ref().unwrap();
            assert_eq!(
                (plan.instruments.len(), Split::of(plan)),
                (2, Split::HeldOut)
            );
            assert!(!prompt.prompt.is_empty());
        }
        let again = held_out(4, Some(2), 7).unwrap();
        assert!(
            prompts
                .iter()
                .zip(&again)
                .all(|(a, b)| a.prompt == b.prompt && a.plan == b.plan)
        );
        assert!(held_out(0, None, 0).is_err());
    }

    #[test]
    fn a_file_of_prompts_is_read_and_its_faults_are_located() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prompts.jsonl");
        std::fs::write(
            &path,
            "{\"prompt\": \"a\"}\n\n{\"main_caption\": \"b\", \"x\": 1}\n",
        )
        .unwrap();
        let prompts = read_prompts(&path).unwrap();
        assert_eq!((prompts.len(), prompts[1].prompt.as_str()), (2, "b"));
        std::fs::write(&path, "{\"prompt\": \"a\"}\n{}\n").unwrap();
        let error = read_prompts(&path).unwrap_err().to_string();
        assert!(error.contains("line 2"), "{error}");
        std::fs::write(&path, "\n").unwrap();
        assert!(read_prompts(&path).is_err());
    }
}
