//! CPU kernels, for AMX, AVX-512, AVX2 and any other processor.

mod activation;
mod aligned;
mod amx;
mod attention;
mod attention_block;
pub mod backward;
mod conv;
mod depthwise;
mod element;
mod epilogue;
mod grid;
mod level;
mod math;
mod matmul;
mod micro;
#[cfg(target_arch = "x86_64")]
mod micro_avx2;
#[cfg(target_arch = "x86_64")]
mod micro_avx512;
mod norm;
mod pack;
mod parallel;
mod product;
mod product_f32;
mod product_tiles;
mod slab;
mod softmax;
mod sum;
#[cfg(test)]
mod testing;
#[cfg(target_arch = "x86_64")]
mod vector;

pub use activation::{Activation, activate, geglu};
pub use attention::{AttentionShape, Bias, attention};
pub use conv::{Conv1dShape, Conv2dShape, conv_transpose1d, conv1d, conv2d};
pub use depthwise::depthwise_conv1d;
pub use element::Element;
pub use level::Level;
pub use matmul::{Epilogue, linear};
pub use norm::{group_norm, layer_norm, rms_norm};
pub use pack::{Packed, PackedTransposed};
pub use softmax::softmax;
pub use sum::{add, add_shift};
