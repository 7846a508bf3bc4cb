//! The part of the input that a task reads, copied with its padding to where it is read fast.
//!
//! Products read rows that are evenly spaced and begin on a cache line. A slab makes it so for
//! any convolution: a copy of the block's input with its zeros around it, small enough for the
//! second-level cache.

use std::ops::Range;

use super::aligned::Plain;
use super::element::Element;
use super::grid::{Block, Grid};
use super::math::vectorised;

/// What a kernel asks of its rows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// Pixels are multiples of so many numbers.
    round: usize,
    /// So many rows at a time are worth most; a slab can be read to whole units.
    pub(crate) unit: usize,
    /// Rows of a run, at most.
    most: usize,
    /// Whether runs shorter than `most` cost as much, so that only the last should be.
    whole: bool,
    /// Numbers in a cache line.
    per_line: usize,
}

impl Layout {
    /// `f32` rows, at most `most` at a time.
    pub(crate) fn vectors(most: usize) -> Self {
        Self {
            round: 1,
            unit: 8.min(most),
            most,
            whole: false,
            per_line: 16,
        }
    }

    /// `bf16` tiles.
    pub(crate) fn tiles(rows: usize, depth: usize) -> Self {
        Self {
            round: depth,
            unit: rows,
            most: rows,
            whole: true,
            per_line: 32,
        }
    }
}

/// Evenly spaced rows of a slab that belong to evenly spaced outputs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run {
    /// Where the first row's first tap begins in the slab.
    pub(crate) source: usize,
    /// First output position.
    pub(crate) output: usize,
    /// Output positions from row to row.
    pub(crate) step: usize,
    /// Number of rows.
    pub(crate) count: usize,
}

/// The part of the input that a block reads, laid out with its zeros so that rows are evenly
/// spaced: `[samples][lines][columns][pixel]`, in numbers.
#[derive(Debug)]
pub(crate) struct Slab {
    lines: Range<isize>,
    columns: Range<isize>,
    depth: usize,
    /// Numbers from column to column: the depth, rounded up.
    pixel: usize,
    /// Numbers from line to line.
    line: usize,
    /// Numbers from one row of a run to the next.
    pub(crate) row_stride: usize,
    /// Whether runs go down the lines of a column instead of along a line.
    downward: bool,
    /// Numbers in all, the slack at the end included.
    pub(crate) len: usize,
    slack: usize,
}

impl Slab {
    pub(crate) fn new(grid: &Grid, block: &Block, depth: usize, layout: &Layout) -> Self {
        let Layout {
            round,
            unit,
            per_line,
            ..
        } = *layout;
        // Rows at a multiple of 16 cache lines would share a few sets of the first-level cache.
        let spread = |numbers: usize| {
            let aligned = numbers.is_multiple_of(16 * per_line) && numbers > 0;
            numbers + if aligned { per_line } else { 0 }
        };
        let lines = grid.span(0, &block.lines);
        let columns = grid.span(1, &block.columns);
        let pixel = spread(depth.next_multiple_of(round));
        let line = spread(columns.len() * pixel);
        let waste = |len: usize| len.next_multiple_of(unit) as f64 / len as f64;
        let downward = waste(block.lines.len()) < waste(block.columns.len());
        let row_stride = grid.stride * if downward { line } else { pixel };
        // Whole units are read past the last row of a run.
        let slack = unit * row_stride;
        Self {
            slack,
            len: block.samples.len() * lines.len() * line + slack,
            lines,
            columns,
            depth,
            pixel,
            line,
            row_stride,
            downward,
        }
    }

    /// Where each tap lies from the first.
    pub(crate) fn taps(&self, grid: &Grid) -> impl Iterator<Item = u32> {
        let (line, column) = (self.line, grid.dilation * self.pixel);
        let width = grid.kernel[1];
        (0..grid.kernel[0])
            .flat_map(move |y| (0..width).map(move |x| (y * line + x * column) as u32))
    }

    /// The runs of a block, cut into pieces.
    pub(crate) fn runs(&self, grid: &Grid, block: &Block, layout: &Layout) -> Vec<Run> {
        let [height, width] = grid.output;
        let (outer, inner) = if self.downward {
            (&block.columns, &block.lines)
        } else {
            (&block.lines, &block.columns)
        };
        let pieces = inner.len().div_ceil(layout.most);
        let piece = match layout.whole {
            true => layout.most,
            false => inner.len().div_ceil(pieces),
        };
        let mut runs = Vec::with_capacity(block.samples.len() * outer.len() * pieces);
        for (i, sample) in block.samples.clone().enumerate() {
            for (j, other) in outer.clone().enumerate() {
                for first in (0..inner.len()).step_by(piece) {
                    let [y, x] = match self.downward {
                        true => [first, j],
                        false => [j, first],
                    };
                    let line = i * self.lines.len() + y * grid.stride;
                    let [out_y, out_x] = match self.downward {
                        true => [inner.start + first, other],
                        false => [other, inner.start + first],
                    };
                    runs.push(Run {
                        source: line * self.line + x * grid.stride * self.pixel,
                        output: (sample * height + out_y) * width + out_x,
                        step: if self.downward { width } else { 1 },
                        count: piece.min(inner.len() - first),
                    });
                }
            }
        }
        runs
    }

    /// Copies the input into `target`, with zeros where there is none.
    pub(crate) fn fill<T: Element, P: Plain>(
        &self,
        x: &[T],
        grid: &Grid,
        block: &Block,
        target: &mut [P],
    ) {
        let [height, width] = grid.input;
        let clamp = |x: isize| x.clamp(0, width as isize) as usize;
        let inside = clamp(self.columns.start)..clamp(self.columns.end);
        let before = (inside.start as isize - self.columns.start) as usize;
        let (body, slack) = target[..self.len].split_at_mut(self.len - self.slack);
        let mut lines = body.chunks_exact_mut(self.line.max(1));
        for sample in block.samples.clone() {
            for (y, target) in self.lines.clone().zip(&mut lines) {
                if y < 0 || y >= height as isize || inside.is_empty() {
                    target.fill(P::default());
                    continue;
                }
                let (left, rest) = target.split_at_mut(before * self.pixel);
                let (middle, right) = rest.split_at_mut(inside.len() * self.pixel);
                left.fill(P::default());
                right.fill(P::default());
                let first = ((sample * height + y as usize) * width + inside.start) * self.depth;
                let source = &x[first..first + inside.len() * self.depth];
                if self.pixel == self.depth {
                    convert(source, middle);
                    continue;
                }
                for (pixel, source) in middle
                    .chunks_exact_mut(self.pixel.max(1))
                    .zip(source.chunks_exact(self.depth.max(1)))
                {
                    let (channels, rest) = pixel.split_at_mut(self.depth);
                    convert(source, channels);
                    rest.fill(P::default());
                }
            }
        }
        slack.fill(P::default());
    }
}

vectorised! {
    /// Numbers of the storage type as operands.
    pub(super) fn convert<T: Element, P: Plain>(source: &[T], target: &mut [P]) {
        for (t, x) in target.iter_mut().zip(source) {
            *t = P::of(*x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::grid::Cut;
    use crate::cpu::testing::noise;

    /// Every row of every run of every block holds, at every tap, the pixel that the convolution
    /// reads there, and every output is met once.
    #[test]
    fn runs_read_what_the_convolution_reads() {
        let (tiles, vectors) = (Layout::tiles(16, 32), Layout::vectors(14));
        for (output, kernel, stride, dilation, layout) in [
            ([5, 16], [3, 3], 1, 1, tiles),
            ([40, 4], [3, 3], 1, 1, tiles),
            ([40, 4], [3, 3], 1, 1, vectors),
            ([9, 3], [3, 3], 2, 1, tiles),
            ([1, 100], [1, 7], 1, 3, vectors),
            ([3, 2], [1, 1], 1, 1, tiles),
        ] {
            let origin = [
                -((kernel[0] / 2) as isize),
                -((kernel[1] / 2 * dilation) as isize),
            ];
            let grid = Grid {
                batch: 3,
                input: [output[0] * stride, output[1] * stride],
                output,
                kernel,
                stride,
                dilation,
                origin,
            };
            let depth = 5;
            let [height, width] = grid.input;
            let x = noise(3 * height * width * depth, 1);
            let cut = Cut::new(&grid, 64, layout.unit);
            let mut seen = vec![0; grid.outputs()];
            for block in (0..cut.blocks()).map(|i| cut.block(i)) {
                let slab = Slab::new(&grid, &block, depth, &layout);
                let mut target = vec![f32::NAN; slab.len];
                slab.fill(&x, &grid, &block, &mut target);
                for run in slab.runs(&grid, &block, &layout) {
                    assert!(run.count <= layout.most);
                    for i in 0..run.count {
                        let output = run.output + i * run.step;
                        seen[output] += 1;
                        let (oy, ox) = (
                            output / grid.output[1] % grid.output[0],
                            output % grid.output[1],
                        );
                        for (t, tap) in slab.taps(&grid).enumerate() {
                            let y = (oy * stride + t / kernel[1]) as isize + origin[0];
                            let x_at =
                                (ox * stride + t % kernel[1] * dilation) as isize + origin[1];
                            let inside =
                                y >= 0 && x_at >= 0 && y < height as isize && x_at < width as isize;
                            let sample = output / (grid.output[0] * grid.output[1]);
                            for k in 0..depth {
                                let want = if inside {
                                    let pixel = (sample * height + y as usize) * width;
                                    x[(pixel + x_at as usize) * depth + k]
                                } else {
                                    0.0
                                };
                                let at = run.source + i * slab.row_stride + tap as usize + k;
                                assert_eq!(target[at], want, "{grid:?} {output} {t}");
                            }
                        }
                    }
                }
            }
            assert!(seen.iter().all(|&n| n == 1), "{grid:?}: {seen:?}");
        }
    }
}
