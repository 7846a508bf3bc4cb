//! Uploads: sound to start from, and batches of requests.
//!
//! An upload goes to disk as it arrives and is looked at before it counts. Its name is shown and
//! never used.

use std::io::Write;
use std::sync::Arc;

use axum::Json;
use axum::extract::multipart::{Field, Multipart, MultipartRejection};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use mustool_audio::decode::{self, DecodeLimits};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use utoipa::{IntoParams, ToSchema};

use super::{NO_CONTENT, Page, Service, blocking, in_time, new_id, owner};
use crate::app::App;
use crate::edge::auth::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::store::FileRow;
use crate::wire::{Fault, Timestamp, now_ms};
use crate::worker::hex;
use crate::{Error, Result};

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = File)]
pub(super) struct FileInfo {
    /// `file_…`
    id: String,
    /// Always `file`.
    object: &'static str,
    /// `input_audio` or `batch`.
    purpose: String,
    /// Name that it came with.
    filename: String,
    /// Size.
    bytes: u64,
    /// Checksum in hexadecimal.
    sha256: String,
    /// Length of the sound in seconds.
    duration_s: Option<f64>,
    /// When it came.
    created_at: Timestamp,
}

impl From<FileRow> for FileInfo {
    fn from(row: FileRow) -> Self {
        Self {
            id: row.id,
            object: "file",
            purpose: row.purpose,
            filename: row.name,
            bytes: row.bytes,
            sha256: row.sha256,
            duration_s: row.duration_s,
            created_at: Timestamp(row.created_at),
        }
    }
}

/// Form of an upload.
#[derive(Debug, ToSchema)]
#[expect(
    dead_code,
    reason = "describes the form for the document; it is read part by part"
)]
pub(super) struct Upload {
    /// What it is for.
    purpose: Purpose,
    /// The file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// What an upload is for.
#[derive(Debug, ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(
    dead_code,
    reason = "describes the form for the document; it is read part by part"
)]
pub(super) enum Purpose {
    /// Sound to start from.
    InputAudio,
    /// Requests, one JSON object a line.
    Batch,
}

/// What arrived of a form.
#[derive(Default)]
struct Received {
    purpose: Option<String>,
    file: Option<(String, tempfile::NamedTempFile, u64, String)>,
}

/// Upload a file.
#[utoipa::path(post, path = "/v1/files", tag = "files",
    request_body(content = Upload, content_type = "multipart/form-data"),
    responses((status = 201, description = "kept", body = FileInfo)))]
pub(super) async fn upload(
    State(service): State<Arc<Service>>,
    caller: Caller,
    form: Result<Multipart, MultipartRejection>,
) -> Result<Response, Problem> {
    caller.require(Scope::Generate)?;
    let form = form.map_err(|_| {
        let detail = "the body must be multipart/form-data with a boundary";
        Problem::new(Code::UnsupportedMediaType, detail)
    })?;
    let app = Arc::clone(&service.app);
    let received = receive(form, &app).await?;
    let invalid = |pointer: &str, detail: &str| -> Problem {
        let faults = vec![Fault::new(pointer, detail)];
        Error::Invalid { faults }.into()
    };
    let purpose = match received.purpose.as_deref() {
        Some(purpose @ ("input_audio" | "batch")) => purpose.to_owned(),
        _ => return Err(invalid("/purpose", "must be input_audio or batch")),
    };
    let Some((name, file, bytes, sha256)) = received.file else {
        return Err(invalid("/file", "must be the file"));
    };
    let owner = caller.key_id.to_string();
    let row = blocking(move || keep(&app, (owner, purpose, name), file, (bytes, sha256))).await?;
    service.app.store.add_file(row.clone()).await?;
    let location = [(header::LOCATION, format!("/v1/files/{}", row.id))];
    Ok((StatusCode::CREATED, location, Json(FileInfo::from(row))).into_response())
}

fn broken(detail: impl std::fmt::Display) -> Problem {
    Problem::new(Code::BadRequest, format!("the form is broken: {detail}"))
}

async fn receive(mut form: Multipart, app: &App) -> Result<Received, Problem> {
    let mut received = Received::default();
    while let Some(mut field) = in_time(form.next_field()).await?.map_err(broken)? {
        match field.name() {
            Some("purpose") if received.purpose.is_none() => {
                let mut text = Vec::new();
                while let Some(chunk) = in_time(field.chunk()).await?.map_err(broken)? {
                    text.extend_from_slice(&chunk);
                    if text.len() > 64 {
                        return Err(broken("the purpose is too long"));
                    }
                }
                received.purpose = Some(String::from_utf8_lossy(&text).into_owned());
            }
            Some("file") if received.file.is_none() => {
                received.file = Some(receive_file(field, app).await?);
            }
            _ => return Err(broken("it has one purpose and one file, and nothing else")),
        }
    }
    Ok(received)
}

async fn receive_file(
    mut field: Field<'_>,
    app: &App,
) -> Result<(String, tempfile::NamedTempFile, u64, String), Problem> {
    let name: String = field
        .file_name()
        .unwrap_or("file")
        .chars()
        .take(200)
        .collect();
    let mut file = app.objects.staging()?;
    let (mut bytes, mut hash) = (0_u64, Sha256::new());
    let limit = app.limits.max_upload_bytes;
    while let Some(chunk) = in_time(field.chunk()).await?.map_err(broken)? {
        bytes += chunk.len() as u64;
        if bytes > limit {
            let detail = format!("the file has more than {limit} bytes");
            return Err(Problem::new(Code::PayloadTooLarge, detail));
        }
        hash.update(&chunk);
        file.write_all(&chunk).map_err(|source| Error::File {
            path: file.path().to_path_buf(),
            source,
        })?;
    }
    Ok((name, file, bytes, hex(&hash.finalize())))
}

/// Looks at an upload and gives it its place.
fn keep(
    app: &App,
    (owner, purpose, name): (String, String, String),
    file: tempfile::NamedTempFile,
    (bytes, sha256): (u64, String),
) -> Result<FileRow> {
    let duration_s = match purpose.as_str() {
        "input_audio" => {
            let limits = DecodeLimits {
                max_bytes: app.limits.max_upload_bytes,
                max_duration_s: app.limits.max_upload_s,
                ..DecodeLimits::default()
            };
            Some(decode::from_path(file.path(), &limits).map_err(|error| unnamed(error, &name))?)
                .map(|waveform| waveform.duration_s())
        }
        _ => None,
    };
    let id = new_id("file");
    let object = format!("{id}.bin");
    app.objects.keep(file, &object)?;
    Ok(FileRow {
        id,
        owner,
        purpose,
        name,
        bytes,
        sha256,
        duration_s,
        created_at: now_ms(),
        object,
    })
}

/// The error under the client's name of the file, not under ours.
fn unnamed(error: mustool_audio::Error, name: &str) -> Error {
    use mustool_audio::Error as Audio;
    let reason = match &error {
        Audio::Unsupported { format, remedy, .. } => format!("{name}: {format}; {remedy}"),
        Audio::Damaged { reason, .. } => format!("{name} is damaged: {reason}"),
        Audio::Empty { .. } => format!("{name} has no sound"),
        Audio::Open { .. } | Audio::Read { .. } => return error.into(),
        _ => format!("{name} is beyond the limits of /info"),
    };
    Error::Invalid {
        faults: vec![Fault::new("/file", reason)],
    }
}

/// Which uploads to list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ListQuery {
    /// Most entries of a page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// The `next` of the page before.
    #[param(max_length = 64)]
    after: Option<String>,
}

/// List uploads, the newest first.
#[utoipa::path(get, path = "/v1/files", tag = "files", params(ListQuery),
    responses((status = 200, description = "a page", body = Page<FileInfo>)))]
pub(super) async fn list(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Query(query): Query<ListQuery>,
) -> Result<Json<Page<FileInfo>>, Problem> {
    caller.require(Scope::Read)?;
    let limit = super::page_limit(query.limit)?;
    super::short("after", query.after.as_ref(), 64)?;
    let rows = service
        .app
        .store
        .files(owner(&caller), query.after, limit + 1)
        .await?;
    let files = rows.into_iter().map(FileInfo::from).collect();
    Ok(Json(Page::of(files, limit, |file: &FileInfo| &file.id)))
}

pub(super) async fn find_file(app: &App, caller: &Caller, id: &str) -> Result<FileRow> {
    let found = app.store.file(id.to_owned()).await?;
    let mine = |row: &FileRow| owner(caller).is_none_or(|owner| owner == row.owner);
    found.filter(mine).ok_or_else(|| Error::NotFound {
        what: "file",
        id: id.chars().take(80).collect(),
    })
}

/// Read what is known of an upload.
#[utoipa::path(get, path = "/v1/files/{id}", tag = "files", params(("id" = String, Path)),
    responses((status = 200, description = "the file", body = FileInfo)))]
pub(super) async fn read(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<Json<FileInfo>, Problem> {
    caller.require(Scope::Read)?;
    Ok(Json(find_file(&service.app, &caller, &id).await?.into()))
}

/// Delete an upload.
#[utoipa::path(delete, path = "/v1/files/{id}", tag = "files", params(("id" = String, Path)),
    responses((status = 204, description = "deleted")))]
pub(super) async fn delete(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    caller.require(Scope::Generate)?;
    let row = find_file(&service.app, &caller, &id).await?;
    service.app.store.delete_file(row.id).await?;
    let app = Arc::clone(&service.app);
    blocking(move || app.objects.delete(&row.object)).await?;
    Ok(NO_CONTENT)
}
