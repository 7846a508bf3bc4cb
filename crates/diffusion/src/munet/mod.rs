//! MuNet: the denoising UNet of Mustango (Melechovsky et al. 2023, arXiv:2311.08355), with text,
//! beats and chords as cross-attention, and optionally as a map on the latent grid.
//!
//! Latents are channels-last: `[batch, time, rows, channels]`. Key names are those of diffusers'
//! `UNet2DConditionModel`; which parts exist is up to [`UnetConfig`].

mod blocks;
mod config;
mod transformer;
mod unet;

pub use config::UnetConfig;
pub use transformer::{Condition, KeyValue};
pub use unet::{Conditions, Unet};
