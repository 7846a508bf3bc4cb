//! Finished pieces: their sound in every format, and pictures and facts of it.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::HeaderMap;
use axum::response::Response;
use mustool_audio::{Tags, Waveform};
use mustool_music::Plan;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use utoipa::IntoParams;

use super::{Service, blocking, find};
use crate::app::App;
use crate::edge::auth::{Caller, Scope};
use crate::edge::disposition::Disposition;
use crate::edge::range::FileResponse;
use crate::problem::Problem;
use crate::store::{JobRow, OutputRow};
use crate::views;
use crate::views::peaks::Peaks;
use crate::wire::AudioFormat;
use crate::wire::music::PlanSpec;
use crate::worker::{decode_limited, hex, pack};
use crate::{Error, Result};

/// How long a client may keep what never changes, in seconds.
const MAX_AGE_S: u32 = 3_600;

/// Which kind of file.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct AudioQuery {
    /// Kind of file; the one that was asked for, if left out.
    format: Option<AudioFormat>,
    /// Whether the browser should save it rather than play it.
    download: Option<bool>,
}

/// The sound of a piece.
#[utoipa::path(get, path = "/v1/generations/{id}/outputs/{index}/audio", tag = "outputs",
    params(("id" = String, Path), ("index" = u32, Path), AudioQuery),
    responses(
        (status = 200, description = "the file", content((Vec<u8> = "audio/wav"), (Vec<u8> = "audio/mpeg"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/pcm"))),
        (status = 206, description = "a part of it", content((Vec<u8> = "audio/wav"), (Vec<u8> = "audio/mpeg"), (Vec<u8> = "audio/flac"), (Vec<u8> = "audio/ogg"), (Vec<u8> = "audio/pcm"))),
        (status = 304, description = "the client has it"),
        (status = 412, description = "it is not what If-Match asks for")))]
pub(super) async fn audio(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path((id, index)): Path<(String, u32)>,
    Query(query): Query<AudioQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let row = find(&service.app, &caller, &id).await?;
    let wanted = Some((query.format, query.download.unwrap_or(false)));
    audio_of(&service, &row, index, wanted, &headers).await
}

/// The output `index` of a job, if it is still kept.
fn output_of(row: &JobRow, index: u32) -> Result<OutputRow> {
    let id = || format!("{}/{index}", row.id);
    if row.audio_gone {
        return Err(Error::Gone {
            what: "output",
            id: id(),
        });
    }
    let output = row.outputs.get(index as usize).cloned();
    output.ok_or_else(|| Error::NotFound {
        what: "output",
        id: id(),
    })
}

/// Names of the copies in other formats that may have been made of an output.
pub(super) fn copies(output: &OutputRow) -> Vec<String> {
    let copy = |format: AudioFormat| copy_name(output, format);
    AudioFormat::ALL.into_iter().map(copy).collect()
}

fn copy_name(output: &OutputRow, format: AudioFormat) -> String {
    let stem = output.object.split('.').next().unwrap_or_default();
    format!("{stem}.copy.{}", format.name())
}

/// The file of an output, in the format that was asked for or in its own.
pub(super) async fn audio_of(
    service: &Arc<Service>,
    row: &JobRow,
    index: u32,
    wanted: Option<(Option<AudioFormat>, bool)>,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let output = output_of(row, index)?;
    let (format, attachment) = wanted.unwrap_or((None, false));
    let own = row.input.output.format;
    let format = format.unwrap_or(own);
    let app = Arc::clone(&service.app);
    let embed = row.input.output.embed_metadata;
    let known = (format == own).then(|| output.output.sha256.clone());
    let bytes = blocking(move || match format == own {
        true => app.objects.get(&output.object),
        false => copy(&app, &output, format, embed),
    })
    .await?;
    let file = FileResponse {
        etag: known.unwrap_or_else(|| hex(&Sha256::digest(&bytes))),
        bytes: bytes.into(),
        media_type: format.media_type(),
        disposition: Some(Disposition::new(
            &row.input.prompt,
            format.name(),
            attachment,
        )),
        max_age_s: MAX_AGE_S,
    };
    Ok(file.answer(headers))
}

/// The copy in another format: made once, then kept beside the master.
fn copy(app: &App, output: &OutputRow, format: AudioFormat, embed: bool) -> Result<Vec<u8>> {
    let name = copy_name(output, format);
    match app.objects.get(&name) {
        Err(Error::Gone { .. }) => {}
        kept => return kept,
    }
    let master = app.objects.get(&output.master)?;
    let path = FilePath::new(&output.master);
    let tags = match embed {
        true => mustool_audio::tags::read_from(path, &mut std::io::Cursor::new(&master))?,
        false => Tags::new(),
    };
    let waveform = decode_limited(path, master, app)?;
    let bytes = pack(&waveform, format, None, &tags)?;
    app.objects.put(&name, &bytes)?;
    Ok(bytes)
}

async fn master(app: &Arc<App>, output: OutputRow) -> Result<Waveform> {
    let app = Arc::clone(app);
    blocking(move || {
        let bytes = app.objects.get(&output.master)?;
        decode_limited(FilePath::new(&output.master), bytes, &app)
    })
    .await
}

fn plan_of(output: &OutputRow) -> Result<Plan> {
    serde_json::from_str(&output.plan).map_err(|error| Error::Store {
        reason: format!("a plan cannot be read: {error}"),
    })
}

/// How fine the outline is.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PeaksQuery {
    /// Columns.
    #[param(minimum = 1, maximum = 8192, default = 1024)]
    columns: Option<u16>,
}

/// The outline of a piece, for drawing its waveform.
#[utoipa::path(get, path = "/v1/generations/{id}/outputs/{index}/peaks.json", tag = "outputs",
    params(("id" = String, Path), ("index" = u32, Path), PeaksQuery),
    responses((status = 200, description = "minimum and maximum of each column", body = Peaks)))]
pub(super) async fn peaks(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path((id, index)): Path<(String, u32)>,
    Query(query): Query<PeaksQuery>,
) -> Result<Json<Peaks>, Problem> {
    caller.require(Scope::Read)?;
    let columns = query.columns.unwrap_or(1_024);
    if !(1..=8_192).contains(&columns) {
        let detail = "columns must be from 1 to 8192";
        return Err(Problem::new(crate::problem::Code::BadRequest, detail));
    }
    let row = find(&service.app, &caller, &id).await?;
    let waveform = master(&service.app, output_of(&row, index)?).await?;
    Ok(Json(Peaks::of(&waveform, usize::from(columns))))
}

/// The mel spectrogram of a piece as a picture.
#[utoipa::path(get, path = "/v1/generations/{id}/outputs/{index}/mel.png", tag = "outputs",
    params(("id" = String, Path), ("index" = u32, Path)),
    responses((status = 200, description = "time to the right, pitch upwards", body = Vec<u8>, content_type = "image/png"),
        (status = 206, description = "a part of it", body = Vec<u8>, content_type = "image/png"),
        (status = 304, description = "the client has it"), (status = 412, description = "not what If-Match asks for")))]
pub(super) async fn mel(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path((id, index)): Path<(String, u32)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let row = find(&service.app, &caller, &id).await?;
    let waveform = master(&service.app, output_of(&row, index)?).await?;
    let png = blocking(move || views::mel::png(&waveform)).await?;
    Ok(fixed(png, "image/png", None).answer(&headers))
}

fn fixed(
    bytes: Vec<u8>,
    media_type: &'static str,
    disposition: Option<Disposition>,
) -> FileResponse {
    FileResponse {
        etag: hex(&Sha256::digest(&bytes)),
        bytes: bytes.into(),
        media_type,
        disposition,
        max_age_s: MAX_AGE_S,
    }
}

/// Tempo, metre, key, beats and chords of a piece.
#[utoipa::path(get, path = "/v1/generations/{id}/outputs/{index}/controls.json", tag = "outputs",
    params(("id" = String, Path), ("index" = u32, Path)),
    responses((status = 200, description = "the plan that was rendered", body = PlanSpec)))]
pub(super) async fn controls(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path((id, index)): Path<(String, u32)>,
) -> Result<Json<PlanSpec>, Problem> {
    caller.require(Scope::Read)?;
    let row = find(&service.app, &caller, &id).await?;
    let plan = plan_of(&output_of(&row, index)?)?;
    Ok(Json(PlanSpec::from(&plan)))
}

/// Beats and chords of a piece as a MIDI file.
#[utoipa::path(get, path = "/v1/generations/{id}/outputs/{index}/controls.mid", tag = "outputs",
    params(("id" = String, Path), ("index" = u32, Path)),
    responses((status = 200, description = "tempo map, a click and the chords", body = Vec<u8>, content_type = "audio/midi"),
        (status = 206, description = "a part of it", body = Vec<u8>, content_type = "audio/midi"),
        (status = 304, description = "the client has it"), (status = 412, description = "not what If-Match asks for")))]
pub(super) async fn midi(
    State(service): State<Arc<Service>>,
    caller: Caller,
    Path((id, index)): Path<(String, u32)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    caller.require(Scope::Read)?;
    let row = find(&service.app, &caller, &id).await?;
    let plan = plan_of(&output_of(&row, index)?)?;
    let name = Disposition::new(&row.input.prompt, "mid", true);
    Ok(fixed(views::midi::file(&plan), "audio/midi", Some(name)).answer(&headers))
}
