//! How far apart two tokens are, as T5 hears it: a learned number for each bucket of distances.
//!
//! Section 2.1 of arXiv:1910.10683: near distances have a bucket each, far ones share buckets that
//! grow logarithmically. The table belongs to the first block and serves all blocks.

use super::config::T5Config;
use crate::error::Result;
use crate::tokens::TokenBatch;
use mustool_nn::{DType, Tensor, Weights, tensor};

/// The table `[num_buckets, heads]` of an encoder or a decoder.
#[derive(Debug)]
pub(super) struct RelativeBias {
    table: Vec<f32>,
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
            table: weights.values("weight", &[num_buckets, heads]),
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

    /// The bias of every head at a distance, for a key that stands `offset` tokens after the query.
    pub(super) fn at(&self, offset: isize) -> &[f32] {
        let start = self.bucket(offset) * self.heads;
        &self.table[start..start + self.heads]
    }

    /// For a batch that looks at itself: `[batch, heads, tokens, tokens]` with the hidden keys
    /// masked, or `[1, heads, tokens, tokens]` where nothing is hidden.
    pub(super) fn for_batch(&self, batch: &TokenBatch) -> Result<Tensor> {
        let (tokens, heads) = (batch.tokens(), self.heads);
        let far = tokens as isize - 1;
        let by_offset: Vec<&[f32]> = (-far..=far).map(|offset| self.at(offset)).collect();
        let mut shared = Vec::with_capacity(heads * tokens * tokens);
        for head in 0..heads {
            for query in 0..tokens {
                let offsets = &by_offset[tokens - 1 - query..2 * tokens - 1 - query];
                shared.extend(offsets.iter().map(|biases| biases[head]));
            }
        }
        if !batch.hides_any() {
            return Ok(tensor(shared, &[1, heads, tokens, tokens], DType::F32)?);
        }
        let hidden: Vec<f32> = batch.key_bias().collect();
        let mut full = Vec::with_capacity(batch.batch() * shared.len());
        for keys in hidden.chunks(tokens) {
            for row in shared.chunks(tokens) {
                full.extend(row.iter().zip(keys).map(|(bias, mask)| bias + mask));
            }
        }
        Ok(tensor(
            full,
            &[batch.batch(), heads, tokens, tokens],
            DType::F32,
        )?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bias(bidirectional: bool) -> RelativeBias {
        let table = (0..64).map(|i| i as f32).collect();
        RelativeBias {
            table,
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
