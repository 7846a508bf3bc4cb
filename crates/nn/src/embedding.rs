//! Tables of vectors, one for each token.

use crate::error::{Error, Result};
use crate::weights::Weights;
use candle_core::{DType, Device, Tensor};

/// A table `[vocab, dim]`.
#[derive(Debug)]
pub struct Embedding {
    table: Vec<f32>,
    dim: usize,
    dtype: DType,
}

impl Embedding {
    /// Key `weight`.
    pub fn new(vocab: usize, dim: usize, weights: &Weights) -> Self {
        Self {
            table: weights.values("weight", &[vocab, dim]),
            dim,
            dtype: weights.dtype(),
        }
    }

    /// The rows of `ids`, `[ids.len(), dim]`; an id beyond the table is an error.
    pub fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        let mut rows = Vec::with_capacity(ids.len() * self.dim);
        for &id in ids {
            let start = id as usize * self.dim;
            let row = self
                .table
                .get(start..start + self.dim)
                .ok_or_else(|| Error::Config(format!("token {id} is outside the vocabulary")))?;
            rows.extend_from_slice(row);
        }
        Ok(Tensor::from_vec(rows, (ids.len(), self.dim), &Device::Cpu)?.to_dtype(self.dtype)?)
    }

    /// The table itself, row-major `[vocab, dim]`.
    pub fn table(&self) -> &[f32] {
        &self.table
    }
}
