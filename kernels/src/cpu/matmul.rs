//! Matrix products with packed weights: the one driver beneath linear layers and convolutions.
//!
//! A convolution is a product whose left rows are gathered: for every output position and kernel
//! tap the driver asks where the input row lies ([`RowIndex`]), so nothing is copied to columns.
//! Work is cut into blocks of rows and panels that fit the caches. The depth is cut in a fixed way
//! and each output element is summed by one thread, so results do not depend on the thread count.

use super::activation::Activation;
use super::amx::{self, TILE_DEPTH, TILE_ROWS, Tiles};
use super::element::{Element, round_bf16};
use super::micro::{MAX_ROWS, PANEL, RowPointers, rows_by_panel};
use super::pack::{Data, Packed};
use super::parallel::{SharedMut, for_each_task};
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
    fn offset(&self, m: usize, tap: usize, taps: usize, depth: usize) -> Option<usize> {
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
    fn even_stride(&self, m: usize) -> Option<usize> {
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
struct Blocks {
    rows: usize,
    panels: usize,
    depth: usize,
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
struct Area {
    rows: std::ops::Range<usize>,
    panels: std::ops::Range<usize>,
}

/// Buffers that a thread keeps from task to task.
#[derive(Default)]
struct Scratch {
    /// Sums of the task, `[rows][panels · PANEL]`.
    sums: Vec<f32>,
    /// Left rows widened to `f32`.
    wide: Vec<f32>,
    /// Left rows as tiles.
    tiles: Vec<u16>,
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

/// A pass over part of the depth: `taps` whole taps, or `depth` channels of one tap.
struct Pass {
    tap: usize,
    taps: usize,
    channel: usize,
    depth: usize,
}

/// Cuts `taps · depth` into passes of about `limit`.
fn passes(taps: usize, depth: usize, limit: usize) -> Vec<Pass> {
    const MAX_TAPS: usize = 16;
    if depth > limit {
        let parts = depth.div_ceil(limit);
        let step = depth.div_ceil(parts);
        return (0..taps)
            .flat_map(|tap| (0..parts).map(move |part| (tap, part * step)))
            .map(|(tap, channel)| Pass {
                tap,
                taps: 1,
                channel,
                depth: step.min(depth - channel),
            })
            .collect();
    }
    let group = (limit / depth.max(1)).clamp(1, MAX_TAPS);
    (0..taps)
        .step_by(group)
        .map(|tap| Pass {
            tap,
            taps: group.min(taps - tap),
            channel: 0,
            depth,
        })
        .collect()
}

fn sum_f32<T: Element>(
    left: &Left<T>,
    weight: &Packed,
    data: &[f32],
    area: &Area,
    blocks: &Blocks,
    scratch: &mut Scratch,
) {
    let (kernel, block_rows) = rows_by_panel();
    let Packed { taps, depth, .. } = *weight;
    let ld = area.panels.len() * PANEL;
    scratch.sums[..area.rows.len() * ld].fill(0.0);
    let zeros = vec![0f32; depth.min(blocks.depth)];
    let mut pointers: Vec<RowPointers> = Vec::new();
    for pass in passes(taps, depth, blocks.depth) {
        for (block, first) in area.rows.clone().step_by(block_rows).enumerate() {
            let count = block_rows.min(area.rows.end - first);
            pointers.clear();
            pointers.resize(pass.taps, [zeros.as_ptr(); MAX_ROWS]);
            gather_rows(
                left,
                &pass,
                weight,
                first,
                count,
                &mut pointers,
                &mut scratch.wide,
            );
            for (p, panel) in area.panels.clone().enumerate() {
                let start = (panel * taps + pass.tap) * depth * PANEL + pass.channel * PANEL;
                // SAFETY: each pointer has `pass.depth` floats (a row of the input, of `wide`, or
                // zeros); the panel holds `pass.taps · pass.depth` rows from `start`; `sums` has
                // `count` rows of PANEL columns here.
                unsafe {
                    let c = scratch
                        .sums
                        .as_mut_ptr()
                        .add(block * block_rows * ld + p * PANEL);
                    kernel(&pointers, count, pass.depth, data[start..].as_ptr(), c, ld);
                }
            }
        }
    }
}

/// Points `pointers[tap][row]` at the left rows, widening them first unless they are `f32`.
fn gather_rows<T: Element>(
    left: &Left<T>,
    pass: &Pass,
    weight: &Packed,
    first: usize,
    count: usize,
    pointers: &mut [RowPointers],
    wide: &mut Vec<f32>,
) {
    if T::IS_BF16 {
        wide.resize((pass.taps * count * pass.depth).max(wide.len()), 0.0);
    }
    for (t, tap) in pointers.iter_mut().enumerate() {
        for (i, pointer) in tap.iter_mut().take(count).enumerate() {
            let Some(offset) = left.offset(first + i, pass.tap + t, weight.taps, weight.depth)
            else {
                continue;
            };
            let row = &left.data[offset + pass.channel..offset + pass.channel + pass.depth];
            if T::IS_BF16 {
                let at = (t * count + i) * pass.depth;
                let target = &mut wide[at..at + pass.depth];
                for (w, x) in target.iter_mut().zip(row) {
                    *w = x.to_f32();
                }
                *pointer = target.as_ptr();
            } else {
                *pointer = row.as_ptr().cast();
            }
        }
    }
}

fn sum_tiles<T: Element>(
    left: &Left<T>,
    weight: &Packed,
    data: &[u16],
    area: &Area,
    blocks: &Blocks,
    scratch: &mut Scratch,
) {
    let Packed { taps, depth, .. } = *weight;
    let total = taps * depth;
    let steps = total.div_ceil(TILE_DEPTH);
    let panel_len = steps * amx::TILE_BYTES;
    let ld = area.panels.len() * PANEL;
    // SAFETY: weights are packed as tiles only at `Level::Amx`.
    let tiles = unsafe { Tiles::configure() };
    let pass_steps = blocks.depth / TILE_DEPTH;
    let direct = depth % TILE_DEPTH == 0;
    for first_step in (0..steps).step_by(pass_steps) {
        let count = pass_steps.min(steps - first_step);
        let pairs = area.rows.len().div_ceil(2 * TILE_ROWS);
        // Tiles for the row blocks that cannot be read in place.
        scratch.tiles.resize(
            (pairs * count * amx::TILE_BYTES).max(scratch.tiles.len()),
            0,
        );
        let in_place: Vec<Option<usize>> = (0..pairs)
            .map(|pair| {
                let m = area.rows.start + pair * 2 * TILE_ROWS;
                let upper = if direct { left.even_stride(m) } else { None }?;
                let single = m + TILE_ROWS >= area.rows.end;
                let lower = if single {
                    upper
                } else {
                    left.even_stride(m + TILE_ROWS)?
                };
                (upper == lower).then_some(upper)
            })
            .collect();
        for (pair, in_place) in in_place.iter().enumerate() {
            if in_place.is_none() {
                let target = &mut scratch.tiles[pair * count * amx::TILE_BYTES..];
                for half in 0..2 {
                    let m = area.rows.start + (2 * pair + half) * TILE_ROWS;
                    let target = &mut target[half * count * amx::TILE_BYTES / 2..];
                    pack_rows(left, weight, m..area.rows.end, first_step, count, target);
                }
            }
        }
        for (p, panel) in area.panels.clone().enumerate() {
            for (pair, in_place) in in_place.iter().enumerate() {
                let m = area.rows.start + pair * 2 * TILE_ROWS;
                let two = m + TILE_ROWS < area.rows.end;
                let c = &mut scratch.sums[pair * 2 * TILE_ROWS * ld + p * PANEL..];
                let b = &data[panel * panel_len + first_step * amx::TILE_BYTES..];
                // SAFETY: `sums` has 32 rows from here (its height is a multiple of 32); `b` has
                // `count` steps left in this panel; the rows are as `Segments` states.
                unsafe {
                    tiles.load((first_step > 0).then_some(c.as_ptr()), ld);
                    match in_place {
                        Some(stride) => {
                            let span = Span {
                                m,
                                two,
                                stride: *stride,
                                first_step,
                                count,
                            };
                            multiply_in_place(&tiles, left, weight, &span, b);
                        }
                        None => {
                            let base = scratch.tiles[pair * count * amx::TILE_BYTES..].as_ptr();
                            let rows = amx::Rows {
                                upper: base.cast(),
                                lower: base.add(count * amx::TILE_BYTES / 2).cast(),
                                stride: 2 * TILE_DEPTH,
                                step: amx::TILE_BYTES,
                            };
                            tiles.multiply(rows, two, b.as_ptr().cast(), count);
                        }
                    }
                    tiles.store(c.as_mut_ptr(), ld);
                }
            }
        }
    }
}

/// A run of tile products for one block of rows.
struct Span {
    /// First row.
    m: usize,
    /// Whether there are 32 rows, not 16.
    two: bool,
    /// Input rows from one output to the next.
    stride: usize,
    /// The steps of the depth.
    first_step: usize,
    count: usize,
}

/// Multiplies rows read where they lie, tap by tap.
///
/// # Safety
/// The rows of `span` are evenly spaced and inside the data for every tap; `b` holds
/// `span.count` steps; the depth is a multiple of 32.
unsafe fn multiply_in_place<T: Element>(
    tiles: &Tiles,
    left: &Left<T>,
    weight: &Packed,
    span: &Span,
    b: &[u16],
) {
    let Span {
        m,
        two,
        stride,
        first_step,
        count,
    } = *span;
    let Packed { taps, depth, .. } = *weight;
    let steps_per_tap = depth / TILE_DEPTH;
    let mut done = 0;
    while done < count {
        let (tap, within) = (
            (first_step + done) / steps_per_tap,
            (first_step + done) % steps_per_tap,
        );
        let run = (steps_per_tap - within).min(count - done);
        let at = |m| {
            let offset = left
                .offset(m, tap, taps, depth)
                .expect("padded data has every row");
            left.data[offset + within * TILE_DEPTH..]
                .as_ptr()
                .cast::<u8>()
        };
        let upper = at(m);
        let rows = amx::Rows {
            upper,
            lower: if two { at(m + TILE_ROWS) } else { upper },
            stride: stride * depth * 2,
            step: 2 * TILE_DEPTH,
        };
        // SAFETY: as promised by the caller.
        unsafe { tiles.multiply(rows, two, b[done * amx::TILE_BYTES..].as_ptr().cast(), run) };
        done += run;
    }
}

/// Copies up to 16 rows into tiles `[step][16][32]`, zeros where there is no row or depth.
fn pack_rows<T: Element>(
    left: &Left<T>,
    weight: &Packed,
    rows: std::ops::Range<usize>,
    first_step: usize,
    steps: usize,
    target: &mut [u16],
) {
    const TILE: usize = amx::TILE_BYTES / 2;
    let Packed { taps, depth, .. } = *weight;
    let target = &mut target[..steps * TILE];
    let present = rows.len().min(TILE_ROWS);
    if present < TILE_ROWS || (taps * depth) % TILE_DEPTH != 0 {
        target.fill(0);
    }
    for i in 0..present {
        let m = rows.start + i;
        let (mut k, end) = (
            first_step * TILE_DEPTH,
            ((first_step + steps) * TILE_DEPTH).min(taps * depth),
        );
        while k < end {
            let (tap, channel) = (k / depth, k % depth);
            let within = k % TILE_DEPTH;
            let run = (TILE_DEPTH - within).min(depth - channel).min(end - k);
            let at = (k / TILE_DEPTH - first_step) * TILE + i * TILE_DEPTH + within;
            let target = &mut target[at..at + run];
            match left.offset(m, tap, taps, depth) {
                Some(offset) => {
                    let row = &left.data[offset + channel..offset + channel + run];
                    for (t, x) in target.iter_mut().zip(row) {
                        *t = round_bf16(x.to_f32());
                    }
                }
                None => target.fill(0),
            }
            k += run;
        }
    }
}
