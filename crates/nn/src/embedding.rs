//! Tables of vectors, one for each token.

use crate::autograd::{Output, attach};
use crate::cpu::with_slice;
use crate::error::{Error, Result};
use crate::init::Init;
use crate::parameter::{Parameter, Plain, Values};
use crate::weights::Weights;
use candle_core::{DType, Tensor};

/// A table `[vocab, dim]`.
#[derive(Debug)]
pub struct Embedding {
    table: Plain,
    dim: usize,
    dtype: DType,
}

impl Embedding {
    /// Key `weight`.
    pub fn new(vocab: usize, dim: usize, weights: &Weights) -> Self {
        Self {
            table: weights.plain("weight", &[vocab, dim], Init::Normal(1.0)),
            dim,
            dtype: weights.dtype(),
        }
    }

    /// The rows of `ids`, `[ids.len(), dim]`; an id beyond the table is an error.
    pub fn rows(&self, ids: &[u32]) -> Result<Tensor> {
        let dim = self.dim;
        let mut rows = Vec::with_capacity(ids.len() * dim);
        let table = self.table.values();
        for &id in ids {
            let start = id as usize * dim;
            let row = table
                .get(start..start + dim)
                .ok_or_else(|| Error::Config(format!("token {id} is outside the vocabulary")))?;
            rows.extend_from_slice(row);
        }
        let len = table.len();
        drop(table);
        let parameter = self.table.wanted().cloned();
        let anchor = parameter.as_ref().map(Parameter::anchor).cloned();
        let inputs: Vec<&Tensor> = anchor.iter().collect();
        let (ids, output) = (ids.to_vec(), Output::new(rows, (ids.len(), dim)));
        let rows = attach("embedding", &inputs, output, move |gradient| {
            if let Some(parameter) = &parameter {
                let mut sums = vec![0f32; len];
                with_slice::<f32, _>(gradient, |gradient| {
                    for (&id, row) in ids.iter().zip(gradient.chunks_exact(dim)) {
                        let start = id as usize * dim;
                        for (sum, x) in sums[start..start + dim].iter_mut().zip(row) {
                            *sum += x;
                        }
                    }
                })?;
                parameter.add_gradient(sums);
            }
            Ok(vec![None])
        })?;
        Ok(rows.to_dtype(self.dtype)?)
    }

    /// The table itself, row-major `[vocab, dim]`.
    pub fn table(&self) -> Values<'_> {
        self.table.values()
    }
}
