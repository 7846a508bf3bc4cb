//! Residuals, shifts and skip connections.

use crate::autograd::{Output, add_values, attach};
use crate::cpu::{Real, by_dtype, compute, with_slice};
use crate::error::{Error, Result};
use candle_core::Tensor;
use mustool_kernels::cpu;
use mustool_kernels::cpu::backward::column_sums;

/// `a + b`, of one shape and type.
pub fn add(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    if a.dims() != b.dims() || a.dtype() != b.dtype() {
        return Err(Error::Config(format!("a sum of {a:?} and {b:?}")));
    }
    let output = add_values(a, b)?;
    attach("add", &[a, b], output, |gradient| {
        Ok(vec![Some(gradient.clone()); 2])
    })
}

/// Adds to `x`, `[batch, .., channels]`, one shift for each sample, `[batch, channels]`.
pub fn add_shift(x: &Tensor, shift: &Tensor) -> Result<Tensor> {
    let (batch, channels) = shift.dims2()?;
    if x.dim(0)? != batch || x.dims().last() != Some(&channels) || x.dtype() != shift.dtype() {
        return Err(Error::Config(format!("{x:?} shifted by {shift:?}")));
    }
    by_dtype!(x, T => {
        let values = with_slice::<T, _>(shift, |shift| {
            compute::<T>(x, x.elem_count(), |x, y| cpu::add_shift(x, shift, channels, y))
        })??;
        attach("add_shift", &[x, shift], Output::new(values, x.shape()), move |gradient| {
            let sums: Vec<T> = with_slice::<T, _>(gradient, |dy| {
                let samples = dy.chunks_exact((dy.len() / batch).max(1));
                let sums = samples.flat_map(|sample| column_sums(sample, channels));
                sums.map(<T as cpu::Element>::from_f32).collect()
            })?;
            let shift = Output::new(sums, (batch, channels)).into_tensor();
            Ok(vec![Some(gradient.clone()), Some(shift)])
        })
    })
}

/// The channels of `a`, then those of `b`: `[.., a]` and `[.., b]` → `[.., a + b]`.
pub fn concat(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    let (Some((&left, outer)), Some((&right, other))) =
        (a.dims().split_last(), b.dims().split_last())
    else {
        return Err(Error::Config("channels of a single number".to_owned()));
    };
    if outer != other || a.dtype() != b.dtype() || left * right == 0 {
        return Err(Error::Config(format!("channels of {a:?} and {b:?}")));
    }
    let mut shape = a.dims().to_vec();
    shape[outer.len()] = left + right;
    by_dtype!(a, T => {
        let mut values = vec![T::default(); a.elem_count() + b.elem_count()];
        with_slice::<T, _>(a, |a| {
            with_slice::<T, _>(b, |b| {
                let rows = a.chunks_exact(left).zip(b.chunks_exact(right));
                for (row, (a, b)) in values.chunks_exact_mut(left + right).zip(rows) {
                    row[..left].copy_from_slice(a);
                    row[left..].copy_from_slice(b);
                }
            })
        })??;
        let shapes = [a.shape().clone(), b.shape().clone()];
        attach("concat", &[a, b], Output::new(values, shape), move |gradient| {
            let [a, b] = with_slice::<T, _>(gradient, |dy| split(dy, left, right))?;
            Ok(vec![
                Some(Output::new(a, shapes[0].clone()).into_tensor()),
                Some(Output::new(b, shapes[1].clone()).into_tensor()),
            ])
        })
    })
}

fn split<T: Real>(rows: &[T], left: usize, right: usize) -> [Vec<T>; 2] {
    let count = rows.len() / (left + right);
    let mut parts = [
        Vec::with_capacity(count * left),
        Vec::with_capacity(count * right),
    ];
    for row in rows.chunks_exact(left + right) {
        parts[0].extend_from_slice(&row[..left]);
        parts[1].extend_from_slice(&row[left..]);
    }
    parts
}
