//! A cursor over a checkpoint that accounts for every key.

use crate::affine::Weight;
use crate::error::{Error, KeyProblems, Result};
use crate::init::Init;
use crate::parameter::{Parameter, Plain};
use crate::source::Source;
use crate::variables::Variables;
use candle_core::DType;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// Hands out tensors by name and remembers which were asked for.
///
/// A missing or mis-shaped key does not stop the loading: zeros take its place, so that
/// [`Weights::finish`] can list everything that is wrong at once. Nothing may be computed with a
/// network before `finish` succeeded.
#[derive(Debug, Clone)]
pub struct Weights {
    shared: Arc<Shared>,
    prefix: String,
    dtype: DType,
}

#[derive(Debug)]
struct Shared {
    source: Source,
    /// Whether names and shapes are all that is wanted.
    listing: bool,
    variables: Option<Variables>,
    ledger: Mutex<Ledger>,
}

#[derive(Debug, Default)]
struct Ledger {
    taken: BTreeMap<String, Vec<usize>>,
    ignored: BTreeSet<String>,
    problems: KeyProblems,
    /// The first tensor that could not be read.
    failure: Option<Error>,
}

impl Weights {
    /// A cursor at the root. `dtype` is that of the activations: `F32` or `BF16`.
    pub fn new(source: Source, dtype: DType) -> Self {
        let listing = source.is_listing();
        Self::root(source, listing, None, dtype)
    }

    /// A cursor that compares names and shapes and reads no numbers: a network that is built with it
    /// takes no memory, and [`Weights::finish`] tells whether it could be loaded.
    pub fn accounting(source: Source) -> Self {
        Self::root(source, true, None, DType::F32)
    }

    /// A cursor for a network that is trained: every weight becomes a parameter of `variables`, of
    /// the value that it has there already or else in `source`. Masters are `f32`, activations
    /// `dtype`.
    pub fn trainable(source: Source, variables: &Variables, dtype: DType) -> Self {
        let listing = source.is_listing();
        Self::root(source, listing, Some(variables.clone()), dtype)
    }

    fn root(source: Source, listing: bool, variables: Option<Variables>, dtype: DType) -> Self {
        let shared = Shared {
            source,
            listing,
            variables,
            ledger: Mutex::default(),
        };
        Self {
            shared: Arc::new(shared),
            prefix: String::new(),
            dtype,
        }
    }

    /// A cursor below `name`.
    pub fn pp(&self, name: impl AsRef<str>) -> Self {
        Self {
            prefix: self.full_name(name.as_ref()),
            ..self.clone()
        }
    }

    /// The same cursor for a part of the network that computes in another type.
    pub fn with_dtype(&self, dtype: DType) -> Self {
        Self {
            dtype,
            ..self.clone()
        }
    }

    /// The type of the activations.
    pub fn dtype(&self) -> DType {
        self.dtype
    }

    fn full_name(&self, name: &str) -> String {
        match (self.prefix.is_empty(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (false, true) => self.prefix.clone(),
            (false, false) => format!("{}.{name}", self.prefix),
        }
    }

    fn ledger(&self) -> std::sync::MutexGuard<'_, Ledger> {
        self.shared
            .ledger
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The values of a tensor that is never trained, widened to `f32`; empty where only names and
    /// shapes are wanted.
    pub fn values(&self, name: &str, shape: &[usize]) -> Vec<f32> {
        self.take(name, shape, Init::Zeros)
    }

    /// The same; a source of initial values fills it as `init` says.
    fn take(&self, name: &str, shape: &[usize], init: Init) -> Vec<f32> {
        let name = self.full_name(name);
        let source = &self.shared.source;
        let mut ledger = self.ledger();
        ledger.taken.insert(name.clone(), shape.to_vec());
        match source.shape(&name, shape) {
            None => ledger.problems.missing.push((name, shape.to_vec())),
            Some(found) if found != shape => {
                ledger
                    .problems
                    .misshaped
                    .push((name, shape.to_vec(), found));
            }
            Some(_) if self.is_listing() => {}
            Some(_) => {
                drop(ledger);
                match source.values(&name, shape, init) {
                    Ok(values) => return values,
                    Err(error) => {
                        self.ledger().failure.get_or_insert(error);
                    }
                }
            }
        }
        if self.is_listing() {
            return Vec::new();
        }
        vec![0.0; shape.iter().product()]
    }

    /// The parameter of a name, when these weights are trained.
    fn parameter(&self, name: &str, shape: &[usize], init: Init) -> Option<Parameter> {
        let variables = self.shared.variables.as_ref()?;
        let values = self.take(name, shape, init);
        Some(variables.get_or_insert(&self.full_name(name), shape, || values))
    }

    /// A weight that is used as it lies.
    pub(crate) fn plain(&self, name: &str, shape: &[usize], init: Init) -> Plain {
        match self.parameter(name, shape, init) {
            Some(parameter) => Plain::Trainable(parameter),
            None => Plain::Fixed(self.take(name, shape, init).into()),
        }
    }

    /// Whether the checkpoint has a key.
    pub fn has(&self, name: &str) -> bool {
        self.shared
            .source
            .shape(&self.full_name(name), &[])
            .is_some()
    }

    /// A weight for products; `pack` gets its values.
    pub(crate) fn weight<P>(
        &self,
        name: &str,
        shape: &[usize],
        init: Init,
        pack: impl FnOnce(&[f32], DType) -> P,
    ) -> Weight<P> {
        match self.parameter(name, shape, init) {
            Some(parameter) => Weight::Trainable(parameter),
            None => {
                let values = self.take(name, shape, init);
                if self.is_listing() {
                    return Weight::Listed;
                }
                Weight::Packed(pack(&values, self.dtype))
            }
        }
    }

    /// Whether only names and shapes are wanted.
    pub fn is_listing(&self) -> bool {
        self.shared.listing
    }

    /// Declares a key that is known and not used, with its shape for listings.
    pub fn ignore(&self, name: &str, shape: &[usize]) {
        let name = self.full_name(name);
        let mut ledger = self.ledger();
        if self.shared.source.is_listing() {
            ledger.taken.insert(name, shape.to_vec());
        } else {
            ledger.ignored.insert(name);
        }
    }

    /// Every key asked for so far, with its shape.
    pub fn taken(&self) -> BTreeMap<String, Vec<usize>> {
        self.ledger().taken.clone()
    }

    /// Fails, naming every key, unless the checkpoint and the network agree exactly, and with the
    /// first error of reading.
    pub fn finish(&self) -> Result<()> {
        let mut ledger = self.ledger();
        if let Some(failure) = ledger.failure.take() {
            return Err(failure);
        }
        let mut problems = ledger.problems.clone();
        problems.unexpected = self
            .shared
            .source
            .names()
            .into_iter()
            .filter(|name| !ledger.taken.contains_key(name) && !ledger.ignored.contains(name))
            .collect();
        if problems.is_empty() {
            Ok(())
        } else {
            Err(Error::Keys(problems))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checkpoint() -> Source {
        let tensor = |shape: &[usize]| (shape.to_vec(), vec![1.0; shape.iter().product()]);
        Source::memory(BTreeMap::from([
            ("a.weight".to_owned(), tensor(&[2, 3])),
            ("a.bias".to_owned(), tensor(&[2])),
            ("buffer".to_owned(), tensor(&[7])),
        ]))
    }

    #[test]
    fn exact_use_of_every_key_passes() {
        let weights = Weights::new(checkpoint(), DType::F32);
        assert_eq!(weights.pp("a").values("weight", &[2, 3]).len(), 6);
        assert_eq!(weights.pp("a").values("bias", &[2]), [1.0, 1.0]);
        weights.ignore("buffer", &[7]);
        weights.finish().unwrap();
    }

    #[test]
    fn every_problem_is_listed_by_name() {
        let weights = Weights::new(checkpoint(), DType::F32);
        weights.pp("a").values("weight", &[3, 2]);
        weights.pp("b").values("weight", &[4]);
        let Err(Error::Keys(problems)) = weights.finish() else {
            panic!("accepted")
        };
        assert_eq!(problems.missing, [("b.weight".to_owned(), vec![4])]);
        assert_eq!(
            problems.misshaped,
            [("a.weight".to_owned(), vec![3, 2], vec![2, 3])]
        );
        assert_eq!(problems.unexpected, ["a.bias", "buffer"]);
    }

    #[test]
    fn accounting_finds_the_same_problems_without_the_numbers() {
        let weights = Weights::accounting(checkpoint());
        assert!(weights.pp("a").values("weight", &[2, 3]).is_empty());
        weights.pp("b").values("weight", &[4]);
        let Err(Error::Keys(problems)) = weights.finish() else {
            panic!("accepted")
        };
        assert_eq!(problems.missing, [("b.weight".to_owned(), vec![4])]);
        assert_eq!(problems.unexpected, ["a.bias", "buffer"]);
    }

    #[test]
    fn a_listing_allocates_nothing() {
        let weights = Weights::new(Source::listing(), DType::F32);
        assert!(
            weights
                .pp("huge")
                .values("weight", &[1 << 20, 1 << 20])
                .is_empty()
        );
        assert_eq!(weights.taken()["huge.weight"], [1 << 20, 1 << 20]);
    }
}
