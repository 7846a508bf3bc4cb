//! A trainable weight: its values and the gradients that have reached it.

use candle_core::Tensor;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

/// A named tensor of `f32` masters; clones share it.
#[derive(Debug, Clone)]
pub struct Parameter(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    name: String,
    shape: Vec<usize>,
    values: RwLock<Vec<f32>>,
    gradient: Mutex<Option<Vec<f32>>>,
    trainable: AtomicBool,
    anchor: Tensor,
}

impl Parameter {
    pub(crate) fn new(name: String, shape: Vec<usize>, values: Vec<f32>, anchor: Tensor) -> Self {
        Self(Arc::new(Inner {
            name,
            shape,
            values: RwLock::new(values),
            gradient: Mutex::new(None),
            trainable: AtomicBool::new(true),
            anchor,
        }))
    }

    /// The key in checkpoints.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The shape in checkpoints.
    pub fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    /// The values, row-major. [`Parameter::update`] waits until they are dropped.
    pub fn values(&self) -> Values<'_> {
        Values::Locked(self.0.values.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes the values and takes the gradient, `None` where none has arrived since the last
    /// time. Not between a forward and its backward pass: that would mix old and new values.
    pub fn update<R>(&self, change: impl FnOnce(&mut [f32], Option<Vec<f32>>) -> R) -> R {
        let gradient = self.gradient().take();
        let mut values = self
            .0
            .values
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        change(&mut values, gradient)
    }

    /// Looks at the gradient that has arrived so far.
    pub fn with_gradient<R>(&self, look: impl FnOnce(Option<&mut [f32]>) -> R) -> R {
        look(self.gradient().as_deref_mut())
    }

    /// Whether gradients are computed for it. Those of what lies below it always are.
    pub fn is_trainable(&self) -> bool {
        self.0.trainable.load(Ordering::Relaxed)
    }

    /// Freezes or thaws it, for the forward passes from now on.
    pub fn set_trainable(&self, trainable: bool) {
        self.0.trainable.store(trainable, Ordering::Relaxed);
    }

    fn gradient(&self) -> MutexGuard<'_, Option<Vec<f32>>> {
        self.0
            .gradient
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a gradient, as long as the values.
    pub(crate) fn add_gradient(&self, gradient: Vec<f32>) {
        assert_eq!(
            gradient.len(),
            self.0.shape.iter().product::<usize>(),
            "a gradient of {} has another size",
            self.0.name
        );
        match &mut *self.gradient() {
            Some(sum) => {
                for (s, g) in sum.iter_mut().zip(&gradient) {
                    *s += g;
                }
            }
            empty => *empty = Some(gradient),
        }
    }

    /// What the graph depends on when it depends on this parameter.
    pub(crate) fn anchor(&self) -> &Tensor {
        &self.0.anchor
    }
}

/// Borrowed values of a weight.
#[derive(Debug)]
pub enum Values<'a> {
    /// Of a weight that never changes.
    Plain(&'a [f32]),
    /// Of a parameter.
    Locked(RwLockReadGuard<'a, Vec<f32>>),
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Plain(values) => values,
            Self::Locked(values) => values,
        }
    }
}

/// A weight that is used as it lies in the checkpoint: a bias, the scale of a norm, a table.
#[derive(Debug, Clone)]
pub(crate) enum Plain {
    Fixed(Arc<[f32]>),
    Trainable(Parameter),
}

impl Plain {
    pub(crate) fn values(&self) -> Values<'_> {
        match self {
            Self::Fixed(values) => Values::Plain(values),
            Self::Trainable(parameter) => parameter.values(),
        }
    }

    /// The parameter, if a gradient of it is wanted.
    pub(crate) fn wanted(&self) -> Option<&Parameter> {
        match self {
            Self::Trainable(parameter) if parameter.is_trainable() => Some(parameter),
            _ => None,
        }
    }
}
