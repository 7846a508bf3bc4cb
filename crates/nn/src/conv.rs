//! Convolutions over channels-last tensors; the weights keep PyTorch's shapes in checkpoints.

use crate::affine::{Affine, Product, Weight};
use crate::cpu::{Real, by_dtype};
use crate::error::Result;
use crate::init::Init;
use crate::weights::Weights;
use candle_core::{DType, Tensor};
use half::bf16;
use mustool_kernels::cpu::backward::{
    conv_transpose1d_input, conv_transpose1d_weight, conv1d_input, conv1d_weight, conv2d_input,
    conv2d_weight,
};
use mustool_kernels::cpu::{
    Activation, Conv1dShape, Conv2dShape, Epilogue, Packed, PackedTransposed, conv_transpose1d,
    conv1d, conv2d,
};

fn weight<P: Product>(product: P, shape: &[usize], weights: &Weights) -> Weight<P::Packed> {
    let init = Init::fan_in(shape[1..].iter().product());
    weights.weight("weight", shape, init, |values, dtype| match dtype {
        DType::BF16 => product.pack::<bf16>(values),
        _ => product.pack::<f32>(values),
    })
}

/// 2-D convolution over `[batch, height, width, channels]`.
#[derive(Debug)]
pub struct Conv2d {
    affine: Affine<Packed>,
    channels: [usize; 2],
    kernel: usize,
    stride: usize,
    padding: [[usize; 2]; 2],
}

impl Conv2d {
    /// Keys `weight` `[out, in, kernel, kernel]` and `bias`; padding keeps the size at stride 1.
    pub fn new(in_channels: usize, out_channels: usize, kernel: usize, weights: &Weights) -> Self {
        let weight_shape = [out_channels, in_channels, kernel, kernel];
        let pack = Call2d {
            shape: Conv2dShape {
                batch: 0,
                input: [0; 2],
                kernel: [kernel; 2],
                stride: 1,
                padding: [[0; 2]; 2],
            },
            channels: [in_channels, out_channels],
        };
        let init = Init::fan_in(in_channels * kernel * kernel);
        Self {
            affine: Affine {
                weight: weight(pack, &weight_shape, weights),
                bias: Some(weights.plain("bias", &[out_channels], init)),
            },
            channels: [in_channels, out_channels],
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
        self.run(x, None)
    }

    /// The convolution plus `residual`, which has the output's shape.
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.run(x, Some(residual))
    }

    fn run(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let (batch, height, width, _) = x.dims4()?;
        let call = Call2d {
            shape: Conv2dShape {
                batch,
                input: [height, width],
                kernel: [self.kernel; 2],
                stride: self.stride,
                padding: self.padding,
            },
            channels: self.channels,
        };
        by_dtype!(x, T => self.affine.apply::<T, _>(x, call, Activation::Identity, residual))
    }
}

/// One call of a 2-D convolution.
#[derive(Debug, Clone, Copy)]
struct Call2d {
    shape: Conv2dShape,
    channels: [usize; 2],
}

impl Product for Call2d {
    const NAME: &'static str = "conv2d";
    type Packed = Packed;

    fn output_shape(&self, _: &Tensor) -> Vec<usize> {
        let [height, width] = self.shape.output();
        vec![self.shape.batch, height, width, self.channels[1]]
    }

    fn pack<T: Real>(&self, weight: &[f32]) -> Packed {
        let [depth, columns] = self.channels;
        let taps = self.shape.kernel[0] * self.shape.kernel[1];
        Packed::conv::<T>(weight, columns, depth, taps)
    }

    fn forward<T: Real>(&self, x: &[T], weight: &Packed, epilogue: &Epilogue<T>, y: &mut [T]) {
        conv2d(x, &self.shape, weight, epilogue, y);
    }

    fn input_gradient<T: Real>(&self, dy: &[T], weight: &[f32]) -> Vec<T> {
        conv2d_input(dy, &self.shape, weight, self.channels)
    }

    fn weight_gradient<T: Real>(&self, x: &[T], dy: &[T]) -> Vec<f32> {
        conv2d_weight(x, dy, &self.shape, self.channels)
    }
}

/// One call of a 1-D convolution or of a transposed one.
#[derive(Debug, Clone, Copy)]
struct Call1d {
    shape: Conv1dShape,
    channels: [usize; 2],
}

impl Product for Call1d {
    const NAME: &'static str = "conv1d";
    type Packed = Packed;

    fn output_shape(&self, _: &Tensor) -> Vec<usize> {
        vec![self.shape.batch, self.shape.output(), self.channels[1]]
    }

    fn pack<T: Real>(&self, weight: &[f32]) -> Packed {
        let [depth, columns] = self.channels;
        Packed::conv::<T>(weight, columns, depth, self.shape.kernel)
    }

    fn forward<T: Real>(&self, x: &[T], weight: &Packed, epilogue: &Epilogue<T>, y: &mut [T]) {
        conv1d(x, &self.shape, weight, epilogue, y);
    }

    fn input_gradient<T: Real>(&self, dy: &[T], weight: &[f32]) -> Vec<T> {
        conv1d_input(dy, &self.shape, weight, self.channels)
    }

    fn weight_gradient<T: Real>(&self, x: &[T], dy: &[T]) -> Vec<f32> {
        conv1d_weight(x, dy, &self.shape, self.channels)
    }
}

/// 1-D convolution over `[batch, time, channels]` that keeps the length.
#[derive(Debug)]
pub struct Conv1d {
    affine: Affine<Packed>,
    channels: [usize; 2],
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
        let mut layer = Self::no_bias(in_channels, out_channels, kernel, dilation, weights);
        let init = Init::fan_in(in_channels * kernel);
        layer.affine.bias = Some(weights.plain("bias", &[out_channels], init));
        layer
    }

    /// Key `weight` only.
    pub fn no_bias(
        in_channels: usize,
        out_channels: usize,
        kernel: usize,
        dilation: usize,
        weights: &Weights,
    ) -> Self {
        let channels = [in_channels, out_channels];
        let call = Call1d {
            shape: conv1d_shape([0, 0], kernel, dilation),
            channels,
        };
        let weight_shape = [out_channels, in_channels, kernel];
        Self {
            affine: Affine {
                weight: weight(call, &weight_shape, weights),
                bias: None,
            },
            channels,
            kernel,
            dilation,
        }
    }

    /// `x`: `[batch, time, in]` → `[batch, time, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.run(x, None)
    }

    /// The convolution plus `residual`, which has the output's shape.
    pub fn forward_add(&self, x: &Tensor, residual: &Tensor) -> Result<Tensor> {
        self.run(x, Some(residual))
    }

    fn run(&self, x: &Tensor, residual: Option<&Tensor>) -> Result<Tensor> {
        let (batch, time, _) = x.dims3()?;
        let call = Call1d {
            shape: conv1d_shape([batch, time], self.kernel, self.dilation),
            channels: self.channels,
        };
        by_dtype!(x, T => self.affine.apply::<T, _>(x, call, Activation::Identity, residual))
    }
}

fn conv1d_shape([batch, time]: [usize; 2], kernel: usize, dilation: usize) -> Conv1dShape {
    Conv1dShape {
        batch,
        time,
        kernel,
        stride: 1,
        padding: dilation * (kernel - 1) / 2,
        dilation,
    }
}

/// Transposed 1-D convolution: makes `[batch, time, in]` `stride` times longer.
#[derive(Debug)]
pub struct ConvTranspose1d {
    affine: Affine<PackedTransposed>,
    channels: [usize; 2],
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
        let channels = [in_channels, out_channels];
        let call = Transposed(Call1d {
            shape: transposed_shape([0, 0], kernel, stride),
            channels,
        });
        let weight_shape = [in_channels, out_channels, kernel];
        let init = Init::fan_in(out_channels * kernel);
        Self {
            affine: Affine {
                weight: weight(call, &weight_shape, weights),
                bias: Some(weights.plain("bias", &[out_channels], init)),
            },
            channels,
            kernel,
            stride,
        }
    }

    /// `x`: `[batch, time, in]` → `[batch, (time − 1)·stride + kernel − 2·padding, out]`.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (batch, time, _) = x.dims3()?;
        let call = Transposed(Call1d {
            shape: transposed_shape([batch, time], self.kernel, self.stride),
            channels: self.channels,
        });
        by_dtype!(x, T => self.affine.apply::<T, _>(x, call, Activation::Identity, None))
    }
}

fn transposed_shape([batch, time]: [usize; 2], kernel: usize, stride: usize) -> Conv1dShape {
    Conv1dShape {
        batch,
        time,
        kernel,
        stride,
        padding: (kernel - stride) / 2,
        dilation: 1,
    }
}

/// One call of a transposed convolution.
#[derive(Debug, Clone, Copy)]
struct Transposed(Call1d);

impl Product for Transposed {
    const NAME: &'static str = "conv_transpose1d";
    type Packed = PackedTransposed;

    fn output_shape(&self, _: &Tensor) -> Vec<usize> {
        let Conv1dShape {
            batch,
            time,
            kernel,
            stride,
            padding,
            ..
        } = self.0.shape;
        let out_time = (time - 1) * stride + kernel - 2 * padding;
        vec![batch, out_time, self.0.channels[1]]
    }

    fn pack<T: Real>(&self, weight: &[f32]) -> PackedTransposed {
        let [depth, columns] = self.0.channels;
        let Conv1dShape { kernel, stride, .. } = self.0.shape;
        PackedTransposed::new::<T>(weight, depth, columns, kernel, stride)
    }

    /// There is no residual and no activation.
    fn forward<T: Real>(
        &self,
        x: &[T],
        weight: &PackedTransposed,
        epilogue: &Epilogue<T>,
        y: &mut [T],
    ) {
        conv_transpose1d(x, &self.0.shape, weight, epilogue.bias, y);
    }

    fn input_gradient<T: Real>(&self, dy: &[T], weight: &[f32]) -> Vec<T> {
        conv_transpose1d_input(dy, &self.0.shape, weight, self.0.channels)
    }

    fn weight_gradient<T: Real>(&self, x: &[T], dy: &[T]) -> Vec<f32> {
        conv_transpose1d_weight(x, dy, &self.0.shape, self.0.channels)
    }
}
