//! The decoder: from the hidden states of a prompt to the next token, one step at a time.
//!
//! Keys and values of earlier tokens are kept, so a step costs as much as its one token. Several
//! rows (beams) may read the same prompt. Choosing tokens is in `generate` and `sample`.

use super::bias::RelativeBias;
use super::config::T5Config;
use super::encoder::shared_embedding;
use super::layers::{Attention, FeedForward};
use crate::error::{Error, Result};
use crate::tokens::{MAX_TOKENS, TokenBatch};
use mustool_nn::{Activation, DType, Embedding, Linear, RmsNorm, Tensor, Weights, host, tensor};
use std::sync::Arc;

/// The decoder stack with its output layer.
#[derive(Debug)]
pub struct T5Decoder {
    embed_tokens: Arc<Embedding>,
    relative_attention_bias: RelativeBias,
    block: Vec<Block>,
    final_layer_norm: RmsNorm,
    lm_head: Linear,
    /// Factor before the output layer: `1/√d_model` where it is the embedding table.
    output_scale: f64,
    heads: usize,
}

#[derive(Debug)]
struct Block {
    self_attention: Attention,
    cross_attention: Attention,
    feed_forward: FeedForward,
}

/// Keys and values, token after token, each `heads · d_kv` wide.
#[derive(Debug, Clone, Default)]
struct KeyValues {
    keys: Vec<f32>,
    values: Vec<f32>,
}

/// What the decoder remembers of one prompt and of the tokens of each row.
#[derive(Debug, Clone)]
pub struct DecoderState {
    /// Of the prompt: one for each block.
    prompt: Arc<Vec<KeyValues>>,
    prompt_bias: Arc<Vec<f32>>,
    /// Of the tokens so far: block after block, one for each row.
    cache: Vec<Vec<KeyValues>>,
    position: usize,
}

impl DecoderState {
    /// Number of tokens that every row has so far.
    pub fn position(&self) -> usize {
        self.position
    }

    /// Makes row `i` a copy of what was row `rows[i]`; the number of rows may change.
    ///
    /// # Panics
    /// When a row does not exist.
    pub fn reorder(&mut self, rows: &[usize]) {
        for block in &mut self.cache {
            *block = rows.iter().map(|&row| block[row].clone()).collect();
        }
    }
}

impl T5Decoder {
    /// A decoder on its own, with keys `shared`, `decoder.*` and `lm_head`.
    pub fn new(config: &T5Config, weights: &Weights) -> Self {
        Self::with_embedding(config, shared_embedding(config, weights), weights)
    }

    /// Keys `decoder.*`, and `lm_head` where it is not the table `shared`.
    pub(super) fn with_embedding(
        config: &T5Config,
        embed_tokens: Arc<Embedding>,
        weights: &Weights,
    ) -> Self {
        let (vocab, dim) = (config.vocab_size, config.d_model);
        let stack = weights.pp("decoder");
        stack.ignore("embed_tokens.weight", &[vocab, dim]);
        let block = |i: usize| {
            let layer = stack.pp(format!("block.{i}.layer"));
            Block {
                self_attention: Attention::new(config, "SelfAttention", &layer.pp("0")),
                cross_attention: Attention::new(config, "EncDecAttention", &layer.pp("1")),
                feed_forward: FeedForward::new(config, &layer.pp("2")),
            }
        };
        let head = if config.tie_word_embeddings {
            weights.ignore("lm_head.weight", &[vocab, dim]);
            let shared = weights.pp("shared");
            if shared.has("weight") {
                shared
            } else {
                weights.pp("encoder.embed_tokens")
            }
        } else {
            weights.pp("lm_head")
        };
        let bias = stack.pp("block.0.layer.0.SelfAttention.relative_attention_bias");
        let norm = stack.pp("final_layer_norm");
        Self {
            embed_tokens,
            relative_attention_bias: RelativeBias::new(config, false, &bias),
            block: (0..config.decoder_layers()).map(block).collect(),
            final_layer_norm: RmsNorm::new(dim, config.layer_norm_epsilon, &norm),
            lm_head: Linear::no_bias(dim, vocab, &head),
            output_scale: if config.tie_word_embeddings {
                (dim as f64).powf(-0.5)
            } else {
                1.0
            },
            heads: config.num_heads,
        }
    }

    /// One row that has read the prompt, the only text of `input`, and has no token yet.
    ///
    /// `hidden_states`: `[1, tokens, d_model]` of the encoder, for the one text of `input`.
    pub fn start(&self, input: &TokenBatch, hidden_states: &Tensor) -> Result<DecoderState> {
        let prompt = self.block.iter().map(|block| {
            let keys = host(&block.cross_attention.k.forward(hidden_states)?)?;
            let values = host(&block.cross_attention.v.forward(hidden_states)?)?;
            Ok(KeyValues { keys, values })
        });
        Ok(DecoderState {
            prompt: Arc::new(prompt.collect::<Result<_>>()?),
            prompt_bias: Arc::new(input.key_bias().collect()),
            cache: vec![vec![KeyValues::default()]; self.block.len()],
            position: 0,
        })
    }

    /// Adds one token to each row; the scores of all tokens that may follow, row by row. An error
    /// where tokens and rows differ in number, and for scores that are not finite.
    pub fn step(&self, state: &mut DecoderState, tokens: &[u32]) -> Result<Vec<Vec<f32>>> {
        let rows = state.cache.first().map_or(0, Vec::len);
        if tokens.len() != rows || state.position >= MAX_TOKENS {
            return Err(Error::InvalidRequest {
                field: "decoder_input_ids",
                reason: format!(
                    "{} tokens for {rows} rows at position {} of {MAX_TOKENS}",
                    tokens.len(),
                    state.position
                ),
            });
        }
        let position = state.position as isize;
        let table = self.relative_attention_bias.table();
        let distances: Vec<&[f32]> = (0..=position)
            .map(|key| self.relative_attention_bias.at(&table, key - position))
            .collect();
        let mut x = self.embed_tokens.rows(tokens)?;
        for (i, block) in self.block.iter().enumerate() {
            x = self.look_back(&block.self_attention, &x, &mut state.cache[i], &distances)?;
            x = self.look_at_prompt(&block.cross_attention, &x, &state.prompt[i], state)?;
            x = block.feed_forward.forward(&x)?;
        }
        state.position += 1;
        let x = (self.final_layer_norm.forward(&x)? * self.output_scale)?;
        let logits = host(&self.lm_head.forward(&x)?)?;
        if logits.iter().any(|logit| !logit.is_finite()) {
            return Err(Error::NotFinite { stage: "decoder" });
        }
        Ok(logits
            .chunks(logits.len() / rows)
            .map(<[f32]>::to_vec)
            .collect())
    }

    /// The scores of the token after each, `[batch, tokens, vocab_size]`, for training: all tokens
    /// of a text at once, each of which sees only those before it.
    ///
    /// `hidden_states`: `[batch, prompt tokens, d_model]` of the encoder, for the texts of `prompt`.
    pub(super) fn forward(
        &self,
        decoder_input: &TokenBatch,
        prompt: &TokenBatch,
        hidden_states: &Tensor,
    ) -> Result<Tensor> {
        let (batch, tokens) = (decoder_input.batch(), decoder_input.tokens());
        let mut x = self
            .embed_tokens
            .rows(decoder_input.ids())?
            .reshape((batch, tokens, ()))?;
        let bias = self.relative_attention_bias.for_batch(decoder_input)?;
        let hidden = prompt.key_bias().collect();
        let shape = [prompt.batch(), 1, 1, prompt.tokens()];
        let prompt_bias = tensor(hidden, &shape, DType::F32)?;
        for block in &self.block {
            x = block.self_attention.forward(&x, &bias)?;
            x = block
                .cross_attention
                .look_at(&x, hidden_states, &prompt_bias)?;
            x = block.feed_forward.forward(&x)?;
        }
        let x = (self.final_layer_norm.forward(&x)? * self.output_scale)?;
        Ok(self.lm_head.forward(&x)?)
    }

    /// Attention to the tokens so far; `x`: `[rows, d_model]`.
    fn look_back(
        &self,
        layer: &Attention,
        x: &Tensor,
        cache: &mut [KeyValues],
        distances: &[&[f32]],
    ) -> Result<Tensor> {
        let normed = layer.layer_norm.forward(x)?;
        let q = host(&layer.q.forward(&normed)?)?;
        let k = host(&layer.k.forward(&normed)?)?;
        let v = host(&layer.v.forward(&normed)?)?;
        let width = q.len() / cache.len();
        let mut seen = vec![0.0; q.len()];
        for (row, cache) in cache.iter_mut().enumerate() {
            let part = row * width..(row + 1) * width;
            cache.keys.extend_from_slice(&k[part.clone()]);
            cache.values.extend_from_slice(&v[part.clone()]);
            let bias = |head: usize, key: usize| distances[key][head];
            attend(&q[part.clone()], cache, self.heads, bias, &mut seen[part]);
        }
        close(layer, seen, x)
    }

    /// Attention to the prompt; `x`: `[rows, d_model]`.
    fn look_at_prompt(
        &self,
        layer: &Attention,
        x: &Tensor,
        prompt: &KeyValues,
        state: &DecoderState,
    ) -> Result<Tensor> {
        let q = host(&layer.q.forward(&layer.layer_norm.forward(x)?)?)?;
        let width = q.len() / x.dim(0)?;
        let mut seen = vec![0.0; q.len()];
        for (q, seen) in q.chunks(width).zip(seen.chunks_mut(width)) {
            attend(q, prompt, self.heads, |_, key| state.prompt_bias[key], seen);
        }
        close(layer, seen, x)
    }
}

/// The output projection, with `x` added.
fn close(layer: &Attention, seen: Vec<f32>, x: &Tensor) -> Result<Tensor> {
    let rows = x.dim(0)?;
    let width = seen.len() / rows;
    let seen = tensor(seen, &[rows, width], x.dtype())?;
    Ok(layer.o.forward_with(&seen, Activation::Identity, Some(x))?)
}

/// Softmax attention of one query: `q` and `seen` are `[heads · d_kv]`.
fn attend(
    q: &[f32],
    cache: &KeyValues,
    heads: usize,
    bias: impl Fn(usize, usize) -> f32,
    seen: &mut [f32],
) {
    let (width, dim) = (q.len(), q.len() / heads);
    let mut scores = Vec::with_capacity(cache.keys.len() / width);
    for head in 0..heads {
        let part = head * dim..(head + 1) * dim;
        let q = &q[part.clone()];
        scores.clear();
        for (key, k) in cache.keys.chunks(width).enumerate() {
            scores.push(dot(q, &k[part.clone()]) + bias(head, key));
        }
        let peak = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut total = 0.0;
        for score in &mut scores {
            *score = (*score - peak).exp();
            total += *score;
        }
        let seen = &mut seen[part.clone()];
        for (score, v) in scores.iter().zip(cache.values.chunks(width)) {
            let weight = score / total;
            for (s, v) in seen.iter_mut().zip(&v[part.clone()]) {
                *s += weight * v;
            }
        }
    }
}

/// Inner product, in eight sums so that the processor can take eight numbers at once.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let (a_lanes, a_rest) = a.as_chunks::<8>();
    let (b_lanes, b_rest) = b.as_chunks::<8>();
    let mut sums = [0.0f32; 8];
    for (a, b) in a_lanes.iter().zip(b_lanes) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f32 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f32>() + rest
}
