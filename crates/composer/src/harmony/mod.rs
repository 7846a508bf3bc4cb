//! Harmony: chord progressions that go somewhere, in the dialect of a style.
//!
//! A progression is built from phrases. A phrase is either one of the turns that a style's
//! musicians share (`dialect`) or the product of a functional grammar (`grammar`: tonic,
//! subdominant, dominant, cadence; after Rohrmeier 2011, "Towards a generative syntax of tonal
//! harmony", in outline). Then it is dressed (`dress`): sevenths and colours, suspensions,
//! secondary dominants, borrowed chords, inversions. Voicing is not here.

mod dialect;
mod dress;
mod grammar;
mod other_idioms;
mod roman;
mod song_idioms;

pub use dialect::Dialect;
pub use roman::Roman;

use crate::rng::Rng;
use mustool_music::Mode;

/// One chord of a progression and how long it lasts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// The chord, relative to the tonic.
    pub roman: Roman,
    /// Felt beats.
    pub beats: f64,
}

/// A progression of at least `num_beats` felt beats.
///
/// `slot_beats` is the harmonic rhythm: how long a chord lasts when nothing splits it; it is a
/// whole number of beats or of halves of a bar. The progression repeats and varies its phrases as
/// songs do.
pub fn progression(
    dialect: Dialect,
    mode: Mode,
    slot_beats: f64,
    num_beats: f64,
    rng: &mut Rng,
) -> Vec<Change> {
    let idiom = dialect.idiom();
    let mut changes: Vec<Change> = Vec::new();
    let mut total = 0.0;
    let statement = dress::dress(
        &grammar::statement(idiom, mode, rng),
        idiom,
        mode,
        slot_beats,
        rng,
    );
    let contrast = dress::dress(
        &grammar::statement(idiom, mode, rng),
        idiom,
        mode,
        slot_beats,
        rng,
    );
    // A loop stays; a song goes elsewhere after one or two statements.
    let loops = rng.chance(idiom.loops);
    let turn = 1 + rng.below(2);
    let mut count = 0;
    while total < num_beats {
        let phrase = if loops || count % (turn + 1) != turn {
            &statement
        } else {
            &contrast
        };
        changes.extend_from_slice(phrase);
        total += phrase.iter().map(|change| change.beats).sum::<f64>();
        count += 1;
    }
    merge_repeats(changes)
}

/// Neighbouring changes to the same chord become one.
fn merge_repeats(changes: Vec<Change>) -> Vec<Change> {
    let mut merged: Vec<Change> = Vec::new();
    for change in changes {
        match merged.last_mut() {
            Some(last) if last.roman == change.roman => last.beats += change.beats,
            _ => merged.push(change),
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    const MODES: [Mode; 6] = [
        Mode::Major,
        Mode::Minor,
        Mode::Dorian,
        Mode::Mixolydian,
        Mode::Lydian,
        Mode::Phrygian,
    ];

    #[test]
    fn progressions_fill_their_beats_on_the_grid() {
        for dialect in Dialect::ALL {
            for (i, mode) in MODES.into_iter().enumerate() {
                let mut rng = Rng::new(i as u64, "harmony");
                let changes = progression(dialect, mode, 4.0, 32.0, &mut rng);
                assert!(changes.iter().map(|c| c.beats).sum::<f64>() >= 32.0);
                assert!(
                    changes
                        .iter()
                        .all(|c| c.beats >= 1.0 && c.beats.fract() == 0.0)
                );
                assert!(
                    changes
                        .windows(2)
                        .all(|pair| pair[0].roman != pair[1].roman)
                );
            }
        }
    }

    #[test]
    fn harmony_is_diverse() {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let (mut inverted, mut all) = (0usize, 0usize);
        for seed in 0..600 {
            let mut rng = Rng::new(seed, "diverse");
            let dialect = Dialect::ALL[seed as usize % Dialect::ALL.len()];
            let mode = if seed % 2 == 0 {
                Mode::Major
            } else {
                Mode::Minor
            };
            let changes = progression(dialect, mode, 4.0, 32.0, &mut rng);
            let names: Vec<String> = changes.iter().map(|c| c.roman.to_string()).collect();
            *seen.entry(names.join(" ")).or_default() += 1;
            inverted += changes.iter().filter(|c| c.roman.bass.is_some()).count();
            all += changes.len();
        }
        assert!(seen.len() > 480, "{} different of 600", seen.len());
        let share = inverted as f64 / all as f64;
        assert!(
            (0.04..0.2).contains(&share),
            "{share} of the chords are inverted"
        );
    }

    #[test]
    fn the_tonic_is_home() {
        let home = (0..400u64).filter(|&seed| {
            let mut rng = Rng::new(seed, "home");
            let dialect = Dialect::ALL[seed as usize % Dialect::ALL.len()];
            let changes = progression(dialect, MODES[seed as usize % 6], 4.0, 32.0, &mut rng);
            changes.iter().any(|c| c.roman.root == 0)
        });
        let count = home.count();
        assert!(count > 385, "{count} of 400");
    }
}
