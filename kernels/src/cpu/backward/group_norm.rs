//! Gradients of group norm, with or without the SiLU after it, in channels-last layout.
//!
//! Three passes over the input: its statistics, the sums that the weights and the means need, and
//! the input's gradient. The output of the norm is recomputed, never kept.

use super::activation::derivative;
use super::norm::NormGradients;
use crate::cpu::activation::Activation;
use crate::cpu::element::Element;
use crate::cpu::math::vectorised;
use crate::cpu::parallel::{SharedMut, for_each_task};

/// Pixels that one task sums; fixed, so that the sums do not depend on the number of threads.
const PIXELS_PER_PART: usize = 128;

vectorised! {
    /// Adds `x − shift` and its square, channel by channel; `sums` holds both in turn.
    fn add_moments<T: Element>(x: &[T], shift: &[f32], sums: &mut [f32]) {
        let (sums, squares) = sums.split_at_mut(shift.len());
        for pixel in x.chunks_exact(shift.len()) {
            for (((s, q), c), x) in sums.iter_mut().zip(squares.iter_mut()).zip(shift).zip(pixel) {
                let d = x.to_f32() - c;
                *s += d;
                *q += d * d;
            }
        }
    }
}

/// Numbers of one sample, one for each channel: `x̂ = x · scale + shift`, and the weights.
struct Channels<'a> {
    scale: Vec<f32>,
    shift: Vec<f32>,
    weight: &'a [f32],
    bias: &'a [f32],
}

/// The gradient before the SiLU.
#[inline(always)]
fn before_silu(silu: bool, output: f32, dy: f32) -> f32 {
    if silu {
        dy * derivative(Activation::Silu, output)
    } else {
        dy
    }
}

vectorised! {
    /// Adds `dy` and `dy · x̂`, channel by channel; `sums` holds both in turn.
    fn add_gradients<T: Element>(x: &[T], dy: &[T], channels: &Channels, silu: bool, sums: &mut [f32]) {
        let width = channels.weight.len();
        let (plain, scaled) = sums.split_at_mut(width);
        let (plain, scaled) = (&mut plain[..width], &mut scaled[..width]);
        let (scale, shift) = (&channels.scale[..width], &channels.shift[..width]);
        let (weight, bias) = (&channels.weight[..width], &channels.bias[..width]);
        for (x, dy) in x.chunks_exact(width).zip(dy.chunks_exact(width)) {
            for i in 0..width {
                let hat = x[i].to_f32() * scale[i] + shift[i];
                let dy = before_silu(silu, hat * weight[i] + bias[i], dy[i].to_f32());
                plain[i] += dy;
                scaled[i] += dy * hat;
            }
        }
    }
}

vectorised! {
    /// `scale · (dy·w − plain − x̂·scaled)`; `means` holds `plain` and `scaled` in turn.
    fn store_gradients<T: Element>(
        x: &[T], dy: &[T], channels: &Channels, silu: bool, means: &[f32], output: &mut [T],
    ) {
        let width = channels.weight.len();
        let (plain, scaled) = means.split_at(width);
        let (plain, scaled) = (&plain[..width], &scaled[..width]);
        let (scale, shift) = (&channels.scale[..width], &channels.shift[..width]);
        let (weight, bias) = (&channels.weight[..width], &channels.bias[..width]);
        let pixels = x.chunks_exact(width).zip(dy.chunks_exact(width));
        for ((x, dy), out) in pixels.zip(output.chunks_exact_mut(width)) {
            for i in 0..width {
                let hat = x[i].to_f32() * scale[i] + shift[i];
                let dy = before_silu(silu, hat * weight[i] + bias[i], dy[i].to_f32());
                out[i] = T::from_f32(scale[i] * (dy * weight[i] - plain[i] - hat * scaled[i]));
            }
        }
    }
}

/// Gradients of [`crate::cpu::group_norm`], from its input and the gradient of its output.
///
/// # Panics
/// When the lengths do not fit or `groups` does not divide the channels.
pub fn group_norm<T: Element>(
    x: &[T],
    (batch, groups): (usize, usize),
    (weight, bias): (&[f32], &[f32]),
    eps: f32,
    silu: bool,
    output_gradient: &[T],
) -> NormGradients<T> {
    let width = weight.len();
    assert!(
        width > 0 && groups > 0 && width.is_multiple_of(groups),
        "groups do not divide the channels"
    );
    assert_eq!(bias.len(), width, "bias has another size");
    assert_eq!(x.len(), output_gradient.len(), "x and the gradient differ");
    assert!(
        batch > 0 && x.len().is_multiple_of(batch * width),
        "x is not whole samples"
    );
    let mut gradients = NormGradients {
        input: vec![T::default(); x.len()],
        weight: vec![0.0; width],
        bias: vec![0.0; width],
    };
    if x.is_empty() {
        return gradients;
    }
    let len = x.len() / batch;
    let sample = |i: usize| &x[i * len..(i + 1) * len];
    let dy_of = |i: usize| &output_gradient[i * len..(i + 1) * len];
    let first_pixels: Vec<Vec<f32>> = (0..batch)
        .map(|i| sample(i)[..width].iter().map(|x| x.to_f32()).collect())
        .collect();
    let moments = sum_samples(batch, len, width, |i, part, sums| {
        add_moments(&sample(i)[part], &first_pixels[i], sums);
    });
    let pixels = (len / width) as f64;
    let channels: Vec<Channels> = moments
        .iter()
        .zip(&first_pixels)
        .map(|(moments, first)| {
            let (scale, shift) = statistics(moments, first, pixels, groups, eps);
            Channels {
                scale,
                shift,
                weight,
                bias,
            }
        })
        .collect();
    let sums = sum_samples(batch, len, width, |i, part, sums| {
        add_gradients(
            &sample(i)[part.clone()],
            &dy_of(i)[part],
            &channels[i],
            silu,
            sums,
        );
    });
    let means: Vec<Vec<f32>> = sums
        .iter()
        .map(|sums| group_means(sums, weight, pixels, groups))
        .collect();
    for sums in &sums {
        for c in 0..width {
            gradients.bias[c] += sums[c] as f32;
            gradients.weight[c] += sums[width + c] as f32;
        }
    }
    let out = SharedMut::new(&mut gradients.input);
    for_each_part(batch, len, width, |i, part, _| {
        // SAFETY: each task has its own part of its sample.
        let target =
            unsafe { std::slice::from_raw_parts_mut(out.ptr(i * len + part.start), part.len()) };
        let (x, dy) = (&sample(i)[part.clone()], &dy_of(i)[part]);
        store_gradients(x, dy, &channels[i], silu, &means[i], target);
    });
    gradients
}

/// Runs `work(sample, elements, task)` for every part of every sample.
fn for_each_part(
    batch: usize,
    len: usize,
    width: usize,
    work: impl Fn(usize, std::ops::Range<usize>, usize) + Sync + Send,
) {
    let part_len = PIXELS_PER_PART * width;
    let parts = len.div_ceil(part_len);
    for_each_task(batch * parts, |task| {
        let first = (task % parts) * part_len;
        work(task / parts, first..(first + part_len).min(len), task);
    });
}

/// For each sample the sums of two numbers a channel, over parts added in order.
fn sum_samples(
    batch: usize,
    len: usize,
    width: usize,
    add: impl Fn(usize, std::ops::Range<usize>, &mut [f32]) + Sync + Send,
) -> Vec<Vec<f64>> {
    let parts = len.div_ceil(PIXELS_PER_PART * width);
    let mut partial = vec![0f32; batch * parts * 2 * width];
    let out = SharedMut::new(&mut partial);
    for_each_part(batch, len, width, |sample, part, task| {
        // SAFETY: each task has its own sums.
        let sums = unsafe { std::slice::from_raw_parts_mut(out.ptr(task * 2 * width), 2 * width) };
        add(sample, part, sums);
    });
    partial
        .chunks_exact(parts * 2 * width)
        .map(|sample| {
            let mut sums = vec![0f64; 2 * width];
            for part in sample.chunks_exact(2 * width) {
                for (sum, x) in sums.iter_mut().zip(part) {
                    *sum += f64::from(*x);
                }
            }
            sums
        })
        .collect()
}

/// `(scale, shift)` of every channel, from sums of distances from the first pixel.
fn statistics(
    moments: &[f64],
    first: &[f32],
    pixels: f64,
    groups: usize,
    eps: f32,
) -> (Vec<f32>, Vec<f32>) {
    let (sums, squares) = moments.split_at(first.len());
    let width = first.len() / groups;
    let (mut scale, mut shift) = (Vec::new(), Vec::new());
    for group in 0..groups {
        let range = group * width..(group + 1) * width;
        let count = pixels * width as f64;
        let channel_mean = |c: usize| f64::from(first[c]) + sums[c] / pixels;
        let mean = range.clone().map(channel_mean).sum::<f64>() / width as f64;
        let spread = |c: usize| {
            // Around the channel's mean, then from there to the group's.
            let within = squares[c] - sums[c] * sums[c] / pixels;
            within.max(0.0) + pixels * (channel_mean(c) - mean).powi(2)
        };
        let variance = range.clone().map(spread).sum::<f64>() / count;
        let factor = 1.0 / (variance + f64::from(eps)).sqrt();
        for _ in range {
            scale.push(factor as f32);
            shift.push((-mean * factor) as f32);
        }
    }
    (scale, shift)
}

/// Means over each group of `dy·w` and `dy·w·x̂`, one after the other, for every channel.
fn group_means(sums: &[f64], weight: &[f32], pixels: f64, groups: usize) -> Vec<f32> {
    let channels = weight.len();
    let width = channels / groups;
    let mut means = vec![0f32; 2 * channels];
    for half in 0..2 {
        for group in 0..groups {
            let range = group * width..(group + 1) * width;
            let total: f64 = range
                .clone()
                .map(|c| f64::from(weight[c]) * sums[half * channels + c])
                .sum();
            means[half * channels..][range].fill((total / (pixels * width as f64)) as f32);
        }
    }
    means
}
