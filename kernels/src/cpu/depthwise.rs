//! Depthwise 1-D convolution: every channel with its own kernel (ConvNeXt blocks).

use super::element::Element;
use super::math::vectorised;
use super::parallel::for_each_rows;

vectorised! {
    fn add_tap(x: &[f32], weight: &[f32], sums: &mut [f32]) {
        for ((s, x), w) in sums.iter_mut().zip(x).zip(weight) {
            *s += x * w;
        }
    }
}

/// `x` is `[batch, time, channels]`, `weight` `[kernel, channels]`, `bias` `[channels]`; output as
/// long as `x`: `kernel / 2` zeros on either side.
///
/// # Panics
/// When the lengths do not fit.
pub fn depthwise_conv1d<T: Element>(
    x: &[T],
    time: usize,
    weight: &[f32],
    bias: &[f32],
    output: &mut [T],
) {
    let channels = bias.len();
    assert!(
        channels > 0 && weight.len().is_multiple_of(channels),
        "weight has another size"
    );
    assert_eq!(x.len(), output.len(), "x and output differ in length");
    assert!(
        time > 0 && x.len().is_multiple_of(time * channels),
        "x is not whole samples"
    );
    let kernel = weight.len() / channels;
    let before = kernel / 2;
    for_each_rows(output, channels, |first, chunk| {
        let mut sums = vec![0f32; channels];
        let mut row = vec![0f32; channels];
        for (i, out) in chunk.chunks_exact_mut(channels).enumerate() {
            let (sample, t) = ((first + i) / time, (first + i) % time);
            sums.copy_from_slice(bias);
            for j in 0..kernel {
                let Some(s) = (t + j).checked_sub(before).filter(|&s| s < time) else {
                    continue;
                };
                let at = (sample * time + s) * channels;
                for (r, x) in row.iter_mut().zip(&x[at..at + channels]) {
                    *r = x.to_f32();
                }
                add_tap(&row, &weight[j * channels..(j + 1) * channels], &mut sums);
            }
            for (o, s) in out.iter_mut().zip(&sums) {
                *o = T::from_f32(*s);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::testing::{assert_close, noise};

    #[test]
    fn each_channel_is_convolved_alone() {
        let (batch, time, channels, kernel) = (2, 9, 33, 7);
        let x = noise(batch * time * channels, 1);
        let (weight, bias) = (noise(kernel * channels, 2), noise(channels, 3));
        let mut y = vec![0f32; x.len()];
        depthwise_conv1d(&x, time, &weight, &bias, &mut y);
        let mut want = vec![0f32; x.len()];
        for b in 0..batch {
            for t in 0..time {
                for c in 0..channels {
                    want[(b * time + t) * channels + c] = bias[c]
                        + (0..kernel)
                            .filter(|&j| t + j >= 3 && t + j - 3 < time)
                            .map(|j| {
                                x[(b * time + t + j - 3) * channels + c] * weight[j * channels + c]
                            })
                            .sum::<f32>();
                }
            }
        }
        assert_close(&y, &want, 1e-5);
    }
}
