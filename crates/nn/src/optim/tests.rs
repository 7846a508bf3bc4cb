//! The optimiser against its formulas, written out in `f64`.

use super::*;
use crate::{Source, Variables, Weights};
use candle_core::DType;

/// Two parameters with the values `[1, −2]` and `[0.5]`.
fn variables() -> Variables {
    let variables = Variables::new().unwrap();
    let source = Source::memory(Tensors::from([
        ("a".to_owned(), (vec![2], vec![1.0, -2.0])),
        ("b".to_owned(), (vec![1], vec![0.5])),
    ]));
    let weights = Weights::trainable(source, &variables, DType::F32);
    for (name, len) in [("a", 2), ("b", 1)] {
        weights.plain(name, &[len], crate::Init::Zeros);
    }
    variables
}

fn push(variables: &Variables, name: &str, gradient: &[f32]) {
    variables.get(name).unwrap().add_gradient(gradient.to_vec());
}

#[test]
fn steps_follow_the_paper() {
    let variables = variables();
    let config = AdamWConfig {
        weight_decay: 0.1,
        ..AdamWConfig::default()
    };
    let mut optimizer = AdamW::new(config);
    let (mut want, mut m, mut v) = ([1.0f64, -2.0], [0f64; 2], [0f64; 2]);
    for step in 1..=20 {
        let rate = 0.01 * f64::from(step);
        let gradient = [(f64::from(step) * 0.7).sin(), 3.0];
        push(&variables, "a", &gradient.map(|g| g as f32));
        optimizer.step(&variables, rate);
        for i in 0..2 {
            m[i] = 0.9 * m[i] + 0.1 * gradient[i];
            v[i] = 0.999 * v[i] + 0.001 * gradient[i] * gradient[i];
            let (mean, square) = (
                m[i] / (1.0 - 0.9f64.powi(step)),
                v[i] / (1.0 - 0.999f64.powi(step)),
            );
            want[i] -= rate * 0.1 * want[i] + rate * mean / (square.sqrt() + 1e-8);
        }
    }
    let got = variables.get("a").unwrap().values().to_vec();
    for (got, want) in got.iter().zip(want) {
        assert!((f64::from(*got) - want).abs() < 1e-4, "{got}, not {want}");
    }
    // Without a gradient nothing moves, not even by weight decay.
    assert_eq!(*variables.get("b").unwrap().values(), [0.5]);
}

#[test]
fn a_restored_optimiser_makes_the_same_steps() {
    let (first, second) = (variables(), variables());
    let mut optimizer = AdamW::new(AdamWConfig::default());
    push(&first, "a", &[0.3, -0.1]);
    optimizer.step(&first, 0.1);
    second.restore(&first.tensors()).unwrap();
    let mut resumed = AdamW::new(AdamWConfig::default());
    resumed.restore(&optimizer.state(&first), &second).unwrap();
    for (variables, optimizer) in [(&first, &mut optimizer), (&second, &mut resumed)] {
        push(variables, "a", &[0.2, 0.2]);
        optimizer.step(variables, 0.1);
    }
    assert_eq!(first.tensors(), second.tensors());
    let mut wrong = optimizer.state(&first);
    wrong.mean.get_mut("a").unwrap().1.pop();
    assert!(resumed.restore(&wrong, &second).is_err());
}

#[test]
fn long_gradients_are_shortened_together() {
    let variables = variables();
    push(&variables, "a", &[3.0, 0.0]);
    push(&variables, "b", &[-4.0]);
    let norm = clip_global_norm(&[&variables], 1.0);
    assert!((norm - 5.0).abs() < 1e-9);
    let gradient = |name: &str| {
        let parameter = variables.get(name).unwrap();
        parameter.with_gradient(|g| g.unwrap()[0])
    };
    assert!((gradient("a") - 0.6).abs() < 1e-6 && (gradient("b") + 0.8).abs() < 1e-6);
    assert!((clip_global_norm(&[&variables], 2.0) - 1.0).abs() < 1e-6);
    assert!((gradient("a") - 0.6).abs() < 1e-6);
    push(&variables, "b", &[f32::NAN]);
    assert!(clip_global_norm(&[&variables], 1.0).is_nan());
}

#[test]
fn the_mean_of_weights_follows_its_recurrence() {
    let variables = variables();
    let mut ema = Ema::new(&variables, 0.9);
    let mut want = 1.0f64;
    for step in 0..10 {
        let value = f64::from(step);
        variables
            .get("a")
            .unwrap()
            .update(|values, _| values[0] = value as f32);
        ema.update(&variables);
        want = 0.9 * want + 0.1 * value;
    }
    assert!((f64::from(ema.tensors()["a"].1[0]) - want).abs() < 1e-5);
    let saved = ema.tensors().clone();
    ema.restore(saved, &variables).unwrap();
    assert!(ema.restore(Tensors::new(), &variables).is_err());
}

#[test]
fn frozen_parameters_stay() {
    let variables = variables();
    variables.set_trainable("a", false);
    push(&variables, "a", &[1.0, 1.0]);
    AdamW::new(AdamWConfig::default()).step(&variables, 0.1);
    assert_eq!(*variables.get("a").unwrap().values(), [1.0, -2.0]);
}
