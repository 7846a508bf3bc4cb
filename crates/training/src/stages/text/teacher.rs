//! The teacher of the text encoder: a MiniLM sentence encoder (Wang et al. 2020,
//! arXiv:2002.10957), which knows what everyday words mean.
//!
//! A BERT encoder with the keys of transformers' `BertModel`; a sentence lies at the mean of its
//! tokens' states, brought to length 1. It is read from a folder and never shipped.

use crate::error::{Error, Result, read_error};
use crate::stages::tokens::Tokens;
use mustool_nn::{
    Activation, DType, Embedding, LayerNorm, Linear, Source, Tensor, Weights, attention, host,
    tensor,
};
use serde::Deserialize;
use std::path::Path;

/// Longest text in tokens.
const MAX_TOKENS: usize = 96;
/// Texts that are embedded at a time.
const TOGETHER: usize = 64;

/// The part of `config.json` that matters.
#[derive(Debug, Clone, Deserialize)]
#[serde(default)]
struct Config {
    vocab_size: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    max_position_embeddings: usize,
    type_vocab_size: usize,
    layer_norm_eps: f64,
}

impl Default for Config {
    /// all-MiniLM-L6-v2.
    fn default() -> Self {
        Self {
            vocab_size: 30_522,
            hidden_size: 384,
            num_hidden_layers: 6,
            num_attention_heads: 12,
            intermediate_size: 1536,
            max_position_embeddings: 512,
            type_vocab_size: 2,
            layer_norm_eps: 1e-12,
        }
    }
}

struct Layer {
    query: Linear,
    key: Linear,
    value: Linear,
    attention_out: Linear,
    attention_norm: LayerNorm,
    intermediate: Linear,
    out: Linear,
    norm: LayerNorm,
}

/// The sentence encoder.
pub(super) struct Teacher {
    config: Config,
    tokens: Tokens,
    words: Embedding,
    positions: Embedding,
    kinds: Embedding,
    norm: LayerNorm,
    layers: Vec<Layer>,
}

impl Layer {
    fn new(config: &Config, weights: &Weights) -> Self {
        let (dim, inner, eps) = (
            config.hidden_size,
            config.intermediate_size,
            config.layer_norm_eps,
        );
        let linear = |name: &str| Linear::new(dim, dim, &weights.pp(name));
        Self {
            query: linear("attention.self.query"),
            key: linear("attention.self.key"),
            value: linear("attention.self.value"),
            attention_out: linear("attention.output.dense"),
            attention_norm: LayerNorm::new(dim, eps, &weights.pp("attention.output.LayerNorm")),
            intermediate: Linear::new(dim, inner, &weights.pp("intermediate.dense")),
            out: Linear::new(inner, dim, &weights.pp("output.dense")),
            norm: LayerNorm::new(dim, eps, &weights.pp("output.LayerNorm")),
        }
    }

    /// `x`: `[batch, tokens, dim]` → the same shape.
    fn forward(&self, x: &Tensor, heads: usize, bias: &Tensor) -> Result<Tensor> {
        let (q, k, v) = (
            self.query.forward(x)?,
            self.key.forward(x)?,
            self.value.forward(x)?,
        );
        let scale = ((x.dim(2)? / heads) as f64).powf(-0.5);
        let h = attention(&q, &k, &v, heads, scale, Some(bias))?;
        let h = self
            .attention_out
            .forward_with(&h, Activation::Identity, Some(x))?;
        let x = self.attention_norm.forward(&h)?;
        let h = self
            .intermediate
            .forward_with(&x, Activation::GeluErf, None)?;
        let h = self.out.forward_with(&h, Activation::Identity, Some(&x))?;
        Ok(self.norm.forward(&h)?)
    }
}

impl Teacher {
    /// Reads `model.safetensors`, `tokenizer.json` and, if it is there, `config.json`.
    pub(super) fn load(folder: &Path) -> Result<Self> {
        let path = folder.join("config.json");
        let config = match std::fs::read(&path) {
            Ok(json) => serde_json::from_slice(&json).map_err(|e| Error::Config {
                path: path.clone(),
                reason: e.to_string(),
            })?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Config::default(),
            Err(error) => return Err(read_error(&path)(error)),
        };
        let Config {
            hidden_size: dim,
            num_attention_heads: heads,
            num_hidden_layers: layers,
            ..
        } = config;
        if heads == 0 || !dim.is_multiple_of(heads) || layers > 64 || dim > 8192 {
            return Err(Error::Config {
                path,
                reason: format!("impossible sizes: {config:?}"),
            });
        }
        let source = Source::files(&[folder.join("model.safetensors")])?;
        let weights = Weights::new(source, DType::F32);
        let embeddings = weights.pp("embeddings");
        let table = |name: &str, len| Embedding::new(len, dim, &embeddings.pp(name));
        let teacher = Self {
            tokens: Tokens::load(&folder.join("tokenizer.json"), MAX_TOKENS)?,
            words: table("word_embeddings", config.vocab_size),
            positions: table("position_embeddings", config.max_position_embeddings),
            kinds: table("token_type_embeddings", config.type_vocab_size),
            norm: LayerNorm::new(dim, config.layer_norm_eps, &embeddings.pp("LayerNorm")),
            layers: (0..layers)
                .map(|i| Layer::new(&config, &weights.pp(format!("encoder.layer.{i}"))))
                .collect(),
            config,
        };
        weights.ignore(
            "embeddings.position_ids",
            &[1, teacher.config.max_position_embeddings],
        );
        for (key, shape) in [
            ("pooler.dense.weight", vec![dim, dim]),
            ("pooler.dense.bias", vec![dim]),
        ] {
            weights.ignore(key, &shape);
        }
        weights.finish()?;
        Ok(teacher)
    }

    /// Numbers of a sentence's place.
    pub(super) fn dim(&self) -> usize {
        self.config.hidden_size
    }

    /// The places of texts, `[texts][dim]`, each of length 1.
    pub(super) fn embed(&self, texts: &[String]) -> Result<Vec<f32>> {
        // Texts of like length are embedded together, so that few pads are computed.
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_by_key(|&i| texts[i].len());
        let dim = self.dim();
        let mut places = vec![0f32; texts.len() * dim];
        for rows in order.chunks(TOGETHER) {
            let some: Vec<String> = rows.iter().map(|&i| texts[i].clone()).collect();
            for (&i, place) in rows.iter().zip(self.together(&some)?.chunks_exact(dim)) {
                places[i * dim..(i + 1) * dim].copy_from_slice(place);
            }
        }
        Ok(places)
    }

    fn together(&self, texts: &[String]) -> Result<Vec<f32>> {
        let (batch, dim) = (self.tokens.batch(texts)?, self.dim());
        let (rows, length) = (batch.batch(), batch.tokens());
        let positions: Vec<u32> = (0..length as u32).collect();
        let x = self.words.rows(batch.ids())?.reshape((rows, length, dim))?;
        let x = x.broadcast_add(&self.positions.rows(&positions)?)?;
        let x = x.broadcast_add(&self.kinds.rows(&[0])?)?;
        let mut x = self.norm.forward(&x)?;
        let hidden = batch
            .mask()
            .iter()
            .map(|&seen| if seen { 0.0 } else { -1e4 })
            .collect();
        let bias = tensor(hidden, &[rows, 1, 1, length], DType::F32)?;
        for layer in &self.layers {
            x = layer.forward(&x, self.config.num_attention_heads, &bias)?;
        }
        let states = host(&x)?;
        let mut places = vec![0f32; rows * dim];
        for (row, place) in places.chunks_exact_mut(dim).enumerate() {
            for token in (0..length).filter(|token| batch.mask()[row * length + token]) {
                let state = &states[(row * length + token) * dim..][..dim];
                place.iter_mut().zip(state).for_each(|(sum, x)| *sum += x);
            }
            let norm = place.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-8);
            place.iter_mut().for_each(|x| *x /= norm);
        }
        Ok(places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Sentence {
        text: String,
        place: Vec<f32>,
    }

    /// Made by `tests/fixtures/teacher/teacher.py`.
    #[test]
    fn sentences_lie_where_the_reference_puts_them() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/teacher");
        let teacher = Teacher::load(&folder).unwrap();
        let json = std::fs::read(folder.join("places.json")).unwrap();
        let sentences: Vec<Sentence> = serde_json::from_slice(&json).unwrap();
        let texts: Vec<String> = sentences.iter().map(|s| s.text.clone()).collect();
        let together = teacher.embed(&texts).unwrap();
        for (found, sentence) in together.chunks_exact(teacher.dim()).zip(&sentences) {
            let alone = teacher.embed(std::slice::from_ref(&sentence.text)).unwrap();
            for ((a, b), want) in found.iter().zip(&alone).zip(&sentence.place) {
                assert!(
                    (a - want).abs() < 2e-5,
                    "{}: {a}, not {want}",
                    sentence.text
                );
                assert!(
                    (a - b).abs() < 2e-6,
                    "{}: pads change the place",
                    sentence.text
                );
            }
        }
    }
}
