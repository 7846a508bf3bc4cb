//! A small decoder that reads a prompt's hidden states and writes the plan, one decision a token.
//!
//! What the request states is put in the place of what would be drawn, so the rest follows from
//! it: chords from the mode, the tempo from the style. Only tokens that fit the place are drawn.

use super::Guess;
use super::tokens::PlanToken;
use crate::error::{Error, Result};
use crate::t5::{DecoderState, T5Config, T5Decoder, sample_token};
use crate::tokens::TokenBatch;
use mustool_music::{Chord, Key, Meter, NoteName, PitchClass, Spelling, StatedFacts};
use mustool_nn::{Tensor, Weights};
use serde::Deserialize;

/// Most instruments of a guess, stated ones included.
const MAX_INSTRUMENTS: usize = 6;
/// Most chords of a guess.
const MAX_CHORDS: usize = 32;
/// A style this likely counts as named by the prompt.
const NAMED_STYLE: f64 = 0.5;
/// Draws among the likeliest tokens that together have this probability.
const TOP_P: f64 = 0.9;

/// The planner of a model.
#[derive(Debug)]
pub(crate) struct PlannerNetwork {
    decoder: T5Decoder,
    tokens: Vec<PlanToken>,
}

#[derive(Deserialize)]
struct PlannerConfig {
    tokens: Vec<String>,
}

/// What is already decided when the planner begins.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    pub(super) tempo_bpm: Option<f64>,
    pub(super) tempo_range: Option<(f64, f64)>,
    pub(super) key: Option<Key>,
    pub(super) meter: Option<Meter>,
    pub(super) instruments: Vec<String>,
    pub(super) excluded: Vec<String>,
    /// Nothing may join the instruments that are named.
    pub(super) nothing_else: bool,
    /// No chords are needed.
    pub(super) has_chords: bool,
}

impl Wishes {
    /// The facts of a prompt.
    pub(super) fn of(facts: &StatedFacts) -> Self {
        Self {
            tempo_bpm: facts.tempo_bpm,
            tempo_range: facts.tempo_range,
            key: facts.key,
            meter: facts.meter,
            instruments: facts.instruments.clone(),
            excluded: facts.excluded_instruments.clone(),
            nothing_else: facts.instruments_alone || facts.instruments.len() > 2,
            has_chords: !facts.chords.is_empty() || !facts.timed_chords.is_empty(),
        }
    }
}

impl PlannerNetwork {
    /// Keys `shared`, `decoder.*` and `lm_head`; `config` is the content of `file`.
    pub(crate) fn new(file: &str, config: &[u8], weights: &Weights) -> Result<Self> {
        let sizes = T5Config::from_json(file, config)?;
        let fault = |reason: String| Error::Config {
            file: file.to_owned(),
            reason,
        };
        let names: PlannerConfig =
            serde_json::from_slice(config).map_err(|e| fault(e.to_string()))?;
        if names.tokens.len() != sizes.vocab_size {
            let (tokens, size) = (names.tokens.len(), sizes.vocab_size);
            return Err(fault(format!("{tokens} tokens, vocab_size is {size}")));
        }
        Ok(Self {
            tokens: PlanToken::vocabulary(&names.tokens).map_err(fault)?,
            decoder: T5Decoder::new(&sizes, weights),
        })
    }

    /// Draws a plan. `hidden_states`: `[1, tokens, d_model]` of the prompt `input`; `uniform` gives
    /// numbers from 0 up to, but not at, 1.
    pub(super) fn draw(
        &self,
        input: &TokenBatch,
        hidden_states: &Tensor,
        wishes: &Wishes,
        uniform: &mut dyn FnMut() -> f64,
    ) -> Result<Guess> {
        let mut state = self.decoder.start(input, hidden_states)?;
        let logits = self.decoder.step(&mut state, &[0])?.swap_remove(0);
        let mut writer = Writer {
            network: self,
            state,
            logits,
            uniform,
        };
        writer.write(wishes)
    }
}

/// A plan in the making.
struct Writer<'a> {
    network: &'a PlannerNetwork,
    state: DecoderState,
    logits: Vec<f32>,
    uniform: &'a mut dyn FnMut() -> f64,
}

impl Writer<'_> {
    fn write(&mut self, wishes: &Wishes) -> Result<Guess> {
        let mut guess = Guess::default();
        let style = |t: &PlanToken| matches!(t, PlanToken::Style(_));
        let named_style = self.likeliest(style) > NAMED_STYLE;
        if let Some(PlanToken::Style(style)) = self.draw(0.6, style)? {
            guess.style = Some(style);
        }
        let meter = |t: &PlanToken| matches!(t, PlanToken::Meter(m) if wishes.meter.is_none_or(|w| w == *m));
        if let Some(PlanToken::Meter(meter)) = self.draw(0.6, meter)? {
            guess.meter = Some(meter);
        }
        guess.tempo_bpm = self.tempo(wishes)?;
        guess.key = self.key(wishes.key)?;
        let alone = wishes.nothing_else || !named_style && !wishes.instruments.is_empty();
        guess.instruments = self.instruments(wishes, alone)?;
        if !wishes.has_chords {
            let key = wishes.key.or(guess.key);
            let bar = guess.meter.map_or(4, Meter::felt_beats);
            guess.chords = self.chords(key, bar)?;
        }
        Ok(guess)
    }

    fn tempo(&mut self, wishes: &Wishes) -> Result<Option<f64>> {
        let nearest = |bpm: f64| {
            let tempi = self.network.tokens.iter().filter_map(|t| match t {
                PlanToken::Tempo(tempo) => Some(*tempo),
                _ => None,
            });
            tempi.min_by_key(|tempo| (f64::from(*tempo) - bpm).abs() as i64)
        };
        let range = match (wishes.tempo_bpm, wishes.tempo_range) {
            (Some(bpm), _) => nearest(bpm).map(|tempo| (f64::from(tempo), f64::from(tempo))),
            (None, range) => range,
        };
        let fits = |t: &PlanToken| match (t, range) {
            (PlanToken::Tempo(bpm), Some((slow, fast))) => (slow..=fast).contains(&f64::from(*bpm)),
            (t, _) => matches!(t, PlanToken::Tempo(_)),
        };
        Ok(match self.draw(0.8, fits)? {
            Some(PlanToken::Tempo(bpm)) => Some(f64::from(bpm)),
            _ => None,
        })
    }

    /// The key, spelled with the plainest signature.
    fn key(&mut self, stated: Option<Key>) -> Result<Option<Key>> {
        let known = |mode| self.network.tokens.contains(&PlanToken::Mode(Some(mode)));
        let mode = stated.map(|key| key.mode).filter(|mode| known(*mode));
        let fits = |t: &PlanToken| match (t, mode) {
            (PlanToken::Mode(m), Some(mode)) => *m == Some(mode),
            (PlanToken::Mode(m), None) => stated.is_none() || m.is_some(),
            _ => false,
        };
        let mode = match self.draw(0.8, fits)? {
            Some(PlanToken::Mode(mode)) => mode,
            _ => None,
        };
        let home = stated.map(|key| key.tonic.pitch_class().value());
        let fits =
            |t: &PlanToken| matches!(t, PlanToken::Tonic(pc) if home.is_none_or(|h| h == *pc));
        let tonic = self.draw(1.0, fits)?;
        Ok(match (mode, tonic) {
            (Some(mode), Some(PlanToken::Tonic(tonic))) => {
                let c = Key::parse("C").expect("a key that every parser knows");
                Some(Key::new(c.tonic, mode).transpose(i32::from(tonic)))
            }
            _ => None,
        })
    }

    fn instruments(&mut self, wishes: &Wishes, alone: bool) -> Result<Vec<String>> {
        let mut playing = wishes.instruments.clone();
        for name in &wishes.instruments {
            self.draw(1.0, |t| matches!(t, PlanToken::Instrument(n) if n == name))?;
        }
        while !alone && playing.len() < MAX_INSTRUMENTS {
            let fits = |t: &PlanToken| match t {
                PlanToken::Bar => !playing.is_empty(),
                PlanToken::Instrument(n) => !playing.contains(n) && !wishes.excluded.contains(n),
                _ => false,
            };
            match self.draw(0.7, fits)? {
                Some(PlanToken::Instrument(name)) => playing.push(name),
                _ => return Ok(playing),
            }
        }
        self.draw(1.0, |t| *t == PlanToken::Bar)?;
        Ok(playing)
    }

    /// Chords with their lengths in beats; four of them or four bars before they may end.
    fn chords(&mut self, key: Option<Key>, bar: u8) -> Result<Vec<(Chord, u8)>> {
        let tonic = key.map_or(0, |key| key.tonic.pitch_class().value());
        let spell = |semitones: u8| {
            let pitch_class = PitchClass::new(i32::from(tonic) + i32::from(semitones));
            key.map_or_else(
                || NoteName::from_pitch_class(pitch_class, Spelling::Flats),
                |key| key.spell(pitch_class),
            )
        };
        let mut chords: Vec<(Chord, u8)> = Vec::new();
        while chords.len() < MAX_CHORDS {
            let beats: u32 = chords.iter().map(|(_, beats)| u32::from(*beats)).sum();
            let whole = chords.len() >= 4 || beats >= 4 * u32::from(bar);
            let fits = |t: &PlanToken| match t {
                PlanToken::End => whole,
                t => matches!(t, PlanToken::Chord(_)),
            };
            let (root, mut chord) = match self.draw(0.9, fits)? {
                Some(PlanToken::Chord(Some((root, quality)))) => {
                    (root, Chord::new(spell(root), quality))
                }
                Some(PlanToken::Chord(None)) => (0, Chord::NO_CHORD),
                _ => break,
            };
            let length = |t: &PlanToken| matches!(t, PlanToken::Beats(_));
            let mut next = self.draw(0.9, |t| length(t) || matches!(t, PlanToken::Bass(_)))?;
            if let Some(PlanToken::Bass(bass)) = next {
                chord = chord.with_bass(spell((root + bass) % 12));
                next = self.draw(0.9, length)?;
            }
            match next {
                Some(PlanToken::Beats(beats)) => chords.push((chord, beats)),
                _ => break,
            }
        }
        Ok(chords)
    }

    /// Probability of the likeliest token among those that fit.
    fn likeliest(&self, fits: impl Fn(&PlanToken) -> bool) -> f64 {
        let logits = self.network.tokens.iter().zip(&self.logits);
        let fitting = logits.filter(|(t, _)| fits(t)).map(|(_, l)| f64::from(*l));
        let fitting: Vec<f64> = fitting.collect();
        let peak = fitting.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        1.0 / fitting.iter().map(|l| (l - peak).exp()).sum::<f64>()
    }

    /// Draws a token that fits and writes it; `None` where none fits.
    fn draw(
        &mut self,
        temperature: f64,
        fits: impl Fn(&PlanToken) -> bool,
    ) -> Result<Option<PlanToken>> {
        let tokens = &self.network.tokens;
        if !tokens.iter().any(&fits) {
            return Ok(None);
        }
        let masked = tokens.iter().zip(&self.logits).map(|(token, logit)| {
            if fits(token) {
                *logit
            } else {
                f32::NEG_INFINITY
            }
        });
        let masked: Vec<f32> = masked.collect();
        let id = sample_token(&masked, temperature, TOP_P, (self.uniform)())?;
        let logits = self.network.decoder.step(&mut self.state, &[id])?;
        self.logits = logits.into_iter().next().unwrap_or_default();
        Ok(Some(tokens[id as usize].clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::{Noise, Purpose};
    use mustool_music::stated_facts;
    use mustool_nn::{DType, Source, tensor};
    use proptest::prelude::*;

    const TOKENS: &str = "<s> </s> | style:rock style:waltz meter:4/4 meter:3/4 bpm:60 bpm:96 \
        bpm:140 mode: mode:major mode:minor tonic:0 tonic:4 tonic:9 piano drums flute chord:N \
        chord:0:m7 chord:5: chord:7:7 bass:4 bass:7 beats:2 beats:4";

    /// A planner of random weights: it has no opinion, only a grammar.
    fn network() -> PlannerNetwork {
        let tokens: Vec<&str> = TOKENS.split_whitespace().collect();
        let config = serde_json::json!({
            "vocab_size": tokens.len(), "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1,
            "num_heads": 2, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": false,
            "tokens": tokens,
        });
        let weights = Weights::new(Source::random(5), DType::F32);
        let config = config.to_string();
        PlannerNetwork::new("planner_config.json", config.as_bytes(), &weights).unwrap()
    }

    fn draw(prompt: &str, seed: u64) -> Guess {
        let input = TokenBatch::padded(&[vec![3, 4, 1]], 0).unwrap();
        let hidden = (0..48).map(|i| (i as f32).sin()).collect();
        let hidden = tensor(hidden, &[1, 3, 16], DType::F32).unwrap();
        let (noise, mut drawn) = (Noise::new(seed, 0, Purpose::Plan), 0);
        let mut uniform = || {
            drawn += 1;
            noise.uniform(drawn)
        };
        let wishes = Wishes::of(&stated_facts(prompt));
        network()
            .draw(&input, &hidden, &wishes, &mut uniform)
            .unwrap()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn whatever_the_weights_say_the_plan_is_whole_and_what_is_stated_holds(seed: u64) {
            let guess = draw("slow piece in E minor, 3/4, solo piano", seed);
            prop_assert!(guess.style.is_some());
            prop_assert_eq!(guess.meter.unwrap().to_string(), "3/4");
            prop_assert_eq!(guess.tempo_bpm, Some(60.0));
            prop_assert_eq!(guess.key.unwrap().to_string(), "E minor");
            prop_assert_eq!(&guess.instruments, &["piano"]);
            let beats: u8 = guess.chords.iter().map(|(_, beats)| beats).sum();
            prop_assert!(guess.chords.len() >= 4 || beats >= 12, "{:?}", guess.chords);
            for (chord, beats) in &guess.chords {
                prop_assert!(matches!(beats, 2 | 4));
                let root = chord.root().map(|root| root.to_string());
                prop_assert!(matches!(root.as_deref(), None | Some("E" | "A" | "B")));
            }
            let again = draw("slow piece in E minor, 3/4, solo piano", seed);
            prop_assert_eq!(guess, again);
        }

        #[test]
        fn excluded_instruments_stay_out_and_none_plays_twice(seed: u64) {
            let guess = draw("no drums", seed);
            prop_assert!(!guess.instruments.is_empty() && guess.instruments.len() <= 2);
            prop_assert!(!guess.instruments.contains(&"drums".to_owned()));
            prop_assert!(draw("Am7 D7", seed).chords.is_empty());
        }
    }

    #[test]
    fn seeds_differ() {
        let plans: Vec<Guess> = (0..8).map(|seed| draw("anything", seed)).collect();
        assert!(plans.iter().any(|plan| *plan != plans[0]));
    }

    #[test]
    fn a_configuration_whose_tokens_do_not_count_up_is_refused() {
        let weights = Weights::new(Source::random(5), DType::F32);
        let config = br#"{"vocab_size":9,"d_model":8,"d_kv":4,"d_ff":8,"num_layers":1,
            "num_heads":2,"tokens":["<s>"]}"#;
        let error = PlannerNetwork::new("planner_config.json", config, &weights).unwrap_err();
        assert!(
            error.to_string().contains("1 tokens, vocab_size is 9"),
            "{error}"
        );
    }
}
