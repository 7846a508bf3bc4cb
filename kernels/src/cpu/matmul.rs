//! Linear layers, and what a product does with its sums.

use super::activation::Activation;
use super::element::Element;
use super::epilogue::OutputRows;
use super::grid::Grid;
use super::pack::Packed;
use super::product::product;

/// What happens to the sums before they are stored.
#[derive(Debug, Clone, Copy)]
pub struct Epilogue<'a, T> {
    /// Added to every row; `[columns]`.
    pub bias: Option<&'a [f32]>,
    /// Applied after the bias.
    pub activation: Activation,
    /// Added last; as long as the output.
    pub residual: Option<&'a [T]>,
}

impl<T> Default for Epilogue<'_, T> {
    fn default() -> Self {
        Self {
            bias: None,
            activation: Activation::Identity,
            residual: None,
        }
    }
}

/// `x · weightᵀ`: `x` is `[rows, depth]`, `output` is `[rows, columns]`.
///
/// # Panics
/// When a length does not fit the packed weight.
pub fn linear<T: Element>(x: &[T], weight: &Packed, epilogue: &Epilogue<T>, output: &mut [T]) {
    let rows = x.len() / weight.depth.max(1);
    assert_eq!(x.len(), rows * weight.depth, "x is not whole rows");
    assert_eq!(weight.taps, 1, "a linear layer has one tap");
    let rows_out = OutputRows {
        offset: 0,
        stride: weight.columns,
    };
    product(x, &Grid::rows(rows), weight, epilogue, output, rows_out);
}
