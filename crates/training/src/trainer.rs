//! The loop that all networks share: step, log, validate, save, and stop in good order.
//!
//! What differs from network to network is a [`Stage`]: what a step sees, what is wrong with the
//! answer, how held-out clips are judged and what is written in the end.

use crate::checkpoint::{Checkpoint, Shelf, State, Tensors};
use crate::config::{Config, Recipe, StageKind};
use crate::curve;
use crate::data::prepare::Skipped;
use crate::error::{Error, Result};
use crate::log::{Entry, Log, cpu_seconds};
use mustool_audio::file::write_atomic;
use mustool_nn::optim::{AdamW, AdamWConfig, AdamWState, Ema, clip_global_norm};
use mustool_nn::{Tensor, Variables};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// The number by which validations are compared; lower is better.
pub(crate) const HELD_OUT: &str = "held_out";

/// Named numbers of a step or a validation.
pub(crate) type Values = BTreeMap<String, f64>;

/// One network in training.
pub(crate) trait Stage {
    /// What is trained.
    fn variables(&self) -> &Variables;
    /// Sees the batch of a step (from 0) and answers.
    fn forward(&self, step: u64) -> Result<Forward>;
    /// Judges averaged weights on held-out clips; empty where there are none.
    fn validate(&self, weights: &Tensors) -> Result<Values>;
    /// Writes averaged weights into the model's folder.
    fn export(&self, weights: &Tensors) -> Result<()>;
}

/// The answer of a network to a batch.
pub(crate) struct Forward {
    /// Backward passes start here: its derivative by each output is the loss's.
    pub(crate) seed: Tensor,
    /// The loss; training stops where it is no number.
    pub(crate) loss: f64,
    /// Parts of it, for the log.
    pub(crate) parts: Vec<(&'static str, f64)>,
}

/// What happens during a run, for whoever watches it.
#[derive(Debug)]
pub enum Event<'a> {
    /// Data is read, composed or encoded: so many of so many.
    Preparing {
        /// `clips` or `latents`.
        what: &'static str,
        /// Done so far.
        done: usize,
        /// Of how many.
        total: usize,
    },
    /// Entries of the data that cannot be used.
    Skipped(&'a [Skipped]),
    /// The run goes on from a checkpoint; damaged ones were passed over.
    Resumed {
        /// Steps that were made already.
        step: u64,
        /// Why newer checkpoints were not used.
        passed_over: &'a [String],
    },
    /// A step begins.
    Step {
        /// Number of the step, from 0.
        step: u64,
        /// Share of the run that is done.
        progress: f64,
    },
    /// A line of the log was written.
    Logged(&'a Entry),
    /// A checkpoint was written.
    Saved(&'a Path),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// All steps are made and the weights written into the model's folder.
    Finished,
    /// It was asked to stop; a checkpoint holds all steps so far.
    Interrupted,
}

/// Whoever watches; `Break` asks to stop.
pub type Watch<'a> = &'a mut dyn FnMut(Event) -> ControlFlow<()>;

/// A run between two steps.
struct Run<'a> {
    stage: &'a dyn Stage,
    config: &'a Config,
    recipe: Recipe,
    state: State,
    optimizer: AdamW,
    average: Ema,
    shelf: Shelf,
    log: Log,
    /// Sums of the numbers since the last log line, and how many steps they are of.
    sums: (Values, u64),
    saved: Instant,
}

/// Trains a stage to the end of its run, or until it is asked to stop. With `resume` it goes on
/// from the newest whole checkpoint.
pub(crate) fn run(
    stage: &dyn Stage,
    kind: StageKind,
    config: &Config,
    resume: bool,
    watch: Watch,
) -> Result<Outcome> {
    let mut run = Run::begin(stage, kind, config, resume, watch)?;
    let outcome = run.steps(watch)?;
    if outcome == Outcome::Finished {
        run.validate(watch)?;
        run.save(watch)?;
        let best = run.shelf.best_path();
        let weights = match best.is_file() {
            true => Checkpoint::load(&best)?.part("average"),
            false => run.average.tensors().clone(),
        };
        stage.export(&weights)?;
    }
    Ok(outcome)
}

impl<'a> Run<'a> {
    fn begin(
        stage: &'a dyn Stage,
        kind: StageKind,
        config: &'a Config,
        resume: bool,
        watch: Watch,
    ) -> Result<Self> {
        let recipe = config.recipe(kind);
        let shelf = Shelf::open(&config.run)?;
        let variables = stage.variables();
        let mut optimizer = AdamW::new(AdamWConfig {
            beta1: recipe.betas.0 as f32,
            beta2: recipe.betas.1 as f32,
            weight_decay: recipe.weight_decay as f32,
            ..AdamWConfig::default()
        });
        let mut average = Ema::new(variables, recipe.average_decay);
        let mut state = State::new(kind, config.seed);
        let (found, passed_over) = if resume {
            shelf.newest()?
        } else {
            (None, Vec::new())
        };
        if let Some(found) = found {
            if (found.state.stage, found.state.seed) != (kind, config.seed) {
                return Err(Error::Checkpoint {
                    path: config.run.clone(),
                    reason: format!(
                        "it holds a run of stage {} with seed {}",
                        found.state.stage.name(),
                        found.state.seed
                    ),
                });
            }
            variables.restore(&found.part("weights"))?;
            average.restore(found.part("average"), variables)?;
            optimizer.restore(&moments(&found), variables)?;
            state = found.state;
            let step = state.step;
            let passed_over = &passed_over;
            // A wish to stop is heard before the first step.
            let _ = watch(Event::Resumed { step, passed_over });
        } else {
            shelf.clear()?;
        }
        let log = Log::open(&config.run.join("log.jsonl"), state.step)?;
        Ok(Self {
            stage,
            config,
            recipe,
            state,
            optimizer,
            average,
            shelf,
            log,
            sums: (Values::new(), 0),
            saved: Instant::now(),
        })
    }

    fn progress(&self) -> f64 {
        self.config.progress(self.state.step, self.state.spent_s)
    }

    fn steps(&mut self, watch: Watch) -> Result<Outcome> {
        let every = &self.config.checkpoint;
        while self.progress() < 1.0 {
            let (step, progress) = (self.state.step, self.progress());
            if watch(Event::Step { step, progress }).is_break() {
                self.save(watch)?;
                return Ok(Outcome::Interrupted);
            }
            self.step()?;
            let made = self.state.step;
            if made.is_multiple_of(every.log_steps) {
                self.log_means(watch)?;
            }
            let judged = made.is_multiple_of(every.validation_steps) && self.progress() < 1.0;
            if judged {
                self.validate(watch)?;
            }
            let due = self.saved.elapsed().as_secs_f64() > 60.0 * every.minutes
                || every.steps.is_some_and(|steps| made.is_multiple_of(steps));
            if judged || due {
                self.save(watch)?;
            }
        }
        Ok(Outcome::Finished)
    }

    /// One step: forward, backward, clip, move, average.
    fn step(&mut self) -> Result<()> {
        let started = Instant::now();
        let (step, variables) = (self.state.step, self.stage.variables());
        let finite = |what, value: f64| match value.is_finite() {
            true => Ok(()),
            false => Err(Error::NotFinite { step, what, value }),
        };
        let Forward { seed, loss, parts } = self.stage.forward(step)?;
        finite("loss", loss)?;
        variables.backward(&seed)?;
        let norm = clip_global_norm(&[variables], self.recipe.max_gradient_norm);
        finite("gradient", norm)?;
        self.optimizer.step(variables, self.learning_rate());
        let made = (step + 1) as f64;
        // A short memory at first: the first weights are not worth remembering.
        let decay = self.recipe.average_decay.min((1.0 + made) / (10.0 + made));
        self.average.set_decay(decay);
        self.average.update(variables);
        let named = parts
            .into_iter()
            .chain([("loss", loss), ("gradient_norm", norm)]);
        for (name, value) in named {
            *self.sums.0.entry(name.to_owned()).or_default() += value;
        }
        self.sums.1 += 1;
        self.state.step += 1;
        self.state.spent_s += started.elapsed().as_secs_f64();
        Ok(())
    }

    fn learning_rate(&self) -> f64 {
        let peak = self.recipe.learning_rate;
        let schedule = &self.recipe.schedule;
        schedule.learning_rate(peak, self.state.step, self.progress())
    }

    fn entry(&self, values: Values, validation: bool) -> Entry {
        Entry {
            step: self.state.step,
            samples: self.state.step * self.recipe.batch as u64,
            progress: self.progress(),
            spent_s: self.state.spent_s,
            cpu_s: cpu_seconds(),
            learning_rate: self.learning_rate(),
            values,
            validation,
        }
    }

    fn log_means(&mut self, watch: Watch) -> Result<()> {
        let (sums, count) = std::mem::take(&mut self.sums);
        let mean = |(name, sum): (String, f64)| (name, sum / count.max(1) as f64);
        self.write(
            self.entry(sums.into_iter().map(mean).collect(), false),
            watch,
        )
    }

    fn write(&mut self, entry: Entry, watch: Watch) -> Result<()> {
        // A wish to stop is heard before the next step.
        let _ = watch(Event::Logged(&entry));
        self.log.write(entry)
    }

    /// Judges the averaged weights; the best so far are kept apart.
    fn validate(&mut self, watch: Watch) -> Result<()> {
        let values = self.stage.validate(self.average.tensors())?;
        let score = values
            .get(HELD_OUT)
            .copied()
            .filter(|score| score.is_finite());
        if !values.is_empty() {
            self.write(self.entry(values, true), watch)?;
        }
        if score.is_some_and(|score| self.state.best.is_none_or(|best| score < best)) {
            self.state.best = score;
            self.shelf.save_best(&self.checkpoint())?;
        }
        Ok(())
    }

    fn checkpoint(&self) -> Checkpoint {
        let variables = self.stage.variables();
        let AdamWState {
            mean,
            square,
            steps,
        } = self.optimizer.state(variables);
        let count = |(name, steps): (String, u32)| (name, (vec![1], vec![steps as f32]));
        let mut checkpoint = Checkpoint {
            state: self.state.clone(),
            tensors: Tensors::new(),
        };
        checkpoint.add("weights", variables.tensors());
        checkpoint.add("average", self.average.tensors().clone());
        checkpoint.add("mean", mean);
        checkpoint.add("square", square);
        checkpoint.add("steps", steps.into_iter().map(count).collect());
        checkpoint
    }

    fn save(&mut self, watch: Watch) -> Result<()> {
        let path: PathBuf = self.shelf.save(&self.checkpoint())?;
        let title = format!(
            "{}: loss over {} steps",
            self.state.stage.name(),
            self.state.step
        );
        let picture = curve::draw(&title, self.log.entries());
        write_atomic(&self.config.run.join("loss.svg"), picture.as_bytes())?;
        self.saved = Instant::now();
        // A wish to stop is heard before the next step.
        let _ = watch(Event::Saved(&path));
        Ok(())
    }
}

/// The optimiser's part of a checkpoint.
fn moments(checkpoint: &Checkpoint) -> AdamWState {
    let count = |(name, (_, steps)): (String, (Vec<usize>, Vec<f32>))| {
        (name, steps.first().map_or(0, |&steps| steps as u32))
    };
    AdamWState {
        mean: checkpoint.part("mean"),
        square: checkpoint.part("square"),
        steps: checkpoint.part("steps").into_iter().map(count).collect(),
    }
}
