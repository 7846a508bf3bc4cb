//! Activations, alone or fused into the epilogue of a product.

use super::element::Element;
use super::math::{erf, exp, sigmoid, tanh, vectorised};
use super::parallel::for_each_rows;

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activation {
    /// `x`.
    Identity,
    /// `x · sigmoid(x)`, also called swish.
    Silu,
    /// `x · Φ(x)` with the exact error function.
    GeluErf,
    /// GELU's tanh approximation, `gelu_new` of T5 v1.1.
    GeluTanh,
    /// `max(x, 0)`.
    Relu,
    /// `x` above 0, `slope · x` below.
    LeakyRelu(f32),
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + e^-x)`.
    Sigmoid,
    /// `e^x`.
    Exp,
}

impl Activation {
    /// The value at `x`.
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Self::Identity => x,
            Self::Silu => x * sigmoid(x),
            Self::GeluErf => gelu_erf(x),
            Self::GeluTanh => {
                let inner = 0.797_884_6 * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + tanh(inner))
            }
            Self::Relu => x.max(0.0),
            Self::LeakyRelu(slope) => {
                if x > 0.0 {
                    x
                } else {
                    slope * x
                }
            }
            Self::Tanh => tanh(x),
            Self::Sigmoid => sigmoid(x),
            Self::Exp => exp(x),
        }
    }
}

#[inline(always)]
fn gelu_erf(x: f32) -> f32 {
    0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2))
}

vectorised! {
    fn activate_rows<T: Element>(x: &[T], activation: Activation, output: &mut [T]) {
        // One loop for each function, so that each vectorises.
        macro_rules! each {
            ($f:expr) => {
                for (o, x) in output.iter_mut().zip(x) {
                    *o = T::from_f32($f(x.to_f32()));
                }
            };
        }
        match activation {
            Activation::Identity => output.copy_from_slice(x),
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

/// `activation(x)`, element by element.
///
/// # Panics
/// When the lengths differ.
pub fn activate<T: Element>(x: &[T], activation: Activation, output: &mut [T]) {
    assert_eq!(x.len(), output.len(), "x and output differ in length");
    for_each_rows(output, 1, |first, chunk| {
        let x = &x[first..first + chunk.len()];
        #[cfg(target_arch = "x86_64")]
        if super::Level::get() >= super::Level::Avx512 {
            // SAFETY: the level has AVX-512.
            unsafe {
                match activation {
                    Activation::Silu => return super::vector::silu_all(x, chunk),
                    Activation::GeluErf => return super::vector::gelu_erf_all(x, chunk),
                    _ => {}
                }
            }
        }
        activate_rows(x, activation, chunk);
    });
}

vectorised! {
    fn geglu_row<T: Element>(row: &[T], output: &mut [T]) {
        let (value, gate) = row.split_at(output.len());
        for ((o, v), g) in output.iter_mut().zip(value).zip(gate) {
            *o = T::from_f32(v.to_f32() * gelu_erf(g.to_f32()));
        }
    }
}

/// The GEGLU gate of Shazeer 2020 (arXiv:2002.05202): rows of `2 · dim` (value, then gate) become
/// rows of `dim`, `value · gelu_erf(gate)`.
///
/// # Panics
/// When `x` is not twice as long as `output`, or `output` is not whole rows.
pub fn geglu<T: Element>(x: &[T], dim: usize, output: &mut [T]) {
    assert_eq!(x.len(), 2 * output.len(), "x is not twice the output");
    assert!(
        dim > 0 && output.len().is_multiple_of(dim),
        "output is not whole rows"
    );
    for_each_rows(output, dim, |first, chunk| {
        for (i, out) in chunk.chunks_exact_mut(dim).enumerate() {
            let start = (first + i) * 2 * dim;
            geglu_row(&x[start..start + 2 * dim], out);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activations_match_their_definitions() {
        let x: Vec<f32> = (-50..=50).map(|i| i as f32 / 7.0).collect();
        let check = |activation: Activation, f: &dyn Fn(f64) -> f64| {
            let mut y = vec![0f32; x.len()];
            activate(&x, activation, &mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let want = f(f64::from(x));
                assert!(
                    (f64::from(y) - want).abs() < 2e-6,
                    "{activation:?}({x}) = {y}, not {want}"
                );
            }
        };
        check(Activation::Silu, &|x| x / (1.0 + (-x).exp()));
        check(Activation::Relu, &|x| x.max(0.0));
        check(Activation::LeakyRelu(0.1), &|x| {
            if x > 0.0 { x } else { 0.1f32 as f64 * x }
        });
        check(Activation::Tanh, &f64::tanh);
        check(Activation::GeluTanh, &|x| {
            0.5 * x * (1.0 + (0.797_884_560_8 * (x + 0.044_715 * x.powi(3))).tanh())
        });
    }

    #[test]
    fn gelu_known_values() {
        // Φ(1) = 0.841344746, Φ(-2) = 0.022750132.
        assert!((Activation::GeluErf.apply(1.0) - 0.841_344_7).abs() < 1e-6);
        assert!((Activation::GeluErf.apply(-2.0) + 0.045_500_264).abs() < 1e-6);
    }

    #[test]
    fn geglu_gates_the_first_half() {
        let x = [1.0f32, 2.0, 1.0, 1.0, -3.0, 0.5, 1.0, 1.0];
        let mut y = [0f32; 4];
        geglu(&x, 2, &mut y);
        let phi = 0.841_344_7;
        for (got, want) in y.iter().zip([phi, 2.0 * phi, -3.0 * phi, 0.5 * phi]) {
            assert!((got - want).abs() < 1e-6);
        }
    }
}
