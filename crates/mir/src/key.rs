//! The key of a piece, from the chords, basses and pitch classes that were heard in it.
//!
//! A linear model over what sounds on each degree, its weights fitted on composed music; profile
//! correlation (Krumhansl 1990) with more kinds of evidence. One key for the whole piece: there are
//! no modulations here. The church modes count as the major or minor key on their tonic.

use mustool_music::{Key, NoteName};

use crate::Result;
use crate::harmony::Heard;
use crate::net::{Weights, log_softmax};

const WEIGHTS: &[u8] = include_bytes!("../weights/key.safetensors");
/// Kinds of evidence for each pitch class.
const NUM_KINDS: usize = 8;
/// Frames that count as the beginning and as the end, at most.
const EDGE: usize = 15;

/// A key with the probability that the model gives it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Found {
    /// Major or minor.
    pub key: Key,
    /// 0 to 1.
    pub confidence: f32,
}

/// The key model.
#[derive(Debug, Clone)]
pub struct KeyModel {
    /// For major and for minor: `[kinds][degrees]`.
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl KeyModel {
    /// The weights in the program.
    pub fn new() -> Result<Self> {
        let weights = Weights::new("key", WEIGHTS)?;
        Ok(Self {
            weight: weights.tensor("weight", &[2, NUM_KINDS * 12])?,
            bias: weights.tensor("bias", &[2])?,
        })
    }

    /// The likeliest key; none where no chord is heard.
    pub fn find(&self, heard: &[Heard]) -> Option<Found> {
        let silent = |heard: &Heard| heard.root[12] > 0.5_f32.ln();
        if heard.iter().all(silent) {
            return None;
        }
        let evidence = evidence(heard);
        let keys = Key::all_major_minor();
        let scores: Vec<f32> = (0..24)
            .map(|index| {
                let (minor, tonic) = (index / 12, index % 12);
                let weight = &self.weight[minor * NUM_KINDS * 12..(minor + 1) * NUM_KINDS * 12];
                let kinds = weight.chunks_exact(12).zip(&evidence);
                let sum: f32 = kinds
                    .flat_map(|(weight, kind)| {
                        (0..12).map(move |degree| weight[degree] * kind[(degree + tonic) % 12])
                    })
                    .sum();
                sum + self.bias[minor]
            })
            .collect();
        let logs = log_softmax(&scores);
        let best = (0..24).max_by(|&a, &b| logs[a].total_cmp(&logs[b]))?;
        Some(Found {
            key: usual_name(keys[best]),
            confidence: logs[best].exp(),
        })
    }
}

/// The name that most scores have: B♭ minor, not A♯; the keys with six accidentals stay in sharps.
fn usual_name(key: Key) -> Key {
    let flats = NoteName::from_pitch_class(key.tonic.pitch_class(), mustool_music::Spelling::Flats);
    let other = Key::new(flats, key.mode);
    if other.signature().abs() < key.signature().abs() {
        other
    } else {
        key
    }
}

/// `[kinds][pitch classes]`, means over frames: pitch classes, roots, basses, roots at the beginning
/// and at the end, and chords of a major third, of a minor third and of a dominant seventh.
fn evidence(heard: &[Heard]) -> [[f32; 12]; NUM_KINDS] {
    let root = |heard: &Heard, class: usize| heard.root[class].exp();
    let tone =
        |heard: &Heard, class: usize, interval: usize| heard.classes[(class + interval) % 12];
    let major = |heard: &Heard, class: usize| {
        root(heard, class) * tone(heard, class, 4) * (1.0 - tone(heard, class, 3))
    };
    let minor = |heard: &Heard, class: usize| {
        root(heard, class) * tone(heard, class, 3) * (1.0 - tone(heard, class, 4))
    };
    let mean = |frames: &[Heard], kind: &dyn Fn(&Heard, usize) -> f32| -> [f32; 12] {
        std::array::from_fn(|class| {
            frames.iter().map(|heard| kind(heard, class)).sum::<f32>() / frames.len() as f32
        })
    };
    let edge = (heard.len() / 3).clamp(1, EDGE);
    [
        mean(heard, &|heard, class| heard.classes[class]),
        mean(heard, &root),
        mean(heard, &|heard, class| heard.bass[class].exp()),
        mean(&heard[..edge], &root),
        mean(&heard[heard.len() - edge..], &root),
        mean(heard, &major),
        mean(heard, &minor),
        mean(heard, &|heard, class| {
            major(heard, class) * tone(heard, class, 10)
        }),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frontend::Frontend;
    use crate::harmony::{ChordNetwork, chords};

    fn key_of(notes: &[&[u8]]) -> Option<String> {
        let seen = Frontend::new(&chords(notes)).unwrap();
        let heard = ChordNetwork::new().unwrap().forward(&seen.pitch.semitones);
        let found = KeyModel::new().unwrap().find(&heard);
        found.map(|found| {
            assert!((0.2..=1.0).contains(&found.confidence), "{found:?}");
            found.key.to_string()
        })
    }

    #[test]
    fn cadences_have_the_key_of_their_tonic() {
        let turned = |shift: u8| {
            let [c, f, g] = [[36, 60, 64, 67], [41, 60, 65, 69], [43, 59, 62, 67]]
                .map(|chord| chord.map(|note| note + shift));
            key_of(&[&c, &f, &g, &c])
        };
        assert_eq!(turned(0).as_deref(), Some("C major"));
        assert_eq!(turned(3).as_deref(), Some("Eb major"));
        assert_eq!(turned(8).as_deref(), Some("Ab major"));
        let (am, dm, e) = ([45, 60, 64, 69], [50, 62, 65, 69], [40, 59, 64, 68]);
        assert_eq!(key_of(&[&am, &dm, &e, &am]).as_deref(), Some("A minor"));
    }

    #[test]
    fn silence_has_no_key() {
        assert_eq!(key_of(&[&[], &[]]), None);
        assert!(KeyModel::new().unwrap().find(&[]).is_none());
    }
}
