//! API keys and what they used.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::{Body, NO_CONTENT, Page, Service, new_id, owner};
use crate::edge::auth::{Caller, KeyHash, KeyRecord, Scope, new_secret};
use crate::problem::Problem;
use crate::store::{KeyRow, Store};
use crate::wire::{Fault, Timestamp, now_ms};
use crate::worker::hex;
use crate::{Error, Result};

/// A key to be made.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct KeyRequest {
    /// Name for people.
    #[schema(min_length = 1, max_length = 64)]
    name: String,
    /// What it allows; `generate` and `read`, if left out.
    #[serde(default)]
    #[schema(value_type = BTreeSet<Scope>)]
    scopes: Vec<Scope>,
    /// Seconds until it is refused, at most ten years; never, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 315360000)]
    expires_after_s: Option<u32>,
}

/// A key.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(super) struct KeyInfo {
    /// `key_…`
    id: String,
    /// Always `api_key`.
    object: &'static str,
    /// Name for people.
    name: String,
    /// What it allows.
    scopes: Vec<String>,
    /// When it was made.
    created_at: Timestamp,
    /// When it is refused.
    expires_at: Option<Timestamp>,
    /// The key itself; it is shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl From<KeyRow> for KeyInfo {
    fn from(row: KeyRow) -> Self {
        Self {
            id: row.id,
            object: "api_key",
            name: row.name,
            scopes: row.scopes.split(',').map(str::to_owned).collect(),
            created_at: Timestamp(row.created_at),
            expires_at: row.expires_at.map(Timestamp),
            key: None,
        }
    }
}

/// Keys of the store as the edge knows them.
pub(crate) async fn records(store: &Store) -> Result<Vec<KeyRecord>> {
    let record = |row: KeyRow| {
        Some(KeyRecord {
            hash: KeyHash::from_hex(&row.hash)?,
            scopes: row.scopes.split(',').filter_map(Scope::from_name).collect(),
            expires_at_ms: row.expires_at,
            id: row.id,
        })
    };
    Ok(store.keys().await?.into_iter().filter_map(record).collect())
}

/// Make a key.
#[utoipa::path(post, path = "/v1/keys", tag = "keys", request_body = KeyRequest,
    responses((status = 201, description = "the key, shown once", body = KeyInfo)))]
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    body: Body<KeyRequest>,
) -> Result<(StatusCode, Json<KeyInfo>), Problem> {
    caller.require(Scope::Admin)?;
    let asked = body.value;
    let chars = asked.name.chars().count();
    let mut faults = Vec::new();
    if !(1..=64).contains(&chars) {
        faults.push(Fault::new("/name", "must have 1 to 64 characters"));
    }
    let lives = 60..=315_360_000;
    if (asked.expires_after_s).is_some_and(|life_s| !lives.contains(&life_s)) {
        faults.push(Fault::new(
            "/expires_after_s",
            "must be from 60 to 315360000",
        ));
    }
    let mut scopes: BTreeSet<Scope> = asked.scopes.iter().copied().collect();
    if scopes.len() < asked.scopes.len() {
        faults.push(Fault::new("/scopes", "must have no scope twice"));
    }
    if !faults.is_empty() {
        return Err(Error::Invalid { faults }.into());
    }
    if scopes.is_empty() {
        scopes.extend([Scope::Generate, Scope::Read]);
    }
    let secret = new_secret()?;
    let names: Vec<&str> = scopes.iter().map(|scope| scope.name()).collect();
    let row = KeyRow {
        id: new_id("key"),
        name: asked.name,
        hash: hex(&Sha256::digest(secret.as_bytes())),
        scopes: names.join(","),
        created_at: now_ms(),
        expires_at: asked
            .expires_after_s
            .map(|life_s| now_ms() + i64::from(life_s) * 1000),
    };
    service.app.store.add_key(row.clone()).await?;
    refresh(&service).await?;
    let info = KeyInfo {
        key: Some(secret),
        ..KeyInfo::from(row)
    };
    Ok((StatusCode::CREATED, Json(info)))
}

/// Tells the edge which keys there are now.
async fn refresh(service: &Service) -> Result<()> {
    let mut keys = service.file_keys.clone();
    keys.extend(records(&service.app.store).await?);
    service.edge.keys.replace(keys);
    Ok(())
}

/// List keys.
#[utoipa::path(get, path = "/v1/keys", tag = "keys",
    responses((status = 200, description = "all keys, without the keys themselves", body = Page<KeyInfo>)))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Json<Page<KeyInfo>>, Problem> {
    caller.require(Scope::Admin)?;
    let rows = service.app.store.keys().await?;
    let keys = rows.into_iter().map(KeyInfo::from).collect();
    Ok(Json(Page::of(keys, u32::MAX, |key: &KeyInfo| &key.id)))
}

/// Revoke a key.
#[utoipa::path(delete, path = "/v1/keys/{id}", tag = "keys", params(("id" = String, Path)),
    responses((status = 204, description = "it is refused from now on")))]
pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::Admin)?;
    if !service.app.store.delete_key(id.clone()).await? {
        let id = id.chars().take(80).collect();
        return Err(Error::NotFound { what: "key", id }.into());
    }
    refresh(&service).await?;
    Ok(NO_CONTENT)
}

/// What a key used on a day.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DayUsage {
    /// Day in UTC.
    day: String,
    /// The key.
    key_id: String,
    /// Jobs that ended.
    jobs: u64,
    /// Seconds of music.
    audio_s: f64,
    /// Seconds of the worker.
    compute_s: f64,
}

/// What was used, by day and key.
#[utoipa::path(get, path = "/v1/usage", tag = "keys",
    responses((status = 200, description = "your own; administrators see all", body = Page<DayUsage>)))]
pub(super) async fn usage(
    State(service): State<Arc<Service>>,
    caller: Caller,
) -> Result<Json<Page<DayUsage>>, Problem> {
    caller.require(Scope::Read)?;
    let rows = service.app.store.usage(owner(&caller)).await?;
    let days = rows.into_iter().map(|row| DayUsage {
        day: row.day,
        key_id: row.owner,
        jobs: row.jobs,
        audio_s: row.audio_s,
        compute_s: row.compute_s,
    });
    Ok(Json(Page::of(
        days.collect(),
        u32::MAX,
        |day: &DayUsage| &day.day,
    )))
}
