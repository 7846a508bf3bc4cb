//! Operations with a hand-written backward pass, as nodes of candle's graph.
//!
//! A layer computes its output with our kernels and hands it over together with a function from
//! the output's gradient to those of its inputs. Gradients of weights do not pass through the
//! graph: the function adds them to their [`crate::Parameter`]s.

use crate::error::{Error, Result};
use candle_core::op::BackpropOp;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Shape, Storage, Tensor,
};
use std::sync::{Arc, Mutex, PoisonError};

/// One gradient for each input, `None` where none is needed.
pub type InputGradients = Vec<Option<Tensor>>;

type Backward = Box<dyn Fn(&Tensor, &Tensor) -> Result<InputGradients> + Send + Sync>;

/// A computed output on its way into the graph.
pub(crate) struct Output {
    storage: CpuStorage,
    shape: Shape,
}

impl Output {
    pub(crate) fn new<T: crate::cpu::Real>(values: Vec<T>, shape: impl Into<Shape>) -> Self {
        Self {
            storage: T::to_cpu_storage_owned(values),
            shape: shape.into(),
        }
    }

    /// A tensor that depends on nothing.
    pub(crate) fn into_tensor(self) -> Tensor {
        let storage = Storage::Cpu(self.storage);
        Tensor::from_storage(storage, self.shape, BackpropOp::none(), false)
    }
}

/// Makes a tensor of `values` that depends on `inputs`.
///
/// `backward(output, gradient)` is called at most once for each backward pass, with a contiguous
/// gradient of the output's shape, and gives one gradient for each input, of its shape and type;
/// one must be there for every input that [`Tensor::track_op`] says needs it. It must not hold the
/// output.
pub fn record(
    name: &'static str,
    inputs: &[&Tensor],
    values: Vec<f32>,
    shape: &[usize],
    backward: impl Fn(&Tensor, &Tensor) -> Result<InputGradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    attach(name, inputs, Output::new(values, shape), backward)
}

/// [`record`] for an output of any type.
pub(crate) fn attach(
    name: &'static str,
    inputs: &[&Tensor],
    output: Output,
    backward: impl Fn(&Tensor, &Tensor) -> Result<InputGradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    let tracked: Vec<usize> = (0..inputs.len())
        .filter(|&i| inputs[i].track_op())
        .collect();
    let arguments: Vec<Tensor> = tracked.iter().map(|&i| inputs[i].clone()).collect();
    let select = move |output: &Tensor, gradient: &Tensor| {
        let mut gradients = backward(output, &gradient.contiguous()?)?;
        Ok(tracked.iter().map(|&i| gradients[i].take()).collect())
    };
    join(name, &arguments, output, Box::new(select))
}

/// A node with any number of arguments: those beyond the second share a node of their own, to
/// which their gradients are passed aside.
fn join(
    name: &'static str,
    arguments: &[Tensor],
    output: Output,
    backward: Backward,
) -> Result<Tensor> {
    if arguments.len() <= 3 {
        return apply(name, arguments, output, backward);
    }
    let aside: Arc<Mutex<InputGradients>> = Arc::default();
    let collect = Arc::clone(&aside);
    let bundle = join(
        name,
        &arguments[2..],
        Output::new(vec![0f32], 1),
        Box::new(move |_, _| {
            let mut gradients = aside.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(std::mem::take(&mut *gradients))
        }),
    )?;
    let split = move |output: &Tensor, gradient: &Tensor| {
        let mut gradients = backward(output, gradient)?;
        *collect.lock().unwrap_or_else(PoisonError::into_inner) = gradients.split_off(2);
        gradients.push(Some(Tensor::zeros(1, DType::F32, &Device::Cpu)?));
        Ok(gradients)
    };
    let arguments = [arguments[0].clone(), arguments[1].clone(), bundle];
    apply(name, &arguments, output, Box::new(split))
}

fn apply(
    name: &'static str,
    arguments: &[Tensor],
    output: Output,
    backward: Backward,
) -> Result<Tensor> {
    let node = Node {
        name,
        output: Mutex::new(Some(output)),
        backward,
    };
    Ok(match arguments {
        [a] => a.apply_op1(node)?,
        [a, b] => a.apply_op2(b, node)?,
        [a, b, c] => a.apply_op3(b, c, node)?,
        _ => node.take()?.into_tensor(),
    })
}

/// What candle keeps: it asks for the output once, and for gradients when they are due.
struct Node {
    name: &'static str,
    output: Mutex<Option<Output>>,
    backward: Backward,
}

impl Node {
    fn take(&self) -> candle_core::Result<Output> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.take().ok_or_else(|| {
            candle_core::Error::Msg(format!("{} has already handed over its output", self.name))
        })
    }

    fn forward(&self) -> candle_core::Result<(CpuStorage, Shape)> {
        let Output { storage, shape } = self.take()?;
        Ok((storage, shape))
    }

    fn gradients<const N: usize>(
        &self,
        output: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; N]> {
        let gradients = (self.backward)(output, gradient).map_err(|error| match error {
            Error::Tensor(error) => error,
            other => candle_core::Error::wrap(other),
        })?;
        gradients.try_into().map_err(|gradients: InputGradients| {
            candle_core::Error::Msg(format!(
                "{}: {} gradients for {N} inputs",
                self.name,
                gradients.len()
            ))
        })
    }
}

impl CustomOp1 for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(&self, _: &CpuStorage, _: &Layout) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward()
    }

    fn bwd(
        &self,
        _: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let [a] = self.gradients(output, gradient)?;
        Ok(a)
    }
}

impl CustomOp2 for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b] = self.gradients(output, gradient)?;
        Ok((a, b))
    }
}

impl CustomOp3 for Node {
    fn name(&self) -> &'static str {
        self.name
    }

    fn cpu_fwd(
        &self,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
        _: &CpuStorage,
        _: &Layout,
    ) -> candle_core::Result<(CpuStorage, Shape)> {
        self.forward()
    }

    fn bwd(
        &self,
        _: &Tensor,
        _: &Tensor,
        _: &Tensor,
        output: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.gradients(output, gradient)?;
        Ok((a, b, c))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Var;

    #[test]
    fn five_inputs_each_get_their_gradient() {
        let inputs: Vec<Var> = (0..5)
            .map(|i| Var::new(&[i as f32, 1.0], &Device::Cpu).unwrap())
            .collect();
        let tensors: Vec<&Tensor> = inputs.iter().map(|v| v.as_tensor()).collect();
        // Σ (i + 1) · x_i
        let values = vec![40.0, 15.0];
        let y = record("weighted", &tensors, values, &[2], |_, gradient| {
            (0..5)
                .map(|i| Ok(Some((gradient * f64::from(i + 1))?)))
                .collect()
        })
        .unwrap();
        let gradients = (y * 2.0).unwrap().sum_all().unwrap().backward().unwrap();
        for (i, input) in inputs.iter().enumerate() {
            let gradient = gradients.get(input).unwrap().to_vec1::<f32>().unwrap();
            assert_eq!(gradient, [2.0 * (i + 1) as f32; 2]);
        }
    }

    #[test]
    fn inputs_without_variables_leave_no_graph() {
        let x = Tensor::new(&[1f32], &Device::Cpu).unwrap();
        let y = record("copy", &[&x], vec![1.0], &[1], |_, g| {
            Ok(vec![Some(g.clone())])
        })
        .unwrap();
        assert!(!y.track_op());
    }
}
