//! Depthwise convolution: every channel with its own kernel.

use crate::autograd::{Output, attach};
use crate::cpu::{Real, by_dtype, compute, with_slice};
use crate::error::Result;
use crate::init::Init;
use crate::parameter::{Parameter, Plain};
use crate::weights::Weights;
use candle_core::Tensor;
use mustool_kernels::cpu::backward::{
    column_sums, depthwise_conv1d_input, depthwise_conv1d_weight,
};
use mustool_kernels::cpu::depthwise_conv1d;

/// Depthwise 1-D convolution over `[batch, time, channels]` that keeps the length.
#[derive(Debug)]
pub struct DepthwiseConv1d {
    weight: Plain,
    bias: Plain,
    kernel: usize,
}

impl DepthwiseConv1d {
    /// Keys `weight` `[channels, 1, kernel]` and `bias`; `kernel` is odd.
    pub fn new(channels: usize, kernel: usize, weights: &Weights) -> Self {
        let init = Init::fan_in(kernel);
        Self {
            weight: weights.plain("weight", &[channels, 1, kernel], init),
            bias: weights.plain("bias", &[channels], init),
            kernel,
        }
    }

    /// `x`: `[batch, time, channels]` → the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        by_dtype!(x, T => self.run::<T>(x))
    }

    fn run<T: Real>(&self, x: &Tensor) -> Result<Tensor> {
        let (_, time, channels) = x.dims3()?;
        let kernel = self.kernel;
        let values = compute::<T>(x, x.elem_count(), |x, y| {
            let weight = transposed(&self.weight.values(), channels);
            depthwise_conv1d(x, time, &weight, &self.bias.values(), y);
        })?;
        let output = Output::new(values, x.shape());
        let (weight, bias) = (self.weight.clone(), self.bias.wanted().cloned());
        let anchor = weight
            .wanted()
            .or(bias.as_ref())
            .map(Parameter::anchor)
            .cloned();
        let inputs: Vec<&Tensor> = [Some(x), anchor.as_ref()].into_iter().flatten().collect();
        let (count, kept) = (inputs.len(), x.clone());
        attach("depthwise_conv1d", &inputs, output, move |gradient| {
            let mut gradients = vec![None; count];
            with_slice::<T, _>(gradient, |dy| -> Result<()> {
                if kept.track_op() {
                    let weight = transposed(&weight.values(), channels);
                    let values = depthwise_conv1d_input(dy, time, &weight, channels);
                    gradients[0] = Some(Output::new(values, kept.shape()).into_tensor());
                }
                if let Some(weight) = weight.wanted() {
                    let sums = with_slice::<T, _>(&kept, |x| {
                        depthwise_conv1d_weight(x, dy, time, kernel, channels)
                    })?;
                    weight.add_gradient(transposed(&sums, kernel));
                }
                if let Some(bias) = &bias {
                    bias.add_gradient(column_sums(dy, channels));
                }
                Ok(())
            })??;
            Ok(gradients)
        })
    }
}

/// `[rows, columns]` → `[columns, rows]`.
fn transposed(values: &[f32], rows: usize) -> Vec<f32> {
    let columns = values.len() / rows.max(1);
    (0..values.len())
        .map(|i| values[(i % rows) * columns + i / rows])
        .collect()
}
