//! The model: what it is, and whether it is in memory.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::{Page, Service};
use crate::edge::auth::{Caller, Scope};
use crate::engine::ModelCard;
use crate::problem::Problem;
use crate::{Error, Result};

/// List models.
#[utoipa::path(get, path = "/v1/models", tag = "models",
    responses((status = 200, description = "the models of this server", body = Page<ModelCard>)))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Json<Page<ModelCard>>, Problem> {
    caller.require(Scope::Read)?;
    let cards = vec![service.app.engines.card()];
    Ok(Json(Page::of(cards, 100, |card: &ModelCard| &card.id)))
}

fn find(service: &Service, id: &str) -> Result<ModelCard> {
    let card = service.app.engines.card();
    match card.id == id {
        true => Ok(card),
        false => Err(Error::NotFound {
            what: "model",
            id: id.chars().take(80).collect(),
        }),
    }
}

/// Read what a model can do.
#[utoipa::path(get, path = "/v1/models/{id}", tag = "models", params(("id" = String, Path)),
    responses((status = 200, description = "the model", body = ModelCard)))]
pub(super) async fn read(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<ModelCard>, Problem> {
    caller.require(Scope::Read)?;
    Ok(Json(find(&service, &id)?))
}

/// Read a model into memory.
#[utoipa::path(post, path = "/v1/models/{id}/load", tag = "models", params(("id" = String, Path)),
    responses((status = 202, description = "it is being read", body = ModelCard)))]
pub(super) async fn load(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<ModelCard>), Problem> {
    caller.require(Scope::Admin)?;
    let card = find(&service, &id)?;
    let app = Arc::clone(&service.app);
    // Whether it went well is told by the card and by /health/ready.
    tokio::task::spawn_blocking(move || drop(app.engines.get()));
    Ok((StatusCode::ACCEPTED, Json(card)))
}

/// Forget a model; a job that runs goes on with it.
#[utoipa::path(post, path = "/v1/models/{id}/unload", tag = "models", params(("id" = String, Path)),
    responses((status = 202, description = "it is forgotten", body = ModelCard)))]
pub(super) async fn unload(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<(StatusCode, Json<ModelCard>), Problem> {
    caller.require(Scope::Admin)?;
    find(&service, &id)?;
    service.app.engines.unload();
    service.app.metrics.model_loaded.set(0);
    Ok((StatusCode::ACCEPTED, Json(service.app.engines.card())))
}
