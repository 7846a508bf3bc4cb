//! Chance that can be repeated: the same seed rolls the same dice on every machine.
//!
//! The generator is SplitMix64 (Steele, Lea & Flood 2014). Independent decisions take independent
//! streams ([`Rng::fork`]), so that one more note in the bass moves nothing in the drums.
//! Not for cryptography.

/// A small deterministic random number generator.
#[derive(Debug, Clone)]
pub struct Rng {
    state: u64,
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

impl Rng {
    /// A stream of its own for every pair of seed and stream name.
    pub fn new(seed: u64, stream: &str) -> Self {
        Self {
            state: mix(seed.wrapping_add(GOLDEN)) ^ stable_hash(stream),
        }
    }

    /// A stream that depends on this one's seed and position and on `stream`; this one stays.
    pub fn fork(&self, stream: &str) -> Self {
        Self {
            state: mix(self.state ^ stable_hash(stream)),
        }
    }

    /// 64 fresh bits.
    pub fn next_u64(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix(self.state)
    }

    /// Uniform in `0.0..1.0`.
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in `low..high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Uniform in `0..n`; 0 when `n` is 0.
    pub fn below(&mut self, n: usize) -> usize {
        ((self.unit() * n as f64) as usize).min(n.saturating_sub(1))
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// Normally distributed with mean 0 and standard deviation 1, cut at ±2.5.
    pub fn gauss(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        (radius * (std::f64::consts::TAU * self.unit()).cos()).clamp(-2.5, 2.5)
    }

    /// One of the items, all equally likely.
    ///
    /// # Panics
    /// If `items` is empty; callers pass this crate's own tables, which never are.
    pub fn pick<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len())]
    }

    /// One of the items, all equally likely; `None` of an empty slice.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        items.get(self.below(items.len()))
    }

    /// The index of one of the weights, as likely as its weight; 0 when all are 0.
    pub fn weighted(&mut self, weights: &[f64]) -> usize {
        let mut left = self.unit() * weights.iter().sum::<f64>();
        for (i, weight) in weights.iter().enumerate() {
            left -= weight;
            if left < 0.0 {
                return i;
            }
        }
        0
    }
}

/// FNV-1a: the same text gives the same number in every build.
pub(crate) fn stable_hash(text: &str) -> u64 {
    let byte = |hash: u64, b: u8| (hash ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3);
    mix(text.bytes().fold(0xCBF2_9CE4_8422_2325, byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_matches_the_published_sequence() {
        // First outputs of SplitMix64 with state 0, as in the reference C code's known answers.
        let mut rng = Rng { state: 0 };
        assert_eq!(rng.next_u64(), 0xE220_A839_7B1D_CDAF);
        assert_eq!(rng.next_u64(), 0x6E78_9E6A_A1B9_65F4);
    }

    #[test]
    fn draws_stay_inside_and_cover_their_range() {
        let mut rng = Rng::new(7, "test");
        let mut seen = [0usize; 6];
        for _ in 0..6000 {
            seen[rng.below(6)] += 1;
            assert!((0.0..1.0).contains(&rng.unit()));
            assert!(rng.gauss().abs() <= 2.5);
        }
        assert!(seen.iter().all(|&n| (850..1150).contains(&n)), "{seen:?}");
    }

    #[test]
    fn weights_are_respected() {
        let mut rng = Rng::new(1, "weights");
        let mut seen = [0usize; 3];
        (0..4000).for_each(|_| seen[rng.weighted(&[1.0, 0.0, 3.0])] += 1);
        assert_eq!(seen[1], 0);
        assert!((850..1150).contains(&seen[0]), "{seen:?}");
    }

    #[test]
    fn streams_differ_and_repeat() {
        let (mut a, mut b) = (Rng::new(3, "bass"), Rng::new(3, "drums"));
        assert_ne!(a.next_u64(), b.next_u64());
        assert_eq!(
            Rng::new(3, "bass").fork("x").next_u64(),
            Rng::new(3, "bass").fork("x").next_u64()
        );
    }
}
