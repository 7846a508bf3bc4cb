//! The trainable weights of a network, by name.

use crate::error::{Error, KeyProblems, Result};
use crate::optim::Tensors;
use crate::parameter::Parameter;
use candle_core::{Device, Tensor, Var};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A set of [`Parameter`]s; clones share it. [`crate::Weights::trainable`] fills it.
#[derive(Debug, Clone)]
pub struct Variables {
    parameters: Arc<Mutex<BTreeMap<String, Parameter>>>,
    anchor: Var,
}

impl Variables {
    /// An empty set.
    pub fn new() -> Result<Self> {
        Ok(Self {
            parameters: Arc::default(),
            anchor: Var::new(&[0f32], &Device::Cpu)?,
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Parameter>> {
        self.parameters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The parameter of that name, made from `values` where it is not there yet.
    pub(crate) fn get_or_insert(
        &self,
        name: &str,
        shape: &[usize],
        values: impl FnOnce() -> Vec<f32>,
    ) -> Parameter {
        if let Some(parameter) = self.get(name) {
            return parameter;
        }
        let anchor = self.anchor.as_tensor().clone();
        let parameter = Parameter::new(name.to_owned(), shape.to_vec(), values(), anchor);
        self.lock().insert(name.to_owned(), parameter.clone());
        parameter
    }

    /// The parameter of a name.
    pub fn get(&self, name: &str) -> Option<Parameter> {
        self.lock().get(name).cloned()
    }

    /// All parameters, sorted by name.
    pub fn all(&self) -> Vec<Parameter> {
        self.lock().values().cloned().collect()
    }

    /// Number of trainable numbers.
    pub fn num_values(&self) -> usize {
        let count = |p: &Parameter| p.shape().iter().product::<usize>();
        self.lock().values().map(count).sum()
    }

    /// Names, shapes and values: for a checkpoint, or [`crate::Source::memory`].
    pub fn tensors(&self) -> Tensors {
        let copy = |(name, p): (&String, &Parameter)| {
            (name.clone(), (p.shape().to_vec(), p.values().to_vec()))
        };
        self.lock().iter().map(copy).collect()
    }

    /// Replaces all values, as read from a checkpoint; names and shapes must be the same.
    pub fn restore(&self, tensors: &Tensors) -> Result<()> {
        self.fits(tensors)?;
        for (name, parameter) in &*self.lock() {
            parameter.update(|values, _| values.copy_from_slice(&tensors[name].1));
        }
        Ok(())
    }

    /// Fails, naming every key, unless `tensors` has the names and shapes of the parameters.
    pub(crate) fn fits(&self, tensors: &Tensors) -> Result<()> {
        let parameters = self.lock();
        let mut problems = KeyProblems::default();
        for (name, parameter) in &*parameters {
            let wanted = parameter.shape();
            match tensors.get(name) {
                None => problems.missing.push((name.clone(), wanted.to_vec())),
                Some((shape, values)) => {
                    if shape != wanted || values.len() != shape.iter().product::<usize>() {
                        let found = (name.clone(), wanted.to_vec(), shape.clone());
                        problems.misshaped.push(found);
                    }
                }
            }
        }
        let unknown = |name: &&String| !parameters.contains_key(*name);
        problems.unexpected = tensors.keys().filter(unknown).cloned().collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Error::Keys(problems))
        }
    }

    /// Freezes or thaws every parameter whose name starts with `prefix`.
    pub fn set_trainable(&self, prefix: &str, trainable: bool) {
        for (name, parameter) in &*self.lock() {
            if name.starts_with(prefix) {
                parameter.set_trainable(trainable);
            }
        }
    }

    /// Adds the gradients of `loss`, a tensor of one number, to the parameters that it depends on.
    ///
    /// Parameters of other sets that it depends on get theirs too.
    pub fn backward(&self, loss: &Tensor) -> Result<()> {
        loss.backward()?;
        Ok(())
    }

    /// Forgets all gradients.
    pub fn zero_gradients(&self) {
        for parameter in self.lock().values() {
            parameter.update(|_, gradient| drop(gradient));
        }
    }

    /// Names of trainable parameters that no gradient has reached since the last update.
    pub fn without_gradient(&self) -> Vec<String> {
        self.lock()
            .values()
            .filter(|p| p.is_trainable() && p.with_gradient(|g| g.is_none()))
            .map(|p| p.name().to_owned())
            .collect()
    }
}
