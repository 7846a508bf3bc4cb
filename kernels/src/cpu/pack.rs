//! Weights arranged once, at load, in the order in which the kernels read them.

use super::aligned::Aligned;
use super::amx::{TILE_BYTES, TILE_DEPTH};
use super::element::{Element, round_bf16};
use super::micro::PANEL;
use super::{Level, parallel};

/// The right-hand side of matrix products and convolutions: `taps` matrices of `[depth, columns]`.
///
/// A linear layer has one tap, a convolution one for each kernel position. Columns are output
/// channels, depth is input channels.
#[derive(Debug, Clone)]
pub struct Packed {
    pub(crate) taps: usize,
    pub(crate) depth: usize,
    pub(crate) columns: usize,
    pub(crate) data: Data,
}

/// The two arrangements. Both are cut into panels of [`PANEL`] columns, zero-padded.
#[derive(Debug, Clone)]
pub(crate) enum Data {
    /// `[panel][tap][depth][PANEL]`.
    F32(Aligned<f32>),
    /// `[panel][tap][depth / 32][2 tiles][16 pairs][16 columns × 2]`, depth zero-padded to 32.
    Tiles(Aligned<u16>),
}

impl Packed {
    /// Packs for products with activations of type `T`: `bf16` tiles where `T` is `bf16` and the
    /// processor has them, `f32` otherwise.
    ///
    /// `weight(tap, depth, column)` gives each value; it is called once for each.
    pub fn new<T: Element>(
        taps: usize,
        depth: usize,
        columns: usize,
        weight: impl Fn(usize, usize, usize) -> f32 + Sync,
    ) -> Self {
        let panels = columns.div_ceil(PANEL);
        let data = if T::IS_BF16 && Level::get() == Level::Amx {
            let tap_len = depth.div_ceil(TILE_DEPTH) * TILE_BYTES;
            let panel_len = taps * tap_len;
            let mut data = Aligned::zeros(panels * panel_len);
            parallel::for_each_rows(&mut data, panel_len, |first, chunk| {
                for (offset, panel) in chunk.chunks_exact_mut(panel_len.max(1)).enumerate() {
                    let column = (first + offset) * PANEL;
                    let width = (columns - column).min(PANEL);
                    for (tap, tiles) in panel.chunks_exact_mut(tap_len).enumerate() {
                        pack_tiles(tiles, depth, width, |k, j| weight(tap, k, column + j));
                    }
                }
            });
            Data::Tiles(data)
        } else {
            let panel_len = taps * depth * PANEL;
            let mut data = Aligned::zeros(panels * panel_len);
            parallel::for_each_rows(&mut data, panel_len, |first, chunk| {
                for (offset, panel) in chunk.chunks_exact_mut(panel_len.max(1)).enumerate() {
                    let column = (first + offset) * PANEL;
                    for (k, row) in panel.chunks_exact_mut(PANEL).enumerate() {
                        for (j, value) in row.iter_mut().take(columns - column).enumerate() {
                            *value = weight(k / depth, k % depth, column + j);
                        }
                    }
                }
            });
            Data::F32(data)
        };
        Self {
            taps,
            depth,
            columns,
            data,
        }
    }

    /// Packs a linear layer's `[columns, depth]` weight.
    pub fn linear<T: Element>(weight: &[f32], columns: usize, depth: usize) -> Self {
        assert_eq!(weight.len(), columns * depth, "weight has another size");
        Self::new::<T>(1, depth, columns, |_, k, j| weight[j * depth + k])
    }

    /// Packs a `[columns, depth, taps]` weight of `conv1d` or `[columns, depth, height, width]`
    /// of `conv2d` (`taps` = height · width).
    pub fn conv<T: Element>(weight: &[f32], columns: usize, depth: usize, taps: usize) -> Self {
        assert_eq!(
            weight.len(),
            columns * depth * taps,
            "weight has another size"
        );
        Self::new::<T>(taps, depth, columns, |t, k, j| {
            weight[(j * depth + k) * taps + t]
        })
    }

    /// Number of output channels.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Number of input channels.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        match &self.data {
            Data::F32(data) => data.len() * 4,
            Data::Tiles(data) => data.len() * 2,
        }
    }

    pub(crate) fn panels(&self) -> usize {
        self.columns.div_ceil(PANEL)
    }
}

/// Fills one panel of tiles: pairs of depth side by side, two 16-column tiles a step.
pub(crate) fn pack_tiles(
    panel: &mut [u16],
    depth: usize,
    columns: usize,
    weight: impl Fn(usize, usize) -> f32,
) {
    const COLUMNS: usize = PANEL / 2;
    for k in 0..depth {
        let (step, within) = (k / TILE_DEPTH, k % TILE_DEPTH);
        let (pair, half) = (within / 2, within % 2);
        for j in 0..columns {
            let tile = step * 2 + j / COLUMNS;
            let index = tile * (TILE_BYTES / 2) + pair * 32 + (j % COLUMNS) * 2 + half;
            panel[index] = round_bf16(weight(k, j));
        }
    }
}

/// The weight of a transposed 1-D convolution, one [`Packed`] for each output phase.
///
/// Output position `t` takes kernel positions `j ≡ t + padding (mod stride)` only, so each phase
/// is an ordinary convolution with `⌈(kernel − phase) / stride⌉` taps, the oldest input first.
#[derive(Debug, Clone)]
pub struct PackedTransposed {
    pub(crate) phases: Vec<Packed>,
    pub(crate) kernel: usize,
}

impl PackedTransposed {
    /// Packs PyTorch's `[depth, columns, kernel]` weight.
    pub fn new<T: Element>(
        weight: &[f32],
        depth: usize,
        columns: usize,
        kernel: usize,
        stride: usize,
    ) -> Self {
        assert_eq!(
            weight.len(),
            columns * depth * kernel,
            "weight has another size"
        );
        let phases = (0..stride)
            .map(|phase| {
                let taps = (kernel + stride - 1 - phase) / stride;
                Packed::new::<T>(taps, depth, columns, |t, k, j| {
                    weight[(k * columns + j) * kernel + phase + (taps - 1 - t) * stride]
                })
            })
            .collect();
        Self { phases, kernel }
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.phases.iter().map(Packed::bytes).sum()
    }
}
