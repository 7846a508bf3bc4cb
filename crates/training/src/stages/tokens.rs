//! Texts as token ids, in rows that networks take.

use crate::error::{Error, Result};
use crate::model::ModelFolder;
use mustool_diffusion::TokenBatch;
use std::path::Path;
use tokenizers::Tokenizer;

/// A tokenizer with the length to which it cuts.
#[derive(Debug)]
pub(super) struct Tokens {
    tokenizer: Tokenizer,
    max_tokens: usize,
}

impl Tokens {
    /// The model's tokenizer.
    pub(super) fn of(model: &ModelFolder, max_tokens: usize) -> Result<Self> {
        if !model.has("tokenizer.json") {
            return Err(Error::Missing {
                path: model.file("tokenizer.json"),
                hint: "run the stage text first",
            });
        }
        Self::load(&model.file("tokenizer.json"), max_tokens)
    }

    /// A tokenizer file.
    pub(super) fn load(path: &Path, max_tokens: usize) -> Result<Self> {
        let text = std::fs::read(path).map_err(crate::error::read_error(path))?;
        let tokenizer = Tokenizer::from_bytes(text).map_err(tokenizer_error)?;
        Ok(Self {
            tokenizer,
            max_tokens,
        })
    }

    /// Ids of a text, its end token last even if it is cut.
    pub(super) fn ids(&self, text: &str, max_tokens: usize) -> Result<Vec<u32>> {
        let encoding = self.tokenizer.encode(text, true).map_err(tokenizer_error)?;
        let mut ids = encoding.get_ids().to_vec();
        let limit = max_tokens.max(1);
        if ids.len() > limit {
            let end = ids[ids.len() - 1];
            ids.truncate(limit - 1);
            ids.push(end);
        }
        Ok(ids)
    }

    /// Several texts, padded with token 0.
    pub(super) fn batch(&self, texts: &[String]) -> Result<TokenBatch> {
        let rows: Vec<Vec<u32>> = texts
            .iter()
            .map(|text| self.ids(text, self.max_tokens))
            .collect::<Result<_>>()?;
        Ok(TokenBatch::padded(&rows, 0)?)
    }
}

/// What the tokenizer says about itself.
pub(super) fn tokenizer_error(error: impl std::fmt::Display) -> Error {
    Error::Tokenizer {
        reason: error.to_string(),
    }
}
