//! Gradient of softmax over the last axis.

use crate::cpu::element::Element;
use crate::cpu::math::{LANES, reduce_lanes, vectorised};
use crate::cpu::parallel::for_each_rows;

vectorised! {
    fn softmax_row<T: Element>(output: &[T], output_gradient: &[T], gradient: &mut [T]) {
        let mut sums = [0f32; LANES];
        for (y, dy) in output.chunks(LANES).zip(output_gradient.chunks(LANES)) {
            for (sum, (y, dy)) in sums.iter_mut().zip(y.iter().zip(dy)) {
                *sum += y.to_f32() * dy.to_f32();
            }
        }
        let mean = reduce_lanes(sums, |a, b| a + b);
        for ((g, y), dy) in gradient.iter_mut().zip(output).zip(output_gradient) {
            *g = T::from_f32(y.to_f32() * (dy.to_f32() - mean));
        }
    }
}

/// Gradient of the input of a softmax over rows of `dim`, from its output and that one's gradient.
///
/// # Panics
/// When the lengths do not fit.
pub fn softmax<T: Element>(output: &[T], output_gradient: &[T], dim: usize, gradient: &mut [T]) {
    assert_eq!(
        output.len(),
        output_gradient.len(),
        "the output's gradient differs in length"
    );
    assert_eq!(
        output.len(),
        gradient.len(),
        "the input's gradient differs in length"
    );
    assert!(
        dim > 0 && output.len().is_multiple_of(dim),
        "the output is not whole rows"
    );
    for_each_rows(gradient, dim, |first, chunk| {
        for (i, row) in chunk.chunks_exact_mut(dim).enumerate() {
            let part = (first + i) * dim..(first + i + 1) * dim;
            softmax_row(&output[part.clone()], &output_gradient[part], row);
        }
    });
}
