//! Jobs: list, read, cancel, delete.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{NO_CONTENT, Page, Service, blocking, find, outputs, owner};
use crate::app::Stop;
use crate::edge::auth::{Caller, Scope};
use crate::problem::Problem;
use crate::store::{Filter, JobRow};
use crate::wire::{Job, JobStatus, now_ms};
use crate::{Error, Result};

/// Which jobs to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Only those in this state.
    status: Option<JobStatus>,
    /// Most entries of a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(max_length = 64)]
    after: Option<String>,
    /// Only those whose prompt has this text.
    #[param(max_length = 200)]
    q: Option<String>,
}

/// List jobs, the newest first.
#[utoipa::path(get, path = "/v1/generations", tag = "generations", params(ListQuery),
    responses((status = 200, description = "a page", body = Page<Job>)))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<Job>>, Problem> {
    caller.require(Scope::Read)?;
    let limit = super::page_limit(query.limit)?;
    super::short("after", query.after.as_ref(), 64)?;
    super::short("q", query.q.as_ref(), 200)?;
    let filter = Filter {
        owner: owner(&caller),
        status: query.status,
        after: query.after,
        text: query.q.filter(|text| !text.is_empty()),
        batch: None,
        limit: limit + 1,
    };
    let rows = service.app.store.list(filter).await?;
    let jobs = rows.iter().map(|row| service.app.job(row)).collect();
    Ok(Json(Page::of(jobs, limit, |job: &Job| &job.id)))
}

/// Read a job.
#[utoipa::path(get, path = "/v1/generations/{id}", tag = "generations",
    params(("id" = String, Path, description = "id, or your name for it")),
    responses((status = 200, description = "the job", body = Job)))]
pub(super) async fn read(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<Job>, Problem> {
    caller.require(Scope::Read)?;
    let row = find(&service.app, &caller, &id).await?;
    Ok(Json(service.app.job(&row)))
}

/// Stop a job.
///
/// A job that waits ends at once; one that runs ends within a step. One that has ended stays as
/// it is.
#[utoipa::path(post, path = "/v1/generations/{id}/cancel", tag = "generations",
    params(("id" = String, Path, description = "id, or your name for it")),
    responses((status = 202, description = "it will stop", body = Job), (status = 200, description = "it has ended", body = Job)))]
pub(super) async fn cancel(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<Job>), Problem> {
    caller.require(Scope::Generate)?;
    let row = find(&service.app, &caller, &id).await?;
    let row = cancel_job(&service, &row.id).await?;
    let status = match row.status {
        JobStatus::Running => StatusCode::ACCEPTED,
        _ => StatusCode::OK,
    };
    Ok((status, Json(service.app.job(&row))))
}

/// Stops a job wherever it is.
pub(super) async fn cancel_job(service: &Arc<Service>, id: &str) -> Result<JobRow> {
    let app = &service.app;
    let before = app.find(id, None).await?;
    // The flag first: the worker sees it at its next step, whatever the disk does.
    app.running.stop(id, Stop::Cancel);
    let row = app.store.cancel(id.to_owned(), now_ms()).await?;
    let row = row.ok_or_else(|| Error::NotFound {
        what: "generation",
        id: id.to_owned(),
    })?;
    if row.status == JobStatus::Running {
        app.running.stop(id, Stop::Cancel); // it may have begun in between
    }
    if before.status == JobStatus::Queued && row.status.is_terminal() {
        app.publish_changed(vec![row.clone()]).await;
    }
    Ok(row)
}

/// Delete a job and its sound.
#[utoipa::path(delete, path = "/v1/generations/{id}", tag = "generations",
    params(("id" = String, Path, description = "id, or your name for it")),
    responses((status = 204, description = "deleted")))]
pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::Generate)?;
    let row = find(&service.app, &caller, &id).await?;
    let names = service.app.store.delete(row.id.clone()).await?;
    service.app.hub.forget(&row.id);
    let app = Arc::clone(&service.app);
    blocking(move || {
        let copies = row.outputs.iter().flat_map(outputs::copies);
        let names = names.into_iter().chain(copies);
        names
            .into_iter()
            .try_for_each(|name| app.objects.delete(&name))
    })
    .await?;
    Ok(NO_CONTENT)
}
