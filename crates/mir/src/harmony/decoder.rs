//! Decides on the chords: the sequence of symbols that explains best what the network heard.
//!
//! Viterbi over roots and qualities; a change costs less on a beat, and least on a downbeat. The
//! bass is told once the chords are known. Notes are spelled as sharps or flats by the caller's
//! key.

use mustool_music::{Beat, Chord, NoteName, PitchClass, Quality, Spelling};

use super::Heard;
use super::vocabulary::{QUALITIES, mask};
use crate::frontend::PitchBands;

/// How strongly the network's pitch classes count against its roots.
const CLASSES_WEIGHT: f32 = 0.35;
/// How strongly a quality's share counts, at every frame.
const SHARE_WEIGHT: f32 = 0.12;
/// What a change costs between beats, on a beat and on a downbeat, in nats.
const CHANGE_COST: [f32; 3] = [7.0, 3.5, 2.5];
/// Frames of a beat: those whose middle is closer than this, in seconds.
const ON_BEAT_S: f64 = 0.09;
/// A change this close to a beat is moved onto it, in seconds.
const SNAP_S: f64 = 0.16;
/// How much likelier than the root another chord tone must be in the bass, in nats a frame.
const INVERSION: f32 = 0.7;
/// No pitch class is surer than this.
const DOUBT: f32 = 0.01;

/// A chord and when it sounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// Where it begins, in seconds.
    pub start_s: f64,
    /// Where it ends, in seconds.
    pub end_s: f64,
    /// What sounds.
    pub chord: Chord,
}

/// The chords of a piece of `duration_s`, without gaps; none for a piece without frames. `beats`
/// may be empty.
pub fn decode(heard: &[Heard], beats: &[Beat], duration_s: f64) -> Vec<Segment> {
    let num_states = 12 * QUALITIES.len() + 1;
    let costs = change_costs(heard.len(), beats);
    let mut scores = vec![0.0_f32; num_states];
    let mut before: Vec<u16> = Vec::with_capacity(heard.len() * num_states);
    let mut emissions = vec![0.0_f32; num_states];
    for (frame, cost) in heard.iter().zip(&costs) {
        emit(frame, &mut emissions);
        let best = largest(&scores);
        let changed = scores[best] - cost;
        for (state, emission) in emissions.iter().enumerate() {
            let stays = scores[state] >= changed;
            before.push(if stays { state } else { best } as u16);
            scores[state] = scores[state].max(changed) + emission;
        }
        // Kept near 0, so that long pieces lose no precision.
        let highest = scores[largest(&scores)];
        scores.iter_mut().for_each(|score| *score -= highest);
    }
    let mut state = largest(&scores);
    let mut states = vec![0; heard.len()];
    for frame in (0..heard.len()).rev() {
        states[frame] = state;
        state = usize::from(before[frame * num_states + state]);
    }
    segments(&states, heard, beats, duration_s)
}

fn largest(scores: &[f32]) -> usize {
    let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    best.expect("there are states")
}

/// What a change costs before each frame.
fn change_costs(num_frames: usize, beats: &[Beat]) -> Vec<f32> {
    let mut costs = vec![CHANGE_COST[0]; num_frames];
    for (frame, cost) in costs.iter_mut().enumerate() {
        // Frames begin half a frame before their middle.
        let time_s = PitchBands::time_s(frame) - 0.05;
        let near = nearest(beats, time_s).filter(|beat| (beat.time_s - time_s).abs() < ON_BEAT_S);
        if let Some(beat) = near {
            *cost = CHANGE_COST[if beat.number == 1 { 2 } else { 1 }];
        }
    }
    costs
}

fn nearest(beats: &[Beat], time_s: f64) -> Option<&Beat> {
    let after = beats.partition_point(|beat| beat.time_s < time_s);
    let candidates = [after.checked_sub(1), Some(after)].into_iter().flatten();
    let distance = |beat: &&Beat| (beat.time_s - time_s).abs();
    candidates
        .filter_map(|index| beats.get(index))
        .min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// How well each chord explains a frame, in nats: roots from C, each with all qualities, then none.
fn emit(heard: &Heard, emissions: &mut [f32]) {
    let sure = heard.classes.map(|p| p.clamp(DOUBT, 1.0 - DOUBT));
    let (sounds, silent) = (sure.map(f32::ln), sure.map(|p| (1.0 - p).ln()));
    let all_silent: f32 = silent.iter().sum();
    for root in 0..12 {
        for (index, &(quality, share)) in QUALITIES.iter().enumerate() {
            let mask = mask(quality);
            let gain: f32 = (0..12)
                .filter(|interval| mask >> interval & 1 == 1)
                .map(|interval| (root + interval) % 12)
                .map(|class| sounds[class] - silent[class])
                .sum();
            emissions[root * QUALITIES.len() + index] =
                heard.root[root] + CLASSES_WEIGHT * (all_silent + gain) + SHARE_WEIGHT * share;
        }
    }
    emissions[12 * QUALITIES.len()] = heard.root[12] + CLASSES_WEIGHT * all_silent;
}

/// Joins equal states to segments and gives each its bass.
fn segments(states: &[usize], heard: &[Heard], beats: &[Beat], duration_s: f64) -> Vec<Segment> {
    let mut segments: Vec<Segment> = Vec::new();
    let mut first = 0;
    for group in states.chunk_by(|a, b| a == b) {
        let frames = &heard[first..first + group.len()];
        let begins_s = (PitchBands::time_s(first) - 0.05).clamp(0.0, duration_s);
        let start_s = match nearest(beats, begins_s) {
            _ if first == 0 => 0.0,
            Some(beat) if (beat.time_s - begins_s).abs() < SNAP_S => beat.time_s,
            _ => begins_s,
        };
        if let Some(last) = segments.last_mut() {
            last.end_s = start_s;
        }
        segments.push(Segment {
            start_s,
            end_s: duration_s,
            chord: chord(group[0], frames),
        });
        first += group.len();
    }
    segments.retain(|segment| segment.end_s > segment.start_s);
    segments
}

/// The symbol of a state, over the bass that is heard in its frames.
fn chord(state: usize, frames: &[Heard]) -> Chord {
    let (root, index) = (state / QUALITIES.len(), state % QUALITIES.len());
    if root == 12 {
        return Chord::NO_CHORD;
    }
    let quality = QUALITIES[index].0;
    let name =
        |class: usize| NoteName::from_pitch_class(PitchClass::new(class as i32), Spelling::Flats);
    let chord = Chord::new(name(root), quality);
    let mean = |class: usize| {
        frames.iter().map(|heard| heard.bass[class]).sum::<f32>() / frames.len() as f32
    };
    let tones = (1..12).filter(|interval| is_inversion(quality, *interval));
    let bass = tones
        .map(|interval| (root + interval) % 12)
        .max_by(|&a, &b| mean(a).total_cmp(&mean(b)));
    match bass {
        Some(bass) if mean(bass) > mean(root) + INVERSION => chord.with_bass(name(bass)),
        _ => chord,
    }
}

/// Whether a note of the quality may be its bass.
fn is_inversion(quality: Quality, interval: usize) -> bool {
    mask(quality) >> interval & 1 == 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Frames of a network that hears a chord well.
    fn frames(chord: &str, count: usize) -> Vec<Heard> {
        let chord = Chord::parse(chord).unwrap();
        let notes = chord.pitch_classes();
        let class = |note: Option<&NoteName>| note.map_or(12, |n| n.pitch_class().value()) as usize;
        let sharp = |at: usize| std::array::from_fn(|i| if i == at { -0.2 } else { -4.0 });
        let heard = Heard {
            classes: std::array::from_fn(|i| {
                if notes.contains(PitchClass::new(i as i32)) {
                    0.9
                } else {
                    0.08
                }
            }),
            root: sharp(class(chord.root())),
            bass: sharp(class(chord.bass())),
        };
        vec![heard; count]
    }

    fn symbols(segments: &[Segment]) -> Vec<String> {
        segments
            .iter()
            .map(|segment| segment.chord.to_string())
            .collect()
    }

    #[test]
    fn every_quality_and_its_inversions_are_told_apart() {
        for (quality, _) in QUALITIES {
            let chord = Chord::new(NoteName::parse("Eb").unwrap(), quality);
            let found = decode(&frames(&chord.to_string(), 20), &[], 2.0);
            assert_eq!(symbols(&found), [chord.to_string()]);
        }
        for symbol in ["C/E", "Am7/G", "Bb7/D"] {
            assert_eq!(symbols(&decode(&frames(symbol, 20), &[], 2.0)), [symbol]);
        }
    }

    #[test]
    fn changes_fall_on_beats_and_passing_notes_change_nothing() {
        let beats: Vec<Beat> = (0..8)
            .map(|i| Beat {
                time_s: 0.52 * f64::from(i),
                number: (i % 4 + 1) as u8,
            })
            .collect();
        let heard = [frames("C", 21), frames("G7", 1), frames("Am", 20)].concat();
        let found = decode(&heard, &beats, 4.2);
        assert_eq!(symbols(&found), ["C", "Am"]);
        assert_eq!((found[0].start_s, found[0].end_s), (0.0, 4.0 * 0.52));
        assert_eq!((found[1].start_s, found[1].end_s), (4.0 * 0.52, 4.2));
    }

    #[test]
    fn silence_and_nothing() {
        assert_eq!(symbols(&decode(&frames("N", 9), &[], 0.9)), ["N"]);
        assert!(decode(&[], &[], 0.0).is_empty());
    }

    proptest! {
        #[test]
        fn segments_cover_the_piece(
            chords in prop::collection::vec("[A-G](m|7)?", 1..8),
            length in 1_usize..12,
        ) {
            let heard: Vec<Heard> = chords.iter().flat_map(|chord| frames(chord, length)).collect();
            let duration_s = heard.len() as f64 / 10.0;
            let found = decode(&heard, &[], duration_s);
            prop_assert_eq!(found[0].start_s, 0.0);
            prop_assert_eq!(found[found.len() - 1].end_s, duration_s);
            for pair in found.windows(2) {
                prop_assert_eq!(pair[0].end_s, pair[1].start_s);
            }
        }
    }
}
