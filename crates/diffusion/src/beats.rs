//! Guesses the beats of a piece from its prompt: how many to the bar, and the time of each.
//!
//! The beat predictor of Mustango (arXiv:2311.08355): the first token tells the metre, and each
//! token in turn the interval to the next beat. Chords are guessed in `chords`.

use crate::deberta::{Deberta, DebertaConfig};
use crate::error::{Error, Result};
use crate::tokens::TokenBatch;
use mustool_music::Beat;
use mustool_nn::{DType, Linear, Tensor, Weights, host};

/// Longest bar that the predictor knows, in beats.
const MAX_BEATS_PER_BAR: usize = 4;
/// Most beats that are kept.
const MAX_BEATS: usize = 50;
/// No beat is at or after this time.
const END_S: f64 = 10.0;

/// DeBERTa with a head for the metre and one for the intervals.
#[derive(Debug)]
pub struct BeatPredictor {
    deberta: Deberta,
    hidden1: Linear,
    classifier: Linear,
    hidden2: Linear,
    regressor: Linear,
}

/// What the predictor says about each token.
#[derive(Debug)]
pub struct BeatPrediction {
    /// Scores of 1 to 4 beats in the bar, `[batch, tokens, 4]`; the first token's count.
    pub logits: Tensor,
    /// Intervals in seconds, `[batch, tokens, 1]`.
    pub values: Tensor,
}

/// The beats of one prompt.
#[derive(Debug, Clone, PartialEq)]
pub struct PredictedBeats {
    /// Beats in the bar.
    pub max_beat: u8,
    /// Beats as the network tells them: a negative interval steps back in time.
    pub beats: Vec<Beat>,
}

impl BeatPredictor {
    /// Keys `deberta.*`, `hidden1`, `classifier`, `hidden2` and `regressor`.
    pub fn new(config: &DebertaConfig, weights: &Weights) -> Self {
        let weights = weights.with_dtype(DType::F32);
        let dim = config.hidden_size;
        Self {
            deberta: Deberta::new(config, &weights.pp("deberta")),
            hidden1: Linear::new(dim, dim, &weights.pp("hidden1")),
            classifier: Linear::new(dim, MAX_BEATS_PER_BAR, &weights.pp("classifier")),
            hidden2: Linear::new(dim, dim, &weights.pp("hidden2")),
            regressor: Linear::new(dim, 1, &weights.pp("regressor")),
        }
    }

    /// Scores and intervals of every token, pads included.
    pub fn forward(&self, input: &TokenBatch) -> Result<BeatPrediction> {
        let hidden_states = self.deberta.forward(input)?;
        Ok(BeatPrediction {
            logits: self
                .classifier
                .forward(&self.hidden1.forward(&hidden_states)?)?,
            values: self
                .regressor
                .forward(&self.hidden2.forward(&hidden_states)?)?,
        })
    }

    /// The beats of each text of `input`.
    pub fn predict(&self, input: &TokenBatch) -> Result<Vec<PredictedBeats>> {
        let prediction = self.forward(input)?;
        let (logits, values) = (host(&prediction.logits)?, host(&prediction.values)?);
        let tokens = input.tokens();
        (0..input.batch())
            .map(|row| {
                let first = row * tokens;
                let mask = &input.mask()[first..first + tokens];
                let seen: Vec<f32> = values[first..first + tokens]
                    .iter()
                    .zip(mask)
                    .filter_map(|(&value, &seen)| seen.then_some(value))
                    .collect();
                decode_beats(
                    &logits[first * MAX_BEATS_PER_BAR..][..MAX_BEATS_PER_BAR],
                    &seen,
                )
            })
            .collect()
    }
}

/// From scores and intervals to beats: the running sum of the intervals until 10 s.
///
/// `logits`: scores of 1, 2, .. beats in the bar. `intervals_s` are rounded to 0.1 ms and the times
/// to 10 ms, as Mustango does; 50 beats at most, none where the first interval is 10 s or more. An
/// error for no scores and for numbers that are not finite.
pub fn decode_beats(logits: &[f32], intervals_s: &[f32]) -> Result<PredictedBeats> {
    if logits.iter().chain(intervals_s).any(|x| !x.is_finite()) || logits.is_empty() {
        return Err(Error::NotFinite {
            stage: "beat predictor",
        });
    }
    let mut best = 0;
    for (i, &logit) in logits.iter().enumerate() {
        if logit > logits[best] {
            best = i;
        }
    }
    let max_beat = u8::try_from(best + 1).map_err(|_| Error::NotFinite {
        stage: "beat predictor",
    })?;
    let mut time_s = 0.0;
    let times = intervals_s
        .iter()
        .map(|&interval_s| {
            time_s += f64::from((interval_s * 1e4).round_ties_even() / 1e4);
            time_s
        })
        .take_while(|&time_s| time_s < END_S)
        .take(MAX_BEATS);
    let beats = times
        .zip((1..=max_beat).cycle())
        .map(|(time_s, number)| Beat {
            time_s: (time_s * 100.0).round_ties_even() / 100.0,
            number,
        })
        .collect();
    Ok(PredictedBeats { max_beat, beats })
}

impl PredictedBeats {
    /// The beats that a plan can hold: from 0 on, each later than the one before.
    pub fn rising(&self) -> Vec<Beat> {
        let mut rising: Vec<Beat> = Vec::with_capacity(self.beats.len());
        for beat in &self.beats {
            let later = rising.last().is_none_or(|last| beat.time_s > last.time_s);
            if later && beat.time_s >= 0.0 {
                rising.push(*beat);
            }
        }
        rising
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn intervals_add_up_until_ten_seconds() {
        let predicted =
            decode_beats(&[0.0, 0.5, 2.0, 1.0], &[1.76, 0.35, 1.9151, 7.0, 0.1]).unwrap();
        assert_eq!(predicted.max_beat, 3);
        let beats: Vec<_> = predicted
            .beats
            .iter()
            .map(|b| (b.time_s, b.number))
            .collect();
        assert_eq!(beats, [(1.76, 1), (2.11, 2), (4.03, 3)]);
        assert!(decode_beats(&[1.0], &[11.0, 0.1]).unwrap().beats.is_empty());
    }

    #[test]
    fn nan_is_an_error_and_not_a_beat() {
        assert!(decode_beats(&[f32::NAN], &[0.5]).is_err());
        assert!(decode_beats(&[1.0], &[0.5, f32::INFINITY]).is_err());
        assert!(decode_beats(&[], &[0.5]).is_err());
    }

    proptest! {
        #[test]
        fn rising_beats_fit_a_plan(
            logits in prop::collection::vec(-5.0f32..5.0, 4),
            intervals in prop::collection::vec(-0.5f32..2.0, 0..90),
        ) {
            let predicted = decode_beats(&logits, &intervals).unwrap();
            prop_assert!(predicted.beats.len() <= MAX_BEATS);
            let rising = predicted.rising();
            prop_assert!(rising.windows(2).all(|pair| pair[0].time_s < pair[1].time_s));
            prop_assert!(rising.iter().all(|beat| (0.0..=END_S).contains(&beat.time_s)));
            prop_assert!(rising.iter().all(|beat| (1..=predicted.max_beat).contains(&beat.number)));
        }
    }
}
