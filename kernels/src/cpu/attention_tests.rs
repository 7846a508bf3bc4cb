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
