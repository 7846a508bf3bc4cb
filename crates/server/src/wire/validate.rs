//! Whether a request makes sense: every fault is found, and each points at its field.
//!
//! Pointers are JSON pointers (RFC 6901). What the model itself cannot do is checked against its
//! limits; what a key may ask for is not checked here.

use mustool_music::{Chord, Key, Meter, Plan, TEMPO_RANGE_BPM};
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization;
use utoipa::ToSchema;

use super::limits::{
    MAX_METADATA, MAX_NEGATIVE_CHARS, MAX_OUTPUTS, MAX_PROMPT_CHARS, MAX_SEED, MAX_STEPS,
    MIN_DURATION_S,
};
use super::music::{BeatSpec, ChordSpec, PlanSpec};
use super::request::{Controls, GenerationRequest, InputAudio, InputMode, PlanRequest};
use crate::{Error, Result};

/// Two times closer than this are the same moment.
const SAME_MOMENT_S: f64 = 1e-9;

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Fault {
    /// JSON pointer to the field.
    #[schema(examples("/duration_s"))]
    pub pointer: String,
    /// What would be right.
    #[schema(examples("must be at most 60"))]
    pub detail: String,
}

impl Fault {
    /// A fault of the field at `pointer`.
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            pointer: pointer.into(),
            detail: detail.into(),
        }
    }
}

/// Collects faults.
#[derive(Debug, Default)]
struct Check(Vec<Fault>);

impl Check {
    fn fault(&mut self, pointer: &str, detail: impl Into<String>) {
        self.0.push(Fault::new(pointer, detail));
    }

    fn within(&mut self, pointer: &str, value: f64, (min, max): (f64, f64)) {
        if !(min..=max).contains(&value) {
            self.fault(pointer, format!("must be from {min} to {max}, not {value}"));
        }
    }

    fn text(&mut self, pointer: &str, text: &str, max_chars: usize) {
        let chars = text.chars().count();
        if chars > max_chars {
            self.fault(
                pointer,
                format!("must have at most {max_chars} characters, not {chars}"),
            );
        }
        if text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        {
            self.fault(pointer, "must have no control characters");
        }
    }

    fn prompt(&mut self, prompt: &str) {
        self.text("/prompt", prompt, MAX_PROMPT_CHARS);
        if prompt.trim().is_empty() {
            self.fault("/prompt", "must say what the music should sound like");
        }
    }

    fn key(&mut self, pointer: &str, key: Option<&String>) {
        if let Some(Err(error)) = key.map(|key| Key::parse(key)) {
            self.fault(pointer, error.to_string());
        }
    }

    fn meter(&mut self, pointer: &str, meter: Option<&String>) {
        if let Some(Err(error)) = meter.map(|meter| Meter::parse(meter)) {
            self.fault(pointer, error.to_string());
        }
    }

    fn in_order(&mut self, list: &str, times: impl Iterator<Item = f64>, duration_s: f64) {
        let mut previous = None;
        for (index, time_s) in times.enumerate() {
            let pointer = format!("{list}/{index}/t");
            if !(0.0..duration_s).contains(&time_s) {
                let detail = format!("must be inside the {duration_s} s of the piece");
                self.fault(&pointer, detail);
            } else if previous.is_some_and(|before| time_s - before < SAME_MOMENT_S) {
                self.fault(&pointer, "must be later than the one before");
            }
            previous = Some(time_s);
        }
    }

    fn beats(&mut self, list: &str, beats: &[BeatSpec], duration_s: f64) {
        if beats.len() > mustool_music::MAX_BEATS {
            let max = mustool_music::MAX_BEATS;
            return self.fault(list, format!("must have at most {max} beats"));
        }
        self.in_order(list, beats.iter().map(|beat| beat.t), duration_s);
        for (index, beat) in beats.iter().enumerate() {
            let pointer = format!("{list}/{index}/beat");
            self.within(&pointer, f64::from(beat.beat), (1.0, 32.0));
        }
    }

    fn chords(&mut self, list: &str, chords: &[ChordSpec], duration_s: f64) {
        if chords.len() > mustool_music::MAX_CHORDS {
            let max = mustool_music::MAX_CHORDS;
            return self.fault(list, format!("must have at most {max} chords"));
        }
        self.in_order(list, chords.iter().map(|chord| chord.t), duration_s);
        for (index, chord) in chords.iter().enumerate() {
            if let Err(error) = Chord::parse(&chord.symbol) {
                self.fault(&format!("{list}/{index}/symbol"), error.to_string());
            }
        }
    }

    fn controls(&mut self, controls: &Controls, duration_s: f64) {
        if let Some(tempo_bpm) = controls.tempo_bpm {
            self.within("/controls/tempo_bpm", tempo_bpm, TEMPO_RANGE_BPM);
        }
        self.key("/controls/key", controls.key.as_ref());
        self.meter("/controls/time_signature", controls.time_signature.as_ref());
        self.beats(
            "/controls/beats",
            controls.beats.as_deref().unwrap_or_default(),
            duration_s,
        );
        self.chords(
            "/controls/chords",
            controls.chords.as_deref().unwrap_or_default(),
            duration_s,
        );
    }

    fn plan(&mut self, plan: &PlanSpec, max_duration_s: f64) {
        self.within("/plan/tempo_bpm", plan.tempo_bpm, TEMPO_RANGE_BPM);
        self.within(
            "/plan/duration_s",
            plan.duration_s,
            (MIN_DURATION_S, max_duration_s),
        );
        self.key("/plan/key", plan.key.as_ref());
        self.meter("/plan/time_signature", Some(&plan.time_signature));
        self.beats("/plan/beats", &plan.beats, plan.duration_s);
        self.chords("/plan/chords", &plan.chords, plan.duration_s);
        if let (true, Err(error)) = (self.0.is_empty(), to_plan(plan)) {
            self.0.extend(error);
        }
    }

    fn input(&mut self, input: &InputAudio) {
        let is_id = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '/');
        if !(1..=64).contains(&input.file_id.len()) || !input.file_id.chars().all(is_id) {
            self.fault("/input_audio/file_id", "must be the id of an upload");
        }
        if let Some(strength) = input.strength {
            self.within("/input_audio/strength", strength, (0.0, 1.0));
        }
        let spans = [input.start_s, input.end_s];
        match (input.mode, spans) {
            (InputMode::Inpaint, [Some(start_s), Some(end_s)])
                if start_s >= 0.0 && start_s < end_s => {}
            (InputMode::Inpaint, _) => {
                let detail = "must be given with start_s, and after it";
                self.fault("/input_audio/end_s", detail);
            }
            (_, [None, None]) => {}
            _ => self.fault("/input_audio/start_s", "is for inpaint only"),
        }
    }

    fn finish(self) -> Result<()> {
        match self.0.is_empty() {
            true => Ok(()),
            false => Err(Error::Invalid { faults: self.0 }),
        }
    }
}

/// The plan as music; faults point into `/plan`.
pub(crate) fn to_plan(plan: &PlanSpec) -> Result<Plan, Vec<Fault>> {
    let json =
        serde_json::to_value(plan).map_err(|error| vec![Fault::new("/plan", error.to_string())])?;
    let plan: Plan = serde_json::from_value(json)
        .map_err(|error| vec![Fault::new("/plan", error.to_string())])?;
    plan.validate().map_err(|error| {
        let pointer = format!("/plan{}", error.pointer);
        vec![Fault::new(pointer, error.reason.to_string())]
    })?;
    Ok(plan)
}

impl GenerationRequest {
    /// Checks everything that can be checked without reading other files. `max_duration_s` is the
    /// smaller of the service's and the model's.
    pub fn validate(&self, max_duration_s: f64) -> Result<()> {
        let mut check = Check::default();
        check.prompt(&self.prompt);
        check.text(
            "/negative_prompt",
            &self.negative_prompt,
            MAX_NEGATIVE_CHARS,
        );
        if let Some(duration_s) = self.duration_s {
            check.within("/duration_s", duration_s, (MIN_DURATION_S, max_duration_s));
        }
        if self.seed.is_some_and(|seed| seed > MAX_SEED) {
            check.fault("/seed", format!("must be at most {MAX_SEED}"));
        }
        check.within("/n", f64::from(self.n), (1.0, f64::from(MAX_OUTPUTS)));
        if let Some(steps) = self.steps {
            check.within("/steps", f64::from(steps), (1.0, f64::from(MAX_STEPS)));
        }
        if let Some(guidance_scale) = self.guidance_scale {
            check.within("/guidance_scale", guidance_scale, (0.0, 50.0));
        }
        check.controls(&self.controls, self.planned_duration_s());
        if let Some(plan) = &self.plan {
            check.plan(plan, max_duration_s);
            if !self.controls.is_empty() {
                check.fault("/controls", "belong inside the plan; edit it there");
            }
            if self.duration_s.is_some_and(|asked| asked > plan.duration_s) {
                let detail = format!("must be at most the {} s of the plan", plan.duration_s);
                check.fault("/duration_s", detail);
            }
        }
        if let Some(input) = &self.input_audio {
            check.input(input);
        }
        self.check_form(&mut check);
        check.finish()
    }

    fn check_form(&self, check: &mut Check) {
        let output = &self.output;
        if let Some(sample_rate) = output.sample_rate {
            check.within(
                "/output/sample_rate",
                f64::from(sample_rate),
                (8_000.0, 96_000.0),
            );
        }
        if let Some(bitrate_kbps) = output.bitrate_kbps {
            check.within(
                "/output/bitrate_kbps",
                f64::from(bitrate_kbps),
                (32.0, 320.0),
            );
        }
        let loudness = &output.loudness;
        check.within(
            "/output/loudness/target_lufs",
            loudness.target_lufs,
            (-70.0, 0.0),
        );
        check.within(
            "/output/loudness/true_peak_dbtp",
            loudness.true_peak_dbtp,
            (-20.0, 0.0),
        );
        if let Some(expires_after_s) = self.expires_after_s {
            check.within(
                "/expires_after_s",
                f64::from(expires_after_s),
                (60.0, 2_592_000.0),
            );
        }
        if let Some(webhook) = &self.webhook {
            check.text("/webhook/url", &webhook.url, 2_048);
            if webhook.events.len() > 3 {
                check.fault("/webhook/events", "must have at most 3 entries");
            }
        }
        let (max_entries, max_bytes) = MAX_METADATA;
        let bytes: usize = (self.metadata.iter())
            .map(|(key, value)| key.len() + value.len())
            .sum();
        if self.metadata.len() > max_entries || bytes > max_bytes {
            check.fault(
                "/metadata",
                format!("must have at most {max_entries} entries and {max_bytes} bytes"),
            );
        }
    }

    /// Length in seconds by the request and its plan, where no input decides.
    pub fn planned_duration_s(&self) -> f64 {
        let plan_s = self.plan.as_ref().map(|plan| plan.duration_s);
        let default_s = super::limits::DEFAULT_DURATION_S;
        self.duration_s.or(plan_s).unwrap_or(default_s)
    }
}

impl PlanRequest {
    /// Checks everything.
    pub fn validate(&self, max_duration_s: f64) -> Result<()> {
        let mut check = Check::default();
        check.prompt(&self.prompt);
        let duration_s = self.duration_s.unwrap_or(super::limits::DEFAULT_DURATION_S);
        check.within("/duration_s", duration_s, (MIN_DURATION_S, max_duration_s));
        if self.seed > MAX_SEED {
            check.fault("/seed", format!("must be at most {MAX_SEED}"));
        }
        check.controls(&self.controls, duration_s);
        check.finish()
    }
}

/// The text in Unicode's composed form (NFC), so that the same words are the same bytes.
pub fn normalise(text: &str) -> String {
    text.nfc().collect()
}

#[cfg(test)]
mod tests;
