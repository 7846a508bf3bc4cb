//! [`mustool_fuzz::targets::event_id`] for libFuzzer.
#![cfg_attr(fuzzing, no_main)]

#[cfg(fuzzing)]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    mustool_fuzz::targets::event_id(data);
});

#[cfg(not(fuzzing))]
fn main() {
    eprintln!("built without libFuzzer: use `cargo fuzz run event_id`, or the program hammer");
    std::process::exit(2);
}
