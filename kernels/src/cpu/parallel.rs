//! Splitting work over threads so that the result does not depend on their number.

use rayon::prelude::*;

/// A pointer to an output that several threads write in disjoint places.
#[derive(Clone, Copy)]
pub(crate) struct SharedMut<T>(*mut T);

// SAFETY: users of `SharedMut` write disjoint elements from different threads, as stated at
// every call of `ptr`.
unsafe impl<T: Send> Send for SharedMut<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for SharedMut<T> {}

impl<T> SharedMut<T> {
    pub(crate) fn new(slice: &mut [T]) -> Self {
        Self(slice.as_mut_ptr())
    }
    /// The pointer to element `index`. Different threads must use different elements.
    ///
    /// # Safety
    /// `index` lies inside the slice that `new` was given, which outlives the use.
    pub(crate) unsafe fn ptr(self, index: usize) -> *mut T {
        // SAFETY: the caller keeps `index` inside the slice.
        unsafe { self.0.add(index) }
    }
}

/// Runs `work(0..tasks)` over the thread pool; tasks are handed out one by one.
pub(crate) fn for_each_task(tasks: usize, work: impl Fn(usize) + Sync + Send) {
    if tasks <= 1 {
        (0..tasks).for_each(work);
    } else {
        (0..tasks).into_par_iter().with_max_len(1).for_each(work);
    }
}

/// Elements that one task of an elementwise operation should have: enough to be worth a thread.
pub(crate) const GRAIN: usize = 16 * 1024;

/// Splits `output` (and the row index) into groups of whole rows and runs `work(first_row, rows)`.
pub(crate) fn for_each_rows<T: Send>(
    output: &mut [T],
    row_len: usize,
    work: impl Fn(usize, &mut [T]) + Sync + Send,
) {
    if output.is_empty() {
        return;
    }
    let rows = (GRAIN / row_len.max(1)).max(1);
    if output.len() <= rows * row_len {
        return work(0, output);
    }
    output
        .par_chunks_mut(rows * row_len)
        .enumerate()
        .for_each(|(group, chunk)| work(group * rows, chunk));
}
