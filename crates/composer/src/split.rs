//! Which music is for training and which is kept to test on.
//!
//! What is held out is a combination of harmony and style, not a clip: a tenth of all pairs of
//! progression (as roman numerals) and style, chosen by a stable hash. So a model that plays
//! held-out pieces well has learnt to follow chords and has not remembered them.

use crate::harmony::Roman;
use crate::rng::stable_hash;
use mustool_music::Plan;

/// A side of the split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Split {
    /// Nine tenths.
    Train,
    /// One tenth, never composed for training.
    HeldOut,
}

impl Split {
    /// The side on which a plan falls, by the chords that are heard in it and its style.
    ///
    /// Without a key the chords count from C.
    pub fn of(plan: &Plan) -> Self {
        let tonic = plan.key.map_or(mustool_music::PitchClass::new(0), |key| {
            key.tonic.pitch_class()
        });
        let mut text = plan.style.clone().unwrap_or_default();
        for event in &plan.chords {
            match Roman::of(&event.chord, tonic) {
                Some(roman) => text.push_str(&format!(" {roman}")),
                None => text.push_str(" N"),
            }
        }
        if stable_hash(&text).is_multiple_of(10) {
            Self::HeldOut
        } else {
            Self::Train
        }
    }

    /// `train` or `held-out`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::HeldOut => "held-out",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compose::Composer;

    #[test]
    fn the_split_does_not_depend_on_the_key() {
        for seed in 0..30 {
            let plan = Composer::default().compose(seed, Split::HeldOut).plan;
            assert_eq!(Split::of(&plan), Split::HeldOut);
            for n in 1..12 {
                assert_eq!(Split::of(&plan.transpose(n)), Split::HeldOut);
            }
        }
    }

    #[test]
    fn training_never_hears_held_out_pairs() {
        for seed in 0..200 {
            assert_eq!(
                Split::of(&Composer::default().compose(seed, Split::Train).plan),
                Split::Train
            );
        }
    }

    #[test]
    fn about_a_tenth_is_held_out() {
        let plans = (0..800).map(|seed| {
            let split = if seed % 10 == 0 {
                Split::HeldOut
            } else {
                Split::Train
            };
            Composer::default().compose(seed, split).plan
        });
        // Change the style: the same harmony falls anew, one time in ten on the held-out side.
        let moved = plans.map(|mut plan| {
            plan.style = Some("another style".to_owned());
            Split::of(&plan)
        });
        let held_out = moved.filter(|&split| split == Split::HeldOut).count();
        assert!((50..115).contains(&held_out), "{held_out} of 800");
    }
}
