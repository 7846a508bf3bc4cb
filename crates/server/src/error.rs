//! Why the service could not do what it was asked, from the store to the socket.
//!
//! What a client is told about it is decided in one place, `problem.rs`.

use std::path::PathBuf;

use crate::wire::Fault;

/// What stands between a request and its answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Fields of the request are wrong; each says where and how.
    #[error("{} of the request: {}", if .faults.len() == 1 { "a field" } else { "fields" }, shown(.faults))]
    Invalid {
        /// Every fault that was found.
        faults: Vec<Fault>,
    },
    /// The body is not JSON.
    #[error("the body is not JSON: {detail}")]
    Json {
        /// Where and why.
        detail: String,
    },
    /// There is no such thing, or it belongs to somebody else.
    #[error("there is no {what} {id}")]
    NotFound {
        /// For example `generation`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// It was there and was deleted when its time was over.
    #[error("{what} {id} is no longer kept")]
    Gone {
        /// For example `output`.
        what: &'static str,
        /// What was asked for.
        id: String,
    },
    /// The state of a thing forbids what was asked.
    #[error("{reason}")]
    Conflict {
        /// What would have to change first.
        reason: String,
    },
    /// An idempotency key came again with another body.
    #[error("this Idempotency-Key was used with another body")]
    KeyReused,
    /// No more jobs are taken for now.
    #[error("the queue is full: {queued} jobs wait, {limit} are taken")]
    QueueFull {
        /// Jobs that wait.
        queued: u64,
        /// Most jobs that may wait.
        limit: u64,
        /// Seconds after which a place is likely free.
        retry_after_s: u64,
    },
    /// The service is stopping, or has no model.
    #[error("{reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// The database failed.
    #[error("the store failed: {reason}")]
    Store {
        /// What the database said.
        reason: String,
    },
    /// A file could not be read or written.
    #[error("cannot use {path}")]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Audio could not be read or made.
    #[error(transparent)]
    Audio(#[from] mustool_audio::Error),
    /// A sound could not be analysed.
    #[error(transparent)]
    Analysis(#[from] mustool_mir::Error),
    /// The model could not be loaded or used.
    #[error(transparent)]
    Diffusion(#[from] mustool_diffusion::Error),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address.
        address: String,
        /// Why.
        source: std::io::Error,
    },
    /// The settings of the service contradict each other.
    #[error("{reason}")]
    Config {
        /// What to change.
        reason: String,
    },
}

/// The result of anything in this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn shown(faults: &[Fault]) -> String {
    let each = |fault: &Fault| format!("{} {}", fault.pointer, fault.detail);
    faults.iter().map(each).collect::<Vec<_>>().join("; ")
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        let reason = error.to_string();
        Self::Store { reason }
    }
}
