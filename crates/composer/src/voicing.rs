//! Voicing: which notes of a chord are played where, so that voices move little.
//!
//! Keyboards and sections take the close or drop-2 position nearest to the one before. Fretted
//! instruments take a shape that a left hand can hold: at most four frets wide.

use crate::timeline::Tones;

/// The pitch classes to play, most telling first: root, third, seventh, altered fifth, tensions,
/// plain fifth. A triad keeps its fifth.
pub(crate) fn telling_tones(tones: &Tones, num_voices: usize) -> Vec<i32> {
    let third = tones.third();
    let mut order = vec![0, third];
    let plain_fifth = tones.fifth() == 7;
    if tones.intervals.len() <= num_voices.max(3) || !plain_fifth {
        order.push(tones.fifth());
    }
    order.extend(tones.seventh());
    order.extend(tones.intervals.iter().copied());
    let mut classes: Vec<i32> = Vec::new();
    for interval in order {
        let class = (tones.root + interval).rem_euclid(12);
        if !classes.contains(&class) {
            classes.push(class);
        }
    }
    classes.truncate(num_voices.max(1));
    classes
}

/// A position of `tones` with about `num_voices` voices inside `low..=high`, near `previous`.
///
/// Ascending MIDI notes. Without a previous position it sits around the middle of the range.
pub(crate) fn voice(
    tones: &Tones,
    num_voices: usize,
    low: i32,
    high: i32,
    previous: &[i32],
) -> Vec<i32> {
    let classes = telling_tones(tones, num_voices);
    let mut sorted = classes.clone();
    sorted.sort_unstable();
    let centre = f64::from(low + high) / 2.0;
    let mut best: (f64, Vec<i32>) = (f64::INFINITY, Vec::new());
    for lowest in low..low + 12 {
        let Some(rotation) = sorted
            .iter()
            .position(|class| (lowest - class).rem_euclid(12) == 0)
        else {
            continue;
        };
        for octave in 0..=(high - low) / 12 {
            let mut close = vec![lowest + 12 * octave];
            for i in 1..sorted.len() {
                let class = sorted[(rotation + i) % sorted.len()];
                let under = close[i - 1];
                close.push(under + 1 + (class - under - 1).rem_euclid(12));
            }
            for position in [drop_two(&close), doubled(&close, num_voices), close] {
                if position[0] < low || position[position.len() - 1] > high {
                    continue;
                }
                let cost = distance(&position, previous, centre) + mud(&position);
                if cost < best.0 {
                    best = (cost, position);
                }
            }
        }
    }
    best.1
}

/// The second voice from the top an octave lower.
fn drop_two(close: &[i32]) -> Vec<i32> {
    let mut open = close.to_vec();
    if open.len() >= 4 {
        let second = open.len() - 2;
        open[second] -= 12;
        open.sort_unstable();
    }
    open
}

/// The lowest voice doubled at the octave where there are fewer tones than voices.
fn doubled(close: &[i32], num_voices: usize) -> Vec<i32> {
    let mut position = close.to_vec();
    if position.len() < num_voices {
        position.push(close[0] + 12);
        position.sort_unstable();
    }
    position
}

/// Semitones that the voices move, and a pull to the middle of the range.
fn distance(position: &[i32], previous: &[i32], centre: f64) -> f64 {
    let nearest = |note: &i32, others: &[i32]| {
        others
            .iter()
            .map(|other| (note - other).abs())
            .min()
            .unwrap_or(0)
    };
    let moved: i32 = position
        .iter()
        .map(|note| nearest(note, previous))
        .sum::<i32>()
        + previous
            .iter()
            .map(|note| nearest(note, position))
            .sum::<i32>();
    let mean = position.iter().sum::<i32>() as f64 / position.len() as f64;
    let pull = (mean - centre).abs();
    f64::from(moved)
        + if previous.is_empty() {
            2.0 * pull
        } else {
            0.35 * pull
        }
}

/// Close intervals low down sound like mud.
fn mud(position: &[i32]) -> f64 {
    let low_thirds = position
        .windows(2)
        .filter(|pair| pair[0] < 50 && pair[1] - pair[0] < 5);
    6.0 * low_thirds.count() as f64
}

/// A shape on a fretted instrument: one note per sounding string, lowest first.
///
/// `strings` are the open strings. The lowest sounding string plays the bass of the chord, all
/// fretted notes lie within four frets, and every telling tone is there if the strings allow it.
pub(crate) fn shape(tones: &Tones, strings: &[u8], previous: &[i32]) -> Vec<i32> {
    let classes = telling_tones(tones, 4);
    let mut best: (f64, Vec<i32>) = (f64::INFINITY, Vec::new());
    for lowest_string in 0..strings.len().saturating_sub(2) {
        for position in 0..10 {
            let mut notes: Vec<i32> = Vec::new();
            for (i, &open) in strings.iter().enumerate().skip(lowest_string) {
                let open = i32::from(open);
                let frets = position..position + 4;
                let in_shape = |fret: &i32| {
                    let class = (open + fret).rem_euclid(12);
                    if i == lowest_string {
                        class == tones.bass
                    } else {
                        classes.contains(&class)
                    }
                };
                let missing = |fret: &i32| {
                    notes
                        .iter()
                        .all(|note| (note - open - fret).rem_euclid(12) != 0)
                };
                let fret = frets
                    .clone()
                    .find(|fret| in_shape(fret) && missing(fret))
                    .or_else(|| frets.clone().find(in_shape));
                match fret {
                    Some(fret) => notes.push(open + fret),
                    None if notes.is_empty() => break,
                    None => {}
                }
            }
            if notes.len() < 3 {
                continue;
            }
            let missing = classes
                .iter()
                .filter(|class| notes.iter().all(|note| (note - *class).rem_euclid(12) != 0));
            let cost = 8.0 * missing.count() as f64
                + 0.8 * f64::from(position)
                + 1.2 * lowest_string as f64
                + 0.25
                    * previous
                        .first()
                        .map_or(0.0, |p| f64::from((p - notes[0]).abs()));
            if cost < best.0 {
                best = (cost, notes);
            }
        }
    }
    if best.1.is_empty() {
        voice(tones, 4, 45, 72, previous)
    } else {
        best.1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tones(root: i32, intervals: &[i32]) -> Tones {
        Tones {
            root,
            bass: root,
            intervals: intervals.to_vec(),
        }
    }

    #[test]
    fn a_two_five_one_moves_by_step() {
        let mut previous = Vec::new();
        let mut moves = 0;
        for (root, intervals) in [(2, [0, 3, 7, 10]), (7, [0, 4, 7, 10]), (0, [0, 4, 7, 11])] {
            let next = voice(&tones(root, &intervals), 4, 50, 76, &previous);
            assert_eq!(next.len(), 4);
            if !previous.is_empty() {
                moves += next
                    .iter()
                    .zip(&previous)
                    .map(|(a, b): (&i32, &i32)| (a - b).abs())
                    .sum::<i32>();
            }
            previous = next;
        }
        assert!(moves <= 12, "{moves} semitones");
    }

    #[test]
    fn open_guitar_chords_are_the_known_ones() {
        const GUITAR: &[u8] = &[40, 45, 50, 55, 59, 64];
        assert_eq!(
            shape(&tones(4, &[0, 4, 7]), GUITAR, &[]),
            [40, 47, 52, 56, 59, 64]
        );
        assert_eq!(
            shape(&tones(9, &[0, 3, 7]), GUITAR, &[]),
            [45, 52, 57, 60, 64]
        );
        assert_eq!(shape(&tones(2, &[0, 4, 7]), GUITAR, &[]), [50, 57, 62, 66]);
    }

    #[test]
    fn every_chord_has_a_voicing_and_a_shape_with_its_third() {
        const GUITAR: &[u8] = &[40, 45, 50, 55, 59, 64];
        for root in 0..12 {
            for intervals in [
                &[0, 4, 7][..],
                &[0, 3, 6, 10],
                &[0, 4, 8],
                &[0, 5, 7],
                &[0, 4, 7, 10, 14, 21],
            ] {
                let chord = tones(root, intervals);
                for notes in [
                    voice(&chord, 4, 52, 76, &[60, 64, 67]),
                    shape(&chord, GUITAR, &[]),
                ] {
                    assert!(notes.len() >= 3);
                    assert!(notes.windows(2).all(|pair| pair[0] < pair[1]), "{notes:?}");
                    assert!(notes.iter().all(|&note| chord.contains(note)), "{notes:?}");
                    let third = root + chord.third();
                    assert!(
                        notes.iter().any(|note| (note - third).rem_euclid(12) == 0),
                        "{notes:?}"
                    );
                }
            }
        }
    }
}
