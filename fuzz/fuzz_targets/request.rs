//! [`mustool_fuzz::targets::request`] for libFuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mustool_fuzz::targets::request(data);
});

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("built without libFuzzer: use `cargo fuzz run request`, or the program hammer");
    std::process::exit(2);
}
