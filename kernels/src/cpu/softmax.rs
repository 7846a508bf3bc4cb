//! Softmax over the last axis.

use super::element::Element;
use super::math::{LANES, exp, reduce_lanes, vectorised};
use super::parallel::for_each_rows;

vectorised! {
    fn softmax_row<T: Element>(x: &[T], output: &mut [T]) {
        let mut lanes = [f32::NEG_INFINITY; LANES];
        for chunk in x.chunks(LANES) {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane = lane.max(x.to_f32());
            }
        }
        let peak = reduce_lanes(lanes, f32::max);
        let mut sums = [0f32; LANES];
        for chunk in x.chunks(LANES) {
            for (sum, x) in sums.iter_mut().zip(chunk) {
                *sum += exp(x.to_f32() - peak);
            }
        }
        let scale = 1.0 / reduce_lanes(sums, |a, b| a + b);
        for (o, x) in output.iter_mut().zip(x) {
            *o = T::from_f32(exp(x.to_f32() - peak) * scale);
        }
    }
}

/// Softmax of every row of `dim` numbers. Rows are shifted by their maximum first.
///
/// # Panics
/// When `x` is not whole rows or the lengths differ.
pub fn softmax<T: Element>(x: &[T], dim: usize, output: &mut [T]) {
    assert_eq!(x.len(), output.len(), "x and output differ in length");
    assert!(
        dim > 0 && x.len().is_multiple_of(dim),
        "x is not whole rows"
    );
    for_each_rows(output, dim, |first, chunk| {
        for (i, out) in chunk.chunks_exact_mut(dim).enumerate() {
            softmax_row(&x[(first + i) * dim..(first + i + 1) * dim], out);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::testing::{assert_close, noise};

    #[test]
    fn rows_sum_to_one_and_shift_nothing() {
        for dim in [1usize, 15, 16, 33, 1025] {
            let x = noise(4 * dim, 7);
            let shifted: Vec<f32> = x.iter().map(|x| x + 50.0).collect();
            let (mut y, mut z) = (vec![0f32; x.len()], vec![0f32; x.len()]);
            softmax(&x, dim, &mut y);
            softmax(&shifted, dim, &mut z);
            assert_close(&y, &z, 1e-5);
            for row in y.chunks(dim) {
                assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            }
        }
    }
}
