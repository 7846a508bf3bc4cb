//! The compute beneath the networks: matrix products, convolutions, attention, norms, activations.
//!
//! Every operation works on plain slices in a channels-last layout (`[batch, time, channels]`,
//! `[batch, height, width, channels]`), in `f32` or `bf16` storage with `f32` accumulation.
//! The instruction set is chosen once, at the first call: see [`cpu::Level`]. Results do not
//! depend on the number of threads: every output element is summed by one thread in one order.
//!
//! Not here: tensors, autograd and checkpoints (the `nn` crate).

pub mod bench;
pub mod cpu;
#[cfg(feature = "cuda")]
pub mod cuda;
