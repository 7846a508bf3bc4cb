//! Batches: a file of requests becomes jobs, all or none, and a file of results.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::files::find_file;
use super::submit::{Arrival, prepare};
use super::{Body, Page, Service, blocking, new_id, owner};
use crate::edge::auth::{Caller, Scope};
use crate::edge::idempotency::fingerprint;
use crate::problem::Problem;
use crate::store::{BatchRow, Filter};
use crate::wire::{Fault, GenerationRequest, JobStatus, Timestamp, now_ms, parse};
use crate::{Error, Result};

/// Most lines of results in one answer.
const MAX_RESULTS: u32 = 10_000;

/// What a batch is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct BatchRequest {
    /// Id of an upload with purpose `batch`: one generation a line.
    #[schema(min_length = 1, max_length = 64)]
    file_id: String,
}

/// A batch.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Batch {
    /// `batch_…`
    id: String,
    /// Always `batch`.
    object: &'static str,
    /// `running` or `completed`.
    status: &'static str,
    /// The upload with the requests.
    file_id: String,
    /// When it was accepted.
    created_at: Timestamp,
    /// Lines.
    total: u32,
    /// Lines that are done.
    succeeded: u32,
    /// Lines that failed, were stopped or expired.
    failed: u32,
    /// Where the results are.
    results_url: String,
}

impl From<BatchRow> for Batch {
    fn from(row: BatchRow) -> Self {
        let count = |keep: fn(JobStatus) -> bool| -> u32 {
            let kept = row.counts.iter().filter(|(status, _)| keep(*status));
            kept.map(|(_, count)| count).sum()
        };
        let succeeded = count(|status| status == JobStatus::Succeeded);
        let ended = count(JobStatus::is_terminal);
        let waiting = count(|status| !status.is_terminal());
        Self {
            results_url: format!("/v1/batches/{}/results", row.id),
            object: "batch",
            status: if waiting > 0 { "running" } else { "completed" },
            file_id: row.file_id,
            created_at: Timestamp(row.created_at),
            total: row.total,
            succeeded,
            failed: ended - succeeded,
            id: row.id,
        }
    }
}

/// Make many pieces of music.
#[utoipa::path(post, path = "/v1/batches", tag = "batches", request_body = BatchRequest,
    responses((status = 202, description = "accepted", body = Batch)))]
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    body: Body<BatchRequest>,
) -> Result<Response, Problem> {
    caller.require(Scope::Generate)?;
    let app = Arc::clone(&service.app);
    let file = find_file(&app, &caller, &body.value.file_id).await?;
    let object = file.object.clone();
    let bytes = blocking(move || app.objects.get(&object)).await?;
    let id = new_id("batch");
    let lines: Vec<&[u8]> = bytes
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.trim_ascii().is_empty())
        .collect();
    let limit = service.app.limits.max_batch_lines;
    if lines.is_empty() || lines.len() > limit {
        let detail = format!("must have 1 to {limit} lines, not {}", lines.len());
        let faults = vec![Fault::new("/file_id", detail)];
        return Err(Error::Invalid { faults }.into());
    }
    let mut jobs = Vec::with_capacity(lines.len());
    for (number, line) in (0_u32..).zip(&lines) {
        let at_line = |problem: Problem| at_line(problem, number);
        let request: GenerationRequest =
            parse(line).map_err(|error| at_line(not_json(error).into()))?;
        let arrival = Arrival {
            fingerprint: fingerprint("BATCH", &id, line),
            ..Arrival::default()
        };
        let mut job = prepare(&service, &caller, request, arrival)
            .await
            .map_err(at_line)?;
        job.batch = Some((id.clone(), number));
        // Whoever sends one request goes before those who send many.
        job.priority -= 1;
        job.limits.total = job.limits.total.max(limit as u64);
        jobs.push(job);
    }
    let row = BatchRow {
        id,
        owner: caller.key_id.to_string(),
        file_id: file.id,
        total: u32::try_from(jobs.len()).unwrap_or(u32::MAX),
        created_at: now_ms(),
        counts: vec![(JobStatus::Queued, 1)],
    };
    if let Some((queued, limit)) = service.app.store.add_batch(row.clone(), jobs).await? {
        return Err(Error::QueueFull {
            queued,
            limit,
            retry_after_s: service.app.speed.retry_after_s(),
        }
        .into());
    }
    service.app.wake.notify_one();
    let location = [(header::LOCATION, format!("/v1/batches/{}", row.id))];
    Ok((StatusCode::ACCEPTED, location, Json(Batch::from(row))).into_response())
}

/// Broken JSON as a fault of its line: the request itself was whole.
fn not_json(error: Error) -> Error {
    match error {
        Error::Json { detail } => Error::Invalid {
            faults: vec![Fault::new("", detail)],
        },
        error => error,
    }
}

/// The problem, with the line it is in.
fn at_line(mut problem: Problem, number: u32) -> Problem {
    problem.detail = format!("line {}: {}", number + 1, problem.detail);
    for fault in &mut problem.errors {
        fault.pointer = format!("/lines/{number}{}", fault.pointer);
    }
    problem
}

/// List batches, the newest first.
#[utoipa::path(get, path = "/v1/batches", tag = "batches",
    responses((status = 200, description = "the last hundred", body = Page<Batch>)))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Json<Page<Batch>>, Problem> {
    caller.require(Scope::Read)?;
    let rows = service.app.store.batches(owner(&caller)).await?;
    let batches = rows.into_iter().map(Batch::from).collect();
    Ok(Json(Page::of(batches, 100, |batch: &Batch| &batch.id)))
}

async fn find(service: &Service, caller: &Caller, id: &str) -> Result<BatchRow> {
    let found = service.app.store.batch(id.to_owned()).await?;
    let mine = |row: &BatchRow| owner(caller).is_none_or(|owner| owner == row.owner);
    found.filter(mine).ok_or_else(|| Error::NotFound {
        what: "batch",
        id: id.chars().take(80).collect(),
    })
}

/// Read a batch.
#[utoipa::path(get, path = "/v1/batches/{id}", tag = "batches", params(("id" = String, Path)),
    responses((status = 200, description = "the batch", body = Batch)))]
pub(super) async fn read(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Batch>, Problem> {
    caller.require(Scope::Read)?;
    Ok(Json(find(&service, &caller, &id).await?.into()))
}

/// The jobs of a batch, one a line, in the order of its requests.
#[utoipa::path(get, path = "/v1/batches/{id}/results", tag = "batches", params(("id" = String, Path)),
    responses((status = 200, description = "a job a line", body = String, content_type = "application/jsonl")))]
pub(super) async fn results(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let batch = find(&service, &caller, &id).await?;
    let filter = Filter {
        batch: Some(batch.id),
        limit: MAX_RESULTS,
        ..Filter::default()
    };
    let mut text = String::new();
    for row in service.app.store.list(filter).await? {
        let line = serde_json::to_string(&service.app.job(&row));
        text.push_str(&line.expect("jobs are JSON"));
        text.push('\n');
    }
    let kind = [(header::CONTENT_TYPE, "application/jsonl")];
    Ok((kind, text).into_response())
}
