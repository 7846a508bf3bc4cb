//! Gradients of convolutions, in channels-last layout.
//!
//! The gradient of the input is a convolution of the output's gradient with the flipped kernel:
//! one for each phase of the stride, so that no product with an inserted zero is computed. The
//! gradient of the weight is a product over rows for each tap.

use super::rows::{NONE, products_over_rows};
use crate::cpu::conv::{Conv1dShape, Conv2dShape, conv1d, conv2d};
use crate::cpu::element::Element;
use crate::cpu::matmul::Epilogue;
use crate::cpu::pack::Packed;

/// Gradient of the input of [`conv2d`], `[batch, height, width, in]`.
///
/// `weight` is PyTorch's `[out, in, kernel, kernel]`; `output_gradient` is
/// `[batch, height', width', out]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn conv2d_input<T: Element>(
    output_gradient: &[T],
    shape: &Conv2dShape,
    weight: &[f32],
    [in_channels, out_channels]: [usize; 2],
) -> Vec<T> {
    let taps = shape.kernel[0] * shape.kernel[1];
    assert_eq!(
        weight.len(),
        in_channels * out_channels * taps,
        "weight has another size"
    );
    let [out_height, out_width] = shape.output();
    assert_eq!(
        output_gradient.len(),
        shape.batch * out_height * out_width * out_channels,
        "the gradient has another size"
    );
    let [height, width] = shape.input;
    let mut gradient = vec![T::default(); shape.batch * height * width * in_channels];
    let axis = |i: usize| -> Vec<Phase> {
        (0..shape.stride)
            .map(|phase| Phase::new(shape, i, phase, [out_height, out_width][i]))
            .collect()
    };
    for y in axis(0) {
        for x in &axis(1) {
            let (rows, columns) = (y.taps.len(), x.taps.len());
            if rows * columns == 0 || y.count * x.count == 0 {
                continue;
            }
            let packed = Packed::new::<T>(rows * columns, out_channels, in_channels, |t, k, j| {
                let tap = y.taps[t / columns] * shape.kernel[1] + x.taps[t % columns];
                weight[(k * in_channels + j) * taps + tap]
            });
            let phase_shape = Conv2dShape {
                batch: shape.batch,
                input: [out_height, out_width],
                kernel: [rows, columns],
                stride: 1,
                padding: [y.padding, x.padding],
            };
            let [made_height, made_width] = phase_shape.output();
            let epilogue = Epilogue::default();
            if [made_height, made_width] == [height, width] && shape.stride == 1 {
                conv2d(
                    output_gradient,
                    &phase_shape,
                    &packed,
                    &epilogue,
                    &mut gradient,
                );
                continue;
            }
            let mut made = vec![T::default(); shape.batch * made_height * made_width * in_channels];
            conv2d(output_gradient, &phase_shape, &packed, &epilogue, &mut made);
            for sample in 0..shape.batch {
                for i in 0..y.count {
                    let from = (sample * made_height + y.skip + i) * made_width + x.skip;
                    let to = (sample * height + y.first + i * shape.stride) * width + x.first;
                    for j in 0..x.count {
                        let (from, to) = (from + j, to + j * shape.stride);
                        gradient[to * in_channels..(to + 1) * in_channels]
                            .copy_from_slice(&made[from * in_channels..(from + 1) * in_channels]);
                    }
                }
            }
        }
    }
    gradient
}

/// The input positions along one axis that meet the same kernel positions.
struct Phase {
    /// Those kernel positions, last first.
    taps: Vec<usize>,
    /// First input position; the next ones are a stride apart.
    first: usize,
    /// Number of input positions.
    count: usize,
    /// Zeros around the output's gradient.
    padding: [usize; 2],
    /// Results before the first wanted one.
    skip: usize,
}

impl Phase {
    fn new(shape: &Conv2dShape, axis: usize, phase: usize, outputs: usize) -> Self {
        let (stride, before) = (shape.stride, shape.padding[axis][0]);
        let taps: Vec<usize> = (phase..shape.kernel[axis]).step_by(stride).rev().collect();
        let first = (phase + stride - before % stride) % stride;
        let count = shape.input[axis].saturating_sub(first).div_ceil(stride);
        // Input position `first + i·stride` meets output `start + i − t` with the t-th tap.
        let start = (first + before - phase) / stride;
        let reach = taps.len().saturating_sub(1);
        let (ahead, skip) = (reach.saturating_sub(start), start.saturating_sub(reach));
        let after = (skip + count + reach).saturating_sub(outputs + ahead);
        Self {
            taps,
            first,
            count,
            padding: [ahead, after],
            skip,
        }
    }
}

/// Gradient of the weight of [`conv2d`], `[out, in, kernel, kernel]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn conv2d_weight<T: Element>(
    x: &[T],
    output_gradient: &[T],
    shape: &Conv2dShape,
    channels: [usize; 2],
) -> Vec<f32> {
    weight_gradient(x, output_gradient, shape, 1, channels)
}

/// Gradient of the input of [`conv1d`], `[batch, time, in]`; `weight` is `[out, in, kernel]`.
///
/// # Panics
/// When the lengths do not fit, or both stride and dilation are more than 1.
pub fn conv1d_input<T: Element>(
    output_gradient: &[T],
    shape: &Conv1dShape,
    weight: &[f32],
    channels: [usize; 2],
) -> Vec<T> {
    let [in_channels, out_channels] = channels;
    let reach = shape.dilation * (shape.kernel - 1);
    if shape.dilation == 1 || reach < shape.padding {
        assert_eq!(shape.dilation, 1, "a dilated kernel with so much padding");
        return conv2d_input(output_gradient, &as_2d(shape), weight, channels);
    }
    assert_eq!(shape.stride, 1, "a dilated convolution has no stride here");
    let kernel = shape.kernel;
    let packed = Packed::new::<T>(kernel, out_channels, in_channels, |t, k, j| {
        weight[(k * in_channels + j) * kernel + kernel - 1 - t]
    });
    let flipped = Conv1dShape {
        time: shape.output(),
        padding: reach - shape.padding,
        ..*shape
    };
    let mut gradient = vec![T::default(); shape.batch * shape.time * in_channels];
    conv1d(
        output_gradient,
        &flipped,
        &packed,
        &Epilogue::default(),
        &mut gradient,
    );
    gradient
}

/// Gradient of the weight of [`conv1d`], `[out, in, kernel]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn conv1d_weight<T: Element>(
    x: &[T],
    output_gradient: &[T],
    shape: &Conv1dShape,
    channels: [usize; 2],
) -> Vec<f32> {
    weight_gradient(x, output_gradient, &as_2d(shape), shape.dilation, channels)
}

/// One row of pixels.
fn as_2d(shape: &Conv1dShape) -> Conv2dShape {
    Conv2dShape {
        batch: shape.batch,
        input: [1, shape.time],
        kernel: [1, shape.kernel],
        stride: shape.stride,
        padding: [[0, 0], [shape.padding; 2]],
    }
}

/// Gradient of the input of a transposed convolution, `[batch, time, in]`: an ordinary strided
/// convolution of the output's gradient. `weight` is `[in, out, kernel]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn conv_transpose1d_input<T: Element>(
    output_gradient: &[T],
    shape: &Conv1dShape,
    weight: &[f32],
    [in_channels, out_channels]: [usize; 2],
) -> Vec<T> {
    let packed = Packed::conv::<T>(weight, in_channels, out_channels, shape.kernel);
    let forward = Conv1dShape {
        time: (shape.time - 1) * shape.stride + shape.kernel - 2 * shape.padding,
        ..*shape
    };
    let mut gradient = vec![T::default(); shape.batch * shape.time * in_channels];
    conv1d(
        output_gradient,
        &forward,
        &packed,
        &Epilogue::default(),
        &mut gradient,
    );
    gradient
}

/// Gradient of the weight of a transposed convolution, `[in, out, kernel]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn conv_transpose1d_weight<T: Element>(
    x: &[T],
    output_gradient: &[T],
    shape: &Conv1dShape,
    [in_channels, out_channels]: [usize; 2],
) -> Vec<f32> {
    let forward = Conv1dShape {
        time: (shape.time - 1) * shape.stride + shape.kernel - 2 * shape.padding,
        ..*shape
    };
    conv1d_weight(output_gradient, x, &forward, [out_channels, in_channels])
}

/// `[out, in, taps]`, from products over the positions that each tap meets.
fn weight_gradient<T: Element>(
    x: &[T],
    output_gradient: &[T],
    shape: &Conv2dShape,
    dilation: usize,
    [in_channels, out_channels]: [usize; 2],
) -> Vec<f32> {
    let [height, width] = shape.input;
    assert_eq!(
        x.len(),
        shape.batch * height * width * in_channels,
        "x has another size"
    );
    let output = output_size(shape, dilation);
    assert_eq!(
        output_gradient.len(),
        shape.batch * output[0] * output[1] * out_channels,
        "the gradient has another size"
    );
    let taps: Vec<Vec<u32>> = (0..shape.kernel[0] * shape.kernel[1])
        .map(|tap| sources_of_tap(shape, dilation, output, tap))
        .collect();
    let by_tap = products_over_rows((output_gradient, out_channels), (x, in_channels), &taps);
    let matrix = in_channels * out_channels;
    let taps = taps.len();
    let mut gradient = vec![0f32; by_tap.len()];
    for (i, values) in gradient.chunks_exact_mut(taps.max(1)).enumerate() {
        for (tap, value) in values.iter_mut().enumerate() {
            *value = by_tap[tap * matrix + i];
        }
    }
    gradient
}

fn output_size(shape: &Conv2dShape, dilation: usize) -> [usize; 2] {
    let [height, width] = shape.output();
    if dilation == 1 {
        return [height, width];
    }
    let reach = dilation * (shape.kernel[1] - 1) + 1;
    let padded = shape.input[1] + shape.padding[1][0] + shape.padding[1][1];
    [
        height,
        (padded + shape.stride).saturating_sub(reach) / shape.stride,
    ]
}

/// The input position that every output position meets with the tap, or [`NONE`].
fn sources_of_tap(
    shape: &Conv2dShape,
    dilation: usize,
    [out_height, out_width]: [usize; 2],
    tap: usize,
) -> Vec<u32> {
    let [height, width] = shape.input;
    let (dy, dx) = (tap / shape.kernel[1], tap % shape.kernel[1]);
    let inside = |at: usize, before: usize, len: usize| at.checked_sub(before).filter(|&p| p < len);
    let columns: Vec<Option<usize>> = (0..out_width)
        .map(|x| inside(x * shape.stride + dx * dilation, shape.padding[1][0], width))
        .collect();
    let mut sources = Vec::with_capacity(shape.batch * out_height * out_width);
    for sample in 0..shape.batch {
        for y in 0..out_height {
            let row = inside(y * shape.stride + dy, shape.padding[0][0], height);
            let start = row.map(|row| (sample * height + row) * width);
            sources.extend(columns.iter().map(|&column| match (start, column) {
                (Some(start), Some(column)) => (start + column) as u32,
                _ => NONE,
            }));
        }
    }
    sources
}
