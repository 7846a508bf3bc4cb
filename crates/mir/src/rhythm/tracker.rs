//! Decides on the beats: the sequence of beats and bars that explains an activation best.
//!
//! The bar pointer model of Krebs, Böck & Widmer (ISMIR 2015) for bars of two, three and four
//! beats, in which the tempo may change at beats only. Solved beat by beat rather than frame by
//! frame: the best way to a beat of number n and length l that begins at t comes from a beat
//! n − 1 that ends there. The same optimum, at a fraction of the work.

use mustool_music::Beat;

use super::Activation;

/// Frames a second of the tracker; the activation is interpolated.
const FPS: f64 = 100.0;
/// Shortest and longest beat in frames: 230 and 40 beats a minute.
const LENGTHS: (usize, usize) = (26, 150);
const NUM_LENGTHS: usize = LENGTHS.1 - LENGTHS.0 + 1;
/// How much a change of tempo costs, in nats per relative change of length; the half frame that a
/// steady tempo needs for rounding is free.
const CHANGE_COST: f32 = 70.0;
/// Largest change of length from beat to beat.
const MAX_CHANGE: f64 = 0.12;
/// How strongly a frame speaks for or against the beat that is put there.
const EVIDENCE_WEIGHT: f32 = 3.0;
/// No frame is surer than this to be a beat or none.
const DOUBT: f32 = 0.02;
/// Bars that are tried, with how likely they are.
const BARS: [(u8, f32); 3] = [(2, 0.12), (3, 0.16), (4, 0.72)];
/// Beats a minute that are likeliest, and the spread in octaves.
const TEMPO_PRIOR: (f64, f64) = (110.0, 0.9);
/// Pieces in which no frame is likelier than this to be a beat have none.
const SILENT: f32 = 0.05;

/// The beats of a piece.
#[derive(Debug, Clone, PartialEq)]
pub struct Tracked {
    /// In order, numbered from 1 in each bar.
    pub beats: Vec<Beat>,
    /// 2, 3 or 4.
    pub beats_per_bar: u8,
}

/// The beats that explain `activation` best; none where nothing sounds like a beat.
pub fn track(activation: &Activation) -> Option<Tracked> {
    let loudest = activation.beat.iter().copied().fold(0.0, f32::max);
    if loudest < SILENT {
        return None;
    }
    let evidence = Evidence::new(activation);
    let (_, beats_per_bar, path) = BARS
        .into_iter()
        .map(|(beats_per_bar, likely)| {
            let (score, path) = best_path(&evidence, usize::from(beats_per_bar));
            (score + likely.ln(), beats_per_bar, path)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))?;
    let beats = path
        .into_iter()
        .map(|(frame, number)| Beat {
            time_s: evidence.refined_s(frame),
            number: number + 1,
        })
        .collect();
    Some(Tracked {
        beats,
        beats_per_bar,
    })
}

/// What speaks for a beat in each frame, in nats against none.
struct Evidence {
    /// For beats other than the first of a bar.
    beat: Vec<f32>,
    downbeat: Vec<f32>,
    /// The activation itself, for the exact time.
    shape: Vec<f32>,
}

impl Evidence {
    fn new(activation: &Activation) -> Self {
        let fine = |values: &[f32]| -> Vec<f32> {
            let half = |pair: &[f32]| [pair[0], (pair[0] + pair[1]) / 2.0];
            let last = values.last().map(|&last| [last, last]);
            values
                .windows(2)
                .flat_map(half)
                .chain(last.into_iter().flatten())
                .collect()
        };
        let (any, down) = (fine(&activation.beat), fine(&activation.downbeat));
        let clear = |p: f32| p.clamp(DOUBT, 1.0 - DOUBT);
        let ratio = |p: f32, any: f32| EVIDENCE_WEIGHT * (clear(p).ln() - clear(1.0 - any).ln());
        let other = any
            .iter()
            .zip(&down)
            .map(|(&any, &down)| ratio(any - down, any));
        let downbeat = any.iter().zip(&down).map(|(&any, &down)| ratio(down, any));
        Self {
            beat: other.collect(),
            downbeat: downbeat.collect(),
            shape: any,
        }
    }

    fn of(&self, number: usize) -> &[f32] {
        if number == 0 {
            &self.downbeat
        } else {
            &self.beat
        }
    }

    /// Time of a beat between the frames: the centre of the activation around it.
    fn refined_s(&self, frame: usize) -> f64 {
        let near = frame.saturating_sub(2)..(frame + 3).min(self.shape.len());
        let (mut sum, mut moment) = (1e-6, 0.0);
        for other in near {
            let weight = f64::from(self.shape[other]);
            sum += weight;
            moment += weight * (other as f64 - frame as f64);
        }
        // Interpolated frames are half as long as those of the activation.
        Activation::time_s((frame as f64 + moment / sum) / 2.0).max(0.0)
    }
}

/// The changes of tempo that are possible: for each length, those before it with their cost.
fn changes() -> Vec<Vec<(usize, f32)>> {
    let length = |index: usize| (index + LENGTHS.0) as f64;
    let cost = |from: usize, to: usize| {
        let frames = (length(from) - length(to)).abs();
        let change = frames / length(to);
        let beyond = (frames - 0.5).max(0.0) / length(to);
        (frames <= 1.0 || change <= MAX_CHANGE).then_some(CHANGE_COST * beyond as f32)
    };
    (0..NUM_LENGTHS)
        .map(|to| {
            let candidates = (0..NUM_LENGTHS).filter_map(|from| Some((from, cost(from, to)?)));
            candidates.collect()
        })
        .collect()
}

/// Log-probability of a length at the start.
fn prior(index: usize) -> f32 {
    let tempo_bpm = 60.0 * FPS / (index + LENGTHS.0) as f64;
    let octaves = (tempo_bpm / TEMPO_PRIOR.0).log2() / TEMPO_PRIOR.1;
    (-0.5 * octaves * octaves) as f32
}

/// Score and beats (frame, number from 0) of the best path with bars of `beats_per_bar`.
fn best_path(evidence: &Evidence, beats_per_bar: usize) -> (f32, Vec<(usize, u8)>) {
    let num_frames = evidence.shape.len();
    let changes = changes();
    // `scores[frame % RING][number][length]`: of the best path whose last beat begins there. Older
    // ones than the longest beat are not needed any more.
    const RING: usize = LENGTHS.1 + 1;
    let states = beats_per_bar * NUM_LENGTHS;
    let mut scores = vec![f32::NEG_INFINITY; RING * states];
    // The length of the beat before, as an index; `FIRST` where there is none.
    const FIRST: u8 = u8::MAX;
    let mut before = vec![FIRST; num_frames * states];
    for frame in 0..num_frames {
        for number in 0..beats_per_bar {
            let seen = evidence.of(number)[frame];
            let previous = (number + beats_per_bar - 1) % beats_per_bar;
            let ending: Vec<f32> = (0..NUM_LENGTHS)
                .map(|length| match frame.checked_sub(length + LENGTHS.0) {
                    Some(start) => scores[start % RING * states + previous * NUM_LENGTHS + length],
                    None => f32::NEG_INFINITY,
                })
                .collect();
            for (length, candidates) in changes.iter().enumerate() {
                let state = number * NUM_LENGTHS + length;
                // A first beat begins within its own length of the start.
                let mut best = if frame < length + LENGTHS.0 {
                    prior(length)
                } else {
                    f32::NEG_INFINITY
                };
                for &(from, cost) in candidates {
                    let score = ending[from] - cost;
                    if score > best {
                        best = score;
                        before[frame * states + state] = from as u8;
                    }
                }
                scores[frame % RING * states + state] = best + seen;
            }
        }
    }
    let first_last = num_frames.saturating_sub(LENGTHS.1);
    let ends = (first_last * states..num_frames * states).filter(|state| {
        let length = state % NUM_LENGTHS + LENGTHS.0;
        state / states + length >= num_frames
    });
    let score_of = |state: usize| scores[state / states % RING * states + state % states];
    let Some(mut state) = ends.max_by(|&a, &b| score_of(a).total_cmp(&score_of(b))) else {
        return (f32::NEG_INFINITY, Vec::new());
    };
    let score = score_of(state);
    let mut path = Vec::new();
    loop {
        let (frame, rest) = (state / states, state % states);
        let number = rest / NUM_LENGTHS;
        path.push((frame, number as u8));
        let from = before[state];
        if from == FIRST {
            break;
        }
        let length = usize::from(from);
        let previous = (number + beats_per_bar - 1) % beats_per_bar;
        state = (frame - length - LENGTHS.0) * states + previous * NUM_LENGTHS + length;
    }
    path.reverse();
    (score, path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a good network says of beats at these frames of 20 ms.
    fn heard(beats: &[(f64, bool)], num_frames: usize) -> Activation {
        let mut activation = Activation {
            beat: vec![0.02; num_frames],
            downbeat: vec![0.01; num_frames],
        };
        for &(frame, down) in beats {
            for near in frame as usize..frame as usize + 3 {
                if near < num_frames {
                    let p = (0.95 - 0.4 * (near as f64 - 1.0 - frame).abs()) as f32;
                    activation.beat[near] = activation.beat[near].max(p);
                    if down {
                        activation.downbeat[near] = activation.downbeat[near].max(p * 0.95);
                    }
                }
            }
        }
        activation
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(12))]
        #[test]
        fn a_steady_pulse_is_found_with_its_bars(
            tempo_bpm in 60.0_f64..190.0,
            beats_per_bar in 2_usize..5,
            start_s in 0.0_f64..1.0,
        ) {
            let times: Vec<f64> = (0..64)
                .map(|i| start_s + 60.0 / tempo_bpm * f64::from(i))
                .take_while(|&time| time < 11.9)
                .collect();
            let beats: Vec<(f64, bool)> = times
                .iter()
                .enumerate()
                .map(|(i, time)| (time * 50.0 - 1.25, i % beats_per_bar == 0))
                .collect();
            let tracked = track(&heard(&beats, 600)).unwrap();
            prop_assert_eq!(usize::from(tracked.beats_per_bar), beats_per_bar);
            let inside = tracked.beats.iter().filter(|b| b.time_s > start_s - 0.05).collect::<Vec<_>>();
            prop_assert!(inside.len().abs_diff(times.len()) <= 1, "{:?} {times:?}", tracked.beats);
            for (beat, (i, time)) in inside.iter().zip(times.iter().enumerate()) {
                prop_assert!((beat.time_s - time).abs() < 0.02, "{} {time}", beat.time_s);
                prop_assert_eq!(usize::from(beat.number), i % beats_per_bar + 1);
            }
        }
    }

    #[test]
    fn silence_has_no_beats_and_a_single_frame_does_no_harm() {
        assert_eq!(track(&heard(&[], 300)), None);
        assert_eq!(track(&heard(&[], 0)), None);
        let one = track(&heard(&[(0.0, true)], 1));
        assert!(one.is_some_and(|tracked| tracked.beats.len() == 1));
    }
}
