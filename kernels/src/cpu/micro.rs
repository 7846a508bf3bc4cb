//! The innermost loops of the `f32` matrix product: one block of rows times one panel of columns.

use super::Level;

/// Rows in a block, at most, over all levels.
pub(crate) const MAX_ROWS: usize = 14;
/// Columns in a panel of packed `f32` weights, at every level.
pub(crate) const PANEL: usize = 32;

/// Where the rows of one tap begin.
pub(crate) type RowPointers = [*const f32; MAX_ROWS];

/// Adds products to a block: for each row `i < rows`,
/// `c[i·ldc + j] += Σ_tap Σ_k taps[tap][i][k] · b[(tap·depth + k)·PANEL + j]`.
///
/// # Safety
/// `taps[..][..rows]` each point to `depth` readable floats, `b` to `taps.len()·depth·PANEL`, and
/// `c` to `rows` rows of [`PANEL`] writable floats, `ldc` apart; `1 ≤ rows ≤ MAX_ROWS`. The
/// processor has the level that the kernel was chosen for.
pub(crate) type RowsByPanel = unsafe fn(
    taps: &[RowPointers],
    rows: usize,
    depth: usize,
    b: *const f32,
    c: *mut f32,
    ldc: usize,
);

/// The kernel of a level and the number of rows that it likes best.
pub(crate) fn rows_by_panel() -> (RowsByPanel, usize) {
    match Level::get() {
        #[cfg(target_arch = "x86_64")]
        Level::Amx | Level::Avx512 => (avx512, 14),
        #[cfg(target_arch = "x86_64")]
        Level::Avx2 => (avx2, 3),
        _ => (portable, 4),
    }
}

/// The definition, which the compiler vectorises as it can.
///
/// # Safety
/// See [`RowsByPanel`].
unsafe fn portable(
    taps: &[RowPointers],
    rows: usize,
    depth: usize,
    b: *const f32,
    c: *mut f32,
    ldc: usize,
) {
    for i in 0..rows {
        // SAFETY: the caller gives PANEL floats at each row of `c`.
        let out = unsafe { &mut *c.add(i * ldc).cast::<[f32; PANEL]>() };
        let mut acc = [0f32; PANEL];
        let mut panel = b.cast::<[f32; PANEL]>();
        for tap in taps {
            for k in 0..depth {
                // SAFETY: `k < depth`, the length of each row; `b` has a panel row for each step.
                let (value, weights) = unsafe { (*tap[i].add(k), &*panel) };
                for (sum, &weight) in acc.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
                panel = panel.wrapping_add(1);
            }
        }
        for (value, sum) in out.iter_mut().zip(acc) {
            *value += sum;
        }
    }
}

/// Runs `$block::<ROWS>` over all rows, in the largest blocks that fit.
#[cfg(target_arch = "x86_64")]
macro_rules! in_blocks {
    ($block:ident, [$($size:literal),*], $taps:ident, $rows:ident, $depth:ident, $b:ident, $c:ident, $ldc:ident) => {{
        let mut first = 0;
        while first < $rows {
            // SAFETY: rows `first..first + size` of the taps and of `c`, as promised.
            unsafe {
                let out = $c.add(first * $ldc);
                $(if $rows - first >= $size {
                    $block::<$size>($taps, first, $depth, $b, out, $ldc);
                    first += $size;
                    continue;
                })*
            }
        }
    }};
}

/// Three rows by 32 columns in twelve registers.
///
/// # Safety
/// See [`RowsByPanel`]; needs AVX2 and FMA.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
unsafe fn avx2(
    taps: &[RowPointers],
    rows: usize,
    depth: usize,
    b: *const f32,
    c: *mut f32,
    ldc: usize,
) {
    in_blocks!(avx2_block, [3, 2, 1], taps, rows, depth, b, c, ldc);
}

/// # Safety
/// See [`RowsByPanel`], for rows `first..first + ROWS` of the taps and `c` at row `first`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[inline]
unsafe fn avx2_block<const ROWS: usize>(
    taps: &[RowPointers],
    first: usize,
    depth: usize,
    b: *const f32,
    c: *mut f32,
    ldc: usize,
) {
    use std::arch::x86_64::*;
    const VECTORS: usize = PANEL / 8;
    // SAFETY: pointers and lengths as promised by the caller.
    unsafe {
        let mut acc = [[_mm256_setzero_ps(); VECTORS]; ROWS];
        let mut panel = b;
        for tap in taps {
            let row: [*const f32; ROWS] = std::array::from_fn(|i| tap[first + i]);
            for k in 0..depth {
                for (i, sums) in acc.iter_mut().enumerate() {
                    let value = _mm256_broadcast_ss(&*row[i].add(k));
                    for (v, sum) in sums.iter_mut().enumerate() {
                        *sum = _mm256_fmadd_ps(value, _mm256_loadu_ps(panel.add(v * 8)), *sum);
                    }
                }
                panel = panel.add(PANEL);
            }
        }
        for (i, sums) in acc.iter().enumerate() {
            for (v, sum) in sums.iter().enumerate() {
                let out = c.add(i * ldc + v * 8);
                _mm256_storeu_ps(out, _mm256_add_ps(_mm256_loadu_ps(out), *sum));
            }
        }
    }
}

/// Up to fourteen rows by 32 columns: 28 of the 32 registers hold sums.
///
/// # Safety
/// See [`RowsByPanel`]; needs AVX-512F.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
unsafe fn avx512(
    taps: &[RowPointers],
    rows: usize,
    depth: usize,
    b: *const f32,
    c: *mut f32,
    ldc: usize,
) {
    in_blocks!(avx512_block, [14, 8, 4, 2, 1], taps, rows, depth, b, c, ldc);
}

/// # Safety
/// See [`RowsByPanel`], for rows `first..first + ROWS` of the taps and `c` at row `first`.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[inline]
unsafe fn avx512_block<const ROWS: usize>(
    taps: &[RowPointers],
    first: usize,
    depth: usize,
    b: *const f32,
    c: *mut f32,
    ldc: usize,
) {
    use std::arch::x86_64::*;
    // SAFETY: pointers and lengths as promised by the caller.
    unsafe {
        let mut acc = [[_mm512_setzero_ps(); 2]; ROWS];
        let mut panel = b;
        for tap in taps {
            let row: [*const f32; ROWS] = std::array::from_fn(|i| tap[first + i]);
            for k in 0..depth {
                let low = _mm512_loadu_ps(panel);
                let high = _mm512_loadu_ps(panel.add(16));
                for (i, sums) in acc.iter_mut().enumerate() {
                    let value = _mm512_set1_ps(*row[i].add(k));
                    sums[0] = _mm512_fmadd_ps(value, low, sums[0]);
                    sums[1] = _mm512_fmadd_ps(value, high, sums[1]);
                }
                panel = panel.add(PANEL);
            }
        }
        for (i, sums) in acc.iter().enumerate() {
            let out = c.add(i * ldc);
            _mm512_storeu_ps(out, _mm512_add_ps(_mm512_loadu_ps(out), sums[0]));
            let out = out.add(16);
            _mm512_storeu_ps(out, _mm512_add_ps(_mm512_loadu_ps(out), sums[1]));
        }
    }
}
