//! default-model (in progress).
