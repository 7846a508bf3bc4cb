//! Enlarging channels-last maps by repetition.

use crate::activation::from_input;
use crate::cpu::{by_dtype, compute};
use crate::error::Result;
use candle_core::Tensor;
use mustool_kernels::cpu::Element;

/// Nearest-neighbour resize of `[batch, height, width, channels]` to `size`, as PyTorch's
/// `interpolate(mode="nearest")`: output row `y` copies input row `⌊y·height/size⌋`.
pub fn upsample_nearest(x: &Tensor, size: [usize; 2]) -> Result<Tensor> {
    let (batch, height, width, channels) = x.dims4()?;
    let grid = Grid {
        from: [height, width],
        to: size,
        channels,
    };
    let len = batch * size[0] * size[1] * channels;
    by_dtype!(x, T => {
        let values = compute::<T>(x, len, |x, output| {
            grid.for_each_pixel(batch, |from, to| {
                output[to..to + channels].copy_from_slice(&x[from..from + channels]);
            });
        })?;
        let shape = (batch, size[0], size[1], channels);
        from_input::<T>("upsample_nearest", x, values, shape, move |_, dy, dx| {
            let mut sums = vec![0f32; dx.len()];
            grid.for_each_pixel(batch, |from, to| {
                for (sum, dy) in sums[from..from + channels].iter_mut().zip(&dy[to..]) {
                    *sum += dy.to_f32();
                }
            });
            for (dx, sum) in dx.iter_mut().zip(sums) {
                *dx = <T as Element>::from_f32(sum);
            }
        })
    })
}

/// The sizes of a resize.
#[derive(Clone, Copy)]
struct Grid {
    from: [usize; 2],
    to: [usize; 2],
    channels: usize,
}

impl Grid {
    /// Calls `f` with the first element of every output pixel's source and its own.
    fn for_each_pixel(self, batch: usize, mut f: impl FnMut(usize, usize)) {
        let [height, width] = self.from;
        for i in 0..batch * self.to[0] {
            let (sample, y) = (i / self.to[0], i % self.to[0]);
            let row = (sample * height + y * height / self.to[0]) * width;
            for x in 0..self.to[1] {
                let from = (row + x * width / self.to[1]) * self.channels;
                f(from, (i * self.to[1] + x) * self.channels);
            }
        }
    }
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
