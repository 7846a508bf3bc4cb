//! Links that show one finished piece to whoever has them, until they expire.
//!
//! The link holds 256 random bits of which only the checksum is kept, so that the store tells
//! nobody how to listen.

use std::fmt::Write;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use super::outputs::audio_of;
use super::{Body, NO_CONTENT, Service, find, new_id, owner};
use crate::edge::auth::{Caller, Scope};
use crate::problem::Problem;
use crate::store::{JobRow, ShareRow};
use crate::wire::{JobStatus, Timestamp, now_ms};
use crate::worker::hex;
use crate::{Error, Result};

/// Life of a link unless asked otherwise: a week, in seconds.
const DEFAULT_LIFE_S: u32 = 7 * 86_400;

/// What to share.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShareRequest {
    /// The job whose pieces are shown.
    #[schema(min_length = 1, max_length = 64)]
    generation_id: String,
    /// Seconds until the link expires; a week, if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 60, maximum = 2592000)]
    expires_after_s: Option<u32>,
}

/// A link.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Share {
    /// `share_…`, for taking it back.
    id: String,
    /// Always `share`.
    object: &'static str,
    /// Path of the link; it is shown once.
    url: String,
    /// When it ends.
    expires_at: Timestamp,
}

/// Make a link to a finished piece.
#[utoipa::path(post, path = "/v1/shares", tag = "shares", request_body = ShareRequest,
    responses((status = 201, description = "the link", body = Share)))]
pub(super) async fn create(
    State(service): State<Arc<Service>>,
    caller: Caller,
    body: Body<ShareRequest>,
) -> Result<(StatusCode, Json<Share>), Problem> {
    caller.require(Scope::Generate)?;
    let life_s = body.value.expires_after_s.unwrap_or(DEFAULT_LIFE_S);
    if !(60..=2_592_000).contains(&life_s) {
        let fault = crate::wire::Fault::new("/expires_after_s", "must be from 60 to 2592000");
        return Err(Error::Invalid {
            faults: vec![fault],
        }
        .into());
    }
    let row = find(&service.app, &caller, &body.value.generation_id).await?;
    if row.status != JobStatus::Succeeded {
        let reason = "only a finished piece can be shared".to_owned();
        return Err(Error::Conflict { reason }.into());
    }
    let token = hex(&Sha256::digest(crate::edge::auth::new_secret()?));
    let share = ShareRow {
        token_hash: hex(&Sha256::digest(&token)),
        id: new_id("share"),
        owner: caller.key_id.to_string(),
        job_id: row.id,
        expires_at: now_ms() + i64::from(life_s) * 1000,
    };
    service.app.store.add_share(share.clone()).await?;
    let answer = Share {
        id: share.id,
        object: "share",
        url: format!("/s/{token}"),
        expires_at: Timestamp(share.expires_at),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// Take a link back.
#[utoipa::path(delete, path = "/v1/shares/{id}", tag = "shares", params(("id" = String, Path)),
    responses((status = 204, description = "it shows nothing any more")))]
pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::Generate)?;
    match service
        .app
        .store
        .delete_share(id.clone(), owner(&caller))
        .await?
    {
        true => Ok(NO_CONTENT),
        false => Err(absent(&id).into()),
    }
}

fn absent(id: &str) -> Error {
    Error::NotFound {
        what: "share",
        id: id.chars().take(80).collect(),
    }
}

async fn shared(service: &Service, token: &str) -> Result<JobRow> {
    let found = service.app.store.share(hex(&Sha256::digest(token))).await?;
    let share = found.ok_or_else(|| absent("with this link"))?;
    service.app.find(&share.job_id, None).await
}

/// The page of a link.
#[utoipa::path(get, path = "/s/{token}", tag = "shares", params(("token" = String, Path)),
    responses((status = 200, description = "a page to listen to", body = String, content_type = "text/html")))]
pub(super) async fn page(
    State(service): State<Arc<Service>>,
    Path(token): Path<String>,
) -> Result<Response, Problem> {
    let row = shared(&service, &token).await?;
    let title = escaped(&row.input.prompt);
    let mut players = String::new();
    for output in &row.outputs {
        let index = output.output.index;
        let _ = write!(
            players,
            "<p><audio controls preload=\"metadata\" src=\"/s/{}/outputs/{index}/audio\">\
             </audio></p>",
            escaped(&token)
        );
    }
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"robots\" content=\"noindex\"><title>{title}</title></head>\
         <body><main><h1>{title}</h1>{players}</main></body></html>"
    );
    let robots = HeaderName::from_static("x-robots-tag");
    Ok(([(robots, HeaderValue::from_static("noindex"))], Html(html)).into_response())
}

/// The sound behind a link.
#[utoipa::path(get, path = "/s/{token}/outputs/{index}/audio", tag = "shares",
    params(("token" = String, Path), ("index" = u32, Path)),
    responses((status = 200, description = "the file", content((Vec<u8> = "audio/wav"), (Vec<u8> = "audio/mpeg"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/pcm"))),
        (status = 206, description = "a part of it", body = Vec<u8>, content_type = "audio/wav"),
        (status = 304, description = "the client has it"), (status = 412, description = "not what If-Match asks for")))]
pub(super) async fn audio(
    State(service): State<Arc<Service>>,
    Path((token, index)): Path<(String, u32)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let row = shared(&service, &token).await?;
    let mut response = audio_of(&service, &row, index, None, &headers).await?;
    let no_store = HeaderValue::from_static("private, no-store");
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, no_store);
    Ok(response)
}

/// Text that cannot be anything but text in HTML.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            c => safe.push(c),
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_stays_text() {
        let shown = escaped("<script>alert('x')</script> & \"y\"");
        assert!(!shown.contains(['<', '>', '"', '\'']));
        assert!(shown.starts_with("&lt;script&gt;"));
    }
}
