//! The text encoder: so that prompts of like meaning lie close together.
//!
//! It learns to tell the facts of a clip from its caption through throw-away heads, and, with a
//! teacher, where sentences lie that no clip has. The model's tokenizer is made first if it has
//! none. Afterwards the encoder stays as it is.

mod facts;
mod teacher;
mod tokenizer;

use super::planner::initial_scale;
use super::tokens::Tokens;
use super::{Context, judged, rescale, tensor};
use crate::chance::Chance;
use crate::checkpoint::Tensors;
use crate::config::{Precision, StageKind};
use crate::data::phrases::Words;
use crate::data::record::Annotation;
use crate::data::wording::wording;
use crate::error::{Result, read_error};
use crate::losses::classes::angle;
use crate::model::ModelFolder;
use crate::trainer::{Forward, HELD_OUT, Stage, Values};
use facts::Facts;
use mustool_diffusion::t5::{T5Config, T5Encoder};
use mustool_nn::{DType, Linear, Tensor, Variables, Weights, host};
use teacher::Teacher;

/// Share of a batch that are captions of clips; the others are the teacher's.
const CAPTIONS: f64 = 0.375;
/// Importance of the teacher.
const TEACHER_WEIGHT: f64 = 4.0;
/// Where the heads lie among the variables.
const HEADS: &str = "heads.";
/// Seed of the wordings by which averaged weights are judged.
const JUDGING_SEED: u64 = 0;

pub(super) struct Text<'a> {
    model: &'a ModelFolder,
    config: T5Config,
    precision: Precision,
    clips: &'a [Annotation],
    held_out: Vec<&'a Annotation>,
    chance: Chance,
    batch: usize,
    tokens: Tokens,
    facts: Facts,
    lessons: Option<Lessons>,
    variables: Variables,
    network: Network,
}

/// The encoder with its throw-away heads.
struct Network {
    encoder: T5Encoder,
    facts: Linear,
    sentence: Option<Linear>,
}

/// What the teacher says about texts.
struct Lessons {
    texts: Vec<String>,
    /// `[texts][dim]`, each of length 1.
    places: Vec<f32>,
    dim: usize,
}

impl<'a> Text<'a> {
    pub(super) fn new(
        context: &Context<'a>,
        clips: &'a [Annotation],
        held_out: &'a [Annotation],
    ) -> Result<Self> {
        let file = "text_encoder_config.json";
        let config = T5Config::from_json(file, context.model.text(file)?.as_bytes())?;
        let options = &context.config.text;
        let genres: Vec<String> = match &options.genres {
            Some(path) => {
                let text = std::fs::read_to_string(path).map_err(read_error(path))?;
                text.lines()
                    .map(|l| l.trim().to_owned())
                    .filter(|l| !l.is_empty())
                    .collect()
            }
            None => Vec::new(),
        };
        let words = Words::new(&genres);
        if !context.model.has("tokenizer.json") {
            tokenizer::train(
                context.model,
                config.vocab_size,
                &words,
                options.phrases,
                clips,
            )?;
        }
        let tokens = Tokens::of(context.model, config.max_tokens())?;
        let lessons = match &options.teacher {
            Some(folder) => {
                let mut texts = words.phrases(options.phrases, 3);
                texts.extend(words.vocabulary());
                let mut rng = context.chance.at(0, "lessons");
                for _ in 0..options.phrases / 2 {
                    let clip = &clips[rng.below(clips.len())];
                    texts.push(wording(clip, &mut rng));
                }
                texts.retain(|text| !text.is_empty());
                let teacher = Teacher::load(folder)?;
                let places = teacher.embed(&texts)?;
                let dim = teacher.dim();
                Some(Lessons { texts, places, dim })
            }
            None => None,
        };
        let facts = Facts::of(clips);
        let sentence = lessons.as_ref().map(|lessons| lessons.dim);
        let (variables, encoder) = context.network(|w| Ok(T5Encoder::new(&config, w)))?;
        if context.begins_anew() {
            rescale(&variables, |name| initial_scale(&config, name));
        }
        let heads = Weights::trainable(
            mustool_nn::Source::initial(context.config.seed),
            &variables,
            DType::F32,
        );
        let network = Network::new(
            encoder,
            config.d_model,
            facts.num_outputs(),
            sentence,
            &heads,
        );
        let usable = held_out.iter().filter(|clip| facts.knows(clip));
        let most = context.config.checkpoint.validation_clips;
        Ok(Self {
            model: context.model,
            precision: context.config.precision,
            clips,
            held_out: usable.take(most).collect(),
            chance: context.chance,
            batch: context.recipe.batch,
            tokens,
            facts,
            lessons,
            variables,
            network,
            config,
        })
    }
}

impl Network {
    fn new(
        encoder: T5Encoder,
        d_model: usize,
        num_facts: usize,
        sentence: Option<usize>,
        heads: &Weights,
    ) -> Self {
        let heads = heads.pp(HEADS.trim_end_matches('.'));
        Self {
            encoder,
            facts: Linear::new(d_model, num_facts, &heads.pp("facts")),
            sentence: sentence.map(|dim| Linear::new(d_model, dim, &heads.pp("sentence"))),
        }
    }

    /// Means of the hidden states of each text, `[texts, d_model]`.
    fn means(&self, tokens: &Tokens, texts: &[String]) -> Result<Tensor> {
        let batch = tokens.batch(texts)?;
        let hidden = self.encoder.forward(&batch)?.to_dtype(DType::F32)?;
        let length = batch.tokens();
        let weights = batch.mask().chunks_exact(length).flat_map(|mask| {
            let share = 1.0 / mask.iter().filter(|&&seen| seen).count().max(1) as f32;
            mask.iter().map(move |&seen| if seen { share } else { 0.0 })
        });
        let weights = tensor(weights.collect(), &[batch.batch(), length, 1])?;
        Ok(hidden.broadcast_mul(&weights)?.sum(1)?)
    }
}

impl Stage for Text<'_> {
    fn variables(&self) -> &Variables {
        &self.variables
    }

    fn forward(&self, step: u64) -> Result<Forward> {
        let taught = self.lessons.is_some();
        let captions = match taught {
            true => ((self.batch as f64 * CAPTIONS) as usize).max(1),
            false => self.batch,
        };
        let mut words = self.chance.at(step, "wordings");
        let picked = self.chance.picks(step, captions, self.clips.len());
        let clips: Vec<&Annotation> = picked.into_iter().map(|i| &self.clips[i]).collect();
        let mut texts: Vec<String> = clips.iter().map(|clip| wording(clip, &mut words)).collect();
        let mut lessons = Vec::new();
        if let Some(known) = &self.lessons {
            lessons.extend((captions..self.batch).map(|_| words.below(known.texts.len())));
            texts.extend(lessons.iter().map(|&i| known.texts[i].clone()));
        }
        let means = self.network.means(&self.tokens, &texts)?;
        let told = self.network.facts.forward(&means.narrow(0, 0, captions)?)?;
        let (loss, mut parts) = self.facts.loss(&host(&told)?, &clips, &texts[..captions]);
        let (mut seed, mut total) = (loss.seed(&told)?, loss.value);
        if let (Some(known), Some(head), false) =
            (&self.lessons, &self.network.sentence, lessons.is_empty())
        {
            let guess = head.forward(&means.narrow(0, captions, lessons.len())?)?;
            let places: Vec<f32> = lessons
                .iter()
                .flat_map(|&i| known.places[i * known.dim..][..known.dim].iter().copied())
                .collect();
            let loss = angle(&host(&guess)?, &places, known.dim);
            parts.push(("sentence", loss.value));
            let loss = loss.scaled(TEACHER_WEIGHT);
            total += loss.value;
            seed = (seed + loss.seed(&guess)?)?;
        }
        Ok(Forward {
            seed,
            loss: total,
            parts,
        })
    }

    fn validate(&self, weights: &Tensors) -> Result<Values> {
        if self.held_out.is_empty() {
            return Ok(Values::new());
        }
        let sentence = self.lessons.as_ref().map(|lessons| lessons.dim);
        let network = judged(weights, self.precision, |w| {
            let encoder = T5Encoder::new(&self.config, w);
            let (d_model, facts) = (self.config.d_model, self.facts.num_outputs());
            let heads = w.with_dtype(DType::F32);
            Ok(Network::new(encoder, d_model, facts, sentence, &heads))
        })?;
        let mut words = Chance::new(JUDGING_SEED).at(0, "held-out wordings");
        let texts: Vec<String> = self
            .held_out
            .iter()
            .map(|c| wording(c, &mut words))
            .collect();
        let means = network.means(&self.tokens, &texts)?;
        let told = host(&network.facts.forward(&means)?)?;
        let (loss, parts) = self.facts.loss(&told, &self.held_out, &texts);
        let named = parts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value));
        Ok(named.chain([(HELD_OUT.to_owned(), loss.value)]).collect())
    }

    fn export(&self, weights: &Tensors) -> Result<()> {
        let kept = weights.iter().filter(|(name, _)| !name.starts_with(HEADS));
        let kept = kept
            .map(|(name, tensor)| (name.clone(), tensor.clone()))
            .collect();
        self.model.write_weights(StageKind::Text, &kept)
    }
}
