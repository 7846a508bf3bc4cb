//! The CUDA kernels against their CPU twins, where there is no GPU: their sources are compiled for
//! the processor, one thread for each of a block, and fed the same numbers.
//!
//! Needs a C++20 compiler (`c++`, or `CXX`), so it is part of the feature `cuda` only.
#![cfg(feature = "cuda")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail the test")]

use half::bf16;
use mustool_kernels::cpu::*;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The compiled program; it lives as long as the test.
static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
    let source = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("cuda/emulation/main.cpp");
    let program = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cuda_emulation");
    let compiler = std::env::var("CXX").unwrap_or_else(|_| "c++".to_owned());
    let done = Command::new(&compiler)
        .args(["-std=c++20", "-O1", "-pthread", "-o"])
        .args([&program, &source])
        .status()
        .unwrap_or_else(|e| panic!("{compiler}: {e}; a C++20 compiler is needed"));
    assert!(done.success(), "{compiler} failed");
    program
});

/// Numbers as both number types store them.
trait Stored: Element {
    const NAME: &'static str;
    fn bytes(values: &[Self]) -> Vec<u8>;
    fn parse(bytes: &[u8]) -> Vec<f32>;
}

impl Stored for f32 {
    const NAME: &'static str = "f32";
    fn bytes(values: &[Self]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }
    fn parse(bytes: &[u8]) -> Vec<f32> {
        let words = bytes.chunks_exact(4);
        words
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect()
    }
}

impl Stored for bf16 {
    const NAME: &'static str = "bf16";
    fn bytes(values: &[Self]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }
    fn parse(bytes: &[u8]) -> Vec<f32> {
        let words = bytes.chunks_exact(2);
        words
            .map(|b| bf16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect()
    }
}

/// Smooth numbers between −1 and 1 that do not repeat.
fn values(len: usize, seed: usize) -> Vec<f32> {
    (0..len)
        .map(|i| ((i * 7919 + seed * 104_729) as f32 * 0.618_034).sin())
        .collect()
}

fn stored<T: Stored>(len: usize, seed: usize) -> Vec<T> {
    values(len, seed).into_iter().map(T::from_f32).collect()
}

/// Runs a CUDA kernel on the processor and compares its output with the twin's.
fn compare<T: Stored>(kernel: &str, numbers: &[f64], arrays: &[Vec<u8>], expected: &[T]) {
    let mut child = Command::new(&*PROGRAM)
        .args([kernel, T::NAME])
        .args(numbers.iter().map(f64::to_string))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let arrays = arrays.concat();
    let writer = std::thread::spawn(move || stdin.write_all(&arrays));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success(), "{kernel} {numbers:?}");
    let found = T::parse(&output.stdout);
    assert_eq!(found.len(), expected.len(), "{kernel} {numbers:?}");
    let (mut error, mut norm) = (0.0f64, 0.0f64);
    for (a, b) in found.iter().zip(expected) {
        error += f64::from(a - b.to_f32()).powi(2);
        norm += f64::from(b.to_f32()).powi(2);
    }
    let limit = if T::NAME == "f32" { 2e-6 } else { 6e-3 };
    let relative = (error / norm).sqrt();
    assert!(
        relative < limit,
        "{kernel} {} {numbers:?}: {relative:e}",
        T::NAME
    );
}

fn norms<T: Stored>() {
    for (batch, pixels, channels, groups, silu) in [(2, 33, 24, 3, true), (1, 257, 32, 32, false)] {
        let x = stored::<T>(batch * pixels * channels, 1);
        let (weight, bias) = (values(channels, 2), values(channels, 3));
        let mut y = vec![T::default(); x.len()];
        group_norm(&x, batch, groups, (&weight, &bias), 1e-5, silu, &mut y);
        let numbers = [batch, pixels, channels, groups].map(|n| n as f64);
        let numbers = [&numbers[..], &[1e-5, f64::from(u8::from(silu))]].concat();
        let arrays = [T::bytes(&x), f32::bytes(&weight), f32::bytes(&bias)];
        compare("group_norm", &numbers, &arrays, &y);
    }
    for (rows, dim) in [(5, 320), (3, 33), (1, 1)] {
        let x = stored::<T>(rows * dim, 4);
        let (weight, bias) = (values(dim, 5), values(dim, 6));
        let mut y = vec![T::default(); x.len()];
        layer_norm(&x, &weight, Some(&bias), 1e-5, &mut y);
        let numbers = [rows as f64, dim as f64, 1e-5];
        let arrays = [T::bytes(&x), f32::bytes(&weight), f32::bytes(&bias)];
        compare("layer_norm", &numbers, &arrays, &y);
        rms_norm(&x, &weight, 1e-5, &mut y);
        compare("rms_norm", &numbers, &arrays[..2], &y);
    }
}

fn gates<T: Stored>() {
    for (rows, dim) in [(7, 33), (1, 256)] {
        let x = stored::<T>(rows * 2 * dim, 7);
        let mut y = vec![T::default(); rows * dim];
        geglu(&x, dim, &mut y);
        compare("geglu", &[rows as f64, dim as f64], &[T::bytes(&x)], &y);
    }
}

fn attentions<T: Stored>() {
    for (batch, queries, keys, heads, dim) in
        [(2, 33, 17, 2, 64), (1, 5, 40, 3, 24), (1, 64, 16, 1, 128)]
    {
        let width = heads * dim;
        let q = stored::<T>(batch * queries * width, 8);
        let (k, v) = (
            stored::<T>(batch * keys * width, 9),
            stored::<T>(batch * keys * width, 10),
        );
        let hidden = |i: usize| {
            if i % keys % 5 == 4 {
                -1e9
            } else {
                0.1 * (i % 3) as f32
            }
        };
        let bias: Vec<f32> = (0..batch * keys).map(hidden).collect();
        let scale = 1.0 / (dim as f32).sqrt();
        let shape = AttentionShape {
            batch,
            heads,
            queries,
            keys,
            dim,
            scale,
        };
        let by_key = Bias {
            data: &bias,
            batch: keys,
            head: 0,
            query: 0,
        };
        let mut y = vec![T::default(); q.len()];
        attention(&q, &k, &v, &shape, Some(by_key), &mut y);
        let numbers = [batch, queries, keys, heads, dim].map(|n| n as f64);
        let numbers = [&numbers[..], &[f64::from(scale)]].concat();
        let arrays = [T::bytes(&q), T::bytes(&k), T::bytes(&v), f32::bytes(&bias)];
        compare("attention", &numbers, &arrays, &y);
    }
}

/// `[columns, depth, taps]`, as checkpoints have it → `[taps, depth, columns]`.
fn taps_first(weight: &[f32], columns: usize, depth: usize, taps: usize) -> Vec<f32> {
    let at = |t, d, c| weight[(c * depth + d) * taps + t];
    let all = (0..taps).flat_map(|t| (0..depth).map(move |d| (t, d)));
    all.flat_map(|(t, d)| (0..columns).map(move |c| at(t, d, c)))
        .collect()
}

fn convolutions<T: Stored>() {
    for (batch, input, depth, kernel, stride, columns) in [
        (1, [9, 6], 20, [3, 3], 1, 70),
        (2, [8, 5], 3, [3, 3], 2, 8),
        (1, [17, 4], 33, [1, 1], 1, 65),
    ] {
        let pad = kernel[0] / 2;
        let padding = [[pad, pad], [pad, pad]];
        let shape = Conv2dShape {
            batch,
            input,
            kernel,
            stride,
            padding,
        };
        let [rows, across] = shape.output();
        let x = stored::<T>(batch * input[0] * input[1] * depth, 11);
        let taps = kernel[0] * kernel[1];
        let weight: Vec<f32> = stored::<T>(columns * depth * taps, 12)
            .iter()
            .map(|w| w.to_f32())
            .collect();
        let bias = values(columns, 13);
        let residual = stored::<T>(batch * rows * across * columns, 14);
        let mut y = vec![T::default(); residual.len()];
        let packed = Packed::conv::<T>(&weight, columns, depth, taps);
        let epilogue = Epilogue {
            bias: Some(&bias),
            activation: Activation::Identity,
            residual: Some(&residual),
        };
        conv2d(&x, &shape, &packed, &epilogue, &mut y);
        let numbers = [
            batch, input[0], input[1], depth, kernel[0], kernel[1], stride, pad, pad, 1, rows,
            across, columns,
        ];
        let arrays = [
            T::bytes(&x),
            f32::bytes(&taps_first(&weight, columns, depth, taps)),
            f32::bytes(&bias),
            T::bytes(&residual),
        ];
        compare("conv2d", &numbers.map(|n| n as f64), &arrays, &y);
    }
}

fn transposed<T: Stored>() {
    for (batch, time, depth, kernel, stride, padding, columns) in [
        (1, 9, 12, 16, 5, 5, 7),
        (2, 5, 33, 4, 2, 1, 6),
        (1, 3, 2, 3, 3, 0, 1),
    ] {
        let shape = Conv1dShape {
            batch,
            time,
            kernel,
            stride,
            padding,
            dilation: 1,
        };
        let out = (time - 1) * stride + kernel - 2 * padding;
        let x = stored::<T>(batch * time * depth, 15);
        // Transposed checkpoints have the depth first: [depth, columns, kernel].
        let weight: Vec<f32> = stored::<T>(depth * columns * kernel, 16)
            .iter()
            .map(|w| w.to_f32())
            .collect();
        let bias = values(columns, 17);
        let packed = PackedTransposed::new::<T>(&weight, depth, columns, kernel, stride);
        let mut y = vec![T::default(); batch * out * columns];
        conv_transpose1d(&x, &shape, &packed, Some(&bias), &mut y);
        let at = |t: usize, d: usize, c: usize| weight[(d * columns + c) * kernel + t];
        let all = (0..kernel).flat_map(|t| (0..depth).map(move |d| (t, d)));
        let gathered: Vec<f32> = all
            .flat_map(|(t, d)| (0..columns).map(move |c| at(t, d, c)))
            .collect();
        let numbers = [batch, time, depth, kernel, stride, padding, columns].map(|n| n as f64);
        let arrays = [T::bytes(&x), f32::bytes(&gathered), f32::bytes(&bias)];
        compare("conv_transpose1d", &numbers, &arrays, &y);
    }
}

#[test]
fn norms_are_those_of_the_cpu() {
    norms::<f32>();
    norms::<bf16>();
}

#[test]
fn gates_are_those_of_the_cpu() {
    gates::<f32>();
    gates::<bf16>();
}

#[test]
fn attention_is_that_of_the_cpu() {
    attentions::<f32>();
    attentions::<bf16>();
}

#[test]
fn convolutions_are_those_of_the_cpu() {
    convolutions::<f32>();
    convolutions::<bf16>();
    transposed::<f32>();
    transposed::<bf16>();
}
