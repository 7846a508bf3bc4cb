//! From a request to a plan: what is stated wins, networks fill in the rest.
//!
//! The networks of the default model write a plan as text (`plan_text`), by the request's seed;
//! Mustango's guess beats and then chords (`clip`), always the same.

mod clip;
mod plan_text;

use crate::error::{Error, Result};
use crate::request::Request;
use crate::t5::T5ForConditionalGeneration;
use mustool_music::{
    Beat, Chord, ChordEvent, Key, Meter, Plan, StatedFacts, TEMPO_RANGE_BPM, beat_grid,
    stated_facts, tempo_from_beats,
};
use tokenizers::Tokenizer;

pub(crate) use clip::ClipPredictors;

/// Tempo where nobody says anything.
const PLAIN_TEMPO_BPM: f64 = 100.0;

/// Who fills in what a request leaves open.
pub(crate) enum Planner {
    /// Nobody: plans are plain.
    Plain,
    /// A network that writes a plan as text.
    Text(Box<T5ForConditionalGeneration>),
    /// Mustango's predictors of beats and chords.
    Clip(Box<ClipPredictors>),
}

/// What a network said, as far as it could be read.
#[derive(Debug, Default, Clone, PartialEq)]
struct Guess {
    tempo_bpm: Option<f64>,
    meter: Option<Meter>,
    /// Beats where the network tells each; none of them where there are none.
    beats: Option<Vec<Beat>>,
    key: Option<Key>,
    /// Chords without times, one a bar.
    chords: Vec<Chord>,
    /// Chords with times; none of them where there are none.
    timed_chords: Option<Vec<ChordEvent>>,
    style: Option<String>,
    instruments: Vec<String>,
}

impl Planner {
    /// Makes the plan of a request.
    pub(crate) fn plan(&self, request: &Request, tokenizer: &Tokenizer) -> Result<Plan> {
        if let Some(plan) = &request.plan {
            plan.validate()?;
            let mut plan = plan.clone();
            plan.duration_s = request.duration_s.max(plan.duration_s);
            return Ok(plan);
        }
        let facts = stated_facts(&request.prompt);
        let mut guess = match self {
            Self::Plain => Guess::default(),
            Self::Text(network) => plan_text::guess(request, network, tokenizer)?,
            Self::Clip(predictors) => predictors.rhythm(request, &facts)?,
        };
        let mut plan = rhythm(request, &facts, &guess);
        if let Self::Clip(predictors) = self
            && !states_chords(request, &facts)
        {
            guess.timed_chords = Some(predictors.chords(request, &plan, tokenizer)?);
        }
        harmony(&mut plan, request, &facts, guess)?;
        plan.validate()?;
        Ok(plan)
    }

    /// The prompt as the text encoder is told it: Mustango hears what flags state in the sentences
    /// of its training, the default model the instruments and the style that the plan filled in.
    pub(crate) fn told(&self, request: &Request, plan: &Plan) -> String {
        match self {
            Self::Clip(_) => clip::with_stated(request, Some(plan)),
            Self::Plain | Self::Text(_) => with_sound(&request.prompt, plan),
        }
    }
}

fn states_chords(request: &Request, facts: &StatedFacts) -> bool {
    request.chords.is_some() || !facts.chords.is_empty() || !facts.timed_chords.is_empty()
}

/// The prompt, and the style and instruments of the plan that it does not name.
fn with_sound(prompt: &str, plan: &Plan) -> String {
    let mut told = prompt.to_owned();
    let lower = told.to_lowercase();
    let open = |name: &&String| !lower.contains(&name.to_lowercase());
    let mut extra: Vec<&String> = plan.style.iter().filter(open).collect();
    extra.extend(plan.instruments.iter().filter(open));
    for name in extra {
        told.push_str(", ");
        told.push_str(name);
    }
    told
}

/// The tokens of a text, at most `max_tokens`, the end token last.
pub(crate) fn encode(tokenizer: &Tokenizer, text: &str, max_tokens: usize) -> Result<Vec<u32>> {
    let encoding = tokenizer.encode(text, true).map_err(|e| Error::Tokenizer {
        reason: e.to_string(),
    })?;
    let mut ids = encoding.get_ids().to_vec();
    if ids.len() > max_tokens {
        let end = ids[ids.len() - 1];
        ids.truncate(max_tokens - 1);
        ids.push(end);
    }
    Ok(ids)
}

/// Tempo, metre and beats: what was asked, stated and guessed, in that order of weight.
fn rhythm(request: &Request, facts: &StatedFacts, guess: &Guess) -> Plan {
    let duration_s = request.duration_s;
    let stated_tempo = request.tempo_bpm.or(facts.tempo_bpm);
    let given: Option<&[Beat]> = match (&request.beats, stated_tempo) {
        (Some(beats), _) => Some(beats),
        (None, Some(_)) => None,
        (None, None) => guess.beats.as_deref(),
    };
    let counted = request
        .beats
        .as_deref()
        .and_then(|beats| Meter::new(beats.iter().map(|beat| beat.number).max()?, 4));
    let meter = request
        .meter
        .or(counted)
        .or(facts.meter)
        .or(guess.meter)
        .unwrap_or(Meter::FOUR_FOUR);
    let tempo_bpm = stated_tempo
        .or_else(|| tempo_of(given?))
        .unwrap_or_else(|| {
            let guessed = guess.tempo_bpm.unwrap_or(PLAIN_TEMPO_BPM);
            facts.tempo_range.map_or(guessed, |(slow, fast)| {
                if guessed >= slow && guessed <= fast {
                    guessed
                } else {
                    ((slow + fast) / 2.0).round()
                }
            })
        });
    let mut plan = Plan::steady(tempo_bpm, meter, duration_s);
    plan.beats = match given {
        None => beat_grid(tempo_bpm, meter.felt_beats(), 0.0, duration_s),
        Some(beats) => {
            let mut beats = beats.to_vec();
            let counts = request.beats.is_none() && request.meter.or(facts.meter).is_some();
            for (beat, number) in beats.iter_mut().zip((1..=meter.felt_beats()).cycle()) {
                beat.number = if counts { number } else { beat.number };
            }
            beats.retain(|beat| beat.time_s < duration_s);
            beats
        }
    };
    plan
}

/// Beats per minute of given beats, if they are enough to tell.
fn tempo_of(beats: &[Beat]) -> Option<f64> {
    let times: Vec<f64> = beats.iter().map(|beat| beat.time_s).collect();
    let tempo = match times[..] {
        [first, second] => Some((60.0 / (second - first)).round()),
        _ => tempo_from_beats(&times),
    };
    let (slowest, fastest) = TEMPO_RANGE_BPM;
    tempo.map(|tempo| tempo.clamp(slowest, fastest))
}

/// Key, chords, style and instruments of a plan that has its beats.
fn harmony(plan: &mut Plan, request: &Request, facts: &StatedFacts, guess: Guess) -> Result<()> {
    plan.key = request
        .key
        .or(facts.key)
        .or(match states_chords(request, facts) {
            true => None,
            false => guess.key,
        });
    plan.style = guess.style;
    plan.instruments = if facts.instruments.is_empty() {
        guess.instruments
    } else {
        facts.instruments.clone()
    };
    plan.instruments
        .retain(|name| !facts.excluded_instruments.contains(name));
    let in_time = |events: &[ChordEvent]| {
        let inside = events.iter().filter(|event| event.time_s < plan.duration_s);
        inside.copied().collect()
    };
    plan.chords = if let Some(symbols) = &request.chords {
        plan.chords_from_symbols(symbols)?
    } else if !facts.timed_chords.is_empty() {
        in_time(&facts.timed_chords)
    } else if !facts.chords.is_empty() {
        one_per_bar(plan, &facts.chords)
    } else if let Some(events) = &guess.timed_chords {
        in_time(events)
    } else {
        one_per_bar(plan, &in_key(guess.chords, guess.key, plan.key))
    };
    Ok(())
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
        join(&request, plan_text::read_guess(guess))
    }

    fn join(request: &Request, guess: Guess) -> Plan {
        let facts = stated_facts(&request.prompt);
        let mut plan = rhythm(request, &facts, &guess);
        harmony(&mut plan, request, &facts, guess).unwrap();
        plan.validate().unwrap();
        plan
    }

    fn beats(times: &[f64]) -> Vec<Beat> {
        let numbers = (1..=3).cycle();
        let beat = |(&time_s, number)| Beat { time_s, number };
        times.iter().zip(numbers).map(beat).collect()
    }

    #[test]
    fn beats_count_as_they_are_given_and_the_tempo_follows_from_them() {
        let request = Request {
            prompt: "a song".to_owned(),
            beats: Some(beats(&[0.1, 0.6, 1.1, 1.6, 12.0])),
            ..Request::default()
        };
        let plan = join(&request, plan_text::read_guess(GUESS));
        assert_eq!(
            (plan.tempo_bpm, plan.meter.to_string().as_str()),
            (120.0, "3/4")
        );
        assert_eq!(
            plan.beats,
            beats(&[0.1, 0.6, 1.1, 1.6]),
            "none after the end"
        );
    }

    #[test]
    fn guessed_beats_give_way_to_a_stated_tempo_and_are_counted_in_a_stated_metre() {
        let guess = || Guess {
            meter: Meter::new(3, 4),
            beats: Some(beats(&[0.4, 1.0, 1.6, 2.2])),
            ..Guess::default()
        };
        let of = |prompt: &str| {
            let prompt = prompt.to_owned();
            join(
                &Request {
                    prompt,
                    ..Request::default()
                },
                guess(),
            )
        };
        assert_eq!(of("a song").beats, beats(&[0.4, 1.0, 1.6, 2.2]));
        assert_eq!(of("a song").tempo_bpm, 100.0);
        assert_eq!(of("a song at 120 bpm").beats[1].time_s, 0.5);
        let counted: Vec<u8> = of("in 2/4").beats.iter().map(|beat| beat.number).collect();
        assert_eq!(counted, [1, 2, 1, 2]);
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
