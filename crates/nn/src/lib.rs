//! Devices, checkpoints and the layers that several networks share.
//!
//! Activations are channels-last everywhere: `[batch, tokens, channels]` and
//! `[batch, height, width, channels]`. Tensors are candle's; the compute beneath the layers is
//! [`mustool_kernels`]. Layers are for inference on the CPU: weights are packed when they are
//! loaded and the originals dropped, so memory holds each weight once.
//!
//! Not here: networks (the crates above) and file formats of audio or text.

mod activation;
mod attention;
mod conv;
mod cpu;
mod embedding;
mod error;
mod linear;
mod norm;
pub mod pickle;
mod shard;
mod source;
mod upsample;
mod weights;

pub use activation::{Activation, activate, geglu, softmax};
pub use attention::attention;
pub use candle_core::{D, DType, Device, Error as TensorError, IndexOp, Tensor};
pub use conv::{Conv1d, Conv2d, ConvTranspose1d, DepthwiseConv1d};
pub use cpu::{host, tensor};
pub use embedding::Embedding;
pub use error::{Error, KeyProblems, Result};
pub use linear::Linear;
pub use mustool_kernels::cpu::Level;
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use source::{Source, StoredTensor};
pub use upsample::upsample_nearest;
pub use weights::Weights;
