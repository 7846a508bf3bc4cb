//! The chord qualities that are recognised, and how likely they are.
//!
//! Those of the composer's corpus and of lead sheets; colours that a listener can hardly tell from
//! a melody note (9th, 13th) are not tried unless they are common.

use mustool_music::Quality;

/// Qualities with their share in written music, in nats against the major triad. The shares are
/// those of a mixed corpus, rounded.
pub(super) const QUALITIES: [(Quality, f32); 20] = [
    (Quality::MAJOR, 0.0),
    (Quality::MINOR, -0.4),
    (Quality::DOMINANT7, -0.7),
    (Quality::MINOR7, -0.8),
    (Quality::MAJOR7, -1.0),
    (Quality::ADD9, -2.4),
    (Quality::DOMINANT9, -2.6),
    (Quality::MAJOR6, -2.6),
    (Quality::MINOR6, -2.7),
    (Quality::SUS4, -2.7),
    (Quality::DIMINISHED7, -2.7),
    (Quality::MINOR9, -2.8),
    (Quality::MINOR_ADD9, -2.8),
    (Quality::DIMINISHED, -3.0),
    (Quality::HALF_DIMINISHED7, -3.0),
    (Quality::DOMINANT7_SUS4, -3.1),
    (Quality::MAJOR9, -3.2),
    (Quality::SUS2, -3.5),
    (Quality::AUGMENTED, -4.0),
    (Quality::MINOR_MAJOR7, -4.3),
];

/// Pitch classes of a quality above its root, as a mask of twelve bits.
pub(super) fn mask(quality: Quality) -> u16 {
    let classes = quality
        .intervals()
        .into_iter()
        .map(|interval| 1 << (interval % 12));
    classes.fold(0, |mask, class| mask | class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_qualities_have_the_same_notes() {
        let masks: std::collections::BTreeSet<u16> = QUALITIES
            .iter()
            .map(|&(quality, _)| mask(quality))
            .collect();
        assert_eq!(masks.len(), QUALITIES.len());
        assert!(masks.iter().all(|mask| mask & 1 == 1));
    }
}
