//! Hammers the readers for some seconds each: `hammer [--seconds 60] [--seed N] [TARGET..]`.
//!
//! Input that panics, or takes more than a second, is written to `fuzz/artifacts/` and ends the
//! program with status 1; `hammer --replay FILE TARGET` runs it again. Inputs with an outcome that
//! was not seen before become examples themselves.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use mustool_fuzz::mutate::{Random, mutate};
use mustool_fuzz::targets::{ALL, Target};

/// Longest time that a reader may take, in a build with optimisation.
const SLOW: Duration = Duration::from_secs(1);
/// Most examples that are kept of a target.
const MAX_EXAMPLES: usize = 2_000;

struct Options {
    seconds: u64,
    seed: u64,
    replay: Option<PathBuf>,
    targets: Vec<Target>,
}

fn main() -> ExitCode {
    let options = match options(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!(
                "{message}\nusage: hammer [--seconds N] [--seed N] [--replay FILE] [TARGET..]"
            );
            return ExitCode::from(2);
        }
    };
    if let Some(path) = &options.replay {
        let data = std::fs::read(path).expect("the file can be read");
        for (name, target) in &options.targets {
            println!("{name}: {}", target(&data));
        }
        return ExitCode::SUCCESS;
    }
    std::panic::set_hook(Box::new(|_| ())); // a panic is reported with its input
    let passed = options
        .targets
        .iter()
        .filter(|target| hammer(target, &options));
    match passed.count() == options.targets.len() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

fn options(mut arguments: impl Iterator<Item = String>) -> Result<Options, String> {
    let mut options = Options {
        seconds: 60,
        seed: 1,
        replay: None,
        targets: Vec::new(),
    };
    while let Some(argument) = arguments.next() {
        let mut number = || {
            let text = arguments.next().unwrap_or_default();
            text.parse::<u64>()
                .map_err(|_| format!("{argument} needs a number"))
        };
        match argument.as_str() {
            "--seconds" => options.seconds = number()?,
            "--seed" => options.seed = number()?,
            "--replay" => {
                options.replay = Some(arguments.next().ok_or("--replay needs a file")?.into())
            }
            name => {
                let target = ALL.into_iter().find(|(known, _)| *known == name);
                options
                    .targets
                    .push(target.ok_or(format!("there is no target {name:?}"))?);
            }
        }
    }
    if options.targets.is_empty() {
        options.targets = ALL.into();
    }
    Ok(options)
}

/// Whether the target has survived.
fn hammer(&(name, target): &Target, options: &Options) -> bool {
    let mut random = Random(options.seed);
    let mut examples = examples(name);
    let (mut outcomes, mut runs, mut slowest) = (HashSet::new(), 0_u64, Duration::ZERO);
    let end = Instant::now() + Duration::from_secs(options.seconds);
    let words = words(name);
    while Instant::now() < end {
        let data = match runs < examples.len() as u64 {
            true => examples[runs as usize].clone(), // first of all, the examples themselves
            false => mutate(&mut random, &examples, words),
        };
        let start = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| target(&data)));
        let elapsed = start.elapsed();
        runs += 1;
        slowest = slowest.max(elapsed);
        let fault = match outcome {
            Err(panic) => Some(reason(panic.as_ref())),
            Ok(_) if elapsed > SLOW => Some(format!("it took {elapsed:?}")),
            Ok(outcome) => {
                if outcomes.insert(outcome) && examples.len() < MAX_EXAMPLES {
                    examples.push(data.clone());
                }
                None
            }
        };
        if let Some(fault) = fault {
            let path = keep(name, &data, runs);
            println!(
                "{name}: FAILED after {runs} inputs: {fault}; input in {}",
                path.display()
            );
            return false;
        }
    }
    println!(
        "{name}: {runs} inputs, {} outcomes, slowest {slowest:.1?}, no fault",
        outcomes.len()
    );
    true
}

fn reason(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
    text.unwrap_or_else(|| "a panic".to_owned())
}

fn keep(name: &str, data: &[u8], runs: u64) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("artifacts")
        .join(name);
    std::fs::create_dir_all(&folder).expect("the folder can be made");
    let path = folder.join(format!("hammer-{runs}"));
    std::fs::write(&path, data).expect("the input can be written");
    path
}

/// Good input to begin with.
fn examples(name: &str) -> Vec<Vec<u8>> {
    let texts: &[&str] = match name {
        "chord" => &[
            "Am7",
            "F#maj7/A#",
            "Bbm7b5",
            "C:min7",
            "G7#9",
            "N",
            "Dsus4",
            "E:(1,b3,5)/5",
            "Caug",
            "F°7",
            "Ab6/9",
            "Bø",
            "CΔ7",
            "D♭maj7",
        ],
        "request" => &[
            include_str!("../examples/request_full.json"),
            r#"{"prompt":"warm piano","duration_s":10,"seed":1,"n":2}"#,
            r#"{"prompt":"x","input_audio":{"file_id":"file_1","mode":"inpaint","start_s":1,"end_s":2}}"#,
            r#"{"prompt":"x","plan":{"tempo_bpm":84,"time_signature":"4/4","duration_s":8}}"#,
        ],
        "range" => &[
            "bytes=0-99",
            "bytes=-5",
            "bytes=3-",
            "\0\0\0\0\0\0\0\0bytes=0-",
            "\"abc\", W/\"x\"",
            "*",
        ],
        "event_id" => &["0", "2", "3", "17", "18446744073709551615"],
        _ => return audio_examples(),
    };
    texts.iter().map(|text| text.as_bytes().to_vec()).collect()
}

/// The sound files of the tests, the small ones whole.
fn audio_examples() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/audio");
    let files = std::fs::read_dir(folder).expect("the fixtures are there");
    let read =
        files.map(|file| std::fs::read(file.expect("a file").path()).expect("it can be read"));
    let mut examples: Vec<Vec<u8>> = read.collect();
    examples.sort();
    examples
        .iter_mut()
        .for_each(|example| example.truncate(16 << 10));
    examples
}

/// Words of the format.
fn words(name: &str) -> &'static [&'static [u8]] {
    match name {
        "chord" => &[
            b"maj",
            b"min",
            b"sus",
            b"dim",
            b"/",
            b":",
            b"(",
            b"#",
            b"b",
            b"13",
            b"add",
            "♯".as_bytes(),
            "Δ".as_bytes(),
        ],
        "request" => &[
            b"null",
            b"1e999",
            b"-0",
            b"[[[[[[[[",
            b"\\u0000",
            b"\"prompt\":",
            b"\"beats\":[",
            b"{\"t\":0,\"beat\":1}",
            b"NaN",
            b"9007199254740993",
        ],
        "range" => &[
            b"bytes=",
            b"-",
            b",",
            b"\"abc\"",
            b"W/",
            b"99999999999999999999",
        ],
        "event_id" => &[b"-", b"+", b" ", b"0x", b"1e3"],
        _ => &[
            b"RIFF",
            b"WAVE",
            b"data",
            b"fmt ",
            b"fLaC",
            b"OggS",
            b"OpusHead",
            b"OpusTags",
            b"ID3\x04",
            b"moov",
            b"mdat",
            b"stsz",
            b"\xFF\xFB\x90\x64",
            b"\xFF\xFF\xFF\xFF",
        ],
    }
}
