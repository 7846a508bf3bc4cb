//! Which instructions this processor has, decided once.

use std::sync::OnceLock;

/// Instruction sets, from the most to the least able.
///
/// `MUSTOOL_CPU=amx|avx512|avx2|portable` forces a lower level than the processor has; a level
/// that it lacks is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust, vectorised by the compiler for the build's target.
    Portable,
    /// 256-bit vectors with fused multiply-add.
    Avx2,
    /// 512-bit vectors.
    Avx512,
    /// AVX-512 and the bf16 tile unit: `bf16` products run on tiles, `f32` ones as in `Avx512`.
    Amx,
}

impl Level {
    /// The level in force, detected at the first call.
    pub fn get() -> Self {
        static LEVEL: OnceLock<Level> = OnceLock::new();
        *LEVEL.get_or_init(|| {
            let best = Self::detect();
            std::env::var("MUSTOOL_CPU")
                .ok()
                .and_then(|name| Self::parse(&name))
                .map_or(best, |forced| forced.min(best))
        })
    }

    /// `amx`, `avx512`, `avx2` or `portable`.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "amx" => Some(Self::Amx),
            "avx512" => Some(Self::Avx512),
            "avx2" => Some(Self::Avx2),
            "portable" => Some(Self::Portable),
            _ => None,
        }
    }

    /// The name that [`Level::parse`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Amx => "amx",
            Self::Avx512 => "avx512",
            Self::Avx2 => "avx2",
            Self::Portable => "portable",
        }
    }

    #[cfg(target_arch = "x86_64")]
    fn detect() -> Self {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        let avx512 = avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl");
        if avx512 && super::amx::available() {
            Self::Amx
        } else if avx512 {
            Self::Avx512
        } else if avx2 {
            Self::Avx2
        } else {
            Self::Portable
        }
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn detect() -> Self {
        Self::Portable
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for level in [Level::Portable, Level::Avx2, Level::Avx512, Level::Amx] {
            assert_eq!(Level::parse(level.name()), Some(level));
        }
        assert_eq!(Level::parse("sse"), None);
    }
}
