//! Products with packed weights: the one driver beneath linear layers and convolutions.
//!
//! The outputs are cut into blocks of positions and of columns, each a task. A task copies the
//! input that it reads into a [`Slab`] and multiplies its rows with one panel of columns after
//! the other, so that nothing is unfolded into columns. The depth is cut in a fixed way and each
//! output is summed by one thread, so results do not depend on the number of threads.

use std::cell::RefCell;
use std::ops::Range;

use super::aligned::{Aligned, Plain};
use super::amx::{TILE_DEPTH, TILE_ROWS};
use super::element::Element;
use super::epilogue::{OutputRows, Store};
use super::grid::{Cut, Grid};
use super::matmul::Epilogue;
use super::pack::{Data, Packed};
use super::parallel::{SharedMut, for_each_task};
use super::product_f32::sum_f32;
use super::product_tiles::sum_tiles;
use super::slab::{Layout, Run, Slab};

/// What a task multiplies: the rows of its slab with panels of the weight.
pub(super) struct Operands<'a, P> {
    pub(super) slab: &'a [P],
    /// Numbers from row to row of a run.
    pub(super) row_stride: usize,
    pub(super) runs: &'a [Run],
    /// Where each tap lies from the first, in numbers.
    pub(super) taps: &'a [u32],
    pub(super) weight: &'a Packed,
    pub(super) panels: Range<usize>,
}

impl<P> Operands<'_, P> {
    /// How many panels to take through one pass over the depth before the next pass. One, unless
    /// the slab is too large to stay in the second-level cache from pass to pass.
    pub(super) fn panels_together(&self, passes: usize) -> usize {
        const SECOND_LEVEL: usize = 1 << 20;
        const TOGETHER: usize = 8;
        let large = size_of_val(self.slab) > SECOND_LEVEL;
        if passes > 1 && large {
            TOGETHER.min(self.panels.len())
        } else {
            1
        }
    }

    /// Every panel and pass: groups of panels, their passes, the panels of the group.
    pub(super) fn order(
        &self,
        group: usize,
        passes: usize,
    ) -> impl Iterator<Item = (usize, usize)> {
        let panels = self.panels.clone();
        panels.clone().step_by(group).flat_map(move |first| {
            let group = first..(first + group).min(panels.end);
            (0..passes).flat_map(move |pass| group.clone().map(move |panel| (panel, pass)))
        })
    }
}

/// Buffers that a thread keeps from task to task.
#[derive(Default)]
struct Scratch {
    wide: Aligned<f32>,
    narrow: Aligned<u16>,
    sums: Aligned<f32>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// `x` gathered by `grid`, times `weight`, through `epilogue`, into rows of `output`.
pub(crate) fn product<T: Element>(
    x: &[T],
    grid: &Grid,
    weight: &Packed,
    epilogue: &Epilogue<T>,
    output: &mut [T],
    rows_out: OutputRows,
) {
    let (rows, columns) = (grid.outputs(), weight.columns);
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
    let job = Job {
        x,
        grid,
        weight,
        plan: Plan::new(grid, weight),
        store: Store {
            epilogue,
            columns,
            rows_out,
            output: SharedMut::new(output),
        },
    };
    for_each_task(job.plan.cut.blocks() * job.plan.column_tasks, |task| {
        SCRATCH.with_borrow_mut(|scratch| {
            let Scratch { wide, narrow, sums } = scratch;
            match &weight.data {
                Data::F32(data) => {
                    job.run(task, wide, |task| sum_f32(task, data, sums, &job.store));
                }
                Data::Tiles(data) => {
                    job.run(task, narrow, |task| sum_tiles(task, data, sums, &job.store));
                }
            }
        });
    });
}

struct Job<'a, T> {
    x: &'a [T],
    grid: &'a Grid,
    weight: &'a Packed,
    plan: Plan,
    store: Store<'a, T>,
}

impl<T: Element> Job<'_, T> {
    /// Copies a task's input to `slab` and lets `multiply` do the rest.
    fn run<P: Plain>(
        &self,
        task: usize,
        slab: &mut Aligned<P>,
        multiply: impl FnOnce(&Operands<P>),
    ) {
        let Plan {
            cut,
            panels,
            column_tasks,
            layout,
        } = &self.plan;
        let block = cut.block(task / column_tasks);
        let first = task % column_tasks * panels;
        let shape = Slab::new(self.grid, &block, self.weight.depth, layout);
        shape.fill(self.x, self.grid, &block, slab.at_least(shape.len));
        let taps: Vec<u32> = shape.taps(self.grid).collect();
        multiply(&Operands {
            slab: &slab[..shape.len],
            row_stride: shape.row_stride,
            runs: &shape.runs(self.grid, &block, layout),
            taps: &taps,
            weight: self.weight,
            panels: first..(first + panels).min(self.weight.panels()),
        });
    }
}

/// How a product is cut into tasks. No sum depends on it.
struct Plan {
    cut: Cut,
    /// Panels of a task.
    panels: usize,
    /// Tasks side by side, each with its panels.
    column_tasks: usize,
    layout: Layout,
}

impl Plan {
    fn new(grid: &Grid, weight: &Packed) -> Self {
        const FEWEST_ROWS: usize = 32;
        const MOST_ROWS: usize = 512;
        // About the second-level cache. Vectors are slow enough to read a slab from the next one.
        let (layout, size, slab_bytes) = match weight.data {
            Data::F32(_) => (Layout::vectors(super::micro::kernel().1), 4, 2 << 20),
            Data::Tiles(_) => (Layout::tiles(TILE_ROWS, TILE_DEPTH), 2, 1 << 20),
        };
        let rows = grid.outputs();
        let inputs_per_row = match grid.output[0] {
            1 => grid.stride,
            _ => grid.stride * grid.stride,
        };
        let row_bytes = (weight.depth.max(1) * size * inputs_per_row).max(1);
        let most = (slab_bytes / row_bytes).clamp(MOST_ROWS / 4, MOST_ROWS);
        let threads = rayon::current_num_threads();
        let wanted = if threads > 1 { 4 * threads } else { 1 };
        let weight_bytes = weight.taps * weight.depth * weight.columns * size;
        // Blocks of positions read all of the weight, blocks of columns all of the input.
        let blocks_beside = |column_tasks: usize| {
            let fewest = wanted
                .div_ceil(column_tasks)
                .min(rows.div_ceil(FEWEST_ROWS));
            rows.div_ceil(most).max(fewest)
        };
        let traffic = |column_tasks: usize| {
            blocks_beside(column_tasks) * weight_bytes + column_tasks * rows * row_bytes
        };
        let column_tasks = (1..=weight.panels().min(wanted))
            .min_by_key(|&tasks| traffic(tasks))
            .unwrap_or(1);
        let panels = weight.panels().div_ceil(column_tasks);
        Self {
            cut: Cut::new(
                grid,
                rows.div_ceil(blocks_beside(column_tasks)),
                layout.unit,
            ),
            panels,
            column_tasks: weight.panels().div_ceil(panels),
            layout,
        }
    }
}
