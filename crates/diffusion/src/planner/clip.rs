//! Mustango's two predictors: the beats of a clip from its prompt, then its chords from both.
//!
//! Melechovsky et al. 2023 (arXiv:2311.08355). The two networks together are larger than the one
//! that makes the sound and are needed for seconds, so each is read when it is asked and dropped
//! afterwards. They know clips of ten seconds: in longer pieces their beats go on and their chords
//! come again.

use super::{Guess, encode};
use crate::beats::BeatPredictor;
use crate::chords::{chord_prompt, parse_chords};
use crate::deberta::DebertaConfig;
use crate::error::{Error, Result};
use crate::model_files::{Loader, ModelFiles};
use crate::request::Request;
use crate::t5::{BeamSearch, T5Config, T5ForConditionalGeneration};
use crate::tokens::TokenBatch;
use mustool_music::{Beat, ChordEvent, Meter, Plan, StatedFacts};
use mustool_nn::DType;
use tokenizers::Tokenizer;

/// What the predictors hear of a piece, in seconds.
const HEARD_S: f64 = 10.0;
/// Longest piece that is left as they say, in seconds: a training clip.
const CLIP_S: f64 = 10.24;
/// Most tokens of a prompt.
const MAX_TOKENS: usize = 512;
/// Most chords that are named to the text encoder.
const MAX_NAMED_CHORDS: usize = 20;

/// Where the predictors are, and what they need beside their weights.
pub(crate) struct ClipPredictors {
    files: ModelFiles,
    beats_config: DebertaConfig,
    chords_config: T5Config,
    beats_tokenizer: Tokenizer,
}

impl ClipPredictors {
    /// Reads the configurations and compares every key, but loads no weights.
    pub(crate) fn new(files: &ModelFiles, beats_tokenizer: Tokenizer) -> Result<Self> {
        let predictors = Self {
            files: files.clone(),
            beats_config: DebertaConfig::from_json(
                "beats_config.json",
                &files.text("beats_config.json")?,
            )?,
            chords_config: T5Config::from_json(
                "chords_config.json",
                &files.text("chords_config.json")?,
            )?,
            beats_tokenizer,
        };
        predictors.beat_predictor(true)?;
        predictors.chord_predictor(true)?;
        Ok(predictors)
    }

    fn loader(&self, accounting: bool) -> Loader<'_> {
        Loader {
            files: &self.files,
            dtype: DType::F32,
            accounting,
        }
    }

    fn beat_predictor(&self, accounting: bool) -> Result<BeatPredictor> {
        let build = |weights: &_| Ok(BeatPredictor::new(&self.beats_config, weights));
        self.loader(accounting)
            .network("beats.safetensors", DType::F32, build)
    }

    fn chord_predictor(&self, accounting: bool) -> Result<T5ForConditionalGeneration> {
        let build = |weights: &_| {
            Ok(T5ForConditionalGeneration::new(
                &self.chords_config,
                weights,
            ))
        };
        self.loader(accounting)
            .network("chords.safetensors", DType::F32, build)
    }

    /// Metre and beats, as far as the request leaves either open.
    pub(super) fn rhythm(&self, request: &Request, facts: &StatedFacts) -> Result<Guess> {
        let knows_beats =
            request.beats.is_some() || request.tempo_bpm.or(facts.tempo_bpm).is_some();
        let knows_meter = request.beats.is_some() || request.meter.or(facts.meter).is_some();
        if knows_beats && knows_meter {
            return Ok(Guess::default());
        }
        let ids = encode(
            &self.beats_tokenizer,
            &with_stated(request, None),
            MAX_TOKENS,
        )?;
        let network = self.beat_predictor(false)?;
        let predicted = network.predict(&TokenBatch::padded(&[ids], 0)?)?;
        let predicted = predicted.first().ok_or(Error::NotFinite {
            stage: "beat predictor",
        })?;
        Ok(Guess {
            meter: Meter::new(predicted.max_beat, 4),
            beats: Some(continued(
                predicted.rising(),
                predicted.max_beat,
                request.duration_s,
            )),
            ..Guess::default()
        })
    }

    /// Chords for the beats of `plan`.
    pub(super) fn chords(
        &self,
        request: &Request,
        plan: &Plan,
        tokenizer: &Tokenizer,
    ) -> Result<Vec<ChordEvent>> {
        let heard: Vec<Beat> = plan
            .beats
            .iter()
            .take_while(|beat| beat.time_s < HEARD_S)
            .map(|beat| Beat {
                time_s: (beat.time_s * 100.0).round() / 100.0,
                ..*beat
            })
            .collect();
        let prompt = with_stated(request, None);
        let question = chord_prompt(&prompt, &heard, plan.felt_beats_per_bar());
        let ids = encode(tokenizer, &question, MAX_TOKENS)?;
        let network = self.chord_predictor(false)?;
        let input = TokenBatch::padded(&[ids], self.chords_config.pad_token_id)?;
        let answer = network.beam_search(&input, &BeamSearch::default())?;
        let text = tokenizer
            .decode(&answer.ids, true)
            .map_err(|e| Error::Tokenizer {
                reason: e.to_string(),
            })?;
        let clip_s = plan.duration_s.min(CLIP_S);
        let chords = parse_chords(&cleaned(&text)).rising(clip_s);
        Ok(again(chords, period_s(&heard), plan.duration_s))
    }
}

/// The prompt, and what flags state in sentences as in the captions of MusicBench; the chords once
/// the plan has them. A prompt without flags stays as it is.
pub(super) fn with_stated(request: &Request, plan: Option<&Plan>) -> String {
    let mut sentences = Vec::new();
    if let Some(plan) = plan.filter(|_| request.chords.is_some()) {
        let names = plan.chords.iter().map(|event| event.chord.to_string());
        let names: Vec<String> = names.take(MAX_NAMED_CHORDS).collect();
        sentences.push(format!("The chord sequence is {}.", names.join(", ")));
    }
    if let Some(meter) = request.meter {
        sentences.push(format!("The time signature is {meter}."));
    }
    if let Some(tempo_bpm) = request.tempo_bpm {
        sentences.push(format!("The bpm is {tempo_bpm}."));
    }
    if let Some(key) = request.key {
        sentences.push(format!("The key is {key}."));
    }
    let mut told = request.prompt.clone();
    for sentence in sentences {
        let stop = if told.trim_end().ends_with(['.', '!', '?']) {
            " "
        } else {
            ". "
        };
        told.push_str(stop);
        told.push_str(&sentence);
    }
    told
}

/// The spaces before punctuation that a decoder leaves, as transformers takes them out.
fn cleaned(text: &str) -> String {
    const PAIRS: [(&str, &str); 10] = [
        (" .", "."),
        (" ?", "?"),
        (" !", "!"),
        (" ,", ","),
        (" ' ", "'"),
        (" n't", "n't"),
        (" 'm", "'m"),
        (" 's", "'s"),
        (" 've", "'ve"),
        (" 're", "'re"),
    ];
    let clean = |text: String, (from, to): (&str, &str)| text.replace(from, to);
    PAIRS.into_iter().fold(text.to_owned(), clean)
}

/// Beats of a piece longer than a clip: the last interval of typical length goes on.
fn continued(mut beats: Vec<Beat>, per_bar: u8, duration_s: f64) -> Vec<Beat> {
    let mut intervals: Vec<f64> = beats
        .windows(2)
        .map(|pair| pair[1].time_s - pair[0].time_s)
        .collect();
    intervals.sort_by(f64::total_cmp);
    let typical = intervals.get(intervals.len() / 2).copied();
    // Beats closer than at the fastest tempo would never end.
    let Some(interval_s) = typical.filter(|&s| s >= 0.15 && duration_s > CLIP_S) else {
        return beats;
    };
    while let Some(last) = beats.last().copied()
        && last.time_s + interval_s < duration_s
    {
        beats.push(Beat {
            time_s: last.time_s + interval_s,
            number: last.number % per_bar.max(1) + 1,
        });
    }
    beats
}

/// How long the whole bars last that were heard; all that is heard where there is no bar.
fn period_s(heard: &[Beat]) -> f64 {
    let mut downbeats = heard.iter().filter(|beat| beat.number == 1);
    match (downbeats.next(), downbeats.next_back()) {
        (Some(first), Some(last)) => last.time_s - first.time_s,
        _ => HEARD_S,
    }
}

/// Chords again and again, `period_s` later each time, where the piece is longer than a clip.
fn again(chords: Vec<ChordEvent>, period_s: f64, duration_s: f64) -> Vec<ChordEvent> {
    if duration_s <= CLIP_S || chords.is_empty() || period_s < 1.0 {
        return chords;
    }
    let first_s = chords[0].time_s;
    let round: Vec<ChordEvent> = chords
        .into_iter()
        .take_while(|event| event.time_s < first_s + period_s)
        .collect();
    let rounds = (duration_s / period_s).ceil() as usize;
    (0..rounds)
        .flat_map(|n| {
            round.iter().map(move |event| ChordEvent {
                time_s: event.time_s + n as f64 * period_s,
                ..*event
            })
        })
        .take_while(|event| event.time_s < duration_s)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_music::{Chord, Key};

    fn beats(step_s: f64, count: usize) -> Vec<Beat> {
        (0..count)
            .map(|i| Beat {
                time_s: 0.5 + i as f64 * step_s,
                number: (i % 4) as u8 + 1,
            })
            .collect()
    }

    #[test]
    fn a_clip_keeps_the_beats_it_was_told_and_a_longer_piece_goes_on() {
        assert_eq!(continued(beats(0.5, 7), 4, 10.0), beats(0.5, 7));
        assert_eq!(continued(beats(0.5, 7), 4, 20.0), beats(0.5, 39));
        let crowded = continued(beats(0.01, 3), 4, 60.0);
        assert_eq!(crowded.len(), 3, "no endless rush of beats");
    }

    #[test]
    fn chords_come_again_after_whole_bars() {
        let event = |symbol: &str, time_s| ChordEvent {
            time_s,
            chord: Chord::parse(symbol).unwrap(),
        };
        let chords = vec![event("Am", 0.5), event("F", 4.5), event("G", 8.6)];
        // Downbeats at 0.5, 2.5, .. 8.5: four bars of two seconds.
        let heard = beats(0.5, 19);
        assert_eq!(period_s(&heard), 8.0);
        assert_eq!(again(chords.clone(), 8.0, 10.0), chords);
        let times: Vec<f64> = again(chords, 8.0, 20.0).iter().map(|e| e.time_s).collect();
        assert_eq!(times, [0.5, 4.5, 8.5, 12.5, 16.5]);
    }

    #[test]
    fn only_flags_add_sentences() {
        let mut request = Request {
            prompt: "A soft waltz at 96 bpm".to_owned(),
            ..Request::default()
        };
        assert_eq!(with_stated(&request, None), request.prompt);
        request.key = Some(Key::parse("A minor").unwrap());
        request.tempo_bpm = Some(96.0);
        assert_eq!(
            with_stated(&request, None),
            "A soft waltz at 96 bpm. The bpm is 96. The key is A minor."
        );
    }

    #[test]
    fn decoded_text_is_cleaned_as_transformers_does() {
        assert_eq!(
            cleaned("Gm at 0.5 n Eb at 1 .39 , it 's"),
            "Gm at 0.5 n Eb at 1.39, it's"
        );
    }
}
