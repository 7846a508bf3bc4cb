//! From a request to a plan: what is stated wins, a network fills in the rest, by seed.

use crate::error::{Error, Result};
use crate::noise::{Noise, Purpose};
use crate::request::Request;
use crate::t5::{Sampling, T5ForConditionalGeneration};
use crate::tokens::TokenBatch;
use mustool_music::{Chord, ChordEvent, Key, Meter, Plan, StatedFacts, beat_grid, stated_facts};
use tokenizers::Tokenizer;

/// Tokens of a prompt that the networks read.
pub(crate) const MAX_PROMPT_TOKENS: usize = 96;

/// What the predictor wrote, as far as it could be read.
#[derive(Debug, Default, Clone, PartialEq)]
struct Guess {
    tempo_bpm: Option<f64>,
    meter: Option<Meter>,
    key: Option<Key>,
    chords: Vec<Chord>,
    style: Option<String>,
    instruments: Vec<String>,
}

/// Makes the plan of a request.
pub(crate) fn plan(
    request: &Request,
    predictor: Option<&T5ForConditionalGeneration>,
    tokenizer: &Tokenizer,
) -> Result<Plan> {
    if let Some(plan) = &request.plan {
        plan.validate()?;
        let mut plan = plan.clone();
        plan.duration_s = request.duration_s.max(plan.duration_s);
        return Ok(plan);
    }
    let facts = stated_facts(&request.prompt);
    let guess = match predictor {
        Some(predictor) => guess(request, predictor, tokenizer)?,
        None => Guess::default(),
    };
    build(request, &facts, guess)
}

/// Samples a plan text; one that cannot be read in part leaves that part open.
fn guess(
    request: &Request,
    predictor: &T5ForConditionalGeneration,
    tokenizer: &Tokenizer,
) -> Result<Guess> {
    let ids = encode(tokenizer, &request.prompt)?;
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

/// Reads `bpm 96 | 4/4 | a minor | am7 dm7 | style bossa nova | nylon guitar, drums`.
fn read_guess(text: &str) -> Guess {
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
    plan.instruments = if facts.instruments.is_empty() {
        guess.instruments
    } else {
        facts.instruments.clone()
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
    } else {
        let moved = in_key(guess.chords, guess.key, key);
        one_per_bar(&plan, &moved)
    };
    plan.validate()?;
    Ok(plan)
}

/// The guessed chords, moved to the key that was stated; the plainest cadence where the mode
/// differs or nothing was guessed.
fn in_key(chords: Vec<Chord>, guessed: Option<Key>, key: Option<Key>) -> Vec<Chord> {
    let cadence = |key: Key| [0, 5, 3, 4].map(|degree| key.chord_on(degree)).to_vec();
    match (guessed, key) {
        (Some(from), Some(to)) if !chords.is_empty() && from.mode == to.mode => {
            let up = i32::from(to.tonic.pitch_class().value())
                - i32::from(from.tonic.pitch_class().value());
            let up = if up > 6 { up - 12 } else { up };
            chords
                .iter()
                .map(|chord| to.spell_chord(chord.transpose(up)))
                .collect()
        }
        (_, Some(to)) => cadence(to),
        (_, None) if chords.is_empty() => {
            cadence(Key::parse("C major").expect("a key that every parser knows"))
        }
        (_, None) => chords,
    }
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

    fn planned(prompt: &str, guess: &str) -> Plan {
        let request = Request {
            prompt: prompt.to_owned(),
            ..Request::default()
        };
        build(&request, &stated_facts(prompt), read_guess(guess)).unwrap()
    }

    const GUESS: &str =
        "bpm 140 | 3/4 | d minor | dm7 gm7/f a7 dm7 | style waltz | accordion, violin";

    #[test]
    fn what_is_stated_wins_over_the_guess() {
        let plan = planned("at 96 bpm in A minor, 4/4, piano", GUESS);
        assert_eq!((plan.tempo_bpm, plan.meter), (96.0, Meter::FOUR_FOUR));
        assert_eq!(plan.key.unwrap().to_string(), "A minor");
        assert_eq!(plan.instruments, ["piano"]);
        assert_eq!(
            plan.chords[0].chord.to_string(),
            "Am7",
            "the guess moves to the stated key"
        );
        assert_eq!(plan.chords[1].chord.to_string(), "Dm7/C");
    }

    #[test]
    fn the_guess_fills_what_is_open() {
        let plan = planned("something lovely", GUESS);
        assert_eq!(
            (plan.tempo_bpm, plan.meter.to_string().as_str()),
            (140.0, "3/4")
        );
        assert_eq!(plan.key.unwrap().to_string(), "D minor");
        assert_eq!(plan.style.as_deref(), Some("waltz"));
    }

    #[test]
    fn stated_chords_are_spread_over_the_bars() {
        let plan = planned("chords: Am7, Fmaj7, C, G at 120 bpm 4/4", GUESS);
        let names: Vec<String> = plan.chords.iter().map(|c| c.chord.to_string()).collect();
        assert_eq!(names, ["Am7", "Fmaj7", "C", "G", "Am7"]);
        assert_eq!(plan.chords[1].time_s, 2.0);
    }

    #[test]
    fn nonsense_from_the_predictor_leaves_a_playable_plan() {
        for text in ["", "|||||", "bpm x | 9/0 | q | zz | |", "bpm 1e9 | 4/4"] {
            let plan = planned("anything", text);
            assert!(
                !plan.chords.is_empty() && plan.tempo_bpm == 100.0,
                "{text:?}"
            );
        }
    }
}
