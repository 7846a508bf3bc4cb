//! Dressing a phrase: sevenths and colours, suspensions, dominants of their own, borrowed chords,
//! substitutes, passing chords and inversions.

use super::Change;
use super::dialect::Idiom;
use super::grammar::Slot;
use super::roman::Roman;
use crate::rng::Rng;
use mustool_music::{Mode, Quality};

/// The phrase with its dress on, in beats. A slot is split only where both halves keep a beat.
pub(super) fn dress(
    slots: &[Slot],
    idiom: &Idiom,
    mode: Mode,
    slot_beats: f64,
    rng: &mut Rng,
) -> Vec<Change> {
    let mut slots: Vec<Slot> = slots.to_vec();
    let can_split = slot_beats >= 2.0;
    borrow(&mut slots, idiom, mode, can_split, rng);
    approach(&mut slots, idiom, can_split, rng);
    for slot in &mut slots {
        for chord in slot.iter_mut() {
            *chord = colour(*chord, idiom, mode, rng);
        }
        suspend(slot, idiom, can_split, rng);
    }
    let mut changes: Vec<Change> = slots
        .iter()
        .flat_map(|slot| share(slot, slot_beats))
        .collect();
    invert(&mut changes, idiom, rng);
    changes
}

/// The chords of a slot with their beats; the first gets the odd beat. A slot of one beat holds
/// one chord, its last, which leads on.
fn share(slot: &[Roman], slot_beats: f64) -> Vec<Change> {
    match slot {
        [first, second] if slot_beats >= 2.0 => {
            let head = (slot_beats / 2.0).ceil();
            let tail = slot_beats - head;
            vec![
                Change {
                    roman: *first,
                    beats: head,
                },
                Change {
                    roman: *second,
                    beats: tail,
                },
            ]
        }
        _ => slot
            .last()
            .map(|&roman| Change {
                roman,
                beats: slot_beats,
            })
            .into_iter()
            .collect(),
    }
}

/// Minor subdominants in major, `bVII` for `V`, the Neapolitan and the major tonic in minor.
fn borrow(slots: &mut [Slot], idiom: &Idiom, mode: Mode, can_split: bool, rng: &mut Rng) {
    let len = slots.len();
    for (i, slot) in slots.iter_mut().enumerate() {
        let [chord] = slot[..] else { continue };
        let triad = chord.bass.is_none();
        if !triad || !rng.chance(idiom.borrowing) {
            continue;
        }
        let minor_iv = Roman::new(5, Quality::MINOR);
        match (mode, chord.root, chord.is_minor()) {
            (Mode::Major, 5, false) if can_split => *slot = vec![chord, minor_iv],
            (Mode::Major, 2, true) => *slot = vec![minor_iv],
            (Mode::Major, 7, false) => *slot = vec![Roman::new(10, Quality::MAJOR)],
            (Mode::Major, 9, true) => *slot = vec![Roman::new(8, Quality::MAJOR)],
            (Mode::Minor, 5, true) if rng.chance(0.5) => {
                *slot = vec![Roman::new(5, Quality::MAJOR)]
            }
            (Mode::Minor, 5, true) => *slot = vec![Roman::new(1, Quality::MAJOR)],
            (Mode::Minor, 0, true) if i + 1 == len => *slot = vec![Roman::new(0, Quality::MAJOR)],
            _ => {}
        }
    }
}

/// Secondary dominants, tritone substitutes and passing diminished chords before their goals.
fn approach(slots: &mut [Slot], idiom: &Idiom, can_split: bool, rng: &mut Rng) {
    for i in 0..slots.len() {
        let goal = slots[(i + 1) % slots.len()][0];
        let [chord] = slots[i][..] else { continue };
        let distance = (goal.root + 12 - chord.root) % 12;
        let fifth_above = (goal.root + 7) % 12;
        let stable_goal = matches!(goal.quality.fifth(), Some(7));
        if chord.root == 7 && goal.root == 0 && rng.chance(idiom.tritone_substitutes) {
            slots[i] = vec![Roman::new(1, Quality::DOMINANT7)];
        } else if can_split && distance == 2 && rng.chance(idiom.passing_diminished * 2.0) {
            slots[i] = vec![chord, Roman::new(chord.root + 1, Quality::DIMINISHED7)];
        } else if can_split
            && match distance {
                0 => rng.chance(idiom.splits),
                _ => {
                    stable_goal
                        && goal.root != 0
                        && chord.root != fifth_above
                        && rng.chance(idiom.secondary_dominants)
                }
            }
        {
            slots[i] = vec![chord, Roman::new(fifth_above, Quality::DOMINANT7)];
        } else if can_split && chord.root == 7 && rng.chance(idiom.splits) {
            let quality = if goal.is_minor() {
                Quality::MINOR
            } else {
                Quality::MAJOR
            };
            slots[i] = vec![Roman::new(5, quality), chord];
        }
    }
}

/// Sevenths by the key's scale, now and then a sixth, a ninth or an added tone.
fn colour(chord: Roman, idiom: &Idiom, mode: Mode, rng: &mut Rng) -> Roman {
    let seventh = rng.chance(idiom.sevenths);
    let rich = rng.chance(idiom.colours);
    let in_scale = |semitones: u8| mode.intervals().contains(&((chord.root + semitones) % 12));
    let dominant = chord.root == 7 || (in_scale(10) && !in_scale(11));
    let quality = match chord.quality {
        Quality::MAJOR if dominant && seventh && rich => [
            Quality::DOMINANT9,
            Quality::DOMINANT7_SUS4,
            Quality::DOMINANT13,
        ][rng.weighted(&[5.0, 3.0, 2.0])],
        Quality::MAJOR if dominant && seventh => Quality::DOMINANT7,
        Quality::MAJOR if seventh && rich => {
            [Quality::MAJOR9, Quality::MAJOR6, Quality::SIX_NINE][rng.weighted(&[4.0, 4.0, 2.0])]
        }
        Quality::MAJOR if seventh => Quality::MAJOR7,
        Quality::MAJOR if rich => [Quality::ADD9, Quality::MAJOR6][rng.weighted(&[7.0, 3.0])],
        Quality::MINOR if seventh && rich => {
            [Quality::MINOR9, Quality::MINOR6, Quality::MINOR_MAJOR7]
                [rng.weighted(&[6.0, 3.0, 1.0])]
        }
        Quality::MINOR if seventh => Quality::MINOR7,
        Quality::MINOR if rich => [Quality::MINOR_ADD9, Quality::MINOR6][rng.weighted(&[7.0, 3.0])],
        Quality::DIMINISHED if seventh && in_scale(10) => Quality::HALF_DIMINISHED7,
        Quality::DIMINISHED if seventh => Quality::DIMINISHED7,
        Quality::DOMINANT7 if rich && mode.is_minor() => Quality::DOMINANT7_FLAT9,
        Quality::DOMINANT7 if rich => Quality::DOMINANT9,
        other => other,
    };
    Roman { quality, ..chord }
}

/// `Vsus4` resolving to `V`, or a chord that stays suspended.
fn suspend(slot: &mut Slot, idiom: &Idiom, can_split: bool, rng: &mut Rng) {
    let [chord] = slot[..] else { return };
    if !rng.chance(idiom.suspensions) {
        return;
    }
    match chord.quality {
        Quality::MAJOR if can_split && rng.chance(0.5) => {
            *slot = vec![
                Roman {
                    quality: Quality::SUS4,
                    bass: None,
                    ..chord
                },
                chord,
            ];
        }
        Quality::MAJOR => {
            let quality = if rng.chance(0.5) {
                Quality::SUS2
            } else {
                Quality::SUS4
            };
            *slot = vec![Roman {
                quality,
                bass: None,
                ..chord
            }];
        }
        Quality::DOMINANT7 if can_split => {
            *slot = vec![
                Roman {
                    quality: Quality::DOMINANT7_SUS4,
                    bass: None,
                    ..chord
                },
                chord,
            ];
        }
        _ => {}
    }
}

/// First and second inversions where the bass then moves by step or stays, mostly on both sides.
fn invert(changes: &mut [Change], idiom: &Idiom, rng: &mut Rng) {
    for i in 1..changes.len().saturating_sub(1) {
        let chord = changes[i].roman;
        let invertible =
            matches!(chord.quality.fifth(), Some(7)) && chord.quality.third().is_some();
        if chord.bass.is_some() || !invertible || !rng.chance(idiom.inversions) {
            continue;
        }
        let before = changes[i - 1].roman.bass_note();
        let after = changes[i + 1].roman.bass_note();
        let step = |a: u8, b: u8| {
            let up = (b + 12 - a) % 12;
            (1..=2).contains(&up) || (10..=11).contains(&up)
        };
        let members: &[u8] = if rng.chance(0.8) { &[3] } else { &[5] };
        for &member in members {
            if let Some(inverted) = chord.over_member(member) {
                let bass = inverted.bass_note();
                let led = step(before, bass) || before == bass;
                let leads = step(bass, after) || bass == after;
                if led && leads || (led || leads) && rng.chance(0.35) {
                    changes[i].roman = inverted;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::super::grammar::numeral;
    use super::*;

    #[test]
    fn a_jazz_two_five_one_has_its_sevenths() {
        let slots: Vec<Slot> = ["ii", "V", "I"].iter().map(|n| vec![numeral(n)]).collect();
        let idiom = Idiom {
            sevenths: 1.0,
            colours: 0.0,
            suspensions: 0.0,
            secondary_dominants: 0.0,
            borrowing: 0.0,
            tritone_substitutes: 0.0,
            inversions: 0.0,
            passing_diminished: 0.0,
            splits: 0.0,
            ..*Dialect::Jazz.idiom()
        };
        let dressed = dress(&slots, &idiom, Mode::Major, 4.0, &mut Rng::new(0, "dress"));
        let names: Vec<String> = dressed
            .iter()
            .map(|change| change.roman.to_string())
            .collect();
        assert_eq!(names, ["ii7", "V7", "Imaj7"]);
    }

    #[test]
    fn inversions_make_the_bass_step() {
        let romans = ["I", "V", "vi", "IV"].map(numeral);
        let mut changes = romans.map(|roman| Change { roman, beats: 4.0 });
        let idiom = Idiom {
            inversions: 1.0,
            ..*Dialect::Ballad.idiom()
        };
        let mut rng = Rng::new(3, "invert");
        while changes[1].roman.bass.is_none() {
            invert(&mut changes, &idiom, &mut rng);
        }
        assert_eq!(changes[1].roman, numeral("V/3"));
        assert_eq!(changes[0].roman, numeral("I"));
    }

    #[test]
    fn odd_slots_give_the_first_chord_more() {
        let shared = share(&[numeral("ii"), numeral("V")], 3.0);
        assert_eq!(
            shared.iter().map(|c| c.beats).collect::<Vec<_>>(),
            [2.0, 1.0]
        );
        assert_eq!(share(&[numeral("ii"), numeral("V")], 1.0).len(), 1);
    }

    #[test]
    fn a_secondary_dominant_lies_a_fifth_above_its_goal() {
        let idiom = Idiom {
            secondary_dominants: 1.0,
            passing_diminished: 0.0,
            ..*Dialect::Pop.idiom()
        };
        let mut slots: Vec<Slot> = ["I", "vi", "IV", "I"]
            .iter()
            .map(|n| vec![numeral(n)])
            .collect();
        approach(&mut slots, &idiom, true, &mut Rng::new(1, "approach"));
        assert_eq!(slots[0], [numeral("I"), numeral("III7")]);
        assert_eq!(slots[1], [numeral("vi"), numeral("I7")]);
        assert_eq!(slots[2], [numeral("IV")], "the tonic needs no approach");
    }
}
