//! Convolutions in channels-last layout, as products with gathered rows.

use super::element::Element;
use super::epilogue::OutputRows;
use super::grid::Grid;
use super::matmul::Epilogue;
use super::pack::{Packed, PackedTransposed};
use super::product::product;

/// Geometry of a 2-D convolution over `[batch, height, width, channels]`.
#[derive(Debug, Clone, Copy)]
pub struct Conv2dShape {
    /// Samples.
    pub batch: usize,
    /// Input rows and columns.
    pub input: [usize; 2],
    /// Kernel rows and columns.
    pub kernel: [usize; 2],
    /// Step between outputs, both ways.
    pub stride: usize,
    /// Zeros before and after, in rows and in columns: `[[top, bottom], [left, right]]`.
    pub padding: [[usize; 2]; 2],
}

impl Conv2dShape {
    /// Output rows and columns; 0 where the kernel does not fit.
    pub fn output(&self) -> [usize; 2] {
        std::array::from_fn(|i| {
            let padded = self.input[i] + self.padding[i][0] + self.padding[i][1];
            (padded + self.stride).saturating_sub(self.kernel[i]) / self.stride
        })
    }
}

/// Geometry of a 1-D convolution over `[batch, time, channels]`.
#[derive(Debug, Clone, Copy)]
pub struct Conv1dShape {
    /// Samples.
    pub batch: usize,
    /// Input length.
    pub time: usize,
    /// Kernel length.
    pub kernel: usize,
    /// Step between outputs.
    pub stride: usize,
    /// Zeros on either side.
    pub padding: usize,
    /// Step between kernel taps.
    pub dilation: usize,
}

impl Conv1dShape {
    /// Output length; 0 where the kernel does not fit.
    pub fn output(&self) -> usize {
        let reach = self.dilation * (self.kernel - 1) + 1;
        (self.time + 2 * self.padding + self.stride).saturating_sub(reach) / self.stride
    }
}

/// 2-D convolution (cross-correlation, as in PyTorch): output `[batch, height', width', columns]`.
///
/// # Panics
/// When a length does not fit the shape and the packed weight.
pub fn conv2d<T: Element>(
    x: &[T],
    shape: &Conv2dShape,
    weight: &Packed,
    epilogue: &Epilogue<T>,
    output: &mut [T],
) {
    let grid = Grid {
        batch: shape.batch,
        input: shape.input,
        output: shape.output(),
        kernel: shape.kernel,
        stride: shape.stride,
        dilation: 1,
        origin: shape.padding.map(|[before, _]| -(before as isize)),
    };
    convolve(x, &grid, weight, epilogue, output);
}

/// 1-D convolution: `x` is `[batch, time, depth]`, output `[batch, time', columns]`.
///
/// # Panics
/// When a length does not fit the shape and the packed weight.
pub fn conv1d<T: Element>(
    x: &[T],
    shape: &Conv1dShape,
    weight: &Packed,
    epilogue: &Epilogue<T>,
    output: &mut [T],
) {
    let grid = Grid {
        batch: shape.batch,
        input: [1, shape.time],
        output: [1, shape.output()],
        kernel: [1, shape.kernel],
        stride: shape.stride,
        dilation: shape.dilation,
        origin: [0, -(shape.padding as isize)],
    };
    convolve(x, &grid, weight, epilogue, output);
}

fn convolve<T: Element>(
    x: &[T],
    grid: &Grid,
    weight: &Packed,
    epilogue: &Epilogue<T>,
    output: &mut [T],
) {
    let pixels = grid.batch * grid.input[0] * grid.input[1];
    assert_eq!(x.len(), pixels * weight.depth, "x has another size");
    assert_eq!(
        grid.kernel[0] * grid.kernel[1],
        weight.taps,
        "the kernel has another size"
    );
    assert_eq!(
        output.len(),
        grid.outputs() * weight.columns,
        "output has another size"
    );
    let rows_out = OutputRows {
        offset: 0,
        stride: weight.columns,
    };
    let pointwise = weight.taps == 1 && grid.output == grid.input && grid.origin == [0, 0];
    let rows = Grid::rows(pixels);
    let grid = if pointwise { &rows } else { grid };
    product(x, grid, weight, epilogue, output, rows_out);
}

/// Transposed 1-D convolution: output `[batch, (time − 1) · stride + kernel − 2 · padding, columns]`.
///
/// `shape.dilation` must be 1. Each of the `stride` output phases is an ordinary convolution, so
/// no product with a zero is computed.
///
/// # Panics
/// When a length does not fit the shape and the packed weight.
pub fn conv_transpose1d<T: Element>(
    x: &[T],
    shape: &Conv1dShape,
    weight: &PackedTransposed,
    bias: Option<&[f32]>,
    output: &mut [T],
) {
    let Conv1dShape {
        batch,
        time,
        kernel,
        stride,
        padding,
        dilation,
    } = *shape;
    assert_eq!(dilation, 1, "a transposed convolution has no dilation here");
    assert_eq!(
        (weight.phases.len(), weight.kernel),
        (stride, kernel),
        "weight of another shape"
    );
    let (depth, columns) = (weight.phases[0].depth, weight.phases[0].columns);
    let out_time = ((time.max(1) - 1) * stride + kernel).saturating_sub(2 * padding);
    assert_eq!(x.len(), batch * time * depth, "x has another size");
    assert_eq!(
        output.len(),
        batch * out_time * columns,
        "output has another size"
    );
    let epilogue = Epilogue {
        bias,
        ..Epilogue::default()
    };
    for sample in 0..batch {
        let x = &x[sample * time * depth..(sample + 1) * time * depth];
        let output = &mut output[sample * out_time * columns..(sample + 1) * out_time * columns];
        for (phase, weight) in weight.phases.iter().enumerate() {
            // Outputs t with (t + padding) mod stride = phase.
            let first = (phase + stride - padding % stride) % stride;
            if first >= out_time {
                continue;
            }
            let rows = (out_time - first).div_ceil(stride);
            // The newest input of output `first`; each later output of the phase is one on.
            let newest = (first + padding - phase) / stride;
            let grid = Grid {
                batch: 1,
                input: [1, time],
                output: [1, rows],
                kernel: [1, weight.taps],
                stride: 1,
                dilation: 1,
                origin: [0, newest as isize + 1 - weight.taps as isize],
            };
            let rows_out = OutputRows {
                offset: first * columns,
                stride: stride * columns,
            };
            product(x, &grid, weight, &epilogue, output, rows_out);
        }
    }
}

#[cfg(test)]
#[path = "conv_tests.rs"]
mod tests;
