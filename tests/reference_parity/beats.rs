//! The beat predictor.
