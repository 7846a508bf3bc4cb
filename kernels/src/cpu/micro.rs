//! The innermost loops of the `f32` matrix product: a block of rows times a panel of columns.

use super::Level;

/// Rows in a block, at most, over all levels.
pub(crate) const MAX_ROWS: usize = 14;
/// Columns in a panel of packed weights, at every level.
pub(crate) const PANEL: usize = 32;

/// The operands of one block.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    /// First row at offset 0; row `i` lies `i · stride` floats further.
    pub(crate) rows: *const f32,
    /// Floats from row to row.
    pub(crate) stride: usize,
    /// Number of rows, 1 to [`MAX_ROWS`].
    pub(crate) count: usize,
    /// Where each tap's `depth` floats begin, in floats from the row.
    pub(crate) taps: &'a [u32],
    /// Floats of each tap.
    pub(crate) depth: usize,
    /// The panel: `taps · depth` rows of [`PANEL`] columns.
    pub(crate) panel: *const f32,
    /// Sums, `ldc` floats from row to row.
    pub(crate) c: *mut f32,
    pub(crate) ldc: usize,
    /// Whether the products are added to what `c` holds, or replace it.
    pub(crate) add: bool,
}

/// Computes a block:
/// `c[i·ldc + j] (+)= Σ_tap Σ_k rows[i·stride + taps[tap] + k] · panel[(tap·depth + k)·PANEL + j]`.
///
/// # Safety
/// The pointers are readable (`c` writable) over these ranges, and the processor has the level
/// that the kernel was chosen for.
pub(crate) type Kernel = unsafe fn(&Block);

/// The kernel of this level and the number of rows that it likes best.
pub(crate) fn kernel() -> (Kernel, usize) {
    match Level::get() {
        #[cfg(target_arch = "x86_64")]
        Level::Amx | Level::Avx512 => (super::micro_avx512::multiply, 14),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => (super::micro_avx2::multiply, 12),
        _ => (portable, 4),
    }
}

/// The definition, which the compiler vectorises as it can.
///
/// # Safety
/// See [`Kernel`].
unsafe fn portable(block: &Block) {
    for i in 0..block.count {
        // SAFETY: the caller gives PANEL floats at each row of `c`.
        let out = unsafe { &mut *block.c.add(i * block.ldc).cast::<[f32; PANEL]>() };
        let mut sums = [0f32; PANEL];
        let mut panel = block.panel.cast::<[f32; PANEL]>();
        for &tap in block.taps {
            for k in 0..block.depth {
                // SAFETY: `k < depth`, the length of each row; the panel has a row for each step.
                let (value, weights) = unsafe {
                    let row = block.rows.add(i * block.stride + tap as usize);
                    (*row.add(k), &*panel)
                };
                for (sum, &weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
                panel = panel.wrapping_add(1);
            }
        }
        for (value, sum) in out.iter_mut().zip(sums) {
            *value = if block.add { *value + sum } else { sum };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::testing::{assert_close, noise};

    #[test]
    fn every_number_of_rows_is_its_definition() {
        let (stride, depth) = (37usize, 11usize);
        let taps = [0u32, 13, 26];
        let x = noise(MAX_ROWS * stride + 40, 1);
        let panel = noise(taps.len() * depth * PANEL, 2);
        for count in 1..=MAX_ROWS {
            for add in [false, true] {
                let (mut got, mut want) = (noise(count * 40, 3), noise(count * 40, 3));
                for (compute, c) in [(kernel().0, &mut got), (portable as Kernel, &mut want)] {
                    let block = Block {
                        rows: x.as_ptr(),
                        stride,
                        count,
                        taps: &taps,
                        depth,
                        panel: panel.as_ptr(),
                        c: c.as_mut_ptr(),
                        ldc: 40,
                        add,
                    };
                    // SAFETY: the buffers above have the sizes that the block names.
                    unsafe { compute(&block) };
                }
                assert_close(&got, &want, 1e-5);
            }
        }
    }
}
