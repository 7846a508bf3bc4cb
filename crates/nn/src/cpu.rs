//! From tensors to slices and back.

use crate::error::{Error, Result};
use candle_core::{CpuStorage, DType, Device, Storage, Tensor, WithDType};
use half::bf16;
use half::vec::HalfBitsVecExt;
use mustool_kernels::cpu::Element;

/// A storage type that both candle and the kernels know.
pub(crate) trait Real: Element + WithDType {
    /// `len` zeros, which the system hands out without a pass over them.
    fn zeros(len: usize) -> Vec<Self>;
}

impl Real for f32 {
    fn zeros(len: usize) -> Vec<Self> {
        vec![0.0; len]
    }
}

impl Real for bf16 {
    fn zeros(len: usize) -> Vec<Self> {
        // Zeroed memory comes for free only for types that the standard library knows.
        vec![0u16; len].reinterpret_into()
    }
}

/// Runs `$body` with `$t` = `f32` or `bf16`, as the tensor has it.
macro_rules! by_dtype {
    ($x:expr, $t:ident => $body:expr) => {
        match $x.dtype() {
            candle_core::DType::F32 => {
                type $t = f32;
                $body
            }
            candle_core::DType::BF16 => {
                type $t = half::bf16;
                $body
            }
            other => Err($crate::error::Error::Config(format!(
                "no kernels for {other:?}"
            ))),
        }
    };
}
pub(crate) use by_dtype;

/// Calls `f` with the contiguous elements of `x`.
pub(crate) fn with_slice<T: Real, R>(x: &Tensor, f: impl FnOnce(&[T]) -> R) -> Result<R> {
    let x = x.contiguous()?;
    let (storage, layout) = x.storage_and_layout();
    let Storage::Cpu(storage) = &*storage else {
        return Err(Error::Config("these layers run on the CPU".to_owned()));
    };
    let slice = CpuStorage::as_slice::<T>(storage)?;
    let start = layout.start_offset();
    Ok(f(&slice[start..start + layout.shape().elem_count()]))
}

/// `len` new numbers, filled by `f` from the elements of `x`.
pub(crate) fn compute<T: Real>(
    x: &Tensor,
    len: usize,
    f: impl FnOnce(&[T], &mut [T]),
) -> Result<Vec<T>> {
    let mut output = T::zeros(len);
    with_slice(x, |x| f(x, &mut output))?;
    Ok(output)
}

/// The values of a tensor as `f32`, in row-major order.
pub fn host(x: &Tensor) -> Result<Vec<f32>> {
    Ok(x.to_dtype(DType::F32)?.flatten_all()?.to_vec1()?)
}

/// A CPU tensor of `dtype` from `f32` values.
pub fn tensor(values: Vec<f32>, shape: &[usize], dtype: DType) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?.to_dtype(dtype)?)
}
