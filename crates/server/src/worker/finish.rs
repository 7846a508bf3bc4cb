//! The end of a job: level and pack its pieces, write the files, then the row, then tell.
//!
//! Files come first and the row last, so that a row never names a file that is not whole. Names
//! hold the fence, so that two workers never write the same one.

use std::sync::Arc;

use mustool_audio::encode::{EncodeSettings, Format, encode};
use mustool_audio::wav::SampleFormat;
use mustool_audio::{Tags, Waveform, loudness, resample};
use mustool_diffusion::Output;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::run::Running;
use crate::app::{App, Stop, cost};
use crate::store::{Claim, Ending, OutputRow};
use crate::wire::job::{ControlsSource, JobError, JobOutput, Resolved, Usage};
use crate::wire::music::{beats_of, chords_of};
use crate::wire::{AudioFormat, GenerationRequest, JobStatus, now_ms};
use crate::{Error, Result};

/// The program, as it is written into files.
const SOFTWARE: &str = concat!("mustool ", env!("CARGO_PKG_VERSION"));

/// Why a job failed.
#[derive(Debug, Clone)]
pub(super) struct Failure(JobError);

impl Failure {
    pub(super) fn new(code: &str, detail: &impl ToString) -> Self {
        Self(JobError {
            code: code.to_owned(),
            detail: detail.to_string(),
        })
    }

    pub(super) fn internal(detail: &str) -> Self {
        Self::new("internal", &detail)
    }

    pub(super) fn of(error: &Error) -> Self {
        use mustool_diffusion::Error as Diffusion;
        match error {
            Error::Invalid { .. }
            | Error::NotFound { .. }
            | Error::Gone { .. }
            | Error::Diffusion(Diffusion::InvalidRequest { .. } | Diffusion::Plan(_)) => {
                Self::new("invalid_request", error)
            }
            Error::Diffusion(Diffusion::NotFinite { .. }) => Self::new("invalid_output", error),
            Error::Audio(error) => Self::new("invalid_output", error),
            // Paths and causes of the machine are nobody's business outside.
            _ => Self::internal("the server could not do its part"),
        }
    }
}

/// Ends a job in the store, in memory, and for all who follow it. Levels and packs here; what waits
/// for the store is the task that is given back.
pub(super) fn finish(app: &Arc<App>, handle: &Handle, job: &Running) -> JoinHandle<()> {
    let compute_s = job.begun.elapsed().as_secs_f64();
    let mut ending = ending_of(app, job, compute_s);
    if ending.status == JobStatus::Succeeded {
        match write_all(app, job) {
            Ok(outputs) => {
                ending.resolved = resolved(&job.claim.row.input, &job.outputs);
                ending.outputs = outputs;
            }
            Err(failure) => {
                ending.status = JobStatus::Failed;
                ending.error = Some(failure.0);
            }
        }
    }
    ending.at = now_ms();
    handle.spawn(settle(
        Arc::clone(app),
        job.claim.clone(),
        ending,
        compute_s,
    ))
}

/// Writes the row, then tells.
async fn settle(app: Arc<App>, claim: Claim, ending: Ending, compute_s: f64) {
    let row = &claim.row;
    let finished = retry(&app, &claim, &ending).await;
    app.running.leave(&row.id);
    if !finished {
        // The job belongs to somebody else; these files to nobody.
        let delete = move || {
            let files = ending.outputs.iter();
            let names = files.flat_map(|row| [&row.object, &row.master]);
            names.for_each(|name| drop(app.objects.delete(name)));
        };
        return drop(tokio::task::spawn_blocking(delete).await);
    }
    if ending.status == JobStatus::Succeeded {
        let steps = row.input.steps.unwrap_or(app.engines.card().default_steps);
        let audio_s = row.input.planned_duration_s();
        app.speed.note(cost(audio_s, row.input.n, steps), compute_s);
        let made_s = audio_s * f64::from(row.input.n);
        app.metrics
            .realtime_factor
            .observe(&[], made_s / compute_s.max(1e-3));
    }
    if let Ok(Some(row)) = app.store.job(row.id.clone(), None).await {
        app.publish_changed(vec![row]).await;
    }
}

/// Writes the row. While the database is away the result is kept, as long as the lease may hold.
async fn retry(app: &App, claim: &Claim, ending: &Ending) -> bool {
    for _ in 0..10 {
        let id = claim.row.id.clone();
        match app.store.finish(id, claim.fence, ending.clone()).await {
            Ok(finished) => return finished,
            Err(_) => {
                app.metrics.store_errors.inc(&["finish"]);
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            }
        }
    }
    false
}

fn ending_of(app: &App, job: &Running, compute_s: f64) -> Ending {
    let row = &job.claim.row;
    let error = |code: &str, detail: &str| {
        Some(JobError {
            code: code.to_owned(),
            detail: detail.to_owned(),
        })
    };
    let (status, error) = match (job.slot.stopped(), &job.failure) {
        (Stop::Cancel, _) => (
            JobStatus::Canceled,
            error("canceled", "canceled while it ran"),
        ),
        (Stop::Expired, _) => (
            JobStatus::Expired,
            error("expired", "its Cancel-After was over"),
        ),
        (Stop::Drain, _) => (JobStatus::Queued, None),
        (Stop::Overdue, _) => {
            let detail = "it took far longer than jobs of its size do";
            (JobStatus::Failed, error("timeout", detail))
        }
        (Stop::No | Stop::Lost, Some(failure)) => (JobStatus::Failed, Some(failure.0.clone())),
        (Stop::No | Stop::Lost, None) if job.outputs.len() < row.input.n as usize => (
            JobStatus::Failed,
            error("internal", "the model made too few pieces"),
        ),
        (Stop::No | Stop::Lost, None) => (JobStatus::Succeeded, None),
    };
    let made = job
        .outputs
        .iter()
        .map(|output| output.waveform.duration_s());
    let queue_ms = row.started_at.unwrap_or(row.created_at) - row.created_at;
    Ending {
        status,
        resolved: None,
        error,
        usage: Some(Usage {
            queue_s: queue_ms.max(0) as f64 / 1000.0,
            compute_s,
            audio_s: made.sum(),
        })
        .filter(|_| status.is_terminal()),
        model: Some(app.engines.card().reference()),
        outputs: Vec::new(),
        at: now_ms(),
    }
}

fn write_all(app: &App, job: &Running) -> Result<Vec<OutputRow>, Failure> {
    let stage = json!({
        "stage": "encode", "step": 0, "total": job.outputs.len(), "fraction": 0.99,
        "elapsed_ms": job.begun.elapsed().as_millis() as u64, "eta_s": null,
    });
    let id = &job.claim.row.id;
    app.hub.publish(id, crate::wire::EventKind::Progress, stage);
    let mut rows = Vec::new();
    for (index, output) in (0_u32..).zip(&job.outputs) {
        let peak = output.waveform.peak();
        if !peak.is_finite() || peak == 0.0 {
            let what = if peak == 0.0 {
                "is silent"
            } else {
                "is not finite"
            };
            let detail = format!("output {index} {what}");
            return Err(Failure::new("invalid_output", &detail));
        }
        let written = write(app, job, index, output);
        rows.push(written.map_err(|error| match error {
            Error::Audio(mustool_audio::Error::Write { .. }) | Error::File { .. } => {
                Failure::internal("the result could not be written; the disk may be full")
            }
            error => Failure::of(&error),
        })?);
    }
    Ok(rows)
}

fn write(app: &App, job: &Running, index: u32, output: &Output) -> Result<OutputRow> {
    let row = &job.claim.row;
    let form = &row.input.output;
    let waveform = finished(&output.waveform, form)?;
    let measured = loudness::measure(&waveform)?;
    let tags = match form.embed_metadata {
        true => tags(app, &row.input, output)?,
        false => Tags::new(),
    };
    let bytes = pack(&waveform, form.format, form.bitrate_kbps, &tags)?;
    let name = |extension: &str| format!("{}-{index}-{}.{extension}", row.id, job.claim.fence);
    let object = name(form.format.name());
    app.objects.put(&object, &bytes)?;
    let lossless = matches!(form.format, AudioFormat::Wav | AudioFormat::Flac);
    let master = match lossless {
        true => object.clone(),
        false => {
            let master = name("master.flac");
            app.objects
                .put(&master, &pack(&waveform, AudioFormat::Flac, None, &tags)?)?;
            master
        }
    };
    Ok(OutputRow {
        output: JobOutput {
            index,
            seed: output.seed,
            duration_s: waveform.duration_s(),
            sample_rate: waveform.sample_rate(),
            channels: waveform.channels(),
            media_type: form.format.media_type().to_owned(),
            bytes: bytes.len() as u64,
            sha256: hex(&Sha256::digest(&bytes)),
            lufs: measured.integrated_lufs,
            true_peak_dbtp: measured.true_peak_dbtp,
            url: format!("/v1/generations/{}/outputs/{index}/audio", row.id),
        },
        object,
        master,
        plan: serde_json::to_string(&output.plan).expect("plans are JSON"),
    })
}

/// Resampled and levelled as asked.
fn finished(waveform: &Waveform, form: &crate::wire::OutputFormat) -> Result<Waveform> {
    let waveform = match form.sample_rate {
        Some(rate) if rate != waveform.sample_rate() => resample::resample(waveform, rate)?,
        _ => waveform.clone(),
    };
    let target = &form.loudness;
    Ok(loudness::normalise(
        &waveform,
        target.target_lufs,
        target.true_peak_dbtp,
    )?)
}

/// The bytes of a file. A bit rate is held within what the format has, and means nothing to those
/// without one.
pub(crate) fn pack(
    waveform: &Waveform,
    format: AudioFormat,
    bitrate_kbps: Option<u32>,
    tags: &Tags,
) -> Result<Vec<u8>> {
    let format = Format::from(format);
    let range = format.bitrates_kbps();
    let settings = EncodeSettings {
        format,
        sample_format: SampleFormat::Pcm16,
        bitrate_kbps: bitrate_kbps
            .zip(range)
            .map(|(rate, range)| rate.clamp(*range.start(), *range.end())),
    };
    Ok(encode(waveform, &settings, tags)?)
}

/// What travels inside the file: all that is needed to make it again, but no id and no time, so
/// that it is the same bytes then.
fn tags(app: &App, input: &GenerationRequest, output: &Output) -> Result<Tags> {
    let card = app.engines.card();
    let plan = json!(output.plan);
    let mut settings = json!({
        "prompt": input.prompt, "duration_s": output.plan.duration_s, "seed": output.seed,
        "n": 1, "plan": plan,
        "output": { "format": Value::Null, "loudness": input.output.loudness },
    });
    let optional = [
        ("negative_prompt", json!(input.negative_prompt)),
        ("steps", json!(input.steps)),
        ("guidance_scale", json!(input.guidance_scale)),
        ("scheduler", json!(input.scheduler)),
    ];
    for (name, value) in optional {
        if !value.is_null() && value != json!("") {
            settings[name] = value;
        }
    }
    settings["output"]["format"] = match input.output.format {
        AudioFormat::Flac => json!("flac"),
        _ => json!("wav"),
    };
    let mut tags = Tags::new();
    for (key, value) in [
        ("title", input.prompt.chars().take(80).collect()),
        ("comment", input.prompt.clone()),
        ("prompt", input.prompt.clone()),
        ("seed", output.seed.to_string()),
        ("plan", plan.to_string()),
        ("settings", settings.to_string()),
        ("model", card.id),
        ("model_sha256", card.weights_sha256.unwrap_or_default()),
        ("software", SOFTWARE.to_owned()),
    ] {
        tags.insert(key, value)?;
    }
    Ok(tags)
}

/// What was really used, by the first output.
fn resolved(input: &GenerationRequest, outputs: &[Output]) -> Option<Resolved> {
    let output = outputs.first()?;
    let controls = &input.controls;
    let stated = [
        controls.tempo_bpm.is_some(),
        controls.time_signature.is_some(),
        controls.key.is_some(),
        controls.beats.is_some(),
        controls.chords.is_some(),
    ];
    let controls_source = match stated.iter().filter(|&&stated| stated).count() {
        _ if input.plan.is_some() => ControlsSource::Request,
        0 => ControlsSource::Predicted,
        5 => ControlsSource::Request,
        _ => ControlsSource::Mixed,
    };
    let plan = &output.plan;
    Some(Resolved {
        seed: input.seed.unwrap_or(output.seed),
        tempo_bpm: plan.tempo_bpm,
        time_signature: plan.meter.to_string(),
        key: plan.key.map(|key| key.to_string()),
        duration_s: plan.duration_s,
        beats: beats_of(plan),
        chords: chords_of(plan),
        controls_source,
    })
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
