//! Drawing the next token at random, as seriously as `temperature` and `top_p` allow.
//!
//! Nucleus sampling of Holtzman et al. 2020 (arXiv:1904.09751). Random numbers come from outside.

use crate::error::{Error, Result};

/// One token from `logits`; `uniform` is a random number from 0 up to, but not at, 1.
///
/// Equal scores count in the order of their ids. Minus infinity excludes a token. An error for
/// settings out of range, and where no score is a finite number.
pub fn sample_token(logits: &[f32], temperature: f64, top_p: f64, uniform: f64) -> Result<u32> {
    let settings = [
        (
            "temperature",
            temperature,
            temperature >= 0.0 && temperature.is_finite(),
            "0 or more",
        ),
        (
            "top_p",
            top_p,
            top_p > 0.0 && top_p <= 1.0,
            "above 0 and at most 1",
        ),
        (
            "uniform",
            uniform,
            (0.0..1.0).contains(&uniform),
            "from 0 to below 1",
        ),
    ];
    for (field, value, fits, range) in settings {
        if !fits {
            return Err(Error::InvalidRequest {
                field,
                reason: format!("{value} is not {range}"),
            });
        }
    }
    let mut order: Vec<u32> = (0..logits.len() as u32).collect();
    order.sort_by(|&a, &b| {
        logits[b as usize]
            .total_cmp(&logits[a as usize])
            .then(a.cmp(&b))
    });
    let peak = match order.first() {
        Some(&likeliest) => f64::from(logits[likeliest as usize]),
        None => f64::NAN,
    };
    if !peak.is_finite() {
        return Err(Error::NotFinite { stage: "decoder" });
    }
    if temperature == 0.0 {
        return Ok(order[0]);
    }
    let weight = |id: u32| ((f64::from(logits[id as usize]) - peak) / temperature).exp();
    let total: f64 = order.iter().map(|&id| weight(id)).sum();
    let mut kept = 0.0;
    let mut nucleus = 0;
    while nucleus < order.len() && (nucleus == 0 || kept < top_p * total) {
        kept += weight(order[nucleus]);
        nucleus += 1;
    }
    let mut left = uniform * kept;
    for &id in &order[..nucleus] {
        let weight = weight(id);
        if left < weight {
            return Ok(id);
        }
        left -= weight;
    }
    // Rounding may leave a remainder behind the last token.
    Ok(order[nucleus - 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Probabilities ½, ¼, ⅛, ⅛ for the tokens 2, 0, 1, 3.
    fn halves() -> [f32; 4] {
        [0.25f32.ln(), 0.125f32.ln(), 0.5f32.ln(), 0.125f32.ln()]
    }

    #[test]
    fn a_uniform_number_meets_the_probabilities() {
        let draw = |u| sample_token(&halves(), 1.0, 1.0, u).unwrap();
        assert_eq!(
            [0.0, 0.49, 0.51, 0.74, 0.76, 0.87, 0.88, 0.9999].map(draw),
            [2, 2, 0, 0, 1, 1, 3, 3]
        );
    }

    #[test]
    fn the_nucleus_leaves_out_the_unlikely() {
        let draw = |u| sample_token(&halves(), 1.0, 0.7, u).unwrap();
        assert_eq!([0.0, 0.6, 0.7, 0.9999].map(draw), [2, 2, 0, 0]);
        assert_eq!(sample_token(&halves(), 1.0, 0.1, 0.9999).unwrap(), 2);
    }

    #[test]
    fn settings_and_scores_that_mean_nothing_are_refused() {
        for (temperature, top_p, uniform) in [
            (-1.0, 1.0, 0.5),
            (f64::NAN, 1.0, 0.5),
            (1.0, 0.0, 0.5),
            (1.0, 1.1, 0.5),
            (1.0, 1.0, 1.0),
        ] {
            assert!(sample_token(&halves(), temperature, top_p, uniform).is_err());
        }
        assert!(sample_token(&[], 1.0, 1.0, 0.5).is_err());
        assert!(sample_token(&[f32::NEG_INFINITY; 3], 1.0, 1.0, 0.5).is_err());
    }

    proptest! {
        #[test]
        fn excluded_tokens_are_never_drawn(
            logits in prop::collection::vec(-20.0f32..20.0, 1..40),
            keep in 0usize..40,
            temperature in 0.0f64..3.0,
            top_p in 0.01f64..1.0,
            uniform in 0.0f64..1.0,
        ) {
            let keep = keep % logits.len();
            let mut masked = vec![f32::NEG_INFINITY; logits.len()];
            masked[keep] = logits[keep];
            let drawn = sample_token(&masked, temperature, top_p, uniform).unwrap();
            prop_assert_eq!(drawn as usize, keep);
            let free = sample_token(&logits, temperature, top_p, uniform).unwrap();
            prop_assert!((free as usize) < logits.len());
        }
    }
}
