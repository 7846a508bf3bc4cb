//! Gradients against plain sums, and against the law that a linear map and its transpose obey:
//! `⟨A·x, dy⟩ = ⟨x, Aᵀ·dy⟩`.

use super::*;
use crate::cpu::testing::{assert_close, noise};
use crate::cpu::{
    AttentionShape, Conv1dShape, Conv2dShape, Epilogue, Packed, PackedTransposed,
    conv_transpose1d as transposed, conv1d, conv2d, depthwise_conv1d,
};
use half::bf16;

fn dot(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| f64::from(*a) * f64::from(*b))
        .sum()
}

fn narrow(x: &[f32]) -> Vec<bf16> {
    x.iter().map(|&x| bf16::from_f32(x)).collect()
}

fn widen(x: &[bf16]) -> Vec<f32> {
    x.iter().map(|x| x.to_f32()).collect()
}

/// `‖a − b‖ / ‖b‖ ≤ limit`.
fn assert_near(what: &str, a: &[f32], b: &[f32], limit: f64) {
    assert_eq!(a.len(), b.len(), "{what}: another length");
    let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let error = (dot(&difference, &difference) / dot(b, b).max(1e-30)).sqrt();
    assert!(error <= limit, "{what}: relative error {error}");
}

#[test]
fn weight_gradients_are_sums_of_outer_products() {
    for (rows, from, to) in [(1, 1, 1), (31, 33, 5), (300, 31, 130), (2500, 9, 40)] {
        let (x, dy) = (noise(rows * from, 1), noise(rows * to, 2));
        let plain = |x: &[f32], dy: &[f32]| -> Vec<f32> {
            let sum = |o: usize, i: usize| -> f64 {
                (0..rows)
                    .map(|r| f64::from(dy[r * to + o]) * f64::from(x[r * from + i]))
                    .sum()
            };
            (0..to * from)
                .map(|k| sum(k / from, k % from) as f32)
                .collect()
        };
        assert_close(&linear_weight(&x, &dy, from, to), &plain(&x, &dy), 1e-3);
        let (x, dy) = (narrow(&x), narrow(&dy));
        let want = plain(&widen(&x), &widen(&dy));
        assert_close(&linear_weight(&x, &dy, from, to), &want, 1e-3);
    }
}

/// Checks both gradients of a bilinear map `y = f(x, w)`.
fn check_bilinear(
    what: &str,
    [x, w, dy]: [&[f32]; 3],
    y: &[f32],
    input_gradient: &[f32],
    weight_gradient: &[f32],
) {
    let want = dot(y, dy);
    let scale = (dot(y, y) * dot(dy, dy)).sqrt().max(1e-6);
    for got in [dot(x, input_gradient), dot(w, weight_gradient)] {
        assert!(
            (got - want).abs() <= 1e-5 * scale,
            "{what}: {got}, not {want}"
        );
    }
}

#[test]
fn convolutions_of_images_are_transposed() {
    let cases = [
        ([5, 7], [3, 3], 1, [[1, 1], [1, 1]], [3, 18]),
        ([16, 16], [3, 3], 1, [[1, 1], [1, 1]], [33, 40]),
        ([6, 5], [1, 1], 1, [[0, 0], [0, 0]], [7, 35]),
        ([8, 9], [3, 3], 2, [[1, 1], [1, 1]], [6, 5]),
        ([8, 9], [3, 3], 2, [[0, 1], [0, 1]], [6, 5]),
        ([9, 4], [4, 2], 3, [[2, 0], [1, 1]], [4, 3]),
        ([6, 6], [2, 2], 2, [[1, 1], [1, 1]], [2, 3]),
    ];
    for (input, kernel, stride, padding, [from, to]) in cases {
        let shape = Conv2dShape {
            batch: 2,
            input,
            kernel,
            stride,
            padding,
        };
        let [height, width] = shape.output();
        let x = noise(2 * input[0] * input[1] * from, 3);
        let w = noise(to * from * kernel[0] * kernel[1], 4);
        let dy = noise(2 * height * width * to, 5);
        let packed = Packed::conv::<f32>(&w, to, from, kernel[0] * kernel[1]);
        let mut y = vec![0f32; dy.len()];
        conv2d(&x, &shape, &packed, &Epilogue::default(), &mut y);
        let dx = conv2d_input(&dy, &shape, &w, [from, to]);
        let dw = conv2d_weight(&x, &dy, &shape, [from, to]);
        check_bilinear(&format!("{shape:?}"), [&x, &w, &dy], &y, &dx, &dw);
        let half = conv2d_input(&narrow(&dy), &shape, &w, [from, to]);
        assert_near("bf16 input gradient", &widen(&half), &dx, 1e-2);
        let half = conv2d_weight(&narrow(&x), &narrow(&dy), &shape, [from, to]);
        assert_near("bf16 weight gradient", &half, &dw, 1e-2);
    }
}

#[test]
fn convolutions_of_sequences_are_transposed() {
    for (kernel, stride, padding, dilation) in [
        (7, 1, 3, 1),
        (3, 1, 5, 5),
        (11, 1, 15, 3),
        (4, 2, 1, 1),
        (5, 3, 0, 1),
    ] {
        let (time, from, to) = (29, 5, 34);
        let shape = Conv1dShape {
            batch: 2,
            time,
            kernel,
            stride,
            padding,
            dilation,
        };
        let (x, w) = (noise(2 * time * from, 6), noise(to * from * kernel, 7));
        let dy = noise(2 * shape.output() * to, 8);
        let packed = Packed::conv::<f32>(&w, to, from, kernel);
        let mut y = vec![0f32; dy.len()];
        conv1d(&x, &shape, &packed, &Epilogue::default(), &mut y);
        let dx = conv1d_input(&dy, &shape, &w, [from, to]);
        let dw = conv1d_weight(&x, &dy, &shape, [from, to]);
        check_bilinear(&format!("{shape:?}"), [&x, &w, &dy], &y, &dx, &dw);
    }
    for (kernel, stride, padding) in [(16, 5, 5), (4, 2, 1), (3, 3, 0)] {
        let (time, from, to) = (9, 6, 3);
        let shape = Conv1dShape {
            batch: 2,
            time,
            kernel,
            stride,
            padding,
            dilation: 1,
        };
        let out_time = (time - 1) * stride + kernel - 2 * padding;
        let (x, w) = (noise(2 * time * from, 9), noise(to * from * kernel, 10));
        let dy = noise(2 * out_time * to, 11);
        let packed = PackedTransposed::new::<f32>(&w, from, to, kernel, stride);
        let mut y = vec![0f32; dy.len()];
        transposed(&x, &shape, &packed, None, &mut y);
        let dx = conv_transpose1d_input(&dy, &shape, &w, [from, to]);
        let dw = conv_transpose1d_weight(&x, &dy, &shape, [from, to]);
        check_bilinear(
            &format!("transposed {shape:?}"),
            [&x, &w, &dy],
            &y,
            &dx,
            &dw,
        );
    }
    let (time, channels, kernel) = (12, 33, 7);
    let (x, w) = (noise(2 * time * channels, 12), noise(kernel * channels, 13));
    let dy = noise(x.len(), 14);
    let mut y = vec![0f32; x.len()];
    depthwise_conv1d(&x, time, &w, &vec![0.0; channels], &mut y);
    let dx = depthwise_conv1d_input(&dy, time, &w, channels);
    let dw = depthwise_conv1d_weight(&x, &dy, time, kernel, channels);
    check_bilinear("depthwise", [&x, &w, &dy], &y, &dx, &dw);
}

#[test]
fn bf16_gradients_are_those_of_f32() {
    let (rows, channels) = (2 * 37, 48);
    let (x, dy) = (noise(rows * channels, 15), noise(rows * channels, 16));
    let (weight, bias) = (noise(channels, 17), noise(channels, 18));
    let (half_x, half_dy) = (narrow(&x), narrow(&dy));
    let compare = |what: &str, half: NormGradients<bf16>, full: NormGradients<f32>| {
        assert_near(what, &widen(&half.input), &full.input, 1e-2);
        assert_near(what, &half.weight, &full.weight, 1e-2);
        assert_near(what, &half.bias, &full.bias, 1e-2);
    };
    compare(
        "layer norm",
        layer_norm(&half_x, &weight, 1e-5, &half_dy),
        layer_norm(&x, &weight, 1e-5, &dy),
    );
    let both = (&weight[..], &bias[..]);
    compare(
        "group norm",
        group_norm(&half_x, (2, 6), both, 1e-5, true, &half_dy),
        group_norm(&x, (2, 6), both, 1e-5, true, &dy),
    );
    let shape = AttentionShape {
        batch: 2,
        heads: 3,
        queries: 37,
        keys: 37,
        dim: 16,
        scale: 0.25,
    };
    let (k, v) = (noise(x.len(), 19), noise(x.len(), 20));
    let (half_k, half_v) = (narrow(&k), narrow(&v));
    let full = attention([&x, &k, &v], &shape, None, false, &dy);
    let half = attention([&half_x, &half_k, &half_v], &shape, None, false, &half_dy);
    for (half, full) in [(&half.q, &full.q), (&half.k, &full.k), (&half.v, &full.v)] {
        assert_near("attention", &widen(half), full, 1.5e-2);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let (x, dy) = (noise(5000 * 24, 21), noise(5000 * 40, 22));
            let mut bits: Vec<u32> = Vec::new();
            bits.extend(linear_weight(&x, &dy, 24, 40).iter().map(|x| x.to_bits()));
            let half = linear_weight(&narrow(&x), &narrow(&dy), 24, 40);
            bits.extend(half.iter().map(|x| x.to_bits()));
            bits.extend(column_sums(&dy, 40).iter().map(|x| x.to_bits()));
            let weight = noise(24, 23);
            let norm = group_norm(&x, (4, 3), (&weight, &weight), 1e-5, true, &x);
            for values in [&norm.input, &norm.weight, &norm.bias] {
                bits.extend(values.iter().map(|x| x.to_bits()));
            }
            bits
        })
    };
    let one = run(1);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}
