//! How well music obeys its plan.
