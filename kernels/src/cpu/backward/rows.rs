//! Products over rows: the gradient of a weight is the sum, over all positions of a batch, of the
//! outer product of what came in and what came back.
//!
//! Work is cut by the elements of the gradient, and only for tall and narrow ones also by rows,
//! into a number of parts that depends on the sizes alone.

use super::rows_f32::{MAX_ROWS, Operands, PANEL, outer_products};
use super::rows_tiles::sum_tiles;
use crate::cpu::Level;
use crate::cpu::element::Element;
use crate::cpu::matmul::{Epilogue, linear};
use crate::cpu::pack::Packed;
use crate::cpu::parallel::{SharedMut, for_each_task};
use std::borrow::Cow;
use std::ops::Range;

/// Gradient of a linear layer's weight, `[out, in]`, from `x` `[rows, in]` and the gradient of
/// its output, `[rows, out]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn linear_weight<T: Element>(
    x: &[T],
    output_gradient: &[T],
    in_dim: usize,
    out_dim: usize,
) -> Vec<f32> {
    let rows = x.len() / in_dim.max(1);
    assert_eq!(x.len(), rows * in_dim, "x is not whole rows");
    assert_eq!(
        output_gradient.len(),
        rows * out_dim,
        "the gradient has another size"
    );
    let sources: Vec<u32> = (0..rows as u32).collect();
    products_over_rows((output_gradient, out_dim), (x, in_dim), &[sources])
}

/// Gradient of a linear layer's input, `[rows, in]`, from its weight `[out, in]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn linear_input<T: Element>(
    output_gradient: &[T],
    weight: &[f32],
    in_dim: usize,
    out_dim: usize,
) -> Vec<T> {
    assert_eq!(weight.len(), in_dim * out_dim, "weight has another size");
    let packed = Packed::new::<T>(1, out_dim, in_dim, |_, k, j| weight[k * in_dim + j]);
    let mut gradient = vec![T::default(); output_gradient.len() / out_dim.max(1) * in_dim];
    linear(
        output_gradient,
        &packed,
        &Epilogue::default(),
        &mut gradient,
    );
    gradient
}

/// The source of a left row that meets nothing.
pub(super) const NONE: u32 = u32::MAX;

/// For every tap, the sum over all left rows of the row times the right row that is its source:
/// `[taps][left width][right width]`. A tap has one source for each left row, or [`NONE`].
pub(super) fn products_over_rows<T: Element>(
    left: (&[T], usize),
    right: (&[T], usize),
    taps: &[Vec<u32>],
) -> Vec<f32> {
    let (left_width, right_width) = (left.1, right.1);
    let mut output = vec![0f32; taps.len() * left_width * right_width];
    if output.is_empty() {
        return output;
    }
    let (left_rows, right_rows) = (left.0.len() / left_width, right.0.len() / right_width);
    let inside = |&source: &u32| source == NONE || (source as usize) < right_rows;
    assert!(
        taps.iter()
            .all(|tap| tap.len() == left_rows && tap.iter().all(inside)),
        "a source is outside the data"
    );
    if T::IS_BF16 && Level::get() == Level::Amx {
        let (left, right) = (as_bits(left.0), as_bits(right.0));
        sum_tiles((left, left_width), (right, right_width), taps, &mut output);
    } else {
        let (left, right) = (widen(left.0), widen(right.0));
        sum_f32(
            (&left, left_width),
            (&right, right_width),
            taps,
            &mut output,
        );
    }
    output
}

/// The bits of `bf16` numbers.
fn as_bits<T: Element>(x: &[T]) -> &[u16] {
    assert!(T::IS_BF16, "these are not bf16");
    // SAFETY: `T` is `bf16`, which is a `u16`.
    unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len()) }
}

fn widen<T: Element>(x: &[T]) -> Cow<'_, [f32]> {
    if T::IS_BF16 {
        return Cow::Owned(x.iter().map(|x| x.to_f32()).collect());
    }
    // SAFETY: `T` is `f32`, the only element that is not `bf16`.
    Cow::Borrowed(unsafe { std::slice::from_raw_parts(x.as_ptr().cast(), x.len()) })
}

/// Rows of the gradient that one task sums.
const BLOCK_ROWS: usize = 4 * MAX_ROWS;
/// Columns of the gradient that one task sums.
const BLOCK_COLUMNS: usize = 4 * PANEL;
/// Pairs of rows that are read before the next block of sums: they stay in the nearest cache.
const BLOCK_PAIRS: usize = 128;

fn sum_f32(
    (left, left_width): (&[f32], usize),
    (right, right_width): (&[f32], usize),
    taps: &[Vec<u32>],
    output: &mut [f32],
) {
    let (row_blocks, column_blocks) = (
        left_width.div_ceil(BLOCK_ROWS),
        right_width.div_ceil(BLOCK_COLUMNS),
    );
    let blocks = taps.len() * row_blocks * column_blocks;
    let parts = split(blocks, left.len() / left_width);
    let mut partial = vec![0f32; (parts - 1) * output.len()];
    let len = output.len();
    let (first, others) = (SharedMut::new(output), SharedMut::new(&mut partial));
    for_each_task(blocks * parts, |task| {
        let (part, block) = (task / blocks, task % blocks);
        let (tap, block) = (
            block / (row_blocks * column_blocks),
            block % (row_blocks * column_blocks),
        );
        let rows = range(block % row_blocks, BLOCK_ROWS, left_width);
        let columns = range(block / row_blocks, BLOCK_COLUMNS, right_width);
        let count = taps[tap].len();
        let part_rows = count * part / parts..count * (part + 1) / parts;
        let at = tap * left_width * right_width;
        // SAFETY: each task has its own part, tap, rows and columns.
        let target = unsafe {
            match part.checked_sub(1) {
                None => first.ptr(at),
                Some(other) => others.ptr(other * len + at),
            }
        };
        let mut pairs = Vec::with_capacity(BLOCK_PAIRS);
        for first in part_rows.clone().step_by(BLOCK_PAIRS) {
            let last = (first + BLOCK_PAIRS).min(part_rows.end);
            let sources = taps[tap][first..last].iter().zip(first as u32..);
            pairs.clear();
            pairs.extend(
                sources
                    .filter(|(s, _)| **s != NONE)
                    .map(|(&s, row)| [row, s]),
            );
            // SAFETY: the block lies inside the target, and the pairs inside the data.
            unsafe {
                add_block(
                    (left, left_width),
                    (right, right_width),
                    &pairs,
                    (rows.clone(), columns.clone()),
                    target,
                );
            }
        }
    });
    for part in partial.chunks_exact(len) {
        for (sum, x) in output.iter_mut().zip(part) {
            *sum += x;
        }
    }
}

fn range(block: usize, size: usize, end: usize) -> Range<usize> {
    block * size..((block + 1) * size).min(end)
}

/// Into how many parts the rows are cut: a function of the sizes, not of the threads.
pub(super) fn split(blocks: usize, rows: usize) -> usize {
    const TASKS: usize = 16;
    const LEAST_ROWS: usize = 1024;
    TASKS.div_ceil(blocks).min(rows / LEAST_ROWS).max(1)
}

/// Adds the products of `pairs` to the block `rows` × `columns` of the matrix at `target`.
///
/// # Safety
/// The block lies inside `target`, whose rows are `right.1` apart, and nobody else writes it; the
/// pairs lie inside the data.
pub(super) unsafe fn add_block(
    (left, left_width): (&[f32], usize),
    (right, right_width): (&[f32], usize),
    pairs: &[[u32; 2]],
    (rows, columns): (Range<usize>, Range<usize>),
    target: *mut f32,
) {
    let (kernel, step) = outer_products();
    for column in columns.clone().step_by(PANEL) {
        for row in rows.clone().step_by(step) {
            // SAFETY: row and column are inside both operands and the target.
            unsafe {
                let operands = Operands {
                    left: left.as_ptr().add(row),
                    left_stride: left_width,
                    right: right.as_ptr().add(column),
                    right_stride: right_width,
                };
                let (count, width) = (step.min(rows.end - row), PANEL.min(columns.end - column));
                let target = target.add(row * right_width + column);
                kernel(pairs, operands, count, width, target, right_width);
            }
        }
    }
}
