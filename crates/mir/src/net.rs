//! The few network layers that the analysis needs, on slices.
//!
//! Weights come from safetensors files under PyTorch's names. Networks here have tens of thousands
//! of weights, so plain loops are fast enough; large networks are the business of other crates.

use safetensors::{Dtype, SafeTensors};

use crate::{Error, Result};

/// The tensors of a file.
#[derive(Debug)]
pub struct Weights<'a> {
    name: &'static str,
    tensors: SafeTensors<'a>,
}

impl<'a> Weights<'a> {
    /// `name` is what errors call the file.
    pub fn new(name: &'static str, bytes: &'a [u8]) -> Result<Self> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|error| Error::Weights {
            name: name.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { name, tensors })
    }

    /// The f32 tensor `key`, which must have `shape`.
    pub fn tensor(&self, key: &str, shape: &[usize]) -> Result<Vec<f32>> {
        let wrong = |reason: String| Error::Weights {
            name: format!("{}: {key}", self.name),
            reason,
        };
        let tensor = self
            .tensors
            .tensor(key)
            .map_err(|error| wrong(error.to_string()))?;
        if tensor.dtype() != Dtype::F32 || tensor.shape() != shape {
            let found = format!("{:?} {:?}", tensor.dtype(), tensor.shape());
            return Err(wrong(format!("{found} instead of F32 {shape:?}")));
        }
        let number = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let values: Vec<f32> = tensor.data().chunks_exact(4).map(number).collect();
        if values.iter().any(|value| !value.is_finite()) {
            return Err(wrong("a weight is not a number".to_owned()));
        }
        Ok(values)
    }
}

/// A linear map of several rows of `inputs` values, its taps, to one row of `outputs`.
#[derive(Debug, Clone)]
pub struct Layer {
    inputs: usize,
    outputs: usize,
    num_taps: usize,
    /// `[taps][inputs][outputs]`.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Layer {
    /// `{key}.weight` is `[outputs, inputs]` and then the taps' axes `kernel`, of which one is
    /// longer than 1 at most; none for a linear layer. `{key}.bias` is `[outputs]`.
    pub fn new(
        weights: &Weights<'_>,
        key: &str,
        (inputs, outputs): (usize, usize),
        kernel: &[usize],
    ) -> Result<Self> {
        let num_taps = kernel.iter().product();
        let shape = [&[outputs, inputs], kernel].concat();
        let stored = weights.tensor(&format!("{key}.weight"), &shape)?;
        let mut weight = vec![0.0; stored.len()];
        for (i, value) in stored.into_iter().enumerate() {
            let (output, input, tap) =
                (i / (inputs * num_taps), i / num_taps % inputs, i % num_taps);
            weight[(tap * inputs + input) * outputs + output] = value;
        }
        Ok(Self {
            inputs,
            outputs,
            num_taps,
            weight,
            bias: weights.tensor(&format!("{key}.bias"), &[outputs])?,
        })
    }

    /// Number of values in a row of the result.
    pub fn outputs(&self) -> usize {
        self.outputs
    }

    /// Adds what `row` contributes through `tap` to `sums`.
    fn add(&self, tap: usize, row: &[f32], sums: &mut [f32]) {
        let weight = &self.weight[tap * self.inputs * self.outputs..];
        for (value, weight) in row.iter().zip(weight.chunks_exact(self.outputs)) {
            // After a rectifier half of the values are 0.
            if *value != 0.0 {
                for (sum, weight) in sums.iter_mut().zip(weight) {
                    *sum += value * weight;
                }
            }
        }
    }

    /// Each row on its own: `[rows][inputs]` → `[rows][outputs]`.
    pub fn rows(&self, x: &[f32]) -> Vec<f32> {
        let mut y = Vec::with_capacity(x.len() / self.inputs * self.outputs);
        for row in x.chunks_exact(self.inputs) {
            let start = y.len();
            y.extend_from_slice(&self.bias);
            self.add(0, row, &mut y[start..]);
        }
        y
    }

    /// A convolution over time, `[frames][places][inputs]` → `[frames][places][outputs]`, each
    /// place on its own. The middle tap is the frame itself, the others lie `dilation` frames
    /// apart; beyond the ends there are zeros.
    pub fn over_time(&self, x: &[f32], places: usize, dilation: usize) -> Vec<f32> {
        let num_rows = x.len() / self.inputs;
        let mut y = Vec::with_capacity(num_rows * self.outputs);
        for row in 0..num_rows {
            let start = y.len();
            y.extend_from_slice(&self.bias);
            for tap in 0..self.num_taps {
                let reach = self.num_taps / 2 * dilation * places;
                let Some(from) = (row + tap * dilation * places).checked_sub(reach) else {
                    continue;
                };
                if let Some(input) = x.get(from * self.inputs..(from + 1) * self.inputs) {
                    self.add(tap, input, &mut y[start..]);
                }
            }
        }
        y
    }

    /// A convolution around a circle of as many places as there are taps,
    /// `[frames][taps][inputs]` → `[frames][taps][outputs]`: place p hears p, p + 1, .. in turn.
    pub fn around_circle(&self, x: &[f32]) -> Vec<f32> {
        let mut y = Vec::with_capacity(x.len() / self.inputs * self.outputs);
        for frame in x.chunks_exact(self.num_taps * self.inputs) {
            for place in 0..self.num_taps {
                let start = y.len();
                y.extend_from_slice(&self.bias);
                for tap in 0..self.num_taps {
                    let from = (place + tap) % self.num_taps * self.inputs;
                    self.add(tap, &frame[from..from + self.inputs], &mut y[start..]);
                }
            }
        }
        y
    }
}

/// max(x, 0), in place.
pub fn relu(x: &mut [f32]) {
    x.iter_mut().for_each(|value| *value = value.max(0.0));
}

/// x where positive, else exp(x) − 1, in place.
pub(crate) fn elu(x: &mut [f32]) {
    for value in x.iter_mut().filter(|value| **value < 0.0) {
        *value = value.exp_m1();
    }
}

/// x += y.
pub fn add(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// 1 / (1 + exp(−x)).
pub fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

/// ln of the softmax of `x`.
pub fn log_softmax(x: &[f32]) -> Vec<f32> {
    let max = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = x.iter().map(|value| (value - max).exp()).sum();
    x.iter().map(|value| value - max - sum.ln()).collect()
}

#[cfg(test)]
mod tests {
    use safetensors::tensor::TensorView;

    use super::*;

    /// A file with one layer "l", whose weight counts up from 1.
    fn file(shape: &[usize], bias: &[f32]) -> Vec<u8> {
        let bytes = |values: &[f32]| -> Vec<u8> {
            values
                .iter()
                .flat_map(|value| value.to_le_bytes())
                .collect()
        };
        let count = shape.iter().product::<usize>();
        let weight: Vec<f32> = (1..=count).map(|i| i as f32).collect();
        let (weight, bias_bytes) = (bytes(&weight), bytes(bias));
        let view = |shape: &[usize], data| TensorView::new(Dtype::F32, shape.to_vec(), data);
        let views = [
            ("l.weight", view(shape, &weight).unwrap()),
            ("l.bias", view(&[bias.len()], &bias_bytes).unwrap()),
        ];
        safetensors::serialize(views, None).unwrap()
    }

    #[test]
    fn convolutions_are_their_definition() {
        let bytes = file(&[1, 2, 3], &[0.5]);
        let layer = Layer::new(&Weights::new("test", &bytes).unwrap(), "l", (2, 1), &[3]).unwrap();
        // Taps of input 0: 1 2 3, of input 1: 4 5 6. Two frames: (1, 0), (0, 10).
        let x = [1.0, 0.0, 0.0, 10.0];
        assert_eq!(
            layer.over_time(&x, 1, 1),
            [2.0 + 60.0 + 0.5, 1.0 + 50.0 + 0.5]
        );
        assert_eq!(layer.over_time(&x, 1, 2), [2.0 + 0.5, 50.0 + 0.5]);
        assert_eq!(layer.over_time(&x, 2, 1), [2.0 + 0.5, 50.0 + 0.5]);
        let around = layer.around_circle(&[1.0, 0.0, 0.0, 10.0, 0.0, 0.0]);
        assert_eq!(
            around,
            [1.0 + 50.0 + 0.5, 3.0 + 40.0 + 0.5, 2.0 + 60.0 + 0.5]
        );
        assert!(layer.over_time(&[], 1, 4).is_empty());
    }

    #[test]
    fn wrong_shapes_missing_tensors_and_nan_are_refused() {
        let bytes = file(&[1, 2], &[0.0]);
        let weights = Weights::new("test", &bytes).unwrap();
        assert!(Layer::new(&weights, "l", (2, 1), &[]).is_ok());
        assert!(Layer::new(&weights, "l", (1, 2), &[]).is_err());
        assert!(Layer::new(&weights, "other", (2, 1), &[]).is_err());
        let nan = file(&[1, 2], &[f32::NAN]);
        assert!(Layer::new(&Weights::new("test", &nan).unwrap(), "l", (2, 1), &[]).is_err());
        assert!(Weights::new("test", b"no weights").is_err());
    }

    #[test]
    fn a_softmax_sums_to_one() {
        let logs = log_softmax(&[1000.0, 999.0, -1000.0]);
        assert!((logs.iter().map(|log| log.exp()).sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(logs[0] > logs[1] && logs[2].is_finite());
    }
}
