//! T5, the network that reads the prompt and that writes the chords of a piece.
//!
//! Raffel et al. 2020 (arXiv:1910.10683) with the gated feed-forward layers of T5 1.1 (Shazeer
//! 2020, arXiv:2002.05202); generation follows transformers 4.31. Tokenizing is not here.

mod bias;
mod config;
mod decoder;
mod encoder;
mod generate;
mod layers;
mod sample;

pub use config::{FeedForwardKind, T5Config};
pub use decoder::{DecoderState, T5Decoder};
pub use encoder::T5Encoder;
pub use generate::{BeamSearch, Hypothesis, T5ForConditionalGeneration};
pub use sample::sample_token;
