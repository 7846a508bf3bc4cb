//! MuNet: from noise to the latents of music, told what the music should be.
//!
//! Text goes in as tokens, chords and beats as a map on the latent grid; each is kept secret now
//! and then, so that guidance can compare. Validations at fixed noise compare the right controls
//! with another clip's and with none: no difference means that the controls are not heard.

use super::latents::Latents;
use super::tokens::Tokens;
use super::{Context, Sizes, fill, judged, tensor};
use crate::chance::{Chance, normals};
use crate::checkpoint::Tensors;
use crate::config::{Precision, StageKind, UnetOptions};
use crate::data::clips::Clips;
use crate::data::record::Annotation;
use crate::data::wording::{full_caption, prompt};
use crate::error::{Error, Result};
use crate::losses::diffusion::{Noised, noised, timesteps, velocity_loss};
use crate::model::ModelFolder;
use crate::trainer::{Forward, HELD_OUT, Stage, Values, Watch};
use mustool_composer::Rng;
use mustool_diffusion::controls::{Grid, control_channels, control_map};
use mustool_diffusion::munet::{Condition, Unet, UnetConfig};
use mustool_diffusion::scheduler::{Scheduler, SchedulerConfig, SchedulerKind};
use mustool_diffusion::t5::{T5Config, T5Encoder};
use mustool_nn::{Tensor, Variables, host};
use serde_json::Value;

/// Clips of a validation that are judged at a time.
const TOGETHER: usize = 8;
/// Seed of the noise of validations.
const JUDGING_SEED: u64 = 5;

pub(super) struct UnetStage<'a> {
    model: &'a ModelFolder,
    config: UnetConfig,
    options: UnetOptions,
    precision: Precision,
    train: Side<'a>,
    held_out: Option<Side<'a>>,
    validation_clips: usize,
    chance: Chance,
    grid: Grid,
    batch: usize,
    tokens: Tokens,
    text: T5Encoder,
    alphas_cumprod: Vec<f32>,
    variables: Variables,
    unet: Unet,
}

/// One side of the data.
struct Side<'a> {
    annotations: &'a [Annotation],
    latents: Latents,
}

/// What a batch is told.
struct Told {
    prompts: Vec<String>,
    /// `[batch][cells][rows][channels]`.
    controls: Vec<f32>,
    /// `[batch][class_labels]`.
    classes: Vec<f32>,
}

impl<'a> UnetStage<'a> {
    /// `None` if it was asked to stop while latents were encoded.
    pub(super) fn new(
        context: &Context<'a>,
        sizes: &Sizes,
        clips: &'a Clips,
        held_out: Option<&'a Clips>,
        watch: Watch,
    ) -> Result<Option<Self>> {
        let mut side = |clips: &'a Clips, name| {
            let latents = Latents::prepare(context, sizes, clips, name, watch)?;
            let annotations = clips.annotations();
            Ok::<_, Error>(latents.map(|latents| Side {
                annotations,
                latents,
            }))
        };
        let Some(train) = side(clips, "train")? else {
            return Ok(None);
        };
        let held_out = match held_out {
            None => None,
            Some(clips) => match side(clips, "held-out")? {
                Some(side) => Some(side),
                None => return Ok(None),
            },
        };
        let json = context.model.text("text_encoder_config.json")?;
        let text_config = T5Config::from_json("text_encoder_config.json", json.as_bytes())?;
        let text = context.finished(StageKind::Text, "run the stage text first", |w| {
            Ok(T5Encoder::new(&text_config, w))
        })?;
        let scheduler: SchedulerConfig = context.model.json("scheduler_config.json")?;
        let scheduler = Scheduler::new(&scheduler, SchedulerKind::Ddim, 1)?;
        let (variables, unet) = context.network(|w| Ok(Unet::new(&sizes.unet, w)?))?;
        if context.begins_anew() {
            // At first every residual part adds nothing and the prediction is zero.
            let last = ["conv2.", "proj_out.", "conv_out."];
            fill(
                &variables,
                |name| last.iter().any(|part| name.contains(part)),
                0.0,
            );
        }
        Ok(Some(Self {
            model: context.model,
            config: sizes.unet.clone(),
            options: context.config.unet.clone(),
            precision: context.config.precision,
            train,
            held_out,
            validation_clips: context.config.checkpoint.validation_clips,
            chance: context.chance,
            grid: sizes.grid,
            batch: context.recipe.batch,
            tokens: Tokens::of(context.model, text_config.max_tokens())?,
            text,
            alphas_cumprod: scheduler.alphas_cumprod().to_vec(),
            variables,
            unet,
        }))
    }

    /// `[cells][rows][channels]`; all zero where beats and chords are not known.
    fn controls(&self, clip: &Annotation) -> Vec<f32> {
        let [cells, rows] = self.config.sample_size;
        match &clip.plan {
            Some(plan) => control_map(plan, cells, &self.grid),
            None => vec![0.0; cells * rows * control_channels(&self.grid)],
        }
    }

    /// Style and instruments; `rng` keeps either back now and then.
    fn classes(&self, clip: &Annotation, rng: Option<&mut Rng>) -> Vec<f32> {
        let [no_style, no_instruments] = match rng {
            Some(rng) => [
                rng.chance(self.options.drop_style),
                rng.chance(self.options.drop_instruments),
            ],
            None => [false; 2],
        };
        let style = clip.style.as_deref().filter(|_| !no_style);
        match no_instruments {
            true => self.config.class_row(style, &[]),
            false => self.config.class_row(style, &clip.instruments),
        }
    }

    /// Drops some of what a batch is told, clip by clip.
    fn keep_secret(&self, told: &mut Told, step: u64) {
        let mut rng = self.chance.at(step, "secrets");
        let channels = control_channels(&self.grid);
        let chords = 3 * self.grid.downscale + 2;
        let clip = told.controls.len() / told.prompts.len().max(1);
        let labels = self.config.class_labels.len();
        let clips = told.controls.chunks_exact_mut(clip.max(1));
        for (i, (prompt, controls)) in told.prompts.iter_mut().zip(clips).enumerate() {
            let all = rng.chance(self.options.drop_all);
            let [text, chord, beat] = [
                self.options.drop_text,
                self.options.drop_chords,
                self.options.drop_beats,
            ]
            .map(|share| rng.chance(share) || all);
            if text {
                prompt.clear();
            }
            if rng.chance(self.options.drop_classes) || all {
                told.classes[i * labels..(i + 1) * labels].fill(0.0);
            }
            for cell in controls.chunks_exact_mut(channels) {
                if chord {
                    cell[..chords].fill(0.0);
                }
                if beat {
                    cell[chords..].fill(0.0);
                }
            }
        }
    }

    fn answer(
        &self,
        unet: &Unet,
        sample: Vec<f32>,
        steps: &[usize],
        told: &Told,
    ) -> Result<Tensor> {
        let batch = self.tokens.batch(&told.prompts)?;
        let hidden_states = self.text.forward(&batch)?;
        let text = Condition::new(hidden_states, &batch.mask_tensor()?)?;
        let ([cells, rows], clips) = (self.config.sample_size, steps.len());
        let controls = (self.config.control_channels > 0)
            .then(|| {
                let shape = [clips, cells, rows, self.config.control_channels];
                tensor(told.controls.clone(), &shape)
            })
            .transpose()?;
        let labels = self.config.class_labels.len();
        let classes = (labels > 0)
            .then(|| tensor(told.classes.clone(), &[clips, labels]))
            .transpose()?;
        let sample = tensor(sample, &[clips, cells, rows, self.config.in_channels])?;
        let timesteps: Vec<f32> = steps.iter().map(|&t| t as f32).collect();
        let conditions = unet.prepare(&[text], controls.as_ref(), classes.as_ref())?;
        Ok(unet.forward(&sample, &timesteps, &conditions)?)
    }

    /// Losses of some held-out clips with the right controls, another clip's, none, and with
    /// another clip's caption.
    fn judge(
        &self,
        unet: &Unet,
        side: &Side<'a>,
        which: &[usize],
        count: usize,
    ) -> Result<[f64; 4]> {
        let mut rng = Chance::new(JUDGING_SEED).at(which[0] as u64, "noise");
        let mut latents = Vec::new();
        for &i in which {
            latents.extend(side.latents.get(i)?);
        }
        let noise = normals(&mut rng, latents.len());
        let steps = timesteps(&mut rng, which.len(), self.alphas_cumprod.len());
        let Noised {
            sample, velocity, ..
        } = noised(&latents, &noise, &steps, &self.alphas_cumprod);
        let other = |i: usize| &side.annotations[(i + TOGETHER) % count];
        let own = |i: usize| &side.annotations[i];
        let maps = |of: &dyn Fn(usize) -> &'a Annotation| -> Vec<f32> {
            which.iter().flat_map(|&i| self.controls(of(i))).collect()
        };
        let words = |of: &dyn Fn(usize) -> &'a Annotation| -> Vec<String> {
            which.iter().map(|&i| full_caption(of(i))).collect()
        };
        let sounds = |of: &dyn Fn(usize) -> &'a Annotation| -> Vec<f32> {
            let rows = which.iter().map(|&i| self.classes(of(i), None));
            rows.flatten().collect()
        };
        let right = maps(&own);
        let none = vec![0.0; right.len()];
        let cases = [
            (words(&own), right.clone(), sounds(&own)),
            (words(&own), maps(&other), sounds(&own)),
            (words(&own), none, sounds(&own)),
            (words(&other), right, sounds(&other)),
        ];
        let mut losses = [0.0; 4];
        for (loss, (prompts, controls, classes)) in losses.iter_mut().zip(cases) {
            let told = Told {
                prompts,
                controls,
                classes,
            };
            let output = host(&self.answer(unet, sample.clone(), &steps, &told)?)?;
            *loss = velocity_loss(&output, &velocity, &vec![1.0; which.len()]).value;
        }
        Ok(losses)
    }
}

impl Stage for UnetStage<'_> {
    fn variables(&self) -> &Variables {
        &self.variables
    }

    fn forward(&self, step: u64) -> Result<Forward> {
        let picked = self
            .chance
            .picks(step, self.batch, self.train.annotations.len());
        let mut rng = self.chance.at(step, "noise");
        let mut words = self.chance.at(step, "wordings");
        let (mut latents, mut told) = (
            Vec::new(),
            Told {
                prompts: Vec::new(),
                controls: Vec::new(),
                classes: Vec::new(),
            },
        );
        for i in picked {
            let clip = &self.train.annotations[i];
            latents.extend(self.train.latents.get(i)?);
            told.controls.extend(self.controls(clip));
            told.prompts.push(prompt(clip, &mut words));
            told.classes.extend(self.classes(clip, Some(&mut words)));
        }
        self.keep_secret(&mut told, step);
        let steps = timesteps(&mut rng, self.batch, self.alphas_cumprod.len());
        let noise = normals(&mut rng, latents.len());
        let Noised {
            sample,
            velocity,
            weights,
        } = noised(&latents, &noise, &steps, &self.alphas_cumprod);
        let output = self.answer(&self.unet, sample, &steps, &told)?;
        let values = host(&output)?;
        let loss = velocity_loss(&values, &velocity, &weights);
        let plain = velocity_loss(&values, &velocity, &vec![1.0; weights.len()]).value;
        Ok(Forward {
            seed: loss.seed(&output)?,
            loss: loss.value,
            parts: vec![("unweighted", plain)],
        })
    }

    fn validate(&self, weights: &Tensors) -> Result<Values> {
        let Some(side) = &self.held_out else {
            return Ok(Values::new());
        };
        let unet = judged(weights, self.precision, |w| Ok(Unet::new(&self.config, w)?))?;
        let count = self.validation_clips.min(side.annotations.len()).max(1);
        let all: Vec<usize> = (0..count).collect();
        let mut sums = [0.0; 4];
        for which in all.chunks(TOGETHER) {
            let losses = self.judge(&unet, side, which, count)?;
            for (sum, loss) in sums.iter_mut().zip(losses) {
                *sum += loss * which.len() as f64 / count as f64;
            }
        }
        let names = [HELD_OUT, "shuffled", "null", "text_shuffled"];
        Ok(names.into_iter().map(str::to_owned).zip(sums).collect())
    }

    fn export(&self, weights: &Tensors) -> Result<()> {
        self.model
            .update("model.json", &[("trained", Value::from(true))])?;
        self.model.write_weights(StageKind::Unet, weights)
    }
}
