//! How well music obeys its plan, and how far a set of pieces is from another.
//!
//! [`report::Examiner`] hears a piece with `mustool-mir` and with the [`judge`] and compares it with
//! the [`Plan`](mustool_music::Plan) that it should follow; [`report::Report`] makes one table of
//! many. Beneath lie the paper's metrics ([`control`]), those of the field ([`agreement`]), the
//! Fréchet distance ([`frechet`]), faults and restoration of sound ([`sound`]). Making the music is
//! the caller's part.

pub mod agreement;
pub mod bootstrap;
pub mod control;
mod error;
pub mod frechet;
pub mod judge;
pub mod report;
pub mod sound;

pub use error::{Error, Result};
