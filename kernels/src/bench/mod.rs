//! The operations that networks spend their time in, at the sizes they have there, for timing.
//!
//! The list is that of MuNet (a UNet over 256×16 latents), its VAE and HiFi-GAN. Weights and
//! activations are noise; shapes are PyTorch's, so that another library can run the same list.
//! Timing itself is the caller's.

mod operation;

pub use operation::Operation;

use half::bf16;

/// One operation at one size.
#[derive(Debug, Clone)]
pub struct Case {
    /// A name that says the size, unique in the list.
    pub name: String,
    /// What is computed.
    pub operation: Operation,
}

/// Number type of activations and weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storage {
    /// 32-bit floats.
    F32,
    /// `bf16` with 32-bit sums.
    Bf16,
}

impl Storage {
    /// `f32` or `bf16`.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Bf16 => "bf16",
        }
    }
}

impl Case {
    /// Allocates and fills the operands; every call of the result computes the operation once.
    pub fn prepare(&self, storage: Storage) -> Box<dyn FnMut() + Send> {
        match storage {
            Storage::F32 => self.operation.prepare::<f32>(),
            Storage::Bf16 => self.operation.prepare::<bf16>(),
        }
    }
}

/// Every case, products first.
pub fn cases() -> Vec<Case> {
    let mut list = Vec::new();
    let mut add = |name: String, operation| list.push(Case { name, operation });
    for n in [512, 1024, 2048] {
        add(format!("matmul_{n}"), Operation::linear(n, n, n));
    }
    for (rows, depth, columns) in [
        (4096, 320, 320),
        (4096, 320, 2560),
        (4096, 1280, 320),
        (256, 1280, 1280),
        (77, 768, 320),
    ] {
        let name = format!("linear_{rows}x{depth}_{columns}");
        add(name, Operation::linear(rows, depth, columns));
    }
    for (name, depth, columns, input, kernel, stride) in [
        ("320_256x16", 320, 320, [256, 16], 3, 1),
        ("640_128x8", 640, 640, [128, 8], 3, 1),
        ("1280_64x4", 1280, 1280, [64, 4], 3, 1),
        ("640to320_256x16", 640, 320, [256, 16], 3, 1),
        ("320_s2_256x16", 320, 320, [256, 16], 3, 2),
        ("1x1_320_256x16", 320, 320, [256, 16], 1, 1),
        ("8to320_256x16", 8, 320, [256, 16], 3, 1),
        ("vae128_512x32", 128, 128, [512, 32], 3, 1),
    ] {
        add(
            format!("conv2d_{name}"),
            Operation::Conv2d {
                depth,
                columns,
                input,
                kernel,
                stride,
            },
        );
    }
    for (channels, time) in [
        (512, 1280),
        (256, 5120),
        (128, 10240),
        (64, 20480),
        (32, 40960),
    ] {
        for (kernel, dilation) in [(3, 1), (7, 3), (11, 5)] {
            add(
                format!("conv1d_{channels}_k{kernel}_d{dilation}_t{time}"),
                Operation::Conv1d {
                    channels,
                    time,
                    kernel,
                    dilation,
                },
            );
        }
    }
    for (depth, kernel, stride, time) in [
        (1024, 16, 5, 256),
        (512, 16, 4, 1280),
        (256, 8, 2, 5120),
        (128, 4, 2, 10240),
        (64, 4, 2, 20480),
    ] {
        add(
            format!("conv_transpose1d_{depth}_k{kernel}_u{stride}_t{time}"),
            Operation::ConvTranspose1d {
                depth,
                columns: depth / 2,
                kernel,
                stride,
                time,
            },
        );
    }
    for (heads, queries, keys, dim) in [
        (5, 4096, 4096, 64),
        (8, 4096, 4096, 40),
        (10, 1024, 1024, 64),
        (5, 4096, 77, 64),
    ] {
        add(
            format!("attention_{heads}h_{queries}x{keys}x{dim}"),
            Operation::Attention {
                heads,
                queries,
                keys,
                dim,
            },
        );
    }
    elementwise(&mut add);
    list
}

/// The operations that move memory rather than multiply.
fn elementwise(add: &mut impl FnMut(String, Operation)) {
    for silu in [false, true] {
        let name = if silu {
            "group_norm_silu"
        } else {
            "group_norm"
        };
        add(
            format!("{name}_320_256x16"),
            Operation::GroupNorm {
                channels: 320,
                pixels: 4096,
                groups: 32,
                silu,
            },
        );
    }
    let rows = |rows, dim| [rows, dim];
    add(
        "layer_norm_4096x320".into(),
        Operation::LayerNorm(rows(4096, 320)),
    );
    add(
        "rms_norm_4096x320".into(),
        Operation::RmsNorm(rows(4096, 320)),
    );
    add(
        "softmax_5x4096x4096".into(),
        Operation::Softmax(rows(5 * 4096, 4096)),
    );
    add("silu_4096x320".into(), Operation::Silu(rows(4096, 320)));
    add(
        "gelu_erf_4096x1280".into(),
        Operation::GeluErf(rows(4096, 1280)),
    );
    add("geglu_4096x1280".into(), Operation::Geglu(rows(4096, 1280)));
    for (channels, time) in [(512, 1280), (256, 5120), (32, 40960)] {
        add(
            format!("leaky_relu_{channels}_t{time}"),
            Operation::LeakyRelu(rows(time, channels)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_every_small_operation_runs() {
        let list = cases();
        let mut names: Vec<_> = list.iter().map(|case| &case.name).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), list.len());
        let mut kinds = Vec::new();
        for case in list {
            let small = case.operation.flops() < 2e8 && case.operation.bytes(4) < 3e7;
            if !small || kinds.contains(&case.operation.kind()) {
                continue;
            }
            kinds.push(case.operation.kind());
            case.prepare(Storage::F32)();
            case.prepare(Storage::Bf16)();
        }
        assert!(kinds.len() >= 7, "{kinds:?}");
    }
}
