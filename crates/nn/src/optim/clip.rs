//! Gradients that are too long are shortened, all by the same factor (arXiv:1211.5063).

use crate::variables::Variables;
use mustool_kernels::cpu::backward::sum_of_squares;

/// Scales the gradients of all sets together so that their norm is at most `max_norm`, and returns
/// what it was before.
///
/// A norm that is not finite changes nothing: the caller sees it and stops.
pub fn clip_global_norm(sets: &[&Variables], max_norm: f64) -> f64 {
    let parameters: Vec<_> = sets.iter().flat_map(|set| set.all()).collect();
    let squares: f64 = parameters
        .iter()
        .map(|p| p.with_gradient(|g| g.map_or(0.0, |g| sum_of_squares(g))))
        .sum();
    let norm = squares.sqrt();
    if norm.is_finite() && norm > max_norm {
        // As PyTorch's clip_grad_norm_.
        let factor = (max_norm / (norm + 1e-6)) as f32;
        for parameter in &parameters {
            parameter.with_gradient(|gradient| {
                for x in gradient.into_iter().flatten() {
                    *x *= factor;
                }
            });
        }
    }
    norm
}
