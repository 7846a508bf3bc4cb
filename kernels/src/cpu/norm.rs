//! Normalisation over channels, groups of channels, and root-mean-square, in channels-last layout.

use super::activation::Activation;
use super::element::Element;
use super::math::{LANES, reduce_lanes, vectorised};
use super::parallel::{SharedMut, for_each_rows, for_each_task};

/// `Σ f(x)` over a row, in a fixed order.
#[inline(always)]
fn sum_of<T: Element>(row: &[T], f: impl Fn(f32) -> f32) -> f32 {
    const WIDE: usize = 4 * LANES;
    let mut sums = [0f32; WIDE];
    let chunks = row.chunks_exact(WIDE);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (sum, x) in sums.iter_mut().zip(chunk) {
            *sum += f(x.to_f32());
        }
    }
    for (sum, x) in sums.iter_mut().zip(rest) {
        *sum += f(x.to_f32());
    }
    let mut lanes = [0f32; LANES];
    for quarter in sums.chunks_exact(LANES) {
        for (lane, sum) in lanes.iter_mut().zip(quarter) {
            *lane += sum;
        }
    }
    reduce_lanes(lanes, |a, b| a + b)
}

vectorised! {
    fn layer_norm_rows<T: Element>(
        x: &[T], weight: &[f32], bias: &[f32], eps: f32, output: &mut [T],
    ) {
        let dim = weight.len();
        for (row, out) in x.chunks_exact(dim).zip(output.chunks_exact_mut(dim)) {
            let mean = sum_of(row, |x| x) / dim as f32;
            let variance = sum_of(row, |x| (x - mean) * (x - mean)) / dim as f32;
            let scale = 1.0 / (variance + eps).sqrt();
            for (((o, x), w), b) in out.iter_mut().zip(row).zip(weight).zip(bias) {
                *o = T::from_f32((x.to_f32() - mean) * scale * w + b);
            }
        }
    }
}

vectorised! {
    fn rms_norm_rows<T: Element>(x: &[T], weight: &[f32], eps: f32, output: &mut [T]) {
        let dim = weight.len();
        for (row, out) in x.chunks_exact(dim).zip(output.chunks_exact_mut(dim)) {
            let mean_square = sum_of(row, |x| x * x) / dim as f32;
            let scale = 1.0 / (mean_square + eps).sqrt();
            for ((o, x), w) in out.iter_mut().zip(row).zip(weight) {
                *o = T::from_f32(x.to_f32() * scale * w);
            }
        }
    }
}

fn check_rows<T>(x: &[T], weight: &[f32], output: &[T]) {
    assert!(!weight.is_empty(), "the norm has no channels");
    assert_eq!(x.len(), output.len(), "x and output differ in length");
    assert!(x.len().is_multiple_of(weight.len()), "x is not whole rows");
}

/// Layer norm over the last axis: `(x − mean) / √(variance + eps) · weight + bias`.
///
/// Ba, Kiros and Hinton 2016, arXiv:1607.06450. `weight` and `bias` are `[channels]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn layer_norm<T: Element>(
    x: &[T],
    weight: &[f32],
    bias: Option<&[f32]>,
    eps: f32,
    output: &mut [T],
) {
    check_rows(x, weight, output);
    let zeros = vec![0f32; if bias.is_none() { weight.len() } else { 0 }];
    let bias = bias.unwrap_or(&zeros);
    assert_eq!(bias.len(), weight.len(), "bias has another size");
    let dim = weight.len();
    for_each_rows(output, dim, |first, chunk| {
        let x = &x[first * dim..first * dim + chunk.len()];
        layer_norm_rows(x, weight, bias, eps, chunk);
    });
}

/// Root-mean-square norm over the last axis, `x / √(mean(x²) + eps) · weight`.
///
/// Zhang and Sennrich 2019, arXiv:1910.07467.
///
/// # Panics
/// When the lengths do not fit.
pub fn rms_norm<T: Element>(x: &[T], weight: &[f32], eps: f32, output: &mut [T]) {
    check_rows(x, weight, output);
    let dim = weight.len();
    for_each_rows(output, dim, |first, chunk| {
        let x = &x[first * dim..first * dim + chunk.len()];
        rms_norm_rows(x, weight, eps, chunk);
    });
}

vectorised! {
    /// Adds `x` and `(x − shift)²` of every pixel, channel by channel.
    fn channel_sums<T: Element>(x: &[T], shift: &[f32], sums: &mut [f32], squares: &mut [f32]) {
        for pixel in x.chunks_exact(shift.len()) {
            for (((s, q), &c), x) in sums.iter_mut().zip(squares.iter_mut()).zip(shift).zip(pixel) {
                let d = x.to_f32() - c;
                *s += d;
                *q += d * d;
            }
        }
    }
}

vectorised! {
    fn scale_pixels<T: Element>(x: &[T], scale: &[f32], shift: &[f32], silu: bool, output: &mut [T]) {
        let channels = scale.len();
        for (pixel, out) in x.chunks_exact(channels).zip(output.chunks_exact_mut(channels)) {
            if silu {
                for (((o, x), a), b) in out.iter_mut().zip(pixel).zip(scale).zip(shift) {
                    *o = T::from_f32(Activation::Silu.apply(x.to_f32() * a + b));
                }
            } else {
                for (((o, x), a), b) in out.iter_mut().zip(pixel).zip(scale).zip(shift) {
                    *o = T::from_f32(x.to_f32() * a + b);
                }
            }
        }
    }
}

/// Pixels that one task sums; fixed, so that the sums do not depend on the number of threads.
const PIXELS_PER_PART: usize = 128;

/// Group norm of `[batch, pixels, channels]`, optionally followed by SiLU in the same pass.
///
/// Wu and He 2018, arXiv:1803.08494. Statistics are per sample and group of
/// `channels / groups` neighbouring channels; `weight` and `bias` are `[channels]`.
///
/// # Panics
/// When the lengths do not fit or `groups` does not divide the channels.
pub fn group_norm<T: Element>(
    x: &[T],
    batch: usize,
    groups: usize,
    (weight, bias): (&[f32], &[f32]),
    eps: f32,
    silu: bool,
    output: &mut [T],
) {
    check_rows(x, weight, output);
    let channels = weight.len();
    assert_eq!(bias.len(), channels, "bias has another size");
    assert!(
        groups > 0 && channels.is_multiple_of(groups),
        "groups do not divide the channels"
    );
    if x.is_empty() || batch == 0 {
        return;
    }
    let sample_len = x.len() / batch;
    let part_len = PIXELS_PER_PART * channels;
    let parts = sample_len.div_ceil(part_len);
    let mut sums = vec![0f32; batch * parts * channels];
    let mut squares = vec![0f32; batch * parts * channels];
    let (sums_out, squares_out) = (SharedMut::new(&mut sums), SharedMut::new(&mut squares));
    for_each_task(batch * parts, |task| {
        let (sample, part) = (task / parts, task % parts);
        let x = &x[sample * sample_len..(sample + 1) * sample_len];
        // Distances from the first pixel, so that a large mean does not swallow the variance.
        let shift: Vec<f32> = x[..channels].iter().map(|x| x.to_f32()).collect();
        let span = &x[part * part_len..sample_len.min((part + 1) * part_len)];
        // SAFETY: each task has its own `channels` sums.
        let (sums, squares) = unsafe {
            (
                std::slice::from_raw_parts_mut(sums_out.ptr(task * channels), channels),
                std::slice::from_raw_parts_mut(squares_out.ptr(task * channels), channels),
            )
        };
        channel_sums(span, &shift, sums, squares);
    });
    let mut scale = vec![0f32; batch * channels];
    let mut shift = vec![0f32; batch * channels];
    for sample in 0..batch {
        let first = &x[sample * sample_len..][..channels];
        let rows = sample * parts..(sample + 1) * parts;
        let total = |values: &[f32], channel: usize| -> f64 {
            rows.clone()
                .map(|row| f64::from(values[row * channels + channel]))
                .sum()
        };
        let pixels = (sample_len / channels) as f64;
        let width = channels / groups;
        for group in 0..groups {
            let range = group * width..(group + 1) * width;
            let (mut mean, mut square) = (0.0, 0.0);
            for channel in range.clone() {
                let c = f64::from(first[channel].to_f32());
                let (s, q) = (total(&sums, channel), total(&squares, channel));
                mean += s + pixels * c;
                square += q + 2.0 * c * s + pixels * c * c;
            }
            let count = pixels * width as f64;
            mean /= count;
            let variance = (square / count - mean * mean).max(0.0);
            let inverse = 1.0 / (variance + f64::from(eps)).sqrt();
            for channel in range {
                let at = sample * channels + channel;
                let a = inverse * f64::from(weight[channel]);
                scale[at] = a as f32;
                shift[at] = (f64::from(bias[channel]) - mean * a) as f32;
            }
        }
    }
    let out = SharedMut::new(output);
    for_each_task(batch * parts, |task| {
        let (sample, part) = (task / parts, task % parts);
        let start = sample * sample_len + part * part_len;
        let len = part_len.min((sample + 1) * sample_len - start);
        let channels = sample * channels..(sample + 1) * channels;
        // SAFETY: each task has its own pixels.
        let out = unsafe { std::slice::from_raw_parts_mut(out.ptr(start), len) };
        let (scale, shift) = (&scale[channels.clone()], &shift[channels]);
        let x = &x[start..start + len];
        #[cfg(target_arch = "x86_64")]
        if silu && super::Level::get() >= super::Level::Avx512 {
            let pixels = x.chunks_exact(scale.len());
            for (x, out) in pixels.zip(out.chunks_exact_mut(scale.len())) {
                // SAFETY: the level has AVX-512.
                unsafe { super::vector::scale_silu(x, scale, shift, out) };
            }
            return;
        }
        scale_pixels(x, scale, shift, silu, out);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::testing::{assert_close, noise};

    #[test]
    fn layer_norm_is_its_definition() {
        for dim in [1usize, 5, 31, 32, 33, 320] {
            let x: Vec<f32> = noise(3 * dim, 1).iter().map(|x| x * 3.0 + 100.0).collect();
            let (weight, bias) = (noise(dim, 2), noise(dim, 3));
            let mut y = vec![0f32; x.len()];
            layer_norm(&x, &weight, Some(&bias), 1e-5, &mut y);
            let want: Vec<f32> = x
                .chunks(dim)
                .flat_map(|row| {
                    let n = dim as f64;
                    let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
                    let var = row
                        .iter()
                        .map(|&x| (f64::from(x) - mean).powi(2))
                        .sum::<f64>()
                        / n;
                    let (weight, bias) = (&weight, &bias);
                    (0..dim).map(move |i| {
                        let z = (f64::from(row[i]) - mean) / (var + 1e-5).sqrt();
                        (z * f64::from(weight[i]) + f64::from(bias[i])) as f32
                    })
                })
                .collect();
            assert_close(&y, &want, 1e-4);
        }
    }

    #[test]
    fn rms_norm_keeps_direction() {
        let x = [3.0f32, 4.0];
        let mut y = [0f32; 2];
        rms_norm(&x, &[1.0, 2.0], 0.0, &mut y);
        let rms = 12.5f32.sqrt();
        assert_close(&y, &[3.0 / rms, 8.0 / rms], 1e-6);
    }

    #[test]
    fn group_norm_is_its_definition() {
        for (batch, pixels, channels, groups) in [(1, 1, 4, 2), (2, 37, 6, 3), (2, 300, 48, 16)] {
            let x: Vec<f32> = noise(batch * pixels * channels, 1)
                .iter()
                .map(|x| x + 20.0)
                .collect();
            let (weight, bias) = (noise(channels, 2), noise(channels, 3));
            let mut y = vec![0f32; x.len()];
            group_norm(&x, batch, groups, (&weight, &bias), 1e-5, false, &mut y);
            let width = channels / groups;
            let mut want = vec![0f32; x.len()];
            for b in 0..batch {
                for g in 0..groups {
                    let at = |p: usize, c: usize| (b * pixels + p) * channels + g * width + c;
                    let all: Vec<f64> = (0..pixels * width)
                        .map(|i| f64::from(x[at(i / width, i % width)]))
                        .collect();
                    let n = all.len() as f64;
                    let mean = all.iter().sum::<f64>() / n;
                    let var = all.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
                    for p in 0..pixels {
                        for c in 0..width {
                            let i = at(p, c);
                            let ch = g * width + c;
                            let z = (f64::from(x[i]) - mean) / (var + 1e-5).sqrt();
                            want[i] = (z * f64::from(weight[ch]) + f64::from(bias[ch])) as f32;
                        }
                    }
                }
            }
            assert_close(&y, &want, 1e-4);
            let mut with_silu = vec![0f32; x.len()];
            group_norm(
                &x,
                batch,
                groups,
                (&weight, &bias),
                1e-5,
                true,
                &mut with_silu,
            );
            let want: Vec<f32> = want.iter().map(|&x| x / (1.0 + (-x).exp())).collect();
            assert_close(&with_silu, &want, 1e-4);
        }
    }
}
