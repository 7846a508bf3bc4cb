//! Beats, downbeats, metre and tempo: a network hears where beats may be, a tracker decides.
//!
//! The network is a temporal convolutional one (Davies & Böck, EUSIPCO 2019), the decision a bar
//! pointer model (Krebs, Böck & Widmer, ISMIR 2015). [`onsets()`] finds the beginnings of notes.

mod onsets;
mod tracker;

use mustool_audio::stft::Spectrogram;
use mustool_music::{Beat, Meter};

use crate::Result;
use crate::frontend::{NUM_BANDS, RHYTHM_FPS, RhythmBands};
use crate::net::{Layer, Weights, add, elu, sigmoid};

pub use onsets::{onset_strength, onsets};
pub use tracker::{Tracked, track};

const WEIGHTS: &[u8] = include_bytes!("../../weights/beats.safetensors");
const CHANNELS: usize = 24;
const NUM_BLOCKS: usize = 8;
/// By how much training raised the logits of beats and of downbeats: it weighs a missed beat 7
/// times and a missed downbeat 21 times as much as a false one.
const EMPHASIS: (f32, f32) = (1.95, 2.6);
/// Beats of a bar whose beats fall into three parts, and those of one whose do not.
const TWO_BEATS: (Meter, Meter) = (Meter::SIX_EIGHT, Meter::TWO_FOUR);

/// How likely each moment is a beat.
#[derive(Debug, Clone, PartialEq)]
pub struct Activation {
    /// Probability of a beat, downbeats included, 50 times a second.
    pub beat: Vec<f32>,
    /// Probability of a downbeat, no greater.
    pub downbeat: Vec<f32>,
}

impl Activation {
    /// Time of the middle of a frame, in seconds.
    pub fn time_s(frame: f64) -> f64 {
        (frame + 0.25) / RHYTHM_FPS
    }
}

/// The beat network.
#[derive(Debug, Clone)]
pub struct BeatNetwork {
    input: Layer,
    blocks: Vec<Layer>,
    output: Layer,
}

impl BeatNetwork {
    /// The weights in the program.
    pub fn new() -> Result<Self> {
        let weights = Weights::new("beats", WEIGHTS)?;
        let block = |i: usize| {
            let key = format!("blocks.{i}");
            Layer::new(&weights, &key, (CHANNELS, CHANNELS), &[5])
        };
        Ok(Self {
            input: Layer::new(&weights, "input", (NUM_BANDS, CHANNELS), &[5])?,
            blocks: (0..NUM_BLOCKS).map(block).collect::<Result<_>>()?,
            output: Layer::new(&weights, "output", (CHANNELS, 2), &[1])?,
        })
    }

    /// `[frames][NUM_BANDS]` → one activation a frame.
    pub fn forward(&self, bands: &Spectrogram) -> Activation {
        let mut x = self.input.over_time(bands.values(), 1, 1);
        elu(&mut x);
        for (i, block) in self.blocks.iter().enumerate() {
            let mut y = block.over_time(&x, 1, 1 << i);
            elu(&mut y);
            add(&mut x, &y);
        }
        let logits = self.output.rows(&x);
        let (beat, downbeat) = logits
            .chunks_exact(2)
            .map(|pair| {
                let beat = sigmoid(pair[0]);
                let share = sigmoid(pair[1] - EMPHASIS.1) / sigmoid(pair[0] - EMPHASIS.0);
                (beat, beat * share.min(1.0))
            })
            .unzip();
        Activation { beat, downbeat }
    }
}

/// Rhythm of a piece.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rhythm {
    /// Beats with their numbers in the bar; none or at least two.
    pub beats: Vec<Beat>,
    /// Beats per minute, the mean over the piece; none for fewer than two beats.
    pub tempo_bpm: Option<f64>,
    /// Metre; none without a tempo. Two beats a bar are 6/8 where they fall into three parts, else
    /// 2/4; other metres are told by the number of beats only.
    pub meter: Option<Meter>,
}

impl Rhythm {
    /// Tracks the beats of an activation; `bands` tell how beats are divided.
    pub fn new(activation: &Activation, bands: &RhythmBands) -> Self {
        // A single beat is no rhythm.
        let Some(Tracked {
            beats,
            beats_per_bar,
        }) = track(activation).filter(|found| found.beats.len() > 1)
        else {
            return Self::default();
        };
        let meter = match beats_per_bar {
            2 if falls_into_three(&beats, &onset_strength(bands)) => TWO_BEATS.0,
            2 => TWO_BEATS.1,
            3 => Meter::THREE_FOUR,
            _ => Meter::FOUR_FOUR,
        };
        let tempo_bpm = mean_tempo(&beats);
        Self {
            meter: tempo_bpm.map(|_| meter),
            tempo_bpm,
            beats,
        }
    }

    /// Times of the first beats of bars, in seconds.
    pub fn downbeats(&self) -> impl Iterator<Item = f64> {
        let first = self.beats.iter().filter(|beat| beat.number == 1);
        first.map(|beat| beat.time_s)
    }
}

fn mean_tempo(beats: &[Beat]) -> Option<f64> {
    let (first, last) = (beats.first()?, beats.last()?);
    let duration_s = last.time_s - first.time_s;
    (duration_s > 0.0).then(|| 60.0 * (beats.len() - 1) as f64 / duration_s)
}

/// Whether more happens at the thirds of the beats than at their halves.
fn falls_into_three(beats: &[Beat], onset_strength: &[f32]) -> bool {
    let at = |time_s: f64| {
        let frame = (100.0 * time_s).round() as usize;
        let around = frame.saturating_sub(3)..(frame + 4).min(onset_strength.len());
        let strengths = onset_strength.get(around).unwrap_or_default();
        strengths.iter().copied().fold(0.0, f32::max)
    };
    let (mut thirds, mut halves) = (0.0, 0.0);
    for pair in beats.windows(2) {
        let part = |part: f64| at(pair[0].time_s + part * (pair[1].time_s - pair[0].time_s));
        thirds += (part(1.0 / 3.0) + part(2.0 / 3.0)) / 2.0;
        halves += part(0.5);
    }
    thirds > halves
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_answers_every_frame_with_probabilities() {
        let network = BeatNetwork::new().unwrap();
        for num_frames in [0, 1, 7, 300] {
            let values = vec![0.3; num_frames * NUM_BANDS];
            let bands = Spectrogram::new(values, NUM_BANDS).unwrap();
            let Activation { beat, downbeat } = network.forward(&bands);
            assert_eq!((beat.len(), downbeat.len()), (num_frames, num_frames));
            let fine = |(b, d): (&f32, &f32)| (0.0..=1.0).contains(b) && d <= b && *d >= 0.0;
            assert!(beat.iter().zip(&downbeat).all(fine));
        }
    }

    #[test]
    fn thirds_are_told_from_halves() {
        let beats: Vec<Beat> = (0..8)
            .map(|i| Beat {
                time_s: 0.6 * f64::from(i),
                number: i % 2 + 1,
            })
            .collect();
        let pulses = |parts: usize| -> Vec<f32> {
            let hit = |frame: usize| frame * parts % 60 < parts;
            (0..480)
                .map(|frame| f32::from(u8::from(hit(frame))))
                .collect()
        };
        assert!(falls_into_three(&beats, &pulses(3)));
        assert!(!falls_into_three(&beats, &pulses(2)));
        assert!(!falls_into_three(&beats, &[]));
    }
}
