//! With the feature `cuda`: translates `cuda/*.cu` to PTX by `nvcc` (or `NVCC`), so that the driver
//! can finish them for the card at hand. Without an nvcc the crate still builds, for checking, and
//! says at run time what is missing. Nothing is downloaded.

use std::path::PathBuf;
use std::process::Command;

/// Oldest cards: Ampere.
const ARCHITECTURE: &str = "compute_80";

fn main() {
    println!("cargo:rerun-if-changed=cuda");
    println!("cargo:rerun-if-env-changed=NVCC");
    if std::env::var_os("CARGO_FEATURE_CUDA").is_none() {
        return;
    }
    let nvcc = std::env::var("NVCC").unwrap_or_else(|_| "nvcc".to_owned());
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names the folder"));
    for name in ["norm", "geglu", "attention", "conv"] {
        let target = out.join(format!("{name}.ptx"));
        let done = Command::new(&nvcc)
            .args(["-O3", "-std=c++17", "-ptx", "-arch", ARCHITECTURE, "-o"])
            .arg(&target)
            .arg(format!("cuda/{name}.cu"))
            .status();
        match done {
            Ok(status) if status.success() => {}
            Ok(status) => panic!("{nvcc} cuda/{name}.cu: {status}"),
            Err(error) => {
                println!("cargo:warning={nvcc}: {error}; the CUDA kernels are not built in");
                std::fs::write(&target, "").expect("cargo's own folder is writable");
            }
        }
    }
}
