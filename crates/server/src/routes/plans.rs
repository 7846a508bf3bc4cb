//! `POST /v1/plans`: what a prompt would become, as something to edit before any sound is made.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;

use super::{Body, Service, blocking};
use crate::edge::auth::{Caller, Scope};
use crate::problem::{Code, Problem};
use crate::wire::limits::DEFAULT_DURATION_S;
use crate::wire::music::PlanSpec;
use crate::wire::request::PlanRequest;
use crate::worker::{plan_with_beats, stated};

/// Plan a piece: tempo, metre, key, beats and chords, without sound.
///
/// What comes back can be edited and sent as `plan` of a generation.
#[utoipa::path(post, path = "/v1/plans", tag = "plans", request_body = PlanRequest,
    responses((status = 200, description = "the plan", body = PlanSpec)))]
pub(super) async fn plan(
    State(service): State<Arc<Service>>,
    caller: Caller,
    body: Body<PlanRequest>,
) -> Result<Json<PlanSpec>, Problem> {
    caller.require(Scope::Generate)?;
    let app = Arc::clone(&service.app);
    let max_duration_s = app
        .limits
        .max_duration_s
        .min(app.engines.card().max_duration_s);
    let asked = body.value;
    asked.validate(max_duration_s)?;
    let plan = blocking(move || {
        let engine = app
            .engines
            .get()
            .map_err(|error| crate::engine::no_model(&error))?;
        let duration_s = asked.duration_s.unwrap_or(DEFAULT_DURATION_S);
        let mut request = stated(
            &crate::wire::normalise(&asked.prompt),
            duration_s,
            &asked.controls,
        );
        request.seed = asked.seed;
        match plan_with_beats(&request, &asked.controls, engine.as_ref())? {
            Some(plan) => Ok(plan),
            None => Ok(engine.plan(&request)?),
        }
    })
    .await;
    match plan {
        Ok(plan) => Ok(Json(PlanSpec::from(&plan))),
        Err(crate::Error::Diffusion(mustool_diffusion::Error::Plan(error))) => {
            let pointer = format!("/controls{}", error.pointer);
            let fault = crate::wire::Fault::new(pointer, error.reason.to_string());
            let detail = format!("{}: {}", fault.pointer, fault.detail);
            Err(Problem::new(Code::Invalid, detail).faults(vec![fault]))
        }
        Err(error) => Err(error.into()),
    }
}
