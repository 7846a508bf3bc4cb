//! Every network against the reference implementation: weights, inputs and outputs come from
//! running Mustango at d9354bd on tiny random models.
//!
//! Another set of such files is read from the folder in `MUSTOOL_FIXTURES`, if it is set.

mod beats;
mod chords;
mod features;
mod golden;
mod t5_encoder;
