//! The `f32` half of the matrix product: passes over the depth, rows gathered by pointer.

use super::element::Element;
use super::matmul::{Area, Blocks, Left, Scratch};
use super::micro::{MAX_ROWS, PANEL, RowPointers, rows_by_panel};
use super::pack::Packed;

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

/// Fills `scratch.sums` with the products of `area`.
pub(super) fn sum_f32<T: Element>(
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
