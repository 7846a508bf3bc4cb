//! From a stored request to what the engine takes: the plan with the beats and chords that were
//! asked for, and the sound to start from.

use std::fmt::Write;
use std::path::Path;

use mustool_audio::Waveform;
use mustool_audio::decode::{self, DecodeLimits};
use mustool_diffusion::{AudioSource, Mode, Request, SchedulerKind};
use mustool_music::{Key, Meter, Plan, tempo_from_beats};

use crate::app::App;
use crate::engine::Engine;
use crate::wire::music::ChordSpec;
use crate::wire::request::Scheduler;
use crate::wire::{Controls, GenerationRequest, InputAudio, InputMode, to_plan};
use crate::{Error, Result};

/// How far to move from an input unless asked otherwise.
const DEFAULT_STRENGTH: f64 = 0.6;

/// The request for the first output. Those after it differ in their seed.
pub(crate) fn request(
    input: &GenerationRequest,
    engine: &dyn Engine,
    source: Option<AudioSource>,
) -> Result<Request> {
    let duration_s = input.planned_duration_s();
    let mut request = Request {
        source,
        negative_prompt: input.negative_prompt.clone(),
        seed: input.seed.unwrap_or(0),
        num_inference_steps: Some(input.steps.unwrap_or(engine.card().default_steps) as usize),
        guidance_scale: input.guidance_scale,
        scheduler: input.scheduler.map(|scheduler| match scheduler {
            Scheduler::Ddpm => SchedulerKind::Ddpm,
            Scheduler::Ddim => SchedulerKind::Ddim,
            Scheduler::DpmSolver => SchedulerKind::DpmSolver,
        }),
        ..stated(&input.prompt, duration_s, &input.controls)
    };
    if let Some(plan) = &input.plan {
        let plan = to_plan(plan).map_err(|faults| Error::Invalid { faults })?;
        request.plan = Some(match duration_s < plan.duration_s {
            true => plan.crop(0.0, duration_s),
            false => plan,
        });
    } else if let Some(plan) = plan_with_beats(&request, &input.controls, engine)? {
        request.plan = Some(plan);
        (request.tempo_bpm, request.key, request.meter) = (None, None, None);
        request.chords = None;
    }
    Ok(request)
}

/// A request with the facts that are stated as numbers and names.
pub(crate) fn stated(prompt: &str, duration_s: f64, controls: &Controls) -> Request {
    let chords = controls
        .chords
        .as_deref()
        .filter(|chords| !chords.is_empty());
    Request {
        prompt: prompt.to_owned(),
        duration_s,
        tempo_bpm: controls.tempo_bpm,
        key: controls.key.as_ref().and_then(|key| Key::parse(key).ok()),
        meter: (controls.time_signature.as_ref()).and_then(|meter| Meter::parse(meter).ok()),
        chords: chords.map(as_line),
        ..Request::default()
    }
}

/// Chords as the planner reads them: `Am7@0 Fmaj7@2.86`.
fn as_line(chords: &[ChordSpec]) -> String {
    chords.iter().fold(String::new(), |mut line, chord| {
        let _ = write!(line, "{}@{} ", chord.symbol, chord.t);
        line
    })
}

/// The plan of the request with the beats that were asked for in place of its own.
pub(crate) fn plan_with_beats(
    request: &Request,
    controls: &Controls,
    engine: &dyn Engine,
) -> Result<Option<Plan>> {
    let Some(beats) = controls.beats.as_deref().filter(|beats| !beats.is_empty()) else {
        return Ok(None);
    };
    let times: Vec<f64> = beats.iter().map(|beat| beat.t).collect();
    let (min_bpm, max_bpm) = mustool_music::TEMPO_RANGE_BPM;
    let tempo = tempo_from_beats(&times).map(|tempo| tempo.clamp(min_bpm, max_bpm));
    let longest = beats.iter().map(|beat| beat.beat).max().unwrap_or(1);
    let mut asked = request.clone();
    asked.tempo_bpm = request.tempo_bpm.or(tempo);
    if asked
        .meter
        .is_none_or(|meter| meter.beats_per_bar < longest)
    {
        asked.meter = match (asked.meter, longest) {
            (None, 0..=4) => None,
            (_, longest) => Meter::new(longest, 4),
        };
    }
    let mut plan = engine.plan(&asked)?;
    if plan.meter.beats_per_bar < longest
        && let Some(meter) = Meter::new(longest, 4)
    {
        plan.meter = meter;
    }
    plan.beats = (beats.iter())
        .map(|beat| mustool_music::Beat {
            time_s: beat.t,
            number: beat.beat,
        })
        .collect();
    plan.validate().map_err(mustool_diffusion::Error::from)?;
    Ok(Some(plan))
}

/// The sound that a request starts from.
pub(crate) async fn source(app: &App, input: &InputAudio) -> Result<AudioSource> {
    let waveform = waveform(app, &input.file_id).await?;
    let mode = match input.mode {
        InputMode::Vary => Mode::Vary {
            strength: input.strength.unwrap_or(DEFAULT_STRENGTH),
        },
        InputMode::Extend => Mode::Extend,
        InputMode::Inpaint => Mode::Inpaint {
            start_s: input.start_s.unwrap_or(0.0),
            end_s: input.end_s.unwrap_or(0.0).min(waveform.duration_s()),
        },
        InputMode::Loop => Mode::Loop,
    };
    Ok(AudioSource { waveform, mode })
}

/// The sound of an upload, or of an output written as `gen_…/0`.
pub(crate) async fn waveform(app: &App, file_id: &str) -> Result<Waveform> {
    let object = match file_id.split_once('/') {
        Some((job_id, index)) => {
            let job = app.find(job_id, None).await?;
            let index = index.parse().unwrap_or(usize::MAX);
            job.outputs
                .into_iter()
                .nth(index)
                .map(|output| output.master)
        }
        None => {
            let file = app.store.file(file_id.to_owned()).await?;
            file.map(|file| file.object)
        }
    };
    let object = object.ok_or_else(|| Error::NotFound {
        what: "file",
        id: file_id.to_owned(),
    })?;
    let bytes = app.objects.get(&object)?;
    decode_limited(Path::new(&object), bytes, app)
}

/// Decodes within the service's limits.
pub(crate) fn decode_limited(name: &Path, bytes: Vec<u8>, app: &App) -> Result<Waveform> {
    let limits = DecodeLimits {
        max_bytes: app.limits.max_upload_bytes,
        max_duration_s: app.limits.max_upload_s,
        ..DecodeLimits::default()
    };
    Ok(decode::from_bytes(name, bytes, &limits)?)
}
