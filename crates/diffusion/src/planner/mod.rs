//! From a request to a plan: what is stated wins, networks fill in the rest.
//!
//! The default model's planner draws a plan by the request's seed (`network`); Mustango's predictors
//! guess beats and then chords (`clip`), always the same.

mod clip;
mod network;
mod tokens;

use crate::error::{Error, Result};
use crate::noise::{Noise, Purpose};
use crate::request::Request;
use crate::t5::T5Encoder;
use crate::tokens::TokenBatch;
use mustool_music::{
    Beat, Chord, ChordEvent, Key, Meter, Plan, StatedFacts, TEMPO_RANGE_BPM, beat_grid,
    stated_facts, tempo_from_beats,
};
use tokenizers::Tokenizer;

pub(crate) use clip::ClipPredictors;
pub(crate) use network::PlannerNetwork;
use network::Wishes;

/// Tempo where nobody says anything.
const PLAIN_TEMPO_BPM: f64 = 100.0;

/// Who fills in what a request leaves open.
pub(crate) enum Planner {
    /// Nobody: plans are plain.
    Plain,
    /// A network that draws a plan, decision by decision.
    Network(Box<PlannerNetwork>),
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
    /// Each with its length in beats.
    chords: Vec<(Chord, u8)>,
    /// Chords with times; none of them where there are none.
    timed_chords: Option<Vec<ChordEvent>>,
    style: Option<String>,
    instruments: Vec<String>,
}

impl Planner {
    /// Makes the plan of a request, read as `reader` reads prompts.
    pub(crate) fn plan(&self, request: &Request, reader: &TextReader) -> Result<Plan> {
        if let Some(plan) = &request.plan {
            plan.validate()?;
            let mut plan = plan.clone();
            plan.duration_s = request.duration_s.max(plan.duration_s);
            return Ok(plan);
        }
        let mut facts = stated_facts(&request.prompt);
        facts
            .excluded_instruments
            .extend(unwanted_instruments(request));
        let mut guess = match self {
            Self::Plain => Guess::default(),
            Self::Network(network) => drawn(request, &facts, network, reader)?,
            Self::Clip(predictors) => predictors.rhythm(request, &facts)?,
        };
        let mut plan = rhythm(request, &facts, &guess);
        if let Self::Clip(predictors) = self
            && !states_chords(request, &facts)
        {
            guess.timed_chords = Some(predictors.chords(request, &plan, &reader.tokenizer)?);
        }
        harmony(&mut plan, request, &facts, guess)?;
        plan.validate()?;
        Ok(plan)
    }

    /// The prompt as the text encoder is told it: Mustango hears what flags state in the sentences
    /// of its training, the default model hears the plan's sounds first.
    pub(crate) fn told(&self, request: &Request, plan: &Plan) -> String {
        match self {
            Self::Clip(_) => clip::with_stated(request, Some(plan)),
            Self::Plain | Self::Network(_) => after_sounds(&request.prompt, plan),
        }
    }
}

/// What reads prompts: tokenizer and text encoder.
pub(crate) struct TextReader {
    pub(crate) tokenizer: Tokenizer,
    pub(crate) encoder: T5Encoder,
    /// Tokens to which a prompt is cut.
    pub(crate) max_tokens: usize,
}

impl TextReader {
    /// The tokens of a prompt.
    pub(crate) fn encode(&self, text: &str) -> Result<Vec<u32>> {
        encode(&self.tokenizer, text, self.max_tokens)
    }
}

/// A plan drawn by the request's seed around what the request states.
fn drawn(
    request: &Request,
    facts: &StatedFacts,
    network: &PlannerNetwork,
    reader: &TextReader,
) -> Result<Guess> {
    let input = TokenBatch::padded(&[reader.encode(&request.prompt)?], 0)?;
    let hidden_states = reader.encoder.forward(&input)?;
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
    network.draw(&input, &hidden_states, &wishes, &mut uniform)
}

/// Instruments that the negative prompt names and the prompt does not.
pub(crate) fn unwanted_instruments(request: &Request) -> Vec<String> {
    let wanted = stated_facts(&request.prompt).instruments;
    let mut unwanted = stated_facts(&request.negative_prompt).instruments;
    unwanted.retain(|name| !wanted.contains(name));
    unwanted
}

fn states_chords(request: &Request, facts: &StatedFacts) -> bool {
    request.chords.is_some() || !facts.chords.is_empty() || !facts.timed_chords.is_empty()
}

/// The prompt behind the plan's sounds, as in training:
/// `bossa nova: nylon guitar, shaker | slow bossa nova in A minor`.
fn after_sounds(prompt: &str, plan: &Plan) -> String {
    let instruments = plan.instruments.join(", ");
    let sounds = match &plan.style {
        Some(style) if instruments.is_empty() => style.clone(),
        Some(style) => format!("{style}: {instruments}"),
        None => instruments,
    };
    match sounds.as_str() {
        "" => prompt.to_owned(),
        sounds => format!("{sounds} | {prompt}"),
    }
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
        .or_else(|| tempo_of(given?, duration_s))
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

/// Beats per minute of the given beats that fall into the piece, if they are enough to tell.
fn tempo_of(beats: &[Beat], duration_s: f64) -> Option<f64> {
    let times = beats.iter().map(|beat| beat.time_s);
    let times: Vec<f64> = times.filter(|time_s| *time_s < duration_s).collect();
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
    plan.instruments = if guess.instruments.is_empty() {
        facts.instruments.clone()
    } else {
        guess.instruments
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
    } else if guess.chords.is_empty() {
        one_per_bar(plan, &cadence(plan.key))
    } else {
        one_after_another(plan, &guess.chords)
    };
    Ok(())
}

/// The plainest chords of a key; of C major where there is none.
fn cadence(key: Option<Key>) -> Vec<Chord> {
    let plain = || Key::parse("C major").expect("a key that every parser knows");
    let key = key.unwrap_or_else(plain);
    [1, 6, 4, 5].map(|degree| key.chord_on(degree)).to_vec()
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
        join(&request, guess)
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
    fn a_negative_prompt_rules_out_what_the_prompt_does_not_ask_for() {
        let request = |prompt: &str, negative: &str| Request {
            prompt: prompt.to_owned(),
            negative_prompt: negative.to_owned(),
            ..Request::default()
        };
        let unwanted = |prompt, negative| unwanted_instruments(&request(prompt, negative));
        assert_eq!(unwanted("jazz with piano", "drums and piano"), ["drums"]);
        assert!(unwanted("jazz with piano", "blurred, low quality").is_empty());
    }

    #[test]
    fn beats_count_as_they_are_given_and_the_tempo_follows_from_them() {
        let request = Request {
            prompt: "a song".to_owned(),
            beats: Some(beats(&[0.1, 0.6, 1.1, 1.6, 12.0])),
            ..Request::default()
        };
        let plan = join(&request, guess());
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
        let told = || Guess {
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
                told(),
            )
        };
        assert_eq!(of("a song").beats, beats(&[0.4, 1.0, 1.6, 2.2]));
        assert_eq!(of("a song").tempo_bpm, 100.0);
        assert_eq!(of("a song at 120 bpm").beats[1].time_s, 0.5);
        let counted: Vec<u8> = of("in 2/4").beats.iter().map(|beat| beat.number).collect();
        assert_eq!(counted, [1, 2, 1, 2]);
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
            ..Guess::default()
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
