//! Chords: a network hears pitch classes, roots and basses, a decoder decides on the symbols.
//!
//! The network is a convolutional one around the circle of pitch classes, so that transposed music
//! gives transposed answers; what it tells is that of McFee & Bello (ISMIR 2017). The key is found
//! in [`crate::key`].

mod decoder;
mod vocabulary;

use mustool_audio::stft::Spectrogram;

use crate::Result;
use crate::frontend::{LOWEST_MIDI, NUM_SEMITONES};
use crate::net::{Layer, Weights, add, log_softmax, relu, sigmoid};

pub use decoder::{Segment, decode};

const WEIGHTS: &[u8] = include_bytes!("../../weights/chords.safetensors");
/// Semitones from which each semitone is heard: its possible fundamentals, neighbours, overtones.
const HARMONICS: [i32; 12] = [-24, -19, -12, -7, -1, 0, 1, 7, 12, 19, 24, 28];
const NOTE_CHANNELS: (usize, usize) = (16, 8);
/// Middles of bass, middle and treble, in semitones above the lowest.
const REGISTERS: [f32; 3] = [10.0, 34.0, 60.0];
const FOLDED: usize = REGISTERS.len() * NOTE_CHANNELS.1;
const WIDTH: usize = 32;
const DILATIONS: [usize; 4] = [1, 2, 4, 8];
/// The layer over time before which pitch classes are compared a second time.
const SECOND_CIRCLE: usize = 2;

/// A frame whose loudest semitone is softer than this is silent: −70 dB below full scale.
const SILENT: f32 = 0.3;

/// What the network hears in a frame of 100 ms.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// Probability that each pitch class belongs to the chord, C first.
    pub classes: [f32; 12],
    /// Log-probability of each root, C first; the last is no chord.
    pub root: [f32; 13],
    /// Log-probability of each bass, C first; the last is no chord.
    pub bass: [f32; 13],
}

impl Heard {
    /// Nothing sounds.
    const NOTHING: Self = {
        let mut none = [-20.0; 13];
        none[12] = 0.0;
        Self {
            classes: [0.0; 12],
            root: none,
            bass: none,
        }
    };
}

/// The chord network.
#[derive(Debug, Clone)]
pub struct ChordNetwork {
    harmonics: Layer,
    notes: Layer,
    circle: [Layer; 2],
    time: Vec<Layer>,
    output: Layer,
    none: Layer,
}

impl ChordNetwork {
    /// The weights in the program.
    pub fn new() -> Result<Self> {
        let weights = Weights::new("chords", WEIGHTS)?;
        let layer = |key: &str, sizes, kernel: &[usize]| Layer::new(&weights, key, sizes, kernel);
        let time = |i: usize| layer(&format!("time.{i}"), (WIDTH, WIDTH), &[3, 1]);
        Ok(Self {
            harmonics: layer("harmonics", (HARMONICS.len(), NOTE_CHANNELS.0), &[])?,
            notes: layer("notes", NOTE_CHANNELS, &[])?,
            circle: [
                layer("circle.0", (FOLDED, WIDTH), &[1, 12])?,
                layer("circle.1", (WIDTH, WIDTH), &[1, 12])?,
            ],
            time: (0..DILATIONS.len()).map(time).collect::<Result<_>>()?,
            output: layer("output", (WIDTH, 3), &[])?,
            none: layer("none", (WIDTH, 2), &[])?,
        })
    }

    /// `[frames][NUM_SEMITONES]` → what is heard in each frame; nothing in silent ones.
    pub fn forward(&self, semitones: &Spectrogram) -> Vec<Heard> {
        let mut x = self.circle[0].around_circle(&self.fold(semitones));
        relu(&mut x);
        for (i, (layer, dilation)) in self.time.iter().zip(DILATIONS).enumerate() {
            if i == SECOND_CIRCLE {
                let mut y = self.circle[1].around_circle(&x);
                relu(&mut y);
                add(&mut x, &y);
            }
            let mut y = layer.over_time(&x, 12, dilation);
            relu(&mut y);
            add(&mut x, &y);
        }
        let each = self.output.rows(&x);
        let frames = x.chunks_exact(12 * WIDTH).zip(each.chunks_exact(12 * 3));
        let answers = frames.map(|(hidden, each)| self.heard(hidden, each));
        let silent = |frame: &[f32]| frame.iter().all(|&value| value < SILENT);
        let sounds = semitones.frames().map(|frame| !silent(frame));
        let answers = answers.zip(sounds);
        answers
            .map(|(answer, sounds)| if sounds { answer } else { Heard::NOTHING })
            .collect()
    }

    /// Semitones to pitch classes in three registers, `[frames][12][FOLDED]`.
    fn fold(&self, semitones: &Spectrogram) -> Vec<f32> {
        let weights = registers();
        let mut folded = Vec::with_capacity(semitones.num_frames() * 12 * FOLDED);
        for frame in semitones.frames() {
            let at = |semitone: usize, offset: i32| {
                let index = usize::try_from(semitone as i32 + offset);
                index
                    .ok()
                    .and_then(|index| frame.get(index))
                    .copied()
                    .unwrap_or(0.0)
            };
            let stack: Vec<f32> = (0..NUM_SEMITONES)
                .flat_map(|semitone| HARMONICS.map(|offset| at(semitone, offset)))
                .collect();
            let mut x = self.harmonics.rows(&stack);
            relu(&mut x);
            let mut notes = self.notes.rows(&x);
            relu(&mut notes);
            let start = folded.len();
            folded.resize(start + 12 * FOLDED, 0.0);
            for (semitone, note) in notes.chunks_exact(NOTE_CHANNELS.1).enumerate() {
                let class = (semitone + usize::from(LOWEST_MIDI)) % 12;
                let place = &mut folded[start + class * FOLDED..start + (class + 1) * FOLDED];
                let registers = place.chunks_exact_mut(NOTE_CHANNELS.1);
                for (sums, weight) in registers.zip(weights[semitone]) {
                    sums.iter_mut()
                        .zip(note)
                        .for_each(|(sum, value)| *sum += weight * value / 4.0);
                }
            }
        }
        folded
    }

    /// The answers of a frame from its `[12][WIDTH]` values and the `[12][3]` logits of them.
    fn heard(&self, hidden: &[f32], each: &[f32]) -> Heard {
        let mut mean = [0.0; WIDTH];
        for place in hidden.chunks_exact(WIDTH) {
            mean.iter_mut()
                .zip(place)
                .for_each(|(mean, value)| *mean += value / 12.0);
        }
        let none = self.none.rows(&mean);
        let logits = |column: usize, none: f32| -> [f32; 13] {
            let logits: Vec<f32> = (0..12)
                .map(|class| each[class * 3 + column])
                .chain([none])
                .collect();
            let logs = log_softmax(&logits);
            std::array::from_fn(|i| logs[i])
        };
        Heard {
            classes: std::array::from_fn(|class| sigmoid(each[class * 3])),
            root: logits(1, none[0]),
            bass: logits(2, none[1]),
        }
    }
}

/// How much each semitone belongs to bass, middle and treble; each row sums to 1.
fn registers() -> Vec<[f32; 3]> {
    let [low, middle, high] = REGISTERS;
    let row = |semitone: usize| {
        let position = semitone as f32;
        let bass = ((middle - position) / (middle - low)).clamp(0.0, 1.0);
        let treble = ((position - middle) / (high - middle)).clamp(0.0, 1.0);
        [bass, 1.0 - bass - treble, treble]
    };
    (0..NUM_SEMITONES).map(row).collect()
}

#[cfg(test)]
pub(crate) use tests::chords;

#[cfg(test)]
mod tests {
    use super::*;
    use mustool_audio::Waveform;

    /// Plain tones of MIDI notes, one chord a second.
    pub(crate) fn chords(notes: &[&[u8]]) -> Waveform {
        let value = |i: usize| {
            let sounding = notes[i / 24_000];
            let sum: f64 = sounding
                .iter()
                .flat_map(|&midi| {
                    let hz = 440.0 * ((f64::from(midi) - 69.0) / 12.0).exp2();
                    let phase = std::f64::consts::TAU * hz * i as f64 / 24_000.0;
                    (1..=6).map(move |n| (f64::from(n) * phase).sin() / f64::from(n).powf(1.5))
                })
                .sum();
            let age_s = (i % 24_000) as f64 / 24_000.0;
            (0.08 * sum * (-1.5 * age_s).exp()) as f32
        };
        let samples = (0..24_000 * notes.len()).map(value).collect();
        Waveform::mono(samples, 24_000).unwrap()
    }

    #[test]
    fn transposed_music_gives_transposed_answers() {
        let network = ChordNetwork::new().unwrap();
        let at = |shift: u8| {
            let c = [48, 52, 55, 60].map(|note| note + shift);
            let f = [41, 53, 57, 60].map(|note| note + shift);
            let sound = chords(&[&c, &f, &c]);
            network.forward(
                &crate::frontend::Frontend::new(&sound)
                    .unwrap()
                    .pitch
                    .semitones,
            )
        };
        let root = |heard: &Heard| (0..13).max_by(|&a, &b| heard.root[a].total_cmp(&heard.root[b]));
        for shift in 0..12 {
            let heard = at(shift);
            let class = |of: u8| Some(usize::from((of + shift) % 12));
            assert_eq!(root(&heard[5]), class(0), "shift {shift}");
            assert_eq!(root(&heard[15]), class(5), "shift {shift}");
            assert!(
                heard
                    .iter()
                    .all(|h| h.classes.iter().all(|p| (0.0..=1.0).contains(p)))
            );
        }
    }

    #[test]
    fn silence_is_no_chord() {
        let silence = Spectrogram::new(vec![0.0; 20 * NUM_SEMITONES], NUM_SEMITONES).unwrap();
        let heard = ChordNetwork::new().unwrap().forward(&silence);
        assert!(heard.iter().all(|heard| heard.root[12] > 0.5_f32.ln()));
        let none = Spectrogram::new(Vec::new(), NUM_SEMITONES).unwrap();
        assert!(ChordNetwork::new().unwrap().forward(&none).is_empty());
    }
}
