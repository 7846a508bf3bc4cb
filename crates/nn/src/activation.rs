//! Activations, the GEGLU gate and softmax.

use crate::autograd::{Output, attach};
use crate::cpu::{Real, by_dtype, compute, with_slice};
use crate::error::Result;
use candle_core::{Shape, Tensor};
pub use mustool_kernels::cpu::Activation;
use mustool_kernels::cpu::{self, backward};

/// `activation(x)`, element by element.
pub fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    by_dtype!(x, T => {
        let values = compute::<T>(x, x.elem_count(), |x, y| cpu::activate(x, activation, y))?;
        from_input::<T>("activation", x, values, x.shape(), move |x, dy, dx| {
            backward::activate(x, dy, activation, dx);
        })
    })
}

/// `[.., 2·dim]` (value, then gate) → `[.., dim]`: `value · gelu_erf(gate)` (arXiv:2002.05202).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let dim = shape.last().copied().unwrap_or(0) / 2;
    if let Some(last) = shape.last_mut() {
        *last = dim;
    }
    by_dtype!(x, T => {
        let values = compute::<T>(x, x.elem_count() / 2, |x, y| cpu::geglu(x, dim, y))?;
        from_input::<T>("geglu", x, values, shape, move |x, dy, dx| {
            backward::geglu(x, dy, dim, dx);
        })
    })
}

/// Softmax over the last axis.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    let dim = x.dims().last().copied().unwrap_or(1);
    by_dtype!(x, T => {
        let values = compute::<T>(x, x.elem_count(), |x, y| cpu::softmax(x, dim, y))?;
        from_input::<T>("softmax", x, values, x.shape(), move |x, dy, dx| {
            let mut y = vec![T::default(); x.len()];
            cpu::softmax(x, dim, &mut y);
            backward::softmax(&y, dy, dim, dx);
        })
    })
}

/// Puts a function of `x` into the graph whose gradient `f(x, dy, dx)` needs the input.
pub(crate) fn from_input<T: Real>(
    name: &'static str,
    x: &Tensor,
    values: Vec<T>,
    shape: impl Into<Shape>,
    f: impl Fn(&[T], &[T], &mut [T]) + Send + Sync + 'static,
) -> Result<Tensor> {
    let output = Output::new(values, shape);
    if !x.track_op() {
        return Ok(output.into_tensor());
    }
    let kept = x.clone();
    attach(name, &[x], output, move |gradient| {
        let dx = with_slice::<T, _>(gradient, |dy| {
            compute::<T>(&kept, kept.elem_count(), |x, dx| f(x, dy, dx))
        })??;
        Ok(vec![Some(Output::new(dx, kept.shape()).into_tensor())])
    })
}
