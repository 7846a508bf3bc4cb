use super::*;
use crate::cpu::testing::{assert_close, noise};
use half::bf16;

/// The definition of a 2-D convolution, in `f64`.
fn reference(
    x: &[f32],
    weight: &[f32],
    s: &Conv2dShape,
    dilation: usize,
    depth: usize,
) -> Vec<f32> {
    let columns = weight.len() / (depth * s.kernel[0] * s.kernel[1]);
    let [height, mut width] = s.output();
    width -= (dilation - 1) * (s.kernel[1] - 1);
    let mut y = Vec::new();
    for b in 0..s.batch {
        for oy in 0..height {
            for ox in 0..width {
                for o in 0..columns {
                    let mut sum = 0f64;
                    for dy in 0..s.kernel[0] {
                        for dx in 0..s.kernel[1] {
                            let iy = (oy * s.stride + dy) as isize - s.padding[0][0] as isize;
                            let ix =
                                (ox * s.stride + dx * dilation) as isize - s.padding[1][0] as isize;
                            let inside = iy >= 0
                                && ix >= 0
                                && iy < s.input[0] as isize
                                && ix < s.input[1] as isize;
                            if inside {
                                let at = (b * s.input[0] + iy as usize) * s.input[1] + ix as usize;
                                for k in 0..depth {
                                    let w = ((o * depth + k) * s.kernel[0] + dy) * s.kernel[1] + dx;
                                    sum += f64::from(x[at * depth + k]) * f64::from(weight[w]);
                                }
                            }
                        }
                    }
                    y.push(sum as f32);
                }
            }
        }
    }
    y
}

fn check<T: Element>(shape: Conv2dShape, depth: usize, columns: usize, tolerance: f32) {
    let round = |v: Vec<f32>| -> Vec<f32> { v.iter().map(|&x| T::from_f32(x).to_f32()).collect() };
    let [height, width] = shape.input;
    let x = round(noise(shape.batch * height * width * depth, 3));
    let taps = shape.kernel[0] * shape.kernel[1];
    let weight = round(noise(columns * depth * taps, 4));
    let want = reference(&x, &weight, &shape, 1, depth);
    let packed = Packed::conv::<T>(&weight, columns, depth, taps);
    let x: Vec<T> = x.iter().map(|&x| T::from_f32(x)).collect();
    let mut y = vec![T::default(); want.len()];
    conv2d(&x, &shape, &packed, &Epilogue::default(), &mut y);
    let y: Vec<f32> = y.iter().map(|y| y.to_f32()).collect();
    assert_close(&y, &want, tolerance);
}

#[test]
fn conv2d_is_its_definition_at_ragged_sizes() {
    let square = [[1, 1], [1, 1]];
    let cases = [
        (1, [1, 1], [1, 1], 1, [[0, 0]; 2], 1, 1),
        (2, [5, 7], [3, 3], 1, square, 3, 33),
        (1, [9, 16], [3, 3], 1, square, 32, 40),
        (2, [8, 4], [3, 3], 2, square, 64, 31),
        (1, [6, 6], [3, 3], 2, [[0, 1], [0, 1]], 5, 8),
        (1, [4, 32], [3, 3], 2, square, 32, 32),
        (1, [3, 3], [1, 1], 1, [[0, 0]; 2], 600, 65),
    ];
    for (batch, input, kernel, stride, padding, depth, columns) in cases {
        let shape = Conv2dShape {
            batch,
            input,
            kernel,
            stride,
            padding,
        };
        check::<f32>(shape, depth, columns, 2e-4);
        check::<bf16>(shape, depth, columns, 0.12);
    }
}

#[test]
fn conv1d_is_its_definition_with_dilation() {
    for (time, kernel, dilation, depth, columns) in [
        (1, 3, 1, 4, 4),
        (33, 7, 3, 32, 32),
        (64, 11, 5, 32, 33),
        (48, 3, 5, 64, 16),
    ] {
        let padding = dilation * (kernel - 1) / 2;
        let shape = Conv1dShape {
            batch: 2,
            time,
            kernel,
            stride: 1,
            padding,
            dilation,
        };
        let x = noise(2 * time * depth, 1);
        let weight = noise(columns * depth * kernel, 2);
        let flat = Conv2dShape {
            batch: 2,
            input: [1, time],
            kernel: [1, kernel],
            stride: 1,
            padding: [[0, 0], [padding; 2]],
        };
        let want = reference(&x, &weight, &flat, dilation, depth);
        let packed = Packed::conv::<f32>(&weight, columns, depth, kernel);
        let mut y = vec![0f32; 2 * shape.output() * columns];
        conv1d(&x, &shape, &packed, &Epilogue::default(), &mut y);
        assert_close(&y, &want, 2e-4);
        let packed = Packed::conv::<bf16>(&weight, columns, depth, kernel);
        let xb: Vec<bf16> = x.iter().map(|&x| bf16::from_f32(x)).collect();
        let mut yb = vec![bf16::ZERO; y.len()];
        conv1d(&xb, &shape, &packed, &Epilogue::default(), &mut yb);
        let norm = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
        let wrong: Vec<f32> = yb.iter().zip(&want).map(|(y, w)| y.to_f32() - w).collect();
        assert!(norm(&wrong) <= 1e-2 * norm(&want), "bf16 error too large");
    }
}

#[test]
fn transposed_convolution_spreads_each_input() {
    for (time, kernel, stride, depth, columns) in [
        (1, 4usize, 2, 3, 5),
        (7, 16, 5, 8, 33),
        (9, 16, 4, 32, 32),
        (5, 3, 4, 2, 2),
    ] {
        let padding = kernel.saturating_sub(stride) / 2;
        let shape = Conv1dShape {
            batch: 2,
            time,
            kernel,
            stride,
            padding,
            dilation: 1,
        };
        let x = noise(2 * time * depth, 5);
        let weight = noise(depth * columns * kernel, 6);
        let bias = noise(columns, 7);
        let out_time = (time - 1) * stride + kernel - 2 * padding;
        let mut want: Vec<f32> = (0..2 * out_time * columns)
            .map(|i| bias[i % columns])
            .collect();
        for b in 0..2 {
            for s in 0..time {
                for j in 0..kernel {
                    let Some(t) = (s * stride + j)
                        .checked_sub(padding)
                        .filter(|&t| t < out_time)
                    else {
                        continue;
                    };
                    for o in 0..columns {
                        for k in 0..depth {
                            want[(b * out_time + t) * columns + o] += x[(b * time + s) * depth + k]
                                * weight[(k * columns + o) * kernel + j];
                        }
                    }
                }
            }
        }
        let packed = PackedTransposed::new::<f32>(&weight, depth, columns, kernel, stride);
        let mut y = vec![0f32; want.len()];
        conv_transpose1d(&x, &shape, &packed, Some(&bias), &mut y);
        assert_close(&y, &want, 1e-4);
    }
}

#[test]
fn threads_do_not_change_a_bit() {
    let shape = Conv2dShape {
        batch: 1,
        input: [40, 16],
        kernel: [3, 3],
        stride: 1,
        padding: [[1, 1], [1, 1]],
    };
    let x = noise(40 * 16 * 64, 1);
    let packed = Packed::conv::<f32>(&noise(96 * 64 * 9, 2), 96, 64, 9);
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let mut y = vec![0f32; 40 * 16 * 96];
        pool.install(|| conv2d(&x, &shape, &packed, &Epilogue::default(), &mut y));
        y
    };
    assert_eq!(run(1), run(3));
}
