//! The text encoder: hidden states of padded prompts.

use crate::golden::{Golden, TOLERANCE, bytes, weights_below};
use mustool_diffusion::TokenBatch;
use mustool_diffusion::t5::{T5Config, T5Encoder};

/// The text encoder, every key accounted for.
pub(crate) fn text_encoder() -> T5Encoder {
    let file = "text_encoder_config.json";
    let config = T5Config::from_json(file, &bytes(file)).unwrap();
    let weights = weights_below("ldm.safetensors", "text_encoder.");
    let encoder = T5Encoder::new(&config, &weights);
    weights.finish().unwrap();
    encoder
}

#[test]
fn hidden_states_are_those_of_the_reference() {
    let golden = Golden::load("t5_encoder_io.safetensors");
    let hidden_states = text_encoder().forward(&golden.token_batch("")).unwrap();
    golden.assert_close(&hidden_states, "hidden_states", TOLERANCE);
}

#[test]
fn a_prompt_alone_reads_as_beside_longer_ones() {
    let golden = Golden::load("t5_encoder_io.safetensors");
    let batch = golden.token_batch("");
    let (_, expected) = golden.get("hidden_states");
    let dim = expected.len() / batch.ids().len();
    for (row, ids) in golden.ids("input_ids").into_iter().enumerate() {
        let mask = &batch.mask()[row * batch.tokens()..][..batch.tokens()];
        let length = mask.iter().filter(|&&seen| seen).count();
        let alone = TokenBatch::padded(&[ids[..length].to_vec()], 0).unwrap();
        let hidden_states = text_encoder().forward(&alone).unwrap();
        let start = row * batch.tokens() * dim;
        let actual = mustool_nn::host(&hidden_states).unwrap();
        let expected = &expected[start..start + length * dim];
        crate::golden::assert_values(&actual, expected, "a row alone", TOLERANCE);
    }
}
