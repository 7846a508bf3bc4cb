//! Sums over rows: the gradient of everything that was added or multiplied to every row.

use crate::cpu::element::Element;
use crate::cpu::math::vectorised;
use crate::cpu::parallel::{SharedMut, for_each_task};

/// Rows that one task sums; fixed, so that the sums do not depend on the number of threads.
pub(super) const ROWS_PER_PART: usize = 256;

vectorised! {
    fn add_rows<T: Element>(rows: &[T], sums: &mut [f32]) {
        for row in rows.chunks_exact(sums.len()) {
            for (sum, x) in sums.iter_mut().zip(row) {
                *sum += x.to_f32();
            }
        }
    }
}

/// The sum of all rows of `x`, `[rows, columns]`: the gradient of a bias.
///
/// # Panics
/// When `x` is not whole rows.
pub fn column_sums<T: Element>(x: &[T], columns: usize) -> Vec<f32> {
    assert!(
        columns > 0 && x.len().is_multiple_of(columns),
        "x is not whole rows"
    );
    sum_parts(x.len() / columns, columns, |rows, sums| {
        add_rows(&x[rows.start * columns..rows.end * columns], sums);
    })
}

/// Lets `add` sum parts of the rows into `width` numbers each, and adds the parts in order.
pub(super) fn sum_parts(
    rows: usize,
    width: usize,
    add: impl Fn(std::ops::Range<usize>, &mut [f32]) + Sync + Send,
) -> Vec<f32> {
    let parts = rows.div_ceil(ROWS_PER_PART).max(1);
    let mut partial = vec![0f32; parts * width];
    let out = SharedMut::new(&mut partial);
    for_each_task(parts, |part| {
        // SAFETY: each task has its own `width` numbers.
        let sums = unsafe { std::slice::from_raw_parts_mut(out.ptr(part * width), width) };
        let first = part * ROWS_PER_PART;
        add(first..(first + ROWS_PER_PART).min(rows), sums);
    });
    let (total, rest) = partial.split_at_mut(width);
    for part in rest.chunks_exact(width.max(1)) {
        for (sum, x) in total.iter_mut().zip(part) {
            *sum += x;
        }
    }
    partial.truncate(width);
    partial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::testing::{assert_close, noise};

    #[test]
    fn sums_are_those_of_the_columns() {
        for (rows, columns) in [(1, 1), (3, 33), (1025, 7)] {
            let x = noise(rows * columns, 4);
            let want: Vec<f32> = (0..columns)
                .map(|c| {
                    (0..rows)
                        .map(|r| f64::from(x[r * columns + c]))
                        .sum::<f64>() as f32
                })
                .collect();
            assert_close(&column_sums(&x, columns), &want, 1e-4);
        }
    }
}
