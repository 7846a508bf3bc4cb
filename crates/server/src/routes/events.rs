//! `GET /v1/generations/{id}/events`: what happens to a job, as it happens.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use futures_util::{Stream, StreamExt};
use serde_json::json;

use super::{OpenStream, Service, find};
use crate::edge::auth::{Caller, Scope};
use crate::problem::Problem;
use crate::sse::SentEvent;
use crate::store::JobRow;
use crate::wire::Event;
use crate::{Result, sse};

/// Follow a job.
///
/// Server-sent events, each with an `id`; `Last-Event-ID` goes on after the last that was seen.
/// The stream ends with `completed`, `failed`, `canceled`, or `server_draining`.
#[utoipa::path(get, path = "/v1/generations/{id}/events", tag = "generations",
    params(("id" = String, Path, description = "id, or your name for it"),
        ("Last-Event-ID" = Option<i64>, Header, description = "last event that was seen", minimum = 0)),
    responses((status = 200, description = "events", body = SentEvent, content_type = "text/event-stream")))]
pub(super) async fn events(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let seen = sse::last_event_id(&headers)?;
    let row = find(&service.app, &caller, &id).await?;
    stream(&service, &caller, row, seen).await
}

/// The events of a job as an answer.
pub(super) async fn stream(
    service: &Arc<Service>,
    caller: &Caller,
    row: JobRow,
    seen: u64,
) -> Result<Response, Problem> {
    let open = OpenStream::open(service, caller)?;
    let events = follow(service, &row, seen).await?;
    let events = events.map(move |event| {
        let _closed_with_the_stream = &open;
        event
    });
    Ok(sse::answer(events))
}

/// The events of a job after `seen`.
pub(super) async fn follow(
    service: &Arc<Service>,
    row: &JobRow,
    seen: u64,
) -> Result<impl Stream<Item = Event> + Send + 'static> {
    let app = Arc::clone(&service.app);
    app.prepare_events(row).await?;
    let draining = app.draining.subscribe();
    let (hub, id, row) = (Arc::clone(&app.hub), row.id.clone(), row.clone());
    let snapshot = move || json!({ "job": app.job(&row) });
    Ok(sse::follow(hub, id, seen, snapshot, draining))
}
