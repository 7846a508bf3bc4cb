//! The `bf16` half of the matrix product: pairs of row tiles times panels of weight tiles.

use super::aligned::Aligned;
use super::amx::{Rows, TILE_BYTES, TILE_DEPTH, TILE_ROWS, Tiles};
use super::element::Element;
use super::epilogue::{Store, store_rows};
use super::micro::PANEL;
use super::product::Operands;

/// Steps of 32 in one pass over the depth, at most: the weights of a pass stay in the second-level
/// cache, and the sums are seldom loaded again.
const PASS_STEPS: usize = 100;

/// Computes a task and stores it.
pub(super) fn sum_tiles<T: Element>(
    task: &Operands<u16>,
    data: &[u16],
    sums: &mut Aligned<f32>,
    store: &Store<T>,
) {
    const ROWS: usize = 2 * TILE_ROWS;
    let slices = task.weight.depth.div_ceil(TILE_DEPTH);
    let steps: Vec<u32> = task
        .taps
        .iter()
        .flat_map(|tap| (0..slices).map(move |slice| 2 * (tap + (slice * TILE_DEPTH) as u32)))
        .collect();
    let farthest = steps.iter().max().map_or(0, |&step| step as usize / 2) + TILE_DEPTH;
    for run in task.runs {
        assert!(
            run.source + (TILE_ROWS - 1) * task.row_stride + farthest <= task.slab.len(),
            "a run leaves its slab"
        );
    }
    let passes = steps.len().div_ceil(PASS_STEPS).max(1);
    let pass_steps = steps.len().div_ceil(passes).max(1);
    let pairs = task.runs.len().div_ceil(2);
    // With a single pass the sums are stored at once and need no room of their own.
    let slots = if passes > 1 { pairs } else { 1 };
    let group = task.panels_together(passes);
    let start = |panel: usize, step: usize| (panel * steps.len() + step) * TILE_BYTES;
    let begins = |pass: usize| (pass * pass_steps).min(steps.len());
    let sums = sums.at_least(group * slots * ROWS * PANEL);
    // SAFETY: weights are packed as tiles only at `Level::Amx`.
    let tiles = unsafe { Tiles::configure() };
    let order: Vec<(usize, usize)> = task.order(group, passes).collect();
    for (turn, &(panel, pass)) in order.iter().enumerate() {
        let next = order
            .get(turn + 1)
            .map(|&(panel, pass)| data[start(panel, begins(pass))..].as_ptr());
        let at = start(panel, begins(pass));
        let steps = &steps[begins(pass)..begins(pass + 1)];
        let weights = &data[at..at + steps.len() * TILE_BYTES];
        for (pair, runs) in task.runs.chunks(2).enumerate() {
            let c =
                &mut sums[(panel % group * slots + pair % slots) * ROWS * PANEL..][..ROWS * PANEL];
            let row = |i: usize| task.slab[runs[i].source..].as_ptr();
            // The weights of the next turn are fetched during this one, a share with every pair.
            let rows = Rows {
                upper: row(0),
                lower: (runs.len() == 2).then(|| row(1)),
                stride: task.row_stride * 2,
                steps,
                ahead: next
                    .filter(|_| pair < 8)
                    .map(|next| next.wrapping_add(pair * steps.len() * 128)),
            };
            if pass + 1 == passes {
                store.prefetch(runs, panel);
            }
            // SAFETY: `c` is a block of 32 rows; the weights have two tiles for each step;
            // the rows lie in the slab by the assertion above.
            unsafe {
                tiles.load((pass > 0).then_some(c.as_ptr()), PANEL);
                tiles.multiply(rows, weights.as_ptr());
                tiles.store(c.as_mut_ptr(), PANEL);
            }
            if pass + 1 == passes {
                let c = &c[..runs.len() * TILE_ROWS * PANEL];
                store_rows(store, c, runs, panel);
            }
        }
    }
}
