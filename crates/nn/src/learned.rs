//! A weight that a network uses as a tensor of its own: a scale, a bias map.

use crate::autograd::{Output, attach};
use crate::cpu::host;
use crate::error::Result;
use crate::init::Init;
use crate::parameter::Plain;
use crate::weights::Weights;
use candle_core::{DType, Tensor};

/// A tensor of weights of any shape.
#[derive(Debug)]
pub struct Learned {
    values: Plain,
    shape: Vec<usize>,
    dtype: DType,
}

impl Learned {
    /// A bare weight of that name and shape.
    pub fn new(name: &str, shape: &[usize], init: Init, weights: &Weights) -> Self {
        Self {
            values: weights.plain(name, shape, init),
            shape: shape.to_vec(),
            dtype: weights.dtype(),
        }
    }

    /// The tensor, in the type of the activations.
    pub fn tensor(&self) -> Result<Tensor> {
        let values = self.values.values().to_vec();
        let output = Output::new(values, self.shape.clone());
        let Some(parameter) = self.values.wanted().cloned() else {
            return Ok(output.into_tensor().to_dtype(self.dtype)?);
        };
        let anchor = parameter.anchor().clone();
        let tensor = attach("learned", &[&anchor], output, move |gradient| {
            parameter.add_gradient(host(gradient)?);
            Ok(vec![None])
        })?;
        Ok(tensor.to_dtype(self.dtype)?)
    }
}
