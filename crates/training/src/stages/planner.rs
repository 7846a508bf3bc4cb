//! The plan predictor: from a prompt to a line that names all that the prompt leaves open.
//!
//! `bpm 96 | 4/4 | A minor | Am7 Dm7 G7 Cmaj7 | style bossa nova | nylon guitar, bass guitar, drums`
//!
//! The first form of the planner. The one that the pipeline reads, a decoder of plan tokens over the
//! text encoder (`diffusion/src/planner`), is not trained here yet.

use super::tokens::Tokens;
use super::{Context, judged, rescale};
use crate::chance::Chance;
use crate::checkpoint::Tensors;
use crate::config::{Precision, StageKind};
use crate::data::record::Annotation;
use crate::data::wording::wording;
use crate::error::{Error, Result};
use crate::losses::Loss;
use crate::losses::classes::cross_entropy;
use crate::model::ModelFolder;
use crate::trainer::{Forward, HELD_OUT, Stage, Values};
use mustool_diffusion::TokenBatch;
use mustool_diffusion::t5::{T5Config, T5ForConditionalGeneration};
use mustool_nn::{Tensor, Variables, host};
use serde::Deserialize;

/// Most chords of a plan's line.
const MAX_CHORDS: usize = 16;
/// Tokens of a plan's line where the configuration does not say.
const MAX_PLAN_TOKENS: usize = 96;
/// Clips of a validation that are judged at a time.
const TOGETHER: usize = 16;

pub(super) struct Planner<'a> {
    model: &'a ModelFolder,
    config: T5Config,
    precision: Precision,
    max_plan_tokens: usize,
    clips: Vec<&'a Annotation>,
    held_out: Vec<&'a Annotation>,
    chance: Chance,
    batch: usize,
    tokens: Tokens,
    variables: Variables,
    network: T5ForConditionalGeneration,
}

/// The part of the configuration that concerns training alone.
#[derive(Deserialize)]
struct Lengths {
    max_plan_length: Option<usize>,
}

impl<'a> Planner<'a> {
    pub(super) fn new(
        context: &Context<'a>,
        clips: &'a [Annotation],
        held_out: &'a [Annotation],
    ) -> Result<Self> {
        let file = "predictor_config.json";
        let config = T5Config::from_json(file, context.model.text(file)?.as_bytes())?;
        let lengths: Lengths = context.model.json(file)?;
        let usable = |clips: &'a [Annotation]| -> Vec<&'a Annotation> {
            let known = |clip: &&Annotation| clip.plan.is_some() && clip.style.is_some();
            clips.iter().filter(known).collect()
        };
        let clips = usable(clips);
        if clips.is_empty() {
            return Err(Error::Config {
                path: context.config.run.clone(),
                reason: "no clip has both a plan and a style, which is what the planner learns"
                    .to_owned(),
            });
        }
        let mut held_out = usable(held_out);
        held_out.truncate(context.config.checkpoint.validation_clips);
        let (variables, network) =
            context.network(|w| Ok(T5ForConditionalGeneration::new(&config, w)))?;
        if context.begins_anew() {
            rescale(&variables, |name| initial_scale(&config, name));
        }
        Ok(Self {
            model: context.model,
            precision: context.config.precision,
            max_plan_tokens: lengths.max_plan_length.unwrap_or(MAX_PLAN_TOKENS),
            clips,
            held_out,
            chance: context.chance,
            batch: context.recipe.batch,
            tokens: Tokens::of(context.model, config.max_tokens())?,
            variables,
            network,
            config,
        })
    }

    /// Scores of every token of the plans, and their loss.
    fn answer(
        &self,
        network: &T5ForConditionalGeneration,
        prompts: &[String],
        clips: &[&Annotation],
    ) -> Result<(Tensor, Loss)> {
        let plans: Vec<Vec<u32>> = clips
            .iter()
            .map(|clip| self.tokens.ids(&plan_text(clip), self.max_plan_tokens))
            .collect::<Result<_>>()?;
        let longest = plans.iter().map(Vec::len).max().unwrap_or(0);
        let shifted = |plan: &Vec<u32>| {
            let start = std::iter::once(self.config.decoder_start_token_id);
            start.chain(plan.iter().copied()).take(plan.len()).collect()
        };
        let shifted: Vec<Vec<u32>> = plans.iter().map(shifted).collect();
        let answers = TokenBatch::padded(&shifted, self.config.pad_token_id)?;
        let targets: Vec<Option<u32>> = plans
            .iter()
            .flat_map(|plan| (0..longest).map(|i| plan.get(i).copied()))
            .collect();
        let logits = network.logits(&self.tokens.batch(prompts)?, &answers)?;
        let loss = cross_entropy(&host(&logits)?, &targets);
        Ok((logits, loss))
    }
}

/// From the layers' usual first values to those of T5: by the widths that a layer reads.
pub(super) fn initial_scale(config: &T5Config, name: &str) -> Option<f32> {
    // Layers start evenly within ±1/√width, which has a deviation of 1/√(3 · width).
    let deviation = |usual: usize, wanted: f64| Some((wanted * (3.0 * usual as f64).sqrt()) as f32);
    let (d_model, d_kv) = (config.d_model, config.d_kv);
    let inner = d_kv * config.num_heads;
    let of = |width: usize| (width as f64).powf(-0.5);
    if name.ends_with(".q.weight") {
        deviation(d_model, of(d_model * d_kv))
    } else if [
        ".k.weight",
        ".v.weight",
        ".wi.weight",
        ".wi_0.weight",
        ".wi_1.weight",
    ]
    .iter()
    .any(|end| name.ends_with(end))
        || name == "lm_head.weight"
    {
        deviation(d_model, of(d_model))
    } else if name.ends_with(".o.weight") {
        deviation(inner, of(inner))
    } else if name.ends_with(".wo.weight") {
        deviation(config.d_ff, of(config.d_ff))
    } else if name.ends_with("relative_attention_bias.weight") {
        // Tables start with deviation 1.
        Some(of(d_model) as f32)
    } else {
        None
    }
}

/// The plan of a clip in one line.
pub(super) fn plan_text(clip: &Annotation) -> String {
    let Some(plan) = &clip.plan else {
        return String::new();
    };
    let mut chords: Vec<String> = plan
        .chords
        .iter()
        .take(MAX_CHORDS)
        .map(|event| event.chord.to_string())
        .collect();
    if chords.is_empty() {
        chords.push("N".to_owned());
    }
    let key = plan.key.map_or("no key".to_owned(), |key| {
        format!("{} {}", key.tonic, key.mode.name())
    });
    format!(
        "bpm {} | {} | {key} | {} | style {} | {}",
        plan.tempo_bpm.round(),
        plan.meter,
        chords.join(" "),
        clip.style.as_deref().unwrap_or_default(),
        clip.instruments.join(", ")
    )
}

impl Stage for Planner<'_> {
    fn variables(&self) -> &Variables {
        &self.variables
    }

    fn forward(&self, step: u64) -> Result<Forward> {
        let mut words = self.chance.at(step, "wordings");
        let picked = self.chance.picks(step, self.batch, self.clips.len());
        let clips: Vec<&Annotation> = picked.into_iter().map(|i| self.clips[i]).collect();
        let prompts: Vec<String> = clips.iter().map(|clip| wording(clip, &mut words)).collect();
        let (logits, loss) = self.answer(&self.network, &prompts, &clips)?;
        Ok(Forward {
            seed: loss.seed(&logits)?,
            loss: loss.value,
            parts: Vec::new(),
        })
    }

    fn validate(&self, weights: &Tensors) -> Result<Values> {
        if self.held_out.is_empty() {
            return Ok(Values::new());
        }
        let network = judged(weights, self.precision, |w| {
            Ok(T5ForConditionalGeneration::new(&self.config, w))
        })?;
        let mut sum = 0.0;
        for (i, clips) in self.held_out.chunks(TOGETHER).enumerate() {
            let mut words = Chance::new(0).at(i as u64, "held-out wordings");
            let prompts: Vec<String> = clips.iter().map(|clip| wording(clip, &mut words)).collect();
            sum += self.answer(&network, &prompts, clips)?.1.value * clips.len() as f64;
        }
        let mean = sum / self.held_out.len() as f64;
        Ok(Values::from([(HELD_OUT.to_owned(), mean)]))
    }

    fn export(&self, weights: &Tensors) -> Result<()> {
        self.model.write_weights(StageKind::Planner, weights)
    }
}
