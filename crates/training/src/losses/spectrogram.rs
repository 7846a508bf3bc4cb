//! How far a decoded spectrogram is from the one that was encoded, and what its latent costs.
//!
//! A chord lives in which semitone stands above its neighbours, not in the noise floor. So loud
//! bands count more than silent ones, low bands more than high ones, and the differences between
//! neighbouring bands are compared as well.

use super::Loss;

/// Which bands and levels matter.
#[derive(Debug, Clone, Copy)]
pub struct Emphasis {
    /// Bands of the spectrogram.
    pub num_bands: usize,
    /// Bands below this count half as much again: 54 is C6 where the lowest band is G1.
    pub low_bands: usize,
    /// Weight of the differences between neighbouring bands.
    pub slope: f64,
}

impl Emphasis {
    /// The default model's: up to C6 of 96 bands.
    pub fn for_bands(num_bands: usize) -> Self {
        Self {
            num_bands,
            low_bands: num_bands * 54 / 96,
            slope: 0.5,
        }
    }

    /// How much each point counts; the mean is 1. From 0.5 for silence to 2 for a band that is two
    /// standard deviations above the mean.
    fn weights(&self, target: &[f32]) -> Vec<f32> {
        let mut weights: Vec<f32> = target
            .iter()
            .enumerate()
            .map(|(i, &level)| {
                let weight = 0.5 + 0.5 * (level + 1.0).clamp(0.0, 3.0);
                let low = i % self.num_bands < self.low_bands;
                if low { 1.5 * weight } else { weight }
            })
            .collect();
        let mean = weights.iter().map(|&w| f64::from(w)).sum::<f64>() / weights.len().max(1) as f64;
        for weight in &mut weights {
            *weight /= mean as f32;
        }
        weights
    }
}

/// Weighted mean of absolute differences, plus that of the slopes between neighbouring bands.
///
/// `output` and `target` are normalised spectrograms, `[.., num_bands]` each.
pub fn reconstruction(output: &[f32], target: &[f32], emphasis: &Emphasis) -> Loss {
    let (count, bands) = (output.len() as f64, emphasis.num_bands);
    let slopes = count * (bands as f64 - 1.0) / bands as f64;
    let weights = emphasis.weights(target);
    let (mut value, mut gradient) = (0.0, vec![0f32; output.len()]);
    let rows = output.chunks_exact(bands).zip(target.chunks_exact(bands));
    let targets = weights
        .chunks_exact(bands)
        .zip(gradient.chunks_exact_mut(bands));
    for ((y, x), (weights, gradient)) in rows.zip(targets) {
        for band in 0..bands {
            let error = y[band] - x[band];
            value += f64::from(error.abs() * weights[band]) / count;
            gradient[band] += sign(error) * weights[band] / count as f32;
        }
        let share = (emphasis.slope / slopes) as f32;
        for band in 1..bands {
            let error = (y[band] - y[band - 1]) - (x[band] - x[band - 1]);
            value += f64::from(error.abs() * weights[band]) * emphasis.slope / slopes;
            let slope = sign(error) * weights[band] * share;
            gradient[band] += slope;
            gradient[band - 1] -= slope;
        }
    }
    Loss { value, gradient }
}

/// Information in the latent, in nats a number: the mean divergence of normal distributions from
/// the standard one. The losses are by `mean` and by `logvar`; both have the same value.
pub fn divergence(mean: &[f32], logvar: &[f32]) -> (Loss, Loss) {
    let share = 1.0 / mean.len().max(1) as f32;
    let value = mean
        .iter()
        .zip(logvar)
        .map(|(&m, &v)| 0.5 * f64::from(m * m + v.exp() - 1.0 - v))
        .sum::<f64>()
        / mean.len().max(1) as f64;
    let by_mean = mean.iter().map(|m| m * share).collect();
    let by_logvar = logvar
        .iter()
        .map(|v| 0.5 * (v.exp() - 1.0) * share)
        .collect();
    let loss = |gradient| Loss { value, gradient };
    (loss(by_mean), loss(by_logvar))
}

/// The derivative of the absolute value; 0 at 0.
pub(super) fn sign(x: f32) -> f32 {
    if x == 0.0 { 0.0 } else { x.signum() }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradient, pseudo};
    use super::*;

    fn pair(len: usize) -> (Vec<f32>, Vec<f32>) {
        let at = |i: usize, salt: u64| 2.0 * pseudo(i as u64 + salt * 1000);
        (
            (0..len).map(|i| at(i, 1)).collect(),
            (0..len).map(|i| at(i, 2)).collect(),
        )
    }

    #[test]
    fn gradients_are_derivatives() {
        let (y, x) = pair(6 * 16);
        let emphasis = Emphasis::for_bands(16);
        check_gradient(&y, 2e-2, |y| reconstruction(y, &x, &emphasis));
        check_gradient(&y, 2e-3, |mean| divergence(mean, &x).0);
        check_gradient(&y, 2e-3, |logvar| divergence(&x, logvar).1);
    }

    /// Values and derivatives of `reconstruction` and `kl` in
    /// `tests/reference/default_model/train_vae.py`, by PyTorch's autograd in double precision.
    #[test]
    fn values_and_gradients_are_those_of_the_reference() {
        let (y, x) = pair(4 * 96);
        let loss = reconstruction(&y, &x, &Emphasis::for_bands(96));
        assert!((loss.value - 2.321_199_95).abs() < 1e-5, "{}", loss.value);
        let slopes = [
            (0, -0.003_029_521),
            (1, 0.001_433_552),
            (53, 0.002_391_726),
            (54, -0.004_639_934),
            (95, -0.001_738_739),
            (96, -0.007_362_667),
            (200, 0.006_151_558),
            (383, 0.003_187_734),
        ];
        for (place, slope) in slopes {
            let found = f64::from(loss.gradient[place]);
            assert!(
                (found - slope).abs() < 1e-7,
                "{place}: {found}, not {slope}"
            );
        }
        let (by_mean, by_logvar) = divergence(&y, &x);
        assert!(
            (by_mean.value - 1.033_167_48).abs() < 1e-5,
            "{}",
            by_mean.value
        );
        assert!((f64::from(by_mean.gradient[5]) - 0.004_883_599).abs() < 1e-7);
        assert!((f64::from(by_logvar.gradient[5]) + 0.000_794_957).abs() < 1e-7);
    }

    #[test]
    fn a_perfect_copy_costs_nothing_and_a_standard_latent_neither() {
        let (_, x) = pair(96);
        let copy = reconstruction(&x, &x, &Emphasis::for_bands(32));
        assert_eq!(copy.value, 0.0);
        assert!(copy.gradient.iter().all(|&g| g == 0.0));
        assert_eq!(divergence(&[0.0; 4], &[0.0; 4]).0.value, 0.0);
        assert!(divergence(&[0.0; 4], &[-1.0; 4]).0.value > 0.1);
    }

    #[test]
    fn loud_and_low_bands_count_more() {
        let emphasis = Emphasis {
            slope: 0.0,
            ..Emphasis::for_bands(4)
        };
        let target = [2.0, -2.0, 2.0, -2.0];
        let error_in = |band: usize| {
            let mut y = target;
            y[band] += 1.0;
            reconstruction(&y, &target, &emphasis).value
        };
        assert!(
            (error_in(0) / error_in(1) - 4.0).abs() < 1e-5,
            "loud against silent"
        );
        assert!(
            (error_in(0) / error_in(2) - 1.5).abs() < 1e-5,
            "low against high"
        );
        let mean: f64 = (0..4).map(error_in).sum();
        assert!((mean - 1.0).abs() < 1e-6, "weights have mean 1");
    }
}
