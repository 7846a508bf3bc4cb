//! The HTTP service: a request becomes a durable job, a worker makes its music, and everybody may
//! watch, stop and fetch it.
//!
//! The flow is one way: route → store → worker → engine → objects → route. Commands, flags and
//! messages are in the root package; how music is made is in `mustool-diffusion`.

pub mod app;
mod cluster;
pub mod edge;
pub mod engine;
mod error;
pub mod metrics;
pub mod objects;
pub mod problem;
mod routes;
mod serve;
pub mod sse;
pub mod store;
pub mod views;
pub mod webhooks;
pub mod wire;
mod worker;

pub use error::{Error, Result};
pub use serve::{Role, Settings, run, serve};
