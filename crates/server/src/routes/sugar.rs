//! New pieces out of finished ones: variations, continuations, new spans, loops.
//!
//! Each copies what was really used for the first piece, so that only what is asked for changes.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::create::job_answer;
use super::submit::{Arrival, submit};
use super::{Body, Service, find};
use crate::edge::auth::Caller;
use crate::edge::{idempotency, prefer};
use crate::problem::Problem;
use crate::wire::limits::{MAX_OUTPUTS, MAX_SEED};
use crate::wire::music::PlanSpec;
use crate::wire::{Controls, Fault, GenerationRequest, InputAudio, InputMode, Job};
use crate::{Error, Result};

/// What is different; everything else is as it was.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Change {
    /// Which output to start from.
    #[schema(minimum = 0, maximum = 3)]
    pub(super) output: u32,
    /// Another prompt.
    #[schema(
        min_length = 1,
        max_length = 2000,
        pattern = r"^[^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*[^\s\x00-\x20\x7F-\xA0][^\x00-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F]*$"
    )]
    pub(super) prompt: Option<String>,
    /// Another length, for continuations; 10 s more, if left out.
    #[schema(minimum = 1, maximum = 60)]
    pub(super) duration_s: Option<f64>,
    /// Seed; a random one, if left out.
    #[schema(minimum = 0, maximum = 9007199254740991_i64)]
    pub(super) seed: Option<u64>,
    /// How many pieces.
    #[schema(minimum = 1, maximum = 4)]
    pub(super) n: Option<u32>,
    /// How far to move, for variations.
    #[schema(minimum = 0, maximum = 1)]
    pub(super) strength: Option<f64>,
    /// Where the new span begins, for inpainting.
    #[schema(minimum = 0, maximum = 60)]
    pub(super) start_s: Option<f64>,
    /// Where it ends.
    #[schema(minimum = 0, maximum = 60)]
    pub(super) end_s: Option<f64>,
}

impl Change {
    /// Checks every value, also those that the way of changing does not use.
    fn validate(&self, max_duration_s: f64) -> Result<()> {
        let ranges = [
            ("/duration_s", self.duration_s, (1.0, max_duration_s)),
            ("/n", self.n.map(f64::from), (1.0, f64::from(MAX_OUTPUTS))),
            ("/strength", self.strength, (0.0, 1.0)),
            ("/start_s", self.start_s, (0.0, 60.0)),
            ("/end_s", self.end_s, (0.0, 60.0)),
        ];
        let mut faults = Vec::new();
        for (pointer, value, (min, max)) in ranges {
            if value.is_some_and(|value| !(min..=max).contains(&value)) {
                faults.push(Fault::new(pointer, format!("must be from {min} to {max}")));
            }
        }
        if self.seed.is_some_and(|seed| seed > MAX_SEED) {
            faults.push(Fault::new("/seed", format!("must be at most {MAX_SEED}")));
        }
        match faults.is_empty() {
            true => Ok(()),
            false => Err(Error::Invalid { faults }),
        }
    }
}

async fn change(
    service: Arc<Service>,
    caller: Caller,
    (id, headers): (String, HeaderMap),
    body: Body<Change>,
    mode: InputMode,
) -> Result<Response, Problem> {
    let row = find(&service.app, &caller, &id).await?;
    let change = body.value;
    let card = service.app.engines.card();
    change.validate(service.app.limits.max_duration_s.min(card.max_duration_s))?;
    let output = row.outputs.get(change.output as usize);
    let output = output.ok_or_else(|| Error::NotFound {
        what: "output",
        id: format!("{}/{}", row.id, change.output),
    })?;
    let plan: PlanSpec = (serde_json::from_str::<mustool_music::Plan>(&output.plan).as_ref())
        .map(PlanSpec::from)
        .map_err(|error| Error::Store {
            reason: error.to_string(),
        })?;
    // A continuation goes beyond the plan; of the plan it keeps what holds everywhere.
    let (plan, controls, duration_s) = match mode {
        InputMode::Extend => {
            let controls = Controls {
                tempo_bpm: Some(plan.tempo_bpm),
                time_signature: Some(plan.time_signature),
                key: plan.key,
                ..Controls::default()
            };
            (None, controls, change.duration_s)
        }
        _ => (
            Some(plan),
            Controls::default(),
            Some(output.output.duration_s),
        ),
    };
    let request = GenerationRequest {
        prompt: change.prompt.unwrap_or_else(|| row.input.prompt.clone()),
        duration_s,
        seed: change.seed,
        n: change.n.unwrap_or(1),
        plan: plan.map(|plan| PlanSpec {
            duration_s: plan.duration_s.max(output.output.duration_s),
            ..plan
        }),
        controls,
        input_audio: Some(InputAudio {
            file_id: format!("{}/{}", row.id, change.output),
            mode,
            strength: change.strength.filter(|_| mode == InputMode::Vary),
            start_s: change.start_s.filter(|_| mode == InputMode::Inpaint),
            end_s: change.end_s.filter(|_| mode == InputMode::Inpaint),
        }),
        ..row.input.clone()
    };
    let path = format!("/v1/generations/{}/{mode:?}", row.id);
    let arrival = Arrival {
        client_id: None,
        idempotency: idempotency::key(&headers)?,
        fingerprint: idempotency::fingerprint("POST", &path, &body.bytes),
        cancel_after: prefer::cancel_after(&headers)?,
    };
    let (row, _) = submit(&service, &caller, request, arrival).await?;
    job_answer(&service, &headers, row).await
}

macro_rules! changes {
    ($($(#[doc = $doc:literal])+ $name:ident $path:literal $mode:ident;)+) => {$(
        $(#[doc = $doc])+
        #[utoipa::path(post, path = $path, tag = "generations", request_body = Change,
            params(("id" = String, Path, description = "id, or your name for it")),
            responses((status = 202, description = "accepted", body = Job), (status = 200, description = "finished while waiting", body = Job)))]
        pub(super) async fn $name(
            State(service): State<Arc<Service>>,
            caller: Caller,
            Path(id): Path<String>,
            headers: HeaderMap,
            body: Body<Change>,
        ) -> Result<Response, Problem> {
            change(service, caller, (id, headers), body, InputMode::$mode).await
        }
    )+};
}

changes! {
    /// Make a piece anew, like it.
    variations "/v1/generations/{id}/variations" Vary;
    /// Go on after the end of a piece.
    extend "/v1/generations/{id}/extend" Extend;
    /// Make a span of a piece anew.
    inpaint "/v1/generations/{id}/inpaint" Inpaint;
    /// Make the end of a piece lead into its beginning.
    make_loop "/v1/generations/{id}/loop" Loop;
}
