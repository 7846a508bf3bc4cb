//! Multi-head attention over projected queries, keys and values.

use crate::autograd::{Output, attach};
use crate::cpu::{Real, by_dtype, compute, with_slice};
use crate::error::{Error, Result};
use candle_core::{DType, Tensor};
use mustool_kernels::cpu::{AttentionShape, Bias, attention as kernel, backward};

/// `softmax(q·kᵀ·scale + bias)·v`, head by head.
///
/// `q`: `[batch, queries, heads·dim]`, `k` and `v`: `[batch, keys, heads·dim]`; the result has the
/// shape of `q`. `bias` is finite, `[batch|1, heads|1, queries|1, keys]`.
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
    let bias = bias.map(|bias| bias.to_dtype(DType::F32)).transpose()?;
    if let Some(bias) = &bias {
        let (b, h, n, last) = bias.dims4()?;
        let fits = |size: usize, full: usize| size == 1 || size == full;
        if !(fits(b, batch) && fits(h, heads) && fits(n, queries) && last == keys) {
            return Err(Error::Config(format!(
                "an attention bias of {:?} does not fit {shape:?}",
                bias.dims()
            )));
        }
    }
    by_dtype!(q, T => run::<T>([q, k, v], shape, bias))
}

fn run<T: Real>(qkv: [&Tensor; 3], shape: AttentionShape, bias: Option<Tensor>) -> Result<Tensor> {
    let [q, k, v] = qkv;
    let values = with_bias(bias.as_ref(), |bias| {
        with_slice::<T, _>(k, |k| {
            with_slice::<T, _>(v, |v| {
                compute::<T>(q, q.elem_count(), |q, y| kernel(q, k, v, &shape, bias, y))
            })?
        })?
    })?;
    let output = Output::new(values, q.shape());
    let inputs: Vec<&Tensor> = qkv.into_iter().chain(&bias).collect();
    if !inputs.iter().any(|input| input.track_op()) {
        return Ok(output.into_tensor());
    }
    let (kept, kept_bias) = (qkv.map(Tensor::clone), bias.clone());
    attach("attention", &inputs, output, move |gradient| {
        let [q, k, v] = &kept;
        let wanted = kept_bias.as_ref().is_some_and(Tensor::track_op);
        let made = with_bias(kept_bias.as_ref(), |bias| {
            with_slice::<T, _>(q, |q| {
                with_slice::<T, _>(k, |k| {
                    with_slice::<T, _>(v, |v| {
                        with_slice::<T, _>(gradient, |dy| {
                            backward::attention([q, k, v], &shape, bias, wanted, dy)
                        })
                    })?
                })?
            })?
        })?;
        let tensor =
            |values: Vec<T>, like: &Tensor| Some(Output::new(values, like.shape()).into_tensor());
        let mut gradients = vec![tensor(made.q, q), tensor(made.k, k), tensor(made.v, v)];
        if let Some(bias) = &kept_bias {
            gradients.push(if wanted {
                Some(sum_to(made.bias, &shape, bias)?)
            } else {
                None
            });
        }
        Ok(gradients)
    })
}

/// Calls `f` with the bias, whose axes of length 1 repeat.
fn with_bias<R>(bias: Option<&Tensor>, f: impl FnOnce(Option<Bias>) -> Result<R>) -> Result<R> {
    let Some(bias) = bias else {
        return f(None);
    };
    let (b, h, n, keys) = bias.dims4()?;
    let step = |size: usize, step: usize| if size == 1 { 0 } else { step };
    with_slice::<f32, _>(bias, |data| {
        f(Some(Bias {
            data,
            batch: step(b, h * n * keys),
            head: step(h, n * keys),
            query: step(n, keys),
        }))
    })?
}

/// Adds up the gradient of a bias along the axes that it repeats along.
fn sum_to(gradient: Vec<f32>, shape: &AttentionShape, bias: &Tensor) -> Result<Tensor> {
    let full = [shape.batch, shape.heads, shape.queries, shape.keys];
    let mut gradient = Output::new(gradient, full.to_vec()).into_tensor();
    for (axis, &size) in bias.dims().iter().enumerate() {
        if size == 1 && full[axis] > 1 {
            gradient = gradient.sum_keepdim(axis)?;
        }
    }
    Ok(gradient)
}
