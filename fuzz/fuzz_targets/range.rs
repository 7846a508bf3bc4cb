//! [`mustool_fuzz::targets::range`] for libFuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mustool_fuzz::targets::range(data);
});

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("built without libFuzzer: use `cargo fuzz run range`, or the program hammer");
    std::process::exit(2);
}
