//! The commands about the machine and the shell.

use super::Bench;

#[test]
fn doctor_tells_the_facts() {
    let bench = Bench::new();
    let told = &bench.ok(&["doctor", "--json"]).json()[0];
    assert!(told["cores"].as_u64().unwrap() > 0);
    assert_eq!(told["cuda"], false);
    assert!(["portable", "avx2", "avx512", "amx"].contains(&told["cpu_level"].as_str().unwrap()));
    assert!(
        bench
            .ok(&["doctor"])
            .text()
            .contains("cuda        not in this build")
    );
}

#[test]
fn completions_name_every_command() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish"] {
        let run = bench.ok(&["completions", shell]);
        for command in [
            "generate", "plan", "info", "models", "doctor", "compose", "train", "bench",
        ] {
            assert!(run.text().contains(command), "{shell}: {command}");
        }
    }
}

#[test]
fn bench_times_every_stage() {
    let bench = Bench::new();
    let args = [
        "bench",
        "generate",
        "--duration",
        "1",
        "--steps",
        "2",
        "--runs",
        "1",
        "--json",
    ];
    let told = &bench.ok(&args).json()[0];
    let seconds = told["seconds"].as_object().unwrap();
    let whole = seconds["whole"].as_f64().unwrap();
    let stages: f64 = seconds.values().map(|s| s.as_f64().unwrap()).sum::<f64>() - whole;
    assert!(seconds.contains_key("denoise"), "{told}");
    assert!(stages > 0.0 && stages <= whole * 1.001, "{told}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_ends_with_130_and_leaves_nothing_behind() {
    use std::io::{BufRead, BufReader};
    let bench = Bench::new();
    // Two pieces: when the first is announced, the second is being made.
    let line = r#"{"prompt":"x","duration_s":1,"steps":2}"#;
    let long = r#"{"prompt":"x","duration_s":1,"steps":1000}"#;
    std::fs::write(bench.path("r.jsonl"), format!("{line}\n{long}\n")).unwrap();
    let mut command = bench.command(&["generate", "--file", "r.jsonl", "-o", "out/", "--json"]);
    let stdout = std::process::Stdio::piped();
    let mut child = command
        .stdout(stdout)
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut first)
        .unwrap();
    assert!(first.contains("000.wav"), "{first}");
    let id = child.id().to_string();
    assert!(
        std::process::Command::new("kill")
            .args(["-INT", &id])
            .status()
            .unwrap()
            .success()
    );
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(super::names(&bench.path("out")), ["000.wav"]);
}
