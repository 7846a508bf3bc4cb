//! Softmax attention in blocks: no `queries × keys` matrix is ever in memory.
//!
//! The online softmax of Milakov and Gimelshein 2018 (arXiv:1805.02867) in the blocking of
//! FlashAttention (Dao et al. 2022, arXiv:2205.14135). Masks are finite additive biases.

use super::amx::{self, TILE_DEPTH, TILE_ROWS, Tiles};
use super::element::{Element, round_bf16};
use super::math::{LANES, exp, reduce_lanes, vectorised};
use super::micro::{Block, PANEL, kernel};
use super::pack::{Data, Packed};
use super::parallel::{SharedMut, for_each_task};

/// Sizes of an attention over `[batch, tokens, heads · dim]`.
#[derive(Debug, Clone, Copy)]
pub struct AttentionShape {
    /// Samples.
    pub batch: usize,
    /// Heads, side by side in the last axis.
    pub heads: usize,
    /// Query tokens.
    pub queries: usize,
    /// Key and value tokens.
    pub keys: usize,
    /// Width of one head.
    pub dim: usize,
    /// Factor of the scores, usually `1/√dim`.
    pub scale: f32,
}

/// Added to the scaled scores: `data[b·batch + h·head + q·query + k]`; a stride of 0 repeats.
#[derive(Debug, Clone, Copy)]
pub struct Bias<'a> {
    /// Finite numbers; large negative ones mask a key.
    pub data: &'a [f32],
    /// Step from sample to sample.
    pub batch: usize,
    /// Step from head to head.
    pub head: usize,
    /// Step from query to query.
    pub query: usize,
}

/// Query rows of one task.
const ROWS: usize = 2 * TILE_ROWS;
/// Keys of one block.
const BLOCK: usize = 256;

/// `softmax(q·kᵀ·scale + bias)·v` for every head. `q` and `output` are
/// `[batch, queries, heads·dim]`, `k` and `v` `[batch, keys, heads·dim]`.
///
/// # Panics
/// When a length does not fit the shape.
pub fn attention<T: Element>(
    q: &[T],
    k: &[T],
    v: &[T],
    shape: &AttentionShape,
    bias: Option<Bias>,
    output: &mut [T],
) {
    let AttentionShape {
        batch,
        heads,
        queries,
        keys,
        dim,
        ..
    } = *shape;
    let width = heads * dim;
    assert_eq!(q.len(), batch * queries * width, "q has another size");
    assert_eq!(
        (k.len(), v.len()),
        (batch * keys * width, batch * keys * width),
        "k or v size"
    );
    assert_eq!(output.len(), q.len(), "output has another size");
    if output.is_empty() || keys == 0 {
        output.fill(T::default());
        return;
    }
    if let Some(bias) = bias {
        let last = (batch - 1) * bias.batch + (heads - 1) * bias.head + (queries - 1) * bias.query;
        assert!(bias.data.len() >= last + keys, "bias has another size");
    }
    let blocks = keys.div_ceil(BLOCK);
    let per_head: Vec<(Packed, Packed)> = (0..batch * heads)
        .map(|i| {
            let at =
                |key: usize, d: usize| (i / heads * keys + key) * width + (i % heads) * dim + d;
            let keys_packed = Packed::new::<T>(1, dim, keys, |_, d, key| k[at(key, d)].to_f32());
            let values = Packed::new::<T>(blocks, BLOCK, dim, |block, key, d| {
                let key = block * BLOCK + key;
                if key < keys {
                    v[at(key, d)].to_f32()
                } else {
                    0.0
                }
            });
            (keys_packed, values)
        })
        .collect();
    let row_tasks = queries.div_ceil(ROWS);
    let out = SharedMut::new(output);
    for_each_task(batch * heads * row_tasks, |task| {
        let (head, rows) = (task / row_tasks, task % row_tasks);
        let (keys_packed, values) = &per_head[head];
        let first = rows * ROWS;
        let count = ROWS.min(queries - first);
        let start = ((head / heads) * queries + first) * width + (head % heads) * dim;
        let mut state = State::new(dim, matches!(keys_packed.data, Data::Tiles(_)));
        state.load_queries(&q[start..], count, dim, width);
        let bias = bias.map(|b| Bias {
            data: &b.data[(head / heads) * b.batch + (head % heads) * b.head + first * b.query..],
            ..b
        });
        for block in 0..blocks {
            state.add_block(keys_packed, values, block, count, shape, bias);
        }
        for i in 0..count {
            // SAFETY: tasks have disjoint rows or heads, inside `output` by the checks above.
            let row = unsafe { std::slice::from_raw_parts_mut(out.ptr(start + i * width), dim) };
            state.finish_row(i, row);
        }
    });
}

/// What one task holds: its queries, the scores of a block, and the running softmax.
struct State {
    /// Padded head width: a multiple of [`PANEL`].
    width: usize,
    queries: Vec<f32>,
    query_tiles: Vec<u16>,
    scores: Vec<f32>,
    weights: Vec<u16>,
    sums: Vec<f32>,
    peak: [f32; ROWS],
    total: [f32; ROWS],
}

impl State {
    fn new(dim: usize, tiled: bool) -> Self {
        let width = dim.next_multiple_of(PANEL);
        let size = |yes: bool, len: usize| if yes { len } else { 0 };
        Self {
            width,
            queries: vec![0.0; size(!tiled, ROWS * dim)],
            query_tiles: vec![0; size(tiled, ROWS * width)],
            scores: vec![0.0; ROWS * BLOCK],
            weights: vec![0; size(tiled, ROWS * BLOCK)],
            sums: vec![0.0; ROWS * width],
            peak: [f32::NEG_INFINITY; ROWS],
            total: [0.0; ROWS],
        }
    }

    fn load_queries<T: Element>(&mut self, q: &[T], count: usize, dim: usize, stride: usize) {
        for i in 0..count {
            let row = &q[i * stride..i * stride + dim];
            if self.queries.is_empty() {
                for (t, x) in self.query_tiles[i * self.width..].iter_mut().zip(row) {
                    *t = round_bf16(x.to_f32());
                }
            } else {
                for (t, x) in self.queries[i * dim..].iter_mut().zip(row) {
                    *t = x.to_f32();
                }
            }
        }
    }

    /// Takes one block of keys into the running softmax.
    fn add_block(
        &mut self,
        keys: &Packed,
        values: &Packed,
        block: usize,
        count: usize,
        shape: &AttentionShape,
        bias: Option<Bias>,
    ) {
        let first_key = block * BLOCK;
        let present = BLOCK.min(shape.keys - first_key);
        self.score(keys, first_key / PANEL, present.div_ceil(PANEL), count);
        for i in 0..count {
            let row = &mut self.scores[i * BLOCK..(i + 1) * BLOCK];
            let bias = bias.map(|b| {
                let at = i * b.query + first_key;
                &b.data[at..at + present]
            });
            let peak = scale_and_peak(&mut row[..present], shape.scale, bias, self.peak[i]);
            let correction = exp(self.peak[i] - peak);
            let sum = exponentials(&mut row[..present], peak);
            row[present..].fill(0.0);
            self.total[i] = self.total[i] * correction + sum;
            self.peak[i] = peak;
            let sums = &mut self.sums[i * self.width..(i + 1) * self.width];
            if correction != 1.0 {
                rescale(sums, correction);
            }
            if !self.weights.is_empty() {
                to_bf16(row, &mut self.weights[i * BLOCK..(i + 1) * BLOCK]);
            }
        }
        self.gather(values, block, count, present);
    }

    /// `scores = queries · keysᵀ` for `panels` panels of keys.
    fn score(&mut self, keys: &Packed, first_panel: usize, panels: usize, count: usize) {
        let dim = keys.depth;
        match &keys.data {
            Data::F32(data) => {
                multiply_f32(
                    (&self.queries, dim, count, dim),
                    |p| &data[(first_panel + p) * dim * PANEL..][..dim * PANEL],
                    panels,
                    (&mut self.scores, BLOCK),
                    false,
                );
            }
            Data::Tiles(data) => {
                let steps = dim.div_ceil(TILE_DEPTH);
                multiply_tiles(
                    (&self.query_tiles, self.width, count),
                    steps,
                    |p| &data[(first_panel + p) * steps * amx::TILE_BYTES..],
                    panels,
                    (&mut self.scores, BLOCK),
                    false,
                );
            }
        }
    }

    /// `sums += weights · values` for one block of keys.
    fn gather(&mut self, values: &Packed, block: usize, count: usize, present: usize) {
        let panels = values.panels();
        match &values.data {
            Data::F32(data) => {
                multiply_f32(
                    (&self.scores, BLOCK, count, present),
                    |p| &data[(p * values.taps + block) * BLOCK * PANEL..][..present * PANEL],
                    panels,
                    (&mut self.sums, self.width),
                    true,
                );
            }
            Data::Tiles(data) => {
                let block_len = BLOCK / TILE_DEPTH * amx::TILE_BYTES;
                multiply_tiles(
                    (&self.weights, BLOCK, count),
                    present.div_ceil(TILE_DEPTH),
                    |p| &data[(p * values.taps + block) * block_len..],
                    panels,
                    (&mut self.sums, self.width),
                    true,
                );
            }
        }
    }

    fn finish_row<T: Element>(&self, i: usize, row: &mut [T]) {
        let scale = 1.0 / self.total[i];
        for (o, s) in row.iter_mut().zip(&self.sums[i * self.width..]) {
            *o = T::from_f32(s * scale);
        }
    }
}

/// `c (+)= rows · panels`, rows of `depth` floats, `stride` apart.
fn multiply_f32<'a>(
    (rows, stride, count, depth): (&[f32], usize, usize, usize),
    panel: impl Fn(usize) -> &'a [f32],
    panels: usize,
    (c, ldc): (&mut [f32], usize),
    add: bool,
) {
    let (multiply, block_rows) = kernel();
    for first in (0..count).step_by(block_rows) {
        let rows = &rows[first * stride..];
        for p in 0..panels {
            let block = Block {
                rows: rows.as_ptr(),
                stride,
                count: block_rows.min(count - first),
                taps: &[0],
                depth,
                panel: panel(p).as_ptr(),
                c: c[first * ldc + p * PANEL..].as_mut_ptr(),
                ldc,
                add,
            };
            // SAFETY: rows have `depth` floats, panels `depth` rows, and `c` has `count`
            // rows `ldc` apart with `panels · PANEL` columns.
            unsafe { multiply(&block) };
        }
    }
}

/// The same with tiles: rows are `stride` apart and `steps · 32` deep; `c` has 32 rows.
fn multiply_tiles<'a>(
    (rows, stride, count): (&[u16], usize, usize),
    steps: usize,
    panel: impl Fn(usize) -> &'a [u16],
    panels: usize,
    (c, ldc): (&mut [f32], usize),
    accumulate: bool,
) {
    assert!(
        rows.len() >= (ROWS - 1) * stride + steps * TILE_DEPTH,
        "rows are too short"
    );
    assert!(
        c.len() >= (ROWS - 1) * ldc + panels * PANEL,
        "c is too short"
    );
    let offsets: Vec<u32> = (0..steps)
        .map(|step| (step * 2 * TILE_DEPTH) as u32)
        .collect();
    let left = amx::Rows {
        upper: rows.as_ptr(),
        lower: (count > TILE_ROWS).then(|| rows[TILE_ROWS * stride..].as_ptr()),
        stride: stride * 2,
        steps: &offsets,
    };
    // SAFETY: operands are packed as tiles only at `Level::Amx`; lengths are checked above.
    unsafe {
        let tiles = Tiles::configure();
        for p in 0..panels {
            let b = panel(p);
            assert!(b.len() >= steps * amx::TILE_BYTES, "panel is too short");
            let target = c[p * PANEL..].as_mut_ptr();
            tiles.load(accumulate.then_some(target.cast_const()), ldc);
            tiles.multiply(left, b.as_ptr());
            tiles.store(target, ldc);
        }
    }
}

vectorised! {
    /// Scales the scores, adds the bias, and returns their maximum with `peak`.
    fn scale_and_peak(row: &mut [f32], scale: f32, bias: Option<&[f32]>, peak: f32) -> f32 {
        match bias {
            Some(bias) => {
                for (s, b) in row.iter_mut().zip(bias) {
                    *s = *s * scale + b;
                }
            }
            None => {
                for s in row.iter_mut() {
                    *s *= scale;
                }
            }
        }
        let mut lanes = [peak; LANES];
        for chunk in row.chunks(LANES) {
            for (lane, s) in lanes.iter_mut().zip(chunk) {
                *lane = if *s > *lane { *s } else { *lane };
            }
        }
        reduce_lanes(lanes, f32::max)
    }
}

vectorised! {
    /// Replaces scores by `e^(score − peak)` and returns their sum.
    fn exponentials(row: &mut [f32], peak: f32) -> f32 {
        let mut lanes = [0f32; LANES];
        let mut chunks = row.chunks_exact_mut(LANES);
        for chunk in &mut chunks {
            for i in 0..LANES {
                chunk[i] = exp(chunk[i] - peak);
                lanes[i] += chunk[i];
            }
        }
        for (lane, s) in lanes.iter_mut().zip(chunks.into_remainder()) {
            *s = exp(*s - peak);
            *lane += *s;
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
    fn to_bf16(row: &[f32], output: &mut [u16]) {
        for (o, x) in output.iter_mut().zip(row) {
            *o = round_bf16(*x);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::testing::{assert_close, noise};
    use half::bf16;

    fn reference(q: &[f32], k: &[f32], v: &[f32], s: &AttentionShape, bias: &[f32]) -> Vec<f32> {
        let width = s.heads * s.dim;
        let mut y = vec![0f32; q.len()];
        for b in 0..s.batch {
            for h in 0..s.heads {
                for i in 0..s.queries {
                    let row = |t: usize, n: usize| (b * n + t) * width + h * s.dim;
                    let scores: Vec<f64> = (0..s.keys)
                        .map(|j| {
                            let dot: f64 = (0..s.dim)
                                .map(|d| {
                                    f64::from(q[row(i, s.queries) + d])
                                        * f64::from(k[row(j, s.keys) + d])
                                })
                                .sum();
                            dot * f64::from(s.scale) + f64::from(bias[b * s.keys + j])
                        })
                        .collect();
                    let peak = scores.iter().fold(f64::MIN, |a, &b| a.max(b));
                    let total: f64 = scores.iter().map(|s| (s - peak).exp()).sum();
                    for d in 0..s.dim {
                        y[row(i, s.queries) + d] = (0..s.keys)
                            .map(|j| (scores[j] - peak).exp() * f64::from(v[row(j, s.keys) + d]))
                            .sum::<f64>() as f32
                            / total as f32;
                    }
                }
            }
        }
        y
    }

    #[test]
    fn attention_is_its_definition_at_ragged_sizes() {
        for (queries, keys, dim) in [(1, 1, 4), (33, 50, 64), (40, 300, 48), (31, 1025, 33)] {
            let s = AttentionShape {
                batch: 2,
                heads: 3,
                queries,
                keys,
                dim,
                scale: 0.4,
            };
            let width = s.heads * dim;
            let q = noise(s.batch * queries * width, 1);
            let (k, v) = (
                noise(s.batch * keys * width, 2),
                noise(s.batch * keys * width, 3),
            );
            let mut mask = vec![0f32; s.batch * keys];
            mask[keys - 1] = if keys > 1 { -10_000.0 } else { 0.0 };
            let bias = Bias {
                data: &mask,
                batch: keys,
                head: 0,
                query: 0,
            };
            let want = reference(&q, &k, &v, &s, &mask);
            let mut y = vec![0f32; q.len()];
            attention(&q, &k, &v, &s, Some(bias), &mut y);
            assert_close(&y, &want, 1e-5);
            let half = |x: &[f32]| x.iter().map(|&x| bf16::from_f32(x)).collect::<Vec<_>>();
            let mut y = vec![bf16::ZERO; q.len()];
            attention(&half(&q), &half(&k), &half(&v), &s, Some(bias), &mut y);
            let y: Vec<f32> = y.iter().map(|y| y.to_f32()).collect();
            assert_close(&y, &want, 0.02);
        }
    }

    #[test]
    fn all_keys_masked_alike_is_an_ordinary_softmax() {
        let s = AttentionShape {
            batch: 1,
            heads: 1,
            queries: 1,
            keys: 50,
            dim: 8,
            scale: 1.0,
        };
        let (q, k) = (vec![0f32; 8], noise(400, 1));
        let v = vec![0.25f32; 400];
        let mask = vec![-10_000f32; 50];
        let mut y = vec![0f32; 8];
        let bias = Bias {
            data: &mask,
            batch: 50,
            head: 0,
            query: 0,
        };
        attention(&q, &k, &v, &s, Some(bias), &mut y);
        assert_close(&y, &[0.25; 8], 1e-6);
    }
}
