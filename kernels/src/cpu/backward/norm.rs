//! Gradients of layer norm and root-mean-square norm. Statistics are recomputed from the input.

use super::reduce::sum_parts;
use crate::cpu::element::Element;
use crate::cpu::math::{LANES, reduce_lanes, vectorised};
use crate::cpu::parallel::SharedMut;

/// What a norm's backward pass gives.
#[derive(Debug)]
pub struct NormGradients<T> {
    /// Of the input.
    pub input: Vec<T>,
    /// Of the scale, `[channels]`.
    pub weight: Vec<f32>,
    /// Of the shift, `[channels]`.
    pub bias: Vec<f32>,
}

/// How a row becomes `x̂ = (x − mean) · scale`.
#[derive(Clone, Copy)]
struct Statistics {
    mean: f32,
    scale: f32,
    /// Whether the mean was taken from the row, so that it has a gradient too.
    centred: bool,
}

vectorised! {
    /// Sum of `row`, and of the squares of its distance from `centre`.
    fn moments<T: Element>(row: &[T], centre: f32) -> (f32, f32) {
        let (mut sums, mut squares) = ([0f32; LANES], [0f32; LANES]);
        for chunk in row.chunks(LANES) {
            for (i, x) in chunk.iter().enumerate() {
                let x = x.to_f32();
                sums[i] += x;
                squares[i] += (x - centre) * (x - centre);
            }
        }
        (reduce_lanes(sums, |a, b| a + b), reduce_lanes(squares, |a, b| a + b))
    }
}

vectorised! {
    /// Adds `dy·x̂` and `dy` to the sums of the weights; returns the sums of `dy·w` and `dy·w·x̂`.
    fn reduce_row<T: Element>(
        x: &[T], dy: &[T], weight: &[f32], row: Statistics, sums: &mut [f32],
    ) -> (f32, f32) {
        let (weight_sums, bias_sums) = sums.split_at_mut(weight.len());
        for (((x, dy), w), b) in x.iter().zip(dy).zip(weight_sums).zip(bias_sums) {
            let dy = dy.to_f32();
            *w += dy * (x.to_f32() - row.mean) * row.scale;
            *b += dy;
        }
        let (mut plain, mut scaled) = ([0f32; LANES], [0f32; LANES]);
        let chunks = x.chunks(LANES).zip(dy.chunks(LANES)).zip(weight.chunks(LANES));
        for ((x, dy), w) in chunks {
            for (i, ((x, dy), w)) in x.iter().zip(dy).zip(w).enumerate() {
                let dw = dy.to_f32() * w;
                plain[i] += dw;
                scaled[i] += dw * (x.to_f32() - row.mean) * row.scale;
            }
        }
        (reduce_lanes(plain, |a, b| a + b), reduce_lanes(scaled, |a, b| a + b))
    }
}

vectorised! {
    /// `scale · (dy·w − plain − x̂·scaled)`.
    fn input_row<T: Element>(
        x: &[T], dy: &[T], weight: &[f32], row: Statistics, means: (f32, f32), output: &mut [T],
    ) {
        for (((o, x), dy), w) in output.iter_mut().zip(x).zip(dy).zip(weight) {
            let hat = (x.to_f32() - row.mean) * row.scale;
            *o = T::from_f32(row.scale * (dy.to_f32() * w - means.0 - hat * means.1));
        }
    }
}

/// Gradients of [`crate::cpu::layer_norm`], from its input and the gradient of its output.
///
/// # Panics
/// When the lengths do not fit.
pub fn layer_norm<T: Element>(
    x: &[T],
    weight: &[f32],
    eps: f32,
    output_gradient: &[T],
) -> NormGradients<T> {
    by_rows(x, weight, output_gradient, |row| {
        let dim = row.len() as f32;
        let mean = moments(row, 0.0).0 / dim;
        let variance = moments(row, mean).1 / dim;
        Statistics {
            mean,
            scale: 1.0 / (variance + eps).sqrt(),
            centred: true,
        }
    })
}

/// Gradients of [`crate::cpu::rms_norm`], from its input and the gradient of its output; there is
/// no shift, and its gradient has no meaning.
///
/// # Panics
/// When the lengths do not fit.
pub fn rms_norm<T: Element>(
    x: &[T],
    weight: &[f32],
    eps: f32,
    output_gradient: &[T],
) -> NormGradients<T> {
    by_rows(x, weight, output_gradient, |row| {
        let mean_square = moments(row, 0.0).1 / row.len() as f32;
        Statistics {
            mean: 0.0,
            scale: 1.0 / (mean_square + eps).sqrt(),
            centred: false,
        }
    })
}

fn by_rows<T: Element>(
    x: &[T],
    weight: &[f32],
    output_gradient: &[T],
    statistics: impl Fn(&[T]) -> Statistics + Sync + Send,
) -> NormGradients<T> {
    let dim = weight.len();
    assert!(
        dim > 0 && x.len().is_multiple_of(dim),
        "x is not whole rows"
    );
    assert_eq!(x.len(), output_gradient.len(), "x and the gradient differ");
    let mut input = vec![T::default(); x.len()];
    let out = SharedMut::new(&mut input);
    let mut sums = sum_parts(x.len() / dim, 2 * dim, |rows, sums| {
        for row in rows {
            let part = row * dim..(row + 1) * dim;
            let (x, dy) = (&x[part.clone()], &output_gradient[part]);
            let stats = statistics(x);
            let (plain, scaled) = reduce_row(x, dy, weight, stats, sums);
            let plain = if stats.centred { plain } else { 0.0 };
            let means = (plain / dim as f32, scaled / dim as f32);
            // SAFETY: each row belongs to one part.
            let target = unsafe { std::slice::from_raw_parts_mut(out.ptr(row * dim), dim) };
            input_row(x, dy, weight, stats, means, target);
        }
    });
    let bias = sums.split_off(dim);
    NormGradients {
        input,
        weight: sums,
        bias,
    }
}
