//! One benchmark operation: its shape in PyTorch's terms, its work, and how it is run.

use crate::cpu::{
    Activation, AttentionShape, Conv1dShape, Conv2dShape, Element, Epilogue, Packed,
    PackedTransposed, activate, attention, conv_transpose1d, conv1d, conv2d, geglu, group_norm,
    layer_norm, linear, rms_norm, softmax,
};

/// An operation with its sizes. `[usize; 2]` is rows and row length.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "the fields are PyTorch's parameters")]
pub enum Operation {
    /// `[rows, depth] · [columns, depth]ᵀ + bias`.
    Linear {
        rows: usize,
        depth: usize,
        columns: usize,
    },
    /// Square kernel, `kernel / 2` zeros around, one sample.
    Conv2d {
        depth: usize,
        columns: usize,
        input: [usize; 2],
        kernel: usize,
        stride: usize,
    },
    /// As many channels out as in, same length, one sample.
    Conv1d {
        channels: usize,
        time: usize,
        kernel: usize,
        dilation: usize,
    },
    /// Padding `(kernel − stride) / 2`, one sample.
    ConvTranspose1d {
        depth: usize,
        columns: usize,
        kernel: usize,
        stride: usize,
        time: usize,
    },
    /// One sample, no mask, scale `1 / √dim`.
    Attention {
        heads: usize,
        queries: usize,
        keys: usize,
        dim: usize,
    },
    /// One sample.
    GroupNorm {
        channels: usize,
        pixels: usize,
        groups: usize,
        silu: bool,
    },
    /// With weight and bias.
    LayerNorm([usize; 2]),
    /// With weight.
    RmsNorm([usize; 2]),
    /// Over the last axis.
    Softmax([usize; 2]),
    /// `x · sigmoid(x)`.
    Silu([usize; 2]),
    /// The exact GELU.
    GeluErf([usize; 2]),
    /// Rows of twice the length become rows of this length.
    Geglu([usize; 2]),
    /// Slope 0.1.
    LeakyRelu([usize; 2]),
}

impl Operation {
    pub(super) fn linear(rows: usize, depth: usize, columns: usize) -> Self {
        Self::Linear {
            rows,
            depth,
            columns,
        }
    }

    /// The operation's name without its size.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Linear { .. } => "linear",
            Self::Conv2d { .. } => "conv2d",
            Self::Conv1d { .. } => "conv1d",
            Self::ConvTranspose1d { .. } => "conv_transpose1d",
            Self::Attention { .. } => "attention",
            Self::GroupNorm { silu: false, .. } => "group_norm",
            Self::GroupNorm { silu: true, .. } => "group_norm_silu",
            Self::LayerNorm(_) => "layer_norm",
            Self::RmsNorm(_) => "rms_norm",
            Self::Softmax(_) => "softmax",
            Self::Silu(_) => "silu",
            Self::GeluErf(_) => "gelu_erf",
            Self::Geglu(_) => "geglu",
            Self::LeakyRelu(_) => "leaky_relu",
        }
    }

    /// The sizes by name.
    pub fn sizes(&self) -> Vec<(&'static str, usize)> {
        match *self {
            Self::Linear {
                rows,
                depth,
                columns,
            } => vec![("rows", rows), ("depth", depth), ("columns", columns)],
            Self::Conv2d {
                depth,
                columns,
                input: [height, width],
                kernel,
                stride,
            } => vec![
                ("depth", depth),
                ("columns", columns),
                ("height", height),
                ("width", width),
                ("kernel", kernel),
                ("stride", stride),
            ],
            Self::Conv1d {
                channels,
                time,
                kernel,
                dilation,
            } => vec![
                ("channels", channels),
                ("time", time),
                ("kernel", kernel),
                ("dilation", dilation),
            ],
            Self::ConvTranspose1d {
                depth,
                columns,
                kernel,
                stride,
                time,
            } => vec![
                ("depth", depth),
                ("columns", columns),
                ("kernel", kernel),
                ("stride", stride),
                ("time", time),
            ],
            Self::Attention {
                heads,
                queries,
                keys,
                dim,
            } => vec![
                ("heads", heads),
                ("queries", queries),
                ("keys", keys),
                ("dim", dim),
            ],
            Self::GroupNorm {
                channels,
                pixels,
                groups,
                ..
            } => vec![
                ("channels", channels),
                ("pixels", pixels),
                ("groups", groups),
            ],
            Self::LayerNorm([rows, dim])
            | Self::RmsNorm([rows, dim])
            | Self::Softmax([rows, dim])
            | Self::Silu([rows, dim])
            | Self::GeluErf([rows, dim])
            | Self::Geglu([rows, dim])
            | Self::LeakyRelu([rows, dim]) => vec![("rows", rows), ("dim", dim)],
        }
    }

    /// Multiplications and additions of products; 0 for the operations that only move memory.
    pub fn flops(&self) -> f64 {
        let product = |sizes: &[usize]| 2.0 * sizes.iter().map(|&n| n as f64).product::<f64>();
        match *self {
            Self::Linear {
                rows,
                depth,
                columns,
            } => product(&[rows, depth, columns]),
            Self::Conv2d {
                depth,
                columns,
                input: [height, width],
                kernel,
                stride,
            } => product(&[
                height / stride,
                width / stride,
                depth,
                columns,
                kernel,
                kernel,
            ]),
            Self::Conv1d {
                channels,
                time,
                kernel,
                ..
            } => product(&[time, channels, channels, kernel]),
            Self::ConvTranspose1d {
                depth,
                columns,
                kernel,
                time,
                ..
            } => product(&[time, depth, columns, kernel]),
            Self::Attention {
                heads,
                queries,
                keys,
                dim,
            } => 2.0 * product(&[heads, queries, keys, dim]),
            _ => 0.0,
        }
    }

    /// Bytes of activations read and written, each once, at `size` bytes a number.
    pub fn bytes(&self, size: usize) -> f64 {
        let numbers = match *self {
            Self::Linear {
                rows,
                depth,
                columns,
            } => rows * (depth + columns),
            Self::Conv2d {
                depth,
                columns,
                input: [height, width],
                stride,
                ..
            } => height * width * (depth + columns / (stride * stride)),
            Self::Conv1d { channels, time, .. } => 2 * channels * time,
            Self::ConvTranspose1d {
                depth,
                columns,
                stride,
                time,
                ..
            } => time * (depth + columns * stride),
            Self::Attention {
                heads,
                queries,
                keys,
                dim,
            } => 2 * heads * dim * (queries + keys),
            Self::GroupNorm {
                channels, pixels, ..
            } => 2 * channels * pixels,
            Self::Geglu([rows, dim]) => 3 * rows * dim,
            Self::LayerNorm([rows, dim])
            | Self::RmsNorm([rows, dim])
            | Self::Softmax([rows, dim])
            | Self::Silu([rows, dim])
            | Self::GeluErf([rows, dim])
            | Self::LeakyRelu([rows, dim]) => 2 * rows * dim,
        };
        (numbers * size) as f64
    }

    pub(super) fn prepare<T: Element>(&self) -> Box<dyn FnMut() + Send> {
        match *self {
            Self::Linear {
                rows,
                depth,
                columns,
            } => {
                let weight = Packed::linear::<T>(&noise::<f32>(columns * depth), columns, depth);
                let bias = noise::<f32>(columns);
                run(rows * depth, rows * columns, move |x, y| {
                    linear::<T>(x, &weight, &with_bias(&bias), y);
                })
            }
            Self::Conv2d {
                depth,
                columns,
                input,
                kernel,
                stride,
            } => {
                let taps = kernel * kernel;
                let weight = noise::<f32>(columns * depth * taps);
                let weight = Packed::conv::<T>(&weight, columns, depth, taps);
                let bias = noise::<f32>(columns);
                let shape = Conv2dShape {
                    batch: 1,
                    input,
                    kernel: [kernel; 2],
                    stride,
                    padding: [[kernel / 2; 2]; 2],
                };
                let pixels: usize = shape.output().iter().product();
                run(
                    input[0] * input[1] * depth,
                    pixels * columns,
                    move |x, y| {
                        conv2d::<T>(x, &shape, &weight, &with_bias(&bias), y);
                    },
                )
            }
            Self::Conv1d {
                channels,
                time,
                kernel,
                dilation,
            } => {
                let weight = noise::<f32>(channels * channels * kernel);
                let weight = Packed::conv::<T>(&weight, channels, channels, kernel);
                let bias = noise::<f32>(channels);
                let padding = dilation * (kernel - 1) / 2;
                let shape = conv1d_shape(time, kernel, 1, padding, dilation);
                run(time * channels, time * channels, move |x, y| {
                    conv1d::<T>(x, &shape, &weight, &with_bias(&bias), y);
                })
            }
            Self::ConvTranspose1d {
                depth,
                columns,
                kernel,
                stride,
                time,
            } => {
                let weight = noise::<f32>(depth * columns * kernel);
                let weight = PackedTransposed::new::<T>(&weight, depth, columns, kernel, stride);
                let bias = noise::<f32>(columns);
                let padding = (kernel - stride) / 2;
                let shape = conv1d_shape(time, kernel, stride, padding, 1);
                let out_time = (time - 1) * stride + kernel - 2 * padding;
                run(time * depth, out_time * columns, move |x, y| {
                    conv_transpose1d::<T>(x, &shape, &weight, Some(&bias), y);
                })
            }
            Self::Attention {
                heads,
                queries,
                keys,
                dim,
            } => {
                let shape = AttentionShape {
                    batch: 1,
                    heads,
                    queries,
                    keys,
                    dim,
                    scale: (dim as f32).powf(-0.5),
                };
                let (k, v) = (
                    noise::<T>(keys * heads * dim),
                    noise::<T>(keys * heads * dim),
                );
                run(queries * heads * dim, queries * heads * dim, move |q, y| {
                    attention::<T>(q, &k, &v, &shape, None, y);
                })
            }
            Self::GroupNorm {
                channels,
                pixels,
                groups,
                silu,
            } => {
                let (weight, bias) = (noise::<f32>(channels), noise::<f32>(channels));
                run(channels * pixels, channels * pixels, move |x, y| {
                    group_norm::<T>(x, 1, groups, (&weight, &bias), 1e-5, silu, y);
                })
            }
            Self::LayerNorm([rows, dim]) => {
                let (weight, bias) = (noise::<f32>(dim), noise::<f32>(dim));
                run(rows * dim, rows * dim, move |x, y| {
                    layer_norm::<T>(x, &weight, Some(&bias), 1e-5, y);
                })
            }
            Self::RmsNorm([rows, dim]) => {
                let weight = noise::<f32>(dim);
                run(rows * dim, rows * dim, move |x, y| {
                    rms_norm::<T>(x, &weight, 1e-6, y)
                })
            }
            Self::Softmax([rows, dim]) => {
                run(rows * dim, rows * dim, move |x, y| softmax::<T>(x, dim, y))
            }
            Self::Geglu([rows, dim]) => run(2 * rows * dim, rows * dim, move |x, y| {
                geglu::<T>(x, dim, y)
            }),
            Self::Silu(shape) => elementwise::<T>(shape, Activation::Silu),
            Self::GeluErf(shape) => elementwise::<T>(shape, Activation::GeluErf),
            Self::LeakyRelu(shape) => elementwise::<T>(shape, Activation::LeakyRelu(0.1)),
        }
    }
}

/// Numbers in −1..1.
fn noise<T: Element>(len: usize) -> Vec<T> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    (0..len)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            T::from_f32((state >> 40) as f32 / (1u64 << 23) as f32 - 1.0)
        })
        .collect()
}

fn run<T: Element>(
    input_len: usize,
    output_len: usize,
    mut compute: impl FnMut(&[T], &mut [T]) + Send + 'static,
) -> Box<dyn FnMut() + Send> {
    let x = noise::<T>(input_len);
    let mut y = vec![T::default(); output_len];
    Box::new(move || compute(&x, &mut y))
}

fn elementwise<T: Element>([rows, dim]: [usize; 2], f: Activation) -> Box<dyn FnMut() + Send> {
    run(rows * dim, rows * dim, move |x, y| activate::<T>(x, f, y))
}

fn with_bias<T>(bias: &[f32]) -> Epilogue<'_, T> {
    Epilogue {
        bias: Some(bias),
        ..Epilogue::default()
    }
}

fn conv1d_shape(
    time: usize,
    kernel: usize,
    stride: usize,
    padding: usize,
    dilation: usize,
) -> Conv1dShape {
    Conv1dShape {
        batch: 1,
        time,
        kernel,
        stride,
        padding,
        dilation,
    }
}
