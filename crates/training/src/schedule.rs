//! How fast a network learns over the course of a run: up, level, then down along a cosine.

use serde::Deserialize;

/// A learning rate for every step.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Schedule {
    /// Steps in which the rate rises from 0 in a straight line.
    pub warm_up_steps: u64,
    /// Share of the run, 0 to 1, after which the rate falls.
    pub hold: f64,
    /// Share of the peak that is left at the end, 0 to 1.
    pub floor: f64,
}

impl Default for Schedule {
    fn default() -> Self {
        Self {
            warm_up_steps: 100,
            hold: 0.0,
            floor: 0.02,
        }
    }
}

impl Schedule {
    /// The rate at `step` (from 0) of a run that is `progress` (0 to 1) through.
    pub fn learning_rate(&self, peak: f64, step: u64, progress: f64) -> f64 {
        let warm = (step + 1) as f64 / self.warm_up_steps.max(1) as f64;
        let falling = (progress - self.hold) / (1.0 - self.hold).max(f64::MIN_POSITIVE);
        let cosine = 0.5 * (1.0 + (std::f64::consts::PI * falling.clamp(0.0, 1.0)).cos());
        peak * warm.min(1.0) * (self.floor + (1.0 - self.floor) * cosine)
    }

    /// Whether all shares are shares.
    pub(crate) fn is_valid(&self) -> bool {
        (0.0..=1.0).contains(&self.hold) && (0.0..=1.0).contains(&self.floor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SCHEDULE: Schedule = Schedule {
        warm_up_steps: 10,
        hold: 0.5,
        floor: 0.1,
    };

    #[test]
    fn it_rises_holds_and_falls_to_the_floor() {
        let at = |step, progress| SCHEDULE.learning_rate(2.0, step, progress);
        assert_eq!([at(0, 0.0), at(4, 0.1), at(9, 0.2)], [0.2, 1.0, 2.0]);
        assert_eq!(at(500, 0.5), 2.0);
        assert!((at(750, 0.75) - 2.0 * (0.1 + 0.9 * 0.5)).abs() < 1e-12);
        assert!((at(999, 1.0) - 0.2).abs() < 1e-12);
        assert!((at(1200, 1.2) - 0.2).abs() < 1e-12, "past the end");
    }

    proptest! {
        #[test]
        fn it_never_rises_after_the_warm_up(a in 0.0f64..1.0, b in 0.0f64..1.0, hold in 0.0f64..1.0) {
            let schedule = Schedule { hold, ..SCHEDULE };
            let rate = |progress| schedule.learning_rate(1.0, 100, progress);
            prop_assert!(rate(a.min(b)) >= rate(a.max(b)));
            prop_assert!(rate(a).is_finite() && rate(a) >= 0.1 - 1e-12);
        }
    }
}
