//! What linear layers and convolutions share: a product with a weight, a bias, a residual, and the
//! way back.

use crate::activation::activate;
use crate::autograd::{Output, attach};
use crate::cpu::{Real, compute, with_slice};
use crate::error::{Error, Result};
use crate::parameter::{Parameter, Plain};
use candle_core::Tensor;
use mustool_kernels::cpu::backward::column_sums;
use mustool_kernels::cpu::{Activation, Epilogue};
use std::fmt::Debug;

/// A product of one call: its geometry, its kernel and the gradients.
pub(crate) trait Product: Copy + Debug + Send + Sync + 'static {
    /// For messages.
    const NAME: &'static str;
    /// The weight in the order in which the kernel reads it.
    type Packed: Clone + Debug + Send + Sync;
    /// `[.., out]`.
    fn output_shape(&self, x: &Tensor) -> Vec<usize>;
    fn pack<T: Real>(&self, weight: &[f32]) -> Self::Packed;
    fn forward<T: Real>(&self, x: &[T], weight: &Self::Packed, epilogue: &Epilogue<T>, y: &mut [T]);
    fn input_gradient<T: Real>(&self, dy: &[T], weight: &[f32]) -> Vec<T>;
    fn weight_gradient<T: Real>(&self, x: &[T], dy: &[T]) -> Vec<f32>;
}

/// A weight, packed once for inference or before every use in training.
#[derive(Debug)]
pub(crate) enum Weight<P> {
    Packed(P),
    Trainable(Parameter),
    /// Only its name was wanted.
    Listed,
}

impl<P> Weight<P> {
    fn wanted(&self) -> Option<&Parameter> {
        match self {
            Self::Trainable(parameter) if parameter.is_trainable() => Some(parameter),
            _ => None,
        }
    }
}

/// A weight and a bias, `[out]`.
#[derive(Debug)]
pub(crate) struct Affine<P> {
    pub(crate) weight: Weight<P>,
    pub(crate) bias: Option<Plain>,
}

impl<P: Clone + Debug + Send + Sync + 'static> Affine<P> {
    /// `activation(product(x) + bias) + residual`.
    pub(crate) fn apply<T: Real, Q: Product<Packed = P>>(
        &self,
        x: &Tensor,
        product: Q,
        activation: Activation,
        residual: Option<&Tensor>,
    ) -> Result<Tensor> {
        let parameter = match &self.weight {
            Weight::Packed(packed) => {
                if x.track_op() || residual.is_some_and(Tensor::track_op) {
                    return Err(Error::Frozen);
                }
                let values = self.output::<T, Q>(x, product, packed, activation, residual)?;
                return Ok(Output::new(values, product.output_shape(x)).into_tensor());
            }
            Weight::Trainable(parameter) => parameter,
            Weight::Listed => return Err(Error::Config("a listing has no weights".to_owned())),
        };
        if activation != Activation::Identity {
            // The way back needs what came before the activation: a node of its own keeps it.
            let sums = self.apply::<T, Q>(x, product, Activation::Identity, None)?;
            let y = activate(&sums, activation)?;
            return Ok(match residual {
                Some(residual) => (y + residual)?,
                None => y,
            });
        }
        let packed = product.pack::<T>(&parameter.values());
        let values = self.output::<T, Q>(x, product, &packed, activation, residual)?;
        self.attach::<T, Q>(x, product, parameter, residual, values)
    }

    fn output<T: Real, Q: Product<Packed = P>>(
        &self,
        x: &Tensor,
        product: Q,
        weight: &P,
        activation: Activation,
        residual: Option<&Tensor>,
    ) -> Result<Vec<T>> {
        let len = product.output_shape(x).iter().product();
        let bias = self.bias.as_ref().map(Plain::values);
        let run = |residual: Option<&[T]>| {
            let epilogue = Epilogue {
                bias: bias.as_deref(),
                activation,
                residual,
            };
            compute::<T>(x, len, |x, y| product.forward(x, weight, &epilogue, y))
        };
        match residual {
            Some(residual) => with_slice::<T, _>(residual, |r| run(Some(r)))?,
            None => run(None),
        }
    }

    /// Puts an output into the graph.
    fn attach<T: Real, Q: Product>(
        &self,
        x: &Tensor,
        product: Q,
        weight: &Parameter,
        residual: Option<&Tensor>,
        values: Vec<T>,
    ) -> Result<Tensor> {
        let trained = self.weight.wanted().cloned();
        let bias = self.bias.as_ref().and_then(Plain::wanted).cloned();
        let anchor = trained
            .as_ref()
            .or(bias.as_ref())
            .map(|p| p.anchor().clone());
        let inputs = [Some(x), residual, anchor.as_ref()];
        let inputs: Vec<&Tensor> = inputs.into_iter().flatten().collect();
        let (count, has_residual) = (inputs.len(), residual.is_some());
        let (kept, weight) = (x.clone(), weight.clone());
        let backward = move |gradient: &Tensor| {
            let mut gradients = vec![None; count];
            if has_residual {
                gradients[1] = Some(gradient.clone());
            }
            with_slice::<T, _>(gradient, |dy| -> Result<()> {
                if kept.track_op() {
                    let values = product.input_gradient::<T>(dy, &weight.values());
                    gradients[0] = Some(Output::new(values, kept.shape()).into_tensor());
                }
                if let Some(weight) = &trained {
                    let sums = with_slice::<T, _>(&kept, |x| product.weight_gradient(x, dy))?;
                    weight.add_gradient(sums);
                }
                if let Some(bias) = &bias {
                    bias.add_gradient(column_sums(dy, bias.shape()[0]));
                }
                Ok(())
            })??;
            Ok(gradients)
        };
        let output = Output::new(values, product.output_shape(x));
        attach(Q::NAME, &inputs, output, backward)
    }
}
