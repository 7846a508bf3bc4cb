//! Gradients of the depthwise 1-D convolution.

use super::reduce::sum_parts;
use crate::cpu::depthwise::depthwise_conv1d;
use crate::cpu::element::Element;
use crate::cpu::math::vectorised;

/// Gradient of the input of [`depthwise_conv1d`], `[batch, time, channels]`: the same convolution
/// with the kernel turned round. `weight` is `[kernel, channels]`, `kernel` odd.
///
/// # Panics
/// When the lengths do not fit.
pub fn depthwise_conv1d_input<T: Element>(
    output_gradient: &[T],
    time: usize,
    weight: &[f32],
    channels: usize,
) -> Vec<T> {
    let flipped: Vec<f32> = weight
        .chunks_exact(channels.max(1))
        .rev()
        .flatten()
        .copied()
        .collect();
    let mut gradient = vec![T::default(); output_gradient.len()];
    depthwise_conv1d(
        output_gradient,
        time,
        &flipped,
        &vec![0.0; channels],
        &mut gradient,
    );
    gradient
}

vectorised! {
    fn add_products<T: Element>(x: &[T], dy: &[T], sums: &mut [f32]) {
        for ((sum, x), dy) in sums.iter_mut().zip(x).zip(dy) {
            *sum += x.to_f32() * dy.to_f32();
        }
    }
}

/// Gradient of the weight of [`depthwise_conv1d`], `[kernel, channels]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn depthwise_conv1d_weight<T: Element>(
    x: &[T],
    output_gradient: &[T],
    time: usize,
    kernel: usize,
    channels: usize,
) -> Vec<f32> {
    assert_eq!(x.len(), output_gradient.len(), "x and the gradient differ");
    assert!(
        channels > 0 && time > 0 && x.len().is_multiple_of(time * channels),
        "x is not whole samples"
    );
    let before = kernel / 2;
    sum_parts(x.len() / channels, kernel * channels, |rows, sums| {
        for row in rows {
            let (first, t) = (row - row % time, row % time);
            let dy = &output_gradient[row * channels..(row + 1) * channels];
            for (j, sums) in sums.chunks_exact_mut(channels).enumerate() {
                if let Some(s) = (t + j).checked_sub(before).filter(|&s| s < time) {
                    let at = (first + s) * channels;
                    add_products(&x[at..at + channels], dy, sums);
                }
            }
        }
    })
}
