//! From a request to a plan: what is stated wins, a network fills in the rest, by seed.

mod network;
mod tokens;

use crate::error::{Error, Result};
use crate::noise::{Noise, Purpose};
use crate::request::Request;
use crate::t5::T5Encoder;
use crate::tokens::TokenBatch;
use mustool_music::{Chord, ChordEvent, Key, Meter, Plan, StatedFacts, beat_grid, stated_facts};
pub(crate) use network::PlannerNetwork;
use network::Wishes;
use tokenizers::Tokenizer;

/// Tokens of a prompt that the networks read.
pub(crate) const MAX_PROMPT_TOKENS: usize = 96;

/// What the network would choose.
#[derive(Debug, Default, Clone, PartialEq)]
struct Guess {
    tempo_bpm: Option<f64>,
    meter: Option<Meter>,
    key: Option<Key>,
    /// Each with its length in beats.
    chords: Vec<(Chord, u8)>,
    style: Option<String>,
    instruments: Vec<String>,
}

/// What a plan is drawn with.
pub(crate) struct Planner<'a> {
    pub(crate) tokenizer: &'a Tokenizer,
    pub(crate) text_encoder: &'a T5Encoder,
    pub(crate) network: &'a PlannerNetwork,
}

/// Makes the plan of a request; without a planner the plainest that fits what is stated.
pub(crate) fn plan(request: &Request, planner: Option<Planner>) -> Result<Plan> {
    if let Some(plan) = &request.plan {
        plan.validate()?;
        let mut plan = plan.clone();
        plan.duration_s = request.duration_s.max(plan.duration_s);
        return Ok(plan);
    }
    let facts = stated_facts(&request.prompt);
    let guess = match planner {
        Some(planner) => planner.guess(request, &facts)?,
        None => Guess::default(),
    };
    build(request, &facts, guess)
}

impl Planner<'_> {
    fn guess(&self, request: &Request, facts: &StatedFacts) -> Result<Guess> {
        let ids = encode(self.tokenizer, &request.prompt)?;
        let input = TokenBatch::padded(&[ids], 0)?;
        let hidden_states = self.text_encoder.forward(&input)?;
        let mut wishes = Wishes::of(facts);
        wishes.tempo_bpm = request.tempo_bpm.or(wishes.tempo_bpm);
        wishes.key = request.key.or(wishes.key);
        wishes.meter = request.meter.or(wishes.meter);
        wishes.has_chords |= request.chords.is_some();
        let noise = Noise::new(request.seed, 0, Purpose::Plan);
        let mut drawn = 0;
        let mut uniform = || {
            drawn += 1;
            noise.uniform(drawn)
        };
        self.network
            .draw(&input, &hidden_states, &wishes, &mut uniform)
    }
}

/// The tokens of a text, at most [`MAX_PROMPT_TOKENS`], the end token last.
pub(crate) fn encode(tokenizer: &Tokenizer, text: &str) -> Result<Vec<u32>> {
    let encoding = tokenizer.encode(text, true).map_err(|e| Error::Tokenizer {
        reason: e.to_string(),
    })?;
    let mut ids = encoding.get_ids().to_vec();
    if ids.len() > MAX_PROMPT_TOKENS {
        let end = ids[ids.len() - 1];
        ids.truncate(MAX_PROMPT_TOKENS - 1);
        ids.push(end);
    }
    Ok(ids)
}

/// Joins what was asked, stated and guessed, in that order of weight.
fn build(request: &Request, facts: &StatedFacts, guess: Guess) -> Result<Plan> {
    let meter = request
        .meter
        .or(facts.meter)
        .or(guess.meter)
        .unwrap_or(Meter::FOUR_FOUR);
    let tempo_bpm = request.tempo_bpm.or(facts.tempo_bpm).unwrap_or_else(|| {
        let guessed = guess.tempo_bpm.unwrap_or(100.0);
        facts.tempo_range.map_or(guessed, |(slow, fast)| {
            if guessed >= slow && guessed <= fast {
                guessed
            } else {
                ((slow + fast) / 2.0).round()
            }
        })
    });
    let stated_chords =
        request.chords.is_some() || !facts.chords.is_empty() || !facts.timed_chords.is_empty();
    let key = request
        .key
        .or(facts.key)
        .or(if stated_chords { None } else { guess.key });
    let duration_s = request.duration_s;
    let mut plan = Plan::steady(tempo_bpm, meter, duration_s);
    plan.beats = beat_grid(tempo_bpm, meter.felt_beats(), 0.0, duration_s);
    plan.key = key;
    plan.style = guess.style;
    plan.instruments = if guess.instruments.is_empty() {
        facts.instruments.clone()
    } else {
        guess.instruments
    };
    plan.instruments
        .retain(|name| !facts.excluded_instruments.contains(name));
    plan.chords = if let Some(symbols) = &request.chords {
        plan.chords_from_symbols(symbols)?
    } else if !facts.timed_chords.is_empty() {
        facts
            .timed_chords
            .iter()
            .filter(|event| event.time_s < duration_s)
            .cloned()
            .collect()
    } else if !facts.chords.is_empty() {
        one_per_bar(&plan, &facts.chords)
    } else if guess.chords.is_empty() {
        one_per_bar(&plan, &cadence(key))
    } else {
        one_after_another(&plan, &guess.chords)
    };
    plan.validate()?;
    Ok(plan)
}

/// The plainest chords of a key; of C major where there is none.
fn cadence(key: Option<Key>) -> Vec<Chord> {
    let plain = || Key::parse("C major").expect("a key that every parser knows");
    let key = key.unwrap_or_else(plain);
    [0, 5, 3, 4].map(|degree| key.chord_on(degree)).to_vec()
}

/// Chords of given lengths in beats from the first beat on, again and again; the last lasts to the
/// end of its bar.
fn one_after_another(plan: &Plan, chords: &[(Chord, u8)]) -> Vec<ChordEvent> {
    let bar = usize::from(plan.meter.felt_beats()).max(1);
    let phrase: usize = chords.iter().map(|(_, beats)| usize::from(*beats)).sum();
    let phrase = phrase.next_multiple_of(bar).max(1);
    let mut events: Vec<ChordEvent> = Vec::new();
    for start in (0..plan.beats.len()).step_by(phrase) {
        let mut at = start;
        for (chord, beats) in chords {
            let Some(beat) = plan.beats.get(at) else {
                break;
            };
            if events.last().is_none_or(|event| event.chord != *chord) {
                let time_s = beat.time_s;
                events.push(ChordEvent {
                    time_s,
                    chord: *chord,
                });
            }
            at += usize::from(*beats);
        }
    }
    events
}

/// One chord a bar, from the first beat on, again and again.
fn one_per_bar(plan: &Plan, chords: &[Chord]) -> Vec<ChordEvent> {
    let bars = plan.beats.iter().filter(|beat| beat.number == 1);
    bars.zip(chords.iter().cycle())
        .map(|(beat, chord)| ChordEvent {
            time_s: beat.time_s,
            chord: *chord,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(prompt: &str, guess: Guess) -> Plan {
        let request = Request {
            prompt: prompt.to_owned(),
            ..Request::default()
        };
        build(&request, &stated_facts(prompt), guess).unwrap()
    }

    fn guess() -> Guess {
        let chord = |symbol| Chord::parse(symbol).unwrap();
        Guess {
            tempo_bpm: Some(140.0),
            meter: Meter::parse("3/4").ok(),
            key: Key::parse("D minor").ok(),
            chords: vec![(chord("Dm7"), 3), (chord("Gm7/F"), 2), (chord("A7"), 2)],
            style: Some("waltz".to_owned()),
            instruments: vec!["accordion".to_owned(), "violin".to_owned()],
        }
    }

    #[test]
    fn what_is_stated_wins_over_the_guess() {
        let plan = planned("at 96 bpm in A minor, 4/4, chords: C F, no violin", guess());
        assert_eq!((plan.tempo_bpm, plan.meter), (96.0, Meter::FOUR_FOUR));
        assert_eq!(plan.key.unwrap().to_string(), "A minor");
        assert_eq!(plan.instruments, ["accordion"]);
        assert_eq!(plan.chords[1].chord.to_string(), "F");
    }

    #[test]
    fn the_guess_fills_what_is_open() {
        let plan = planned("something lovely", guess());
        assert_eq!(
            (plan.tempo_bpm, plan.meter.to_string().as_str()),
            (140.0, "3/4")
        );
        assert_eq!(plan.key.unwrap().to_string(), "D minor");
        assert_eq!(plan.style.as_deref(), Some("waltz"));
    }

    #[test]
    fn guessed_chords_have_their_lengths_and_come_again_at_a_downbeat() {
        let plan = planned("something lovely", guess());
        let beat_s = 60.0 / 140.0;
        let beats = [0, 3, 5, 9, 12, 14, 18].map(|beat| f64::from(beat) * beat_s);
        for (event, time_s) in plan.chords.iter().zip(beats) {
            assert!((event.time_s - time_s).abs() < 1e-9, "{event:?} {time_s}");
        }
        assert_eq!(plan.chords[3].chord, plan.chords[0].chord);
    }

    #[test]
    fn stated_chords_are_spread_over_the_bars() {
        let plan = planned("chords: Am7, Fmaj7, C, G at 120 bpm 4/4", guess());
        let names: Vec<String> = plan.chords.iter().map(|c| c.chord.to_string()).collect();
        assert_eq!(names, ["Am7", "Fmaj7", "C", "G", "Am7"]);
        assert_eq!(plan.chords[1].time_s, 2.0);
    }

    #[test]
    fn without_a_planner_the_plan_is_plain_and_playable() {
        let plan = planned("in G major, piano", Guess::default());
        let chords: Vec<Chord> = plan.chords.iter().map(|event| event.chord).collect();
        assert_eq!(chords[..4], cadence(plan.key));
        assert_eq!(plan.instruments, ["piano"]);
        assert_eq!(plan.tempo_bpm, 100.0);
    }
}
