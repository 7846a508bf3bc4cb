//! The inner part of attention: some queries against one block of keys, with a running softmax.

use std::cell::RefCell;

use super::aligned::Aligned;
use super::amx::{Rows, TILE_DEPTH, TILE_ROWS, Tiles};
use super::attention::{Bias, Block, Operand};
use super::element::{Element, round_bf16};
use super::math::{LANES, exp, reduce_lanes, vectorised};
use super::micro::{self, PANEL, kernel};
use super::slab::convert;

/// Keys of one block.
pub(super) const BLOCK: usize = 256;
/// Queries of one task.
pub(super) const QUERIES: usize = 64;
/// Queries that are multiplied with a block at a time: two tiles.
const PART: usize = 2 * TILE_ROWS;
/// Numbers from row to row of the scores and weights: a line more, so that the rows of a tile
/// do not share a few sets of the first-level cache.
const SCORES: usize = BLOCK + 16;
const WEIGHTS: usize = BLOCK + 32;

/// What one task holds: its queries, the scores of a part, and the running softmax.
pub(super) struct State<P> {
    count: usize,
    dim: usize,
    /// Padded head width: a multiple of [`PANEL`].
    width: usize,
    queries: Aligned<P>,
    /// Where each slice of 32 `bf16` begins in a row, in bytes.
    slices: Vec<u32>,
    scores: Aligned<f32>,
    weights: Aligned<u16>,
    sums: Aligned<f32>,
    peak: [f32; QUERIES],
    total: [f32; QUERIES],
}

impl<P: Operand> Default for State<P> {
    fn default() -> Self {
        Self {
            count: 0,
            dim: 0,
            width: 0,
            queries: Aligned::zeros(0),
            slices: Vec::new(),
            scores: Aligned::zeros(PART * SCORES),
            weights: Aligned::zeros(PART * WEIGHTS),
            sums: Aligned::zeros(0),
            peak: [0.0; QUERIES],
            total: [0.0; QUERIES],
        }
    }
}

/// The two products of attention, for one type of operands.
pub(super) trait Multiply<P> {
    /// Whether weights are `bf16`, beside the scores, or take the place of the scores.
    const NARROW: bool;
    /// Scores of the `rows` queries from `first` with every present key.
    fn score(&mut self, block: &Block<P>, first: usize, rows: usize);
    /// Adds the weighted values of the block to the sums of these queries.
    fn gather(&mut self, block: &Block<P>, first: usize, rows: usize);
    /// Runs `work` with this thread's state.
    fn with<R>(work: impl FnOnce(&mut State<P>) -> R) -> R;
}

impl<P: Operand> State<P>
where
    Self: Multiply<P>,
{
    /// Starts with `count` queries, `stride` apart.
    pub(super) fn begin<T: Element>(&mut self, q: &[T], count: usize, dim: usize, stride: usize) {
        let width = dim.next_multiple_of(PANEL);
        (self.count, self.dim, self.width) = (count, dim, width);
        let slices = (width / TILE_DEPTH).max(BLOCK / TILE_DEPTH);
        self.slices.clear();
        self.slices
            .extend((0..slices).map(|i| (i * 2 * TILE_DEPTH) as u32));
        self.peak.fill(f32::NEG_INFINITY);
        self.total.fill(0.0);
        self.sums.at_least(QUERIES * width)[..QUERIES * width].fill(0.0);
        let queries = &mut self.queries.at_least(QUERIES * width)[..QUERIES * width];
        for (i, row) in queries.chunks_exact_mut(width).enumerate() {
            let source = if i < count {
                &q[i * stride..i * stride + dim]
            } else {
                &[]
            };
            let (present, rest) = row.split_at_mut(source.len());
            convert(source, present);
            rest.fill(P::default());
        }
    }

    /// Takes one block of keys into the running softmax.
    pub(super) fn add(&mut self, block: &Block<P>, scale: f32, bias: Option<Bias>) {
        for first in (0..self.count).step_by(PART) {
            let rows = PART.min(self.count - first);
            self.score(block, first, rows);
            for i in 0..rows {
                let bias = bias.map(|b| {
                    let at = (first + i) * b.query + block.first;
                    &b.data[at..at + block.present]
                });
                self.weigh(first + i, i, block.present, scale, bias);
            }
            self.gather(block, first, rows);
        }
    }

    /// Turns row `i` of the scores into weights, for query `query`.
    fn weigh(&mut self, query: usize, i: usize, present: usize, scale: f32, bias: Option<&[f32]>) {
        let scores = &mut self.scores[i * SCORES..i * SCORES + BLOCK];
        let scale = match bias {
            Some(bias) => {
                add_bias(&mut scores[..present], scale, bias);
                1.0
            }
            None if scale == 0.0 => {
                // So that the absent keys below can be −∞ and stay it.
                scores[..present].fill(0.0);
                1.0
            }
            None => scale,
        };
        // Missing keys weigh nothing, and whole vectors are read below.
        let whole = present.next_multiple_of(TILE_DEPTH);
        scores[present..whole].fill(f32::NEG_INFINITY.copysign(-scale));
        let weights = match Self::NARROW {
            true => &mut self.weights[i * WEIGHTS..i * WEIGHTS + whole],
            false => &mut [],
        };
        let before = self.peak[query];
        let sum = exponentials(&mut scores[..whole], scale, &mut self.peak[query], weights);
        let correction = exp(before - self.peak[query]);
        self.total[query] = self.total[query] * correction + sum;
        if correction != 1.0 {
            rescale(
                &mut self.sums[query * self.width..(query + 1) * self.width],
                correction,
            );
        }
    }

    /// Writes the result of query `i`.
    pub(super) fn finish<T: Element>(&self, i: usize, row: &mut [T]) {
        let scale = 1.0 / self.total[i];
        scaled(&self.sums[i * self.width..], scale, row);
    }
}

impl Multiply<f32> for State<f32> {
    const NARROW: bool = false;

    fn score(&mut self, block: &Block<f32>, first: usize, rows: usize) {
        let (multiply, most) = kernel();
        for at in (0..rows).step_by(most) {
            let queries = &self.queries[(first + at) * self.width..];
            for panel in 0..block.present.div_ceil(PANEL) {
                let c = &mut self.scores[at * SCORES + panel * PANEL..];
                let operands = micro::Block {
                    rows: queries.as_ptr(),
                    stride: self.width,
                    count: most.min(rows - at),
                    taps: &[0],
                    depth: self.dim,
                    panel: block.key_panel(panel, self.dim).as_ptr(),
                    c: c.as_mut_ptr(),
                    ldc: SCORES,
                    add: false,
                };
                // SAFETY: the queries have `width` numbers each, a key panel `dim` rows, and the
                // scores PART rows of whole panels.
                unsafe { multiply(&operands) };
            }
        }
    }

    fn gather(&mut self, block: &Block<f32>, first: usize, rows: usize) {
        let (multiply, most) = kernel();
        for at in (0..rows).step_by(most) {
            let weights = &self.scores[at * SCORES..];
            for panel in 0..self.width / PANEL {
                let c = &mut self.sums[(first + at) * self.width + panel * PANEL..];
                let operands = micro::Block {
                    rows: weights.as_ptr(),
                    stride: SCORES,
                    count: most.min(rows - at),
                    taps: &[0],
                    depth: block.present,
                    panel: block.value_panel(panel, self.dim).as_ptr(),
                    c: c.as_mut_ptr(),
                    ldc: self.width,
                    add: true,
                };
                // SAFETY: the weights have `present` numbers each, a value panel BLOCK rows, and
                // the sums QUERIES rows of whole panels.
                unsafe { multiply(&operands) };
            }
        }
    }

    fn with<R>(work: impl FnOnce(&mut State<f32>) -> R) -> R {
        thread_local! {
            static STATE: RefCell<State<f32>> = RefCell::default();
        }
        STATE.with_borrow_mut(work)
    }
}

impl Multiply<u16> for State<u16> {
    const NARROW: bool = true;

    fn score(&mut self, block: &Block<u16>, first: usize, rows: usize) {
        let queries = &self.queries[first * self.width..(first + PART) * self.width];
        let left = Rows {
            upper: queries.as_ptr(),
            lower: (rows > TILE_ROWS).then(|| queries[TILE_ROWS * self.width..].as_ptr()),
            stride: self.width * 2,
            steps: &self.slices[..self.width / TILE_DEPTH],
            ahead: None,
        };
        // SAFETY: this state exists at `Level::Amx` only. The part has 32 rows of `width`
        // numbers, the key panel two tiles a slice, the scores PART rows of whole panels.
        unsafe {
            let tiles = Tiles::configure();
            for panel in 0..block.present.div_ceil(PANEL) {
                let c = self.scores[panel * PANEL..].as_mut_ptr();
                tiles.load(None, SCORES);
                tiles.multiply(left, block.key_panel(panel, self.dim).as_ptr());
                tiles.store(c, SCORES);
            }
        }
    }

    fn gather(&mut self, block: &Block<u16>, first: usize, rows: usize) {
        let left = Rows {
            upper: self.weights.as_ptr(),
            lower: (rows > TILE_ROWS).then(|| self.weights[TILE_ROWS * WEIGHTS..].as_ptr()),
            stride: WEIGHTS * 2,
            steps: &self.slices[..block.present.div_ceil(TILE_DEPTH)],
            ahead: None,
        };
        // SAFETY: as above; the weights have PART rows of whole slices, the value panel two tiles
        // for each, the sums QUERIES rows of whole panels.
        unsafe {
            let tiles = Tiles::configure();
            for panel in 0..self.width / PANEL {
                let c = self.sums[first * self.width + panel * PANEL..].as_mut_ptr();
                tiles.load(Some(c), self.width);
                tiles.multiply(left, block.value_panel(panel, self.dim).as_ptr());
                tiles.store(c, self.width);
            }
        }
    }

    fn with<R>(work: impl FnOnce(&mut State<u16>) -> R) -> R {
        thread_local! {
            static STATE: RefCell<State<u16>> = RefCell::default();
        }
        STATE.with_borrow_mut(work)
    }
}

vectorised! {
    fn add_bias(scores: &mut [f32], scale: f32, bias: &[f32]) {
        for (s, b) in scores.iter_mut().zip(bias) {
            *s = *s * scale + b;
        }
    }
}

/// Multiplies scores by `scale`, raises `peak` to their maximum, and replaces them by
/// `e^(score − peak)`, as `bf16` in `weights` where that has room. Returns their sum.
fn exponentials(scores: &mut [f32], scale: f32, peak: &mut f32, weights: &mut [u16]) -> f32 {
    #[cfg(target_arch = "x86_64")]
    if super::Level::get() >= super::Level::Avx512 {
        // SAFETY: the level has AVX-512, and is `Amx` where there are `bf16` weights; scores are
        // whole slices of 32, and weights as many.
        return unsafe {
            match weights {
                [] => super::vector::exponentials(scores, scale, peak),
                _ => super::vector::exponentials_bf16(scores, scale, peak, weights),
            }
        };
    }
    plain_exponentials(scores, scale, peak);
    for (o, x) in weights.iter_mut().zip(&*scores) {
        *o = round_bf16(*x);
    }
    sum(scores)
}

vectorised! {
    fn plain_exponentials(scores: &mut [f32], scale: f32, peak: &mut f32) {
        let mut lanes = [*peak; LANES];
        for chunk in scores.chunks_mut(LANES) {
            for (lane, s) in lanes.iter_mut().zip(chunk) {
                *s *= scale;
                *lane = if *s > *lane { *s } else { *lane };
            }
        }
        *peak = reduce_lanes(lanes, f32::max);
        let shift = *peak;
        for s in scores {
            *s = exp(*s - shift);
        }
    }
}

vectorised! {
    fn sum(row: &[f32]) -> f32 {
        let mut lanes = [0f32; LANES];
        for chunk in row.chunks(LANES) {
            for (lane, x) in lanes.iter_mut().zip(chunk) {
                *lane += x;
            }
        }
        reduce_lanes(lanes, |a, b| a + b)
    }
}

vectorised! {
    fn rescale(row: &mut [f32], factor: f32) {
        for x in row {
            *x *= factor;
        }
    }
}

vectorised! {
    fn scaled<T: Element>(sums: &[f32], scale: f32, out: &mut [T]) {
        for (o, s) in out.iter_mut().zip(sums) {
            *o = T::from_f32(s * scale);
        }
    }
}
