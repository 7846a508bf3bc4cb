//! What happens to a job, as server-sent events: a name, an id that only grows, and JSON.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// An event of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    /// Grows from event to event of a job, also across restarts.
    pub id: u64,
    /// What happened.
    pub kind: EventKind,
    /// JSON of the event: the job, its progress, or a problem.
    pub data: Value,
}

/// Names of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// Accepted; data is `{"job": …}`.
    Queued,
    /// A worker began; data is `{"job": …}`.
    Started,
    /// One step further; data is a `Progress`.
    Progress,
    /// A picture of the unfinished piece.
    Preview,
    /// The music is there; data is `{"job": …}`.
    Completed,
    /// It could not be made; data is `{"problem": …, "job": …}`.
    Failed,
    /// Somebody stopped it, or its time was over; data is `{"job": …}`.
    Canceled,
    /// Stands for events that are no longer kept; data is `{"job": …}`.
    Snapshot,
    /// The service stops; come again with the last id.
    ServerDraining,
}

impl EventKind {
    /// As in the stream and in the store.
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Started => "started",
            Self::Progress => "progress",
            Self::Preview => "preview",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Snapshot => "snapshot",
            Self::ServerDraining => "server_draining",
        }
    }

    /// The reverse of [`Self::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::Queued,
            Self::Started,
            Self::Progress,
            Self::Preview,
            Self::Completed,
            Self::Failed,
            Self::Canceled,
            Self::Snapshot,
            Self::ServerDraining,
        ];
        all.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether nothing comes after it.
    pub fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Canceled)
    }
}
