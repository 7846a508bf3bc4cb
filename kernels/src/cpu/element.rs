//! The two storage types of activations: `f32` and `bf16`; arithmetic is always `f32`.

use half::bf16;

mod sealed {
    pub trait Sealed {}
    impl Sealed for f32 {}
    impl Sealed for half::bf16 {}
}

/// A number as it lies in memory.
pub trait Element: sealed::Sealed + Copy + Default + Send + Sync + 'static {
    /// Whether this is `bf16`, whose products may run on the tile unit.
    const IS_BF16: bool;
    /// Widens to `f32`; exact.
    fn to_f32(self) -> f32;
    /// Rounds to nearest, ties to even; NaN stays NaN.
    fn from_f32(value: f32) -> Self;
    /// The bits of the nearest `bf16`.
    fn to_bf16_bits(self) -> u16;
}

impl Element for f32 {
    const IS_BF16: bool = false;
    #[inline(always)]
    fn to_f32(self) -> f32 {
        self
    }
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        value
    }
    #[inline(always)]
    fn to_bf16_bits(self) -> u16 {
        round_bf16(self)
    }
}

impl Element for bf16 {
    const IS_BF16: bool = true;
    #[inline(always)]
    fn to_f32(self) -> f32 {
        f32::from_bits(u32::from(self.to_bits()) << 16)
    }
    #[inline(always)]
    fn from_f32(value: f32) -> Self {
        bf16::from_bits(round_bf16(value))
    }
    #[inline(always)]
    fn to_bf16_bits(self) -> u16 {
        self.to_bits()
    }
}

/// The `bf16` bits nearest to `value`. Branch-free, so that loops over it vectorise.
#[inline(always)]
pub(crate) fn round_bf16(value: f32) -> u16 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + ((bits >> 16) & 1)) >> 16;
    let quiet_nan = (bits >> 16) | 0x40;
    // NaN must not round up to infinity.
    (if value.is_nan() { quiet_nan } else { rounded }) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounding_agrees_with_half() {
        let mut bits = 1u32;
        for _ in 0..200_000 {
            bits = bits.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let value = f32::from_bits(bits);
            let ours = bf16::from_bits(round_bf16(value));
            let theirs = bf16::from_f32(value);
            assert!(
                ours == theirs || (ours.is_nan() && theirs.is_nan()),
                "{value}"
            );
        }
    }
}
