//! Which input positions an output position of a convolution reads, and how the work over the
//! outputs is cut into blocks.

use std::ops::Range;

/// A convolution's geometry over `[batch, height, width]`; a linear layer is one row of pixels.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) batch: usize,
    /// Input height and width.
    pub(crate) input: [usize; 2],
    /// Output height and width.
    pub(crate) output: [usize; 2],
    pub(crate) kernel: [usize; 2],
    /// Step between outputs, both ways.
    pub(crate) stride: usize,
    /// Step between kernel columns.
    pub(crate) dilation: usize,
    /// Input position of output 0's first tap; negative inside the padding.
    pub(crate) origin: [isize; 2],
}

impl Grid {
    /// `rows` independent rows with one tap.
    pub(crate) fn rows(rows: usize) -> Self {
        Self {
            batch: 1,
            input: [1, rows],
            output: [1, rows],
            kernel: [1, 1],
            stride: 1,
            dilation: 1,
            origin: [0, 0],
        }
    }

    /// Number of output positions.
    pub(crate) fn outputs(&self) -> usize {
        self.batch * self.output[0] * self.output[1]
    }

    /// The input positions that a block reads along `axis`, from the first to past the last.
    pub(super) fn span(&self, axis: usize, outputs: &Range<usize>) -> Range<isize> {
        let dilation = if axis == 0 { 1 } else { self.dilation };
        let at = |output: usize| self.origin[axis] + (output * self.stride) as isize;
        let reach = (self.kernel[axis].max(1) - 1) * dilation + 1;
        at(outputs.start)..at(outputs.end - 1) + reach as isize
    }
}

/// A box of output positions.
#[derive(Debug, Clone)]
pub(crate) struct Block {
    pub(crate) samples: Range<usize>,
    pub(crate) lines: Range<usize>,
    pub(crate) columns: Range<usize>,
}

/// How the outputs of a grid are cut into boxes of about equal size.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cut {
    batch: usize,
    output: [usize; 2],
    /// Size of a box: samples, lines, columns.
    size: [usize; 3],
}

impl Cut {
    /// Boxes of at most about `limit` positions, with sides that are multiples of `unit` where
    /// they are cut. Several samples share a box only when all of each fits.
    pub(crate) fn new(grid: &Grid, limit: usize, unit: usize) -> Self {
        let [height, width] = grid.output;
        let limit = limit.max(1);
        let even = |len: usize, most: usize| {
            let parts = len.div_ceil(most.max(1)).max(1);
            len.div_ceil(parts).next_multiple_of(unit).min(len)
        };
        let size = if width >= limit {
            [1, 1, even(width, limit)]
        } else if height * width >= limit {
            let lines = if width.is_multiple_of(unit) {
                height.div_ceil(height.div_ceil(limit / width))
            } else {
                even(height, limit / width)
            };
            [1, lines, width]
        } else {
            let samples = (limit / (height * width)).clamp(1, grid.batch);
            let parts = grid.batch.div_ceil(samples);
            [grid.batch.div_ceil(parts), height, width]
        };
        Self {
            batch: grid.batch,
            output: grid.output,
            size,
        }
    }

    fn counts(&self) -> [usize; 3] {
        let [height, width] = self.output;
        [
            self.batch.div_ceil(self.size[0]),
            height.div_ceil(self.size[1]),
            width.div_ceil(self.size[2]),
        ]
    }

    /// Number of boxes.
    pub(crate) fn blocks(&self) -> usize {
        self.counts().iter().product()
    }

    /// Box number `index`.
    pub(crate) fn block(&self, index: usize) -> Block {
        let [_, lines, columns] = self.counts();
        let along = |i: usize, size: usize, len: usize| i * size..((i + 1) * size).min(len);
        let [height, width] = self.output;
        Block {
            samples: along(index / (lines * columns), self.size[0], self.batch),
            lines: along(index / columns % lines, self.size[1], height),
            columns: along(index % columns, self.size[2], width),
        }
    }
}
