//! Every layer's gradients against slopes measured by moving its inputs and weights.

mod layers;

use crate::{Source, Tensor, Variables, Weights};
use candle_core::{DType, Device, Var};

/// `len` numbers in −1..1, a function of `seed`.
pub(super) fn noise(len: usize, seed: u64) -> Vec<f32> {
    crate::init::noise(seed, "test").take(len).collect()
}

/// A variable filled with noise.
pub(super) fn variable(shape: &[usize], seed: u64) -> Var {
    let values = noise(shape.iter().product(), seed);
    Var::from_tensor(&Tensor::from_vec(values, shape, &Device::Cpu).unwrap()).unwrap()
}

/// Trainable `f32` weights with initial values, moved a little so that none is exactly 0 or 1.
pub(super) fn trainable(seed: u64) -> (Variables, Weights) {
    let variables = Variables::new().unwrap();
    let weights = Weights::trainable(Source::initial(seed), &variables, DType::F32);
    (variables, weights)
}

/// A loss that no symmetry hides behind: the sum of the outputs, each with a weight of its own.
fn loss(y: &Tensor) -> Tensor {
    let mix = noise(y.elem_count(), 99);
    let mix = Tensor::from_vec(mix, y.shape(), &Device::Cpu).unwrap();
    let y = y.to_dtype(DType::F32).unwrap();
    (y * mix).unwrap().sum_all().unwrap()
}

fn value(y: &Tensor) -> f64 {
    // The sum in f64: differences of it are small.
    let mix = noise(y.elem_count(), 99);
    let y = crate::host(y).unwrap();
    y.iter()
        .zip(mix)
        .map(|(y, m)| f64::from(*y) * f64::from(m))
        .sum()
}

/// Checks the gradients of `f` with respect to its inputs and to all parameters, each along three
/// directions, against the slope between two points `step` apart.
pub(super) fn check(
    name: &str,
    variables: &Variables,
    inputs: &[&Var],
    step: f32,
    f: impl Fn() -> crate::Result<Tensor>,
) {
    for (seed, parameter) in variables.all().iter().enumerate() {
        let nudge = noise(parameter.shape().iter().product(), 1000 + seed as u64);
        parameter.update(|values, _| {
            for (v, n) in values.iter_mut().zip(nudge) {
                *v += 0.1 * n;
            }
        });
    }
    let y = f().unwrap();
    variables.zero_gradients();
    let gradients = loss(&y).backward().unwrap();
    assert_eq!(variables.without_gradient(), Vec::<String>::new(), "{name}");
    let compare = |what: &str, gradient: &[f32], direction: &[f32], slope: f64| {
        let want: f64 = gradient
            .iter()
            .zip(direction)
            .map(|(g, d)| f64::from(*g) * f64::from(*d))
            .sum();
        let size: f64 = gradient
            .iter()
            .map(|g| f64::from(*g).powi(2))
            .sum::<f64>()
            .sqrt();
        let tolerance = 5e-3 * (size + 0.05);
        assert!(
            (want - slope).abs() <= tolerance,
            "{name}, {what}: gradient {want}, slope {slope}"
        );
    };
    let of_parameters: Vec<Vec<f32>> = variables
        .all()
        .iter()
        .map(|p| p.with_gradient(|g| g.unwrap().to_vec()))
        .collect();
    for seed in 0..3 {
        for (i, input) in inputs.iter().enumerate() {
            let gradient = crate::host(gradients.get(input).unwrap()).unwrap();
            let direction = direction(&gradient, 50 * seed + i as u64);
            let at = crate::host(input).unwrap();
            let moved = |by: f32| {
                let values = at.iter().zip(&direction).map(|(x, d)| x + by * d).collect();
                let tensor = Tensor::from_vec(values, input.shape(), &Device::Cpu).unwrap();
                input.set(&tensor).unwrap();
                value(&f().unwrap())
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
            moved(0.0);
            compare(&format!("input {i}"), &gradient, &direction, slope);
        }
        for (parameter, gradient) in variables.all().iter().zip(&of_parameters) {
            let direction = direction(gradient, 70 + seed);
            let at = parameter.values().to_vec();
            let moved = |by: f32| {
                parameter.update(|values, _| {
                    for ((v, x), d) in values.iter_mut().zip(&at).zip(&direction) {
                        *v = x + by * d;
                    }
                });
                value(&f().unwrap())
            };
            let slope = (moved(step) - moved(-step)) / (2.0 * f64::from(step));
            moved(0.0);
            compare(parameter.name(), gradient, &direction, slope);
        }
    }
}

/// Half along the gradient, half at random: wrong sizes, orders and missing terms all show.
fn direction(gradient: &[f32], seed: u64) -> Vec<f32> {
    let (along, across) = (
        unit(gradient),
        unit(&noise(gradient.len(), 7919 * (seed + 1))),
    );
    let both: Vec<f32> = along.iter().zip(across).map(|(a, b)| a + b).collect();
    unit(&both)
}

/// The same direction with a length of 1.
fn unit(x: &[f32]) -> Vec<f32> {
    let size = x.iter().map(|x| x * x).sum::<f32>().sqrt().max(1e-12);
    x.iter().map(|x| x / size).collect()
}
