//! Accepting a job: everything is checked and filled in, then it is on disk, then it is told.

use std::sync::Arc;
use std::time::Duration;

use super::{Service, new_id, owner};
use crate::app::cost;
use crate::edge::auth::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::store::{Enqueue, Enqueued, IdempotencyKey, JobRow, QueueLimits};
use crate::wire::event::EventKind;
use crate::wire::limits::DEFAULT_DURATION_S;
use crate::wire::request::{Priority, random_seed};
use crate::wire::{Fault, GenerationRequest, InputMode, normalise, now_ms};
use crate::{Error, Result};

/// How a request came.
#[derive(Debug, Default)]
pub(super) struct Arrival {
    /// Name of the client for it.
    pub(super) client_id: Option<String>,
    /// Its idempotency key.
    pub(super) idempotency: Option<String>,
    /// Checksum of method, path and body.
    pub(super) fingerprint: String,
    /// When it is no longer wanted.
    pub(super) cancel_after: Option<Duration>,
}

/// Accepts a job; the flag says whether it is new.
pub(super) async fn submit(
    service: &Arc<Service>,
    caller: &Caller,
    request: GenerationRequest,
    arrival: Arrival,
) -> Result<(JobRow, bool), Problem> {
    let app = &service.app;
    let job = prepare(service, caller, request, arrival).await?;
    match app.store.enqueue(job).await? {
        Enqueued::New(row) => {
            app.hub.relay(&row.id, app.event(&row, EventKind::Queued));
            app.wake.notify_one();
            Ok((*row, true))
        }
        Enqueued::Known(row) => Ok((*row, false)),
        Enqueued::KeyReused => Err(Error::KeyReused.into()),
        Enqueued::NameTaken => Err(Error::Conflict {
            reason: "there is another generation of this name; choose another name".to_owned(),
        }
        .into()),
        Enqueued::Full { queued, limit } => {
            app.metrics.shed.inc(&["queue"]);
            Err(Error::QueueFull {
                queued,
                limit,
                retry_after_s: app.speed.retry_after_s(),
            }
            .into())
        }
    }
}

/// A request with all that was left open, as it goes into the store.
pub(super) async fn prepare(
    service: &Arc<Service>,
    caller: &Caller,
    mut request: GenerationRequest,
    arrival: Arrival,
) -> Result<Enqueue, Problem> {
    caller.require(Scope::Generate)?;
    let app = &service.app;
    if app.is_draining() {
        return Err(Problem::new(Code::Draining, "the service is stopping").retry_after(5));
    }
    let card = app.engines.card();
    let max_duration_s = app.limits.max_duration_s.min(card.max_duration_s);
    request.validate(max_duration_s)?;
    request.prompt = normalise(&request.prompt);
    request.negative_prompt = normalise(&request.negative_prompt);
    if request
        .model
        .as_ref()
        .is_some_and(|model| *model != card.id)
    {
        let detail = format!("must be {}, the model of this server", card.id);
        return Err(invalid("/model", detail));
    }
    match (&request.webhook, &app.webhooks) {
        (Some(_), None) => {
            let detail = "webhooks are off; the server must be started with --webhooks";
            return Err(invalid("/webhook", detail));
        }
        (Some(webhook), Some(policy)) => policy
            .check_url(&webhook.url)
            .map_err(|refusal| invalid("/webhook/url", refusal.to_string()))?,
        (None, _) => {}
    }
    if request.priority == Priority::High {
        caller.require(Scope::Admin)?;
    }
    if let Some(input_s) = input_duration(service, caller, &request).await? {
        resolve_duration(&mut request, input_s, max_duration_s)?;
    }
    request.duration_s = Some(request.planned_duration_s());
    request.seed = request.seed.or_else(|| Some(random_seed()));
    let steps = request.steps.unwrap_or(card.default_steps);
    let created_at = now_ms();
    let deadline = arrival.cancel_after.map(|after| after.as_millis() as i64);
    Ok(Enqueue {
        id: new_id("gen"),
        owner: caller.key_id.to_string(),
        client_id: arrival.client_id,
        priority: request.priority.rank(),
        created_at,
        deadline_at: deadline.map(|after| created_at + after),
        cost: cost(request.planned_duration_s(), request.n, steps),
        compatible: compatible(&request, steps),
        idempotency: arrival.idempotency.map(IdempotencyKey),
        fingerprint: arrival.fingerprint,
        batch: None,
        limits: QueueLimits {
            total: app.limits.max_queue,
            per_owner: app.limits.max_queue_per_key,
        },
        input: request,
    })
}

fn invalid(pointer: &str, detail: impl Into<String>) -> Problem {
    let faults = vec![Fault::new(pointer, detail)];
    Error::Invalid { faults }.into()
}

/// Jobs with the same text can run together; those with an input run alone.
fn compatible(request: &GenerationRequest, steps: u32) -> String {
    if request.input_audio.is_some() {
        return String::new();
    }
    let duration_s = request.planned_duration_s();
    let guidance = request
        .guidance_scale
        .map_or(String::new(), |scale| scale.to_string());
    format!("{steps}|{duration_s}|{guidance}|{:?}", request.scheduler)
}

/// Length of the sound that a request starts from, in seconds. 404 where the caller has no such
/// file.
async fn input_duration(
    service: &Arc<Service>,
    caller: &Caller,
    request: &GenerationRequest,
) -> Result<Option<f64>, Problem> {
    let Some(input) = &request.input_audio else {
        return Ok(None);
    };
    let absent = || Error::NotFound {
        what: "file",
        id: input.file_id.clone(),
    };
    if let Some((job_id, index)) = input.file_id.split_once('/') {
        let job = super::find(&service.app, caller, job_id).await?;
        let index: usize = index.parse().map_err(|_| absent())?;
        let output = job.outputs.get(index).ok_or_else(absent)?;
        return Ok(Some(output.output.duration_s));
    }
    let file = service.app.store.file(input.file_id.clone()).await?;
    let mine = |file_owner: &str| owner(caller).is_none_or(|owner| owner == file_owner);
    let file = file.filter(|file| mine(&file.owner)).ok_or_else(absent)?;
    match file.duration_s {
        Some(duration_s) => Ok(Some(duration_s)),
        None => Err(invalid(
            "/input_audio/file_id",
            "must be an upload of audio",
        )),
    }
}

/// Fills in the length of a piece that starts from a sound, and checks its spans.
fn resolve_duration(
    request: &mut GenerationRequest,
    input_s: f64,
    max_duration_s: f64,
) -> Result<(), Problem> {
    let Some(input) = &request.input_audio else {
        return Ok(());
    };
    if input_s > max_duration_s {
        let detail = format!("must last at most {max_duration_s} s, not {input_s:.2}");
        return Err(invalid("/input_audio/file_id", detail));
    }
    if input_s < 0.5 {
        return Err(invalid("/input_audio/file_id", "must last at least 0.5 s"));
    }
    let extend = input.mode == InputMode::Extend;
    if input.end_s.is_some_and(|end_s| end_s > input_s + 1e-3) {
        let detail = format!("must lie within the {input_s:.2} s of the sound");
        return Err(invalid("/input_audio/end_s", detail));
    }
    let default_s = match extend {
        true => (input_s + DEFAULT_DURATION_S).min(max_duration_s),
        false => input_s.max(crate::wire::limits::MIN_DURATION_S),
    };
    let plan_s = request.plan.as_ref().map(|plan| plan.duration_s);
    let duration_s = request.duration_s.or(plan_s).unwrap_or(default_s);
    if extend && duration_s <= input_s {
        let detail = format!("must be longer than the {input_s:.2} s of the sound");
        return Err(invalid("/duration_s", detail));
    }
    request.duration_s = Some(duration_s);
    Ok(())
}
