//! [`mustool_fuzz::targets::audio`] for libFuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mustool_fuzz::targets::audio(data);
});

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("built without libFuzzer: use `cargo fuzz run audio`, or the program hammer");
    std::process::exit(2);
}
