//! Devices, checkpoints and the layers that several networks share.
//!
//! Activations are channels-last everywhere: `[batch, tokens, channels]` and
//! `[batch, height, width, channels]`. Tensors are candle's; the compute beneath the layers is
//! [`mustool_kernels`]. One definition of a network serves twice. From [`Weights::new`] it is for
//! inference: weights are packed when they are loaded and the originals dropped, so memory holds
//! each weight once. From [`Weights::trainable`] its weights are [`Parameter`]s, packed anew at
//! every use, and every operation leaves its way back in candle's graph.
//!
//! Not here: networks (the crates above) and file formats of audio or text.

mod activation;
mod affine;
mod attention;
mod autograd;
mod conv;
mod cpu;
mod depthwise;
mod embedding;
mod error;
#[cfg(test)]
mod gradient_tests;
mod init;
mod learned;
mod linear;
mod norm;
pub mod optim;
mod parameter;
pub mod pickle;
mod shard;
mod source;
mod sum;
mod upsample;
mod variables;
mod weights;

pub use activation::{Activation, activate, geglu, softmax};
pub use attention::attention;
pub use autograd::{InputGradients, record, reshape};
pub use candle_core::{D, DType, Device, Error as TensorError, IndexOp, Tensor};
pub use conv::{Conv1d, Conv2d, ConvTranspose1d};
pub use cpu::{host, tensor};
pub use depthwise::DepthwiseConv1d;
pub use embedding::Embedding;
pub use error::{Error, KeyProblems, Result};
pub use init::Init;
pub use learned::Learned;
pub use linear::Linear;
pub use mustool_kernels::bench;
pub use mustool_kernels::cpu::Level;
pub use norm::{GroupNorm, LayerNorm, RmsNorm};
pub use parameter::{Parameter, Values};
pub use source::{Source, StoredTensor};
pub use sum::{add, add_shift, concat};
pub use upsample::upsample_nearest;
pub use variables::Variables;
pub use weights::Weights;
