//! The mood of a piece: words that agree with its mode, tempo and loudness.

use crate::rng::Rng;
use crate::score::Score;
use crate::style::Role;

/// Two or three words, the style's own first.
pub(crate) fn of(score: &Score, rng: &mut Rng) -> Vec<&'static str> {
    let words = &score.style.words;
    let dark = score.plan.key.is_some_and(|key| key.mode.is_minor());
    let own = if dark { words.dark } else { words.bright };
    let mut mood: Vec<&'static str> = vec![rng.pick(own)];
    let second = rng.pick(own);
    if !mood.contains(&second) {
        mood.push(second);
    }
    let extra: &[&'static str] = match (energy(score) > 0.6, dark) {
        (true, false) => &["energetic", "lively", "spirited", "exciting"],
        (true, true) => &["intense", "urgent", "driving", "restless"],
        (false, false) => &["gentle", "warm", "calm", "easy"],
        (false, true) => &["pensive", "subdued", "moody", "reflective"],
    };
    let third = rng.pick(extra);
    if rng.chance(0.6) && !mood.contains(&third) {
        mood.push(third);
    }
    mood
}

/// How energetic a piece is, 0 to 1: half its style, the rest tempo, drums and dynamics.
pub(crate) fn energy(score: &Score) -> f64 {
    let tempo = ((score.plan.tempo_bpm - 60.0) / 100.0).clamp(0.0, 1.0);
    let drums = if score.part(Role::Drums).is_some() {
        1.0
    } else {
        0.0
    };
    let loud = score
        .sections
        .iter()
        .map(|section| section.intensity)
        .fold(0.0, f64::max);
    0.5 * score.style.energy + 0.25 * tempo + 0.15 * drums + 0.1 * loud
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::{Composer, Split};

    #[test]
    fn minor_is_dark_and_major_is_bright() {
        for seed in 0..60 {
            let score = Composer::default().compose(seed, Split::Train);
            let words = &score.style.words;
            let dark = score.plan.key.is_some_and(|key| key.mode.is_minor());
            let own = if dark { words.dark } else { words.bright };
            assert!(own.contains(&score.mood[0]));
            assert!((1..=3).contains(&score.mood.len()));
            assert!((0.0..=1.0).contains(&energy(&score)));
        }
    }
}
