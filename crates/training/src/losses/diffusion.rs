//! Denoising as a task: mix a latent with noise, and ask for the velocity between the two.
//!
//! v-prediction of Salimans & Ho (2022, arXiv:2202.00512), with the min-SNR weights of Hang et al.
//! (2023, arXiv:2303.09556): easy, nearly clean steps count no more than γ allows.

use super::Loss;

/// γ of min-SNR.
pub const SNR_LIMIT: f32 = 5.0;

/// A batch of noisy latents and what the network should answer.
#[derive(Debug, Clone)]
pub struct Noised {
    /// `√ᾱ·z + √(1−ᾱ)·noise`.
    pub sample: Vec<f32>,
    /// `√ᾱ·noise − √(1−ᾱ)·z`.
    pub velocity: Vec<f32>,
    /// Importance of each row.
    pub weights: Vec<f32>,
}

/// Mixes each row of `latents` with noise for its timestep; rows have equal lengths.
pub fn noised(
    latents: &[f32],
    noise: &[f32],
    timesteps: &[usize],
    alphas_cumprod: &[f32],
) -> Noised {
    let row = latents.len() / timesteps.len().max(1);
    let (mut sample, mut velocity) = (Vec::new(), Vec::new());
    let rows = latents
        .chunks_exact(row.max(1))
        .zip(noise.chunks_exact(row.max(1)));
    for ((z, noise), &t) in rows.zip(timesteps) {
        let (keep, add) = (alphas_cumprod[t].sqrt(), (1.0 - alphas_cumprod[t]).sqrt());
        sample.extend(z.iter().zip(noise).map(|(z, n)| keep * z + add * n));
        velocity.extend(z.iter().zip(noise).map(|(z, n)| keep * n - add * z));
    }
    Noised {
        sample,
        velocity,
        weights: timesteps
            .iter()
            .map(|&t| snr_weight(alphas_cumprod[t]))
            .collect(),
    }
}

/// min(SNR, γ)/SNR, which for a velocity keeps noisy steps at 1 and damps the clean ones.
fn snr_weight(alpha_cumprod: f32) -> f32 {
    let snr = alpha_cumprod / (1.0 - alpha_cumprod);
    SNR_LIMIT / snr.max(SNR_LIMIT)
}

/// One timestep for each row, spread evenly over the schedule: row `i` draws from the `i`-th part.
pub fn timesteps(rng: &mut mustool_composer::Rng, batch: usize, num_steps: usize) -> Vec<usize> {
    (0..batch)
        .map(|i| {
            let place = (rng.unit() + i as f64) / batch as f64;
            ((place * num_steps as f64) as usize).min(num_steps - 1)
        })
        .collect()
}

/// Mean squared error of the velocity, each row by its weight.
pub fn velocity_loss(output: &[f32], target: &[f32], weights: &[f32]) -> Loss {
    let count = output.len().max(1) as f64;
    let row = (output.len() / weights.len().max(1)).max(1);
    let (mut value, mut gradient) = (0.0, Vec::with_capacity(output.len()));
    for (i, (y, v)) in output.iter().zip(target).enumerate() {
        let (error, weight) = (y - v, weights[i / row]);
        value += f64::from(weight * error * error) / count;
        gradient.push(2.0 * weight * error / count as f32);
    }
    Loss { value, gradient }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{check_gradient, pseudo};
    use super::*;
    use crate::chance::Chance;

    #[test]
    fn the_gradient_is_the_derivative() {
        let y: Vec<f32> = (0..24).map(pseudo).collect();
        let v: Vec<f32> = (0..24).map(|i| pseudo(i + 99)).collect();
        check_gradient(&y, 1e-3, |y| velocity_loss(y, &v, &[0.3, 1.0, 0.7]));
    }

    #[test]
    fn velocity_and_sample_give_back_latent_and_noise() {
        let alphas = [0.9f32, 0.4, 0.01];
        let z: Vec<f32> = (0..12).map(pseudo).collect();
        let noise: Vec<f32> = (50..62).map(pseudo).collect();
        let mixed = noised(&z, &noise, &[0, 1, 2], &alphas);
        for i in 0..12 {
            let a = alphas[i / 4];
            let clean = a.sqrt() * mixed.sample[i] - (1.0 - a).sqrt() * mixed.velocity[i];
            assert!((clean - z[i]).abs() < 1e-6);
        }
        let [easy, middle, hard] = mixed.weights[..] else {
            panic!("three rows")
        };
        assert!((easy - 5.0 / 9.0).abs() < 1e-5, "SNR 9 is damped");
        assert_eq!([middle, hard], [1.0, 1.0]);
    }

    #[test]
    fn timesteps_are_spread_over_the_schedule() {
        let mut rng = Chance::new(3).at(7, "timesteps");
        for _ in 0..100 {
            let steps = timesteps(&mut rng, 8, 1000);
            for (i, &t) in steps.iter().enumerate() {
                assert!((125 * i..125 * (i + 1)).contains(&t), "{steps:?}");
            }
        }
    }
}
