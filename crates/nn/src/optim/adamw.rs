//! AdamW: Adam with decoupled weight decay (Loshchilov and Hutter 2019, arXiv:1711.05101).

use super::Tensors;
use crate::error::{Error, KeyProblems, Result};
use crate::variables::Variables;
use mustool_kernels::cpu::backward::{AdamWStep, adamw};
use std::collections::BTreeMap;

/// Everything but the learning rate, with PyTorch's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWConfig {
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of their squares.
    pub beta2: f32,
    /// Added to the root of that mean.
    pub eps: f32,
    /// Share of the weights taken away in each step, times the learning rate.
    pub weight_decay: f32,
}

impl Default for AdamWConfig {
    fn default() -> Self {
        Self {
            beta1: 0.9,
            beta2: 0.999,
            eps: 1e-8,
            weight_decay: 0.01,
        }
    }
}

/// The optimiser: moments in `f32`, by the names of the parameters.
#[derive(Debug)]
pub struct AdamW {
    config: AdamWConfig,
    moments: BTreeMap<String, Moments>,
}

#[derive(Debug, Clone)]
struct Moments {
    mean: Vec<f32>,
    square: Vec<f32>,
    steps: u32,
}

/// What an interrupted training needs to go on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AdamWState {
    /// Means of the gradients.
    pub mean: Tensors,
    /// Means of their squares.
    pub square: Tensors,
    /// Steps that each parameter has made.
    pub steps: BTreeMap<String, u32>,
}

impl AdamW {
    /// With no steps made.
    pub fn new(config: AdamWConfig) -> Self {
        Self {
            config,
            moments: BTreeMap::new(),
        }
    }

    /// One step for every trainable parameter that has a gradient; takes the gradients.
    pub fn step(&mut self, variables: &Variables, learning_rate: f64) {
        let config = self.config;
        for parameter in variables.all() {
            if !parameter.is_trainable() {
                continue;
            }
            parameter.update(|values, gradient| {
                let Some(gradient) = gradient else { return };
                let fresh = || Moments {
                    mean: vec![0.0; values.len()],
                    square: vec![0.0; values.len()],
                    steps: 0,
                };
                let name = parameter.name().to_owned();
                let moments = self.moments.entry(name).or_insert_with(fresh);
                moments.steps += 1;
                let step = AdamWStep {
                    learning_rate: learning_rate as f32,
                    beta1: config.beta1,
                    beta2: config.beta2,
                    eps: config.eps,
                    weight_decay: config.weight_decay,
                    step: moments.steps,
                };
                let both = [&mut moments.mean[..], &mut moments.square[..]];
                adamw(values, &gradient, both, step);
            });
        }
    }

    /// A copy of the moments, shaped like the parameters.
    pub fn state(&self, variables: &Variables) -> AdamWState {
        let mut state = AdamWState::default();
        for parameter in variables.all() {
            let name = parameter.name().to_owned();
            if let Some(moments) = self.moments.get(&name) {
                let shape = parameter.shape().to_vec();
                let mean = (shape.clone(), moments.mean.clone());
                state.mean.insert(name.clone(), mean);
                let square = (shape, moments.square.clone());
                state.square.insert(name.clone(), square);
                state.steps.insert(name, moments.steps);
            }
        }
        state
    }

    /// Goes on from a state; every name must be a parameter's, with moments of its shape.
    pub fn restore(&mut self, state: &AdamWState, variables: &Variables) -> Result<()> {
        let mut problems = KeyProblems::default();
        let mut moments = BTreeMap::new();
        for (name, &steps) in &state.steps {
            let (Some(mean), Some(square), Some(parameter)) = (
                state.mean.get(name),
                state.square.get(name),
                variables.get(name),
            ) else {
                problems.unexpected.push(name.clone());
                continue;
            };
            for (shape, values) in [mean, square] {
                let len = parameter.shape().iter().product::<usize>();
                if shape != parameter.shape() || values.len() != len {
                    let wanted = parameter.shape().to_vec();
                    problems
                        .misshaped
                        .push((name.clone(), wanted, shape.clone()));
                }
            }
            let (mean, square) = (mean.1.clone(), square.1.clone());
            let restored = Moments {
                mean,
                square,
                steps,
            };
            moments.insert(name.clone(), restored);
        }
        if !problems.is_empty() {
            return Err(Error::Keys(problems));
        }
        self.moments = moments;
        Ok(())
    }
}
