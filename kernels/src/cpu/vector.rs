//! Elementary functions of sixteen numbers at a time, in AVX-512.
//!
//! The compiler vectorises the plain ones of `math.rs` but does not fuse their multiplications and
//! additions; these do, and divide by an approximation and one Newton step. Same formulas.

use super::Level;
use super::element::Element;
use std::arch::x86_64::*;

/// Numbers in a vector.
pub(super) const WIDTH: usize = 16;

/// `e^x`; 1e-38 below −87, so that no result is subnormal (those are slow), and `inf` above 89.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn exp(x: __m512) -> __m512 {
    // The constant comes first: then NaN stays NaN.
    let x = _mm512_max_ps(_mm512_set1_ps(-87.3), x);
    let x = _mm512_min_ps(_mm512_set1_ps(89.0), x);
    let n = _mm512_roundscale_ps::<0>(_mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E)));
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693_359_4), x);
    let r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.121_944_4e-4), r);
    let mut p = _mm512_set1_ps(1.987_569_1e-4);
    for c in [
        1.398_199_9e-3,
        8.333_452e-3,
        4.166_579_6e-2,
        1.666_666_5e-1,
        0.5,
    ] {
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
    }
    let p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), r);
    _mm512_scalef_ps(_mm512_add_ps(p, _mm512_set1_ps(1.0)), n)
}

/// `1 / x` for finite, normal `x`.
#[inline]
#[target_feature(enable = "avx512f")]
fn reciprocal(x: __m512) -> __m512 {
    let y = _mm512_rcp14_ps(x);
    _mm512_mul_ps(y, _mm512_fnmadd_ps(x, y, _mm512_set1_ps(2.0)))
}

/// `x · sigmoid(x)`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn silu(x: __m512) -> __m512 {
    let negated = _mm512_sub_ps(_mm512_setzero_ps(), x);
    // Above 87 the sigmoid is 0 in f32; its reciprocal must stay finite.
    let e = exp(_mm512_min_ps(_mm512_set1_ps(87.0), negated));
    _mm512_mul_ps(x, reciprocal(_mm512_add_ps(e, _mm512_set1_ps(1.0))))
}

/// `x · Φ(x)`, with the error function of Abramowitz and Stegun 7.1.26.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn gelu_erf(x: __m512) -> __m512 {
    let one = _mm512_set1_ps(1.0);
    let z = _mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::FRAC_1_SQRT_2));
    // Beyond ±9 the error function is ±1, and the reciprocal must stay finite.
    let magnitude = _mm512_min_ps(_mm512_set1_ps(9.0), _mm512_abs_ps(z));
    let t = reciprocal(_mm512_fmadd_ps(magnitude, _mm512_set1_ps(0.327_591_1), one));
    let mut p = _mm512_set1_ps(1.061_405_4);
    for c in [-1.453_152_1, 1.421_413_7, -0.284_496_72, 0.254_829_6] {
        p = _mm512_fmadd_ps(p, t, _mm512_set1_ps(c));
    }
    let e = exp(_mm512_sub_ps(
        _mm512_setzero_ps(),
        _mm512_mul_ps(magnitude, magnitude),
    ));
    let erf = _mm512_fnmadd_ps(_mm512_mul_ps(p, t), e, one);
    let sign = _mm512_and_ps(x, _mm512_set1_ps(-0.0));
    let half = _mm512_mul_ps(x, _mm512_set1_ps(0.5));
    _mm512_fmadd_ps(half, _mm512_or_ps(erf, sign), half)
}

/// The first sixteen numbers of `x`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn load<T: Element>(x: &[T]) -> __m512 {
    let x = &x[..WIDTH];
    // SAFETY: sixteen numbers, of four bytes or of two (`bf16`, the upper half of an `f32`).
    unsafe {
        if T::IS_BF16 {
            let bits = _mm512_cvtepu16_epi32(_mm256_loadu_si256(x.as_ptr().cast()));
            _mm512_castsi512_ps(_mm512_slli_epi32::<16>(bits))
        } else {
            _mm512_loadu_ps(x.as_ptr().cast())
        }
    }
}

/// Sixteen `bf16`, rounded to nearest even; NaN stays NaN. `NATIVE`: by the instruction for it,
/// which every processor with tiles has and which makes numbers below 1e-38 zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn to_bf16<const NATIVE: bool>(value: __m512) -> __m256i {
    if NATIVE {
        let narrow: __m256i;
        // SAFETY: AVX512_BF16 is part of `Level::Amx`, for which alone `NATIVE` is chosen.
        unsafe {
            std::arch::asm!(
                "vcvtneps2bf16 {narrow:y}, {value}",
                value = in(zmm_reg) value,
                narrow = out(ymm_reg) narrow,
                options(pure, nomem, nostack, preserves_flags)
            );
        }
        return narrow;
    }
    let bits = _mm512_castps_si512(value);
    let upper = _mm512_srli_epi32::<16>(bits);
    let odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
    let bias = _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff));
    let rounded = _mm512_srli_epi32::<16>(_mm512_add_epi32(bits, bias));
    let nan = _mm512_cmp_ps_mask::<_CMP_UNORD_Q>(value, value);
    let quiet = _mm512_or_si512(upper, _mm512_set1_epi32(0x40));
    _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, nan, quiet))
}

/// Writes sixteen numbers to the start of `out`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn store<T: Element, const NATIVE: bool>(value: __m512, out: &mut [T]) {
    let out = &mut out[..WIDTH];
    // SAFETY: room for sixteen numbers, of four bytes or of two (`bf16`).
    unsafe {
        if T::IS_BF16 {
            _mm256_storeu_si256(out.as_mut_ptr().cast(), to_bf16::<NATIVE>(value));
        } else {
            _mm512_storeu_ps(out.as_mut_ptr().cast(), value);
        }
    }
}

/// `out[i] = f(x[i])`.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) fn map<T: Element, const NATIVE: bool>(
    x: &[T],
    out: &mut [T],
    f: impl Fn(__m512) -> __m512,
) {
    let mut rest = out.chunks_exact_mut(WIDTH);
    for (x, out) in x.chunks_exact(WIDTH).zip(&mut rest) {
        store::<T, NATIVE>(f(load(x)), out);
    }
    let rest = rest.into_remainder();
    if !rest.is_empty() {
        let (mut from, mut to) = ([T::default(); WIDTH], [T::default(); WIDTH]);
        from[..rest.len()].copy_from_slice(&x[x.len() - rest.len()..]);
        store::<T, NATIVE>(f(load(&from)), &mut to);
        rest.copy_from_slice(&to[..rest.len()]);
    }
}

/// [`super::Activation::Silu`] of every number.
///
/// # Safety
/// The level has AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn silu_all<T: Element>(x: &[T], out: &mut [T]) {
    match Level::get() {
        Level::Amx => map::<T, true>(x, out, |x| silu(x)),
        _ => map::<T, false>(x, out, |x| silu(x)),
    }
}

/// [`super::Activation::GeluErf`] of every number.
///
/// # Safety
/// The level has AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn gelu_erf_all<T: Element>(x: &[T], out: &mut [T]) {
    match Level::get() {
        Level::Amx => map::<T, true>(x, out, |x| gelu_erf(x)),
        _ => map::<T, false>(x, out, |x| gelu_erf(x)),
    }
}

/// `silu(x · scale + shift)`, number by number.
///
/// # Safety
/// The level has AVX-512.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn scale_silu<T: Element>(x: &[T], scale: &[f32], shift: &[f32], out: &mut [T]) {
    let whole = out.len() / WIDTH * WIDTH;
    for i in (0..whole).step_by(WIDTH) {
        let x = _mm512_fmadd_ps(load(&x[i..]), load(&scale[i..]), load(&shift[i..]));
        store::<T, false>(silu(x), &mut out[i..]);
    }
    for i in whole..out.len() {
        let x = x[i].to_f32() * scale[i] + shift[i];
        out[i] = T::from_f32(super::Activation::Silu.apply(x));
    }
}

/// `e^x` for `x` of at most 0, to the precision of `bf16`; 1e-38 below −87.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn exp_coarse(x: __m512) -> __m512 {
    let t = _mm512_mul_ps(x, _mm512_set1_ps(std::f32::consts::LOG2_E));
    let t = _mm512_max_ps(_mm512_set1_ps(-126.0), t);
    let n = _mm512_roundscale_ps::<0>(t);
    let r = _mm512_sub_ps(t, n);
    // 2^r on −½..½ within 4e-5.
    let mut p = _mm512_set1_ps(0.009_618_13);
    for c in [0.055_504_1, 0.240_226_5, std::f32::consts::LN_2, 1.0] {
        p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(c));
    }
    _mm512_scalef_ps(p, n)
}

/// The larger of `peak` and the largest of `scores · scale`.
///
/// # Safety
/// The level has AVX-512. `scores` is whole vectors.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn peak_of(scores: &[f32], scale: f32, peak: f32) -> f32 {
    let factor = _mm512_set1_ps(scale);
    let mut peaks = [_mm512_set1_ps(peak); 2];
    for pair in scores.chunks_exact(2 * WIDTH) {
        peaks[0] = _mm512_max_ps(_mm512_mul_ps(load(pair), factor), peaks[0]);
        peaks[1] = _mm512_max_ps(_mm512_mul_ps(load(&pair[WIDTH..]), factor), peaks[1]);
    }
    _mm512_reduce_max_ps(_mm512_max_ps(peaks[0], peaks[1]))
}

/// One softmax step of attention over a row of scores, times `scale`: replaces them by
/// `e^(score − peak)`, where `peak` is raised to their maximum, and returns the sum.
///
/// # Safety
/// The level has AVX-512. `scores` is whole pairs of vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn exponentials(scores: &mut [f32], scale: f32, peak: &mut f32) -> f32 {
    *peak = peak_of(scores, scale, *peak);
    let (factor, shift) = (_mm512_set1_ps(scale), _mm512_set1_ps(*peak));
    let mut sums = [_mm512_setzero_ps(); 2];
    for (i, x) in scores.chunks_exact_mut(WIDTH).enumerate() {
        let e = exp(_mm512_fmsub_ps(load(x), factor, shift));
        sums[i % 2] = _mm512_add_ps(sums[i % 2], e);
        store::<f32, false>(e, x);
    }
    _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
}

/// The same, written as `bf16` to `weights` and left alone in `scores`.
///
/// # Safety
/// The level is [`Level::Amx`]. `scores` is whole pairs of vectors, and `weights` as long.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
pub(super) unsafe fn exponentials_bf16(
    scores: &[f32],
    scale: f32,
    peak: &mut f32,
    weights: &mut [u16],
) -> f32 {
    *peak = peak_of(scores, scale, *peak);
    let (factor, shift) = (_mm512_set1_ps(scale), _mm512_set1_ps(*peak));
    let mut sums = [_mm512_setzero_ps(); 2];
    let pairs = scores.chunks_exact(2 * WIDTH);
    for (x, weights) in pairs.zip(weights.chunks_exact_mut(2 * WIDTH)) {
        let first = exp_coarse(_mm512_fmsub_ps(load(x), factor, shift));
        let second = exp_coarse(_mm512_fmsub_ps(load(&x[WIDTH..]), factor, shift));
        sums[0] = _mm512_add_ps(sums[0], first);
        sums[1] = _mm512_add_ps(sums[1], second);
        let weights = weights.as_mut_ptr().cast::<__m256i>();
        // SAFETY: a chunk has room for two vectors of sixteen.
        unsafe {
            _mm256_storeu_si256(weights, to_bf16::<true>(first));
            _mm256_storeu_si256(weights.add(1), to_bf16::<true>(second));
        }
    }
    _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::Activation;

    #[test]
    fn vectors_agree_with_the_plain_functions() {
        if Level::get() < Level::Avx512 {
            return;
        }
        let mut x: Vec<f32> = (-4000..4000).map(|i| i as f32 / 40.0).collect();
        x.extend([0.0, -0.0, 1e-20, -1e-20, 1e30, -1e30, f32::NAN]);
        let mut y = vec![0f32; x.len()];
        for (activation, tolerance) in [(Activation::Silu, 4e-6), (Activation::GeluErf, 4e-6)] {
            // SAFETY: the level is checked above.
            unsafe {
                match activation {
                    Activation::Silu => silu_all(&x, &mut y),
                    _ => gelu_erf_all(&x, &mut y),
                }
            }
            for (&x, &y) in x.iter().zip(&y) {
                let want = activation.apply(x);
                let close = (y - want).abs() <= tolerance * (1.0 + want.abs());
                assert!(
                    close || (x.is_nan() && y.is_nan()),
                    "{activation:?}({x}) = {y}, {want}"
                );
            }
        }
    }
}
