//! Buffers that begin on a cache line, so that rows of vectors and tiles never straddle two.

use super::element::Element;

/// One cache line.
#[derive(Debug, Clone, Copy)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// A number that is sound for every pattern of bits.
///
/// # Safety
/// Every pattern of bits is a value, there is no padding, and the size divides 64.
pub(crate) unsafe trait Plain: Copy + Default + Send + Sync + 'static {
    /// The number that stands for `x` in a buffer of this type.
    fn of<T: Element>(x: T) -> Self;
}

// SAFETY: four bytes, all of them value.
unsafe impl Plain for f32 {
    #[inline(always)]
    fn of<T: Element>(x: T) -> Self {
        x.to_f32()
    }
}

// SAFETY: two bytes, all of them value. As an operand it holds `bf16` bits.
unsafe impl Plain for u16 {
    #[inline(always)]
    fn of<T: Element>(x: T) -> Self {
        x.to_bf16_bits()
    }
}

/// A growing buffer of numbers on a line boundary. New numbers are zero.
#[derive(Debug, Clone, Default)]
pub(crate) struct Aligned<P> {
    lines: Vec<Line>,
    len: usize,
    number: std::marker::PhantomData<P>,
}

impl<P: Plain> Aligned<P> {
    pub(crate) fn zeros(len: usize) -> Self {
        let mut buffer = Self {
            lines: Vec::new(),
            len: 0,
            number: std::marker::PhantomData,
        };
        buffer.at_least(len);
        buffer
    }

    /// Grows to `len` numbers when shorter, and returns all of them.
    pub(crate) fn at_least(&mut self, len: usize) -> &mut [P] {
        if len > self.len {
            let lines = len.div_ceil(64 / size_of::<P>());
            self.lines.resize(lines, Line([0; 64]));
            self.len = len;
        }
        &mut *self
    }
}

impl<P: Plain> std::ops::Deref for Aligned<P> {
    type Target = [P];
    fn deref(&self) -> &[P] {
        // SAFETY: the lines hold `len` numbers, of a type without invalid patterns.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.len) }
    }
}

impl<P: Plain> std::ops::DerefMut for Aligned<P> {
    fn deref_mut(&mut self) -> &mut [P] {
        // SAFETY: as in `deref`; the borrow is exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.len) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_grow_on_line_boundaries_and_keep_their_numbers() {
        let mut buffer = Aligned::<u16>::zeros(3);
        buffer.copy_from_slice(&[1, 2, 3]);
        assert_eq!(buffer.at_least(100)[..4], [1, 2, 3, 0]);
        assert_eq!(buffer.len(), 100);
        assert_eq!(buffer.as_ptr().addr() % 64, 0);
        assert_eq!(buffer.at_least(5).len(), 100);
        assert!(Aligned::<f32>::zeros(0).is_empty());
    }
}
