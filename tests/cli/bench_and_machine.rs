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

#[test]
fn networks_of_full_size_are_asked_for_by_name() {
    let bench = Bench::new();
    bench.refuses(2, &["bench", "--config", "mustango"], &["--random-weights"]);
    bench.refuses(
        2,
        &["bench", "--config", "other", "--random-weights"],
        &["mustango"],
    );
    bench.refuses(
        2,
        &["bench", "--json"],
        &["--config mustango --random-weights"],
    );
}
