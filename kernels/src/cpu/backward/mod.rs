//! Gradients of the kernels: of each operation's inputs and of its weights.
//!
//! Gradients of activations have the type of the activations; gradients of weights are `f32` sums
//! over all rows, in an order that does not depend on the number of threads. What a backward pass
//! needs is recomputed from the inputs where that is cheap: no norm's statistics and no attention
//! matrix are kept.
//!
//! Not here: which tensor depends on which (the `nn` crate).

mod activation;
mod adamw;
mod attention;
mod conv;
mod depthwise;
mod group_norm;
mod norm;
mod reduce;
mod rows;
mod rows_f32;
mod rows_tiles;
mod softmax;
#[cfg(test)]
mod tests;

pub use activation::{activate, geglu};
pub use adamw::{AdamWStep, adamw, sum_of_squares};
pub use attention::{AttentionGradients, attention};
pub use conv::{
    conv_transpose1d_input, conv_transpose1d_weight, conv1d_input, conv1d_weight, conv2d_input,
    conv2d_weight,
};
pub use depthwise::{depthwise_conv1d_input, depthwise_conv1d_weight};
pub use group_norm::group_norm;
pub use norm::{NormGradients, layer_norm, rms_norm};
pub use reduce::column_sums;
pub use rows::{linear_input, linear_weight};
pub use softmax::softmax;
