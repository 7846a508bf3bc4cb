//! The words of the interface: requests, jobs, events and their limits, as JSON and in OpenAPI.
//!
//! The names are those that other services for music, speech and text use. How they travel
//! (routes, headers, statuses) is in `routes` and `edge`.

pub mod event;
pub mod job;
pub mod limits;
pub mod music;
mod parse;
pub mod request;
mod time;
mod validate;

pub use event::{Event, EventKind};
pub use job::{Job, JobError, JobOutput, JobStatus, Progress, Resolved};
pub use limits::Limits;
pub use parse::parse;
pub use request::{AudioFormat, Controls, GenerationRequest, InputAudio, InputMode, OutputFormat};
pub use time::{Timestamp, now_ms};
pub(crate) use validate::to_plan;
pub use validate::{Fault, normalise};
