//! The chord predictor: encoder, decoder step by step, greedy and beam search.

use crate::golden::{Golden, TOLERANCE, assert_values, bytes, weights};
use mustool_diffusion::t5::{BeamSearch, T5Config, T5ForConditionalGeneration};

pub(crate) fn chord_predictor() -> T5ForConditionalGeneration {
    let file = "chords_config.json";
    let config = T5Config::from_json(file, &bytes(file)).unwrap();
    let weights = weights("chords.safetensors");
    let model = T5ForConditionalGeneration::new(&config, &weights);
    weights.finish().unwrap();
    model
}

fn golden() -> Golden {
    Golden::load("chords_io.safetensors")
}

#[test]
fn the_encoder_agrees() {
    let golden = golden();
    let hidden_states = chord_predictor().encode(&golden.token_batch("")).unwrap();
    golden.assert_close(&hidden_states, "encoder_last_hidden_state", TOLERANCE);
}

#[test]
fn logits_agree_step_by_step_with_and_without_pads() {
    let (golden, model) = (golden(), chord_predictor());
    for prefix in ["", "padded."] {
        let mut state = model.start(&golden.token_batch(prefix)).unwrap();
        let mut logits = Vec::new();
        for id in &golden.ids("decoder_input_ids")[0] {
            logits.extend(model.step(&mut state, &[*id]).unwrap().concat());
        }
        let key = format!("{prefix}logits");
        assert_values(&logits, golden.get(&key).1, &key, TOLERANCE);
    }
}

#[test]
fn greedy_writes_the_same_ids() {
    let golden = golden();
    let ids = chord_predictor()
        .greedy(&golden.token_batch(""), 48)
        .unwrap();
    assert_eq!(ids, golden.ids("greedy_ids")[0]);
}

#[test]
fn beam_search_finds_the_same_text_and_score() {
    let golden = golden();
    let search = BeamSearch {
        max_length: 48,
        ..BeamSearch::default()
    };
    let found = chord_predictor()
        .beam_search(&golden.token_batch(""), &search)
        .unwrap();
    assert_eq!(found.ids, golden.ids("beam5_ids")[0]);
    let expected = golden.get("beam5_sequence_score").1;
    assert_values(&[found.score], expected, "beam5_sequence_score", TOLERANCE);
}
