//! Harte's chord notation, the one of research annotations: `A:min7`, `C:maj/3`, `F:7(#9)`.
//!
//! C. Harte et al., "Symbolic representation of musical chords: a proposed syntax for text
//! annotations", ISMIR 2005. Degrees count from the root by letter, so a bass keeps its spelling.

use crate::note::NoteName;
use crate::quality::{Quality, TENSIONS};

/// Shorthands with their intervals in semitones. The first eleven are Harte's own triads and
/// sevenths; the others are his extensions and those of common annotation tools.
const SHORTHANDS: [(&str, Quality); 22] = [
    ("maj", Quality::MAJOR),
    ("min", Quality::MINOR),
    ("dim", Quality::DIMINISHED),
    ("aug", Quality::AUGMENTED),
    ("maj7", Quality::MAJOR7),
    ("min7", Quality::MINOR7),
    ("7", Quality::DOMINANT7),
    ("dim7", Quality::DIMINISHED7),
    ("hdim7", Quality::HALF_DIMINISHED7),
    ("minmaj7", Quality::MINOR_MAJOR7),
    ("maj6", Quality::MAJOR6),
    ("min6", Quality::MINOR6),
    ("9", Quality::DOMINANT9),
    ("maj9", Quality::MAJOR9),
    ("min9", Quality::MINOR9),
    ("sus4", Quality::SUS4),
    ("sus2", Quality::SUS2),
    ("5", Quality::POWER),
    ("13", Quality::DOMINANT13),
    ("6", Quality::MAJOR6),
    ("hdim", Quality::HALF_DIMINISHED7),
    ("1", Quality::ROOT_ONLY),
];

/// Semitones of the degrees 1 to 13 of the major scale.
const DEGREE_SEMITONES: [i32; 13] = [0, 2, 4, 5, 7, 9, 11, 12, 14, 16, 17, 19, 21];

/// Reads `b3`, `#11` or `bb7` as (degree 1 to 13, semitones above the root).
fn parse_degree(text: &str) -> Option<(u8, u8)> {
    let digits = text.trim_start_matches(['b', '#', '♭', '♯']);
    let signs = &text[..text.len() - digits.len()];
    if signs.chars().count() > 2 || digits.len() > 2 || !digits.bytes().all(|b| b.is_ascii_digit())
    {
        return None;
    }
    let degree: u8 = digits
        .parse()
        .ok()
        .filter(|degree| (1..=13).contains(degree))?;
    let shift: i32 = signs
        .chars()
        .map(|sign| if matches!(sign, 'b' | '♭') { -1 } else { 1 })
        .sum();
    let semitones = DEGREE_SEMITONES[usize::from(degree) - 1] + shift;
    Some((degree, semitones.rem_euclid(24) as u8))
}

/// Reads what follows the colon, without the bass: `min7`, `maj(9)`, `7(*5,b13)`, `(1,b3,5)`.
pub(super) fn parse_quality(text: &str) -> Option<Quality> {
    let (shorthand, degrees) = match text.split_once('(') {
        None => (text, None),
        Some((shorthand, degrees)) => (shorthand, Some(degrees.strip_suffix(')')?)),
    };
    let mut mask = match shorthand {
        "" => {
            degrees?;
            1
        }
        name => SHORTHANDS
            .iter()
            .find(|(shorthand, _)| *shorthand == name)?
            .1
            .mask(),
    };
    for degree in degrees.into_iter().flat_map(|degrees| degrees.split(',')) {
        let degree = degree.trim();
        let omitted = degree.strip_prefix('*');
        let (_, semitones) = parse_degree(omitted.unwrap_or(degree))?;
        match omitted {
            Some(_) => mask &= !(1 << semitones),
            None => mask |= 1 << semitones,
        }
    }
    Quality::from_intervals((0..24).filter(|interval| mask >> interval & 1 == 1))
}

/// Reads a bass degree such as `b3` as the note that lies there above `root`.
pub(super) fn parse_bass(root: NoteName, text: &str) -> Option<NoteName> {
    let (degree, semitones) = parse_degree(text)?;
    Some(root.up((degree - 1) % 7, semitones))
}

/// The quality in Harte's notation: the nearest shorthand, then what is added or left out.
pub(super) fn quality(quality: Quality) -> String {
    let mask = quality.mask();
    let distance = |other: Quality| {
        let omitted = other.mask() & !mask;
        (other.mask() ^ mask).count_ones() + omitted.count_ones()
    };
    // The last three are aliases and the bare root, which are never the best choice to write.
    let (name, nearest) = SHORTHANDS[..SHORTHANDS.len() - 3]
        .iter()
        .min_by_key(|(_, other)| distance(*other))
        .expect("the table is not empty");
    let added = (1..=21)
        .filter(|interval| (mask & !nearest.mask()) >> interval & 1 == 1)
        .map(degree_name);
    let omitted = (1..=21)
        .filter(|interval| (nearest.mask() & !mask) >> interval & 1 == 1)
        .map(|interval| format!("*{}", degree_name(interval)));
    let degrees: Vec<String> = omitted.chain(added.map(str::to_owned)).collect();
    match degrees.is_empty() {
        true => (*name).to_owned(),
        false => format!("{name}({})", degrees.join(",")),
    }
}

fn degree_name(interval: u8) -> &'static str {
    const WITHIN_OCTAVE: [&str; 12] = [
        "1", "b2", "2", "b3", "3", "4", "b5", "5", "#5", "6", "b7", "7",
    ];
    match WITHIN_OCTAVE.get(usize::from(interval)) {
        Some(name) => name,
        None => TENSIONS
            .iter()
            .find(|(tension, _)| *tension == interval)
            .map_or("1", |(_, name)| name),
    }
}

/// The degree of `bass` above `root`, spelled by their letters: E♭ above C is `b3`.
pub(super) fn bass_degree(root: NoteName, bass: NoteName) -> String {
    let steps = root.steps_to(bass);
    let natural = DEGREE_SEMITONES[usize::from(steps)];
    let semitones = i32::from(root.pitch_class().interval_to(bass.pitch_class()));
    let shift = (semitones - natural + 6).rem_euclid(12) - 6;
    if shift.abs() > 2 {
        return degree_name(semitones as u8).to_owned();
    }
    let sign = if shift < 0 { "b" } else { "#" };
    format!(
        "{}{}",
        sign.repeat(shift.unsigned_abs() as usize),
        steps + 1
    )
}
