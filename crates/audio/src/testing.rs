//! Reference values for this crate's tests, from the workspace's `tests/fixtures`.

use std::path::PathBuf;

use safetensors::SafeTensors;

/// Path of a file in `tests/fixtures`.
pub(crate) fn fixture_path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/fixtures")
        .join(name)
}

/// A safetensors file of 32-bit floats.
pub(crate) struct Fixture(Vec<u8>);

impl Fixture {
    pub(crate) fn load(name: &str) -> Self {
        Self(std::fs::read(fixture_path(name)).unwrap())
    }

    /// All values of one tensor, row-major.
    pub(crate) fn values(&self, name: &str) -> Vec<f32> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = file.tensor(name).unwrap();
        assert_eq!(tensor.dtype(), safetensors::Dtype::F32);
        let values = tensor.data().as_chunks::<4>().0.iter();
        values.map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }
}
