//! Captions: what people would type to get this music, in many wordings.
//!
//! Every caption is true of the score: it names only instruments that are heard and states only
//! the tempo, key, metre and chords of the plan. Lengths and registers vary, from two tags to
//! three sentences; some state facts, some none. The wording is this project's own.

mod control;
mod facts;
mod sentences;
mod short;
mod words;

use crate::rng::Rng;
use crate::score::Score;
use facts::Facts;

/// The captions of a score.
#[derive(Debug, Clone, PartialEq)]
pub struct Captions {
    /// A natural description without numbers.
    pub main: String,
    /// The same music in other words.
    pub alternative: String,
    /// Names the chords in order; empty without chords.
    pub chords: String,
    /// Names the metre.
    pub beats: String,
    /// Names the tempo, as a number or an Italian term.
    pub tempo: String,
    /// Names the key; empty without one.
    pub key: String,
    /// Eight to ten prompts of different length and register, without repeats.
    pub prompts: Vec<String>,
}

/// Writes captions for a score; the same seed writes the same words.
pub fn captions(score: &Score, seed: u64) -> Captions {
    let mut rng = Rng::new(seed, "captions");
    let facts = Facts::of(score);
    let main = sentences::paragraph(&facts, 2, &mut rng);
    let alternative = sentences::paragraph(&facts, 3, &mut rng);
    let chords = control::chords(&facts, &mut rng);
    let beats = control::beats(&facts, &mut rng);
    let tempo = control::tempo(&facts, &mut rng);
    let key = control::key(&facts, &mut rng);
    let mut controls: Vec<String> = [&chords, &beats, &tempo, &key]
        .into_iter()
        .filter(|s| !s.is_empty())
        .cloned()
        .collect();
    control::shuffle(&mut controls, &mut rng);
    controls.truncate(1 + rng.below(4));
    let controlled = format!(
        "{} {}",
        sentences::sentence(&facts, &mut rng),
        controls.join(" ")
    );
    let mut prompts = vec![
        short::tags(&facts, &mut rng),
        short::phrase(&facts, &mut rng),
        short::request(&facts, &mut rng),
        short::stated(&facts, &mut rng),
        short::stated(&facts, &mut rng),
        short::with_chords(&facts, &mut rng),
        sentences::sentence(&facts, &mut rng),
        main.clone(),
        alternative.clone(),
        controlled,
    ];
    let mut seen: Vec<String> = Vec::new();
    prompts.retain(|prompt| {
        let fresh = !seen.contains(prompt);
        seen.push(prompt.clone());
        fresh
    });
    Captions {
        main,
        alternative,
        chords,
        beats,
        tempo,
        key,
        prompts,
    }
}

#[cfg(test)]
mod tests;
