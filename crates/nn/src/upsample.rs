//! Enlarging channels-last maps by repetition.

use crate::cpu::{by_dtype, map};
use crate::error::Result;
use candle_core::Tensor;

/// Nearest-neighbour resize of `[batch, height, width, channels]` to `size`, as PyTorch's
/// `interpolate(mode="nearest")`: output row `y` copies input row `⌊y·height/size⌋`.
pub fn upsample_nearest(x: &Tensor, size: [usize; 2]) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    by_dtype!(x, T => map::<T>(x, (batch, size[0], size[1], channels), |x, output| {
        let row_len = (size[1] * channels).max(1);
        for (i, row) in output.chunks_exact_mut(row_len).enumerate() {
            let (sample, y) = (i / size[0], i % size[0]);
            let source = (sample * height + y * height / size[0]) * width * channels;
            for (column, pixel) in row.chunks_exact_mut(channels.max(1)).enumerate() {
                let at = source + column * width / size[1] * channels;
                pixel.copy_from_slice(&x[at..at + channels]);
            }
        }
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn doubling_repeats_every_pixel() {
        let x = Tensor::new(&[[[[1f32], [2.0]], [[3.0], [4.0]]]], &Device::Cpu).unwrap();
        let y = upsample_nearest(&x, [4, 4]).unwrap();
        let want = [
            1f32, 1.0, 2.0, 2.0, 1.0, 1.0, 2.0, 2.0, 3.0, 3.0, 4.0, 4.0, 3.0, 3.0, 4.0, 4.0,
        ];
        assert_eq!(y.flatten_all().unwrap().to_vec1::<f32>().unwrap(), want);
    }

    #[test]
    fn odd_targets_floor() {
        let x = Tensor::new(&[[[[1f32]], [[2.0]]]], &Device::Cpu).unwrap();
        let y = upsample_nearest(&x, [3, 1]).unwrap();
        assert_eq!(
            y.flatten_all().unwrap().to_vec1::<f32>().unwrap(),
            [1.0, 1.0, 2.0]
        );
    }
}
