//! How far chance moves a mean: confidence intervals by resampling (Efron 1979).

/// Resamplings.
const ROUNDS: usize = 1000;

/// Lower and upper end of the 95 % interval of `statistic` over samples of `0..count` with
/// replacement. The samples are the same at every call. None where fewer than two items, or where
/// the statistic mostly does not exist.
pub fn interval_95(
    count: usize,
    statistic: impl Fn(&[usize]) -> Option<f64>,
) -> Option<(f64, f64)> {
    if count < 2 {
        return None;
    }
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut sample = vec![0; count];
    let mut values = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        sample.fill_with(|| (next(&mut state) % count as u64) as usize);
        values.extend(statistic(&sample).filter(|value| value.is_finite()));
    }
    if values.len() < ROUNDS / 2 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let at = |share: f64| values[((values.len() - 1) as f64 * share).round() as usize];
    Some((at(0.025), at(0.975)))
}

/// SplitMix64 (Steele, Lea & Flood 2014).
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_mean_is_two_standard_errors_wide() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 2)).collect();
        let mean = |sample: &[usize]| {
            Some(sample.iter().map(|&i| values[i]).sum::<f64>() / sample.len() as f64)
        };
        let (low, high) = interval_95(400, mean).unwrap();
        // The standard error of a fair coin over 400 throws is 0.025.
        assert!(
            (low - 0.451).abs() < 0.01 && (high - 0.549).abs() < 0.01,
            "{low} {high}"
        );
        assert_eq!(interval_95(400, mean), Some((low, high)));
    }

    #[test]
    fn nothing_has_no_interval() {
        assert_eq!(interval_95(1, |_| Some(1.0)), None);
        assert_eq!(interval_95(9, |_| None), None);
        assert_eq!(interval_95(9, |_| Some(f64::NAN)), None);
    }
}
