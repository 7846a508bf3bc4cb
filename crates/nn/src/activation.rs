//! Activations, the GEGLU gate and softmax.

use crate::cpu::{by_dtype, map};
use crate::error::Result;
use candle_core::Tensor;
pub use mustool_kernels::cpu::Activation;
use mustool_kernels::cpu::{self};

/// `activation(x)`, element by element.
pub fn activate(x: &Tensor, activation: Activation) -> Result<Tensor> {
    by_dtype!(x, T => map::<T>(x, x.dims(), |x, y| cpu::activate(x, activation, y)))
}

/// `[.., 2·dim]` (value, then gate) → `[.., dim]`: `value · gelu_erf(gate)` (arXiv:2002.05202).
pub fn geglu(x: &Tensor) -> Result<Tensor> {
    let mut shape = x.dims().to_vec();
    let dim = shape.last().copied().unwrap_or(0) / 2;
    if let Some(last) = shape.last_mut() {
        *last = dim;
    }
    by_dtype!(x, T => map::<T>(x, shape, |x, y| cpu::geglu(x, dim, y)))
}

/// Softmax over the last axis.
pub fn softmax(x: &Tensor) -> Result<Tensor> {
    let dim = x.dims().last().copied().unwrap_or(1);
    by_dtype!(x, T => map::<T>(x, x.dims(), |x, y| cpu::softmax(x, dim, y)))
}
