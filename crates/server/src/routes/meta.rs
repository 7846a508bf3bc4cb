//! What the service says of itself: health, metrics, limits, versions, problems.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::Service;
use crate::edge::auth::{Caller, Scope};
use crate::engine::ModelCard;
use crate::metrics;
use crate::problem::{Code, Problem};
use crate::wire::{AudioFormat, Limits};

/// Version of the program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Whether the service is well.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    /// `live`, `ready`, `draining`, `no_model` or `store_unavailable`.
    status: &'static str,
    /// Name of the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    model: Option<String>,
    /// Whether the model is in memory; it is read when the first job comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    model_loaded: Option<bool>,
}

/// Whether the process answers.
#[utoipa::path(get, path = "/health/live", tag = "service",
    responses((status = 200, description = "it does", body = Health)))]
pub(super) async fn live() -> Json<Health> {
    Json(Health {
        status: "live",
        model: None,
        model_loaded: None,
    })
}

async fn readiness(service: &Service) -> (StatusCode, Json<Health>) {
    let app = &service.app;
    let card = app.engines.card();
    let status = if app.is_draining() {
        "draining"
    } else if app.engines.failure().is_some() {
        "no_model"
    } else if app.store.probe().await.is_err() {
        "store_unavailable"
    } else {
        "ready"
    };
    let code = match status {
        "ready" => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let health = Health {
        status,
        model: Some(card.id),
        model_loaded: Some(card.loaded),
    };
    (code, Json(health))
}

/// Whether jobs can be sent.
#[utoipa::path(get, path = "/health/ready", tag = "service",
    responses((status = 200, description = "they can", body = Health), (status = 503, description = "they cannot", body = Health)))]
pub(super) async fn ready(State(service): State<Arc<Service>>) -> (StatusCode, Json<Health>) {
    readiness(&service).await
}

/// The same as `/health/ready`.
#[utoipa::path(get, path = "/health", tag = "service",
    responses((status = 200, description = "jobs can be sent", body = Health), (status = 503, description = "they cannot", body = Health)))]
pub(super) async fn health(State(service): State<Arc<Service>>) -> (StatusCode, Json<Health>) {
    readiness(&service).await
}

/// What is counted, for Prometheus.
#[utoipa::path(get, path = "/metrics", tag = "service",
    responses((status = 200, description = "text format 0.0.4", body = String, content_type = "text/plain")))]
pub(super) async fn metrics(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let (queued, _) = service.app.store.waiting().await?;
    let metrics = &service.app.metrics;
    metrics
        .queue_size
        .set(i64::try_from(queued).unwrap_or(i64::MAX));
    metrics
        .model_loaded
        .set(i64::from(service.app.engines.card().loaded));
    let kind = [(header::CONTENT_TYPE, metrics::MEDIA_TYPE)];
    Ok((kind, metrics.render()).into_response())
}

/// What this server is and takes.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Info {
    /// Always `mustool`.
    name: &'static str,
    /// Version of the program.
    version: &'static str,
    /// The model.
    model: ModelCard,
    /// How much may be asked for.
    limits: Limits,
    /// Kinds of files that are made.
    formats: [AudioFormat; 5],
    /// Whether a key is needed.
    keys_required: bool,
    /// Whether requests may name webhooks.
    webhooks: bool,
}

/// What this server is and takes.
#[utoipa::path(get, path = "/info", tag = "service",
    responses((status = 200, description = "model, limits, formats", body = Info)))]
pub(super) async fn info(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Json<Info>, Problem> {
    caller.require(Scope::Read)?;
    let model = service.app.engines.card();
    let mut limits = service.app.limits.clone();
    limits.max_duration_s = limits.max_duration_s.min(model.max_duration_s);
    Ok(Json(Info {
        name: "mustool",
        version: VERSION,
        model,
        limits,
        formats: AudioFormat::ALL,
        keys_required: service.edge.keys.is_required(),
        webhooks: service.app.webhooks.is_some(),
    }))
}

/// Version of the program.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Version {
    /// For example `0.1.0`.
    version: &'static str,
}

/// Version of the program.
#[utoipa::path(get, path = "/version", tag = "service",
    responses((status = 200, description = "the version", body = Version)))]
pub(super) async fn version() -> Json<Version> {
    Json(Version { version: VERSION })
}

/// What a kind of problem means.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ProblemPage {
    /// Address of this page.
    #[serde(rename = "type")]
    kind: String,
    /// The kind for programs.
    code: Code,
    /// Status of such an answer.
    status: u16,
    /// In few words.
    title: &'static str,
    /// What to do about it.
    advice: &'static str,
}

/// What a kind of problem means.
#[utoipa::path(get, path = "/problems/{kind}", tag = "service",
    params(("kind" = String, Path, description = "last part of a problem's `type`")),
    responses((status = 200, description = "the kind", body = ProblemPage)))]
pub(super) async fn problem(Path(kind): Path<String>) -> Result<Json<ProblemPage>, Problem> {
    let Some(code) = Code::from_slug(&kind) else {
        return Err(Problem::new(
            Code::NotFound,
            "there is no such kind of problem",
        ));
    };
    Ok(Json(ProblemPage {
        kind: format!("/problems/{}", code.slug()),
        code,
        status: code.status().as_u16(),
        title: code.title(),
        advice: code.advice(),
    }))
}
