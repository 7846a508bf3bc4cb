//! Sums of tensors, element by element: residuals, shifts of all rows, and gradients that meet.

use super::element::Element;
use super::math::vectorised;
use super::parallel::for_each_rows;

vectorised! {
    fn add_row<T: Element>(a: &[T], b: &[T], output: &mut [T]) {
        for ((o, a), b) in output.iter_mut().zip(a).zip(b) {
            *o = T::from_f32(a.to_f32() + b.to_f32());
        }
    }
}

/// `a + b`.
///
/// # Panics
/// When the lengths differ.
pub fn add<T: Element>(a: &[T], b: &[T], output: &mut [T]) {
    assert_eq!([a.len(), b.len()], [output.len(); 2], "the lengths differ");
    for_each_rows(output, 1, |first, chunk| {
        let part = first..first + chunk.len();
        add_row(&a[part.clone()], &b[part], chunk);
    });
}

/// Adds to every row of `x`, `[batch, rows, columns]`, the shift of its sample, `[batch, columns]`.
///
/// # Panics
/// When the lengths do not fit.
pub fn add_shift<T: Element>(x: &[T], shift: &[T], columns: usize, output: &mut [T]) {
    assert_eq!(x.len(), output.len(), "x and output differ in length");
    let batch = shift.len() / columns.max(1);
    assert!(
        batch > 0 && shift.len() == batch * columns && x.len().is_multiple_of(shift.len()),
        "x is not whole samples"
    );
    let rows = x.len() / shift.len();
    for_each_rows(output, columns, |first, chunk| {
        for (i, out) in chunk.chunks_exact_mut(columns).enumerate() {
            let (row, sample) = (first + i, (first + i) / rows);
            let shift = &shift[sample * columns..(sample + 1) * columns];
            add_row(&x[row * columns..(row + 1) * columns], shift, out);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::testing::noise;
    use half::bf16;

    #[test]
    fn sums_are_rounded_once() {
        let (a, b) = (noise(1025, 1), noise(1025, 2));
        let mut sum = vec![0f32; 1025];
        add(&a, &b, &mut sum);
        assert!(
            sum.iter()
                .zip(a.iter().zip(&b))
                .all(|(s, (a, b))| *s == a + b)
        );
        let half = |x: &[f32]| x.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>();
        let (a, b) = (half(&a), half(&b));
        let mut sum = vec![bf16::ZERO; 1025];
        add(&a, &b, &mut sum);
        let exact = |(a, b): (&bf16, &bf16)| bf16::from_f32(a.to_f32() + b.to_f32());
        assert!(
            sum.iter()
                .zip(a.iter().zip(&b).map(exact))
                .all(|(s, e)| *s == e)
        );
    }

    #[test]
    fn every_sample_has_its_own_shift() {
        let mut y = [0f32; 8];
        add_shift(
            &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0],
            &[10.0, 20.0, 30.0, 40.0],
            2,
            &mut y,
        );
        assert_eq!(y, [11.0, 22.0, 13.0, 24.0, 35.0, 46.0, 37.0, 48.0]);
    }
}
