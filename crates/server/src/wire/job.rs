//! A job as its client sees it: state, place in the queue, progress, results.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Timestamp;
use super::music::{BeatSpec, ChordSpec};
use super::request::GenerationRequest;

/// A generation from the moment it is accepted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(as = Generation)]
pub struct Job {
    /// `gen_` and a UUID.
    pub id: String,
    /// Always `generation`.
    pub object: String,
    /// Name that the client gave it by `PUT`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// State.
    pub status: JobStatus,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When a worker began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// Place in the queue while it waits.
    pub queue: Option<QueuePlace>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// The request as it was sent.
    pub input: GenerationRequest,
    /// What was really used.
    pub resolved: Option<Resolved>,
    /// Finished pieces.
    pub outputs: Vec<JobOutput>,
    /// Which weights made it.
    pub model: ModelRef,
    /// Which program made it.
    pub software: Software,
    /// What it cost.
    pub usage: Option<Usage>,
    /// Why it failed.
    pub error: Option<JobError>,
    /// How many times a worker has begun.
    pub attempt: u32,
    /// Where to go on.
    pub urls: Urls,
}

/// State of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum JobStatus {
    /// Waits for a worker.
    Queued,
    /// A worker is at it.
    Running,
    /// Its outputs are there.
    Succeeded,
    /// It could not be made.
    Failed,
    /// Somebody stopped it.
    Canceled,
    /// Its `Cancel-After` was over.
    Expired,
}

impl JobStatus {
    /// As in JSON and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::Queued,
            Self::Running,
            Self::Succeeded,
            Self::Failed,
            Self::Canceled,
            Self::Expired,
        ];
        all.into_iter().find(|status| status.name() == name)
    }

    /// Whether it will not change any more.
    pub fn is_terminal(self) -> bool {
        !matches!(self, Self::Queued | Self::Running)
    }
}

/// Place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueuePlace {
    /// Jobs before it.
    pub position: u64,
    /// Seconds until it is likely done, by the speed of the jobs before; none until one was seen.
    pub eta_s: Option<f64>,
}

/// How far a job is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// `text_encode`, `predict_controls`, `denoise`, `vae_decode`, `vocode` or `encode`.
    pub stage: String,
    /// Steps done.
    pub step: u32,
    /// Steps in all.
    pub total: u32,
    /// Share of the whole job, 0 to 1; it never goes back within an attempt.
    pub fraction: f64,
    /// Milliseconds since the worker began.
    pub elapsed_ms: u64,
    /// Seconds until it is likely done.
    pub eta_s: Option<f64>,
}

/// What was really used.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resolved {
    /// Seed of the first output.
    pub seed: u64,
    /// Felt beats per minute.
    pub tempo_bpm: f64,
    /// Metre.
    pub time_signature: String,
    /// Key, where there is one.
    pub key: Option<String>,
    /// Length in seconds.
    pub duration_s: f64,
    /// Beats.
    pub beats: Vec<BeatSpec>,
    /// Chords.
    pub chords: Vec<ChordSpec>,
    /// `request`, `predicted` or `mixed`.
    pub controls_source: ControlsSource,
}

/// Who chose the facts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ControlsSource {
    /// All of them the request.
    Request,
    /// All of them the model, by the prompt.
    Predicted,
    /// Some of each.
    Mixed,
}

/// A finished piece.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobOutput {
    /// Counts from 0.
    pub index: u32,
    /// With this seed and `n` 1 it is made again alone.
    pub seed: u64,
    /// Length in seconds.
    pub duration_s: f64,
    /// Sample rate in Hz.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u16,
    /// Kind of the file.
    pub media_type: String,
    /// Size of the file.
    pub bytes: u64,
    /// Checksum of the file in hexadecimal.
    pub sha256: String,
    /// Integrated loudness; none where too short or too quiet to measure.
    pub lufs: Option<f64>,
    /// Highest true peak.
    pub true_peak_dbtp: Option<f64>,
    /// Where it is.
    pub url: String,
}

/// Which weights.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ModelRef {
    /// Name.
    pub id: String,
    /// Checksum of the weights; none until the model has been loaded once.
    pub weights_sha256: Option<String>,
}

/// Which program.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Software {
    /// Version of mustool.
    pub version: String,
    /// `cpu` or `cuda`.
    pub device: String,
}

/// What a job cost.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Seconds in the queue.
    pub queue_s: f64,
    /// Seconds of the worker.
    pub compute_s: f64,
    /// Seconds of music.
    pub audio_s: f64,
}

/// Why a job failed or was stopped.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobError {
    /// For programs: `invalid_output`, `worker_lost`, `invalid_request`, `internal`, `canceled`.
    pub code: String,
    /// For people.
    pub detail: String,
}

/// Where to go on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Urls {
    /// The job.
    #[serde(rename = "self")]
    pub this: String,
    /// Its events.
    pub events: String,
    /// Stops it by `POST`.
    pub cancel: String,
}

impl Urls {
    /// Of a job.
    pub fn of(id: &str) -> Self {
        let this = format!("/v1/generations/{id}");
        Self {
            events: format!("{this}/events"),
            cancel: format!("{this}/cancel"),
            this,
        }
    }
}
