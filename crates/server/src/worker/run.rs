//! One run of the model: jobs that fit together, step by step, until each is done or given up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use mustool_diffusion::{Error as DiffusionError, Output, Progress as EngineProgress, Request};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::finish::{self, Failure};
use super::{HEARTBEAT, LEASE, prepare};
use crate::app::{App, Slot, Stop, cost};
use crate::engine::{Engine, Monitor};
use crate::store::{Beat, Claim};
use crate::wire::event::EventKind;
use crate::wire::job::Progress;
use crate::wire::now_ms;

/// A job takes at most so many times the time that jobs of its size take, and never less than
/// [`PATIENCE_S`].
const OVERDUE: f64 = 10.0;
const PATIENCE_S: f64 = 120.0;

/// A job in this run.
pub(super) struct Running {
    pub(super) claim: Claim,
    pub(super) slot: Arc<Slot>,
    pub(super) outputs: Vec<Output>,
    pub(super) failure: Option<Failure>,
    pub(super) begun: Instant,
    overdue_after: Duration,
    /// Writes its end while its neighbours go on; none while it is wanted.
    ending: Option<JoinHandle<()>>,
}

/// A piece of a job.
struct Unit {
    job: usize,
    request: Request,
}

/// Runs jobs to their ends, and writes these.
pub(super) fn run(app: &Arc<App>, handle: &Handle, claims: Vec<Claim>) {
    app.metrics.batch_size.observe(&[], claims.len() as f64);
    let mut jobs: Vec<Running> = claims.into_iter().map(|claim| begin(app, claim)).collect();
    for job in &jobs {
        handle.block_on(app.publish(&job.claim.row, EventKind::Started));
    }
    let held = jobs.iter().map(|job| {
        let Claim { row, fence } = &job.claim;
        (row.id.clone(), *fence, Arc::clone(&job.slot))
    });
    let heartbeat = handle.spawn(keep_leases(Arc::clone(app), held.collect()));
    match app.engines.get() {
        Ok(engine) => {
            app.metrics.model_loaded.set(1);
            let units = prepare_all(app, handle, engine.as_ref(), &mut jobs);
            generate(app, handle, engine.as_ref(), &mut jobs, &units);
        }
        Err(error) => {
            for job in &mut jobs {
                job.failure = Some(Failure::new("no_model", &error));
            }
        }
    }
    for mut job in jobs {
        let ending = job.ending.take();
        let ending = ending.unwrap_or_else(|| finish::finish(app, handle, &job));
        // If it broke, the lease runs out and the job is begun again.
        let _ = handle.block_on(ending);
    }
    heartbeat.abort();
}

fn begin(app: &App, claim: Claim) -> Running {
    let row = &claim.row;
    let waited_ms = now_ms() - row.created_at;
    app.metrics
        .queue_wait_seconds
        .observe(&[], waited_ms.max(0) as f64 / 1000.0);
    let input = &row.input;
    let steps = input.steps.unwrap_or(app.engines.card().default_steps);
    let cost = cost(input.planned_duration_s(), input.n, steps);
    let usual_s = app.speed.seconds(cost).unwrap_or(f64::INFINITY);
    let overdue_s = (OVERDUE * usual_s).max(PATIENCE_S);
    Running {
        slot: app.running.enter(&row.id),
        claim,
        outputs: Vec::new(),
        failure: None,
        begun: Instant::now(),
        overdue_after: Duration::try_from_secs_f64(overdue_s).unwrap_or(Duration::MAX),
        ending: None,
    }
}

/// Renews the leases until the run ends, and hears who is no longer wanted.
async fn keep_leases(app: Arc<App>, held: Vec<(String, i64, Arc<Slot>)>) {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    loop {
        ticks.tick().await;
        let renew = held
            .iter()
            .map(|(id, fence, slot)| (id.clone(), *fence, slot.progress()));
        let until = now_ms() + LEASE.as_millis() as i64;
        let Ok(beats) = app.store.beat(renew.collect(), until).await else {
            app.metrics.store_errors.inc(&["beat"]);
            continue;
        };
        for ((_, _, slot), beat) in held.iter().zip(beats) {
            match beat {
                Beat::Held => {}
                Beat::Cancel => slot.stop(Stop::Cancel),
                Beat::Expired => slot.stop(Stop::Expired),
                Beat::Lost => slot.stop(Stop::Lost),
            }
        }
    }
}

fn prepare_all(app: &App, handle: &Handle, engine: &dyn Engine, jobs: &mut [Running]) -> Vec<Unit> {
    let mut units = Vec::new();
    for (index, job) in jobs.iter_mut().enumerate() {
        let input = &job.claim.row.input;
        let source = (input.input_audio.as_ref())
            .map(|input| handle.block_on(prepare::source(app, input)))
            .transpose();
        let request = source.and_then(|source| {
            catch_unwind(AssertUnwindSafe(|| prepare::request(input, engine, source)))
                .unwrap_or_else(|_| {
                    Err(crate::Error::Unavailable {
                        reason: "the model broke over the plan".to_owned(),
                    })
                })
        });
        match request {
            Ok(request) => units.extend((0..u64::from(input.n)).map(|offset| Unit {
                job: index,
                // Each piece has a seed of its own, so that it can be made again without the others.
                request: Request {
                    seed: request.seed.wrapping_add(offset),
                    ..request.clone()
                },
            })),
            Err(error) => job.failure = Some(Failure::of(&error)),
        }
    }
    units
}

fn generate(
    app: &Arc<App>,
    handle: &Handle,
    engine: &dyn Engine,
    jobs: &mut [Running],
    units: &[Unit],
) {
    let together = engine.max_batch().max(1) as usize;
    for units in units.chunks(together) {
        let wanted: Vec<&Unit> = units
            .iter()
            .filter(|unit| {
                jobs[unit.job].slot.stopped() == Stop::No && jobs[unit.job].failure.is_none()
            })
            .collect();
        if wanted.is_empty() {
            continue;
        }
        let requests: Vec<Request> = wanted.iter().map(|unit| unit.request.clone()).collect();
        let mut watch = Watch {
            app,
            handle,
            jobs,
            of: wanted.iter().map(|unit| unit.job).collect(),
            last_step: None,
        };
        let results = catch_unwind(AssertUnwindSafe(|| engine.generate(&requests, &mut watch)));
        let Ok(results) = results else {
            app.metrics.worker_restarts.inc(&[]);
            app.engines.unload(); // Whatever broke inside it is built again.
            for unit in wanted {
                let detail = "the model broke down over this request";
                jobs[unit.job].failure = Some(Failure::internal(detail));
            }
            continue;
        };
        for (unit, result) in wanted.iter().zip(results) {
            let job = &mut jobs[unit.job];
            match result {
                Ok(output) => job.outputs.push(output),
                Err(DiffusionError::Cancelled) => {}
                Err(error) => job.failure = Some(Failure::of(&error.into())),
            }
        }
    }
}

/// Tells followers how far their jobs are, and the engine who is still wanted; ends those that are
/// not, while their neighbours go on.
struct Watch<'a> {
    app: &'a Arc<App>,
    handle: &'a Handle,
    jobs: &'a mut [Running],
    /// The job of each piece.
    of: Vec<usize>,
    last_step: Option<Instant>,
}

/// Where a stage begins and ends within a piece, as shares of its time.
fn span(stage: &str) -> (f64, f64) {
    match stage {
        "predict_controls" => (0.0, 0.01),
        "text_encode" => (0.01, 0.02),
        "denoise" => (0.02, 0.9),
        "vae_decode" => (0.9, 0.95),
        "vocode" => (0.95, 0.99),
        _ => (0.99, 1.0),
    }
}

/// Asks a job to stop whose deadline is over, or which takes far too long.
fn stop_if_late(job: &Running) {
    let deadline = job.claim.row.deadline_at;
    if deadline.is_some_and(|deadline| deadline <= now_ms()) {
        job.slot.stop(Stop::Expired);
    }
    if job.begun.elapsed() > job.overdue_after {
        job.slot.stop(Stop::Overdue);
    }
}

impl Monitor for Watch<'_> {
    fn report(&mut self, progress: &EngineProgress) {
        let now = Instant::now();
        if progress.stage == mustool_diffusion::Stage::Denoise
            && let Some(last) = self.last_step.replace(now)
        {
            let step_s = (now - last).as_secs_f64();
            self.app.metrics.denoise_step_seconds.observe(&[], step_s);
        }
        let stage = progress.stage.to_string();
        let (start, end) = span(&stage);
        let share = progress.step as f64 / progress.total.max(1) as f64;
        let in_piece = start + (end - start) * share;
        let mut told: Vec<usize> = self.of.clone();
        told.dedup();
        for job in self.jobs.iter_mut() {
            stop_if_late(job);
            // Those that were stopped before the model began are not among its pieces.
            let over = job.slot.stopped() != Stop::No || job.failure.is_some();
            if over && job.ending.is_none() {
                job.ending = Some(finish::finish(self.app, self.handle, job));
            }
        }
        for index in told {
            let job = &self.jobs[index];
            if job.ending.is_some() {
                continue;
            }
            let pieces = self.of.iter().filter(|&&of| of == index).count() as f64;
            let done = job.outputs.len() as f64 + in_piece * pieces;
            let before = job.slot.progress().map_or(0.0, |before| before.fraction);
            let n = f64::from(job.claim.row.input.n);
            let fraction = (done / n).clamp(before, 1.0);
            let elapsed = job.begun.elapsed();
            let elapsed_s = elapsed.as_secs_f64();
            let progress = Progress {
                stage: stage.clone(),
                step: u32::try_from(progress.step).unwrap_or(u32::MAX),
                total: u32::try_from(progress.total).unwrap_or(u32::MAX),
                fraction,
                elapsed_ms: elapsed.as_millis() as u64,
                eta_s: (fraction > 0.05).then(|| elapsed_s * (1.0 - fraction) / fraction),
            };
            let data = serde_json::to_value(&progress).expect("numbers and names are JSON");
            job.slot.set_progress(progress);
            let id = &job.claim.row.id;
            self.app.hub.publish(id, EventKind::Progress, data);
        }
    }

    fn wanted(&self, index: usize) -> bool {
        self.jobs[self.of[index]].slot.stopped() == Stop::No
    }
}
