//! DeBERTa, the network that reads a prompt to guess its beats.
//!
//! He et al. 2021 (arXiv:2006.03654) with the log-scaled positions of version 2 and the settings of
//! DeBERTa-v3. It knows positions only as distances: content meets position in both directions.
//! What its hidden states mean for beats is in `beats`.

use crate::error::{Error, Result};
use crate::tokens::TokenBatch;
use mustool_nn::{
    Activation, DType, Embedding, LayerNorm, Linear, Tensor, Weights, attention, tensor,
};
use serde::Deserialize;

/// Largest size that any field may have.
const MAX_SIZE: usize = 1 << 20;

/// Sizes, named as in `config.json`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct DebertaConfig {
    /// Number of tokens.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// Number of layers.
    pub num_hidden_layers: usize,
    /// Attention heads; they divide `hidden_size`.
    pub num_attention_heads: usize,
    /// Inner width of the feed-forward layers.
    pub intermediate_size: usize,
    /// Distance from which on all positions share the last bucket.
    pub max_position_embeddings: usize,
    /// Buckets of distances in each direction.
    pub position_buckets: usize,
    /// Added to the variance in the norms.
    pub layer_norm_eps: f64,
}

impl DebertaConfig {
    /// Reads and checks a configuration; `file` is named in errors.
    pub fn from_json(file: &str, json: &[u8]) -> Result<Self> {
        let fault = |reason: String| Error::Config {
            file: file.to_owned(),
            reason,
        };
        let config: Self = serde_json::from_slice(json).map_err(|e| fault(e.to_string()))?;
        let sizes = [
            ("vocab_size", config.vocab_size),
            ("hidden_size", config.hidden_size),
            ("num_hidden_layers", config.num_hidden_layers),
            ("num_attention_heads", config.num_attention_heads),
            ("intermediate_size", config.intermediate_size),
            ("max_position_embeddings", config.max_position_embeddings),
            ("position_buckets", config.position_buckets),
        ];
        for (name, size) in sizes {
            if !(1..=MAX_SIZE).contains(&size) {
                return Err(fault(format!("{name} is {size}")));
            }
        }
        let (heads, mid) = (config.num_attention_heads, config.position_buckets / 2);
        if !config.hidden_size.is_multiple_of(heads) || config.num_hidden_layers > 256 {
            return Err(fault(format!(
                "{heads} heads do not divide {}",
                config.hidden_size
            )));
        }
        if mid < 2 || config.max_position_embeddings < mid + 2 {
            return Err(fault(format!(
                "{} position_buckets do not fit",
                config.position_buckets
            )));
        }
        Ok(config)
    }
}

/// The encoder stack; weights are named as in transformers' `DebertaV2Model`.
///
/// It always computes in `f32`: beat times are sums of its numbers.
#[derive(Debug)]
pub struct Deberta {
    word_embeddings: Embedding,
    embedding_norm: LayerNorm,
    layer: Vec<Layer>,
    rel_embeddings: Embedding,
    rel_norm: LayerNorm,
    positions: Positions,
    heads: usize,
}

#[derive(Debug)]
struct Layer {
    query_proj: Linear,
    key_proj: Linear,
    value_proj: Linear,
    attention_output: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    output: Linear,
    output_norm: LayerNorm,
}

impl Layer {
    fn new(config: &DebertaConfig, weights: &Weights) -> Self {
        let (dim, inner) = (config.hidden_size, config.intermediate_size);
        let attention = weights.pp("attention");
        let project = |name: &str| Linear::new(dim, dim, &attention.pp(name));
        let norm =
            |weights: Weights| LayerNorm::new(dim, config.layer_norm_eps, &weights.pp("LayerNorm"));
        Self {
            query_proj: project("self.query_proj"),
            key_proj: project("self.key_proj"),
            value_proj: project("self.value_proj"),
            attention_output: project("output.dense"),
            attention_norm: norm(attention.pp("output")),
            intermediate: Linear::new(dim, inner, &weights.pp("intermediate.dense")),
            output: Linear::new(inner, dim, &weights.pp("output.dense")),
            output_norm: norm(weights.pp("output")),
        }
    }
}

impl Deberta {
    /// Keys `embeddings.*` and `encoder.*`.
    pub fn new(config: &DebertaConfig, weights: &Weights) -> Self {
        let weights = weights.with_dtype(DType::F32);
        let (dim, eps) = (config.hidden_size, config.layer_norm_eps);
        let (embeddings, encoder) = (weights.pp("embeddings"), weights.pp("encoder"));
        embeddings.ignore("position_ids", &[1, config.max_position_embeddings]);
        let positions = Positions::new(config.position_buckets, config.max_position_embeddings);
        Self {
            word_embeddings: Embedding::new(
                config.vocab_size,
                dim,
                &embeddings.pp("word_embeddings"),
            ),
            embedding_norm: LayerNorm::new(dim, eps, &embeddings.pp("LayerNorm")),
            layer: (0..config.num_hidden_layers)
                .map(|i| Layer::new(config, &encoder.pp(format!("layer.{i}"))))
                .collect(),
            rel_embeddings: Embedding::new(
                2 * config.position_buckets,
                dim,
                &encoder.pp("rel_embeddings"),
            ),
            rel_norm: LayerNorm::new(dim, eps, &encoder.pp("LayerNorm")),
            positions,
            heads: config.num_attention_heads,
        }
    }

    /// Hidden states `[batch, tokens, hidden_size]`; those of hidden tokens have no meaning.
    pub fn forward(&self, input: &TokenBatch) -> Result<Tensor> {
        let (batch, tokens) = (input.batch(), input.tokens());
        let mask = input.mask_tensor()?.unsqueeze(2)?;
        let x = self
            .word_embeddings
            .rows(input.ids())?
            .reshape((batch, tokens, ()))?;
        let mut x = self.embedding_norm.forward(&x)?.broadcast_mul(&mask)?;
        let buckets: Vec<u32> = (0..2 * self.positions.span as u32).collect();
        let positions = self
            .rel_norm
            .forward(&self.rel_embeddings.rows(&buckets)?)?;
        for layer in &self.layer {
            // The reference gives hidden queries an attention of zero.
            let seen = self
                .attend(layer, &x, &positions, input)?
                .broadcast_mul(&mask)?;
            let seen =
                layer
                    .attention_output
                    .forward_with(&seen, Activation::Identity, Some(&x))?;
            x = layer.attention_norm.forward(&seen)?;
            let inner = layer
                .intermediate
                .forward_with(&x, Activation::GeluErf, None)?;
            let y = layer
                .output
                .forward_with(&inner, Activation::Identity, Some(&x))?;
            x = layer.output_norm.forward(&y)?;
        }
        Ok(x)
    }

    /// `softmax((q·k + q·position + k·position) / √(3·dim))·v`.
    fn attend(
        &self,
        layer: &Layer,
        x: &Tensor,
        positions: &Tensor,
        input: &TokenBatch,
    ) -> Result<Tensor> {
        let (batch, tokens, width) = x.dims3()?;
        let dim = width / self.heads;
        let scale = 1.0 / (3.0 * dim as f64).sqrt();
        let (q, k) = (layer.query_proj.forward(x)?, layer.key_proj.forward(x)?);
        // Positions are keys for the queries, and queries for the keys.
        let buckets = 2 * self.positions.span;
        let by_head = |x: &Tensor, rows: usize| -> Result<Tensor> {
            Ok(x.reshape(((), rows, self.heads, dim))?
                .transpose(1, 2)?
                .contiguous()?)
        };
        let meet = |x: &Tensor, positions: &Tensor| -> Result<Tensor> {
            let positions = by_head(positions, buckets)?.transpose(2, 3)?;
            Ok(by_head(x, tokens)?.broadcast_matmul(&positions.contiguous()?)?)
        };
        let query_meets = meet(&q, &layer.key_proj.forward(positions)?)?;
        let key_meets = meet(&k, &layer.query_proj.forward(positions)?)?;
        let offsets = self.positions.offsets(tokens);
        // For queries in rows and keys in columns, and the other way round.
        let rows = |sign: isize| -> Result<Tensor> {
            let far = tokens as isize - 1;
            let row = |i: isize, j: isize| offsets[(sign * (i - j) + far) as usize] as u32;
            let table = (0..=far).flat_map(|i| (0..=far).map(move |j| (i, j)));
            let table: Vec<u32> = table.map(|(i, j)| row(i, j)).collect();
            let shape = (batch, self.heads, tokens, tokens);
            Ok(Tensor::from_vec(table, (1, 1, tokens, tokens), x.device())?
                .broadcast_as(shape)?
                .contiguous()?)
        };
        let query_meets = query_meets.gather(&rows(1)?, 3)?;
        let key_meets = key_meets.gather(&rows(-1)?, 3)?.transpose(2, 3)?;
        let hidden = input.key_bias().collect();
        let hidden = tensor(hidden, &[batch, 1, 1, tokens], DType::F32)?;
        let bias = ((query_meets + key_meets)? * scale)?.broadcast_add(&hidden)?;
        let v = layer.value_proj.forward(x)?;
        Ok(attention(&q, &k, &v, self.heads, scale, Some(&bias))?)
    }
}

/// Buckets of distances: each near distance has its own, far ones share theirs.
#[derive(Debug, Clone, Copy)]
struct Positions {
    span: usize,
    max_distance: usize,
}

impl Positions {
    fn new(span: usize, max_distance: usize) -> Self {
        Self { span, max_distance }
    }

    /// Row of the table for a query that stands `offset` tokens after the key.
    fn row(self, offset: isize) -> usize {
        let (mid, distance) = ((self.span / 2) as f64, offset.unsigned_abs() as f64);
        let near = if distance <= mid {
            distance
        } else {
            let range = ((self.max_distance - 1) as f64 / mid).ln();
            ((distance / mid).ln() / range * (mid - 1.0)).ceil() + mid
        };
        let row = self.span as f64 + near * offset.signum() as f64;
        row.clamp(0.0, (2 * self.span - 1) as f64) as usize
    }

    /// The rows of the offsets from `1 - tokens` to `tokens - 1`.
    fn offsets(self, tokens: usize) -> Vec<usize> {
        let far = tokens as isize - 1;
        (-far..=far).map(|offset| self.row(offset)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_distances_have_a_row_each_and_far_ones_share() {
        let positions = Positions::new(256, 512);
        // Worked by hand from the definition: 129 is the first shared bucket, 511 the last.
        let expected = [
            (0, 256),
            (1, 257),
            (-1, 255),
            (128, 384),
            (129, 385),
            (511, 511),
            (-511, 1),
        ];
        for (offset, row) in expected {
            assert_eq!(positions.row(offset), row, "offset {offset}");
        }
        assert_eq!((positions.row(5000), positions.row(-5000)), (511, 0));
    }

    #[test]
    fn rows_never_fall_with_the_distance() {
        for positions in [Positions::new(8, 512), Positions::new(256, 512)] {
            let rows = positions.offsets(600);
            assert!(rows.windows(2).all(|pair| pair[0] <= pair[1]));
            assert!(rows.iter().all(|&row| row < 2 * positions.span));
        }
    }

    #[test]
    fn sizes_that_do_not_fit_are_refused() {
        let json = r#"{"vocab_size":100,"hidden_size":32,"num_hidden_layers":2,
            "num_attention_heads":4,"intermediate_size":64,"max_position_embeddings":512,
            "position_buckets":8,"layer_norm_eps":1e-7}"#;
        DebertaConfig::from_json("beats.json", json.as_bytes()).unwrap();
        for (from, to) in [
            ("heads\":4", "heads\":5"),
            ("buckets\":8", "buckets\":2"),
            ("_size\":32", "_size\":0"),
            ("vocab_size", "vocabulary"),
        ] {
            let error = DebertaConfig::from_json("beats.json", json.replace(from, to).as_bytes());
            assert!(error.unwrap_err().to_string().starts_with("beats.json"));
        }
    }
}
