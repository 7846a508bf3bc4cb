//! What is done to hostile input, and hostile input itself.
//!
//! [`targets`] call the readers and check what they promise; [`mutate`] makes input out of good
//! examples. `cargo fuzz` drives the targets with coverage, the program `hammer` without it on a
//! stable compiler.

pub mod mutate;
pub mod targets;
