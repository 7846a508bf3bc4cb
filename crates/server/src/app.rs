//! What routes and worker share: the store, the files, the model, who runs and who listens.
//!
//! No HTTP and no SQL here.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use tokio::sync::{Notify, watch};

use crate::Result;
use crate::engine::Engines;
use crate::metrics::Metrics;
use crate::objects::Objects;
use crate::problem::{Code, Problem};
use crate::sse::Hub;
use crate::store::{JobRow, Store};
use crate::webhooks::Policy;
use crate::wire::event::{Event, EventKind};
use crate::wire::job::{Job, Progress};
use crate::wire::{JobStatus, Limits};

/// Ids of events grow by this much from attempt to attempt, so that no two attempts share one.
const EVENTS_PER_ATTEMPT: u64 = 1_000_000;

/// Everything that routes and worker share.
#[derive(Debug)]
pub struct App {
    /// Jobs, files, keys.
    pub store: Store,
    /// Audio.
    pub objects: Objects,
    /// Who listens to which job.
    pub hub: Arc<Hub>,
    /// The model.
    pub engines: Engines,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How much may be asked.
    pub limits: Limits,
    /// Jobs that run in this process.
    pub running: Running,
    /// Rings when a job was accepted.
    pub wake: Notify,
    /// Whether the service is stopping.
    pub draining: watch::Sender<bool>,
    /// How fast jobs are done.
    pub speed: Speed,
    /// Where webhooks may go; requests may not name any, if none.
    pub webhooks: Option<Policy>,
}

impl App {
    /// Whether the service is stopping.
    pub fn is_draining(&self) -> bool {
        *self.draining.borrow()
    }

    /// A job as its client sees it, with progress and time left as of now.
    pub fn job(&self, row: &JobRow) -> Job {
        let card = self.engines.card();
        let eta_s = row.place.and_then(|place| self.speed.seconds(place.cost));
        let mut job = row.to_job(eta_s, &card.reference(), card.device);
        if job.status == JobStatus::Running
            && let Some(progress) = self.running.progress(&row.id)
        {
            job.progress = Some(progress);
        }
        job
    }

    /// The job, if it is there and the caller may see it.
    pub async fn find(&self, id: &str, owner: Option<String>) -> Result<JobRow> {
        let found = self.store.job(id.to_owned(), owner).await?;
        found.ok_or_else(|| crate::Error::NotFound {
            what: "generation",
            id: id.chars().take(80).collect(),
        })
    }

    /// Tells all who follow a job, and keeps what must outlast the process.
    pub async fn publish(&self, row: &JobRow, kind: EventKind) {
        let event = self.event(row, kind);
        self.hub.relay(&row.id, event.clone());
        if let Err(error) = self.store.add_event(row.id.clone(), event).await {
            self.metrics.store_errors.inc(&["add_event"]);
            drop(error); // Followers have it; after a restart the job's row says the same.
        }
    }

    /// An event that says what the row says.
    pub fn event(&self, row: &JobRow, kind: EventKind) -> Event {
        let base = u64::from(row.attempt) * EVENTS_PER_ATTEMPT;
        let id = match kind {
            EventKind::Queued => base + 1,
            EventKind::Started => base + 2,
            _ => base + EVENTS_PER_ATTEMPT - 1,
        };
        let job = self.job(row);
        let data = match (kind, &row.error) {
            (EventKind::Failed, Some(error)) => {
                let code = match error.code.as_str() {
                    "invalid_output" => Code::InvalidOutput,
                    "worker_lost" => Code::WorkerLost,
                    "invalid_request" => Code::Invalid,
                    "timeout" => Code::Timeout,
                    "no_model" => Code::NoModel,
                    _ => Code::Internal,
                };
                json!({ "problem": Problem::new(code, error.detail.clone()), "job": job })
            }
            _ => json!({ "job": job }),
        };
        Event { id, kind, data }
    }

    /// Makes sure that a job has a ring of events, from what was kept and what its row says.
    pub async fn prepare_events(&self, row: &JobRow) -> Result<()> {
        let mut events = self.store.events(row.id.clone()).await?;
        // It may have ended since the caller looked.
        let row = &self.find(&row.id, None).await?;
        let last = row.last_event().unwrap_or(match row.status {
            JobStatus::Running => EventKind::Started,
            _ => EventKind::Queued,
        });
        let derived = self.event(row, last);
        if events.last().is_none_or(|event| event.id < derived.id) {
            events.push(derived);
        }
        self.hub.seed(&row.id, || events);
        Ok(())
    }

    /// Tells what became of jobs that ended or went back without a worker.
    pub async fn publish_changed(&self, rows: Vec<JobRow>) {
        for row in rows {
            let kind = row.last_event().unwrap_or(EventKind::Queued);
            if row.status.is_terminal() {
                self.metrics.jobs.inc(&[row.status.name()]);
            }
            self.publish(&row, kind).await;
        }
    }
}

/// Why a running job should stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Stop {
    /// Go on.
    No = 0,
    /// Somebody asked.
    Cancel = 1,
    /// Its deadline is over.
    Expired = 2,
    /// Somebody else has it.
    Lost = 3,
    /// The service stops; the job goes back into the queue.
    Drain = 4,
    /// It takes far longer than jobs of its size do.
    Overdue = 5,
}

/// A job at work: whether it should stop, and how far it is.
#[derive(Debug, Default)]
pub struct Slot {
    stop: AtomicU8,
    progress: Mutex<Option<Progress>>,
}

impl Slot {
    /// Asks the job to stop; the first reason counts.
    pub fn stop(&self, why: Stop) {
        let _ = self
            .stop
            .compare_exchange(0, why as u8, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Whether and why it should stop.
    pub fn stopped(&self) -> Stop {
        match self.stop.load(Ordering::Relaxed) {
            0 => Stop::No,
            1 => Stop::Cancel,
            2 => Stop::Expired,
            3 => Stop::Lost,
            4 => Stop::Drain,
            _ => Stop::Overdue,
        }
    }

    /// Notes how far it is.
    pub fn set_progress(&self, progress: Progress) {
        *self.progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(progress);
    }

    /// How far it is.
    pub fn progress(&self) -> Option<Progress> {
        self.progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// The jobs at work in this process.
#[derive(Debug, Default)]
pub struct Running(Mutex<HashMap<String, Arc<Slot>>>);

impl Running {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Slot>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job.
    pub fn enter(&self, id: &str) -> Arc<Slot> {
        let slot = Arc::new(Slot::default());
        self.lock().insert(id.to_owned(), Arc::clone(&slot));
        slot
    }

    /// Takes a job out.
    pub fn leave(&self, id: &str) {
        self.lock().remove(id);
    }

    /// Asks a job to stop, if it is here.
    pub fn stop(&self, id: &str, why: Stop) {
        if let Some(slot) = self.lock().get(id) {
            slot.stop(why);
        }
    }

    /// Asks all to stop.
    pub fn stop_all(&self, why: Stop) {
        self.lock().values().for_each(|slot| slot.stop(why));
    }

    /// How far a job is, if it is here.
    pub fn progress(&self, id: &str) -> Option<Progress> {
        self.lock().get(id).and_then(|slot| slot.progress())
    }
}

/// How fast jobs are done: seconds for each unit of cost, as a moving average.
#[derive(Debug, Default)]
pub struct Speed(Mutex<Option<(f64, f64)>>);

impl Speed {
    /// Notes a job that took `seconds`.
    pub fn note(&self, cost: f64, seconds: f64) {
        if !(cost > 0.0 && seconds >= 0.0) {
            return;
        }
        let mut speed = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (rate, job_s) = speed.unwrap_or((seconds / cost, seconds));
        *speed = Some((
            rate + 0.2 * (seconds / cost - rate),
            job_s + 0.2 * (seconds - job_s),
        ));
    }

    /// Seconds that `cost` is likely to take; none until a job was done.
    pub fn seconds(&self, cost: f64) -> Option<f64> {
        let speed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        speed.map(|(rate, _)| rate * cost)
    }

    /// Seconds until a place in a full queue is likely free.
    pub fn retry_after_s(&self) -> u64 {
        let speed = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        speed
            .map_or(5.0, |(_, job_s)| job_s.ceil())
            .clamp(1.0, 600.0) as u64
    }
}

/// What a request costs: seconds of audio times steps.
pub fn cost(duration_s: f64, n: u32, steps: u32) -> f64 {
    duration_s * f64::from(n) * f64::from(steps)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_to_stop_counts() {
        let running = Running::default();
        let slot = running.enter("gen_1");
        assert_eq!(slot.stopped(), Stop::No);
        running.stop("gen_1", Stop::Cancel);
        running.stop_all(Stop::Drain);
        assert_eq!(slot.stopped(), Stop::Cancel);
        running.leave("gen_1");
        assert!(running.progress("gen_1").is_none());
    }

    #[test]
    fn times_follow_the_jobs_that_were_seen() {
        let speed = Speed::default();
        assert_eq!(speed.seconds(100.0), None);
        assert_eq!(speed.retry_after_s(), 5);
        speed.note(100.0, 2.0);
        assert!((speed.seconds(50.0).unwrap() - 1.0).abs() < 1e-9);
        assert_eq!(speed.retry_after_s(), 2);
        speed.note(0.0, 9.0);
        speed.note(100.0, f64::NAN);
        assert!((speed.seconds(50.0).unwrap() - 1.0).abs() < 1e-9);
    }
}
