//! Tokenizers made of SentencePiece files give the ids of SentencePiece itself.
//!
//! `make.py` beside the fixtures says how they were made.

use mustool_diffusion::sentencepiece::{Style, to_tokenizer_json};
use serde_json::Value;
use tokenizers::Tokenizer;

const T5: &[u8] = include_bytes!("../fixtures/sentencepiece/t5.model");
const DEBERTA: &[u8] = include_bytes!("../fixtures/sentencepiece/deberta.model");
const IDS: &[u8] = include_bytes!("../fixtures/sentencepiece/ids.json");

fn assert_ids(model: &[u8], style: Style, column: &str) {
    let json = to_tokenizer_json("model", model, style).unwrap();
    let tokenizer = Tokenizer::from_bytes(json).unwrap();
    let rows: Vec<Value> = serde_json::from_slice(IDS).unwrap();
    assert!(rows.len() > 10);
    for row in rows {
        let text = row["text"].as_str().unwrap();
        let expected: Vec<u32> = serde_json::from_value(row[column].clone()).unwrap();
        let ids = tokenizer.encode(text, true).unwrap();
        assert_eq!(ids.get_ids(), expected, "{column}: {text:?}");
    }
}

#[test]
fn t5_texts_have_the_same_ids() {
    assert_ids(T5, Style::T5, "t5");
}

#[test]
fn deberta_texts_have_the_same_ids() {
    assert_ids(DEBERTA, Style::Deberta, "deberta");
}

#[test]
fn separators_and_chords_survive_the_way_back() {
    let json = to_tokenizer_json("model", T5, Style::T5).unwrap();
    let tokenizer = Tokenizer::from_bytes(json).unwrap();
    let ids = tokenizer.encode("Am7 at 0.5 \\n G at 1.0", true).unwrap();
    // The backslash is unknown and dropped; so is the end token.
    assert_eq!(
        tokenizer.decode(ids.get_ids(), true).unwrap(),
        "Am7 at 0.5 n G at 1.0"
    );
}

#[test]
fn a_model_that_is_cut_short_is_refused() {
    for len in [0, 1, 100, 5000, T5.len() - 1] {
        assert!(
            to_tokenizer_json("cut", &T5[..len], Style::T5).is_err(),
            "{len}"
        );
    }
    let message = to_tokenizer_json("spm", T5, Style::Deberta)
        .unwrap_err()
        .to_string();
    assert!(message.contains("[CLS]"), "{message}");
}
