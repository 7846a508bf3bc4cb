//! The networks in training, one file each, and the entry that prepares data and runs one of them.

mod latents;
mod planner;
mod text;
mod tokens;
mod unet;
mod vae;
mod vocoder;

use crate::chance::Chance;
use crate::checkpoint::Tensors;
use crate::config::{Composed, Config, Precision, Recipe, StageKind, Start};
use crate::data::clips::Clips;
use crate::data::origin::{Origin, annotations};
use crate::data::prepare::{Place, prepare};
use crate::data::record::Annotation;
use crate::error::{Error, Result};
use crate::model::ModelFolder;
use crate::trainer::{self, Event, Outcome, Stage, Watch};
use mustool_audio::semitone::{SemitoneConfig, SemitoneSpectrogram};
use mustool_composer::{Composer, Corpus, SoundBank, Split};
use mustool_diffusion::controls::Grid;
use mustool_diffusion::munet::UnetConfig;
use mustool_diffusion::vae::VaeConfig;
use mustool_diffusion::vocos::VocosConfig;
use mustool_nn::{DType, Parameter, Source, Variables, Weights};

/// What a stage is made from.
pub(crate) struct Context<'a> {
    config: &'a Config,
    kind: StageKind,
    recipe: Recipe,
    model: &'a ModelFolder,
    chance: Chance,
}

impl Context<'_> {
    /// The network in training with its variables: from random numbers or from the model's weights.
    fn network<N>(&self, build: impl FnOnce(&Weights) -> Result<N>) -> Result<(Variables, N)> {
        let variables = Variables::new()?;
        let source = match self.config.start {
            Start::Scratch => Source::initial(self.config.seed),
            Start::Model => self.model.weights(
                self.kind,
                "start = \"model\" needs its weights; use start = \"scratch\" to begin anew",
            )?,
        };
        let dtype = self.config.precision.dtype();
        let weights = Weights::trainable(source, &variables, dtype);
        let network = crate::model::build(&weights, build)?;
        Ok((variables, network))
    }

    /// The finished network of an earlier stage.
    fn finished<N>(
        &self,
        stage: StageKind,
        hint: &'static str,
        build: impl FnOnce(&Weights) -> Result<N>,
    ) -> Result<N> {
        let dtype = self.config.precision.dtype();
        let weights = Weights::new(self.model.weights(stage, hint)?, dtype);
        crate::model::build(&weights, build)
    }

    /// Whether the first weights are random.
    fn begins_anew(&self) -> bool {
        self.config.start == Start::Scratch
    }
}

/// A network for judging, with given weights.
fn judged<N>(
    weights: &Tensors,
    precision: Precision,
    build: impl FnOnce(&Weights) -> Result<N>,
) -> Result<N> {
    let weights = Weights::new(Source::memory(weights.clone()), precision.dtype());
    crate::model::build(&weights, build)
}

/// Overwrites the first values of the parameters that `wanted` names.
fn fill(variables: &Variables, wanted: impl Fn(&str) -> bool, value: f32) {
    let named = |parameter: &Parameter| wanted(parameter.name());
    for parameter in variables.all().into_iter().filter(named) {
        parameter.update(|values, _| values.fill(value));
    }
}

/// Multiplies the first values of the parameters that `wanted` gives a factor.
fn rescale(variables: &Variables, wanted: impl Fn(&str) -> Option<f32>) {
    for parameter in variables.all() {
        if let Some(factor) = wanted(parameter.name()) {
            parameter.update(|values, _| values.iter_mut().for_each(|x| *x *= factor));
        }
    }
}

/// Trains a stage: reads or composes its data, makes or resumes its run, writes its weights.
///
/// `defaults` are names and contents of configurations for a model's folder that lacks them.
pub fn train(
    kind: StageKind,
    config: &Config,
    resume: bool,
    defaults: &[(&str, &[u8])],
    watch: Watch,
) -> Result<Outcome> {
    let model = ModelFolder::open(&config.model, defaults)?;
    let context = Context {
        config,
        kind,
        recipe: config.recipe(kind),
        model: &model,
        chance: Chance::new(config.seed),
    };
    let go = |stage: &dyn Stage, watch: Watch| trainer::run(stage, kind, config, resume, watch);
    if matches!(kind, StageKind::Text | StageKind::Planner) {
        let (train, held_out) = described(config)?;
        return match kind {
            StageKind::Text => go(&text::Text::new(&context, &train, &held_out)?, watch),
            _ => go(&planner::Planner::new(&context, &train, &held_out)?, watch),
        };
    }
    let sizes = Sizes::of(&model)?;
    let Some((train, held_out)) = sounding(config, &sizes, watch)? else {
        return Ok(Outcome::Interrupted);
    };
    let held_out = held_out.as_ref();
    match kind {
        StageKind::Vae => go(
            &vae::VaeStage::new(&context, &sizes, &train, held_out)?,
            watch,
        ),
        StageKind::Vocoder => go(
            &vocoder::VocoderStage::new(&context, &sizes, &train, held_out)?,
            watch,
        ),
        _ => match unet::UnetStage::new(&context, &sizes, &train, held_out, watch)? {
            Some(stage) => go(&stage, watch),
            None => Ok(Outcome::Interrupted),
        },
    }
}

/// The sizes that several networks must agree on.
pub(crate) struct Sizes {
    vae: VaeConfig,
    vocoder: VocosConfig,
    unet: UnetConfig,
    grid: Grid,
    /// Frames of a clip.
    num_frames: usize,
}

impl Sizes {
    fn of(model: &ModelFolder) -> Result<Self> {
        let vae = VaeConfig::from_json(&model.text("vae_config.json")?)?;
        let vocoder: VocosConfig = model.json("vocoder_config.json")?;
        let unet: UnetConfig = model.json("unet_config.json")?;
        unet.validate()?;
        let grid = Grid {
            frame_s: vocoder.hop_length as f64 / f64::from(vocoder.sample_rate),
            downscale: vae.downscale(),
            num_bands: vocoder.num_bands,
            lowest_midi: vocoder.lowest_midi,
        };
        let [cells, rows] = unet.sample_size;
        if !(1..=4096).contains(&cells) || rows * grid.downscale != grid.num_bands {
            return Err(Error::Config {
                path: model.file("unet_config.json"),
                reason: format!(
                    "sample_size {cells} × {rows} does not fit {} bands of which each row has {}",
                    grid.num_bands, grid.downscale
                ),
            });
        }
        let num_frames = cells * grid.downscale;
        Ok(Self {
            vae,
            vocoder,
            unet,
            grid,
            num_frames,
        })
    }

    /// How the model sees sound.
    fn spectrogram(&self) -> Result<SemitoneSpectrogram> {
        Ok(SemitoneSpectrogram::new(SemitoneConfig {
            sample_rate: self.vocoder.sample_rate,
            hop_length: self.vocoder.hop_length,
            num_bands: self.vocoder.num_bands,
            lowest_midi: u8::try_from(self.vocoder.lowest_midi).unwrap_or(u8::MAX),
            ..SemitoneConfig::default()
        })?)
    }
}

/// The composer's two sides.
fn corpora(composed: &Composed, duration_s: f64) -> [(&'static str, Corpus, u64); 2] {
    let side = |split| Corpus {
        seed: composed.seed,
        split,
        composer: Composer::new(duration_s),
    };
    [
        ("train", side(Split::Train), composed.num_clips),
        ("held-out", side(Split::HeldOut), composed.num_held_out),
    ]
}

/// Clips with their sounds; `None` if it was asked to stop on the way.
fn sounding(
    config: &Config,
    sizes: &Sizes,
    watch: Watch,
) -> Result<Option<(Clips, Option<Clips>)>> {
    let (spectrogram, mut found) = (sizes.spectrogram()?, Vec::new());
    let mut add = |origin: Origin, name: &'static str| -> Result<bool> {
        let folder = config.cache();
        let place = Place { folder, name };
        let mut progress = |done, total| {
            let what = "clips";
            watch(Event::Preparing { what, done, total })
        };
        let limit = config.data.max_clips;
        let made = prepare(
            &origin,
            &place,
            sizes.num_frames,
            limit,
            &spectrogram,
            &mut progress,
        )?;
        let Some(index) = made else { return Ok(false) };
        if !index.skipped.is_empty() && watch(Event::Skipped(&index.skipped)).is_break() {
            return Ok(false);
        }
        found.push(Clips::open(&place, index)?);
        Ok(true)
    };
    if let Some(composed) = &config.data.composer {
        let bank = SoundBank::open(&composed.soundfont, sizes.vocoder.sample_rate)?;
        let duration_s = sizes.num_frames as f64 * sizes.grid.frame_s;
        for (name, corpus, num_clips) in &corpora(composed, duration_s) {
            let origin = Origin::Composer {
                corpus,
                num_clips: *num_clips,
                bank: &bank,
            };
            if *num_clips > 0 && !add(origin, name)? {
                return Ok(None);
            }
        }
    } else {
        let folders = [
            (config.data.train.as_ref(), "train"),
            (config.data.held_out.as_ref(), "held-out"),
        ];
        for (folder, name) in folders {
            if let Some(folder) = folder
                && !add(Origin::Folder(folder), name)?
            {
                return Ok(None);
            }
        }
    }
    let mut found = found.into_iter();
    let train = found.next().ok_or_else(no_data(config))?;
    Ok(Some((train, found.next())))
}

/// What is known about clips, without their sounds.
fn described(config: &Config) -> Result<(Vec<Annotation>, Vec<Annotation>)> {
    let limit = config.data.max_clips.unwrap_or(usize::MAX);
    let found = if let Some(composed) = &config.data.composer {
        corpora(composed, mustool_composer::CLIP_S).map(|(_, corpus, num_clips)| {
            let annotation = |index| Annotation::of_score(&corpus, index);
            (0..num_clips).take(limit).map(annotation).collect()
        })
    } else {
        let read = |folder: &Option<std::path::PathBuf>| match folder {
            Some(folder) => annotations(folder, limit),
            None => Ok(Vec::new()),
        };
        [read(&config.data.train)?, read(&config.data.held_out)?]
    };
    let [train, held_out] = found;
    if train.is_empty() {
        return Err(no_data(config)());
    }
    Ok((train, held_out))
}

fn no_data(config: &Config) -> impl FnOnce() -> Error + use<> {
    let path = config.run.clone();
    || Error::Config {
        path,
        reason: "no data: name data.train, data.composer or --data".to_owned(),
    }
}

/// Frames of a crop: as wished, but no more than a clip has.
fn crop_frames(wished: Option<usize>, usual: usize, sizes: &Sizes) -> usize {
    wished.unwrap_or(usual).min(sizes.num_frames)
}

/// The statistics by which spectrograms are normalised.
#[derive(Debug, Clone, Copy, serde::Deserialize)]
pub(crate) struct Normal {
    mean: f32,
    std: f32,
}

impl Normal {
    fn of(model: &ModelFolder, file: &str) -> Result<Self> {
        let normal: Self = model.json(file)?;
        if normal.mean.is_finite() && normal.std > 0.0 && normal.std.is_finite() {
            return Ok(normal);
        }
        Err(Error::Config {
            path: model.file(file),
            reason: format!("{normal:?} normalises nothing"),
        })
    }

    fn apply(self, levels: &mut [f32]) {
        for level in levels {
            *level = (*level - self.mean) / self.std;
        }
    }
}

/// The logarithm of a gain added to levels, none of which falls below silence.
fn amplify(levels: &mut [f32], log_gain: f32) {
    let silence = SemitoneConfig::default().silence();
    for level in levels {
        *level = (*level + log_gain).max(silence);
    }
}

/// A tensor of `f32`.
fn tensor(values: Vec<f32>, shape: &[usize]) -> Result<mustool_nn::Tensor> {
    Ok(mustool_nn::tensor(values, shape, DType::F32)?)
}
