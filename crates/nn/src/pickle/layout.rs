//! Where the elements of a tensor are in its storage: shape, strides and offset, checked.
//!
//! PyTorch saves a transposed or sliced tensor as a view of the storage it shares with others; see
//! the documentation of `torch.Tensor.stride`. Counts are elements unless a name says bytes.

use super::error::TensorFault;

/// Bytes of a storage held at a time while a view is gathered.
const WINDOW: u64 = 1 << 20;

/// A checked view: no element of the storage is used twice, none lies outside it.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    numel: u64,
    /// Elements of the storage before the first one used.
    offset: u64,
    /// Elements from the first to the last one used, both included.
    span: u64,
    /// The axes longer than one, from the longest stride to the shortest.
    axes: Vec<Axis>,
}

/// One axis of a view.
#[derive(Debug, Clone, Copy)]
struct Axis {
    size: u64,
    /// Elements of the storage from one index to the next.
    stride: u64,
    /// Elements of the contiguous tensor from one index to the next.
    step: u64,
}

impl Layout {
    /// Checks everything but the length of the storage.
    pub(super) fn new(offset: u64, shape: &[u64], strides: &[u64]) -> Result<Self, TensorFault> {
        if shape.len() != strides.len() {
            return Err(TensorFault::Malformed);
        }
        let overflow = || TensorFault::Overflow {
            shape: shape.into(),
            strides: strides.into(),
        };
        let mut numel = 1_u64;
        let mut axes = Vec::with_capacity(shape.len());
        for (&size, &stride) in shape.iter().zip(strides).rev() {
            if size > 1 {
                axes.push(Axis {
                    size,
                    stride,
                    step: numel,
                });
            }
            // An empty axis must not hide the overflow of the others.
            numel = numel.checked_mul(size.max(1)).ok_or_else(overflow)?;
        }
        if shape.contains(&0) {
            return Ok(Self {
                numel: 0,
                offset,
                span: 0,
                axes: Vec::new(),
            });
        }
        axes.sort_by_key(|axis| axis.stride);
        let mut reach = 0_u64;
        for axis in &axes {
            // A step must go beyond all that the shorter strides reach, or two indices meet.
            if axis.stride <= reach {
                let (shape, strides) = (shape.into(), strides.into());
                return Err(TensorFault::Overlapping { shape, strides });
            }
            let length = axis.stride.checked_mul(axis.size - 1);
            reach = length
                .and_then(|length| reach.checked_add(length))
                .ok_or_else(overflow)?;
        }
        axes.reverse();
        let span = reach.checked_add(1).ok_or_else(overflow)?;
        offset.checked_add(span).ok_or_else(overflow)?;
        Ok(Self {
            numel,
            offset,
            span,
            axes,
        })
    }

    /// Elements of the tensor.
    pub(super) fn numel(&self) -> u64 {
        self.numel
    }

    /// Elements that the storage must have at least.
    pub(super) fn needed(&self) -> u64 {
        self.offset.saturating_add(self.span)
    }

    /// Fills `out` with the elements in C order, `size` bytes each.
    ///
    /// `read(at, bytes)` gives bytes of the storage from byte `at` on. It is called for each part
    /// once and in ascending order, and only 1 MiB of the storage is held at a time.
    ///
    /// `out` has `numel · size` bytes, and the storage at least `needed · size`.
    pub(super) fn gather<E>(
        &self,
        size: usize,
        mut read: impl FnMut(u64, &mut [u8]) -> Result<(), E>,
        out: &mut [u8],
    ) -> Result<(), E> {
        let bytes = size as u64;
        if self.span == self.numel && self.axes.is_sorted_by(|a, b| a.step > b.step) {
            return if out.is_empty() {
                Ok(())
            } else {
                read(self.offset * bytes, out)
            };
        }
        let end = self.needed() * bytes;
        let (mut window, mut window_at) = (Vec::new(), 0);
        let mut index = vec![0_u64; self.axes.len()];
        let (mut from, mut to) = (self.offset, 0_u64);
        // The strides fall from axis to axis, so that counting up walks the storage forwards.
        loop {
            let at = from * bytes;
            if at + bytes > window_at + window.len() as u64 {
                window_at = at;
                window.resize((end - at).min(WINDOW) as usize, 0);
                read(window_at, &mut window)?;
            }
            let (source, target) = ((at - window_at) as usize, to as usize * size);
            out[target..target + size].copy_from_slice(&window[source..source + size]);

            let mut axes = self.axes.iter().zip(&mut index).rev();
            loop {
                let Some((axis, index)) = axes.next() else {
                    return Ok(());
                };
                *index += 1;
                if *index < axis.size {
                    (from, to) = (from + axis.stride, to + axis.step);
                    break;
                }
                *index = 0;
                from -= axis.stride * (axis.size - 1);
                to -= axis.step * (axis.size - 1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use proptest::prelude::*;

    use super::*;

    /// The elements of a view of the storage `0, 1, 2, …`, and the bytes read for it.
    fn gathered(layout: &Layout) -> (Vec<u32>, u64) {
        let mut out = vec![0; layout.numel() as usize * 4];
        let mut total = 0;
        let read = |at: u64, bytes: &mut [u8]| {
            let (words, rest) = bytes.as_chunks_mut::<4>();
            assert!(rest.is_empty() && at.is_multiple_of(4));
            for (word, value) in words.iter_mut().zip(at as u32 / 4..) {
                *word = value.to_le_bytes();
            }
            total += bytes.len() as u64;
            Ok::<_, Infallible>(())
        };
        let Ok(()) = layout.gather(4, read, &mut out);
        (
            out.as_chunks::<4>()
                .0
                .iter()
                .map(|word| u32::from_le_bytes(*word))
                .collect(),
            total,
        )
    }

    /// The definition: element `(i, j, …)` is at `offset + i·stride₀ + j·stride₁ + …`.
    fn defined(offset: u64, shape: &[u64], strides: &[u64]) -> Vec<u32> {
        let mut places = vec![offset];
        for (&size, &stride) in shape.iter().zip(strides) {
            let along = |&place: &u64| (0..size).map(move |index| place + index * stride);
            places = places.iter().flat_map(along).collect();
        }
        places.into_iter().map(|place| place as u32).collect()
    }

    #[test]
    fn transposed_and_sliced_views_follow_their_strides() {
        // torch.arange(24).reshape(2, 3, 4).permute(2, 0, 1)[1:]
        let layout = Layout::new(1, &[3, 2, 3], &[1, 12, 4]).unwrap();
        let expected = [
            1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22, 3, 7, 11, 15, 19, 23,
        ];
        assert_eq!(gathered(&layout).0, expected);
        assert_eq!((layout.numel(), layout.needed()), (18, 24));
    }

    /// A transposed matrix of 4 MiB goes through the window four times, not once per element.
    #[test]
    fn a_view_reads_its_storage_once() {
        let layout = Layout::new(0, &[1000, 1024], &[1, 1000]).unwrap();
        let (values, read) = gathered(&layout);
        assert_eq!(values[1023], 1_023_000);
        assert_eq!(values, defined(0, &[1000, 1024], &[1, 1000]));
        assert_eq!(read, 4 * 1000 * 1024);
    }

    #[test]
    fn shared_elements_and_overflow_are_refused() {
        let fault = |shape: &[u64], strides: &[u64]| Layout::new(0, shape, strides).unwrap_err();
        assert!(matches!(
            fault(&[1 << 40], &[0]),
            TensorFault::Overlapping { .. }
        ));
        assert!(matches!(
            fault(&[5, 3], &[1, 1]),
            TensorFault::Overlapping { .. }
        ));
        assert!(matches!(
            fault(&[2, 3], &[2, 1]),
            TensorFault::Overlapping { .. }
        ));
        assert!(matches!(
            fault(&[1 << 32, 1 << 32], &[1 << 32, 1]),
            TensorFault::Overflow { .. }
        ));
        assert!(matches!(
            fault(&[0, 1 << 63, 2], &[1, 1, 1]),
            TensorFault::Overflow { .. }
        ));
        assert!(matches!(
            fault(&[3], &[u64::MAX]),
            TensorFault::Overflow { .. }
        ));
        assert!(matches!(fault(&[3], &[1, 1]), TensorFault::Malformed));
        assert!(Layout::new(u64::MAX, &[1], &[1]).is_err());
    }

    #[test]
    fn empty_and_scalar_views_are_legal() {
        let empty = Layout::new(7, &[3, 0], &[0, 1]).unwrap();
        assert_eq!((empty.numel(), gathered(&empty)), (0, (vec![], 0)));
        let scalar = Layout::new(7, &[], &[]).unwrap();
        assert_eq!((scalar.needed(), gathered(&scalar)), (8, (vec![7], 4)));
        // An axis of one may have any stride, as after `expand`.
        assert_eq!(
            gathered(&Layout::new(2, &[1, 3], &[0, 1]).unwrap()).0,
            [2, 3, 4]
        );
    }

    proptest! {
        /// Whatever is accepted is read as the definition says, and uses no element twice.
        #[test]
        fn accepted_views_match_the_definition(
            offset in 0_u64..50,
            axes in prop::collection::vec((0_u64..6, 0_u64..80), 0..5),
        ) {
            let (shape, strides): (Vec<_>, Vec<_>) = axes.into_iter().unzip();
            let mut expected = defined(offset, &shape, &strides);
            match Layout::new(offset, &shape, &strides) {
                Ok(layout) => {
                    prop_assert_eq!(&gathered(&layout).0, &expected);
                    expected.sort_unstable();
                    prop_assert!(expected.is_sorted_by(|a, b| a < b));
                    let last = expected.last().map_or(offset, |&last| u64::from(last) + 1);
                    prop_assert_eq!(layout.needed(), last);
                }
                Err(TensorFault::Overlapping { .. }) => prop_assert!(expected.len() > 1),
                Err(other) => prop_assert!(false, "{}", other),
            }
        }

        /// Any permutation of the axes of a contiguous tensor is accepted.
        #[test]
        fn permutations_are_accepted(
            (shape, order) in prop::collection::vec(1_u64..5, 1..6)
                .prop_flat_map(|shape| {
                    let order: Vec<_> = (0..shape.len()).collect();
                    (Just(shape), Just(order).prop_shuffle())
                }),
        ) {
            let step = |axis: usize| shape[axis + 1..].iter().product::<u64>();
            let permuted: Vec<_> = order.iter().map(|&axis| shape[axis]).collect();
            let strides: Vec<_> = order.iter().map(|&axis| step(axis)).collect();
            let layout = Layout::new(0, &permuted, &strides).unwrap();
            prop_assert_eq!(gathered(&layout).0, defined(0, &permuted, &strides));
            prop_assert_eq!(layout.needed(), layout.numel());
        }
    }
}
