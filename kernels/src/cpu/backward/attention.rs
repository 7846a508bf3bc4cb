//! Gradients of attention. The matrix of weights is computed again, a block of queries at a time.
//!
//! After FlashAttention's backward pass (Dao et al. 2022, arXiv:2205.14135), with whole rows of
//! scores, so that no statistics need to be kept from the forward pass. Products are `f32`.

use super::rows::add_block;
use crate::cpu::attention::{AttentionShape, Bias};
use crate::cpu::element::Element;
use crate::cpu::math::{LANES, exp, reduce_lanes, vectorised};
use crate::cpu::matmul::{Epilogue, linear};
use crate::cpu::pack::Packed;
use crate::cpu::parallel::{SharedMut, for_each_task};

/// Queries of one block.
const ROWS: usize = 64;

/// What attention's backward pass gives.
#[derive(Debug)]
pub struct AttentionGradients<T> {
    /// Of the queries, `[batch, queries, heads·dim]`.
    pub q: Vec<T>,
    /// Of the keys, `[batch, keys, heads·dim]`.
    pub k: Vec<T>,
    /// Of the values, `[batch, keys, heads·dim]`.
    pub v: Vec<T>,
    /// Of the bias, `[batch, heads, queries, keys]`, not yet summed over the axes that it repeats
    /// along; empty when it was not wanted.
    pub bias: Vec<f32>,
}

vectorised! {
    /// Scores to softmax weights, in place.
    fn softmax_row(row: &mut [f32], scale: f32, bias: Option<&[f32]>) {
        match bias {
            Some(bias) => {
                for (s, b) in row.iter_mut().zip(bias) {
                    *s = *s * scale + b;
                }
            }
            None => {
                for s in row.iter_mut() {
                    *s *= scale;
                }
            }
        }
        let mut peaks = [f32::NEG_INFINITY; LANES];
        for chunk in row.chunks(LANES) {
            for (peak, s) in peaks.iter_mut().zip(chunk) {
                *peak = if *s > *peak { *s } else { *peak };
            }
        }
        let peak = reduce_lanes(peaks, f32::max);
        let mut sums = [0f32; LANES];
        for chunk in row.chunks_mut(LANES) {
            for (sum, s) in sums.iter_mut().zip(chunk) {
                *s = exp(*s - peak);
                *sum += *s;
            }
        }
        let factor = 1.0 / reduce_lanes(sums, |a, b| a + b);
        for s in row {
            *s *= factor;
        }
    }
}

vectorised! {
    /// Turns the gradient of the weights into that of the scores, in place: `p · (dp − Σ p·dp)`.
    fn score_gradient(weights: &[f32], gradient: &mut [f32]) {
        let mut sums = [0f32; LANES];
        for (p, dp) in weights.chunks(LANES).zip(gradient.chunks(LANES)) {
            for (sum, (p, dp)) in sums.iter_mut().zip(p.iter().zip(dp)) {
                *sum += p * dp;
            }
        }
        let mean = reduce_lanes(sums, |a, b| a + b);
        for (p, dp) in weights.iter().zip(gradient) {
            *dp = p * (*dp - mean);
        }
    }
}

/// Gradients of [`crate::cpu::attention`], from its inputs and the gradient of its output.
///
/// # Panics
/// When a length does not fit the shape.
pub fn attention<T: Element>(
    [q, k, v]: [&[T]; 3],
    shape: &AttentionShape,
    bias: Option<Bias>,
    want_bias: bool,
    output_gradient: &[T],
) -> AttentionGradients<T> {
    let AttentionShape {
        batch,
        heads,
        queries,
        keys,
        dim,
        ..
    } = *shape;
    let width = heads * dim;
    let (query_len, key_len) = (batch * queries * width, batch * keys * width);
    assert_eq!(
        [q.len(), k.len(), v.len(), output_gradient.len()],
        [query_len, key_len, key_len, query_len],
        "an operand has another size"
    );
    let mut gradients = AttentionGradients {
        q: vec![T::default(); query_len],
        k: vec![T::default(); key_len],
        v: vec![T::default(); key_len],
        bias: vec![
            0.0;
            if want_bias {
                batch * heads * queries * keys
            } else {
                0
            }
        ],
    };
    if query_len == 0 || key_len == 0 {
        return gradients;
    }
    if let Some(bias) = bias {
        let last = (batch - 1) * bias.batch + (heads - 1) * bias.head + (queries - 1) * bias.query;
        assert!(bias.data.len() >= last + keys, "bias has another size");
    }
    let (dq, dk, dv) = (
        SharedMut::new(&mut gradients.q),
        SharedMut::new(&mut gradients.k),
        SharedMut::new(&mut gradients.v),
    );
    let scores = SharedMut::new(&mut gradients.bias);
    for_each_task(batch * heads, |task| {
        let (sample, head) = (task / heads, task % heads);
        let query_at = (sample * queries * heads + head) * dim;
        let key_at = (sample * keys * heads + head) * dim;
        let gather = |x: &[T], at: usize, rows: usize| -> Vec<f32> {
            (0..rows)
                .flat_map(|row| &x[at + row * width..at + row * width + dim])
                .map(|x| x.to_f32())
                .collect()
        };
        let operands = Head {
            q: gather(q, query_at, queries),
            k: gather(k, key_at, keys),
            v: gather(v, key_at, keys),
            dy: gather(output_gradient, query_at, queries),
        };
        let bias = bias.map(|b| Bias {
            data: &b.data[sample * b.batch + head * b.head..],
            ..b
        });
        let made = operands.gradients(shape, bias, |first, rows| {
            if want_bias {
                let at = (task * queries + first) * keys;
                // SAFETY: each task has the scores of its own head.
                let out = unsafe { std::slice::from_raw_parts_mut(scores.ptr(at), rows.len()) };
                out.copy_from_slice(rows);
            }
        });
        let targets = [(dq, query_at), (dk, key_at), (dv, key_at)];
        for ((out, at), values) in targets.into_iter().zip(&made) {
            for (row, values) in values.chunks_exact(dim).enumerate() {
                for (d, value) in values.iter().enumerate() {
                    // SAFETY: each task writes its own head of its own sample.
                    unsafe { *out.ptr(at + row * width + d) = T::from_f32(*value) };
                }
            }
        }
    });
    gradients
}

/// The operands of one head, `[rows, dim]` each.
struct Head {
    q: Vec<f32>,
    k: Vec<f32>,
    v: Vec<f32>,
    dy: Vec<f32>,
}

impl Head {
    /// Gradients of queries, keys and values; `scores(first_row, rows)` sees those of the scores.
    fn gradients(
        &self,
        shape: &AttentionShape,
        bias: Option<Bias>,
        scores: impl Fn(usize, &[f32]),
    ) -> [Vec<f32>; 3] {
        let AttentionShape {
            queries,
            keys,
            dim,
            scale,
            ..
        } = *shape;
        let to_keys = |x: &[f32]| Packed::linear::<f32>(x, keys, dim);
        let (keys_packed, values_packed) = (to_keys(&self.k), to_keys(&self.v));
        let back = Packed::new::<f32>(1, keys, dim, |_, key, d| self.k[key * dim + d]);
        let mut dq = vec![0f32; queries * dim];
        let (mut dk, mut dv) = (vec![0f32; keys * dim], vec![0f32; keys * dim]);
        let mut weights = vec![0f32; ROWS * keys];
        let mut gradient = vec![0f32; ROWS * keys];
        let plain = Epilogue::default();
        for first in (0..queries).step_by(ROWS) {
            let count = ROWS.min(queries - first);
            let part = first * dim..(first + count) * dim;
            let (q, dy) = (&self.q[part.clone()], &self.dy[part.clone()]);
            let weights = &mut weights[..count * keys];
            let gradient = &mut gradient[..count * keys];
            linear(q, &keys_packed, &plain, weights);
            linear(dy, &values_packed, &plain, gradient);
            let rows = weights
                .chunks_exact_mut(keys)
                .zip(gradient.chunks_exact_mut(keys));
            for (i, (weights, gradient)) in rows.enumerate() {
                let bias = bias.map(|b| &b.data[(first + i) * b.query..][..keys]);
                softmax_row(weights, scale, bias);
                score_gradient(weights, gradient);
            }
            scores(first, gradient);
            let pairs: [[u32; 2]; ROWS] = std::array::from_fn(|i| [i as u32; 2]);
            // SAFETY: the pairs are rows of both operands, the block is the whole target.
            unsafe {
                let (pairs, all) = (&pairs[..count], (0..keys, 0..dim));
                add_block(
                    (weights, keys),
                    (dy, dim),
                    pairs,
                    all.clone(),
                    dv.as_mut_ptr(),
                );
                add_block((gradient, keys), (q, dim), pairs, all, dk.as_mut_ptr());
            }
            linear(gradient, &back, &plain, &mut dq[part]);
        }
        for x in dq.iter_mut().chain(&mut dk) {
            *x *= scale;
        }
        [dq, dk, dv]
    }
}
