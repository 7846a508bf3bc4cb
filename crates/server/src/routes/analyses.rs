//! `POST /v1/analyses`: what is heard in a sound: beats, metre, tempo, chords, key, loudness.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use mustool_mir::{Analysis, Analyzer};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::files::find_file;
use super::{Body, Service, blocking, find};
use crate::Result;
use crate::edge::auth::{Caller, Scope};
use crate::problem::Problem;
use crate::wire::music::{BeatSpec, ChordSpec};
use crate::worker::waveform;

/// Which sound.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnalysisRequest {
    /// Id of an upload, or of an output as `gen_…/0`.
    #[schema(min_length = 1, max_length = 64)]
    file_id: String,
}

/// What is heard; times are in seconds from the start.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Analysis)]
pub(super) struct AnalysisInfo {
    /// Always `analysis`.
    object: &'static str,
    /// The sound.
    file_id: String,
    /// Its length in seconds.
    duration_s: f64,
    /// Felt beats per minute; none where no beats are heard.
    tempo_bpm: Option<f64>,
    /// Metre; none where no beats are heard.
    time_signature: Option<String>,
    /// Key; none where no harmony is heard.
    key: Option<String>,
    /// How sure the key is, 0 to 1.
    key_confidence: Option<f32>,
    /// Felt beats.
    beats: Vec<BeatSpec>,
    /// Chords; `N` where none sounds.
    chords: Vec<ChordSpec>,
    /// How far the recording is above A4 = 440 Hz, in cents.
    tuning_cents: f64,
    /// When notes and strokes begin.
    onsets_s: Vec<f64>,
    /// Integrated loudness.
    lufs: Option<f64>,
    /// Highest true peak.
    true_peak_dbtp: Option<f64>,
}

impl AnalysisInfo {
    fn of(file_id: String, heard: Analysis) -> Self {
        let beats = heard.beats.iter().map(|beat| BeatSpec {
            t: beat.time_s,
            beat: beat.number,
        });
        let chords = heard.chords.iter().map(|event| ChordSpec {
            t: event.time_s,
            symbol: event.chord.to_string(),
        });
        Self {
            object: "analysis",
            file_id,
            duration_s: heard.duration_s,
            tempo_bpm: heard.tempo_bpm,
            time_signature: heard.meter.map(|meter| meter.to_string()),
            key: heard.key.map(|key| key.to_string()),
            key_confidence: heard.key_confidence,
            beats: beats.collect(),
            chords: chords.collect(),
            tuning_cents: heard.tuning_cents,
            onsets_s: heard.onsets_s,
            lufs: heard
                .loudness
                .as_ref()
                .and_then(|loudness| loudness.integrated_lufs),
            true_peak_dbtp: heard
                .loudness
                .as_ref()
                .and_then(|loudness| loudness.true_peak_dbtp),
        }
    }
}

/// Hear what is in a sound.
#[utoipa::path(post, path = "/v1/analyses", tag = "analyses", request_body = AnalysisRequest,
    responses((status = 200, description = "what is heard", body = AnalysisInfo)))]
pub(super) async fn analyse(
    State(service): State<Arc<Service>>,
    caller: Caller,
    body: Body<AnalysisRequest>,
) -> Result<Json<AnalysisInfo>, Problem> {
    caller.require(Scope::Generate)?;
    let file_id = body.value.file_id;
    match file_id.split_once('/') {
        Some((job_id, _)) => drop(find(&service.app, &caller, job_id).await?),
        None => drop(find_file(&service.app, &caller, &file_id).await?),
    }
    let sound = waveform(&service.app, &file_id).await?;
    // The networks are small: they are read anew for each sound, so that an idle server is too.
    let heard = blocking(move || Ok(Analyzer::new()?.analyze(&sound)?)).await?;
    Ok(Json(AnalysisInfo::of(file_id, heard)))
}
