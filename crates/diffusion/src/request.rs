//! What is asked of a pipeline and what it gives back.

use crate::error::{Error, Result};
use crate::scheduler::SchedulerKind;
use mustool_audio::Waveform;
use mustool_music::{Beat, Key, MAX_BEATS, Meter, Plan};
use std::fmt;

/// Longest prompt, in characters.
pub const MAX_PROMPT_CHARS: usize = 2000;
/// Most variations of one request.
pub const MAX_OUTPUTS: usize = 64;

/// A piece of music to be made.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it should sound like.
    pub prompt: String,
    /// What it should not sound like.
    pub negative_prompt: String,
    /// A whole plan, for instance an edited one; stated facts do not change it.
    pub plan: Option<Plan>,
    /// Tempo in beats per minute, over what the prompt says.
    pub tempo_bpm: Option<f64>,
    /// Key, over what the prompt says.
    pub key: Option<Key>,
    /// Metre, over what the prompt says.
    pub meter: Option<Meter>,
    /// Chords as in `Plan::chords_from_symbols`, over what the prompt says.
    pub chords: Option<String>,
    /// Every beat in order of time, over tempo and metre; those after the end are left out.
    pub beats: Option<Vec<Beat>>,
    /// Length in seconds.
    pub duration_s: f64,
    /// The same seed gives the same samples.
    pub seed: u64,
    /// Number of variations; each has its own noise.
    pub num_outputs: usize,
    /// Denoising steps; the model's own number if not given.
    pub num_inference_steps: Option<usize>,
    /// Strength of the prompt; 1 turns guidance off.
    pub guidance_scale: Option<f64>,
    /// How steps are taken; the model's own scheduler if not given.
    pub scheduler: Option<SchedulerKind>,
    /// Existing audio to start from.
    pub source: Option<AudioSource>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            prompt: String::new(),
            negative_prompt: String::new(),
            plan: None,
            tempo_bpm: None,
            key: None,
            meter: None,
            chords: None,
            beats: None,
            duration_s: 10.0,
            seed: 0,
            num_outputs: 1,
            num_inference_steps: None,
            guidance_scale: None,
            scheduler: None,
            source: None,
        }
    }
}

/// Existing audio and what is to be done with it.
#[derive(Debug, Clone)]
pub struct AudioSource {
    /// The audio; any sample rate and channels.
    pub waveform: Waveform,
    /// What is to be done.
    pub mode: Mode,
}

/// What is to be done with existing audio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Mode {
    /// Make it anew, like it: `strength` 0 keeps it, 1 forgets it.
    Vary {
        /// Share of the denoising that is done again, 0 to 1.
        strength: f64,
    },
    /// Go on after its end, up to the request's duration.
    Extend,
    /// Make a span anew.
    Inpaint {
        /// Start of the span in seconds.
        start_s: f64,
        /// End of the span in seconds.
        end_s: f64,
    },
    /// Make its end lead into its beginning.
    Loop,
}

/// Where a generation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is being done.
    pub stage: Stage,
    /// Steps done.
    pub step: usize,
    /// Steps in all.
    pub total: usize,
}

/// The stages of a generation, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Understanding the prompt.
    TextEncode,
    /// Filling in tempo, key and chords.
    PredictControls,
    /// Denoising latents.
    Denoise,
    /// Latents to spectrogram.
    VaeDecode,
    /// Spectrogram to waveform.
    Vocode,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TextEncode => "text_encode",
            Self::PredictControls => "predict_controls",
            Self::Denoise => "denoise",
            Self::VaeDecode => "vae_decode",
            Self::Vocode => "vocode",
        })
    }
}

/// One finished variation.
#[derive(Debug, Clone)]
pub struct Output {
    /// The music, mono, at the model's sample rate, not yet levelled.
    pub waveform: Waveform,
    /// The request's seed.
    pub seed: u64,
    /// The plan that was rendered.
    pub plan: Plan,
}

impl Request {
    /// Refuses what no model can do; `max_duration_s` is the model's.
    pub(crate) fn validate(&self, max_duration_s: f64) -> Result<()> {
        let bad = |field, reason: String| Err(Error::InvalidRequest { field, reason });
        if self.prompt.trim().is_empty() {
            return bad(
                "prompt",
                "is empty; say what the music should sound like".to_owned(),
            );
        }
        for (field, text) in [
            ("prompt", &self.prompt),
            ("negative_prompt", &self.negative_prompt),
        ] {
            let chars = text.chars().count();
            if chars > MAX_PROMPT_CHARS {
                return bad(
                    field,
                    format!("has {chars} characters; at most {MAX_PROMPT_CHARS} are taken"),
                );
            }
        }
        if !(self.duration_s >= 1.0 && self.duration_s <= max_duration_s) {
            return bad(
                "duration_s",
                format!(
                    "{} is not within 1 to {max_duration_s} seconds",
                    self.duration_s
                ),
            );
        }
        if !(1..=MAX_OUTPUTS).contains(&self.num_outputs) {
            return bad(
                "n",
                format!("{} is not within 1 to {MAX_OUTPUTS}", self.num_outputs),
            );
        }
        if let Some(guidance) = self.guidance_scale
            && !(0.0..=50.0).contains(&guidance)
        {
            return bad(
                "guidance_scale",
                format!("{guidance} is not within 0 to 50"),
            );
        }
        if let Some(steps) = self.num_inference_steps
            && !(1..=1000).contains(&steps)
        {
            return bad("steps", format!("{steps} is not within 1 to 1000"));
        }
        if let Some(tempo) = self.tempo_bpm
            && !(20.0..=400.0).contains(&tempo)
        {
            return bad("tempo_bpm", format!("{tempo} is not within 20 to 400"));
        }
        if let Some(beats) = &self.beats {
            check_beats(beats).or_else(|reason| bad("beats", reason))?;
        }
        if let Some(source) = &self.source {
            self.validate_source(source, max_duration_s)?;
        }
        Ok(())
    }

    fn validate_source(&self, source: &AudioSource, max_duration_s: f64) -> Result<()> {
        let bad = |field, reason: String| Err(Error::InvalidRequest { field, reason });
        let length = source.waveform.duration_s();
        match source.mode {
            Mode::Vary { strength } if !(0.0..=1.0).contains(&strength) => {
                bad("strength", format!("{strength} is not within 0 to 1"))
            }
            Mode::Inpaint { start_s, end_s }
                if !(start_s >= 0.0 && start_s < end_s && end_s <= length) =>
            {
                bad(
                    "span",
                    format!(
                        "{start_s} to {end_s} s does not lie inside the {length:.2} s of audio"
                    ),
                )
            }
            Mode::Extend if self.duration_s <= length => bad(
                "duration_s",
                format!(
                    "{} s is not longer than the {length:.2} s of audio",
                    self.duration_s
                ),
            ),
            _ if length > max_duration_s => bad(
                "input",
                format!("{length:.2} s of audio is too long; at most {max_duration_s} s are taken"),
            ),
            _ if length < 0.5 => bad(
                "input",
                format!("{length:.2} s of audio is too short; 0.5 s are needed"),
            ),
            _ => Ok(()),
        }
    }
}

/// Refuses beats that no plan can hold: none or too many, times out of order, numbers beyond 32.
pub fn check_beats(beats: &[Beat]) -> Result<(), String> {
    if beats.is_empty() || beats.len() > MAX_BEATS {
        let count = beats.len();
        return Err(format!("{count} of them; 1 to {MAX_BEATS} are taken"));
    }
    let in_time = |beat: &Beat| beat.time_s.is_finite() && beat.time_s >= 0.0;
    if let Some(beat) = beats.iter().find(|beat| !in_time(beat)) {
        return Err(format!("{} is no time in the piece", beat.time_s));
    }
    if let Some(beat) = beats.iter().find(|beat| !(1..=32).contains(&beat.number)) {
        let number = beat.number;
        return Err(format!("{number} is no place in a bar; 1 to 32 are"));
    }
    let mut pairs = beats.windows(2);
    match pairs.find(|pair| pair[1].time_s <= pair[0].time_s) {
        Some(pair) => {
            let (later, earlier) = (pair[1].time_s, pair[0].time_s);
            Err(format!(
                "{later} s comes after {earlier} s; list them in order"
            ))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_are_times_in_order_with_places_in_the_bar() {
        let of = |beats: &[(f64, u8)]| {
            let beat = |&(time_s, number): &(f64, u8)| Beat { time_s, number };
            check_beats(&beats.iter().map(beat).collect::<Vec<_>>())
        };
        assert_eq!(of(&[(0.0, 3), (0.5, 1), (1.1, 2)]), Ok(()));
        for (beats, word) in [
            (&[][..], "0 of them"),
            (&[(f64::NAN, 1)], "NaN"),
            (&[(-1.0, 1)], "-1"),
            (&[(1.0, 0)], "place in a bar"),
            (&[(1.0, 1), (1.0, 2)], "in order"),
        ] {
            assert!(of(beats).unwrap_err().contains(word), "{beats:?}");
        }
    }

    #[test]
    fn audio_beyond_the_model_is_refused_before_any_work() {
        let refusal = |seconds: usize| {
            let waveform = Waveform::mono(vec![0.0; seconds * 8000], 8000).unwrap();
            let mode = Mode::Vary { strength: 0.5 };
            let request = Request {
                prompt: "piano".to_owned(),
                source: Some(AudioSource { waveform, mode }),
                ..Request::default()
            };
            request.validate(20.0).map_err(|error| error.to_string())
        };
        assert_eq!(refusal(20), Ok(()));
        assert!(refusal(21).unwrap_err().contains("at most 20 s"));
    }
}
