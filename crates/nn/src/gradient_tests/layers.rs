//! One test for each kind of layer, at ragged sizes.

use super::{check, trainable, variable};
use crate::*;

#[test]
fn linear_layers() {
    for (rows, from, to) in [(1, 1, 1), (7, 33, 17), (130, 20, 70)] {
        let (variables, weights) = trainable(1);
        let plain = Linear::no_bias(from, to, &weights.pp("plain"));
        let full = Linear::new(from, to, &weights.pp("full"));
        let x = variable(&[rows, from], 2);
        check("linear", &variables, &[&x], 1e-2, || {
            full.forward_with(&x, Activation::GeluErf, Some(&plain.forward(&x)?))
        });
    }
}

#[test]
fn convolutions_of_images() {
    for (kernel, stride, padding) in [
        (3, 1, [[1, 1], [1, 1]]),
        (1, 1, [[0, 0], [0, 0]]),
        (3, 2, [[1, 1], [1, 1]]),
        (3, 2, [[0, 1], [0, 1]]),
        (4, 2, [[2, 1], [0, 3]]),
        (2, 3, [[1, 0], [1, 1]]),
    ] {
        let (variables, weights) = trainable(2);
        let conv = Conv2d::new(5, 9, kernel, &weights).strided(stride, padding);
        let x = variable(&[2, 7, 6, 5], 3);
        let residual = variable(conv.forward(&x).unwrap().dims(), 4);
        check("conv2d", &variables, &[&x, &residual], 1e-2, || {
            conv.forward_add(&x, &residual)
        });
    }
}

#[test]
fn convolutions_of_sequences() {
    for (kernel, dilation) in [(1, 1), (3, 1), (7, 3), (11, 5)] {
        let (variables, weights) = trainable(3);
        let conv = Conv1d::new(4, 6, kernel, dilation, &weights);
        let x = variable(&[2, 23, 4], 5);
        check("conv1d", &variables, &[&x], 1e-2, || conv.forward(&x));
    }
    for (kernel, stride) in [(16, 5), (4, 2), (3, 3), (7, 2)] {
        let (variables, weights) = trainable(4);
        let conv = ConvTranspose1d::new(6, 3, kernel, stride, &weights);
        let x = variable(&[2, 9, 6], 6);
        check("conv_transpose1d", &variables, &[&x], 1e-2, || {
            conv.forward(&x)
        });
    }
    let (variables, weights) = trainable(5);
    let conv = DepthwiseConv1d::new(9, 7, &weights);
    let x = variable(&[2, 11, 9], 7);
    check("depthwise_conv1d", &variables, &[&x], 1e-2, || {
        conv.forward(&x)
    });
}

#[test]
fn norms() {
    let (variables, weights) = trainable(6);
    let x = variable(&[2, 5, 3, 12], 8);
    let group = GroupNorm::new(4, 12, 1e-5, &weights.pp("group"));
    check("group_norm", &variables, &[&x], 1e-2, || group.forward(&x));
    check("group_norm + silu", &variables, &[&x], 1e-2, || {
        group.forward_silu(&x)
    });
    let (variables, weights) = trainable(7);
    let layer = LayerNorm::new(12, 1e-5, &weights);
    check("layer_norm", &variables, &[&x], 1e-2, || layer.forward(&x));
    let (variables, weights) = trainable(8);
    let rms = RmsNorm::new(12, 1e-6, &weights);
    check("rms_norm", &variables, &[&x], 1e-2, || rms.forward(&x));
}

#[test]
fn functions_without_weights() {
    let none = Variables::new().unwrap();
    let x = variable(&[3, 7, 34], 9);
    check("geglu", &none, &[&x], 1e-2, || geglu(&x));
    check("softmax", &none, &[&x], 1e-2, || softmax(&x));
    check("tanh", &none, &[&x], 1e-2, || {
        activate(&x, Activation::Tanh)
    });
    let x = variable(&[2, 3, 4, 5], 10);
    check("upsample", &none, &[&x], 1e-2, || {
        upsample_nearest(&x, [5, 8])
    });
}

#[test]
fn attention_with_and_without_a_bias() {
    let none = Variables::new().unwrap();
    for (queries, keys, dim) in [(1, 1, 4), (70, 33, 8), (9, 130, 5)] {
        let (batch, heads) = (2, 3);
        let q = variable(&[batch, queries, heads * dim], 11);
        let k = variable(&[batch, keys, heads * dim], 12);
        let v = variable(&[batch, keys, heads * dim], 13);
        check("attention", &none, &[&q, &k, &v], 1e-2, || {
            attention(&q, &k, &v, heads, 0.7, None)
        });
        for shape in [[1, heads, queries, keys], [batch, 1, 1, keys]] {
            let bias = variable(&shape, 14);
            check(
                "biased attention",
                &none,
                &[&q, &k, &v, &bias],
                1e-2,
                || attention(&q, &k, &v, heads, 0.7, Some(&bias)),
            );
        }
    }
}

#[test]
fn tables_and_bare_weights() {
    let (variables, weights) = trainable(9);
    let table = Embedding::new(11, 6, &weights.pp("table"));
    let scale = Learned::new("scale", &[1, 6], Init::Ones, &weights);
    check("embedding", &variables, &[], 1e-2, || {
        Ok(table
            .rows(&[3, 3, 10, 0])?
            .broadcast_mul(&scale.tensor()?)?)
    });
}

#[test]
fn sums_skips_and_shapes() {
    let none = Variables::new().unwrap();
    let (a, b) = (variable(&[2, 3, 4, 5], 15), variable(&[2, 3, 4, 5], 16));
    let (c, shift) = (variable(&[2, 3, 4, 7], 17), variable(&[2, 5], 18));
    check("sums", &none, &[&a, &b, &c, &shift], 1e-2, || {
        let sum = add_shift(&add(&a, &b)?, &shift)?;
        let tanh = activate(&reshape(&sum, (2, 12, 5))?, Activation::Tanh)?;
        concat(&add(&reshape(&tanh, (2, 3, 4, 5))?, &sum)?, &c)
    });
}

/// One output read by our operations, by candle's, and through another shape.
#[test]
fn gradients_meet_whichever_way_they_come() {
    let none = Variables::new().unwrap();
    let x = variable(&[3, 8], 19);
    check("meeting", &none, &[&x], 1e-2, || {
        let y = activate(&x, Activation::Silu)?;
        let ours = add(&activate(&y, Activation::Tanh)?, &y)?;
        let candles = (y.sqr()? * 0.5)?;
        let other = activate(&reshape(&y, (4, 6))?, Activation::GeluErf)?;
        Ok((add(&ours, &candles)? + other.reshape((3, 8))?)?)
    });
}
