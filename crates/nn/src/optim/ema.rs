//! A running mean of the weights, which generates better than the weights themselves.

use super::Tensors;
use crate::error::Result;
use crate::variables::Variables;

/// Exponential moving average of every parameter.
#[derive(Debug)]
pub struct Ema {
    decay: f32,
    tensors: Tensors,
}

impl Ema {
    /// Starts at the values as they are. `decay` is the share that stays in each update, 0 to 1.
    pub fn new(variables: &Variables, decay: f64) -> Self {
        Self {
            decay: decay as f32,
            tensors: variables.tensors(),
        }
    }

    /// Changes the decay from now on: many trainings begin with a short memory.
    pub fn set_decay(&mut self, decay: f64) {
        self.decay = decay as f32;
    }

    /// Moves towards the values: `mean ← decay · mean + (1 − decay) · values`.
    pub fn update(&mut self, variables: &Variables) {
        for parameter in variables.all() {
            let Some((_, mean)) = self.tensors.get_mut(parameter.name()) else {
                let name = parameter.name().to_owned();
                let value = (parameter.shape().to_vec(), parameter.values().to_vec());
                self.tensors.insert(name, value);
                continue;
            };
            for (mean, value) in mean.iter_mut().zip(parameter.values().iter()) {
                *mean += (1.0 - self.decay) * (value - *mean);
            }
        }
    }

    /// Names, shapes and means: for a checkpoint, or [`crate::Source::memory`].
    pub fn tensors(&self) -> &Tensors {
        &self.tensors
    }

    /// Goes on from saved means; names and shapes must be those of `variables`.
    pub fn restore(&mut self, tensors: Tensors, variables: &Variables) -> Result<()> {
        variables.fits(&tensors)?;
        self.tensors = tensors;
        Ok(())
    }
}
