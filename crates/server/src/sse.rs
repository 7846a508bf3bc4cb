//! What happens to a job, told as it happens: one ring of events per job, and the streams that
//! follow it.
//!
//! Server-sent events as in the HTML standard: every event has an id that only grows, a client that
//! lost its connection sends the last one it saw, and gets what came after it, or a snapshot where
//! that is no longer kept. Events are kept across restarts by `store`, which seeds the rings.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::sse::{self, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde_json::Value;
use tokio::sync::watch;
use utoipa::ToSchema;

use crate::problem::{Code, Problem};
use crate::wire::{Event, EventKind};

/// Largest id: the store counts in 64 bits with a sign.
const MAX_ID: u64 = i64::MAX as u64;
/// Events that are kept of a job.
pub const KEPT: usize = 1_024;
/// Jobs whose rings are kept in memory after they ended.
const MAX_ENDED: usize = 256;
/// Pause between two `progress` events of a job.
const PROGRESS_PAUSE: Duration = Duration::from_millis(100);
/// Silence after which a comment keeps the connection open.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// The header of a client that comes back.
pub const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// An event as it is sent.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the stream for the document")]
pub(crate) struct SentEvent {
    /// Number of the event within its job; speech has none.
    id: Option<String>,
    /// What happened.
    event: Option<String>,
    /// JSON.
    data: String,
}

/// The last event that a client has seen; 0 for none. 400 if it is no id that an event can have.
pub fn last_event_id(headers: &HeaderMap) -> Result<u64, Problem> {
    let Some(value) = headers.get(LAST_EVENT_ID) else {
        return Ok(0);
    };
    let text = value.to_str().unwrap_or("?").trim();
    let digits = text.bytes().all(|c| c.is_ascii_digit());
    match text.parse() {
        Ok(id) if digits && id <= MAX_ID => Ok(id),
        _ => Err(Problem::new(
            Code::BadRequest,
            "Last-Event-ID must be an id of this stream",
        )),
    }
}

/// The last events of one job.
#[derive(Debug, Clone, Default)]
pub struct Ring {
    events: VecDeque<Event>,
    last_id: u64,
}

/// What a client that has seen an event gets next.
#[derive(Debug, Clone, PartialEq)]
pub enum Resume {
    /// These events, in order; none if it has seen all.
    Events(Vec<Event>),
    /// Some of what it missed is gone: the state of the job as event with this id, and what comes
    /// after it.
    Snapshot(u64),
}

impl Ring {
    /// A ring of events that were kept, in order of their ids.
    pub fn from_events(events: Vec<Event>) -> Self {
        let last_id = events.last().map_or(0, |event| event.id);
        let skipped = events.len().saturating_sub(KEPT);
        Self {
            events: events.into_iter().skip(skipped).collect(),
            last_id,
        }
    }

    /// Adds an event with the next id.
    pub fn push(&mut self, kind: EventKind, data: Value) -> Event {
        let id = self.last_id + 1;
        let event = Event { id, kind, data };
        self.insert(event.clone());
        event
    }

    /// Adds an event with an id of its own; one that is not newer than the last is dropped.
    pub fn insert(&mut self, event: Event) {
        if event.id <= self.last_id {
            return;
        }
        self.last_id = event.id;
        if self.events.len() == KEPT {
            self.events.pop_front();
        }
        self.events.push_back(event);
    }

    /// Id of the newest event; 0 before the first.
    pub fn last_id(&self) -> u64 {
        self.last_id
    }

    /// What comes after the event `seen`. An id from the future (of a lost database) is answered
    /// with a snapshot too.
    pub fn after(&self, seen: u64) -> Resume {
        let first = self
            .events
            .front()
            .map_or(self.last_id + 1, |event| event.id);
        if seen > self.last_id || (seen + 1 < first && self.last_id > 0) {
            return Resume::Snapshot(self.last_id);
        }
        let newer = self.events.iter().filter(|event| event.id > seen);
        Resume::Events(newer.cloned().collect())
    }

    /// Whether nothing will follow.
    pub fn has_ended(&self) -> bool {
        self.events
            .back()
            .is_some_and(|event| event.kind.is_terminal())
    }
}

/// A job's ring, and the bell that rings when it changes.
#[derive(Debug)]
struct Topic {
    ring: Ring,
    bell: watch::Sender<u64>,
    last_progress: Option<Instant>,
}

impl Topic {
    fn new(ring: Ring) -> Self {
        let (bell, _) = watch::channel(ring.last_id());
        Self {
            ring,
            bell,
            last_progress: None,
        }
    }
}

/// The rings of all jobs that run or were asked about.
#[derive(Debug, Default)]
pub struct Hub {
    topics: Mutex<HashMap<String, Topic>>,
}

impl Hub {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Topic>> {
        self.topics
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Makes the ring of a job, unless there is one, from the events that were kept of it.
    pub fn seed(&self, job_id: &str, events: impl FnOnce() -> Vec<Event>) {
        if self.lock().contains_key(job_id) {
            return;
        }
        let ring = Ring::from_events(events()); // may read a database: not under the lock
        let mut topics = self.lock();
        forget_ended(&mut topics);
        topics
            .entry(job_id.to_owned())
            .or_insert_with(|| Topic::new(ring));
    }

    /// Tells all who follow the job; gives the event back with its id.
    ///
    /// Of `progress` events at most ten a second pass, apart from those of a step that completes
    /// its stage; the others give nothing.
    pub fn publish(&self, job_id: &str, kind: EventKind, data: Value) -> Option<Event> {
        let mut topics = self.lock();
        let topic = topics
            .entry(job_id.to_owned())
            .or_insert_with(|| Topic::new(Ring::default()));
        if kind == EventKind::Progress {
            let now = Instant::now();
            let complete = data["step"] == data["total"];
            let early = topic
                .last_progress
                .is_some_and(|last| now - last < PROGRESS_PAUSE);
            if early && !complete {
                return None;
            }
            topic.last_progress = Some(now);
        }
        let event = topic.ring.push(kind, data);
        topic.bell.send_replace(event.id);
        Some(event)
    }

    /// Takes over an event that somebody else numbered, such as another process.
    pub fn relay(&self, job_id: &str, event: Event) {
        let mut topics = self.lock();
        let topic = topics
            .entry(job_id.to_owned())
            .or_insert_with(|| Topic::new(Ring::default()));
        topic.ring.insert(event);
        topic.bell.send_replace(topic.ring.last_id());
    }

    /// Whether there is a ring of this job.
    pub fn knows(&self, job_id: &str) -> bool {
        self.lock().contains_key(job_id)
    }

    /// Jobs that somebody follows right now.
    pub fn followed(&self) -> Vec<String> {
        let topics = self.lock();
        let followed = topics
            .iter()
            .filter(|(_, topic)| topic.bell.receiver_count() > 0);
        followed.map(|(job_id, _)| job_id.clone()).collect()
    }

    /// Forgets a job that was deleted; streams of it end.
    pub fn forget(&self, job_id: &str) {
        self.lock().remove(job_id);
    }

    /// What comes after `seen`, and the bell that tells of more; nothing for an unknown job.
    fn follow(&self, job_id: &str, seen: u64) -> Option<(Resume, bool, watch::Receiver<u64>)> {
        let topics = self.lock();
        let topic = topics.get(job_id)?;
        let bell = topic.bell.subscribe();
        Some((topic.ring.after(seen), topic.ring.has_ended(), bell))
    }
}

/// Drops rings of jobs that ended and that nobody follows, when there are many.
fn forget_ended(topics: &mut HashMap<String, Topic>) {
    let idle = |topic: &Topic| topic.ring.has_ended() && topic.bell.receiver_count() == 0;
    if topics.values().filter(|topic| idle(topic)).count() > MAX_ENDED {
        topics.retain(|_, topic| !idle(topic));
    }
}

/// Where a stream is.
struct Follower<S> {
    hub: Arc<Hub>,
    job_id: String,
    seen: u64,
    pending: VecDeque<Event>,
    snapshot: S,
    draining: watch::Receiver<bool>,
    over: bool,
}

/// The events of a job after `seen`, as they come; it ends after a terminal one, when the job is
/// forgotten, or with `server_draining` when `draining` becomes true.
///
/// `snapshot` tells the present state of the job, for clients that missed too much.
pub fn follow(
    hub: Arc<Hub>,
    job_id: String,
    seen: u64,
    snapshot: impl Fn() -> Value + Send + 'static,
    draining: watch::Receiver<bool>,
) -> impl Stream<Item = Event> + Send + 'static {
    let follower = Follower {
        hub,
        job_id,
        seen,
        pending: VecDeque::new(),
        snapshot,
        draining,
        over: false,
    };
    unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((event, follower))
    })
}

impl<S: Fn() -> Value> Follower<S> {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.pending.pop_front() {
                self.seen = event.id;
                self.over = event.kind.is_terminal();
                return Some(event);
            }
            if self.over {
                return None;
            }
            let (resume, ended, mut bell) = self.hub.follow(&self.job_id, self.seen)?;
            match resume {
                Resume::Events(events) if !events.is_empty() => self.pending = events.into(),
                Resume::Events(_) if ended => return None,
                Resume::Events(_) => {
                    let mut draining = self.draining.clone();
                    tokio::select! {
                        changed = bell.changed() => changed.ok()?,
                        // A sender that is gone will never say that it drains.
                        Ok(_) = draining.wait_for(|&draining| draining) => {
                            self.over = true;
                            let (kind, data) = (EventKind::ServerDraining, Value::Object(Default::default()));
                            return Some(Event { id: self.seen, kind, data });
                        }
                    }
                }
                Resume::Snapshot(id) => {
                    self.seen = id;
                    self.over = ended;
                    let (kind, data) = (EventKind::Snapshot, (self.snapshot)());
                    return Some(Event { id, kind, data });
                }
            }
        }
    }
}

/// A stream of events as an answer, with heartbeats.
pub fn answer(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    use futures_util::StreamExt as _;
    let lines = events.map(|event| {
        let line = sse::Event::default()
            .id(event.id.to_string())
            .event(event.kind.name());
        Ok::<_, Infallible>(line.data(event.data.to_string()))
    });
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).text("heartbeat");
    let mut response = Sse::new(lines).keep_alive(heartbeat).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Proxies such as nginx would hold back small events.
    let buffering = HeaderName::from_static("x-accel-buffering");
    headers.insert(buffering, HeaderValue::from_static("no"));
    response
}

#[cfg(test)]
#[path = "sse_tests.rs"]
mod tests;
