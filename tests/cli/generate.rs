//! What `generate`, `plan` and `info` write.

use super::{Bench, names};

#[test]
fn a_piece_has_the_length_the_loudness_and_the_tags_that_were_asked_for() {
    let bench = Bench::new();
    let told = &bench.generate("a.wav", &["--seed", "5", "--json"]).json()[0];
    assert_eq!(told["seed"], 5);
    assert!(
        (told["duration_s"].as_f64().unwrap() - 1.0).abs() < 1e-3,
        "{told}"
    );
    assert!(told["true_peak_dbtp"].as_f64().unwrap() <= -0.9, "{told}");
    assert_eq!(
        told["bytes"].as_u64().unwrap(),
        bench.bytes("a.wav").len() as u64
    );
    let info = &bench.ok(&["info", "a.wav", "--json"]).json()[0];
    let tags = &info["tags"];
    assert_eq!(tags["prompt"], "soft piano");
    assert_eq!(tags["seed"], "5");
    assert_eq!(tags["settings"]["steps"], 2);
    assert_eq!(tags["model_sha256"], told["model"]["weights_sha256"]);
    assert_eq!(tags["plan"], told["resolved"]);
    assert!(tags["software"].as_str().unwrap().starts_with("mustool "));
    assert_eq!(bench.files(), ["a.wav"]);
}

#[test]
fn the_same_seed_gives_the_same_bytes_whatever_the_threads() {
    let bench = Bench::new();
    bench.generate("a.wav", &["--seed", "7"]);
    bench.generate("b.wav", &["--seed", "7", "--threads", "1"]);
    bench.generate("c.wav", &["--seed", "8"]);
    assert!(bench.bytes("a.wav") == bench.bytes("b.wav"));
    assert!(bench.bytes("a.wav") != bench.bytes("c.wav"));
}

#[test]
fn a_random_seed_is_reported_and_names_the_file() {
    let bench = Bench::new();
    let args = [
        "generate",
        "drums",
        "--duration",
        "1",
        "--steps",
        "2",
        "--json",
    ];
    let told = bench.ok(&args).json();
    assert_eq!(bench.files(), [format!("mustool-{}.wav", told[0]["seed"])]);
}

#[test]
fn several_outputs_are_numbered_and_differ() {
    let bench = Bench::new();
    bench.generate("x.flac", &["--seed", "1", "-n", "2"]);
    assert_eq!(bench.files(), ["x-000.flac", "x-001.flac"]);
    assert!(bench.bytes("x-000.flac").starts_with(b"fLaC"));
    assert!(bench.bytes("x-000.flac") != bench.bytes("x-001.flac"));
    bench.generate("x.flac", &["--seed", "1"]);
    assert!(
        bench.bytes("x.flac") == bench.bytes("x-000.flac"),
        "n must not change the first"
    );
}

#[test]
fn stdout_carries_the_file_and_nothing_else() {
    let bench = Bench::new();
    let piped = bench.generate("-", &["--seed", "3"]);
    bench.generate("a.wav", &["--seed", "3"]);
    assert!(piped.stdout == bench.bytes("a.wav"));
}

#[test]
fn every_sample_format_is_written() {
    let bench = Bench::new();
    let mut sizes = Vec::new();
    for bits in ["16", "24", "32f"] {
        let name = format!("{bits}.wav");
        bench.generate(&name, &["--seed", "1", "--bits", bits]);
        sizes.push(bench.bytes(&name).len());
    }
    assert!(sizes[0] < sizes[1] && sizes[1] < sizes[2], "{sizes:?}");
}

#[test]
fn lines_of_requests_become_numbered_files() {
    let bench = Bench::new();
    let lines = concat!(
        r#"{"prompt":"soft piano","duration_s":1,"seed":1,"steps":2,"n":2}"#,
        "\n\n",
        r#"{"prompt":"drums","duration_s":1,"seed":2,"steps":2,"controls":{"tempo_bpm":100,"#,
        r#""chords":[{"t":0,"symbol":"Am7"}]},"output":{"format":"flac"}}"#,
    );
    std::fs::write(bench.path("r.jsonl"), lines).unwrap();
    let told = bench
        .ok(&["generate", "--file", "r.jsonl", "-o", "out/", "--json"])
        .json();
    assert_eq!(
        names(&bench.path("out")),
        ["000.wav", "001.wav", "002.flac"]
    );
    let indices: Vec<_> = told
        .iter()
        .map(|line| line["index"].as_u64().unwrap())
        .collect();
    assert_eq!(indices, [0, 1, 2]);
    bench.generate("one.wav", &["--seed", "1"]);
    assert!(bench.bytes("one.wav") == bench.bytes("out/000.wav"));
}

#[test]
fn a_plan_is_printed_edited_and_followed() {
    let bench = Bench::new();
    let stated = [
        "--bpm", "100", "--key", "A minor", "--meter", "3/4", "--chords", "Am | F",
    ];
    let plan = [
        "plan",
        "waltz",
        "--duration",
        "2",
        "--seed",
        "1",
        "-o",
        "p.json",
    ];
    bench.ok(&[&plan[..], &stated].concat());
    let text = String::from_utf8(bench.bytes("p.json")).unwrap();
    let mut plan: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(plan["tempo_bpm"], 100.0);
    plan["chords"][0]["symbol"] = "Dm7".into();
    std::fs::write(bench.path("p.json"), plan.to_string()).unwrap();
    let args = [
        "generate", "waltz", "--plan", "p.json", "--steps", "2", "-o", "w.wav", "--json",
    ];
    let told = &bench.ok(&args).json()[0];
    assert_eq!(told["duration_s"], 2.0);
    assert_eq!(told["resolved"]["chords"][0]["symbol"], "Dm7");
    let line = bench.ok(&["plan", "waltz", "--bpm", "90", "--text"]);
    assert!(line.text().starts_with("90.0 bpm"), "{}", line.text());
}

#[test]
fn quiet_says_nothing_and_an_untrained_model_is_called_so() {
    let bench = Bench::new();
    let loud = bench.generate("a.wav", &["--json"]);
    let trained = loud.json()[0]["model"]["trained"].as_bool().unwrap();
    assert_eq!(loud.stderr.contains("untrained"), !trained);
    assert_eq!(bench.generate("b.wav", &["--quiet"]).stderr, "");
}
