//! Matrix products with packed weights: the one driver beneath linear layers and convolutions.
//!
//! A convolution is a product whose left rows are gathered: for every output position and kernel
//! tap the driver asks where the input row lies ([`RowIndex`]), so nothing is copied to columns.
//! Work is cut into blocks of rows and panels that fit the caches. The depth is cut in a fixed way
//! and each output element is summed by one thread, so results do not depend on the thread count.

use super::activation::Activation;
use super::amx::TILE_ROWS;
use super::element::Element;
use super::micro::{MAX_ROWS, PANEL};
use super::pack::{Data, Packed};
use super::parallel::{SharedMut, for_each_task};
use super::product_f32::sum_f32;
use super::product_tiles::sum_tiles;
use std::cell::RefCell;

/// What happens to the sums before they are stored.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a, T> {
    /// Added to every row; `[columns]`.
    pub bias: Option<&'a [f32]>,
    /// Applied after the bias.
    pub activation: Activation,
    /// Added last; as long as the output.
    pub residual: Option<&'a [T]>,
}

impl<T> Default for Epilogue<'_, T> {
    fn default() -> Self {
        Self {
            bias: None,
            activation: Activation::Identity,
            residual: None,
        }
    }
}

/// Where the left operand's rows lie, in rows of `depth` elements.
pub(crate) enum RowIndex<'a> {
    /// Row `m` is the `m`-th; one tap.
    Dense,
    /// `table[m · taps + tap]`; `u32::MAX` stands for a row of zeros.
    Table(&'a [u32]),
    /// Rows are `stride` apart within every run of `run` outputs: the row of output `m`, tap `t`
    /// is `starts[m / run] + (m % run) · stride + tap_offsets[t]`. The data is padded, so that all
    /// exist.
    Runs {
        starts: &'a [u32],
        run: usize,
        stride: usize,
        tap_offsets: &'a [u32],
    },
}

/// The left operand.
pub(crate) struct Left<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) rows: usize,
    pub(crate) index: RowIndex<'a>,
}

impl<T: Element> Left<'_, T> {
    /// First element of the row for output `m` and `tap`; `None` for a row of zeros.
    #[inline(always)]
    pub(super) fn offset(&self, m: usize, tap: usize, taps: usize, depth: usize) -> Option<usize> {
        let row = match &self.index {
            RowIndex::Dense => m,
            RowIndex::Table(table) => match table[m * taps + tap] {
                u32::MAX => return None,
                row => row as usize,
            },
            RowIndex::Runs {
                starts,
                run,
                stride,
                tap_offsets,
            } => starts[m / run] as usize + (m % run) * stride + tap_offsets[tap] as usize,
        };
        Some(row * depth)
    }

    /// Rows from one output to the next when outputs `m..m + 16` are evenly spaced.
    pub(super) fn even_stride(&self, m: usize) -> Option<usize> {
        match &self.index {
            RowIndex::Dense => (m + TILE_ROWS <= self.rows).then_some(1),
            RowIndex::Table(_) => None,
            RowIndex::Runs { run, stride, .. } => {
                (m + TILE_ROWS <= self.rows && m % run + TILE_ROWS <= *run).then_some(*stride)
            }
        }
    }
}

/// Where output rows lie: row `m` begins at `offset + m · stride`.
#[derive(Clone, Copy)]
pub(crate) struct OutputRows {
    pub(crate) offset: usize,
    pub(crate) stride: usize,
}

/// `x · weightᵀ`: `x` is `[rows, depth]`, `output` is `[rows, columns]`.
///
/// # Panics
/// When a length does not fit the packed weight.
pub fn linear<T: Element>(x: &[T], weight: &Packed, epilogue: &Epilogue<T>, output: &mut [T]) {
    let rows = x.len() / weight.depth.max(1);
    assert_eq!(x.len(), rows * weight.depth, "x is not whole rows");
    assert_eq!(weight.taps, 1, "a linear layer has one tap");
    let left = Left {
        data: x,
        rows,
        index: RowIndex::Dense,
    };
    let rows_out = OutputRows {
        offset: 0,
        stride: weight.columns,
    };
    product(&left, weight, epilogue, output, rows_out);
}

/// Rows of a task, panels of a task, and the depth of one pass over them.
pub(super) struct Blocks {
    pub(super) rows: usize,
    pub(super) panels: usize,
    pub(super) depth: usize,
}

pub(crate) fn product<T: Element>(
    left: &Left<T>,
    weight: &Packed,
    epilogue: &Epilogue<T>,
    output: &mut [T],
    rows_out: OutputRows,
) {
    let (rows, columns) = (left.rows, weight.columns);
    if rows == 0 || columns == 0 {
        return;
    }
    let needed = rows_out.offset + (rows - 1) * rows_out.stride + columns;
    assert!(output.len() >= needed, "the output is too short");
    assert!(
        epilogue.bias.is_none_or(|b| b.len() == columns),
        "bias has another size"
    );
    assert!(
        epilogue.residual.is_none_or(|r| r.len() >= needed),
        "the residual is too short"
    );
    let blocks = match &weight.data {
        Data::F32(_) => Blocks {
            rows: 18 * MAX_ROWS,
            panels: 12,
            depth: 512,
        },
        Data::Tiles(_) if rows > 256 => Blocks {
            rows: 512,
            panels: 20,
            depth: 1024,
        },
        Data::Tiles(_) => Blocks {
            rows: 256,
            panels: 20,
            depth: 2048,
        },
    };
    let blocks = balance(blocks, rows, weight.panels());
    let row_tasks = rows.div_ceil(blocks.rows);
    let panel_tasks = weight.panels().div_ceil(blocks.panels);
    let out = SharedMut::new(output);
    for_each_task(row_tasks * panel_tasks, |task| {
        let first_row = (task % row_tasks) * blocks.rows;
        let first_panel = (task / row_tasks) * blocks.panels;
        let area = Area {
            rows: first_row..(first_row + blocks.rows).min(rows),
            panels: first_panel..(first_panel + blocks.panels).min(weight.panels()),
        };
        SCRATCH.with_borrow_mut(|scratch| {
            let ld = area.panels.len() * PANEL;
            let height = area.rows.len().next_multiple_of(2 * TILE_ROWS);
            scratch
                .sums
                .resize((height * ld).max(scratch.sums.len()), 0.0);
            match &weight.data {
                Data::F32(data) => sum_f32(left, weight, data, &area, &blocks, scratch),
                Data::Tiles(data) => sum_tiles(left, weight, data, &area, &blocks, scratch),
            }
            for (i, m) in area.rows.clone().enumerate() {
                let column = area.panels.start * PANEL;
                let width = (columns - column).min(ld);
                let at = rows_out.offset + m * rows_out.stride + column;
                // SAFETY: tasks have disjoint rows or columns, and `needed` bounds the last one.
                let out = unsafe { std::slice::from_raw_parts_mut(out.ptr(at), width) };
                store_row(
                    &scratch.sums[i * ld..i * ld + width],
                    epilogue.bias.map(|b| &b[column..column + width]),
                    epilogue.activation,
                    epilogue.residual.map(|r| &r[at..at + width]),
                    out,
                );
            }
        });
    });
}

/// Halves the blocks until there is work for several threads, without changing any sum.
fn balance(mut blocks: Blocks, rows: usize, panels: usize) -> Blocks {
    const TASKS: usize = 4;
    blocks.panels = blocks.panels.min(panels);
    while rows.div_ceil(blocks.rows) * panels.div_ceil(blocks.panels) < TASKS {
        if blocks.panels > 4 {
            blocks.panels = blocks.panels.div_ceil(2);
        } else if blocks.rows > 128 && rows > 128 {
            blocks.rows = (blocks.rows / 2).next_multiple_of(2 * TILE_ROWS);
        } else if blocks.panels > 1 {
            blocks.panels -= 1;
        } else {
            break;
        }
    }
    blocks
}

/// The part of the output that one task computes.
pub(super) struct Area {
    pub(super) rows: std::ops::Range<usize>,
    pub(super) panels: std::ops::Range<usize>,
}

/// Buffers that a thread keeps from task to task.
#[derive(Default)]
pub(super) struct Scratch {
    /// Sums of the task, `[rows][panels · PANEL]`.
    pub(super) sums: Vec<f32>,
    /// Left rows widened to `f32`.
    pub(super) wide: Vec<f32>,
    /// Left rows as tiles.
    pub(super) tiles: Vec<u16>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

super::math::vectorised! {
    fn store_row<T: Element>(
        sums: &[f32],
        bias: Option<&[f32]>,
        activation: Activation,
        residual: Option<&[T]>,
        out: &mut [T],
    ) {
        match bias {
            Some(bias) => {
                for ((o, &s), &b) in out.iter_mut().zip(sums).zip(bias) {
                    *o = T::from_f32(activation.apply(s + b));
                }
            }
            None => {
                for (o, &s) in out.iter_mut().zip(sums) {
                    *o = T::from_f32(activation.apply(s));
                }
            }
        }
        if let Some(residual) = residual {
            for (o, &r) in out.iter_mut().zip(residual) {
                *o = T::from_f32(o.to_f32() + r.to_f32());
            }
        }
    }
}
