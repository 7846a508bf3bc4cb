//! Token ids of several texts side by side, padded to one length, and the mask that hides the pads.
//!
//! Turning text into ids is the tokenizer's work and not here.

use crate::error::{Error, Result};
use mustool_nn::{DType, Tensor, tensor};

/// Longest text, in tokens: the attention of a network grows with its square.
pub const MAX_TOKENS: usize = 4096;

/// Added to the scores of hidden keys. Finite, so that a text without any token gives no NaN.
pub(crate) const HIDDEN: f32 = -1e9;

/// Ids `[batch, tokens]` with their mask.
#[derive(Debug, Clone, PartialEq)]
pub struct TokenBatch {
    ids: Vec<u32>,
    mask: Vec<bool>,
    batch: usize,
    tokens: usize,
}

impl TokenBatch {
    /// Rows of any length, filled up on the right with `pad_token_id` to the longest.
    ///
    /// An error for no rows, for rows without tokens and above [`MAX_TOKENS`].
    pub fn padded(rows: &[Vec<u32>], pad_token_id: u32) -> Result<Self> {
        let tokens = rows.iter().map(Vec::len).max().unwrap_or(0);
        check(rows.len(), tokens)?;
        let (mut ids, mut mask) = (Vec::new(), Vec::new());
        for row in rows {
            let pads = tokens - row.len();
            ids.extend(
                row.iter()
                    .copied()
                    .chain(std::iter::repeat_n(pad_token_id, pads)),
            );
            mask.extend((0..tokens).map(|i| i < row.len()));
        }
        Ok(Self {
            ids,
            mask,
            batch: rows.len(),
            tokens,
        })
    }

    /// Rows of one length and their masks, `true` for tokens that are to be seen.
    ///
    /// An error where rows or masks differ in length, and as for [`TokenBatch::padded`].
    pub fn masked(rows: &[Vec<u32>], masks: &[Vec<bool>]) -> Result<Self> {
        let tokens = rows.first().map_or(0, Vec::len);
        check(rows.len(), tokens)?;
        let even = rows.iter().all(|row| row.len() == tokens)
            && masks.iter().all(|mask| mask.len() == tokens);
        if !even || rows.len() != masks.len() {
            return Err(invalid("rows and masks differ in length".to_owned()));
        }
        let (ids, mask) = (rows.concat(), masks.concat());
        Ok(Self {
            ids,
            mask,
            batch: rows.len(),
            tokens,
        })
    }

    /// Number of texts.
    pub fn batch(&self) -> usize {
        self.batch
    }

    /// Length of every text with its pads.
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// The ids, row after row.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The mask, row after row: `true` where a token is to be seen.
    pub fn mask(&self) -> &[bool] {
        &self.mask
    }

    /// The mask as ones and zeros, `[batch, tokens]`, `f32`.
    pub fn mask_tensor(&self) -> Result<Tensor> {
        let values = self
            .mask
            .iter()
            .map(|&seen| f32::from(u8::from(seen)))
            .collect();
        Ok(tensor(values, &[self.batch, self.tokens], DType::F32)?)
    }

    /// What attention adds to the scores of each key: 0, or a large negative number where hidden.
    pub(crate) fn key_bias(&self) -> impl Iterator<Item = f32> {
        self.mask
            .iter()
            .map(|&seen| if seen { 0.0 } else { HIDDEN })
    }

    /// Whether any token is hidden.
    pub(crate) fn hides_any(&self) -> bool {
        self.mask.contains(&false)
    }
}

fn check(batch: usize, tokens: usize) -> Result<()> {
    if batch == 0 || tokens == 0 || tokens > MAX_TOKENS {
        return Err(invalid(format!(
            "{batch} texts of {tokens} tokens; 1 to {MAX_TOKENS} tokens are possible"
        )));
    }
    Ok(())
}

fn invalid(reason: String) -> Error {
    Error::InvalidRequest {
        field: "input_ids",
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_rows_are_padded_and_hidden() {
        let batch = TokenBatch::padded(&[vec![5, 6, 1], vec![1]], 0).unwrap();
        assert_eq!((batch.batch(), batch.tokens()), (2, 3));
        assert_eq!(batch.ids(), [5, 6, 1, 1, 0, 0]);
        assert_eq!(batch.mask(), [true, true, true, true, false, false]);
        let bias: Vec<f32> = batch.key_bias().collect();
        assert_eq!(bias, [0.0, 0.0, 0.0, 0.0, HIDDEN, HIDDEN]);
    }

    #[test]
    fn empty_ragged_and_endless_texts_are_refused() {
        assert!(TokenBatch::padded(&[], 0).is_err());
        assert!(TokenBatch::padded(&[vec![]], 0).is_err());
        assert!(TokenBatch::padded(&[vec![1; MAX_TOKENS + 1]], 0).is_err());
        assert!(TokenBatch::masked(&[vec![1, 2], vec![1]], &[vec![true; 2], vec![true]]).is_err());
        assert!(TokenBatch::masked(&[vec![1, 2]], &[vec![true]]).is_err());
        assert!(TokenBatch::masked(&[vec![1, 2]], &[]).is_err());
    }
}
