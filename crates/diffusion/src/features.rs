//! Beats and chords as MuNet hears them: a fixed number of vectors for each, and which are real.
//!
//! The music-domain features of Mustango (arXiv:2311.08355): onset times, the place in the bar, and
//! chords by root, type and inversion, where the root is heard through the fundamental music
//! embedding of Guo et al. 2022 (arXiv:2212.00973). Guessing beats and chords is not here.

use crate::error::{Error, Result};
use mustool_music::{Beat, Chord, ChordEvent, Quality, Triad};
use mustool_nn::{DType, Init, Learned, Linear, Tensor, Weights, tensor};
use serde::Deserialize;

/// Base of the rates of the time embedding.
const TIME_BASE: f64 = 10_001.0;
/// Largest size that any field may have.
const MAX_SIZE: usize = 1 << 16;

/// Sizes, named as in the reference's constructor.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FeatureConfig {
    /// Width of the root's embedding.
    pub d_fme: usize,
    /// Width of the time embedding.
    pub d_pe: usize,
    /// Width of a beat.
    pub d_beat: usize,
    /// Width of a chord.
    pub d_chord: usize,
    /// Base of the rates of the root's embedding.
    pub base: f64,
    /// Tokens of places in the bar: the pad, an unused one, then the first beat, the second, ..
    pub d_oh_beat_type: usize,
    /// Number of beats; a clip with more keeps its first ones.
    pub beat_len: usize,
    /// Tokens of chord types.
    pub d_oh_chord_type: usize,
    /// Tokens of inversions.
    pub d_oh_inv_type: usize,
    /// Number of chords; a clip with more keeps its first ones.
    pub chord_len: usize,
}

impl FeatureConfig {
    /// Reads and checks a configuration; `file` is named in errors.
    pub fn from_json(file: &str, json: &[u8]) -> Result<Self> {
        let fault = |reason: String| Error::Config {
            file: file.to_owned(),
            reason,
        };
        let config: Self = serde_json::from_slice(json).map_err(|e| fault(e.to_string()))?;
        let sizes = [
            ("d_fme", config.d_fme, 1),
            ("d_pe", config.d_pe, 1),
            ("d_beat", config.d_beat, 1),
            ("d_chord", config.d_chord, 1),
            ("d_oh_beat_type", config.d_oh_beat_type, 3),
            ("beat_len", config.beat_len, 1),
            ("d_oh_chord_type", config.d_oh_chord_type, 12),
            ("d_oh_inv_type", config.d_oh_inv_type, 4),
            ("chord_len", config.chord_len, 1),
        ];
        for (name, size, min) in sizes {
            if !(min..=MAX_SIZE).contains(&size) {
                return Err(fault(format!("{name} is {size}, not {min} to {MAX_SIZE}")));
            }
        }
        if !(config.base.is_finite() && config.base > 0.0) {
            return Err(fault(format!("base is {}", config.base)));
        }
        Ok(config)
    }
}

/// Beats as tokens: `len` of each.
#[derive(Debug, Clone, PartialEq)]
pub struct BeatTokens {
    /// One above the place in the bar; 0 for pads.
    pub tokens: Vec<u32>,
    /// Seconds; pads repeat the last beat's, or 0 where there is none.
    pub times_s: Vec<f32>,
    /// Whether there is a beat.
    pub mask: Vec<bool>,
}

impl BeatTokens {
    /// The first `len` beats.
    pub fn new(beats: &[Beat], len: usize) -> Self {
        let beats = &beats[..beats.len().min(len)];
        let pads = len - beats.len();
        let last = beats.last().map_or(0.0, |beat| beat.time_s as f32);
        let token = |beat: &Beat| u32::from(beat.number) + 1;
        Self {
            tokens: padded(beats.iter().map(token), 0, pads),
            times_s: padded(beats.iter().map(|beat| beat.time_s as f32), last, pads),
            mask: padded(beats.iter().map(|_| true), false, pads),
        }
    }
}

/// Chords as tokens: `len` of each.
#[derive(Debug, Clone, PartialEq)]
pub struct ChordTokens {
    /// 1 for no chord, 2 for A, 3 for B flat, .. 13 for A flat; 0 for pads.
    pub roots: Vec<u32>,
    /// 1 for no chord, then major, maj7, m, m6, m7, m7b5, 6, 7, aug, dim; 0 for pads.
    pub types: Vec<u32>,
    /// 1 for no chord, 2 with a bass of its own, 3 without; 0 for pads.
    pub inversions: Vec<u32>,
    /// Seconds; pads repeat the last chord's.
    pub times_s: Vec<f32>,
    /// Whether there is a chord.
    pub mask: Vec<bool>,
}

impl ChordTokens {
    /// The first `len` chords. No chords at all are one "no chord" at time 0.
    pub fn new(chords: &[ChordEvent], len: usize) -> Self {
        let silence = [ChordEvent {
            time_s: 0.0,
            chord: Chord::NO_CHORD,
        }];
        let chords = if chords.is_empty() { &silence } else { chords };
        let chords = &chords[..chords.len().min(len)];
        let pads = len - chords.len();
        let last = chords.last().map_or(0.0, |event| event.time_s as f32);
        let tokens: Vec<[u32; 3]> = chords
            .iter()
            .map(|event| chord_tokens(&event.chord))
            .collect();
        let column = |i: usize| padded(tokens.iter().map(|tokens| tokens[i]), 0, pads);
        Self {
            roots: column(0),
            types: column(1),
            inversions: column(2),
            times_s: padded(chords.iter().map(|event| event.time_s as f32), last, pads),
            mask: padded(chords.iter().map(|_| true), false, pads),
        }
    }
}

fn padded<T: Clone>(values: impl Iterator<Item = T>, pad: T, pads: usize) -> Vec<T> {
    values.chain(std::iter::repeat_n(pad, pads)).collect()
}

/// Root, type and inversion of one chord.
///
/// The model knows ten types; any other quality goes by its triad and seventh, and a chord without
/// a third counts as major.
fn chord_tokens(chord: &Chord) -> [u32; 3] {
    let (Some(root), Some(&quality)) = (chord.root(), chord.quality()) else {
        return [1, 1, 1];
    };
    let root = u32::from(root.pitch_class().value() + 12 - 9) % 12 + 2;
    let has_sixth = |quality: Quality| quality.intervals().contains(&9);
    let kind = match (quality.triad(), quality.seventh()) {
        (Triad::Minor, Some(10)) => 6,
        (Triad::Minor, None | Some(9)) if has_sixth(quality) => 5,
        (Triad::Minor, _) => 4,
        (Triad::Diminished, Some(10)) => 7,
        (Triad::Diminished, _) => 11,
        (Triad::Augmented, _) => 10,
        (_, Some(11)) => 3,
        (_, Some(10)) => 9,
        (Triad::Major, _) if has_sixth(quality) => 8,
        _ => 2,
    };
    [root, kind, if chord.is_inverted() { 2 } else { 3 }]
}

/// Vectors for the attention of MuNet.
#[derive(Debug, Clone)]
pub struct Features {
    /// `[batch, slots, dim]`
    pub embedding: Tensor,
    /// Ones and zeros, `[batch, slots]`, `f32`.
    pub mask: Tensor,
}

/// The layers that turn tokens into vectors.
#[derive(Debug)]
pub struct MusicFeatures {
    config: FeatureConfig,
    beat_ffn: Linear,
    chord_ffn: Linear,
    translation_bias: Learned,
    dtype: DType,
}

impl MusicFeatures {
    /// Keys `FME.translation_bias`, `beat_embedding_layer.*` and `chord_embedding_layer.*`.
    ///
    /// The tables `PE.pe` are never read, and the second copy of the bias neither.
    pub fn new(config: &FeatureConfig, weights: &Weights) -> Self {
        let (beat, chord) = (
            weights.pp("beat_embedding_layer"),
            weights.pp("chord_embedding_layer"),
        );
        for owner in [weights, &beat, &chord] {
            owner.ignore("PE.pe", &[5000, 1, config.d_pe]);
        }
        chord.ignore("FME.translation_bias", &[1, config.d_fme]);
        let beat_width = config.d_oh_beat_type + config.d_pe;
        let chord_width =
            config.d_fme + config.d_oh_chord_type + config.d_oh_inv_type + config.d_pe;
        Self {
            config: config.clone(),
            beat_ffn: Linear::new(beat_width, config.d_beat, &beat.pp("beat_ffn")),
            chord_ffn: Linear::new(chord_width, config.d_chord, &chord.pp("chord_ffn")),
            translation_bias: Learned::new(
                "translation_bias",
                &[1, config.d_fme],
                Init::Normal(1.0),
                &weights.pp("FME").with_dtype(DType::F32),
            ),
            dtype: weights.dtype(),
        }
    }

    /// The sizes.
    pub fn config(&self) -> &FeatureConfig {
        &self.config
    }

    /// Beats of each clip → `[batch, beat_len, d_beat]`; without beats every slot is hidden.
    ///
    /// An empty slice is also what the unconditional half of guidance hears. Beats beyond the last
    /// place in the bar that the model knows (the fifth) are heard as that one.
    pub fn beats(&self, clips: &[&[Beat]]) -> Result<Features> {
        let config = &self.config;
        let slots: Vec<BeatTokens> = clips
            .iter()
            .map(|beats| BeatTokens::new(beats, config.beat_len))
            .collect();
        let mut x = Vec::new();
        for clip in &slots {
            for (&token, &time_s) in clip.tokens.iter().zip(&clip.times_s) {
                push_one_hot(&mut x, token, config.d_oh_beat_type);
                push_waves(&mut x, f64::from(time_s), config.d_pe, TIME_BASE);
            }
        }
        let masks = slots.iter().flat_map(|clip| clip.mask.iter().copied());
        self.project(
            &self.beat_ffn,
            x,
            None,
            masks,
            [clips.len(), config.beat_len],
        )
    }

    /// Chords of each clip → `[batch, chord_len, d_chord]`.
    ///
    /// An empty slice is one "no chord" at 0, which the unconditional half of guidance hears too.
    pub fn chords(&self, clips: &[&[ChordEvent]]) -> Result<Features> {
        let config = &self.config;
        let slots: Vec<ChordTokens> = clips
            .iter()
            .map(|chords| ChordTokens::new(chords, config.chord_len))
            .collect();
        let mut x = Vec::new();
        for clip in &slots {
            for i in 0..config.chord_len {
                push_waves(&mut x, f64::from(clip.roots[i]), config.d_fme, config.base);
                push_one_hot(&mut x, clip.types[i], config.d_oh_chord_type);
                push_one_hot(&mut x, clip.inversions[i], config.d_oh_inv_type);
                push_waves(&mut x, f64::from(clip.times_s[i]), config.d_pe, TIME_BASE);
            }
        }
        let masks = slots.iter().flat_map(|clip| clip.mask.iter().copied());
        let bias = self.translation_bias.tensor()?;
        let shape = [clips.len(), config.chord_len];
        self.project(&self.chord_ffn, x, Some(bias), masks, shape)
    }

    /// `bias` is added to the first columns.
    fn project(
        &self,
        layer: &Linear,
        x: Vec<f32>,
        bias: Option<Tensor>,
        mask: impl Iterator<Item = bool>,
        [batch, slots]: [usize; 2],
    ) -> Result<Features> {
        if batch == 0 {
            let reason = "features of no clip at all".to_owned();
            return Err(Error::InvalidRequest {
                field: "plan",
                reason,
            });
        }
        let width = x.len() / (batch * slots);
        let mut x = tensor(x, &[batch, slots, width], DType::F32)?;
        if let Some(bias) = bias {
            let rest = width - bias.dim(1)?;
            x = x.broadcast_add(&bias.pad_with_zeros(1, 0, rest)?)?;
        }
        let x = x.to_dtype(self.dtype)?;
        let mask = mask.map(|real| f32::from(u8::from(real))).collect();
        Ok(Features {
            embedding: layer.forward(&x)?,
            mask: tensor(mask, &[batch, slots], DType::F32)?,
        })
    }
}

/// One 1 among zeros; a token beyond the last counts as the last.
fn push_one_hot(x: &mut Vec<f32>, token: u32, width: usize) {
    let hot = (token as usize).min(width - 1);
    x.extend((0..width).map(|i| f32::from(u8::from(i == hot))));
}

/// `sin(value · rate)` and `cos(value · rate)` in turn; pair `i` has the rate `base^(-2i/width)`.
fn push_waves(x: &mut Vec<f32>, value: f64, width: usize, base: f64) {
    x.extend((0..width).map(|i| {
        let rate = base.powf(-((i / 2 * 2) as f64) / width as f64);
        let angle = value * f64::from(rate as f32);
        (if i % 2 == 0 { angle.sin() } else { angle.cos() }) as f32
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(symbol: &str, time_s: f64) -> ChordEvent {
        ChordEvent {
            time_s,
            chord: Chord::parse(symbol).unwrap(),
        }
    }

    #[test]
    fn roots_run_from_a_whatever_their_spelling() {
        let roots = [
            "A", "A#", "Bb", "B", "Cb", "C", "B#", "Db", "E", "Fb", "F", "E#", "G", "Ab",
        ];
        let expected = [2, 3, 3, 4, 4, 5, 5, 6, 9, 9, 10, 10, 12, 13];
        for (root, token) in roots.into_iter().zip(expected) {
            assert_eq!(
                chord_tokens(&Chord::parse(root).unwrap())[0],
                token,
                "{root}"
            );
        }
    }

    #[test]
    fn every_quality_finds_the_nearest_of_the_ten_types() {
        for (symbol, kind) in [
            ("C", 2),
            ("Cmaj7", 3),
            ("Cm", 4),
            ("Cm6", 5),
            ("Cm7", 6),
            ("Cm7b5", 7),
            ("C6", 8),
            ("C7", 9),
            ("Caug", 10),
            ("Cdim", 11),
            ("Csus4", 2),
            ("C9", 9),
            ("Cmaj9", 3),
            ("Cm9", 6),
            ("Cdim7", 11),
            ("C5", 2),
            ("CmMaj7", 4),
            ("Cadd9", 2),
            ("C7sus4", 9),
        ] {
            assert_eq!(
                chord_tokens(&Chord::parse(symbol).unwrap())[1],
                kind,
                "{symbol}"
            );
        }
    }

    #[test]
    fn a_21st_chord_and_a_51st_beat_are_left_out() {
        let chords: Vec<_> = (0..25).map(|i| event("Am", f64::from(i))).collect();
        let tokens = ChordTokens::new(&chords, 20);
        assert_eq!((tokens.roots.len(), tokens.times_s[19]), (20, 19.0));
        let beats: Vec<_> = (0..60)
            .map(|i| Beat {
                time_s: f64::from(i),
                number: 1,
            })
            .collect();
        let tokens = BeatTokens::new(&beats, 50);
        assert_eq!((tokens.mask, tokens.times_s[49]), (vec![true; 50], 49.0));
    }

    #[test]
    fn nothing_is_one_no_chord_and_no_beat() {
        let chords = ChordTokens::new(&[], 4);
        assert_eq!(
            (chords.roots, chords.types),
            (vec![1, 0, 0, 0], vec![1, 0, 0, 0])
        );
        assert_eq!(
            (chords.inversions, chords.mask),
            (vec![1, 0, 0, 0], vec![true, false, false, false])
        );
        let beats = BeatTokens::new(&[], 3);
        assert_eq!((beats.tokens, beats.mask), (vec![0; 3], vec![false; 3]));
    }

    #[test]
    fn a_place_in_the_bar_beyond_the_last_known_is_heard_as_it() {
        let mut x = Vec::new();
        push_one_hot(&mut x, 9, 7);
        assert_eq!(x, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0]);
    }
}
