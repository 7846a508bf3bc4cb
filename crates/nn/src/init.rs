//! The values that weights have before they are trained.

/// How a weight is filled. Layers choose PyTorch's defaults.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// All 0.
    Zeros,
    /// All 1.
    Ones,
    /// All the same.
    Constant(f32),
    /// Evenly between ± the number.
    Uniform(f32),
    /// Normal with mean 0 and this standard deviation.
    Normal(f32),
}

impl Init {
    /// Evenly between `±1/√fan_in`: PyTorch's choice for linear layers and convolutions.
    pub fn fan_in(fan_in: usize) -> Self {
        Self::Uniform(1.0 / (fan_in.max(1) as f32).sqrt())
    }

    /// The values of one tensor, a function of seed and name.
    pub(crate) fn values(self, seed: u64, name: &str, shape: &[usize]) -> Vec<f32> {
        let len = shape.iter().product();
        match self {
            Self::Zeros => vec![0.0; len],
            Self::Ones => vec![1.0; len],
            Self::Constant(value) => vec![value; len],
            Self::Uniform(limit) => noise(seed, name).take(len).map(|x| x * limit).collect(),
            Self::Normal(deviation) => normal(seed, name)
                .take(len)
                .map(|x| x * deviation)
                .collect(),
        }
    }
}

/// Numbers evenly spread over −1..1.
pub(crate) fn noise(seed: u64, name: &str) -> impl Iterator<Item = f32> {
    let mut state = name.bytes().fold(mix(seed), |s, b| {
        (s ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
    });
    std::iter::repeat_with(move || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        (mix(state) >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    })
}

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014).
fn mix(state: u64) -> u64 {
    let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// Standard normal numbers, by Box and Muller's method.
fn normal(seed: u64, name: &str) -> impl Iterator<Item = f32> {
    let mut uniform = noise(seed, name);
    std::iter::from_fn(move || {
        let (a, b) = (uniform.next()?, uniform.next()?);
        // In (0, 1], whose logarithm is finite.
        let magnitude = (-2.0 * (1.0 - (a + 1.0) / 2.0).max(f32::MIN_POSITIVE).ln()).sqrt();
        Some(magnitude * (std::f32::consts::PI * b).cos())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_have_the_stated_spread() {
        let spread = |init: Init| {
            let values = init.values(7, "a.weight", &[100, 200]);
            let mean = values.iter().sum::<f32>() / 20_000.0;
            let square = values.iter().map(|x| x * x).sum::<f32>() / 20_000.0;
            (mean, square.sqrt())
        };
        let (mean, deviation) = spread(Init::Normal(0.5));
        assert!(mean.abs() < 0.02 && (deviation - 0.5).abs() < 0.02);
        let (mean, deviation) = spread(Init::fan_in(16));
        assert!(mean.abs() < 0.01 && (deviation - 0.25 / 3f32.sqrt()).abs() < 0.01);
    }

    #[test]
    fn each_name_has_its_own_numbers_and_always_the_same() {
        let of = |name| Init::Normal(1.0).values(1, name, &[8]);
        assert_eq!(of("a"), of("a"));
        assert_ne!(of("a"), of("b"));
    }
}
