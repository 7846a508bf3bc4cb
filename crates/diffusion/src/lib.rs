//! diffusion (in progress).
