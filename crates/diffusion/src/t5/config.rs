//! The sizes of a T5, as its `config.json` names them.

use crate::error::{Error, Result};
use serde::Deserialize;

/// Largest size that any field may have.
const MAX_SIZE: usize = 1 << 20;
/// Most layers.
const MAX_LAYERS: usize = 256;

/// What stands between two attentions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum FeedForwardKind {
    /// `wo(gelu_tanh(wi_0 x) · wi_1 x)`: T5 1.1 and FLAN-T5.
    #[serde(rename = "gated-gelu")]
    GatedGelu,
    /// `wo(relu(wi x))`: the first T5.
    #[serde(rename = "relu")]
    Relu,
}

/// Sizes and special tokens; fields that a file leaves out have the values of T5 itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct T5Config {
    /// Number of tokens.
    pub vocab_size: usize,
    /// Width of the hidden states.
    pub d_model: usize,
    /// Width of one attention head.
    pub d_kv: usize,
    /// Inner width of the feed-forward layers.
    pub d_ff: usize,
    /// Blocks of the encoder.
    pub num_layers: usize,
    /// Blocks of the decoder; as many as the encoder has where `None`.
    #[serde(default)]
    pub num_decoder_layers: Option<usize>,
    /// Attention heads.
    pub num_heads: usize,
    /// Buckets of relative positions; half of them for each direction in the encoder.
    #[serde(default = "default_buckets")]
    pub relative_attention_num_buckets: usize,
    /// Distance from which on all positions share the last bucket.
    #[serde(default = "default_distance")]
    pub relative_attention_max_distance: usize,
    /// Added to the mean square in the norms.
    #[serde(default = "default_epsilon")]
    pub layer_norm_epsilon: f64,
    /// Kind of feed-forward layer.
    #[serde(default = "default_feed_forward")]
    pub feed_forward_proj: FeedForwardKind,
    /// Whether the output layer is the embedding table.
    #[serde(default = "yes")]
    pub tie_word_embeddings: bool,
    /// Token of padding.
    #[serde(default)]
    pub pad_token_id: u32,
    /// Token that ends a text.
    #[serde(default = "default_eos")]
    pub eos_token_id: u32,
    /// Token before the first that the decoder writes.
    #[serde(default)]
    pub decoder_start_token_id: u32,
    /// Tokens to which a prompt is cut, its end token included; 512 where `None`.
    #[serde(default)]
    pub max_length: Option<usize>,
}

fn default_buckets() -> usize {
    32
}
fn default_distance() -> usize {
    128
}
fn default_epsilon() -> f64 {
    1e-6
}
fn default_feed_forward() -> FeedForwardKind {
    FeedForwardKind::Relu
}
fn default_eos() -> u32 {
    1
}
fn yes() -> bool {
    true
}

impl T5Config {
    /// Reads and checks a configuration; `file` is named in errors.
    pub fn from_json(file: &str, json: &[u8]) -> Result<Self> {
        let fault = |reason: String| Error::Config {
            file: file.to_owned(),
            reason,
        };
        let config: Self = serde_json::from_slice(json).map_err(|e| fault(e.to_string()))?;
        config.check().map_err(fault)?;
        Ok(config)
    }

    /// Tokens to which a prompt is cut.
    pub fn max_tokens(&self) -> usize {
        self.max_length.unwrap_or(512)
    }

    /// Width of all heads together.
    pub(super) fn inner_dim(&self) -> usize {
        self.num_heads * self.d_kv
    }

    pub(super) fn decoder_layers(&self) -> usize {
        self.num_decoder_layers.unwrap_or(self.num_layers)
    }

    fn check(&self) -> Result<(), String> {
        let sizes = [
            ("vocab_size", self.vocab_size, 2, MAX_SIZE),
            ("d_model", self.d_model, 1, MAX_SIZE),
            ("d_kv", self.d_kv, 1, MAX_SIZE),
            ("d_ff", self.d_ff, 1, MAX_SIZE),
            ("num_heads", self.num_heads, 1, MAX_SIZE),
            ("num_layers", self.num_layers, 1, MAX_LAYERS),
            ("num_decoder_layers", self.decoder_layers(), 1, MAX_LAYERS),
            (
                "relative_attention_num_buckets",
                self.relative_attention_num_buckets,
                4,
                MAX_SIZE,
            ),
            (
                "max_length",
                self.max_tokens(),
                1,
                crate::tokens::MAX_TOKENS,
            ),
        ];
        for (name, size, min, max) in sizes {
            if !(min..=max).contains(&size) {
                return Err(format!("{name} is {size}, not {min} to {max}"));
            }
        }
        let (buckets, distance) = (
            self.relative_attention_num_buckets,
            self.relative_attention_max_distance,
        );
        if !buckets.is_multiple_of(4) || distance <= buckets / 2 || distance > MAX_SIZE {
            return Err(format!(
                "{buckets} buckets do not fit a distance of {distance}"
            ));
        }
        if !(self.layer_norm_epsilon > 0.0 && self.layer_norm_epsilon < 1.0) {
            return Err(format!("layer_norm_epsilon is {}", self.layer_norm_epsilon));
        }
        for id in [
            self.pad_token_id,
            self.eos_token_id,
            self.decoder_start_token_id,
        ] {
            if id as usize >= self.vocab_size {
                return Err(format!("token {id} is outside {} tokens", self.vocab_size));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = r#"{"vocab_size":60,"d_model":32,"d_kv":8,"d_ff":64,"num_layers":2,
        "num_heads":4,"feed_forward_proj":"gated-gelu","dropout_rate":0.1}"#;

    #[test]
    fn what_a_file_leaves_out_is_as_in_t5() {
        let config = T5Config::from_json("config.json", SMALL.as_bytes()).unwrap();
        assert_eq!(config.relative_attention_num_buckets, 32);
        assert_eq!(config.relative_attention_max_distance, 128);
        assert_eq!((config.pad_token_id, config.eos_token_id), (0, 1));
        assert_eq!((config.decoder_layers(), config.max_tokens()), (2, 512));
        assert!(config.tie_word_embeddings);
        assert_eq!(config.inner_dim(), 32);
    }

    #[test]
    fn impossible_sizes_are_named_with_the_file() {
        for (from, to, names) in [
            ("\"d_model\":32", "\"d_model\":0", "d_model is 0"),
            (
                "\"num_layers\":2",
                "\"num_layers\":99999",
                "num_layers is 99999",
            ),
            (
                "\"vocab_size\":60",
                "\"vocab_size\":60,\"eos_token_id\":60",
                "token 60",
            ),
            ("gated-gelu", "gated-magic", "gated-magic"),
            ("\"d_ff\":64", "\"d_ff\":-1", "-1"),
        ] {
            let error = T5Config::from_json("text.json", SMALL.replace(from, to).as_bytes());
            let message = error.unwrap_err().to_string();
            assert!(
                message.starts_with("text.json") && message.contains(names),
                "{message}"
            );
        }
    }
}
