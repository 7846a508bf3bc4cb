//! SentencePiece models as tokenizers: `spiece.model` of T5 and `spm.model` of DeBERTa.
//!
//! Kudo and Richardson 2018 (arXiv:1808.06226). The file is a protocol buffer
//! (`sentencepiece_model.proto`, <https://protobuf.dev/programming-guides/encoding>); of it the
//! pieces, the unknown piece and the table of spellings are read. What comes out is the
//! `tokenizer.json` that transformers makes of the same file. Not here: byte-pair models, training.

use crate::error::{Error, Result};
use serde_json::{Value, json};

/// Most pieces; the largest published model has 250,000.
const MAX_PIECES: usize = 1 << 20;
/// Tokens that T5 has for gaps in a text, beyond its pieces.
const T5_GAPS: usize = 100;

/// Whose model it is: they differ in the tokens around a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// `text </s>`, words divided at any white space.
    T5,
    /// `[CLS] text [SEP]`.
    Deberta,
}

/// What is read of a model.
#[derive(Debug, Default)]
struct Model {
    pieces: Vec<(String, f32)>,
    unknown: usize,
    spellings: Vec<u8>,
    kind: u64,
}

/// The `tokenizer.json` of a SentencePiece model with unigram pieces; `file` is named in errors.
pub fn to_tokenizer_json(file: &str, bytes: &[u8], style: Style) -> Result<Vec<u8>> {
    let bad = |reason: &str| Error::Config {
        file: file.to_owned(),
        reason: format!("is no SentencePiece model: {reason}"),
    };
    let model = read_model(bytes).ok_or_else(|| bad("it is cut short or damaged"))?;
    if model.kind != 1 {
        return Err(bad("only unigram models are read"));
    }
    if model.pieces.is_empty() || model.unknown >= model.pieces.len() {
        return Err(bad("it has no pieces, or no unknown one"));
    }
    let id = |piece: &str| model.pieces.iter().position(|(other, _)| other == piece);
    let around = match style {
        Style::T5 => vec!["</s>"],
        Style::Deberta => vec!["[CLS]", "[SEP]"],
    };
    let ids: Vec<usize> = around
        .iter()
        .map(|piece| id(piece).ok_or_else(|| bad(&format!("it has no piece {piece}"))))
        .collect::<Result<_>>()?;
    Ok(tokenizer(&model, style, &around, &ids)
        .to_string()
        .into_bytes())
}

fn tokenizer(model: &Model, style: Style, around: &[&str], ids: &[usize]) -> Value {
    let mut vocab: Vec<Value> = model
        .pieces
        .iter()
        .map(|(piece, score)| json!([piece, score]))
        .collect();
    let mut special: Vec<(usize, String)> = ids
        .iter()
        .zip(around)
        .map(|(&id, &piece)| (id, piece.to_owned()))
        .collect();
    special.push((model.unknown, model.pieces[model.unknown].0.clone()));
    for pad in ["<pad>", "[PAD]"] {
        let found = model.pieces.iter().position(|(piece, _)| piece == pad);
        special.extend(found.map(|id| (id, pad.to_owned())));
    }
    match style {
        Style::T5 => {
            for gap in (0..T5_GAPS).rev() {
                let name = format!("<extra_id_{gap}>");
                special.push((vocab.len(), name.clone()));
                vocab.push(json!([name, 0.0]));
            }
        }
        Style::Deberta => {
            special.push((vocab.len(), "[MASK]".to_owned()));
            vocab.push(json!(["[MASK]", 0.0]));
        }
    }
    special.sort();
    let added: Vec<Value> = special
        .iter()
        .map(|(id, content)| {
            json!({
                "id": id, "content": content, "single_word": false, "lstrip": false,
                "rstrip": false, "normalized": false, "special": true,
            })
        })
        .collect();
    let metaspace = json!({
        "type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": true,
    });
    json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
        "normalizer": normalizer(model, style),
        "pre_tokenizer": match style {
            Style::T5 => json!({
                "type": "Sequence", "pretokenizers": [{ "type": "WhitespaceSplit" }, metaspace],
            }),
            Style::Deberta => json!({ "type": "Sequence", "pretokenizers": [metaspace] }),
        },
        "post_processor": around_text(style, around, ids),
        "decoder": metaspace,
        "model": {
            "type": "Unigram", "unk_id": model.unknown, "vocab": vocab, "byte_fallback": false,
        },
    })
}

/// Spellings that mean the same become one, and white space is evened out.
fn normalizer(model: &Model, style: Style) -> Value {
    let mut steps = Vec::new();
    if style == Style::Deberta {
        steps.push(json!({ "type": "Strip", "strip_left": true, "strip_right": true }));
    }
    if !model.spellings.is_empty() {
        let table = base64(&model.spellings);
        steps.push(json!({ "type": "Precompiled", "precompiled_charsmap": table }));
    }
    if style == Style::Deberta {
        let spaces = json!({ "Regex": " {2,}" });
        steps.push(json!({ "type": "Replace", "pattern": spaces, "content": " " }));
    }
    json!({ "type": "Sequence", "normalizers": steps })
}

fn around_text(style: Style, around: &[&str], ids: &[usize]) -> Value {
    let token = |piece: &str| json!({ "SpecialToken": { "id": piece, "type_id": 0 } });
    let text = json!({ "Sequence": { "id": "A", "type_id": 0 } });
    let single = match style {
        Style::T5 => vec![text, token(around[0])],
        Style::Deberta => vec![token(around[0]), text, token(around[1])],
    };
    let tokens: serde_json::Map<String, Value> = around
        .iter()
        .zip(ids)
        .map(|(&piece, id)| {
            let entry = json!({ "id": piece, "ids": [id], "tokens": [piece] });
            (piece.to_owned(), entry)
        })
        .collect();
    json!({
        "type": "TemplateProcessing", "single": single,
        "pair": [{ "Sequence": { "id": "A", "type_id": 0 } },
                 { "Sequence": { "id": "B", "type_id": 0 } }],
        "special_tokens": tokens,
    })
}

fn read_model(bytes: &[u8]) -> Option<Model> {
    let mut model = Model {
        kind: 1,
        ..Model::default()
    };
    let mut message = Message(bytes);
    while let Some((field, value)) = message.next()? {
        match (field, value) {
            (1, Field::Bytes(piece)) => {
                if model.pieces.len() == MAX_PIECES {
                    return None;
                }
                model.pieces.push(read_piece(piece)?);
            }
            (2, Field::Bytes(trainer)) => {
                let mut trainer = Message(trainer);
                while let Some((field, value)) = trainer.next()? {
                    match (field, value) {
                        (3, Field::Number(kind)) => model.kind = kind,
                        (40, Field::Number(id)) => model.unknown = usize::try_from(id).ok()?,
                        _ => {}
                    }
                }
            }
            (3, Field::Bytes(normalizer)) => {
                let mut normalizer = Message(normalizer);
                while let Some((field, value)) = normalizer.next()? {
                    if let (2, Field::Bytes(table)) = (field, value) {
                        model.spellings = table.to_vec();
                    }
                }
            }
            _ => {}
        }
    }
    Some(model)
}

fn read_piece(bytes: &[u8]) -> Option<(String, f32)> {
    let (mut text, mut score) = (String::new(), 0.0);
    let mut message = Message(bytes);
    while let Some((field, value)) = message.next()? {
        match (field, value) {
            (1, Field::Bytes(piece)) => text = String::from_utf8(piece.to_vec()).ok()?,
            (2, Field::Fixed32(bits)) => score = f32::from_bits(bits),
            _ => {}
        }
    }
    score.is_finite().then_some((text, score))
}

/// One value of a protocol buffer.
enum Field<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    Fixed32(u32),
    Fixed64,
}

/// What is left of a protocol buffer.
struct Message<'a>(&'a [u8]);

impl<'a> Message<'a> {
    /// Number and value of the next field; `Some(None)` at the end, `None` for damaged bytes.
    #[expect(clippy::option_option, reason = "damaged, at the end, or a field")]
    fn next(&mut self) -> Option<Option<(u64, Field<'a>)>> {
        if self.0.is_empty() {
            return Some(None);
        }
        let tag = self.number()?;
        let value = match tag & 7 {
            0 => Field::Number(self.number()?),
            1 => {
                self.take(8)?;
                Field::Fixed64
            }
            2 => {
                let len = usize::try_from(self.number()?).ok()?;
                Field::Bytes(self.take(len)?)
            }
            5 => Field::Fixed32(u32::from_le_bytes(self.take(4)?.try_into().ok()?)),
            _ => return None,
        };
        Some(Some((tag >> 3, value)))
    }

    /// Seven bits a byte, the lowest first, the last byte below 128.
    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = u64::from(self.take(1)?[0]);
            number |= (byte & 127) << shift;
            if byte < 128 {
                return Some(number);
            }
        }
        None
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }
}

/// RFC 4648 with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut group = [0; 4];
        group[1..1 + chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes(group);
        for i in 0..4 {
            let digit = DIGITS[(bits >> (18 - 6 * i)) as usize & 63];
            text.push(if i <= chunk.len() { digit.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn base64_is_that_of_the_standard() {
        let encoded =
            ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|s| base64(s.as_bytes()));
        let expected = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        assert_eq!(encoded, expected);
    }

    proptest! {
        #[test]
        fn no_file_breaks_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            // A unigram model must name its end token; random bytes do not.
            prop_assert!(to_tokenizer_json("x", &bytes, Style::T5).is_err());
        }
    }
}
