//! Products over rows on the `bf16` tile unit: the left operand turned round once, the right one
//! gathered and packed for every tap.

use super::rows::{NONE, split};
use crate::cpu::amx::{self, TILE_BYTES, TILE_DEPTH, TILE_ROWS, Tiles};
use crate::cpu::math::vectorised;
use crate::cpu::parallel::{SharedMut, for_each_task};

/// Columns of one panel of the right operand.
const PANEL: usize = 2 * TILE_ROWS;
/// Rows of one block of sums.
const BLOCK: usize = 2 * TILE_ROWS;
/// Panels of one task.
const PANELS: usize = 4;
/// Steps of 32 rows that are packed before they are multiplied: they stay in the second cache.
const STEPS: usize = 32;

/// The left operand with its rows as columns, zero-padded to whole tiles.
struct Turned {
    data: Vec<u16>,
    /// Elements from one column of the operand to the next.
    stride: usize,
}

impl Turned {
    fn new(x: &[u16], width: usize) -> Self {
        let rows = x.len() / width;
        let mut stride = rows.next_multiple_of(TILE_DEPTH);
        if stride.is_multiple_of(1024) {
            // Tile rows a multiple of 2048 bytes apart would share a few lines of the cache.
            stride += TILE_DEPTH;
        }
        let mut data = vec![0u16; width.next_multiple_of(BLOCK) * stride];
        let out = SharedMut::new(&mut data);
        const ROWS: usize = 256;
        for_each_task(rows.div_ceil(ROWS), |task| {
            let last = ((task + 1) * ROWS).min(rows);
            for first in (task * ROWS..last).step_by(TILE_DEPTH) {
                let count = TILE_DEPTH.min(last - first);
                for c in 0..width {
                    // SAFETY: each task writes its own rows of `x`, which are columns here.
                    let target = unsafe {
                        std::slice::from_raw_parts_mut(out.ptr(c * stride + first), count)
                    };
                    for (i, t) in target.iter_mut().enumerate() {
                        *t = x[(first + i) * width + c];
                    }
                }
            }
        });
        Self { data, stride }
    }
}

vectorised! {
    /// Two rows side by side, element by element.
    fn interleave(upper: &[u16], lower: &[u16], output: &mut [u16]) {
        for ((o, a), b) in output.chunks_exact_mut(2).zip(upper).zip(lower) {
            o[0] = *a;
            o[1] = *b;
        }
    }
}

/// Adds the products to `output`, `[taps][left width][right width]`, which is 0.
pub(super) fn sum_tiles(
    (left, left_width): (&[u16], usize),
    (right, right_width): (&[u16], usize),
    taps: &[Vec<u32>],
    output: &mut [f32],
) {
    let turned = Turned::new(left, left_width);
    let rows = left.len() / left_width;
    let steps = rows.div_ceil(TILE_DEPTH);
    let groups = right_width.div_ceil(PANELS * PANEL);
    let blocks = taps.len() * groups;
    let parts = split(blocks, rows);
    let len = output.len();
    let mut partial = vec![0f32; (parts - 1) * len];
    let (first, others) = (SharedMut::new(output), SharedMut::new(&mut partial));
    for_each_task(blocks * parts, |task| {
        let (part, tap, group) = (task / blocks, task % blocks / groups, task % groups);
        let columns = group * PANELS * PANEL..((group + 1) * PANELS * PANEL).min(right_width);
        let area = Area {
            turned: &turned,
            rows,
            left_width,
            right,
            right_width,
            sources: &taps[tap],
            columns,
        };
        let sums = area.sum(steps * part / parts..steps * (part + 1) / parts);
        let at = tap * left_width * right_width;
        // SAFETY: each task has its own part, tap and columns of the output.
        unsafe {
            match part.checked_sub(1) {
                None => area.store(&sums, first.ptr(at)),
                Some(other) => area.store(&sums, others.ptr(other * len + at)),
            }
        }
    });
    for part in partial.chunks_exact(len) {
        for (sum, x) in output.iter_mut().zip(part) {
            *sum += x;
        }
    }
}

/// What one task sums: all rows of the gradient, some columns, one tap.
struct Area<'a> {
    turned: &'a Turned,
    rows: usize,
    left_width: usize,
    right: &'a [u16],
    right_width: usize,
    sources: &'a [u32],
    columns: std::ops::Range<usize>,
}

impl Area<'_> {
    /// Sums of 32 × 32, block after block, panel after panel.
    fn sum(&self, steps: std::ops::Range<usize>) -> Vec<f32> {
        const SQUARE: usize = BLOCK * PANEL;
        let panels = self.columns.len().div_ceil(PANEL);
        let blocks = self.left_width.div_ceil(BLOCK);
        let mut sums = vec![0f32; blocks * panels * SQUARE];
        let mut packed = vec![0u16; panels * STEPS * TILE_BYTES];
        // SAFETY: this path is taken only at `Level::Amx`.
        let tiles = unsafe { Tiles::configure() };
        let offsets: Vec<u32> = (0..STEPS).map(|i| (i * 2 * TILE_DEPTH) as u32).collect();
        for first in steps.clone().step_by(STEPS) {
            let count = STEPS.min(steps.end - first);
            self.pack(first, count, &mut packed);
            for (i, sums) in sums.chunks_exact_mut(SQUARE).enumerate() {
                let (block, panel) = (i / panels, i % panels);
                let at = block * BLOCK * self.turned.stride + first * TILE_DEPTH;
                let upper = self.turned.data[at..].as_ptr();
                let pair = self.left_width - block * BLOCK > TILE_ROWS;
                let rows = amx::Rows {
                    upper,
                    // SAFETY: the turned operand has whole blocks of 32 rows.
                    lower: pair.then(|| unsafe { upper.add(TILE_ROWS * self.turned.stride) }),
                    stride: 2 * self.turned.stride,
                    steps: &offsets[..count],
                    ahead: None,
                };
                let b = packed[panel * STEPS * TILE_BYTES..].as_ptr();
                // SAFETY: rows and panel have `count` steps; `sums` is 32 × 32.
                unsafe {
                    tiles.load(Some(sums.as_ptr()), PANEL);
                    tiles.multiply(rows, b);
                    tiles.store(sums.as_mut_ptr(), PANEL);
                }
            }
        }
        sums
    }

    /// Packs `count` steps of the right rows, panel after panel.
    fn pack(&self, first: usize, count: usize, packed: &mut [u16]) {
        let zeros = [0u16; TILE_ROWS];
        for (panel, target) in packed.chunks_exact_mut(STEPS * TILE_BYTES).enumerate() {
            let column = self.columns.start + panel * PANEL;
            for (tile, pair) in (0..2).flat_map(|tile| (0..count * 16).map(move |p| (tile, p))) {
                let column = column + tile * TILE_ROWS;
                let width = self.columns.end.saturating_sub(column).min(TILE_ROWS);
                let row = |m: usize| match self.sources.get(m) {
                    Some(&source) if source != NONE && m < self.rows => {
                        let at = source as usize * self.right_width + column;
                        if width == 0 {
                            &zeros[..0]
                        } else {
                            &self.right[at..at + width]
                        }
                    }
                    _ => &zeros[..width],
                };
                let m = first * TILE_DEPTH + 2 * pair;
                let at = (pair / 16 * 2 + tile) * (TILE_BYTES / 2) + pair % 16 * 32;
                interleave(row(m), row(m + 1), &mut target[at..at + 2 * width]);
            }
        }
    }

    /// Copies the sums to the gradient of their tap.
    ///
    /// # Safety
    /// `output` is a matrix of `left_width` × `right_width`, whose columns nobody else writes.
    unsafe fn store(&self, sums: &[f32], output: *mut f32) {
        let panels = self.columns.len().div_ceil(PANEL);
        for row in 0..self.left_width {
            for panel in 0..panels {
                let column = self.columns.start + panel * PANEL;
                let width = PANEL.min(self.columns.end - column);
                let at = ((row / BLOCK * panels + panel) * BLOCK + row % BLOCK) * PANEL;
                // SAFETY: the row and the columns lie inside the matrix.
                let out = unsafe {
                    let start = output.add(row * self.right_width + column);
                    std::slice::from_raw_parts_mut(start, width)
                };
                out.copy_from_slice(&sums[at..at + width]);
            }
        }
    }
}
