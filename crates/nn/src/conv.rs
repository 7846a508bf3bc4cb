//! Convolutions over channels-last tensors; the weights keep PyTorch's shapes in checkpoints.

use crate::cpu::{Real, by_dtype, map, with_optional};
use crate::error::Result;
use crate::weights::Weights;
use candle_core::{DType, Tensor};
use half::bf16;
use mustool_kernels::cpu::{
    Conv1dShape, Conv2dShape, Epilogue, Packed, PackedTransposed, conv_transpose1d, conv1d, conv2d,
    depthwise_conv1d,
};

fn pack_conv(weights: &Weights, shape: &[usize], [columns, depth, taps]: [usize; 3]) -> Packed {
    weights.packed("weight", shape, |values, dtype| match dtype {
        DType::BF16 => Packed::conv::<bf16>(values, columns, depth, taps),
        _ => Packed::conv::<f32>(values, columns, depth, taps),
    })
}

/// 2-D convolution over `[batch, height, width, channels]`.
#[derive(Debug)]
pub struct Conv2d {
    weight: Packed,
    bias: Vec<f32>,
    out_channels: usize,
    kernel: usize,
    stride: usize,
    padding: [[usize; 2]; 2],
}

impl Conv2d {
    /// Keys `weight` `[out, in, kernel, kernel]` and `bias`; padding keeps the size at stride 1.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize, weights: &Weights) -> Self {
        let shape = [out_channels, in_channels, kernel, kernel];
        Self {
            weight: pack_conv(
                weights,
                &shape,
                [out_channels, in_channels, kernel * kernel],
            ),
            bias: weights.values("bias", &[out_channels]),
            out_channels,
            kernel,
            stride: 1,
            padding: [[kernel / 2; 2]; 2],
        }
    }

    /// The same with a stride and zeros `[[top, bottom], [left, right]]`.
    pub fn strided(self, stride: usize, padding: [[usize; 2]; 2]) -> Self {
        Self {
            stride,
            padding,
            ..self
        }
    }

    /// `x`: `[batch, height, width, in]` → `[batch, height', width', out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        by_dtype!(x, T => self.run::<T>(x, None))
    }

    /// The convolution plus `residual`, which has the output's shape.
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        by_dtype!(x, T => self.run::<T>(x, Some(residual)))
    }

    fn run<T: Real>(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let (batch, height, width, _) = x.dims4()?;
        let shape = Conv2dShape {
            batch,
            input: [height, width],
            kernel: [self.kernel; 2],
            stride: self.stride,
            padding: self.padding,
        };
        let [out_height, out_width] = shape.output();
        let dims = (batch, out_height, out_width, self.out_channels);
        let product = |residual: Option<&[T]>| {
            let epilogue = Epilogue {
                bias: Some(&self.bias),
                residual,
                ..Epilogue::default()
            };
            map::<T>(x, dims, |x, y| {
                conv2d(x, &shape, &self.weight, &epilogue, y)
            })
        };
        with_optional::<T, _>(residual, product)
    }
}

/// 1-D convolution over `[batch, time, channels]` that keeps the length.
#[derive(Debug)]
pub struct Conv1d {
    weight: Packed,
    bias: Option<Vec<f32>>,
    out_channels: usize,
    kernel: usize,
    dilation: usize,
}

impl Conv1d {
    /// Keys `weight` `[out, in, kernel]` and `bias`; `kernel` is odd.
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel: usize,
        dilation: usize,
        weights: &Weights,
    ) -> Self {
        let bias = weights.values("bias", &[out_channels]);
        Self {
            bias: Some(bias),
            ..Self::no_bias(in_channels, out_channels, kernel, dilation, weights)
        }
    }

    /// Key `weight` only.
    pub fn no_bias(
        in_channels: usize,
        out_channels: usize,
        kernel: usize,
        dilation: usize,
        weights: &Weights,
    ) -> Self {
        let shape = [out_channels, in_channels, kernel];
        let weight = pack_conv(weights, &shape, shape);
        Self {
            weight,
            bias: None,
            out_channels,
            kernel,
            dilation,
        }
    }

    /// `x`: `[batch, time, in]` → `[batch, time, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        by_dtype!(x, T => self.run::<T>(x, None))
    }

    /// The convolution plus `residual`, which has the output's shape.
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        by_dtype!(x, T => self.run::<T>(x, Some(residual)))
    }

    fn run<T: Real>(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let (batch, time, _) = x.dims3()?;
        let shape = Conv1dShape {
            batch,
            time,
            kernel: self.kernel,
            stride: 1,
            padding: self.dilation * (self.kernel - 1) / 2,
            dilation: self.dilation,
        };
        let dims = (batch, shape.output(), self.out_channels);
        let product = |residual: Option<&[T]>| {
            let epilogue = Epilogue {
                bias: self.bias.as_deref(),
                residual,
                ..Epilogue::default()
            };
            map::<T>(x, dims, |x, y| {
                conv1d(x, &shape, &self.weight, &epilogue, y)
            })
        };
        with_optional::<T, _>(residual, product)
    }
}

/// Transposed 1-D convolution: makes `[batch, time, in]` `stride` times longer.
#[derive(Debug)]
pub struct ConvTranspose1d {
    weight: PackedTransposed,
    bias: Vec<f32>,
    out_channels: usize,
    kernel: usize,
    stride: usize,
}

impl ConvTranspose1d {
    /// Keys `weight` `[in, out, kernel]` and `bias`; padding is `(kernel − stride) / 2`.
    pub fn new(
        in_channels: usize,
        out_channels: usize,
        kernel: usize,
        stride: usize,
        weights: &Weights,
    ) -> Self {
        let values = weights.values("weight", &[in_channels, out_channels, kernel]);
        let bias = weights.values("bias", &[out_channels]);
        let (depth, columns) = if weights.is_listing() {
            (0, 0)
        } else {
            (in_channels, out_channels)
        };
        let weight = match weights.dtype() {
            DType::BF16 => PackedTransposed::new::<bf16>(&values, depth, columns, kernel, stride),
            _ => PackedTransposed::new::<f32>(&values, depth, columns, kernel, stride),
        };
        Self {
            weight,
            bias,
            out_channels,
            kernel,
            stride,
        }
    }

    /// `x`: `[batch, time, in]` → `[batch, (time − 1)·stride + kernel − 2·padding, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        by_dtype!(x, T => {
            let (batch, time, _) = x.dims3()?;
            let padding = (self.kernel - self.stride) / 2;
            let shape = Conv1dShape {
                batch, time, kernel: self.kernel, stride: self.stride, padding, dilation: 1,
            };
            let out_time = (time - 1) * self.stride + self.kernel - 2 * padding;
            map::<T>(x, (batch, out_time, self.out_channels), |x, y| {
                conv_transpose1d(x, &shape, &self.weight, Some(&self.bias), y);
            })
        })
    }
}

/// Depthwise 1-D convolution over `[batch, time, channels]` that keeps the length.
#[derive(Debug)]
pub struct DepthwiseConv1d {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl DepthwiseConv1d {
    /// Keys `weight` `[channels, 1, kernel]` and `bias`; `kernel` is odd.
    pub fn new(channels: usize, kernel: usize, weights: &Weights) -> Self {
        let values = weights.values("weight", &[channels, 1, kernel]);
        let weight = (0..values.len())
            .map(|i| values[(i % channels) * kernel + i / channels])
            .collect();
        Self {
            weight,
            bias: weights.values("bias", &[channels]),
        }
    }

    /// `x`: `[batch, time, channels]` → the same shape.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, time, _) = x.dims3()?;
        by_dtype!(x, T => map::<T>(x, x.dims(), |x, y| {
            depthwise_conv1d(x, time, &self.weight, &self.bias, y);
        }))
    }
}
