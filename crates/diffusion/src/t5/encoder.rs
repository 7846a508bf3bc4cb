//! The encoder: from the tokens of a prompt to the hidden states that the other networks read.

use super::bias::RelativeBias;
use super::config::T5Config;
use super::layers::{Attention, FeedForward};
use crate::error::Result;
use crate::tokens::TokenBatch;
use mustool_nn::{Embedding, RmsNorm, Tensor, Weights};
use std::sync::Arc;

/// A T5 encoder; weights are named as in transformers' `T5EncoderModel`.
#[derive(Debug)]
pub struct T5Encoder {
    embed_tokens: Arc<Embedding>,
    relative_attention_bias: RelativeBias,
    block: Vec<Block>,
    final_layer_norm: RmsNorm,
    d_model: usize,
}

#[derive(Debug)]
struct Block {
    self_attention: Attention,
    feed_forward: FeedForward,
}

/// The table that encoder and decoder share: `shared`, or `encoder.embed_tokens` in checkpoints
/// that store only that. Further copies are known and not read.
pub(super) fn shared_embedding(config: &T5Config, weights: &Weights) -> Arc<Embedding> {
    let shape = [config.vocab_size, config.d_model];
    let copy = weights.pp("encoder.embed_tokens");
    let shared = weights.pp("shared");
    let table = if shared.has("weight") || !copy.has("weight") {
        copy.ignore("weight", &shape);
        shared
    } else {
        copy
    };
    Arc::new(Embedding::new(config.vocab_size, config.d_model, &table))
}

impl T5Encoder {
    /// Keys `shared` and `encoder.*`.
    pub fn new(config: &T5Config, weights: &Weights) -> Self {
        Self::with_embedding(config, shared_embedding(config, weights), weights)
    }

    pub(super) fn with_embedding(
        config: &T5Config,
        embed_tokens: Arc<Embedding>,
        weights: &Weights,
    ) -> Self {
        let weights = weights.pp("encoder");
        let block = |i: usize| {
            let layer = weights.pp(format!("block.{i}.layer"));
            Block {
                self_attention: Attention::new(config, "SelfAttention", &layer.pp("0")),
                feed_forward: FeedForward::new(config, &layer.pp("1")),
            }
        };
        let bias = weights.pp("block.0.layer.0.SelfAttention.relative_attention_bias");
        let norm = weights.pp("final_layer_norm");
        Self {
            embed_tokens,
            relative_attention_bias: RelativeBias::new(config, true, &bias),
            block: (0..config.num_layers).map(block).collect(),
            final_layer_norm: RmsNorm::new(config.d_model, config.layer_norm_epsilon, &norm),
            d_model: config.d_model,
        }
    }

    /// Hidden states after the last norm, `[batch, tokens, d_model]`, at hidden tokens too.
    ///
    /// An id outside the vocabulary is an error. A text whose every token is hidden gives finite
    /// numbers of no meaning.
    pub fn forward(&self, input: &TokenBatch) -> Result<Tensor> {
        let shape = (input.batch(), input.tokens(), self.d_model);
        let mut hidden_states = self.embed_tokens.rows(input.ids())?.reshape(shape)?;
        let bias = self.relative_attention_bias.for_batch(input)?;
        for block in &self.block {
            hidden_states = block.self_attention.forward(&hidden_states, &bias)?;
            hidden_states = block.feed_forward.forward(&hidden_states)?;
        }
        Ok(self.final_layer_norm.forward(&hidden_states)?)
    }
}
