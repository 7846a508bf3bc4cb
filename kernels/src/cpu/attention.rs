//! Softmax attention in blocks: no `queries × keys` matrix is ever in memory.
//!
//! The online softmax of Milakov and Gimelshein 2018 (arXiv:1805.02867) in the blocking of
//! FlashAttention (Dao et al. 2022, arXiv:2205.14135). Masks are finite additive biases. Keys and
//! values are arranged as panels once; then every task takes some queries of one head past all
//! blocks of keys.

use std::cell::RefCell;

use super::Level;
use super::aligned::{Aligned, Plain};
use super::amx::{TILE_BYTES, TILE_DEPTH};
use super::attention_block::{BLOCK, Multiply, QUERIES, State};
use super::element::Element;
use super::micro::PANEL;
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
    thread_local! {
        static F32: RefCell<Aligned<f32>> = RefCell::default();
        static TILES: RefCell<Aligned<u16>> = RefCell::default();
    }
    let run = Run {
        q,
        k,
        v,
        shape,
        bias,
        output: SharedMut::new(output),
    };
    // The buffer is taken out, not borrowed: a thread that waits may start another attention.
    if T::IS_BF16 && Level::get() == Level::Amx {
        let mut panels = TILES.take();
        run.all(&mut panels);
        TILES.replace(panels);
    } else {
        let mut panels = F32.take();
        run.all(&mut panels);
        F32.replace(panels);
    }
}

/// How the keys and values of a block lie, as operands of type `Self`.
pub(super) trait Operand: Plain {
    /// Numbers of 32 keys, of a head of `dim`.
    fn key_panel(dim: usize) -> usize;
    /// Numbers of one block of values, 32 of its `dim`.
    const VALUE_PANEL: usize;
    /// Arranges up to 32 keys, `stride` apart, as the columns of a panel of zeros.
    fn pack_keys<T: Element>(keys: &[T], stride: usize, dim: usize, panel: &mut [Self]);
    /// Arranges the values of a block, `stride` apart, up to 32 of each, in a panel of zeros.
    fn pack_values<T: Element>(values: &[T], stride: usize, columns: usize, panel: &mut [Self]);
}

impl Operand for f32 {
    fn key_panel(dim: usize) -> usize {
        dim * PANEL
    }

    const VALUE_PANEL: usize = BLOCK * PANEL;

    fn pack_keys<T: Element>(keys: &[T], stride: usize, dim: usize, panel: &mut [f32]) {
        for (j, key) in keys.chunks(stride).enumerate() {
            for (d, x) in key[..dim].iter().enumerate() {
                panel[d * PANEL + j] = x.to_f32();
            }
        }
    }

    fn pack_values<T: Element>(values: &[T], stride: usize, columns: usize, panel: &mut [f32]) {
        for (row, value) in panel.chunks_exact_mut(PANEL).zip(values.chunks(stride)) {
            for (o, x) in row.iter_mut().zip(&value[..columns]) {
                *o = x.to_f32();
            }
        }
    }
}

/// Numbers of a tile, and of one of its rows: 16 columns of two depths.
const TILE: usize = TILE_BYTES / 2;
const TILE_ROW: usize = 32;

impl Operand for u16 {
    fn key_panel(dim: usize) -> usize {
        dim.div_ceil(TILE_DEPTH) * 2 * TILE
    }

    const VALUE_PANEL: usize = BLOCK / TILE_DEPTH * 2 * TILE;

    fn pack_keys<T: Element>(keys: &[T], stride: usize, dim: usize, panel: &mut [u16]) {
        for (j, key) in keys.chunks(stride).enumerate() {
            let column = j / 16 * TILE + j % 16 * 2;
            for (pair, x) in key[..dim].chunks(2).enumerate() {
                let at = pair / 16 * 2 * TILE + pair % 16 * TILE_ROW + column;
                for (o, x) in panel[at..at + 2].iter_mut().zip(x) {
                    *o = x.to_bf16_bits();
                }
            }
        }
    }

    fn pack_values<T: Element>(values: &[T], stride: usize, columns: usize, panel: &mut [u16]) {
        for (key, value) in values.chunks(stride).enumerate() {
            let at = key / TILE_DEPTH * 2 * TILE + key % TILE_DEPTH / 2 * TILE_ROW + key % 2;
            for (tile, x) in value[..columns].chunks(16).enumerate() {
                let row = &mut panel[at + tile * TILE..];
                for (o, x) in row.iter_mut().step_by(2).zip(x) {
                    *o = x.to_bf16_bits();
                }
            }
        }
    }
}

struct Run<'a, T> {
    q: &'a [T],
    k: &'a [T],
    v: &'a [T],
    shape: &'a AttentionShape,
    bias: Option<Bias<'a>>,
    output: SharedMut<T>,
}

impl<T: Element> Run<'_, T> {
    fn all<P: Operand>(&self, panels: &mut Aligned<P>)
    where
        State<P>: Multiply<P>,
    {
        let AttentionShape {
            batch,
            heads,
            queries,
            keys,
            dim,
            ..
        } = *self.shape;
        let blocks = keys.div_ceil(BLOCK);
        let block_len = Block::<P>::len(dim);
        let needed = batch * heads * blocks * block_len;
        let panels = &mut panels.at_least(needed)[..needed];
        let shared = SharedMut::new(panels);
        for_each_task(batch * heads * blocks, |task| {
            // SAFETY: each task has its own block.
            let block =
                unsafe { std::slice::from_raw_parts_mut(shared.ptr(task * block_len), block_len) };
            self.pack(task / blocks, task % blocks, block);
        });
        let row_tasks = queries.div_ceil(QUERIES);
        let per_head = blocks * block_len;
        for_each_task(batch * heads * row_tasks, |task| {
            let (head, first) = (task / row_tasks, task % row_tasks * QUERIES);
            let panels = &panels[head * per_head..(head + 1) * per_head];
            State::<P>::with(|state| self.task(head, first, panels, state));
        });
    }

    /// Arranges block number `block` of a head.
    fn pack<P: Operand>(&self, head: usize, block: usize, target: &mut [P]) {
        let AttentionShape {
            heads, keys, dim, ..
        } = *self.shape;
        let width = heads * dim;
        let range = block * BLOCK..keys.min((block + 1) * BLOCK);
        let start = (head / heads * keys + range.start) * width + head % heads * dim;
        let end = (head / heads * keys + range.end - 1) * width + head % heads * dim + dim;
        target.fill(P::default());
        let (key_panels, value_panels) = target.split_at_mut(BLOCK / PANEL * P::key_panel(dim));
        let key_panels = key_panels.chunks_exact_mut(P::key_panel(dim).max(1));
        for (panel, keys) in key_panels.zip(self.k[start..end].chunks(PANEL * width)) {
            P::pack_keys(keys, width, dim, panel);
        }
        for (i, panel) in value_panels.chunks_exact_mut(P::VALUE_PANEL).enumerate() {
            let column = i * PANEL;
            let columns = PANEL.min(dim - column);
            P::pack_values(&self.v[start + column..end], width, columns, panel);
        }
    }

    /// Takes up to [`QUERIES`] queries of a head past all of its keys.
    fn task<P: Operand>(&self, head: usize, first: usize, panels: &[P], state: &mut State<P>)
    where
        State<P>: Multiply<P>,
    {
        let shape = self.shape;
        let width = shape.heads * shape.dim;
        let count = QUERIES.min(shape.queries - first);
        let (sample, head) = (head / shape.heads, head % shape.heads);
        let start = (sample * shape.queries + first) * width + head * shape.dim;
        state.begin(&self.q[start..], count, shape.dim, width);
        let bias = self.bias.map(|b| Bias {
            data: &b.data[sample * b.batch + head * b.head + first * b.query..],
            ..b
        });
        for (i, data) in panels.chunks_exact(Block::<P>::len(shape.dim)).enumerate() {
            let block = Block {
                panels: data,
                first: i * BLOCK,
                present: BLOCK.min(shape.keys - i * BLOCK),
            };
            state.add(&block, shape.scale, bias);
        }
        for i in 0..count {
            let at = start + i * width;
            // SAFETY: tasks have disjoint rows or heads, inside the output by the checks at entry.
            let row = unsafe { std::slice::from_raw_parts_mut(self.output.ptr(at), shape.dim) };
            state.finish(i, row);
        }
    }
}

/// Up to [`BLOCK`] keys and values of a head, arranged.
pub(super) struct Block<'a, P> {
    /// Panels of 32 keys, then panels of 32 of the values' `dim`.
    panels: &'a [P],
    /// Number of the first key.
    pub(super) first: usize,
    /// How many keys there are.
    pub(super) present: usize,
}

impl<P: Operand> Block<'_, P> {
    fn len(dim: usize) -> usize {
        BLOCK / PANEL * P::key_panel(dim) + dim.div_ceil(PANEL) * P::VALUE_PANEL
    }

    pub(super) fn key_panel(&self, index: usize, dim: usize) -> &[P] {
        let len = P::key_panel(dim);
        &self.panels[index * len..(index + 1) * len]
    }

    pub(super) fn value_panel(&self, index: usize, dim: usize) -> &[P] {
        let start = BLOCK / PANEL * P::key_panel(dim) + index * P::VALUE_PANEL;
        &self.panels[start..start + P::VALUE_PANEL]
    }
}

#[cfg(test)]
#[path = "attention_tests.rs"]
mod tests;
