//! One step of AdamW over slices, in a single pass: Loshchilov and Hutter 2019, arXiv:1711.05101.

use crate::cpu::math::vectorised;
use crate::cpu::parallel::{GRAIN, SharedMut, for_each_task};

/// The numbers of one step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdamWStep {
    /// Learning rate of this step.
    pub learning_rate: f32,
    /// Decay of the mean of gradients.
    pub beta1: f32,
    /// Decay of the mean of their squares.
    pub beta2: f32,
    /// Added to the root of that mean.
    pub eps: f32,
    /// Share of the values taken away, times the learning rate, apart from the gradient.
    pub weight_decay: f32,
    /// Steps done with this one, from 1 on.
    pub step: u32,
}

vectorised! {
    fn update(values: &mut [f32], gradient: &[f32], mean: &mut [f32], square: &mut [f32], s: AdamWStep) {
        let steps = s.step as i32;
        let rate = s.learning_rate / (1.0 - s.beta1.powi(steps));
        let root = 1.0 / (1.0 - s.beta2.powi(steps)).sqrt();
        let keep = 1.0 - s.learning_rate * s.weight_decay;
        let moments = mean.iter_mut().zip(square);
        for ((p, g), (m, v)) in values.iter_mut().zip(gradient).zip(moments) {
            *m = s.beta1 * *m + (1.0 - s.beta1) * g;
            *v = s.beta2 * *v + (1.0 - s.beta2) * g * g;
            *p = *p * keep - rate * *m / (v.sqrt() * root + s.eps);
        }
    }
}

/// Updates `values` and both moments by `gradient`.
///
/// # Panics
/// When the lengths differ.
pub fn adamw(
    values: &mut [f32],
    gradient: &[f32],
    [mean, square]: [&mut [f32]; 2],
    step: AdamWStep,
) {
    let len = values.len();
    assert!(
        [gradient.len(), mean.len(), square.len()] == [len; 3],
        "values, gradient and moments differ in length"
    );
    let (values, mean, square) = (
        SharedMut::new(values),
        SharedMut::new(mean),
        SharedMut::new(square),
    );
    for_each_task(len.div_ceil(GRAIN), |task| {
        let first = task * GRAIN;
        let count = GRAIN.min(len - first);
        // SAFETY: each task has its own range of all three.
        let part =
            |x: SharedMut<f32>| unsafe { std::slice::from_raw_parts_mut(x.ptr(first), count) };
        let gradient = &gradient[first..first + count];
        update(part(values), gradient, part(mean), part(square), step);
    });
}

/// Sum of squares, in `f64`.
pub fn sum_of_squares(x: &[f32]) -> f64 {
    x.chunks(GRAIN)
        .map(|chunk| {
            chunk
                .iter()
                .map(|x| f64::from(*x) * f64::from(*x))
                .sum::<f64>()
        })
        .sum()
}
