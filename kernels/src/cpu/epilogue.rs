//! What happens between the sums of a product and its output: bias, activation, residual, rounding.

use super::activation::Activation;
use super::element::Element;
use super::math::vectorised;
use super::matmul::Epilogue;
use super::micro::PANEL;
use super::parallel::SharedMut;
use super::slab::Run;

/// Where output rows lie: row `m` begins at `offset + m · stride`.
#[derive(Clone, Copy)]
pub(crate) struct OutputRows {
    pub(crate) offset: usize,
    pub(crate) stride: usize,
}

/// Where the sums of a product go.
pub(super) struct Store<'a, T> {
    pub(super) epilogue: &'a Epilogue<'a, T>,
    /// Columns of the product, of which the last panel may have fewer than [`PANEL`].
    pub(super) columns: usize,
    pub(super) rows_out: OutputRows,
    /// Long enough for every row, as the product has checked.
    pub(super) output: SharedMut<T>,
}

impl<T: Element> Store<'_, T> {
    /// Fetches the lines that the rows of a panel will be written to.
    pub(super) fn prefetch(&self, runs: &[Run], panel: usize) {
        #[cfg(target_arch = "x86_64")]
        for run in runs {
            for i in 0..run.count {
                use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
                let row = run.output + i * run.step;
                let at = self.rows_out.offset + row * self.rows_out.stride + panel * PANEL;
                // SAFETY: a hint, which reads and writes nothing; the row lies in the output.
                unsafe {
                    let line = self.output.ptr(at).cast::<i8>();
                    _mm_prefetch::<_MM_HINT_ET0>(line);
                    _mm_prefetch::<_MM_HINT_ET0>(line.wrapping_add(PANEL * size_of::<T>() - 1));
                }
            }
        }
    }

    /// Writes one row of a panel. The caller's thread alone has this row and panel.
    #[inline(always)]
    fn write(&self, values: &mut [f32; PANEL], row: usize, column: usize) {
        let width = (self.columns - column).min(PANEL);
        let at = self.rows_out.offset + row * self.rows_out.stride + column;
        if let Some(residual) = self.epilogue.residual {
            for (value, r) in values.iter_mut().zip(&residual[at..at + width]) {
                *value += r.to_f32();
            }
        }
        // SAFETY: rows and panels belong to one task each, and the output holds all of them.
        let out = unsafe { std::slice::from_raw_parts_mut(self.output.ptr(at), width) };
        if let Ok(out) = <&mut [T; PANEL]>::try_from(&mut *out) {
            for (o, value) in out.iter_mut().zip(values) {
                *o = T::from_f32(*value);
            }
        } else {
            for (o, value) in out.iter_mut().zip(values) {
                *o = T::from_f32(*value);
            }
        }
    }
}

vectorised! {
    /// Finishes the sums of `runs` in one panel: equally many rows of `sums` for each run, the
    /// last ones unused where a run has fewer.
    pub(super) fn store_rows<T: Element>(store: &Store<T>, sums: &[f32], runs: &[Run], panel: usize) {
        let column = panel * PANEL;
        let mut bias = [0f32; PANEL];
        if let Some(all) = store.epilogue.bias {
            for (b, value) in bias.iter_mut().zip(&all[column..]) {
                *b = *value;
            }
        }
        let spacing = sums.len() / runs.len();
        // One loop for each function, so that each vectorises.
        macro_rules! each {
            ($f:expr) => {
                for (run, sums) in runs.iter().zip(sums.chunks_exact(spacing)) {
                    for (i, sums) in sums.chunks_exact(PANEL).take(run.count).enumerate() {
                        let mut values = [0f32; PANEL];
                        for ((value, s), b) in values.iter_mut().zip(sums).zip(&bias) {
                            *value = $f(s + b);
                        }
                        store.write(&mut values, run.output + i * run.step, column);
                    }
                }
            };
        }
        match store.epilogue.activation {
            Activation::Identity => each!(|x: f32| x),
            Activation::Silu => each!(|x| Activation::Silu.apply(x)),
            Activation::GeluErf => each!(|x| Activation::GeluErf.apply(x)),
            Activation::GeluTanh => each!(|x| Activation::GeluTanh.apply(x)),
            Activation::Relu => each!(|x| Activation::Relu.apply(x)),
            Activation::LeakyRelu(slope) => each!(|x| Activation::LeakyRelu(slope).apply(x)),
            Activation::Tanh => each!(|x| Activation::Tanh.apply(x)),
            Activation::Sigmoid => each!(|x| Activation::Sigmoid.apply(x)),
            Activation::Exp => each!(|x| Activation::Exp.apply(x)),
        }
    }
}
