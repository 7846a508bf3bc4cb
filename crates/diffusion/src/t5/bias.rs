//! How far apart two tokens are, as T5 hears it: a learned number for each bucket of distances.
//!
//! Section 2.1 of arXiv:1910.10683: near distances have a bucket each, far ones share buckets that
//! grow logarithmically. The table belongs to the first block and serves all blocks.

use super::config::T5Config;
use crate::error::Result;
use crate::tokens::{HIDDEN, TokenBatch};
use mustool_nn::{DType, Embedding, Tensor, Values, Weights, tensor};

/// The table `[num_buckets, heads]` of an encoder or a decoder.
#[derive(Debug)]
pub(super) struct RelativeBias {
    table: Embedding,
    heads: usize,
    num_buckets: usize,
    max_distance: usize,
    bidirectional: bool,
}

impl RelativeBias {
    /// Key `weight` below `weights`. Encoders look both ways, decoders back only.
    pub(super) fn new(config: &T5Config, bidirectional: bool, weights: &Weights) -> Self {
        let (num_buckets, heads) = (config.relative_attention_num_buckets, config.num_heads);
        Self {
            table: Embedding::new(num_buckets, heads, &weights.with_dtype(DType::F32)),
            heads,
            num_buckets,
            max_distance: config.relative_attention_max_distance,
            bidirectional,
        }
    }

    /// Bucket of a key that stands `offset` tokens after the query (negative: before it).
    fn bucket(&self, offset: isize) -> usize {
        let mut buckets = self.num_buckets;
        let mut first = 0;
        if self.bidirectional {
            buckets /= 2;
            if offset > 0 {
                first = buckets;
            }
        } else if offset > 0 {
            return 0;
        }
        let (distance, exact) = (offset.unsigned_abs(), buckets / 2);
        if distance < exact {
            return first + distance;
        }
        // In f32 as the reference computes it: whole results sit on the edge of a bucket.
        let far = (distance as f32 / exact as f32).ln();
        let range = (self.max_distance as f64 / exact as f64).ln() as f32;
        let step = (far / range * (buckets - exact) as f32) as usize;
        first + (exact + step).min(buckets - 1)
    }

    /// The biases of every bucket, `[num_buckets · heads]`: what [`RelativeBias::at`] reads.
    pub(super) fn table(&self) -> Values<'_> {
        self.table.table()
    }

    /// The bias of every head at a distance, for a key that stands `offset` tokens after the query.
    pub(super) fn at<'a>(&self, table: &'a [f32], offset: isize) -> &'a [f32] {
        let start = self.bucket(offset) * self.heads;
        &table[start..start + self.heads]
    }

    /// For a batch that looks at itself: `[batch, heads, tokens, tokens]` with the hidden keys
    /// masked (for a decoder also those that come later), or `[1, heads, tokens, tokens]` where
    /// nothing is hidden.
    pub(super) fn for_batch(&self, batch: &TokenBatch) -> Result<Tensor> {
        let (tokens, heads) = (batch.tokens(), self.heads);
        let mut buckets = Vec::with_capacity(tokens * tokens);
        for query in 0..tokens as isize {
            buckets.extend((0..tokens as isize).map(|key| self.bucket(key - query) as u32));
        }
        let rows = self.table.rows(&buckets)?;
        let rows = rows.reshape((1, tokens, tokens, heads))?;
        let mut bias = rows.permute((0, 3, 1, 2))?.contiguous()?;
        if !self.bidirectional {
            let later = |i: usize| if i % tokens > i / tokens { HIDDEN } else { 0.0 };
            let later = (0..tokens * tokens).map(later).collect();
            bias = bias.broadcast_add(&tensor(later, &[1, 1, tokens, tokens], DType::F32)?)?;
        }
        if batch.hides_any() {
            let hidden = batch.key_bias().collect();
            let hidden = tensor(hidden, &[batch.batch(), 1, 1, tokens], DType::F32)?;
            bias = bias.broadcast_add(&hidden)?;
        }
        Ok(bias)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_nn::Source;

    fn bias(bidirectional: bool) -> RelativeBias {
        let table = (0..64).map(|i| i as f32).collect();
        let source = [("weight".to_owned(), (vec![32, 2], table))];
        let weights = Weights::new(Source::memory(source.into()), DType::F32);
        RelativeBias {
            table: Embedding::new(32, 2, &weights),
            heads: 2,
            num_buckets: 32,
            max_distance: 128,
            bidirectional,
        }
    }

    #[test]
    fn buckets_of_the_encoder_are_those_of_t5() {
        let expected = [
            (0, 0),
            (-1, 1),
            (-7, 7),
            (-8, 8),
            (-11, 8),
            (-12, 9),
            (-16, 10),
            (-32, 12),
            (-64, 14),
            (-127, 15),
            (-5000, 15),
            (1, 17),
            (7, 23),
            (8, 24),
            (16, 26),
            (127, 31),
            (5000, 31),
        ];
        for (offset, bucket) in expected {
            assert_eq!(bias(true).bucket(offset), bucket, "offset {offset}");
        }
    }

    #[test]
    fn the_decoder_does_not_look_ahead() {
        let expected = [
            (5, 0),
            (0, 0),
            (-1, 1),
            (-15, 15),
            (-16, 16),
            (-32, 21),
            (-127, 31),
        ];
        for (offset, bucket) in expected {
            assert_eq!(bias(false).bucket(offset), bucket, "offset {offset}");
        }
    }

    #[test]
    fn each_query_reads_its_own_distances() {
        let batch = TokenBatch::padded(&[vec![3, 4, 5], vec![3]], 0).unwrap();
        let full = bias(true).for_batch(&batch).unwrap();
        assert_eq!(full.dims(), [2, 2, 3, 3]);
        let rows: Vec<Vec<f32>> = full.get(0).unwrap().get(1).unwrap().to_vec2().unwrap();
        // The second of two heads reads the odd numbers: 2 · bucket + 1.
        assert_eq!(rows, [[1.0, 35.0, 37.0], [3.0, 1.0, 35.0], [5.0, 3.0, 1.0]]);
        let hidden: Vec<Vec<f32>> = full.get(1).unwrap().get(0).unwrap().to_vec2().unwrap();
        assert!(
            hidden
                .iter()
                .all(|row| row[0] >= 0.0 && row[1] < -1e8 && row[2] < -1e8)
        );
    }
}
