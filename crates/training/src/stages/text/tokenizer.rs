//! The model's tokenizer: byte pairs of lower-case musical English, learnt from captions.
//!
//! Digits stand alone and punctuation is split off, so that tempi and chord symbols are spelled
//! out of few pieces.

use crate::chance::Chance;
use crate::data::phrases::{Words, facts};
use crate::data::record::Annotation;
use crate::data::wording::wording;
use crate::error::Result;
use crate::model::ModelFolder;
use crate::stages::tokens::tokenizer_error;
use mustool_audio::file::write_atomic;
use tokenizers::models::bpe::{BPE, BpeTrainerBuilder};
use tokenizers::normalizers::{Lowercase, NFKC, Sequence as Normalizers};
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::metaspace::{Metaspace, PrependScheme};
use tokenizers::pre_tokenizers::sequence::Sequence;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::processors::template::TemplateProcessing;
use tokenizers::{AddedToken, SplitDelimiterBehavior, TokenizerBuilder};

/// Every sign that is never unknown.
const ALPHABET: &str = "abcdefghijklmnopqrstuvwxyz0123456789#/.,'-():;!?&+%\"°♭♯△|▁";
/// Rarer pairs stay apart.
const MIN_FREQUENCY: u64 = 4;
/// Longest piece, in letters.
const MAX_PIECE: usize = 14;
/// Most clips whose captions are read.
const MAX_CLIPS: usize = 6000;
/// Statements of tempo, key and chords.
const NUM_FACTS: usize = 20_000;

/// Learns a tokenizer of `vocab_size` pieces and writes it to the model's folder.
pub(super) fn train(
    model: &ModelFolder,
    vocab_size: usize,
    words: &Words,
    phrases: usize,
    clips: &[Annotation],
) -> Result<()> {
    let mut texts = words.phrases(phrases * 5 / 2, 1);
    for _ in 0..6 {
        texts.extend(words.vocabulary());
    }
    texts.extend(facts(NUM_FACTS, 2));
    for (i, clip) in clips.iter().take(MAX_CLIPS).enumerate() {
        texts.extend(clip.captions.iter().cloned());
        let mut rng = Chance::new(5).at(i as u64, "tokenizer");
        texts.extend((0..4).map(|_| wording(clip, &mut rng)));
    }
    let special = ["<pad>", "</s>", "<unk>"].map(|token| AddedToken::from(token, true));
    let mut trainer = BpeTrainerBuilder::new()
        .vocab_size(vocab_size)
        .min_frequency(MIN_FREQUENCY)
        .max_token_length(Some(MAX_PIECE))
        .special_tokens(special.to_vec())
        .initial_alphabet(ALPHABET.chars().collect())
        .show_progress(false)
        .build();
    let bpe = BPE::builder()
        .unk_token("<unk>".to_owned())
        .fuse_unk(true)
        .build()
        .map_err(tokenizer_error)?;
    let spaces = || Metaspace::new('▁', PrependScheme::Always, true);
    let pattern = SplitPattern::Regex(r#"[,.;:!?()"|]"#.to_owned());
    let punctuation = Split::new(pattern, SplitDelimiterBehavior::Isolated, false);
    let pieces = Sequence::new(vec![
        spaces().into(),
        punctuation.map_err(tokenizer_error)?.into(),
        Digits::new(true).into(),
    ]);
    let end = TemplateProcessing::builder()
        .try_single("$A </s>")
        .map_err(tokenizer_error)?
        .special_tokens(vec![("</s>", 1)])
        .build()
        .map_err(tokenizer_error)?;
    let mut tokenizer = TokenizerBuilder::new()
        .with_model(bpe)
        .with_normalizer(Some(Normalizers::new(vec![NFKC.into(), Lowercase.into()])))
        .with_pre_tokenizer(Some(pieces))
        .with_post_processor(Some(end))
        .with_decoder(Some(spaces()))
        .build()
        .map_err(tokenizer_error)?;
    tokenizer
        .train(&mut trainer, texts.into_iter())
        .map_err(tokenizer_error)?;
    let json = tokenizer.to_string(true).map_err(tokenizer_error)?;
    Ok(write_atomic(
        &model.file("tokenizer.json"),
        json.as_bytes(),
    )?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stages::tokens::Tokens;

    #[test]
    fn a_small_tokenizer_knows_chords_numbers_and_every_letter() {
        let folder = tempfile::tempdir().unwrap();
        let model = ModelFolder::open(folder.path(), &[]).unwrap();
        let clips = [Annotation::captioned("slow bossa nova with nylon guitar")];
        train(&model, 400, &Words::new(&[]), 200, &clips).unwrap();
        let tokens = Tokens::of(&model, 16).unwrap();
        let ids = |text: &str| tokens.ids(text, 96).unwrap();
        assert_eq!(ids(""), [1], "the end token alone");
        assert_eq!(ids("Jazz"), ids("jazz"));
        let tempo = ids("123 bpm");
        assert!(
            tempo.iter().all(|&id| (3..400).contains(&id) || id == 1),
            "{tempo:?}"
        );
        assert!(
            ids("F#m7b5/A").iter().all(|&id| id != 2),
            "no unknown pieces"
        );
        assert!(ids("日本").contains(&2));
        assert_eq!(ids("one two three four five six").last(), Some(&1));
        let cut = tokens.ids(&"piano ".repeat(50), 16).unwrap();
        assert_eq!((cut.len(), cut[15]), (16, 1));
    }
}
