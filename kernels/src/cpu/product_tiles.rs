//! The `bf16` half of the matrix product: tiles of rows read in place, or packed where they lie
//! unevenly.

use super::amx::{self, TILE_DEPTH, TILE_ROWS, Tiles};
use super::element::{Element, round_bf16};
use super::matmul::{Area, Blocks, Left, Scratch};
use super::micro::PANEL;
use super::pack::Packed;

/// Fills `scratch.sums` with the products of `area`.
pub(super) fn sum_tiles<T: Element>(
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
