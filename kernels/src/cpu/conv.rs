//! Convolutions in channels-last layout, as products with gathered rows.

use super::Level;
use super::element::Element;
use super::matmul::{Epilogue, Left, OutputRows, RowIndex, product};
use super::pack::{Data, Packed, PackedTransposed};

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

/// The two spatial axes of any convolution, with a dilation for the 1-D ones.
struct Grid {
    shape: Conv2dShape,
    dilation: usize,
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
    convolve(
        x,
        &Grid {
            shape: *shape,
            dilation: 1,
        },
        weight,
        epilogue,
        output,
    );
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
    let Conv1dShape {
        batch,
        time,
        kernel,
        stride,
        padding,
        dilation,
    } = *shape;
    // One row of pixels: the height axis is trivial, whatever the stride.
    let shape = Conv2dShape {
        batch,
        input: [1, time],
        kernel: [1, kernel],
        stride,
        padding: [[0, 0], [padding; 2]],
    };
    convolve(x, &Grid { shape, dilation }, weight, epilogue, output);
}

fn convolve<T: Element>(
    x: &[T],
    grid: &Grid,
    weight: &Packed,
    epilogue: &Epilogue<T>,
    output: &mut [T],
) {
    let Conv2dShape {
        batch,
        input: [height, width],
        kernel,
        stride,
        padding,
    } = grid.shape;
    let depth = weight.depth;
    assert_eq!(
        x.len(),
        batch * height * width * depth,
        "x has another size"
    );
    assert_eq!(
        kernel[0] * kernel[1],
        weight.taps,
        "the kernel has another size"
    );
    let [out_height, out_width] = grid.output();
    let rows = batch * out_height * out_width;
    assert_eq!(
        output.len(),
        rows * weight.columns,
        "output has another size"
    );
    let rows_out = OutputRows {
        offset: 0,
        stride: weight.columns,
    };
    if weight.taps == 1 && stride == 1 && padding == [[0; 2]; 2] {
        let left = Left {
            data: x,
            rows,
            index: RowIndex::Dense,
        };
        return product(&left, weight, epilogue, output, rows_out);
    }
    let tiled = matches!(weight.data, Data::Tiles(_)) && Level::get() == Level::Amx;
    if tiled && out_width.is_multiple_of(16) {
        // Evenly spaced rows are read in place from a padded copy.
        let padded_size = [
            height + padding[0][0] + padding[0][1],
            width + padding[1][0] + padding[1][1],
        ];
        let padded = pad(x, &grid.shape, depth, padded_size);
        let starts: Vec<u32> = (0..batch * out_height)
            .map(|i| {
                let (sample, y) = (i / out_height, i % out_height);
                ((sample * padded_size[0] + y * stride) * padded_size[1]) as u32
            })
            .collect();
        let tap_offsets: Vec<u32> = (0..weight.taps)
            .map(|tap| {
                let (dy, dx) = (tap / kernel[1], tap % kernel[1]);
                (dy * padded_size[1] + dx * grid.dilation) as u32
            })
            .collect();
        let index = RowIndex::Runs {
            starts: &starts,
            run: out_width,
            stride,
            tap_offsets: &tap_offsets,
        };
        return product(
            &Left {
                data: &padded,
                rows,
                index,
            },
            weight,
            epilogue,
            output,
            rows_out,
        );
    }
    let table = row_table(grid, [out_height, out_width]);
    let left = Left {
        data: x,
        rows,
        index: RowIndex::Table(&table),
    };
    product(&left, weight, epilogue, output, rows_out);
}

impl Grid {
    fn output(&self) -> [usize; 2] {
        let [height, _] = self.shape.output();
        let reach = self.dilation * (self.shape.kernel[1] - 1) + 1;
        let padded = self.shape.input[1] + self.shape.padding[1][0] + self.shape.padding[1][1];
        let width = (padded + self.shape.stride).saturating_sub(reach) / self.shape.stride;
        [
            if self.shape.input[0] == 1 && self.shape.kernel[0] == 1 {
                1
            } else {
                height
            },
            width,
        ]
    }
}

/// Input pixel of every output position and tap; `u32::MAX` outside the input.
fn row_table(grid: &Grid, [out_height, out_width]: [usize; 2]) -> Vec<u32> {
    let Conv2dShape {
        batch,
        input: [height, width],
        kernel,
        stride,
        padding,
    } = grid.shape;
    let mut table = Vec::with_capacity(batch * out_height * out_width * kernel[0] * kernel[1]);
    let inside = |position: usize, before: usize, len: usize| {
        position.checked_sub(before).filter(|&p| p < len)
    };
    for sample in 0..batch {
        for y in 0..out_height {
            for x in 0..out_width {
                for dy in 0..kernel[0] {
                    let row = inside(y * stride + dy, padding[0][0], height);
                    for dx in 0..kernel[1] {
                        let column = inside(x * stride + dx * grid.dilation, padding[1][0], width);
                        table.push(match (row, column) {
                            (Some(row), Some(column)) => {
                                ((sample * height + row) * width + column) as u32
                            }
                            _ => u32::MAX,
                        });
                    }
                }
            }
        }
    }
    table
}

/// A copy of `x` with its zeros around it.
fn pad<T: Element>(x: &[T], shape: &Conv2dShape, depth: usize, size: [usize; 2]) -> Vec<T> {
    let Conv2dShape {
        batch,
        input: [height, width],
        padding,
        ..
    } = *shape;
    let mut padded = vec![T::default(); batch * size[0] * size[1] * depth];
    for (i, row) in x.chunks_exact((width * depth).max(1)).enumerate() {
        let (sample, y) = (i / height, i % height);
        let at = ((sample * size[0] + y + padding[0][0]) * size[1] + padding[1][0]) * depth;
        padded[at..at + row.len()].copy_from_slice(row);
    }
    padded
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
            let table: Vec<u32> = (0..rows)
                .flat_map(|m| {
                    let newest = (first + m * stride + padding - phase) / stride;
                    (0..weight.taps).map(move |tap| match newest.checked_sub(tap) {
                        Some(s) if s < time => s as u32,
                        _ => u32::MAX,
                    })
                })
                .collect();
            let left = Left {
                data: x,
                rows,
                index: RowIndex::Table(&table),
            };
            let rows_out = OutputRows {
                offset: first * columns,
                stride: stride * columns,
            };
            product(&left, weight, &epilogue, output, rows_out);
        }
    }
}

#[cfg(test)]
#[path = "conv_tests.rs"]
mod tests;
