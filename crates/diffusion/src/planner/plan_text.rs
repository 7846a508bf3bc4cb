//! A plan as a network writes it: `bpm 96 | 4/4 | a minor | am7 dm7 | style bossa nova | guitar`.
//!
//! What of it counts, beside what the request states, is decided in the module above.

use super::{Guess, encode};
use crate::error::{Error, Result};
use crate::noise::{Noise, Purpose};
use crate::request::Request;
use crate::t5::{Sampling, T5ForConditionalGeneration};
use crate::tokens::TokenBatch;
use mustool_music::{Chord, Key, Meter};
use tokenizers::Tokenizer;

/// Samples a plan text; one that cannot be read in part leaves that part open.
pub(super) fn guess(
    request: &Request,
    predictor: &T5ForConditionalGeneration,
    tokenizer: &Tokenizer,
) -> Result<Guess> {
    let ids = encode(tokenizer, &request.prompt, predictor.config().max_tokens())?;
    let input = TokenBatch::padded(&[ids], predictor.config().pad_token_id)?;
    let noise = Noise::new(request.seed, 0, Purpose::Plan);
    let mut drawn = 0;
    let mut uniform = || {
        drawn += 1;
        noise.uniform(drawn)
    };
    let sampling = Sampling {
        temperature: 0.7,
        top_p: 0.9,
        max_length: 96,
    };
    let ids = predictor.sample(&input, &sampling, &mut uniform)?;
    let text = tokenizer.decode(&ids, true).map_err(|e| Error::Tokenizer {
        reason: e.to_string(),
    })?;
    Ok(read_guess(&text))
}

/// Reads `bpm 96 | 4/4 | a minor | am7 dm7 | style bossa nova | nylon guitar, drums`.
pub(super) fn read_guess(text: &str) -> Guess {
    let mut parts = text.split('|').map(str::trim);
    let tempo = parts
        .next()
        .and_then(|t| t.strip_prefix("bpm"))
        .and_then(|t| t.trim().parse().ok());
    let meter = parts
        .next()
        .and_then(|m| Meter::parse(&m.replace(' ', "")).ok());
    let key = parts.next().and_then(|k| Key::parse(&capitalised(k)).ok());
    let chords = parts.next().unwrap_or_default();
    let chords = chords
        .split_whitespace()
        .filter_map(|c| Chord::parse(&capitalised(c)).ok());
    let chords = chords.collect();
    let style = parts
        .next()
        .and_then(|s| s.strip_prefix("style"))
        .map(|s| s.trim().to_owned());
    let instruments = parts
        .next()
        .map(|list| {
            list.split(',')
                .map(|name| name.trim().to_owned())
                .filter(|n| !n.is_empty())
                .collect()
        })
        .unwrap_or_default();
    Guess {
        tempo_bpm: tempo.filter(|t: &f64| (20.0..=400.0).contains(t)),
        meter,
        key,
        chords,
        style: style.filter(|s| !s.is_empty()),
        instruments,
        ..Guess::default()
    }
}

/// The tokenizer drops capitals; notes begin with one, after a slash too.
fn capitalised(symbol: &str) -> String {
    let mut upper = true;
    symbol
        .chars()
        .map(|c| {
            let c = if upper { c.to_ascii_uppercase() } else { c };
            upper = c == '/';
            c
        })
        .collect()
}
