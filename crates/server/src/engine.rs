//! What makes the music: the networks, or for tests and measurements a tone that takes its time.
//!
//! An engine runs several pieces at once where it can; whoever asks watches every step and may
//! give up single pieces. Queue, files and leases are in `worker`.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mustool_audio::Waveform;
use mustool_diffusion::{Error as DiffusionError, Output, Pipeline, Progress, Request, Stage};
use mustool_music::Plan;
use serde::Serialize;
use utoipa::ToSchema;

use crate::wire::job::ModelRef;
use crate::{Error, Result};

/// What a model is and can do.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[schema(as = Model)]
pub struct ModelCard {
    /// Name.
    pub id: String,
    /// Always `model`.
    pub object: &'static str,
    /// Whether it was trained; random weights give noise.
    pub trained: bool,
    /// Longest piece in seconds.
    pub max_duration_s: f64,
    /// Sample rate in Hz; 0 until it has been loaded once.
    pub sample_rate: u32,
    /// Denoising steps unless asked otherwise.
    pub default_steps: u32,
    /// Guidance unless asked otherwise.
    pub default_guidance_scale: f64,
    /// Samplers.
    pub schedulers: [&'static str; 3],
    /// Checksum of the weights; none until it has been loaded once.
    pub weights_sha256: Option<String>,
    /// Whether it is in memory.
    pub loaded: bool,
    /// Where it computes.
    pub device: &'static str,
}

impl ModelCard {
    /// The card of a model by its `model.json`.
    pub fn new(info: &mustool_diffusion::ModelInfo) -> Self {
        Self {
            id: info.id.clone(),
            object: "model",
            trained: info.trained,
            max_duration_s: info.max_duration_s,
            sample_rate: info.sample_rate,
            default_steps: u32::try_from(info.default_steps).unwrap_or(u32::MAX),
            default_guidance_scale: info.default_guidance,
            schedulers: ["ddpm", "ddim", "dpm++2m"],
            weights_sha256: Some(info.weights_sha256.clone()).filter(|sum| !sum.is_empty()),
            loaded: false,
            device: "cpu",
        }
    }

    /// As jobs name it.
    pub fn reference(&self) -> ModelRef {
        ModelRef {
            id: self.id.clone(),
            weights_sha256: self.weights_sha256.clone(),
        }
    }
}

/// Watches an engine at work.
pub trait Monitor {
    /// Called before every step of the pieces that run together.
    fn report(&mut self, progress: &Progress);
    /// Whether piece `index` is still wanted. An engine asks at every step.
    fn wanted(&self, index: usize) -> bool;
}

/// Makes music.
pub trait Engine: Send + Sync {
    /// What it is.
    fn card(&self) -> ModelCard;
    /// Most pieces that it makes together.
    fn max_batch(&self) -> u32;
    /// The plan that a request would be rendered by.
    fn plan(&self, request: &Request) -> mustool_diffusion::Result<Plan>;
    /// One output for each request, which asks for one each; those that are no longer wanted end
    /// as cancelled. The bytes depend on the request alone, not on its neighbours.
    fn generate(
        &self,
        requests: &[Request],
        monitor: &mut dyn Monitor,
    ) -> Vec<mustool_diffusion::Result<Output>>;
}

impl std::fmt::Debug for dyn Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Engine").field(&self.card().id).finish()
    }
}

/// The networks of `mustool-diffusion`. They use every core for one piece, so pieces follow each
/// other.
pub struct PipelineEngine(Pipeline);

impl PipelineEngine {
    /// An engine over a loaded model.
    pub fn new(pipeline: Pipeline) -> Self {
        Self(pipeline)
    }
}

impl Engine for PipelineEngine {
    fn card(&self) -> ModelCard {
        ModelCard {
            loaded: true,
            ..ModelCard::new(self.0.info())
        }
    }

    fn max_batch(&self) -> u32 {
        1
    }

    fn plan(&self, request: &Request) -> mustool_diffusion::Result<Plan> {
        self.0.plan(request)
    }

    fn generate(
        &self,
        requests: &[Request],
        monitor: &mut dyn Monitor,
    ) -> Vec<mustool_diffusion::Result<Output>> {
        let one = |(index, request): (usize, &Request)| {
            let outputs = self.0.generate(request, &mut |progress| {
                monitor.report(progress);
                match monitor.wanted(index) {
                    true => ControlFlow::Continue(()),
                    false => ControlFlow::Break(()),
                }
            })?;
            Ok(outputs
                .into_iter()
                .next()
                .expect("one output was asked for"))
        };
        requests.iter().enumerate().map(one).collect()
    }
}

/// A quiet tone by the seed, after as many pauses as there are denoising steps: the queue, the
/// events and the files can be measured and broken without any networks.
#[derive(Debug, Clone)]
pub struct FakeEngine {
    /// Length of a step.
    pub step: Duration,
    /// Most pieces together.
    pub max_batch: u32,
}

impl FakeEngine {
    const SAMPLE_RATE: u32 = 16_000;

    /// The card of this engine.
    pub fn card() -> ModelCard {
        ModelCard {
            id: "fake".to_owned(),
            object: "model",
            trained: false,
            max_duration_s: 60.0,
            sample_rate: Self::SAMPLE_RATE,
            default_steps: 10,
            default_guidance_scale: 3.0,
            schedulers: ["ddpm", "ddim", "dpm++2m"],
            weights_sha256: Some("0".repeat(64)),
            loaded: false,
            device: "cpu",
        }
    }

    fn tone(request: &Request) -> mustool_diffusion::Result<Output> {
        let plan = match &request.plan {
            Some(plan) => plan.clone(),
            None => stated_plan(request)?,
        };
        let hz = 110.0 * 2_f64.powf((request.seed % 48) as f64 / 12.0);
        let rate = f64::from(Self::SAMPLE_RATE);
        let num_frames = (request.duration_s * rate).round() as usize;
        let sample = |frame: usize| {
            let phase = std::f64::consts::TAU * hz * frame as f64 / rate;
            (0.2 * phase.sin()) as f32
        };
        let samples = (0..num_frames).map(sample).collect();
        Ok(Output {
            waveform: Waveform::mono(samples, Self::SAMPLE_RATE)?,
            seed: request.seed,
            plan,
        })
    }
}

/// What a request states, in a steady tempo; nothing is predicted.
fn stated_plan(request: &Request) -> mustool_diffusion::Result<Plan> {
    let meter = request.meter.unwrap_or_default();
    let mut plan = Plan::steady(
        request.tempo_bpm.unwrap_or(120.0),
        meter,
        request.duration_s,
    );
    plan.key = request.key;
    if let Some(chords) = &request.chords {
        plan.chords = plan.chords_from_symbols(chords)?;
    }
    Ok(plan)
}

impl Engine for FakeEngine {
    fn card(&self) -> ModelCard {
        ModelCard {
            loaded: true,
            ..Self::card()
        }
    }

    fn max_batch(&self) -> u32 {
        self.max_batch
    }

    fn plan(&self, request: &Request) -> mustool_diffusion::Result<Plan> {
        stated_plan(request)
    }

    fn generate(
        &self,
        requests: &[Request],
        monitor: &mut dyn Monitor,
    ) -> Vec<mustool_diffusion::Result<Output>> {
        let steps = requests
            .iter()
            .filter_map(|request| request.num_inference_steps)
            .max();
        let total = steps.unwrap_or(10);
        for step in 0..total {
            monitor.report(&Progress {
                stage: Stage::Denoise,
                step,
                total,
            });
            if !(0..requests.len()).any(|index| monitor.wanted(index)) {
                break;
            }
            std::thread::sleep(self.step);
        }
        let one = |(index, request)| match monitor.wanted(index) {
            true => Self::tone(request),
            false => Err(DiffusionError::Cancelled),
        };
        requests.iter().enumerate().map(one).collect()
    }
}

/// Reads a model.
pub type Loader = Box<dyn Fn() -> Result<Arc<dyn Engine>> + Send + Sync>;

/// The model: described at once, read when it is first needed.
pub struct Engines {
    loader: Loader,
    loading: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    card: ModelCard,
    engine: Option<Arc<dyn Engine>>,
    failure: Option<String>,
}

impl Engines {
    /// A model that `loader` reads when it is needed; until then `card` says what is known.
    pub fn new(card: ModelCard, loader: Loader) -> Self {
        let state = State {
            card,
            engine: None,
            failure: None,
        };
        Self {
            loader,
            loading: Mutex::new(()),
            state: Mutex::new(state),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The model, read now if it is not in memory. Blocks; readers wait for each other.
    pub fn get(&self) -> Result<Arc<dyn Engine>> {
        let _one_reads = self.loading.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(engine) = &self.lock().engine {
            return Ok(Arc::clone(engine));
        }
        let loaded = (self.loader)(); // takes seconds: cards are still given meanwhile
        let mut state = self.lock();
        match loaded {
            Ok(engine) => {
                state.card = engine.card();
                state.failure = None;
                state.engine = Some(Arc::clone(&engine));
                Ok(engine)
            }
            Err(error) => {
                state.failure = Some(error.to_string());
                Err(error)
            }
        }
    }

    /// Forgets the model; its memory is freed when the last run with it ends.
    pub fn unload(&self) {
        let mut state = self.lock();
        state.engine = None;
        state.card.loaded = false;
    }

    /// What is known of the model.
    pub fn card(&self) -> ModelCard {
        self.lock().card.clone()
    }

    /// Why the model could not be read, if it could not.
    pub fn failure(&self) -> Option<String> {
        self.lock().failure.clone()
    }
}

impl std::fmt::Debug for Engines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engines")
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// [`Error::Unavailable`] with the reason why there is no model.
pub fn no_model(error: &Error) -> Error {
    Error::Unavailable {
        reason: format!("the model cannot be loaded: {error}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Until(usize, Vec<usize>);

    impl Monitor for Until {
        fn report(&mut self, progress: &Progress) {
            self.1.push(progress.step);
        }

        fn wanted(&self, index: usize) -> bool {
            index != 1 || self.1.len() <= self.0
        }
    }

    fn request(seed: u64) -> Request {
        Request {
            prompt: "a".to_owned(),
            seed,
            duration_s: 1.0,
            num_inference_steps: Some(5),
            ..Request::default()
        }
    }

    #[test]
    fn a_piece_does_not_depend_on_its_neighbours() {
        let engine = FakeEngine {
            step: Duration::ZERO,
            max_batch: 8,
        };
        let alone = engine.generate(&[request(7)], &mut Until(99, Vec::new()));
        let mut monitor = Until(2, Vec::new());
        let together = engine.generate(&[request(7), request(8), request(9)], &mut monitor);
        assert_eq!(
            alone[0].as_ref().unwrap().waveform,
            together[0].as_ref().unwrap().waveform
        );
        assert!(matches!(together[1], Err(DiffusionError::Cancelled)));
        assert!(together[2].is_ok());
        assert_eq!(monitor.1, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn a_model_is_read_once_and_again_after_it_was_forgotten() {
        let reads = Arc::new(std::sync::atomic::AtomicU32::new(0));
        let counted = Arc::clone(&reads);
        let loader: Loader = Box::new(move || {
            counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Ok(Arc::new(FakeEngine {
                step: Duration::ZERO,
                max_batch: 1,
            }))
        });
        let engines = Engines::new(FakeEngine::card(), loader);
        assert!(!engines.card().loaded);
        engines.get().unwrap();
        engines.get().unwrap();
        assert!(engines.card().loaded);
        engines.unload();
        assert!(!engines.card().loaded);
        engines.get().unwrap();
        assert_eq!(reads.load(std::sync::atomic::Ordering::Relaxed), 2);
    }
}
