//! Rows of the store as values, and what is asked of it.

use crate::wire::event::EventKind;
use crate::wire::job::{
    Job, JobError, JobOutput, ModelRef, Progress, QueuePlace, Resolved, Software, Urls, Usage,
};
use crate::wire::{GenerationRequest, JobStatus, Timestamp};

/// A job to be accepted.
#[derive(Debug, Clone)]
pub struct Enqueue {
    /// `gen_…`, new.
    pub id: String,
    /// Key that asks.
    pub owner: String,
    /// Name given by `PUT`.
    pub client_id: Option<String>,
    /// The request, with its seed and length filled in.
    pub input: GenerationRequest,
    /// Larger goes first.
    pub priority: i64,
    /// When it was accepted, in milliseconds since 1970.
    pub created_at: i64,
    /// When it is given up, in milliseconds since 1970.
    pub deadline_at: Option<i64>,
    /// What it costs: seconds of audio times steps.
    pub cost: f64,
    /// Jobs with the same text may run together; empty means alone.
    pub compatible: String,
    /// Name and checksum of the request that brought it.
    pub idempotency: Option<IdempotencyKey>,
    /// Checksum of the body.
    pub fingerprint: String,
    /// The batch it belongs to, and its line there.
    pub batch: Option<(String, u32)>,
    /// How many may wait.
    pub limits: QueueLimits,
}

/// An idempotency key; it counts for one owner and 24 hours.
#[derive(Debug, Clone)]
pub struct IdempotencyKey(pub String);

/// How many jobs may wait.
#[derive(Debug, Clone, Copy)]
pub struct QueueLimits {
    /// Of all keys together.
    pub total: u64,
    /// Of one key, waiting and running.
    pub per_owner: u64,
}

/// What became of a job that was brought.
#[derive(Debug, Clone)]
pub enum Enqueued {
    /// It is new.
    New(Box<JobRow>),
    /// It was brought before with the same body.
    Known(Box<JobRow>),
    /// Its idempotency key was used with another body.
    KeyReused,
    /// Its client's name belongs to another body.
    NameTaken,
    /// Too many wait.
    Full {
        /// Jobs that wait.
        queued: u64,
        /// The limit that was met.
        limit: u64,
    },
}

/// A job as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRow {
    /// `gen_…`
    pub id: String,
    /// Key that asked.
    pub owner: String,
    /// Name given by `PUT`.
    pub client_id: Option<String>,
    /// State.
    pub status: JobStatus,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// When the last attempt began.
    pub started_at: Option<i64>,
    /// When it ended.
    pub completed_at: Option<i64>,
    /// When it is given up.
    pub deadline_at: Option<i64>,
    /// Whether somebody wants it to stop.
    pub cancel_requested: bool,
    /// How many times a worker has begun.
    pub attempt: u32,
    /// Grows with every claim.
    pub fence: i64,
    /// The request.
    pub input: GenerationRequest,
    /// What was really used.
    pub resolved: Option<Resolved>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// What it cost.
    pub usage: Option<Usage>,
    /// What made it.
    pub model: Option<ModelRef>,
    /// Whether its audio was deleted by retention.
    pub audio_gone: bool,
    /// Place in the queue, while it waits.
    pub place: Option<QueueState>,
    /// Finished pieces.
    pub outputs: Vec<OutputRow>,
}

/// What waits before a job.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QueueState {
    /// Jobs before it.
    pub position: u64,
    /// Their costs and its own.
    pub cost: f64,
}

/// A finished piece as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub struct OutputRow {
    /// What the client sees.
    pub output: JobOutput,
    /// Name of the file that was asked for, in the objects.
    pub object: String,
    /// Name of the file without loss that others are made from.
    pub master: String,
    /// Plan of the piece, as JSON.
    pub plan: String,
}

impl JobRow {
    /// What the client sees. `eta_s` is for jobs that wait; `model` and `software` are those of
    /// the service, for jobs that have not run yet.
    pub fn to_job(&self, eta_s: Option<f64>, model: &ModelRef, device: &str) -> Job {
        let at = |ms: Option<i64>| ms.map(Timestamp);
        Job {
            id: self.id.clone(),
            object: "generation".to_owned(),
            client_id: self.client_id.clone(),
            status: self.status,
            created_at: Timestamp(self.created_at),
            started_at: at(self.started_at),
            completed_at: at(self.completed_at),
            queue: self.place.map(|place| QueuePlace {
                position: place.position,
                eta_s,
            }),
            progress: self.progress.clone(),
            input: self.input.clone(),
            resolved: self.resolved.clone(),
            outputs: self.outputs.iter().map(|row| row.output.clone()).collect(),
            model: self.model.clone().unwrap_or_else(|| model.clone()),
            software: Software {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                device: device.to_owned(),
            },
            usage: self.usage,
            error: self.error.clone(),
            attempt: self.attempt,
            urls: Urls::of(&self.id),
        }
    }

    /// The event that ends its stream, if it has ended.
    pub fn last_event(&self) -> Option<EventKind> {
        match self.status {
            JobStatus::Queued | JobStatus::Running => None,
            JobStatus::Succeeded => Some(EventKind::Completed),
            JobStatus::Failed => Some(EventKind::Failed),
            JobStatus::Canceled | JobStatus::Expired => Some(EventKind::Canceled),
        }
    }
}

/// How a worker takes jobs.
#[derive(Debug, Clone)]
pub struct Claims {
    /// Name of the worker.
    pub worker: String,
    /// How long the lease lasts, in milliseconds.
    pub lease_ms: i64,
    /// Most pieces of compatible jobs at once; one job is taken in any case.
    pub max_outputs: u32,
    /// Now, in milliseconds since 1970.
    pub now: i64,
}

/// A job that a worker has taken.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The job.
    pub row: JobRow,
    /// What the worker must show to write.
    pub fence: i64,
}

/// What a worker hears when it renews a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Go on.
    Held,
    /// Somebody wants the job to stop.
    Cancel,
    /// Its deadline is over.
    Expired,
    /// The job belongs to somebody else now.
    Lost,
}

/// How an attempt ended.
#[derive(Debug, Clone)]
pub struct Ending {
    /// `Succeeded`, `Failed`, `Canceled` or `Expired`; or `Queued` to be run again.
    pub status: JobStatus,
    /// What was really used.
    pub resolved: Option<Resolved>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// What it cost.
    pub usage: Option<Usage>,
    /// What made it.
    pub model: Option<ModelRef>,
    /// Finished pieces.
    pub outputs: Vec<OutputRow>,
    /// When, in milliseconds since 1970.
    pub at: i64,
}

/// Which jobs to list.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Those of this key; of all, if none.
    pub owner: Option<String>,
    /// In this state.
    pub status: Option<JobStatus>,
    /// Older than this id.
    pub after: Option<String>,
    /// Whose prompt has this text.
    pub text: Option<String>,
    /// Of this batch.
    pub batch: Option<String>,
    /// At most so many.
    pub limit: u32,
}

/// An upload.
#[derive(Debug, Clone, PartialEq)]
pub struct FileRow {
    /// `file_…`
    pub id: String,
    /// Key that sent it.
    pub owner: String,
    /// `input_audio` or `batch`.
    pub purpose: String,
    /// Name that the client gave it; shown, never used.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Checksum.
    pub sha256: String,
    /// Length of the audio in seconds.
    pub duration_s: Option<f64>,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// Name in the objects.
    pub object: String,
}

/// An API key; the key itself is not kept.
#[derive(Debug, Clone, PartialEq)]
pub struct KeyRow {
    /// `key_…`
    pub id: String,
    /// Name for people.
    pub name: String,
    /// SHA-256 of the key in hexadecimal.
    pub hash: String,
    /// Scopes, with commas.
    pub scopes: String,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// In milliseconds since 1970.
    pub expires_at: Option<i64>,
}

/// A batch.
#[derive(Debug, Clone, PartialEq)]
pub struct BatchRow {
    /// `batch_…`
    pub id: String,
    /// Key that asked.
    pub owner: String,
    /// File with the requests.
    pub file_id: String,
    /// Lines.
    pub total: u32,
    /// In milliseconds since 1970.
    pub created_at: i64,
    /// Jobs by state.
    pub counts: Vec<(JobStatus, u32)>,
}

/// A signed, expiring link.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareRow {
    /// Checksum of the token.
    pub token_hash: String,
    /// `share_…`
    pub id: String,
    /// Key that made it.
    pub owner: String,
    /// The job it shows.
    pub job_id: String,
    /// In milliseconds since 1970.
    pub expires_at: i64,
}

/// A webhook message that waits to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// `msg_…`
    pub id: String,
    /// Where to.
    pub url: String,
    /// JSON.
    pub body: String,
    /// How often it was tried.
    pub tries: u32,
}

/// What a key has used on one day.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageRow {
    /// Key.
    pub owner: String,
    /// Day as `2026-11-23`.
    pub day: String,
    /// Jobs that ended.
    pub jobs: u64,
    /// Seconds of music.
    pub audio_s: f64,
    /// Seconds of the worker.
    pub compute_s: f64,
}
