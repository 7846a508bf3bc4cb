//! The `f32` half of the matrix product: passes over the depth, each short enough for a panel to
//! stay in the first-level cache.

use super::aligned::Aligned;
use super::element::Element;
use super::epilogue::{Store, store_rows};
use super::micro::{Block, MAX_ROWS, PANEL, kernel};
use super::product::Operands;

/// A pass over part of the depth: whole taps, or some channels of one tap.
struct Pass {
    taps: std::ops::Range<usize>,
    channel: usize,
    depth: usize,
}

/// Cuts `taps · depth` into passes of about 256.
fn passes(taps: usize, depth: usize) -> Vec<Pass> {
    const LIMIT: usize = 256;
    if depth > LIMIT {
        let step = depth.div_ceil(depth.div_ceil(LIMIT));
        let cut = |tap| {
            (0..depth).step_by(step).map(move |channel| Pass {
                taps: tap..tap + 1,
                channel,
                depth: step.min(depth - channel),
            })
        };
        return (0..taps).flat_map(cut).collect();
    }
    let group = (LIMIT / depth.max(1)).clamp(1, taps.max(1));
    (0..taps)
        .step_by(group)
        .map(|tap| Pass {
            taps: tap..(tap + group).min(taps),
            channel: 0,
            depth,
        })
        .collect()
}

/// Asks for lines of weights in the second-level cache.
fn fetch(weights: &[f32]) {
    #[cfg(target_arch = "x86_64")]
    for line in weights.chunks(64 / size_of::<f32>()) {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        // SAFETY: a hint, which reads nothing.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(line.as_ptr().cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = weights;
}

/// Computes a task and stores it.
pub(super) fn sum_f32<T: Element>(
    task: &Operands<f32>,
    data: &[f32],
    sums: &mut Aligned<f32>,
    store: &Store<T>,
) {
    const ROWS: usize = MAX_ROWS * PANEL;
    let (multiply, _) = kernel();
    let (taps, depth) = (task.weight.taps, task.weight.depth);
    let mut passes = passes(taps, depth);
    if passes.is_empty() {
        // Nothing to add up: one empty pass makes zeros.
        passes.push(Pass {
            taps: 0..0,
            channel: 0,
            depth: 0,
        });
    }
    // With a single pass the sums are stored at once and need no room of their own.
    let slots = if passes.len() > 1 { task.runs.len() } else { 1 };
    let group = task.panels_together(passes.len());
    let sums = sums.at_least(group * slots * ROWS);
    let weights_of = |panel: usize, pass: &Pass| {
        let first = ((panel * taps + pass.taps.start) * depth + pass.channel) * PANEL;
        &data[first..first + pass.taps.len() * pass.depth * PANEL]
    };
    let order: Vec<(usize, usize)> = task.order(group, passes.len()).collect();
    for (turn, &(panel, i)) in order.iter().enumerate() {
        let pass = &passes[i];
        // The weights of the next turn are fetched during this one, a share with every run.
        let next = order.get(turn + 1);
        let next = next.map_or(&[][..], |&(panel, i)| weights_of(panel, &passes[i]));
        let share = next
            .len()
            .div_ceil(task.runs.len())
            .next_multiple_of(16)
            .max(16);
        let mut next = next.chunks(share);
        let weights = weights_of(panel, pass);
        for (slot, run) in task.runs.iter().enumerate() {
            let c = &mut sums[(panel % group * slots + slot % slots) * ROWS..][..ROWS];
            let offsets = &task.taps[pass.taps.clone()];
            let farthest = offsets.last().map_or(0, |&tap| tap as usize);
            let rows = &task.slab[run.source + pass.channel..];
            assert!(
                run.count <= MAX_ROWS
                    && (run.count - 1) * task.row_stride + farthest + pass.depth <= rows.len(),
                "a run leaves its slab"
            );
            let block = Block {
                rows: rows.as_ptr(),
                stride: task.row_stride,
                count: run.count,
                taps: offsets,
                depth: pass.depth,
                panel: weights.as_ptr(),
                c: c.as_mut_ptr(),
                ldc: PANEL,
                add: i > 0,
            };
            fetch(next.next().unwrap_or(&[]));
            if i + 1 == passes.len() {
                store.prefetch(std::slice::from_ref(run), panel);
            }
            // SAFETY: the rows lie in the slab by the assertion (taps are in rising order),
            // the slices hold the weights and the sums; the kernel is this level's.
            unsafe { multiply(&block) };
            if i + 1 == passes.len() {
                store_rows(store, c, std::slice::from_ref(run), panel);
            }
        }
    }
}
