//! Reads the files that the reference wrote, and compares.

use mustool_diffusion::TokenBatch;
use mustool_nn::{DType, Source, Tensor, Weights, host};
use safetensors::SafeTensors;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Largest difference of any number of one network.
pub(crate) const TOLERANCE: f32 = 2e-5;

/// Path of a fixture.
pub(crate) fn path(name: &str) -> PathBuf {
    let folder = std::env::var_os("MUSTOOL_FIXTURES").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/mustango"),
        PathBuf::from,
    );
    folder.join(name)
}

/// The bytes of a fixture.
pub(crate) fn bytes(name: &str) -> Vec<u8> {
    let path = path(name);
    std::fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A fixture in JSON.
pub(crate) fn json(name: &str) -> serde_json::Value {
    serde_json::from_slice(&bytes(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
}

/// The weights of a fixture, for `f32`.
pub(crate) fn weights(name: &str) -> Weights {
    Weights::new(Source::files(&[path(name)]).unwrap(), DType::F32)
}

/// The part of a fixture's weights whose names begin so, without that beginning: with it,
/// `Weights::finish` speaks about one network of a file that holds several.
pub(crate) fn weights_below(name: &str, prefix: &str) -> Weights {
    let part = Golden::load(name)
        .0
        .into_iter()
        .filter_map(|(key, value)| key.strip_prefix(prefix).map(|key| (key.to_owned(), value)));
    Weights::new(Source::memory(part.collect()), DType::F32)
}

/// Named tensors that the reference wrote: shapes and values.
pub(crate) struct Golden(BTreeMap<String, (Vec<usize>, Vec<f32>)>);

impl Golden {
    /// Reads a fixture of `f32` tensors.
    pub(crate) fn load(name: &str) -> Self {
        let bytes = bytes(name);
        let file = SafeTensors::deserialize(&bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        let tensors = file.tensors().into_iter().map(|(key, view)| {
            assert_eq!(view.dtype(), safetensors::Dtype::F32, "{name}: {key}");
            let (numbers, _) = view.data().as_chunks::<4>();
            let values = numbers.iter().map(|&b| f32::from_le_bytes(b)).collect();
            (key, (view.shape().to_vec(), values))
        });
        Self(tensors.collect())
    }

    /// Shape and values.
    pub(crate) fn get(&self, key: &str) -> (&[usize], &[f32]) {
        let (shape, values) = self.0.get(key).unwrap_or_else(|| panic!("no {key}"));
        (shape, values)
    }

    /// A tensor.
    pub(crate) fn tensor(&self, key: &str) -> Tensor {
        let (shape, values) = self.get(key);
        mustool_nn::tensor(values.to_vec(), shape, DType::F32).unwrap()
    }

    /// Rows of ids.
    pub(crate) fn ids(&self, key: &str) -> Vec<Vec<u32>> {
        let (shape, values) = self.get(key);
        let tokens = shape[shape.len() - 1];
        values
            .chunks(tokens)
            .map(|row| row.iter().map(|&id| id as u32).collect())
            .collect()
    }

    /// `input_ids` and `attention_mask`, with a prefix to both names.
    pub(crate) fn token_batch(&self, prefix: &str) -> TokenBatch {
        let masks: Vec<Vec<bool>> = self
            .ids(&format!("{prefix}attention_mask"))
            .into_iter()
            .map(|row| row.into_iter().map(|seen| seen == 1).collect())
            .collect();
        TokenBatch::masked(&self.ids(&format!("{prefix}input_ids")), &masks).unwrap()
    }

    /// Fails unless `actual` has the shape and, within `tolerance`, the values of the reference.
    pub(crate) fn assert_close(&self, actual: &Tensor, key: &str, tolerance: f32) {
        let (shape, expected) = self.get(key);
        assert_eq!(actual.dims(), shape, "{key}: another shape");
        assert_values(&host(actual).unwrap(), expected, key, tolerance);
    }
}

/// Fails unless all numbers agree; NaN agrees with nothing.
#[expect(
    clippy::print_stderr,
    reason = "differences are shown with `--nocapture`"
)]
pub(crate) fn assert_values(actual: &[f32], expected: &[f32], what: &str, tolerance: f32) {
    assert_eq!(actual.len(), expected.len(), "{what}: another length");
    let mut largest = 0.0f32;
    for (i, (a, e)) in actual.iter().zip(expected).enumerate() {
        let difference = (a - e).abs();
        assert!(
            difference <= tolerance,
            "{what}[{i}]: {a}, not {e} (± {tolerance})"
        );
        largest = largest.max(difference);
    }
    assert!(
        expected.iter().any(|&e| e != 0.0),
        "{what}: nothing to compare"
    );
    eprintln!("{what}: largest difference {largest:e}");
}
