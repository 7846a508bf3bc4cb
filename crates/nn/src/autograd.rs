//! Operations with a hand-written backward pass, in candle's graph.
//!
//! A layer computes its output with our kernels and hands it over together with a function from
//! the output's gradient to those of its inputs. Gradients of weights do not pass through the
//! graph: the function adds them to their [`crate::Parameter`]s. Neither do gradients between two
//! of our operations: candle adds every gradient to a tensor of zeros, which takes longer than
//! many of the operations. There the graph connects small [`Link`]s, and the gradient is left
//! beside them.

use crate::cpu::{by_dtype, compute, with_slice};
use crate::error::{Error, Result};
use candle_core::op::BackpropOp;
use candle_core::{
    CpuStorage, CustomOp1, CustomOp2, CustomOp3, DType, Device, Layout, Shape, Storage, Tensor,
    TensorId,
};
use mustool_kernels::cpu::add;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One gradient for each input, `None` where none is needed.
pub type InputGradients = Vec<Option<Tensor>>;

type Backward = Box<dyn Fn(&Tensor) -> Result<InputGradients> + Send + Sync>;

/// A computed output on its way into the graph.
pub(crate) struct Output {
    storage: CpuStorage,
    shape: Shape,
    dtype: DType,
}

impl Output {
    pub(crate) fn new<T: crate::cpu::Real>(values: Vec<T>, shape: impl Into<Shape>) -> Self {
        Self {
            storage: T::to_cpu_storage_owned(values),
            shape: shape.into(),
            dtype: T::DTYPE,
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
/// `backward(gradient)` is called at most once for each backward pass, with a contiguous gradient
/// of the output's shape, and gives one gradient for each input, of its shape and type; one must be
/// there for every input that [`Tensor::track_op`] says needs it.
pub fn record(
    name: &'static str,
    inputs: &[&Tensor],
    values: Vec<f32>,
    shape: &[usize],
    backward: impl Fn(&Tensor) -> Result<InputGradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    attach(name, inputs, Output::new(values, shape), backward)
}

/// [`record`] for an output of any type.
pub(crate) fn attach(
    name: &'static str,
    inputs: &[&Tensor],
    output: Output,
    backward: impl Fn(&Tensor) -> Result<InputGradients> + Send + Sync + 'static,
) -> Result<Tensor> {
    let tracked: Vec<usize> = (0..inputs.len())
        .filter(|&i| inputs[i].track_op())
        .collect();
    if tracked.is_empty() {
        return Ok(output.into_tensor());
    }
    let links: Vec<Option<Arc<Link>>> = tracked.iter().map(|&i| Link::of(inputs[i])).collect();
    let arguments: Vec<Tensor> = tracked
        .iter()
        .zip(&links)
        .map(|(&i, link)| link.as_ref().map_or(inputs[i], |link| &link.token).clone())
        .collect();
    let mailbox = Mailbox::new(&output);
    let arrived = Arc::clone(&mailbox);
    let pass = move |_: &Tensor| {
        let mut gradients = backward(&arrived.take()?)?;
        let mut passed = Vec::with_capacity(tracked.len());
        for (&i, link) in tracked.iter().zip(&links) {
            passed.push(match (gradients[i].take(), link) {
                (Some(gradient), Some(link)) => {
                    link.mailbox.put(gradient)?;
                    Some(nothing()?)
                }
                (gradient, _) => gradient,
            });
        }
        Ok(passed)
    };
    let token = join(name, &arguments, Output::new(vec![0f32], 1), Box::new(pass))?;
    let link = Arc::new(Link { token, mailbox });
    let left = Arc::clone(&link.mailbox);
    // Whoever is not one of our operations gives its gradient here.
    let emit = move |gradient: &Tensor| {
        left.put(gradient.contiguous()?)?;
        Ok(vec![Some(nothing()?)])
    };
    let y = apply(
        name,
        std::slice::from_ref(&link.token),
        output,
        Box::new(emit),
        Some(&link),
    )?;
    link.belongs_to(&y);
    Ok(y)
}

/// What takes the place of a gradient that was left in a mailbox.
fn nothing() -> Result<Tensor> {
    Ok(Tensor::zeros(1, DType::F32, &Device::Cpu)?)
}

/// The other end of an output: the small tensor that stands for it in the graph, and the place for
/// its gradient.
struct Link {
    token: Tensor,
    mailbox: Arc<Mailbox>,
}

thread_local! {
    /// The links of living outputs made by this thread. One that is not found costs time only.
    static LINKS: RefCell<HashMap<TensorId, Weak<Link>>> = RefCell::default();
}

impl Link {
    fn of(tensor: &Tensor) -> Option<Arc<Self>> {
        LINKS.with_borrow(|links| links.get(&tensor.id()).and_then(Weak::upgrade))
    }

    fn belongs_to(self: &Arc<Self>, tensor: &Tensor) {
        LINKS.with_borrow_mut(|links| {
            if links.len() >= 1024 && links.len() == links.capacity() {
                links.retain(|_, link| link.strong_count() > 0);
            }
            links.insert(tensor.id(), Arc::downgrade(self));
        });
    }
}

/// The same numbers in another shape, through which gradients pass without a copy.
pub fn reshape(x: &Tensor, shape: impl Into<Shape>) -> Result<Tensor> {
    let y = x.reshape(shape.into())?;
    if let Some(link) = Link::of(x).filter(|_| x.is_contiguous()) {
        link.belongs_to(&y);
    }
    Ok(y)
}

/// The sum of the gradients that have arrived at an output.
struct Mailbox {
    gradient: Mutex<Option<Tensor>>,
    shape: Shape,
    dtype: DType,
}

impl Mailbox {
    fn new(output: &Output) -> Arc<Self> {
        Arc::new(Self {
            gradient: Mutex::new(None),
            shape: output.shape.clone(),
            dtype: output.dtype,
        })
    }

    fn put(&self, gradient: Tensor) -> Result<()> {
        let gradient = gradient.reshape(&self.shape)?;
        let mut sum = self.gradient.lock().unwrap_or_else(PoisonError::into_inner);
        *sum = Some(match sum.take() {
            Some(sum) => add_values(&sum, &gradient)?.into_tensor(),
            None => gradient,
        });
        Ok(())
    }

    fn take(&self) -> Result<Tensor> {
        let mut sum = self.gradient.lock().unwrap_or_else(PoisonError::into_inner);
        match sum.take() {
            Some(gradient) => Ok(gradient),
            None => Ok(Tensor::zeros(&self.shape, self.dtype, &Device::Cpu)?),
        }
    }
}

/// `a + b` of the same shape and type, outside the graph.
pub(crate) fn add_values(a: &Tensor, b: &Tensor) -> Result<Output> {
    by_dtype!(a, T => with_slice::<T, _>(b, |b| {
        let values = compute::<T>(a, b.len(), |a, y| add(a, b, y))?;
        Ok(Output::new(values, a.shape()))
    })?)
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
        return apply(name, arguments, output, backward, None);
    }
    let aside: Arc<Mutex<InputGradients>> = Arc::default();
    let collect = Arc::clone(&aside);
    let bundle = join(
        name,
        &arguments[2..],
        Output::new(vec![0f32], 1),
        Box::new(move |_| {
            let mut gradients = aside.lock().unwrap_or_else(PoisonError::into_inner);
            Ok(std::mem::take(&mut *gradients))
        }),
    )?;
    let split = move |gradient: &Tensor| {
        let mut gradients = backward(gradient)?;
        *collect.lock().unwrap_or_else(PoisonError::into_inner) = gradients.split_off(2);
        gradients.push(Some(nothing()?));
        Ok(gradients)
    };
    let arguments = [arguments[0].clone(), arguments[1].clone(), bundle];
    apply(name, &arguments, output, Box::new(split), None)
}

fn apply(
    name: &'static str,
    arguments: &[Tensor],
    output: Output,
    backward: Backward,
    link: Option<&Arc<Link>>,
) -> Result<Tensor> {
    let node = Node {
        name,
        output: Mutex::new(Some(output)),
        backward,
        _link: link.cloned(),
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
    /// Keeps the link of an output for as long as the output lives.
    _link: Option<Arc<Link>>,
}

impl Node {
    fn take(&self) -> candle_core::Result<Output> {
        let mut output = self.output.lock().unwrap_or_else(PoisonError::into_inner);
        output.take().ok_or_else(|| {
            candle_core::Error::Msg(format!("{} has already handed over its output", self.name))
        })
    }

    fn forward(&self) -> candle_core::Result<(CpuStorage, Shape)> {
        let Output { storage, shape, .. } = self.take()?;
        Ok((storage, shape))
    }

    fn gradients<const N: usize>(
        &self,
        gradient: &Tensor,
    ) -> candle_core::Result<[Option<Tensor>; N]> {
        let gradients = (self.backward)(gradient).map_err(|error| match error {
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
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<Option<Tensor>> {
        let [a] = self.gradients(gradient)?;
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
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>)> {
        let [a, b] = self.gradients(gradient)?;
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
        _: &Tensor,
        gradient: &Tensor,
    ) -> candle_core::Result<(Option<Tensor>, Option<Tensor>, Option<Tensor>)> {
        let [a, b, c] = self.gradients(gradient)?;
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
        let y = record("weighted", &tensors, values, &[2], |gradient| {
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
        let y = record("copy", &[&x], vec![1.0], &[1], |g| {
            Ok(vec![Some(g.clone())])
        })
        .unwrap();
        assert!(!y.track_op());
    }
}
