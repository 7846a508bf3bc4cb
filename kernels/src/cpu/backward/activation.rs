//! Gradients of activations and of the GEGLU gate.

use crate::cpu::activation::Activation;
use crate::cpu::element::Element;
use crate::cpu::math::{erf, exp, sigmoid, tanh, vectorised};
use crate::cpu::parallel::for_each_rows;

/// The derivative at `x`; at a corner, the one from the left.
#[inline(always)]
pub(super) fn derivative(activation: Activation, x: f32) -> f32 {
    match activation {
        Activation::Identity => 1.0,
        Activation::Silu => {
            let s = sigmoid(x);
            s * (1.0 + x * (1.0 - s))
        }
        Activation::GeluErf => gelu_erf(x).1,
        Activation::GeluTanh => {
            const SLOPE: f32 = 0.797_884_6;
            const CUBE: f32 = 0.044_715;
            let t = tanh(SLOPE * (x + CUBE * x * x * x));
            0.5 * (1.0 + t) + 0.5 * x * (1.0 - t * t) * SLOPE * (1.0 + 3.0 * CUBE * x * x)
        }
        Activation::Relu => {
            if x > 0.0 {
                1.0
            } else {
                0.0
            }
        }
        Activation::LeakyRelu(slope) => {
            if x > 0.0 {
                1.0
            } else {
                slope
            }
        }
        Activation::Tanh => {
            let t = tanh(x);
            1.0 - t * t
        }
        Activation::Sigmoid => {
            let s = sigmoid(x);
            s * (1.0 - s)
        }
        Activation::Exp => exp(x),
    }
}

/// The exact GELU and its derivative.
#[inline(always)]
fn gelu_erf(x: f32) -> (f32, f32) {
    const DENSITY: f32 = 0.398_942_3;
    let phi = 0.5 * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2));
    (x * phi, phi + x * DENSITY * exp(-0.5 * x * x))
}

vectorised! {
    fn activate_rows<T: Element>(x: &[T], output_gradient: &[T], activation: Activation, gradient: &mut [T]) {
        // One loop for each function, so that each vectorises.
        macro_rules! each {
            ($activation:expr) => {
                for ((g, x), dy) in gradient.iter_mut().zip(x).zip(output_gradient) {
                    *g = T::from_f32(derivative($activation, x.to_f32()) * dy.to_f32());
                }
            };
        }
        match activation {
            Activation::Identity => gradient.copy_from_slice(output_gradient),
            Activation::Silu => each!(Activation::Silu),
            Activation::GeluErf => each!(Activation::GeluErf),
            Activation::GeluTanh => each!(Activation::GeluTanh),
            Activation::Relu => each!(Activation::Relu),
            Activation::LeakyRelu(slope) => each!(Activation::LeakyRelu(slope)),
            Activation::Tanh => each!(Activation::Tanh),
            Activation::Sigmoid => each!(Activation::Sigmoid),
            Activation::Exp => each!(Activation::Exp),
        }
    }
}

/// Gradient of the input of an activation, from the input and the gradient of the output.
///
/// # Panics
/// When the lengths differ.
pub fn activate<T: Element>(
    x: &[T],
    output_gradient: &[T],
    activation: Activation,
    gradient: &mut [T],
) {
    assert_eq!(x.len(), gradient.len(), "x and its gradient differ");
    assert_eq!(x.len(), output_gradient.len(), "x and the output differ");
    for_each_rows(gradient, 1, |first, chunk| {
        let part = first..first + chunk.len();
        activate_rows(&x[part.clone()], &output_gradient[part], activation, chunk);
    });
}

vectorised! {
    fn geglu_row<T: Element>(row: &[T], output_gradient: &[T], gradient: &mut [T]) {
        let dim = output_gradient.len();
        let (value, gate) = row.split_at(dim);
        let (value_gradient, gate_gradient) = gradient.split_at_mut(dim);
        for i in 0..dim {
            let (gelu, slope) = gelu_erf(gate[i].to_f32());
            let dy = output_gradient[i].to_f32();
            value_gradient[i] = T::from_f32(dy * gelu);
            gate_gradient[i] = T::from_f32(dy * value[i].to_f32() * slope);
        }
    }
}

/// Gradient of the input of the GEGLU gate: `x` and `gradient` have rows of `2 · dim`,
/// `output_gradient` rows of `dim`.
///
/// # Panics
/// When the lengths do not fit.
pub fn geglu<T: Element>(x: &[T], output_gradient: &[T], dim: usize, gradient: &mut [T]) {
    assert_eq!(
        x.len(),
        2 * output_gradient.len(),
        "x is not twice the output"
    );
    assert_eq!(x.len(), gradient.len(), "x and its gradient differ");
    assert!(
        dim > 0 && output_gradient.len().is_multiple_of(dim),
        "the output is not whole rows"
    );
    for_each_rows(gradient, 2 * dim, |first, chunk| {
        for (i, row) in chunk.chunks_exact_mut(2 * dim).enumerate() {
            let at = (first + i) * dim;
            geglu_row(
                &x[2 * at..2 * (at + dim)],
                &output_gradient[at..at + dim],
                row,
            );
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn derivatives_are_slopes() {
        let all = [
            Activation::Identity,
            Activation::Silu,
            Activation::GeluErf,
            Activation::GeluTanh,
            Activation::Relu,
            Activation::LeakyRelu(0.1),
            Activation::Tanh,
            Activation::Sigmoid,
            Activation::Exp,
        ];
        for activation in all {
            // No multiple of the step is 0, where some have a corner.
            for i in -40..40 {
                let x = i as f32 * 0.1 + 0.05;
                let step = 2f32.powi(-6);
                let rise = activation.apply(x + step) - activation.apply(x - step);
                let (got, want) = (derivative(activation, x), rise / (2.0 * step));
                let tolerance = 2e-3 * (1.0 + want.abs());
                assert!(
                    (got - want).abs() < tolerance,
                    "{activation:?} at {x}: {got}, not {want}"
                );
            }
        }
    }
}
