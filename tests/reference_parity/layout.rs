//! The reference keeps channels first, this project last.

use crate::golden::{Golden, assert_values};
use mustool_nn::{Tensor, host};

/// `[batch, channels, height, width]` → `[batch, height, width, channels]`.
pub(crate) fn channels_last(golden: &Golden, key: &str) -> Tensor {
    golden
        .tensor(key)
        .permute((0, 2, 3, 1))
        .unwrap()
        .contiguous()
        .unwrap()
}

/// Fails unless `actual`, channels last, is the reference's tensor, channels first.
pub(crate) fn assert_channels_last(actual: &Tensor, golden: &Golden, key: &str, tolerance: f32) {
    let actual = actual.permute((0, 3, 1, 2)).unwrap();
    let (shape, expected) = golden.get(key);
    assert_eq!(actual.dims(), shape, "{key}: another shape");
    assert_values(&host(&actual).unwrap(), expected, key, tolerance);
}
