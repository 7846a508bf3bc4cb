//! What is asked of a model, in one form for flags, lines of JSON and the tags of a finished file.
//!
//! The JSON is that of the service's `POST /v1/generations`, with `plan` and `dtype` added and a
//! path where the service has the id of an upload. Musical facts are in `controls`, running the
//! request is elsewhere.

use std::path::Path;

use mustool_diffusion::{AudioSource, Mode, ModelInfo, Request, SchedulerKind};
use mustool_music::Plan;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::args::{Precision, usage};
use crate::controls::{Chords, Controls};
use crate::output::Format;
use crate::source::{InputAudio, read_limited};

/// Longest prompt, in characters.
const MAX_PROMPT_CHARS: usize = 2_000;
/// Longest negative prompt, in characters.
const MAX_NEGATIVE_CHARS: usize = 1_000;
/// Most outputs of one request.
const MAX_OUTPUTS: usize = 64;
const MAX_STEPS: usize = 1_000;
const MAX_GUIDANCE: f64 = 50.0;
/// Shortest piece, in seconds.
const MIN_DURATION_S: f64 = 1.0;
/// Length of a piece if nothing else says it, in seconds.
const DEFAULT_DURATION_S: f64 = 10.0;

/// A request; absent fields are chosen by the model or at random.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Name of the model that it is meant for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    pub(crate) prompt: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) negative_prompt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) duration_s: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<u64>,
    #[serde(default = "one")]
    pub(crate) n: usize,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) steps: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) guidance_scale: Option<f64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) scheduler: Option<String>,
    #[serde(default)]
    pub(crate) controls: Controls,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) plan: Option<Plan>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) input_audio: Option<InputAudio>,
    #[serde(default)]
    pub(crate) output: Format,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dtype: Option<Precision>,
    /// Carried along, for whoever asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) metadata: Option<serde_json::Map<String, Value>>,
    /// The service's: in which order it works. There is one order here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) priority: Option<Priority>,
    /// The service's: how long it keeps the result. Files stay where they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) expires_after_s: Option<f64>,
    /// The service's: whom it tells. Nobody is told here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) webhook: Option<Webhook>,
}

/// How soon the service begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Priority {
    Low,
    Normal,
    High,
}

/// Whom the service tells about what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Webhook {
    url: String,
    #[serde(default)]
    events: Vec<String>,
}

fn one() -> usize {
    1
}

/// What is wrong with a request: a field of the JSON, and what would be right.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    pub(crate) field: &'static str,
    pub(crate) reason: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.field, self.reason)
    }
}

impl std::error::Error for Fault {}

/// A [`Fault`].
pub(crate) fn fault<T>(field: &'static str, reason: impl Into<String>) -> Result<T, Fault> {
    let reason = reason.into();
    Err(Fault { field, reason })
}

/// Refuses a number outside a range, and NaN.
pub(crate) fn within(field: &'static str, value: f64, (min, max): (f64, f64)) -> Result<(), Fault> {
    if (min..=max).contains(&value) {
        return Ok(());
    }
    fault(field, format!("{value} is outside {min} to {max}"))
}

fn text(field: &'static str, text: &str, max_chars: usize) -> Result<(), Fault> {
    let chars = text.chars().count();
    if chars > max_chars {
        return fault(
            field,
            format!("{chars} characters; at most {max_chars} are read, shorten it"),
        );
    }
    if text.chars().any(|c| c.is_control() && !c.is_whitespace()) {
        return fault(field, "there are control characters in it; remove them");
    }
    Ok(())
}

impl Settings {
    /// A prompt, and everything else left open.
    pub(crate) fn of_prompt(prompt: String) -> Self {
        Self {
            model: None,
            prompt,
            negative_prompt: String::new(),
            duration_s: None,
            seed: None,
            n: 1,
            steps: None,
            guidance_scale: None,
            scheduler: None,
            controls: Controls::default(),
            plan: None,
            input_audio: None,
            output: Format::default(),
            dtype: None,
            metadata: None,
            priority: None,
            expires_after_s: None,
            webhook: None,
        }
    }

    /// Fills in the seed, the length and the number type, so that the request can be repeated.
    /// The length of a piece that starts from an input is known only when that is read.
    pub(crate) fn resolve(&mut self, precision: Precision) {
        self.dtype = self.dtype.or(Some(precision));
        let plan_s = self.plan.as_ref().map(|plan| plan.duration_s);
        if self.input_audio.is_none() {
            self.duration_s = self.duration_s.or(plan_s).or(Some(DEFAULT_DURATION_S));
        }
        self.seed = self.seed.or_else(|| Some(random_seed()));
    }

    /// Checks everything that can be checked without reading other files.
    pub(crate) fn validate(&self, info: &ModelInfo) -> Result<(), Fault> {
        if let Some(model) = self.model.as_ref().filter(|model| **model != info.id) {
            let id = &info.id;
            return fault(
                "model",
                format!("{model:?} is not the model at hand, {id:?}; choose one with --model"),
            );
        }
        if self.prompt.trim().is_empty() {
            return fault(
                "prompt",
                "it is empty; say what the music should sound like",
            );
        }
        text("prompt", &self.prompt, MAX_PROMPT_CHARS)?;
        text("negative_prompt", &self.negative_prompt, MAX_NEGATIVE_CHARS)?;
        if !(1..=MAX_OUTPUTS).contains(&self.n) {
            return fault("n", format!("{} is outside 1 to {MAX_OUTPUTS}", self.n));
        }
        if let Some(duration_s) = self.duration_s {
            check_duration(duration_s, info)?;
        }
        if let Some(steps) = self.steps.filter(|steps| !(1..=MAX_STEPS).contains(steps)) {
            return fault("steps", format!("{steps} is outside 1 to {MAX_STEPS}"));
        }
        if let Some(guidance_scale) = self.guidance_scale {
            within("guidance_scale", guidance_scale, (0.0, MAX_GUIDANCE))?;
        }
        self.scheduler_kind()?;
        self.output.validate()?;
        self.check_music()?;
        match &self.input_audio {
            Some(input) => input.mode(None).map(|_| ()),
            None => Ok(()),
        }
    }

    fn check_music(&self) -> Result<(), Fault> {
        self.controls
            .check(self.duration_s.unwrap_or(DEFAULT_DURATION_S))?;
        let Some(plan) = &self.plan else {
            return Ok(());
        };
        if let Err(error) = plan.validate() {
            return fault("plan", error.to_string());
        }
        if self
            .duration_s
            .is_some_and(|duration_s| duration_s > plan.duration_s)
        {
            let plan_s = plan.duration_s;
            return fault(
                "duration_s",
                format!("the plan lasts only {plan_s} s; ask for no more"),
            );
        }
        if self.controls != Controls::default() {
            return fault(
                "plan",
                "tempo, key, metre, beats and chords belong inside the plan; edit it there",
            );
        }
        Ok(())
    }

    fn scheduler_kind(&self) -> Result<Option<SchedulerKind>, Fault> {
        let Some(name) = &self.scheduler else {
            return Ok(None);
        };
        let kind = name.parse::<SchedulerKind>();
        kind.map(Some).or_else(|_| {
            fault(
                "scheduler",
                format!("there is no {name:?}; there are ddpm, ddim and dpm++2m"),
            )
        })
    }

    /// The request as the pipeline takes it. Reads the input, and notes its checksum and the
    /// length that follows from it. A [`Fault`] is in the error where the request is wrong.
    pub(crate) fn prepare(&mut self, info: &ModelInfo) -> anyhow::Result<Request> {
        let source = self
            .input_audio
            .as_mut()
            .map(|input| input.open(info))
            .transpose()?;
        if let Some(source) = &source {
            let input_s = source.waveform.duration_s();
            let default_s = match source.mode {
                Mode::Extend => (input_s + DEFAULT_DURATION_S).min(info.max_duration_s),
                _ => input_s,
            };
            self.duration_s = self.duration_s.or(Some(default_s));
        }
        Ok(self.checked_request(source, info)?)
    }

    fn checked_request(
        &self,
        source: Option<AudioSource>,
        info: &ModelInfo,
    ) -> Result<Request, Fault> {
        let duration_s = self.duration_s.unwrap_or(DEFAULT_DURATION_S);
        check_duration(duration_s, info)?;
        let plan = self
            .plan
            .as_ref()
            .map(|plan| match duration_s < plan.duration_s {
                true => plan.crop(0.0, duration_s),
                false => plan.clone(),
            });
        Ok(Request {
            prompt: self.prompt.clone(),
            negative_prompt: self.negative_prompt.clone(),
            plan,
            tempo_bpm: self.controls.tempo_bpm,
            key: self.controls.key,
            meter: self.controls.time_signature,
            chords: self.controls.chords.as_ref().map(Chords::to_text),
            beats: self.controls.beats.clone(),
            duration_s,
            seed: self.seed.unwrap_or(0),
            num_outputs: self.n,
            num_inference_steps: self.steps,
            guidance_scale: self.guidance_scale,
            scheduler: self.scheduler_kind()?,
            source,
        })
    }
}

fn check_duration(duration_s: f64, info: &ModelInfo) -> Result<(), Fault> {
    let max_s = info.max_duration_s;
    if (MIN_DURATION_S..=max_s).contains(&duration_s) {
        return Ok(());
    }
    let id = &info.id;
    let wanted = format!("{id} makes at least {MIN_DURATION_S} and at most {max_s} s");
    fault(
        "duration_s",
        format!("{duration_s} s cannot be made; {wanted}"),
    )
}

/// Reads a plan that somebody wrote or edited.
pub(crate) fn read_plan(path: &Path) -> anyhow::Result<Plan> {
    let bytes = read_limited(path, 1 << 20, "--plan")?;
    serde_json::from_slice(&bytes)
        .map_err(|error| usage(format!("--plan: {} is not a plan: {error}", path.display())))
}

/// A seed short enough to be typed again.
fn random_seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new()
        .build_hasher()
        .finish()
        >> 32
}
