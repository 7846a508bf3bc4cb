//! The kernels that run on an NVIDIA GPU, and their launches.
//!
//! Sources are in `cuda/`; each has a CPU twin of the same layout and meaning in [`crate::cpu`].
//! The driver is looked for at run time, so that a program with this feature starts without one.
//! Not here: memory, streams and tensors, which belong to the caller.

mod launch;

use cudarc::driver::{CudaContext, CudaFunction, CudaStream, DriverError, sys};
use cudarc::nvrtc::Ptx;
pub use launch::{AttentionStrides, DeviceElement};
use std::collections::HashMap;
use std::sync::Arc;

/// Translated sources with the kernels that they hold, each for both number types.
const SOURCES: [(&str, &[&str]); 4] = [
    (
        include_str!(concat!(env!("OUT_DIR"), "/norm.ptx")),
        &["group_norm", "layer_norm", "rms_norm"],
    ),
    (
        include_str!(concat!(env!("OUT_DIR"), "/geglu.ptx")),
        &["geglu"],
    ),
    (
        include_str!(concat!(env!("OUT_DIR"), "/attention.ptx")),
        &["attention"],
    ),
    (
        include_str!(concat!(env!("OUT_DIR"), "/conv.ptx")),
        &["conv2d", "conv_transpose1d"],
    ),
];

/// Why a GPU cannot be used.
#[derive(Debug)]
pub enum CudaError {
    /// There is no CUDA driver on this machine.
    NoDriver,
    /// This program was built without nvcc.
    NotBuilt,
    /// The driver refused.
    Driver(DriverError),
    /// A size does not fit the kernel.
    Shape(String),
}

impl std::fmt::Display for CudaError {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Self::NoDriver => f.write_str("there is no CUDA driver on this machine"),
            Self::NotBuilt => f.write_str(
                "the CUDA kernels are not part of this program: build it where nvcc is in the PATH",
            ),
            Self::Driver(error) => write!(f, "CUDA driver: {error}"),
            Self::Shape(reason) => f.write_str(reason),
        }
    }
}

impl std::error::Error for CudaError {}

impl From<DriverError> for CudaError {
    fn from(error: DriverError) -> Self {
        Self::Driver(error)
    }
}

/// All kernels, loaded on one GPU and launched on one stream.
#[derive(Debug)]
pub struct Kernels {
    stream: Arc<CudaStream>,
    functions: HashMap<String, CudaFunction>,
}

impl Kernels {
    /// Loads the kernels on GPU number `ordinal`, on a stream of its own.
    pub fn load(ordinal: usize) -> Result<Self, CudaError> {
        // SAFETY: only looks for the driver's library and opens it.
        if !unsafe { sys::is_culib_present() } {
            return Err(CudaError::NoDriver);
        }
        let context = CudaContext::new(ordinal)?;
        Self::on(context.new_stream()?)
    }

    /// Loads the kernels for a stream that exists.
    pub fn on(stream: Arc<CudaStream>) -> Result<Self, CudaError> {
        let mut functions = HashMap::new();
        for (ptx, names) in SOURCES {
            if ptx.is_empty() {
                return Err(CudaError::NotBuilt);
            }
            let module = stream.context().load_module(Ptx::from_src(ptx))?;
            for name in names {
                for dtype in ["f32", "bf16"] {
                    let name = format!("{name}_{dtype}");
                    let function = module.load_function(&name)?;
                    functions.insert(name, function);
                }
            }
        }
        Ok(Self { stream, functions })
    }

    /// The stream that launches go to.
    pub fn stream(&self) -> &Arc<CudaStream> {
        &self.stream
    }

    fn function<T: DeviceElement>(&self, name: &str) -> &CudaFunction {
        &self.functions[&format!("{name}_{}", T::NAME)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_driver_or_nvcc_says_so() {
        match Kernels::load(0) {
            Ok(kernels) => assert_eq!(kernels.functions.len(), 14),
            Err(error) => {
                let known = [
                    CudaError::NoDriver.to_string(),
                    CudaError::NotBuilt.to_string(),
                ];
                let driver = matches!(error, CudaError::Driver(_));
                assert!(driver || known.contains(&error.to_string()), "{error}");
            }
        }
    }
}
