//! The innermost loops of a weight's gradient: outer products of pairs of rows, added up.

use crate::cpu::Level;

/// Columns of one block of sums.
pub(super) const PANEL: usize = 32;
/// Rows of one block of sums, at most, over all levels.
pub(super) const MAX_ROWS: usize = 14;

/// Two matrices in memory, of which rows are multiplied in pairs.
#[derive(Clone, Copy)]
pub(super) struct Operands {
    /// First element of the left rows.
    pub(super) left: *const f32,
    /// Elements from one left row to the next.
    pub(super) left_stride: usize,
    /// First element of the right rows.
    pub(super) right: *const f32,
    /// Elements from one right row to the next.
    pub(super) right_stride: usize,
}

/// Adds outer products: `c[i·ldc + j] += Σ_pairs left[l·left_stride + i] · right[r·right_stride + j]`
/// for `i < rows`, `j < columns`.
///
/// # Safety
/// Every pair `[l, r]` names rows with `rows` readable floats on the left and `columns` on the
/// right; `c` has `rows` rows of `columns` writable floats, `ldc` apart; `rows ≤ MAX_ROWS` and
/// `columns ≤ PANEL`. The processor has the level that the kernel was chosen for.
pub(super) type OuterProducts = unsafe fn(
    pairs: &[[u32; 2]],
    operands: Operands,
    rows: usize,
    columns: usize,
    c: *mut f32,
    ldc: usize,
);

/// The kernel of a level and the number of rows that it likes best.
pub(super) fn outer_products() -> (OuterProducts, usize) {
    match Level::get() {
        #[cfg(target_arch = "x86_64")]
        Level::Amx | Level::Avx512 => (avx512, 14),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => (avx2, 4),
        _ => (portable, 4),
    }
}

/// The definition, which the compiler vectorises as it can.
///
/// # Safety
/// See [`OuterProducts`].
#[inline(always)]
unsafe fn portable(
    pairs: &[[u32; 2]],
    operands: Operands,
    rows: usize,
    columns: usize,
    c: *mut f32,
    ldc: usize,
) {
    let Operands {
        left,
        left_stride,
        right,
        right_stride,
    } = operands;
    for i in 0..rows {
        let mut sums = [0f32; PANEL];
        for &[l, r] in pairs {
            // SAFETY: the pair names rows that have these elements.
            let (value, row) = unsafe {
                (
                    *left.add(l as usize * left_stride + i),
                    std::slice::from_raw_parts(right.add(r as usize * right_stride), columns),
                )
            };
            if let Ok(row) = <&[f32; PANEL]>::try_from(row) {
                for (sum, x) in sums.iter_mut().zip(row) {
                    *sum += value * x;
                }
            } else {
                for (sum, x) in sums.iter_mut().zip(row) {
                    *sum += value * x;
                }
            }
        }
        // SAFETY: row `i` of `c` has `columns` elements.
        let out = unsafe { std::slice::from_raw_parts_mut(c.add(i * ldc), columns) };
        for (o, sum) in out.iter_mut().zip(sums) {
            *o += sum;
        }
    }
}

/// The definition with 256-bit vectors.
///
/// # Safety
/// See [`OuterProducts`]; needs AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(
    pairs: &[[u32; 2]],
    operands: Operands,
    rows: usize,
    columns: usize,
    c: *mut f32,
    ldc: usize,
) {
    // SAFETY: as promised by the caller.
    unsafe { portable(pairs, operands, rows, columns, c, ldc) };
}

/// Up to fourteen rows by 32 columns: 28 of the 32 registers hold sums.
///
/// # Safety
/// See [`OuterProducts`]; needs AVX-512F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(
    pairs: &[[u32; 2]],
    operands: Operands,
    rows: usize,
    columns: usize,
    c: *mut f32,
    ldc: usize,
) {
    let mut first = 0;
    while first < rows {
        let operands = Operands {
            // SAFETY: row elements `first..rows` exist.
            left: unsafe { operands.left.add(first) },
            ..operands
        };
        // SAFETY: rows `first..first + size` of `c` exist, as promised.
        unsafe {
            let out = c.add(first * ldc);
            match rows - first {
                14.. => {
                    avx512_block::<14>(pairs, operands, columns, out, ldc);
                    first += 14;
                }
                8.. => {
                    avx512_block::<8>(pairs, operands, columns, out, ldc);
                    first += 8;
                }
                4.. => {
                    avx512_block::<4>(pairs, operands, columns, out, ldc);
                    first += 4;
                }
                _ => {
                    avx512_block::<1>(pairs, operands, columns, out, ldc);
                    first += 1;
                }
            }
        }
    }
}

/// # Safety
/// See [`OuterProducts`], for exactly `ROWS` rows.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn avx512_block<const ROWS: usize>(
    pairs: &[[u32; 2]],
    operands: Operands,
    columns: usize,
    c: *mut f32,
    ldc: usize,
) {
    use std::arch::x86_64::*;
    let mask = |from: usize| {
        let present = columns.saturating_sub(from).min(16);
        ((1u32 << present) - 1) as __mmask16
    };
    let (low_mask, high_mask) = (mask(0), mask(16));
    // SAFETY: pointers and lengths as promised by the caller; masked lanes are not touched.
    unsafe {
        let mut acc = [[_mm512_setzero_ps(); 2]; ROWS];
        for &[l, r] in pairs {
            let row = operands.right.add(r as usize * operands.right_stride);
            let low = _mm512_maskz_loadu_ps(low_mask, row);
            let high = _mm512_maskz_loadu_ps(high_mask, row.wrapping_add(16));
            let column = operands.left.add(l as usize * operands.left_stride);
            for (i, sums) in acc.iter_mut().enumerate() {
                let value = _mm512_set1_ps(*column.add(i));
                sums[0] = _mm512_fmadd_ps(value, low, sums[0]);
                sums[1] = _mm512_fmadd_ps(value, high, sums[1]);
            }
        }
        for (i, sums) in acc.iter().enumerate() {
            let out = c.add(i * ldc);
            for (half, mask) in [low_mask, high_mask].into_iter().enumerate() {
                let out = out.wrapping_add(16 * half);
                let total = _mm512_add_ps(_mm512_maskz_loadu_ps(mask, out), sums[half]);
                _mm512_mask_storeu_ps(out, mask, total);
            }
        }
    }
}
