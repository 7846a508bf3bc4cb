//! Multi-head attention over projected queries, keys and values.

use crate::cpu::{Real, by_dtype, map, with_slice};
use crate::error::{Error, Result};
use candle_core::{DType, Tensor};
use mustool_kernels::cpu::{AttentionShape, Bias, attention as kernel};

/// `softmax(q·kᵀ·scale + bias)·v`, head by head.
///
/// `q`: `[batch, queries, heads·dim]`, `k` and `v`: `[batch, keys, heads·dim]`; the result has the
/// shape of `q`. `bias` is finite `f32`, `[batch|1, heads|1, queries|1, keys]`.
pub fn attention(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    heads: usize,
    scale: f64,
    bias: Option<&Tensor>,
) -> Result<Tensor> {
    let (batch, queries, width) = q.dims3()?;
    let (_, keys, _) = k.dims3()?;
    let shape = AttentionShape {
        batch,
        heads,
        queries,
        keys,
        dim: width / heads,
        scale: scale as f32,
    };
    by_dtype!(q, T => match bias {
        None => run::<T>(q, k, v, &shape, None),
        Some(bias) => {
            let (b, h, n, last) = bias.dims4()?;
            let fits = |size: usize, full: usize| size == 1 || size == full;
            if !(fits(b, batch) && fits(h, heads) && fits(n, queries) && last == keys) {
                return Err(Error::Config(format!(
                    "an attention bias of {:?} does not fit {shape:?}", bias.dims()
                )));
            }
            let step = |size: usize, step: usize| if size == 1 { 0 } else { step };
            with_slice::<f32, _>(&bias.to_dtype(DType::F32)?, |data| {
                let bias = Bias {
                    data,
                    batch: step(b, h * n * keys),
                    head: step(h, n * keys),
                    query: step(n, keys),
                };
                run::<T>(q, k, v, &shape, Some(bias))
            })?
        }
    })
}

fn run<T: Real>(
    q: &Tensor,
    k: &Tensor,
    v: &Tensor,
    shape: &AttentionShape,
    bias: Option<Bias>,
) -> Result<Tensor> {
    with_slice::<T, _>(k, |k| {
        with_slice::<T, _>(v, |v| {
            map::<T>(q, q.dims(), |q, y| kernel(q, k, v, shape, bias, y))
        })?
    })?
}
