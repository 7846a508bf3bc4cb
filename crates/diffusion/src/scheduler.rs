//! From noise to latents: DDPM, DDIM and DPM-Solver++(2M) over one noise schedule.
//!
//! Ho et al. 2020 (arXiv:2006.11239), Song et al. 2021 (arXiv:2010.02502), Lu et al. 2022
//! (arXiv:2211.01095); velocity prediction of Salimans and Ho 2022 (arXiv:2202.00512).

use crate::error::{Error, Result};
use serde::Deserialize;
use std::fmt;
use std::str::FromStr;

/// Which update takes a latent from one timestep to the next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub enum SchedulerKind {
    /// Ancestral sampling: adds noise at every step. Mustango's own.
    #[serde(rename = "ddpm")]
    Ddpm,
    /// Deterministic (eta 0).
    #[serde(rename = "ddim")]
    Ddim,
    /// Deterministic, second order: good music in fewer steps.
    #[default]
    #[serde(rename = "dpm++2m")]
    DpmSolver,
}

impl fmt::Display for SchedulerKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ddpm => "ddpm",
            Self::Ddim => "ddim",
            Self::DpmSolver => "dpm++2m",
        })
    }
}

impl FromStr for SchedulerKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name {
            "ddpm" => Ok(Self::Ddpm),
            "ddim" => Ok(Self::Ddim),
            "dpm++2m" | "dpm" => Ok(Self::DpmSolver),
            _ => Err(Error::InvalidRequest {
                field: "scheduler",
                reason: format!("{name:?} is not one of ddpm, ddim, dpm++2m"),
            }),
        }
    }
}

/// What the network predicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PredictionType {
    /// The noise.
    Epsilon,
    /// `√ᾱ·noise − √(1−ᾱ)·x0`.
    VPrediction,
}

/// `scheduler_config.json`: Stable Diffusion's scaled-linear schedule.
#[derive(Debug, Clone, Deserialize)]
pub struct SchedulerConfig {
    /// β of the first training timestep.
    pub beta_start: f64,
    /// β of the last training timestep.
    pub beta_end: f64,
    /// Timesteps in training.
    pub num_train_timesteps: usize,
    /// What the network predicts.
    pub prediction_type: PredictionType,
    /// Added to every DDIM timestep.
    #[serde(default)]
    pub steps_offset: usize,
}

/// A schedule cut into steps.
#[derive(Debug, Clone)]
pub struct Scheduler {
    kind: SchedulerKind,
    prediction: PredictionType,
    alphas_cumprod: Vec<f32>,
    timesteps: Vec<usize>,
    ratio: usize,
}

/// What DPM-Solver remembers from the step before: its clean estimate and log-SNR.
#[derive(Debug, Clone, Default)]
pub struct History(Option<(Vec<f32>, f32)>);

impl Scheduler {
    /// Cuts the training schedule into `num_inference_steps`.
    pub fn new(
        cfg: &SchedulerConfig,
        kind: SchedulerKind,
        num_inference_steps: usize,
    ) -> Result<Self> {
        let train = cfg.num_train_timesteps;
        if num_inference_steps == 0 || num_inference_steps > train {
            return Err(Error::InvalidRequest {
                field: "steps",
                reason: format!("{num_inference_steps} is not within 1 to {train}"),
            });
        }
        let ratio = train / num_inference_steps;
        let offset = if kind == SchedulerKind::Ddpm {
            0
        } else {
            cfg.steps_offset
        };
        let timesteps = (0..num_inference_steps)
            .rev()
            .map(|k| (k * ratio + offset).min(train - 1))
            .collect();
        Ok(Self {
            kind,
            prediction: cfg.prediction_type,
            alphas_cumprod: alphas_cumprod(cfg),
            timesteps,
            ratio,
        })
    }

    /// The timesteps, from noise to music.
    pub fn timesteps(&self) -> &[usize] {
        &self.timesteps
    }

    /// ᾱ of every training timestep.
    pub fn alphas_cumprod(&self) -> &[f32] {
        &self.alphas_cumprod
    }

    /// Whether the step at `timestep` adds noise.
    pub fn adds_noise(&self, timestep: usize) -> bool {
        self.kind == SchedulerKind::Ddpm && timestep > 0
    }

    /// The clean latent and the noise that a prediction implies.
    fn split(&self, ac: f32, model_output: f32, sample: f32) -> (f32, f32) {
        let (a, b) = (ac.sqrt(), (1.0 - ac).sqrt());
        match self.prediction {
            PredictionType::Epsilon => ((sample - b * model_output) / a, model_output),
            PredictionType::VPrediction => {
                (a * sample - b * model_output, a * model_output + b * sample)
            }
        }
    }

    /// The clean latent that a prediction implies.
    pub fn pred_original_sample(
        &self,
        timestep: usize,
        model_output: &[f32],
        sample: &[f32],
    ) -> Vec<f32> {
        let ac = self.alphas_cumprod[timestep];
        model_output
            .iter()
            .zip(sample)
            .map(|(&v, &x)| self.split(ac, v, x).0)
            .collect()
    }

    /// One step in place. `noise` is needed where [`Scheduler::adds_noise`] says so.
    pub fn step(
        &self,
        timestep: usize,
        model_output: &[f32],
        sample: &mut [f32],
        noise: Option<&[f32]>,
        history: &mut History,
    ) {
        let ac = self.alphas_cumprod[timestep];
        let before = timestep
            .checked_sub(self.ratio)
            .map(|t| self.alphas_cumprod[t]);
        match self.kind {
            SchedulerKind::Ddpm => {
                let ac_prev = before.unwrap_or(1.0);
                let alpha = ac / ac_prev;
                let beta = 1.0 - alpha;
                let from_x0 = ac_prev.sqrt() * beta / (1.0 - ac);
                let from_sample = alpha.sqrt() * (1.0 - ac_prev) / (1.0 - ac);
                let variance = ((1.0 - ac_prev) / (1.0 - ac) * beta).max(1e-20);
                let sigma = if timestep > 0 { variance.sqrt() } else { 0.0 };
                for (i, (x, &v)) in sample.iter_mut().zip(model_output).enumerate() {
                    let (x0, _) = self.split(ac, v, *x);
                    *x = from_x0 * x0 + from_sample * *x + sigma * noise.map_or(0.0, |n| n[i]);
                }
            }
            SchedulerKind::Ddim => {
                let ac_prev = before.unwrap_or(self.alphas_cumprod[0]);
                let (a, b) = (ac_prev.sqrt(), (1.0 - ac_prev).sqrt());
                for (x, &v) in sample.iter_mut().zip(model_output) {
                    let (x0, eps) = self.split(ac, v, *x);
                    *x = a * x0 + b * eps;
                }
            }
            SchedulerKind::DpmSolver => self.dpm_step(
                ac,
                before.unwrap_or(self.alphas_cumprod[0]),
                model_output,
                sample,
                history,
            ),
        }
    }

    /// DPM-Solver++(2M), algorithm 2 of arXiv:2211.01095; first order at the first step.
    fn dpm_step(
        &self,
        ac: f32,
        ac_prev: f32,
        v: &[f32],
        sample: &mut [f32],
        history: &mut History,
    ) {
        let log_snr = |ac: f32| 0.5 * (ac / (1.0 - ac)).ln();
        let h = log_snr(ac_prev) - log_snr(ac);
        let keep = ((1.0 - ac_prev) / (1.0 - ac)).sqrt();
        let take = -ac_prev.sqrt() * (-h).exp_m1();
        let x0: Vec<f32> = v
            .iter()
            .zip(&*sample)
            .map(|(&v, &x)| self.split(ac, v, x).0)
            .collect();
        let previous = history.0.take();
        for (i, x) in sample.iter_mut().enumerate() {
            let target = match &previous {
                Some((last, last_h)) if h > 0.0 => x0[i] + 0.5 * (h / last_h) * (x0[i] - last[i]),
                _ => x0[i],
            };
            *x = keep * *x + take * target;
        }
        history.0 = Some((x0, h));
    }

    /// `√ᾱ·x + √(1−ᾱ)·noise`: a clean latent as it looks at `timestep`.
    pub fn add_noise(&self, clean: &[f32], noise: &[f32], timestep: usize) -> Vec<f32> {
        let ac = self.alphas_cumprod[timestep];
        let (a, b) = (ac.sqrt(), (1.0 - ac).sqrt());
        clean
            .iter()
            .zip(noise)
            .map(|(&x, &n)| a * x + b * n)
            .collect()
    }

    /// The velocity that training asks for at `timestep`.
    pub fn velocity(&self, clean: &[f32], noise: &[f32], timestep: usize) -> Vec<f32> {
        let ac = self.alphas_cumprod[timestep];
        let (a, b) = (ac.sqrt(), (1.0 - ac).sqrt());
        clean
            .iter()
            .zip(noise)
            .map(|(&x, &n)| a * n - b * x)
            .collect()
    }
}

/// The products of `1 − β`, β the squares of a linear ramp, in `f32` as the reference has them.
fn alphas_cumprod(cfg: &SchedulerConfig) -> Vec<f32> {
    let (first, last) = (cfg.beta_start.sqrt() as f32, cfg.beta_end.sqrt() as f32);
    let count = cfg.num_train_timesteps;
    let step = (last - first) / (count.max(2) - 1) as f32;
    let mut product = 1f32;
    (0..count)
        .map(|i| {
            // Symmetric about the middle, as PyTorch's linspace.
            let root = if i < count / 2 {
                first + step * i as f32
            } else {
                last - step * (count - 1 - i) as f32
            };
            product *= 1.0 - root * root;
            product
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> SchedulerConfig {
        SchedulerConfig {
            beta_start: 0.000_85,
            beta_end: 0.012,
            num_train_timesteps: 1000,
            prediction_type: PredictionType::VPrediction,
            steps_offset: 1,
        }
    }

    /// A network that knows the answer: its velocity always points at `clean`.
    fn run(kind: SchedulerKind, steps: usize, clean: f32) -> f32 {
        let scheduler = Scheduler::new(&config(), kind, steps).unwrap();
        let mut x = [1.3f32];
        let mut history = History::default();
        for &t in scheduler.timesteps() {
            let ac = scheduler.alphas_cumprod[t];
            let v = (ac.sqrt() * x[0] - clean) / (1.0 - ac).sqrt();
            scheduler.step(t, &[v], &mut x, Some(&[0.3]), &mut history);
        }
        x[0]
    }

    #[test]
    fn every_scheduler_reaches_a_known_target() {
        for kind in [
            SchedulerKind::Ddpm,
            SchedulerKind::Ddim,
            SchedulerKind::DpmSolver,
        ] {
            for steps in [10, 100] {
                assert!(
                    (run(kind, steps, -0.7) + 0.7).abs() < 0.06,
                    "{kind} in {steps}"
                );
            }
        }
    }

    #[test]
    fn names_parse_back_and_nonsense_is_named() {
        for kind in [
            SchedulerKind::Ddpm,
            SchedulerKind::Ddim,
            SchedulerKind::DpmSolver,
        ] {
            assert_eq!(kind.to_string().parse::<SchedulerKind>().unwrap(), kind);
        }
        let error = "euler".parse::<SchedulerKind>().unwrap_err().to_string();
        assert!(error.contains("euler") && error.contains("ddim"));
    }

    #[test]
    fn timesteps_start_below_the_last() {
        let ddpm = Scheduler::new(&config(), SchedulerKind::Ddpm, 100).unwrap();
        assert_eq!((ddpm.timesteps()[0], ddpm.timesteps()[99]), (990, 0));
        let ddim = Scheduler::new(&config(), SchedulerKind::Ddim, 50).unwrap();
        assert_eq!((ddim.timesteps()[0], ddim.timesteps()[49]), (981, 1));
        assert!(Scheduler::new(&config(), SchedulerKind::Ddim, 0).is_err());
    }
}
