//! Dice that can be thrown again: what a step draws depends on the seed, the step and the name of
//! what is drawn, and on nothing else.
//!
//! So a run that is resumed sees the batches that it would have seen without the interruption, and
//! a checkpoint holds no state of any generator. The generator itself is the composer's.

use mustool_composer::Rng;

/// All dice of a run.
#[derive(Debug, Clone, Copy)]
pub struct Chance {
    seed: u64,
}

impl Chance {
    /// The dice of a run with this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The stream that `step` uses for `what`.
    pub fn at(&self, step: u64, what: &str) -> Rng {
        Rng::new(self.seed, what).fork(&step.to_string())
    }

    /// Indices of `batch` items of `len`: every item once in each round, in an order that is drawn
    /// anew for every round. Empty when `len` is 0.
    pub fn picks(&self, step: u64, batch: usize, len: usize) -> Vec<usize> {
        if len == 0 {
            return Vec::new();
        }
        let mut order: Option<(u64, Vec<usize>)> = None;
        (0..batch as u64)
            .map(|slot| {
                let position = step * batch as u64 + slot;
                let (round, place) = (position / len as u64, (position % len as u64) as usize);
                if order.as_ref().is_none_or(|(drawn, _)| *drawn != round) {
                    order = Some((round, self.shuffled(round, len)));
                }
                order.as_ref().map_or(0, |(_, order)| order[place])
            })
            .collect()
    }

    /// The numbers below `len` in the order of a round (Fisher and Yates).
    fn shuffled(&self, round: u64, len: usize) -> Vec<usize> {
        let mut rng = self.at(round, "order");
        let mut order: Vec<usize> = (0..len).collect();
        for i in (1..len).rev() {
            order.swap(i, rng.below(i + 1));
        }
        order
    }
}

/// `len` independent numbers from the standard normal distribution (Box and Muller), not cut off.
pub fn normals(rng: &mut Rng, len: usize) -> Vec<f32> {
    let mut values = Vec::with_capacity(len + 1);
    while values.len() < len {
        let radius = (-2.0 * (1.0 - rng.unit()).ln()).sqrt();
        let (sin, cos) = (std::f64::consts::TAU * rng.unit()).sin_cos();
        values.push((radius * cos) as f32);
        values.push((radius * sin) as f32);
    }
    values.truncate(len);
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_item_is_picked_once_in_a_round(
            seed: u64, len in 1usize..60, batch in 1usize..9, start in 0u64..50
        ) {
            let chance = Chance::new(seed);
            let position = start * batch as u64;
            // Whole rounds that lie within the steps from `start` on.
            let first = position.next_multiple_of(len as u64);
            let steps = (2 * len).div_ceil(batch) as u64 + 2;
            let seen: Vec<usize> = (start..start + steps)
                .flat_map(|step| chance.picks(step, batch, len))
                .skip((first - position) as usize)
                .take(len)
                .collect();
            let mut sorted = seen.clone();
            sorted.sort_unstable();
            prop_assert_eq!(sorted, (0..len).collect::<Vec<_>>());
        }

        #[test]
        fn a_step_does_not_depend_on_the_steps_before(seed: u64, step in 0u64..1000) {
            let chance = Chance::new(seed);
            let alone = chance.picks(step, 4, 37);
            for earlier in step.saturating_sub(3)..step {
                chance.picks(earlier, 4, 37);
            }
            prop_assert_eq!(alone, chance.picks(step, 4, 37));
        }
    }

    #[test]
    fn rounds_differ_in_their_order() {
        let chance = Chance::new(5);
        assert_ne!(chance.picks(0, 30, 30), chance.picks(1, 30, 30));
        assert!(chance.picks(3, 8, 0).is_empty());
    }

    #[test]
    fn normals_have_mean_zero_variance_one_and_tails() {
        let values = normals(&mut Chance::new(1).at(0, "test"), 100_001);
        assert_eq!(values.len(), 100_001);
        let mean = values.iter().map(|&v| f64::from(v)).sum::<f64>() / 1e5;
        let square = values.iter().map(|&v| f64::from(v).powi(2)).sum::<f64>() / 1e5;
        assert!(
            mean.abs() < 0.02 && (square - 1.0).abs() < 0.02,
            "{mean} {square}"
        );
        assert!(values.iter().any(|v| v.abs() > 3.5));
    }
}
