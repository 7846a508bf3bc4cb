//! `POST /v1/generations` and `PUT /v1/generations/{id}`: a job is made, and the answer is the
//! job, its events, or the sound itself, as the client prefers.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;

use super::submit::{Arrival, submit};
use super::{Body, Service, events, outputs};
use crate::edge::auth::Caller;
use crate::edge::{accept, idempotency, prefer};
use crate::problem::{Code, Problem};
use crate::sse::SentEvent;
use crate::store::JobRow;
use crate::wire::{AudioFormat, Fault, GenerationRequest, Job, JobStatus};
use crate::{Error, Result};

/// What an answer can be, the usual one first.
const OFFERS: [&str; 7] = [
    "application/json",
    "text/event-stream",
    "audio/wav",
    "audio/mpeg",
    "audio/flac",
    "audio/ogg",
    "audio/pcm",
];

/// How the client wants its answer.
enum Wanted {
    Job,
    Events,
    Audio(AudioFormat),
}

fn wanted(headers: &HeaderMap) -> Result<Wanted, Problem> {
    let offer = OFFERS[accept::negotiate(headers, &OFFERS)?];
    let audio = AudioFormat::ALL
        .into_iter()
        .find(|format| format.media_type() == offer);
    Ok(match (offer, audio) {
        (_, Some(format)) => Wanted::Audio(format),
        ("text/event-stream", _) => Wanted::Events,
        _ => Wanted::Job,
    })
}

/// Make a piece of music.
///
/// The answer is the job (202). With `Prefer: wait=30` it waits for the end. With `Accept:
/// audio/wav` (or another kind) it is the sound of the first output, and closing the connection
/// cancels the job. With `Accept: text/event-stream` it is the events of the job.
#[utoipa::path(
    post, path = "/v1/generations", tag = "generations", request_body = GenerationRequest,
    params(
        ("Prefer" = Option<String>, Header, description = "`wait=30`"),
        ("Idempotency-Key" = Option<String>, Header, description = "the same key and body make one job", min_length = 1, max_length = 255, pattern = "^[!#-~]+$"),
        ("Cancel-After" = Option<String>, Header, description = "`90s`: then the job is given up", min_length = 1, pattern = "^([0-9]{1,5}|([0-9]{1,2}h)?([0-9]{1,4}m)?([0-9]{1,5}s)?)$"),
    ),
    responses(
        (status = 202, description = "accepted", body = Job),
        (status = 200, description = "finished while waiting, or the sound, or the events", content((Job = "application/json"), (SentEvent = "text/event-stream"), (Vec<u8> = "audio/wav"), (Vec<u8> = "audio/mpeg"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/pcm"))),
    )
)]
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<GenerationRequest>,
) -> Result<Response, Problem> {
    let wanted = wanted(&headers)?;
    let mut request = body.value;
    if let Wanted::Audio(format) = wanted {
        request.output.format = format;
    }
    let arrival = Arrival {
        client_id: None,
        idempotency: idempotency::key(&headers)?,
        fingerprint: idempotency::fingerprint("POST", "/v1/generations", &body.bytes),
        cancel_after: prefer::cancel_after(&headers)?,
    };
    let (row, new) = submit(&service, &caller, request, arrival).await?;
    let mut response = match wanted {
        Wanted::Audio(_) => sound(&service, &headers, row).await?,
        Wanted::Events => events::stream(&service, &caller, row, 0).await?,
        Wanted::Job => job_answer(&service, &headers, row).await?,
    };
    if !new {
        let replayed = HeaderValue::from_static("true");
        response
            .headers_mut()
            .insert(idempotency::REPLAYED, replayed);
    }
    Ok(response)
}

/// Make a piece of music under a name of your own.
///
/// The same name and body are one job however often they are sent.
#[utoipa::path(
    put, path = "/v1/generations/{id}", tag = "generations", request_body = GenerationRequest,
    params(("id" = String, Path, description = "1 to 64 letters, digits, - and _; not beginning with `gen_`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_-]{1,64}$")),
    responses((status = 201, description = "made", body = Job), (status = 200, description = "it was there", body = Job))
)]
pub(super) async fn put(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<GenerationRequest>,
) -> Result<Response, Problem> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !(1..=64).contains(&id.len()) || id.starts_with("gen_") || !id.chars().all(is_name) {
        let detail = "a name has 1 to 64 letters, digits, - and _, and does not begin with gen_";
        return Err(Problem::new(Code::Invalid, detail).faults(vec![Fault::new("/id", detail)]));
    }
    let arrival = Arrival {
        fingerprint: idempotency::fingerprint("PUT", &id, &body.bytes),
        client_id: Some(id),
        idempotency: None,
        cancel_after: prefer::cancel_after(&headers)?,
    };
    let (row, new) = submit(&service, &caller, body.value, arrival).await?;
    let status = if new {
        StatusCode::CREATED
    } else {
        StatusCode::OK
    };
    let job = service.app.job(&row);
    Ok((
        status,
        [(header::LOCATION, job.urls.this.clone())],
        Json(job),
    )
        .into_response())
}

/// The job as the answer to its making: at once, or when it has ended or the wait is over.
pub(super) async fn job_answer(
    service: &Arc<Service>,
    headers: &HeaderMap,
    row: JobRow,
) -> Result<Response, Problem> {
    let app = &service.app;
    let max = Duration::from_secs(app.limits.max_wait_s);
    let wait = prefer::wait(headers, max);
    let row = match wait {
        Some(wait) => await_end(service, row, wait).await?,
        None => row,
    };
    let status = match (wait, row.status.is_terminal()) {
        (Some(_), true) => StatusCode::OK,
        _ => StatusCode::ACCEPTED,
    };
    let job = app.job(&row);
    let location = [(header::LOCATION, job.urls.this.clone())];
    let mut response = (status, location, Json(job)).into_response();
    if let Some(wait) = wait {
        let applied = prefer::applied(wait);
        response
            .headers_mut()
            .insert(prefer::PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// The job when it has ended, or as it is after `wait`.
pub(super) async fn await_end(
    service: &Arc<Service>,
    row: JobRow,
    wait: Duration,
) -> Result<JobRow> {
    let app = &service.app;
    if row.status.is_terminal() {
        return Ok(row);
    }
    let events = events::follow(service, &row, 0).await?;
    let ended = async {
        let mut events = std::pin::pin!(events);
        while let Some(event) = events.next().await {
            if event.kind.is_terminal() {
                break;
            }
        }
    };
    // Too late is an answer too: the job as it is.
    let _ = tokio::time::timeout(wait, ended).await;
    app.find(&row.id, None).await
}

/// Cancels a job whose client went away before it got its sound.
struct CancelOnDrop {
    service: Arc<Service>,
    id: Option<String>,
}

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        if let Some(id) = self.id.take() {
            let service = Arc::clone(&self.service);
            tokio::spawn(async move { super::generations::cancel_job(&service, &id).await });
        }
    }
}

/// The sound of the first output as soon as it is there.
pub(super) async fn sound(
    service: &Arc<Service>,
    headers: &HeaderMap,
    row: JobRow,
) -> Result<Response, Problem> {
    let mut guard = CancelOnDrop {
        service: Arc::clone(service),
        id: Some(row.id.clone()),
    };
    let wait = Duration::from_secs(service.app.limits.max_wait_s);
    let row = await_end(service, row, wait).await?;
    if row.status.is_terminal() {
        guard.id = None;
    }
    match row.status {
        JobStatus::Succeeded => {}
        JobStatus::Failed => {
            let event = service.app.event(&row, crate::wire::EventKind::Failed);
            let problem = serde_json::from_value(event.data["problem"].clone());
            return Err(problem.unwrap_or_else(|_| Problem::new(Code::Internal, "the job failed")));
        }
        JobStatus::Canceled | JobStatus::Expired => {
            let reason = "the job was stopped before it was done".to_owned();
            return Err(Error::Conflict { reason }.into());
        }
        JobStatus::Queued => {
            service.app.metrics.shed.inc(&["wait"]);
            let detail = format!("no turn within {} s; the job is canceled", wait.as_secs());
            let retry_after_s = service.app.speed.retry_after_s();
            return Err(Problem::new(Code::QueueFull, detail).retry_after(retry_after_s));
        }
        JobStatus::Running => {
            let detail = format!("no sound after {} s; the job is canceled", wait.as_secs());
            return Err(Problem::new(Code::Timeout, detail).retry_after(1));
        }
    }
    let mut response = outputs::audio_of(service, &row, 0, None, headers).await?;
    let seed = row.outputs.first().map_or(0, |output| output.output.seed);
    let answers = response.headers_mut();
    answers.insert(HeaderName::from_static("x-seed"), HeaderValue::from(seed));
    let id = HeaderValue::try_from(&row.id).expect("ids are ASCII");
    answers.insert(HeaderName::from_static("x-generation-id"), id);
    Ok(response)
}
