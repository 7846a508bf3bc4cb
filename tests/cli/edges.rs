//! What breaks from outside: kills, full disks, damaged models. Whatever happens, the message says
//! what to do and no file is half-written.

use super::published::tiny;
use super::{Bench, names};

/// Starts two pieces, the second of them long, and waits until the first is announced.
#[cfg(unix)]
fn started(bench: &Bench) -> std::process::Child {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let line = r#"{"prompt":"x","duration_s":1,"steps":2}"#;
    let long = r#"{"prompt":"x","duration_s":1,"steps":1000}"#;
    std::fs::write(bench.path("r.jsonl"), format!("{line}\n{long}\n")).unwrap();
    let mut command = bench.command(&["generate", "--file", "r.jsonl", "-o", "out/", "--json"]);
    let command = command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut first = String::new();
    let stdout = child.stdout.as_mut().unwrap();
    BufReader::new(stdout).read_line(&mut first).unwrap();
    assert!(first.contains("000.wav"), "{first}");
    child
}

#[cfg(unix)]
fn signal(child: &std::process::Child, name: &str) {
    let id = child.id().to_string();
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args([name, &id]).status().unwrap().success());
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_130_and_leaves_nothing_behind() {
    let bench = Bench::new();
    let mut child = started(&bench);
    signal(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(names(&bench.path("out")), ["000.wav"]);
}

#[cfg(unix)]
#[test]
fn a_killed_run_leaves_whole_files_only() {
    let bench = Bench::new();
    let mut child = started(&bench);
    signal(&child, "-KILL");
    assert_eq!(child.wait().unwrap().code(), None);
    assert_eq!(names(&bench.path("out")), ["000.wav"]);
    let told = &bench.ok(&["info", "out/000.wav", "--json"]).json()[0];
    assert_eq!(told["tags"]["prompt"], "x");
}

#[cfg(unix)]
#[test]
fn a_disk_that_fills_up_leaves_no_file_and_the_old_one() {
    let bench = Bench::new();
    std::fs::write(bench.path("a.wav"), "mine").unwrap();
    // No file may grow beyond half a kilobyte.
    let mut shell = std::process::Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 1; exec \"$0\" \"$@\"";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_mustool")]);
    shell.args([
        "generate",
        "x",
        "--duration",
        "1",
        "--steps",
        "1",
        "--force",
        "-o",
        "a.wav",
    ]);
    let output = shell.current_dir(bench.path("")).output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("free some space"), "{stderr}");
    assert_eq!(bench.bytes("a.wav"), b"mine");
    assert_eq!(bench.files(), ["a.wav"]);
}

const MAKE: [&str; 9] = [
    "generate",
    "x",
    "--model",
    "m",
    "--duration=1",
    "--steps=1",
    "-o",
    "a.wav",
    "--quiet",
];

#[test]
fn a_number_that_is_none_is_named_by_its_network_and_never_written() {
    let bench = Bench::new();
    for (file, key, stage) in [
        ("ldm", "unet.conv_out.bias", "UNet"),
        (
            "ldm",
            "text_encoder.encoder.final_layer_norm.weight",
            "UNet",
        ),
        ("vae", "decoder.conv_out.bias", "decoder"),
        ("vae", "vocoder.conv_post.bias", "vocoder"),
        ("beats", "regressor.bias", "beat predictor"),
        ("chords", "decoder.final_layer_norm.weight", "not finite"),
    ] {
        tiny(&bench.path("m"), |name, tensors| {
            for (_, _, values) in tensors.iter_mut().filter(|t| name == file && t.0 == key) {
                values.fill(f32::NAN);
            }
        });
        bench.refuses(1, &MAKE, &[stage, "not finite"]);
    }
}

#[test]
fn a_damaged_model_folder_is_refused_by_the_name_of_the_file() {
    let bench = Bench::new();
    tiny(&bench.path("m"), |_, _| {});
    let broken = |file: &str, change: &dyn Fn(Vec<u8>) -> Vec<u8>, words: &[&str]| {
        let path = bench.path("m").join(file);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, change(whole.clone())).unwrap();
        bench.refuses(1, &MAKE, words);
        std::fs::write(&path, whole).unwrap();
    };
    let cut = |bytes: Vec<u8>| bytes[..bytes.len() / 2].to_vec();
    let nothing = |_: Vec<u8>| Vec::new();
    let page = |_: Vec<u8>| b"<html>not found</html>".to_vec();
    broken(
        "ldm/pytorch_model_ldm.bin",
        &cut,
        &["pytorch_model_ldm.bin"],
    );
    broken(
        "vae/pytorch_model_vae.bin",
        &nothing,
        &["pytorch_model_vae.bin", "download"],
    );
    broken(
        "chords/flan-t5-large.bin",
        &page,
        &["flan-t5-large.bin", "web page"],
    );
    broken("flan-t5-large/tokenizer.json", &cut, &["tokenizer"]);
    broken("configs/vae_config.json", &page, &["vae_config.json"]);
    broken("model.json", &cut, &["model.json"]);
    let huge = |bytes: Vec<u8>| {
        let text = String::from_utf8(bytes).unwrap();
        text.replace("\"ch\": 32", "\"ch\": 1000000000")
            .replace("\"ch\":32", "\"ch\":1000000000")
            .into_bytes()
    };
    broken(
        "configs/vae_config.json",
        &huge,
        &["vae_config.json", "impossible sizes"],
    );
    std::fs::remove_file(bench.path("m/flan-t5-large/tokenizer.json")).unwrap();
    bench.refuses(1, &MAKE, &["spiece.model"]);
    std::fs::create_dir(bench.path("empty")).unwrap();
    let mut empty = MAKE;
    empty[3] = "empty";
    bench.refuses(
        1,
        &empty,
        &["ldm/pytorch_model_ldm.bin", "unet.safetensors"],
    );
}

#[test]
fn ten_thousand_words_are_too_many() {
    let bench = Bench::new();
    let prompt = "piano ".repeat(10_000);
    bench.refuses(
        2,
        &["generate", &prompt, "-o", "a.wav"],
        &["PROMPT", "60000", "2000"],
    );
    bench.refuses(2, &["plan", &prompt], &["PROMPT", "60000"]);
}
