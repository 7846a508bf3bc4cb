//! The addresses of the service: one file for each kind of thing, one line for each in `router`.
//!
//! A handler reads what was asked, calls the store, the files or the worker, and answers. What
//! holds for every request is in [`crate::edge`].

mod analyses;
mod batches;
mod create;
mod events;
mod files;
mod generations;
mod keys;
mod meta;
mod models;
mod outputs;
mod page;
mod plans;
mod shares;
mod speech;
mod submit;
mod sugar;

mod document;
mod router;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::app::App;
use crate::edge::Edge;
use crate::edge::auth::{Caller, KeyRecord};
use crate::problem::{Code, Problem};
use crate::store::JobRow;

pub(crate) use keys::records;
pub(crate) use router::{probes, router};

/// What handlers work with.
#[derive(Debug)]
pub(crate) struct Service {
    /// Jobs and files.
    pub app: Arc<App>,
    /// Keys and limits.
    pub edge: Arc<Edge>,
    /// Keys of the file that the operator gave; those of the store come on top.
    pub file_keys: Vec<KeyRecord>,
    /// Open event streams by key.
    pub streams: Streams,
}

/// A JSON body, and its bytes as they were sent.
#[derive(Debug)]
pub(crate) struct Body<T> {
    /// What it says.
    pub value: T,
    /// The bytes.
    pub bytes: Bytes,
}

impl<T: DeserializeOwned + Serialize> FromRequest<Arc<Service>> for Body<T> {
    type Rejection = Problem;

    /// 413 for too many bytes, 415 for anything but plain JSON, 400 for broken JSON, 422 for wrong
    /// fields.
    async fn from_request(request: Request, service: &Arc<Service>) -> Result<Self, Problem> {
        if !is_json(request.headers()) {
            let detail = "the body must be application/json, not compressed";
            return Err(Problem::new(Code::UnsupportedMediaType, detail));
        }
        let limit = service.app.limits.max_body_bytes;
        let bytes = in_time(axum::body::to_bytes(request.into_body(), limit)).await?;
        let bytes = bytes.map_err(|_| {
            let detail = format!("the body has more than {limit} bytes, or ended early");
            Problem::new(Code::PayloadTooLarge, detail)
        })?;
        let value = crate::wire::parse(&bytes)?;
        Ok(Self { value, bytes })
    }
}

/// Longest silence of a client in the middle of a body, and longest time for a JSON body.
const BODY_TIMEOUT: Duration = Duration::from_secs(15);

/// 408 for a client that sends too slowly.
async fn in_time<T>(read: impl Future<Output = T>) -> Result<T, Problem> {
    let read = tokio::time::timeout(BODY_TIMEOUT, read).await;
    read.map_err(|_| Problem::new(Code::RequestTimeout, "the body came too slowly"))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok());
    let kind = kind.and_then(|kind| kind.split(';').next()).map(str::trim);
    let plain = headers
        .get(header::CONTENT_ENCODING)
        .is_none_or(|encoding| encoding == "identity");
    plain && kind.is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Page<T> {
    /// Always `list`.
    pub object: &'static str,
    /// The things.
    pub data: Vec<T>,
    /// Whether there are more after the last.
    pub has_more: bool,
    /// What `after` must be for the next page.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A page of at most `limit` out of what was found with one more than that.
    fn of(mut data: Vec<T>, limit: u32, id: impl Fn(&T) -> &str) -> Self {
        let has_more = data.len() > limit as usize;
        data.truncate(limit as usize);
        let next = data
            .last()
            .map(|last| id(last).to_owned())
            .filter(|_| has_more);
        Self {
            object: "list",
            data,
            has_more,
            next,
        }
    }
}

/// Whose things a caller sees; none means everybody's.
fn owner(caller: &Caller) -> Option<String> {
    (!caller.is_admin()).then(|| caller.key_id.to_string())
}

/// A job that the caller may see, by its id or the caller's own name for it.
async fn find(app: &App, caller: &Caller, id: &str) -> crate::Result<JobRow> {
    match app.find(id, owner(caller)).await {
        Err(crate::Error::NotFound { .. }) if caller.is_admin() => {
            app.find(id, Some(caller.key_id.to_string())).await
        }
        found => found,
    }
}

/// Runs what reads files or computes for long away from the threads that answer.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> crate::Result<T> + Send + 'static,
) -> crate::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(outcome) => outcome,
        Err(_) => Err(crate::Error::Unavailable {
            reason: "the work broke down".to_owned(),
        }),
    }
}

/// A new id of a kind: `gen_…`, in the order of time.
fn new_id(kind: &str) -> String {
    format!("{kind}_{}", uuid::Uuid::now_v7().simple())
}

/// How many event streams each key has open.
#[derive(Debug, Default)]
pub(crate) struct Streams(Mutex<HashMap<String, usize>>);

/// An open stream; closes when dropped.
#[derive(Debug)]
struct OpenStream {
    service: Arc<Service>,
    key_id: String,
}

impl OpenStream {
    /// 429 if the key has too many open.
    fn open(service: &Arc<Service>, caller: &Caller) -> Result<Self, Problem> {
        let key_id = caller.key_id.to_string();
        let limit = service.app.limits.max_streams_per_key;
        let mut streams = service
            .streams
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let open = streams.entry(key_id.clone()).or_default();
        if *open >= limit {
            service.app.metrics.shed.inc(&["streams"]);
            let detail = format!("the key has {limit} event streams open");
            return Err(Problem::new(Code::RateLimited, detail).retry_after(5));
        }
        *open += 1;
        service
            .app
            .metrics
            .streams
            .set(streams.values().sum::<usize>() as i64);
        Ok(Self {
            service: Arc::clone(service),
            key_id,
        })
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let streams = self.service.streams.0.lock();
        let mut streams = streams.unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = streams.get_mut(&self.key_id) {
            *open -= 1;
            if *open == 0 {
                streams.remove(&self.key_id);
            }
        }
        let open = streams.values().sum::<usize>() as i64;
        self.service.app.metrics.streams.set(open);
    }
}

/// `204 No Content`.
const NO_CONTENT: StatusCode = StatusCode::NO_CONTENT;

/// 400 for a text of a query that is longer than the document says.
fn short(name: &str, text: Option<&String>, max_chars: usize) -> Result<(), Problem> {
    match text.is_none_or(|text| text.chars().count() <= max_chars) {
        true => Ok(()),
        false => {
            let detail = format!("{name} must have at most {max_chars} characters");
            Err(Problem::new(Code::BadRequest, detail))
        }
    }
}

/// Entries of a page: 1 to 100, 20 if not asked otherwise.
fn page_limit(limit: Option<u32>) -> Result<u32, Problem> {
    match limit.unwrap_or(20) {
        limit @ 1..=100 => Ok(limit),
        _ => Err(Problem::new(
            Code::BadRequest,
            "limit must be from 1 to 100",
        )),
    }
}
