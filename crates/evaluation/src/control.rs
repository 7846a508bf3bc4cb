//! The control metrics of the Mustango paper: does the music have the tempo, key, chords and metre
//! that were asked for?
//!
//! Equal, number for number, to the published script (`utils/evaluate_control_testB.py` of
//! AMAAI-Lab/mustango), of which two things deserve a warning. What it calls the relative key
//! ([`ControlMetrics::ckd`]) lies a minor third on the wrong side: for A minor it accepts F♯ major.
//! [`RowScore::key_or_relative`] is what was meant. And chords are compared as spelled, so that
//! B♭ is not A♯. How the facts were found in the music is not its business.

use mustool_mir::Analysis;
use mustool_music::{NoteName, Plan, tempo_bin};
use serde::{Deserialize, Serialize};

/// Tempo that the script assumes where none is stated: the fastest bin.
const MISSING_TEMPO_BPM: f64 = 1000.0;

/// What was asked for, or what was found, in the words of the MusicBench data set.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Beats per minute.
    pub tempo_bpm: Option<f64>,
    /// Tonic and `major` or `minor`.
    pub key: Option<(String, String)>,
    /// Chord symbols in order.
    pub chords: Vec<String>,
    /// The highest beat number, which is the number of beats in a bar.
    pub beats_per_bar: Option<u8>,
}

impl Facts {
    /// What a plan asks for. The minor modes count as minor, the others as major.
    pub fn of_plan(plan: &Plan) -> Self {
        Self {
            tempo_bpm: Some(plan.tempo_bpm),
            key: plan
                .key
                .map(|key| (key.tonic.to_string(), mode_name(key.mode))),
            chords: plan.chords.iter().map(|e| e.chord.to_string()).collect(),
            beats_per_bar: plan.beats.iter().map(|beat| beat.number).max(),
        }
    }

    /// What was found in music. Stretches without a chord are not listed.
    pub fn of_analysis(analysis: &Analysis) -> Self {
        let chords = analysis
            .chords
            .iter()
            .filter(|event| !event.chord.is_no_chord());
        Self {
            tempo_bpm: analysis.tempo_bpm,
            key: analysis
                .key
                .map(|key| (key.tonic.to_string(), mode_name(key.mode))),
            chords: chords.map(|event| event.chord.to_string()).collect(),
            beats_per_bar: analysis.beats.iter().map(|beat| beat.number).max(),
        }
    }
}

fn mode_name(mode: mustool_music::Mode) -> String {
    if mode.is_minor() { "minor" } else { "major" }.to_owned()
}

/// How one piece fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RowScore {
    /// The tempo falls into the same of nine bins.
    pub tempo_bin: bool,
    /// Or into one next to it.
    pub tempo_bin_tolerant: bool,
    /// Same tonic, however spelled, and same mode; none where no key was asked for.
    pub key: Option<bool>,
    /// Same key, or what the script takes for its relative.
    pub key_or_published_relative: Option<bool>,
    /// Same key or its relative.
    pub key_or_relative: Option<bool>,
    /// How many chords were asked for.
    pub num_chords: usize,
    /// How many of them, from the first on, are found in this order, as spelled.
    pub chords_in_order: usize,
    /// How many are found in any order, as spelled.
    pub chords_any_order: usize,
    /// How many are found in any order by root and by major, minor or other.
    pub chords_any_order_type: usize,
    /// The bars have as many beats.
    pub beat: bool,
}

/// Percentages over many pieces; none where no piece had what is measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ControlMetrics {
    /// Tempo bin.
    pub tb: Option<f64>,
    /// Tempo bin with tolerance.
    pub tbt: Option<f64>,
    /// Correct key.
    pub ck: Option<f64>,
    /// Correct key with duplicates, as published.
    pub ckd: Option<f64>,
    /// Correct key, its relative allowed.
    pub key_or_relative: Option<f64>,
    /// Perfect chord match.
    pub pcm: Option<f64>,
    /// Exact chord match.
    pub ecm: Option<f64>,
    /// Chords matched in any order.
    pub cmo: Option<f64>,
    /// Chords matched in any order by root and major or minor type.
    pub cmot: Option<f64>,
    /// Beat match.
    pub bm: Option<f64>,
}

impl ControlMetrics {
    /// The means of many pieces. Those without chords do not count for chords.
    pub fn of(rows: &[RowScore]) -> Self {
        let share = |hit: &dyn Fn(&RowScore) -> Option<f64>| {
            let values: Vec<f64> = rows.iter().filter_map(hit).collect();
            let sum: f64 = values.iter().sum();
            (!values.is_empty()).then(|| 100.0 * sum / values.len() as f64)
        };
        let of = |hit: bool| f64::from(u8::from(hit));
        let chords = |count: fn(&RowScore) -> usize| {
            share(&|row: &RowScore| {
                (row.num_chords > 0).then(|| count(row) as f64 / row.num_chords as f64)
            })
        };
        Self {
            tb: share(&|row| Some(of(row.tempo_bin))),
            tbt: share(&|row| Some(of(row.tempo_bin_tolerant))),
            ck: share(&|row| row.key.map(of)),
            ckd: share(&|row| row.key_or_published_relative.map(of)),
            key_or_relative: share(&|row| row.key_or_relative.map(of)),
            pcm: share(&|row| {
                (row.num_chords > 0).then(|| of(row.chords_in_order == row.num_chords))
            }),
            ecm: chords(|row| row.chords_in_order),
            cmo: chords(|row| row.chords_any_order),
            cmot: chords(|row| row.chords_any_order_type),
            bm: share(&|row| Some(of(row.beat))),
        }
    }
}

impl RowScore {
    /// Compares what was asked for with what was found.
    pub fn new(asked: &Facts, found: &Facts) -> Self {
        let bin = |tempo: f64| tempo_bin(tempo) as i32;
        let wanted = bin(asked.tempo_bpm.unwrap_or(MISSING_TEMPO_BPM));
        let bins_off = found.tempo_bpm.map(|tempo| (bin(tempo) - wanted).abs());
        let types = |chords: &[String]| -> Vec<_> { chords.iter().map(|c| coarse(c)).collect() };
        let key = |matches: fn(Tonality, Tonality) -> bool| {
            let wanted = tonality(asked.key.as_ref()?)?;
            let found = found.key.as_ref().and_then(tonality);
            Some(found.is_some_and(|found| matches(wanted, found)))
        };
        let same = |a: Tonality, b: Tonality| a == b;
        let published = |a: Tonality, b: Tonality| {
            let third_off = if a.minor { a.tonic + 9 } else { a.tonic + 3 } % 12 == b.tonic;
            a == b || (a.minor != b.minor && third_off)
        };
        let relative = |a: Tonality, b: Tonality| {
            let third_off = if a.minor { a.tonic + 3 } else { a.tonic + 9 } % 12 == b.tonic;
            a == b || (a.minor != b.minor && third_off)
        };
        Self {
            tempo_bin: bins_off == Some(0),
            tempo_bin_tolerant: bins_off.is_some_and(|off| off < 2),
            key: key(same),
            key_or_published_relative: key(published),
            key_or_relative: key(relative),
            num_chords: asked.chords.len(),
            chords_in_order: found_in_order(&asked.chords, &found.chords),
            chords_any_order: found_in_any_order(&asked.chords, &found.chords),
            chords_any_order_type: found_in_any_order(&types(&asked.chords), &types(&found.chords)),
            beat: asked.beats_per_bar.is_some() && asked.beats_per_bar == found.beats_per_bar,
        }
    }
}

/// A key as the metrics compare it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Tonality {
    tonic: u8,
    minor: bool,
}

fn tonality((tonic, mode): &(String, String)) -> Option<Tonality> {
    Some(Tonality {
        tonic: NoteName::parse(tonic)?.pitch_class().value(),
        minor: mode.trim().starts_with("min") || mode.trim() == "m",
    })
}

/// How many of `wanted`, from the first on, are found one after another in `found`.
fn found_in_order<T: PartialEq>(wanted: &[T], found: &[T]) -> usize {
    let step = |matched: usize, item: &T| matched + usize::from(wanted.get(matched) == Some(item));
    found.iter().fold(0, step)
}

/// How many of `wanted` are found, each found one used once.
fn found_in_any_order<T: PartialEq>(wanted: &[T], found: &[T]) -> usize {
    let mut left: Vec<&T> = found.iter().collect();
    let mut take = |item: &&T| {
        let place = left.iter().position(|other| other == item);
        place.map(|place| left.remove(place)).is_some()
    };
    wanted.iter().filter(|item| take(item)).count()
}

/// The script's coarse types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Major,
    Minor,
    Other,
    NoChord,
}

/// Root and coarse type of a symbol. Of types that the script's table lacks (and on which it
/// stops), those with a minor third and a perfect fifth count as minor, those with a major third
/// and a perfect or no fifth as major, all others as neither.
fn coarse(symbol: &str) -> (Option<u8>, Type) {
    let Some((root, rest)) = NoteName::parse_prefix(symbol) else {
        return (None, Type::NoChord);
    };
    let quality = rest.split('/').next().unwrap_or_default();
    let kind = match quality {
        "" | "6" | "7" | "maj" | "maj7" => Type::Major,
        "m" | "m6" | "m7" | "m7b5" => Type::Minor,
        "aug" | "dim" => Type::Other,
        _ => match mustool_music::Chord::parse(&format!("C{quality}")) {
            Ok(chord) => match chord.quality().map(|quality| quality.triad()) {
                Some(mustool_music::Triad::Major) => Type::Major,
                Some(mustool_music::Triad::Minor) => Type::Minor,
                _ => Type::Other,
            },
            Err(_) => Type::Other,
        },
    };
    (Some(root.pitch_class().value()), kind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn facts(tempo_bpm: f64, key: (&str, &str), chords: &[&str]) -> Facts {
        Facts {
            tempo_bpm: Some(tempo_bpm),
            key: Some((key.0.to_owned(), key.1.to_owned())),
            chords: chords.iter().map(|&chord| chord.to_owned()).collect(),
            beats_per_bar: Some(4),
        }
    }

    #[test]
    fn the_published_relative_is_not_the_relative() {
        let asked = facts(100.0, ("A", "minor"), &[]);
        let f_sharp = RowScore::new(&asked, &facts(100.0, ("Gb", "major"), &[]));
        assert_eq!(f_sharp.key_or_published_relative, Some(true));
        assert_eq!(f_sharp.key_or_relative, Some(false));
        let c = RowScore::new(&asked, &facts(100.0, ("C", "major"), &[]));
        assert_eq!(
            (c.key, c.key_or_published_relative),
            (Some(false), Some(false))
        );
        assert_eq!(c.key_or_relative, Some(true));
    }

    #[test]
    fn nothing_found_is_a_miss_and_nothing_asked_does_not_count() {
        let asked = facts(100.0, ("A", "minor"), &["Am", "F"]);
        let row = RowScore::new(&asked, &Facts::default());
        assert!(!row.tempo_bin_tolerant && !row.beat && row.key == Some(false));
        assert_eq!((row.chords_in_order, row.chords_any_order), (0, 0));
        let open = RowScore::new(&Facts::default(), &asked);
        assert_eq!(open.key, None);
        let all = ControlMetrics::of(&[open]);
        assert_eq!((all.ck, all.pcm, all.tb), (None, None, Some(0.0)));
        assert_eq!(ControlMetrics::of(&[]).tb, None);
    }

    #[test]
    fn order_is_greedy_and_each_chord_counts_once() {
        let asked = facts(100.0, ("C", "major"), &["C", "G", "C"]);
        let row = RowScore::new(&asked, &facts(100.0, ("C", "major"), &["G", "C", "F", "G"]));
        assert_eq!((row.chords_in_order, row.chords_any_order), (2, 2));
        assert_eq!(coarse("Bbm/Db"), (Some(10), Type::Minor));
        assert_eq!(coarse("Bbmaj9"), (Some(10), Type::Major));
        assert_eq!(coarse("Csus4").1, Type::Other);
        assert_eq!(coarse("N"), (None, Type::NoChord));
    }

    proptest! {
        #[test]
        fn music_that_obeys_scores_full_marks(
            tempo_bpm in 20.0_f64..400.0,
            chords in prop::collection::vec("[A-G](#|b)?(m7|maj7|7|m|dim)?", 1..12),
        ) {
            let chords: Vec<&str> = chords.iter().map(String::as_str).collect();
            let asked = facts(tempo_bpm, ("Eb", "minor"), &chords);
            let all = ControlMetrics::of(&[RowScore::new(&asked, &asked)]);
            for value in [all.tb, all.tbt, all.ck, all.ckd, all.pcm, all.ecm, all.cmo, all.cmot, all.bm] {
                prop_assert_eq!(value, Some(100.0));
            }
        }
    }
}
