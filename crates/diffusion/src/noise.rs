//! Gaussian noise from a counter: the same seed gives the same numbers, whatever else is computed.

/// What a stream of noise is for; part of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// The latent that diffusion starts from.
    Initial,
    /// The noise that step number `.0` adds.
    Step(u32),
    /// Noise for a source that is varied or kept.
    Source,
    /// Choices of the plan predictor.
    Plan,
}

/// Noise keyed by (seed, sample, purpose); element `i` depends on nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Noise {
    key: u64,
}

impl Noise {
    /// The stream of one sample (variation) of a request.
    pub fn new(seed: u64, sample: u64, purpose: Purpose) -> Self {
        let purpose = match purpose {
            Purpose::Initial => 0,
            Purpose::Source => 1,
            Purpose::Plan => 2,
            Purpose::Step(step) => 3 + u64::from(step),
        };
        Self {
            key: mix(mix(mix(seed) ^ sample.wrapping_mul(GOLDEN)).wrapping_add(purpose)),
        }
    }

    /// Uniform in 0..1, from 53 bits.
    pub fn uniform(self, index: u64) -> f64 {
        (mix(self.key ^ index.wrapping_mul(GOLDEN)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Standard normal number `index`, by Box and Muller.
    pub fn normal(self, index: u64) -> f32 {
        let pair = index & !1;
        let radius = (-2.0 * (1.0 - self.uniform(pair)).ln()).sqrt();
        let angle = std::f64::consts::TAU * self.uniform(pair | 1);
        let value = if index & 1 == 0 {
            angle.cos()
        } else {
            angle.sin()
        };
        (radius * value) as f32
    }

    /// The first `len` standard normal numbers.
    pub fn normals(self, len: usize) -> Vec<f32> {
        (0..len as u64).map(|index| self.normal(index)).collect()
    }
}

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014), after adding its increment.
fn mix(x: u64) -> u64 {
    let x = x.wrapping_add(GOLDEN);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_those_of_a_standard_normal() {
        let n = 200_000;
        let values = Noise::new(7, 0, Purpose::Initial).normals(n);
        let moment = |p: i32| values.iter().map(|&x| f64::from(x).powi(p)).sum::<f64>() / n as f64;
        assert!(moment(1).abs() < 0.01);
        assert!((moment(2) - 1.0).abs() < 0.02);
        assert!(moment(3).abs() < 0.05);
        assert!((moment(4) - 3.0).abs() < 0.1);
    }

    #[test]
    fn every_part_of_the_key_counts() {
        let base = Noise::new(1, 0, Purpose::Initial).normals(8);
        assert_eq!(base, Noise::new(1, 0, Purpose::Initial).normals(8));
        for other in [
            Noise::new(2, 0, Purpose::Initial),
            Noise::new(1, 1, Purpose::Initial),
            Noise::new(1, 0, Purpose::Step(0)),
            Noise::new(1, 0, Purpose::Source),
        ] {
            assert_ne!(base, other.normals(8));
        }
    }

    #[test]
    fn a_longer_run_begins_like_a_shorter_one() {
        let noise = Noise::new(3, 1, Purpose::Step(4));
        assert_eq!(noise.normals(9), noise.normals(20)[..9]);
    }
}
