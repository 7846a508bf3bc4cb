//! A small network that names the instruments and the style of a piece, and gives it a place among
//! others.
//!
//! Fitted on composed music (`tests/reference/mir/train_judge.py`, which prints how often it is
//! right on held-out pieces); it knows the composer's instruments and styles and no others. Its
//! layer before the style is the embedding of [`crate::frechet`] and of the diversity.

use mustool_mir::frontend::{Frontend, NUM_MELS, NUM_SEMITONES};
use mustool_mir::net::{Layer, Weights, add, relu};
use serde::Deserialize;

use crate::Result;

const WEIGHTS: &[u8] = include_bytes!("../weights/judge.safetensors");
const NAMES: &str = include_str!("../weights/judge.json");
/// Semitones, then mean, maximum and rise of the mel bands.
const INPUTS: usize = NUM_SEMITONES + 3 * NUM_MELS;
const WIDTH: usize = 96;
/// Mean, maximum and spread over time.
const POOLED: usize = 3 * WIDTH;
/// Dimension of the embedding.
pub const EMBEDDING: usize = 64;
/// Mel frames of a frame of 100 ms.
const MELS_PER_FRAME: usize = 10;
/// Largest input, as in training.
const MAX_INPUT: f32 = 255.0 / 40.0;

/// What the judge knows.
#[derive(Debug, Clone, Deserialize)]
struct Names {
    instruments: Vec<String>,
    styles: Vec<String>,
}

/// The network.
#[derive(Debug, Clone)]
pub struct Judge {
    names: Names,
    input: Layer,
    middle: Layer,
    last: Layer,
    embed: Layer,
    instruments: Layer,
    styles: Layer,
}

/// What the judge says of a piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Log-odds of each instrument, in the order of [`Judge::instruments`].
    instruments: Vec<f32>,
    /// Index of the likeliest style.
    style: usize,
    /// Where the piece lies among others, [`EMBEDDING`] numbers.
    pub embedding: Vec<f32>,
}

impl Judge {
    /// Loads the network inside the program.
    pub fn new() -> Result<Self> {
        let names: Names = serde_json::from_str(NAMES)?;
        let weights = Weights::new("judge", WEIGHTS)?;
        let layer = |key: &str, sizes, kernel: &[usize]| Layer::new(&weights, key, sizes, kernel);
        Ok(Self {
            input: layer("input", (INPUTS, WIDTH), &[3])?,
            middle: layer("middle", (WIDTH, WIDTH), &[3])?,
            last: layer("last", (WIDTH, WIDTH), &[3])?,
            embed: layer("embed", (POOLED, EMBEDDING), &[])?,
            instruments: layer("instruments", (POOLED, names.instruments.len()), &[])?,
            styles: layer("styles", (EMBEDDING, names.styles.len()), &[])?,
            names,
        })
    }

    /// Names of the instruments that it tells apart.
    pub fn instruments(&self) -> &[String] {
        &self.names.instruments
    }

    /// Judges a piece; none where it is shorter than a frame of 100 ms.
    pub fn hear(&self, seen: &Frontend) -> Option<Verdict> {
        let x = inputs(seen);
        if x.is_empty() {
            return None;
        }
        // Every second frame is enough.
        let x = self.input.over_time(&x, 1, 1);
        let mut x: Vec<f32> = x
            .chunks_exact(WIDTH)
            .step_by(2)
            .flatten()
            .copied()
            .collect();
        relu(&mut x);
        for (layer, dilation) in [(&self.middle, 1), (&self.last, 2)] {
            let mut y = layer.over_time(&x, 1, dilation);
            relu(&mut y);
            add(&mut x, &y);
        }
        let pooled = pool(&x);
        let mut embedding = self.embed.rows(&pooled);
        relu(&mut embedding);
        let styles = self.styles.rows(&embedding);
        Some(Verdict {
            instruments: self.instruments.rows(&pooled),
            style: (0..styles.len()).max_by(|&a, &b| styles[a].total_cmp(&styles[b]))?,
            embedding,
        })
    }

    /// The `count` likeliest instruments, likeliest first.
    pub fn likeliest(&self, verdict: &Verdict, count: usize) -> Vec<&str> {
        let mut order: Vec<usize> = (0..verdict.instruments.len()).collect();
        order.sort_by(|&a, &b| verdict.instruments[b].total_cmp(&verdict.instruments[a]));
        order
            .iter()
            .take(count)
            .map(|&index| self.names.instruments[index].as_str())
            .collect()
    }

    /// The style that the piece sounds like.
    pub fn style(&self, verdict: &Verdict) -> &str {
        &self.names.styles[verdict.style]
    }

    /// Share of the `asked` instruments among as many likeliest ones. Instruments that the judge
    /// does not know are left out; none if nothing is left.
    pub fn recognised(&self, verdict: &Verdict, asked: &[String]) -> Option<f64> {
        let known: Vec<&String> = asked
            .iter()
            .filter(|name| self.names.instruments.contains(name))
            .collect();
        let heard = self.likeliest(verdict, known.len());
        let hits = known
            .iter()
            .filter(|name| heard.contains(&name.as_str()))
            .count();
        (!known.is_empty()).then(|| hits as f64 / known.len() as f64)
    }

    /// Whether the piece sounds like the asked style; none for a style that the judge does not
    /// know.
    pub fn style_recognised(&self, verdict: &Verdict, asked: &str) -> Option<bool> {
        let known = self.names.styles.iter().any(|style| style == asked);
        known.then(|| self.style(verdict) == asked)
    }
}

/// `[frames][INPUTS]`, ten frames a second.
fn inputs(seen: &Frontend) -> Vec<f32> {
    let mels: Vec<&[f32]> = seen.rhythm.mel_frames().collect();
    let mut x = Vec::new();
    for (frame, semitones) in seen.pitch.semitones.frames().enumerate() {
        let first = frame * MELS_PER_FRAME;
        let Some(tenth) = mels.get(first..first + MELS_PER_FRAME) else {
            break;
        };
        let mean = |band: usize| tenth.iter().map(|mel| mel[band]).sum::<f32>() / 10.0;
        let max = |band: usize| tenth.iter().map(|mel| mel[band]).fold(0.0, f32::max);
        let rise = |band: usize| {
            let before = |at: usize| {
                at.checked_sub(1)
                    .map_or(mels[at][band], |at| mels[at][band])
            };
            let rises =
                (first..first + MELS_PER_FRAME).map(|at| (mels[at][band] - before(at)).max(0.0));
            0.4 * rises.sum::<f32>()
        };
        x.extend_from_slice(semitones);
        x.extend((0..NUM_MELS).map(mean));
        x.extend((0..NUM_MELS).map(max));
        x.extend((0..NUM_MELS).map(rise));
    }
    x.iter_mut()
        .for_each(|value| *value = value.clamp(0.0, MAX_INPUT));
    x
}

/// `[frames][WIDTH]` → mean, maximum and standard deviation over the frames.
fn pool(x: &[f32]) -> Vec<f32> {
    let count = (x.len() / WIDTH) as f32;
    let column = |channel: usize| x.iter().skip(channel).step_by(WIDTH).copied();
    let mean: Vec<f32> = (0..WIDTH).map(|c| column(c).sum::<f32>() / count).collect();
    let max = (0..WIDTH).map(|c| column(c).fold(f32::NEG_INFINITY, f32::max));
    let spread = (0..WIDTH).map(|c| {
        let variance = column(c)
            .map(|value| (value - mean[c]).powi(2))
            .sum::<f32>()
            / count;
        (variance + 1e-4).sqrt()
    });
    mean.iter().copied().chain(max).chain(spread).collect()
}

/// How different pieces are from each other: the mean distance between their embeddings. None for
/// fewer than two.
pub fn diversity(embeddings: &[Vec<f32>]) -> Option<f64> {
    let distance = |a: &[f32], b: &[f32]| {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let pairs: Vec<f64> = embeddings
        .iter()
        .enumerate()
        .flat_map(|(i, a)| embeddings[i + 1..].iter().map(move |b| distance(a, b)))
        .collect();
    (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64)
}

#[cfg(test)]
mod tests {
    use mustool_audio::Waveform;

    use super::*;

    fn hear(samples: Vec<f32>) -> Option<Verdict> {
        let seen = Frontend::new(&Waveform::mono(samples, 24_000).unwrap()).unwrap();
        Judge::new().unwrap().hear(&seen)
    }

    #[test]
    fn every_length_has_a_finite_verdict_or_none() {
        assert_eq!(hear(vec![0.0; 2000]), None);
        for num_samples in [2400, 5000, 48_000] {
            let saw = (0..num_samples)
                .map(|i| (i % 100) as f32 / 200.0 - 0.25)
                .collect();
            let verdict = hear(saw).unwrap();
            assert_eq!(verdict.embedding.len(), EMBEDDING);
            assert!(
                verdict
                    .embedding
                    .iter()
                    .chain(&verdict.instruments)
                    .all(|v| v.is_finite())
            );
        }
    }

    #[test]
    fn the_likeliest_are_recognised_and_unknown_names_do_not_count() {
        let judge = Judge::new().unwrap();
        let verdict = hear(vec![0.1; 48_000]).unwrap();
        let top: Vec<String> = judge
            .likeliest(&verdict, 2)
            .into_iter()
            .map(str::to_owned)
            .collect();
        assert_eq!(judge.recognised(&verdict, &top), Some(1.0));
        assert_eq!(
            judge.recognised(&verdict, &["theremin of doom".to_owned()]),
            None
        );
        assert_eq!(judge.recognised(&verdict, &[]), None);
        let style = judge.style(&verdict).to_owned();
        assert_eq!(judge.style_recognised(&verdict, &style), Some(true));
        assert_eq!(judge.style_recognised(&verdict, "polka of doom"), None);
        assert!(judge.instruments().len() > 50);
    }

    #[test]
    fn equal_pieces_have_no_diversity() {
        assert_eq!(diversity(&[vec![1.0, 2.0], vec![1.0, 2.0]]), Some(0.0));
        assert_eq!(diversity(&[vec![0.0, 0.0], vec![3.0, 4.0]]), Some(5.0));
        assert_eq!(diversity(&[vec![1.0]]), None);
    }
}
