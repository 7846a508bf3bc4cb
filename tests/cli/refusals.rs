//! Wrong input: exit code 2, the flag and the remedy on stderr, and nothing written.

use super::Bench;

#[test]
fn wrong_requests_name_the_flag() {
    let bench = Bench::new();
    let long = "x".repeat(2_001);
    let cases: [(&[&str], &[&str]); 22] = [
        (&[""], &["PROMPT", "empty"]),
        (&["  "], &["PROMPT", "empty"]),
        (&[&long], &["PROMPT", "2001", "2000"]),
        (&["x", "--duration", "0"], &["--duration", "at most"]),
        (&["x", "--duration", "-1"], &["--duration"]),
        (&["x", "--duration", "nan"], &["--duration", "at most"]),
        (&["x", "--duration", "100000"], &["--duration", "at most"]),
        (&["x", "--chords", "Am H7"], &["--chords", "H7"]),
        (&["x", "--chords", " "], &["--chords", "no chord"]),
        (&["x", "--key", "H"], &["--key", "A to G"]),
        (&["x", "--meter", "4/0"], &["--meter", "4/4"]),
        (&["x", "--bpm", "1000"], &["--bpm", "20 to 400"]),
        (&["x", "--steps", "0"], &["--steps"]),
        (&["x", "--guidance", "nan"], &["--guidance"]),
        (&["x", "--scheduler", "euler"], &["--scheduler", "ddim"]),
        (&["x", "-n", "0"], &["-n"]),
        (&["x", "--lufs", "3"], &["--lufs", "-70 to 0"]),
        (&["x", "--threads", "0"], &["--threads"]),
        (&["x", "--model", "absent"], &["--model", "absent"]),
        (&["x", "--plan", "absent.json"], &["--plan", "absent.json"]),
        (
            &["x", "--plan", "p.json", "--bpm", "90"],
            &["--plan", "--bpm"],
        ),
        (&["x", "--from", "1"], &["--input"]),
    ];
    for (args, words) in cases {
        bench.refuses(2, &[&["generate", "-o", "a.wav"], args].concat(), words);
    }
    bench.refuses(2, &["generate"], &["PROMPT"]);
    bench.refuses(2, &["plan", "x", "--chords", "H"], &["--chords"]);
}

#[test]
fn wrong_outputs_are_refused_before_any_work() {
    let bench = Bench::new();
    for (output, more, words) in [
        ("absent/a.wav", "", ["-o", "make it first"]),
        ("a.mp3", "", ["-o", ".flac"]),
        ("a.wav", "--format=flac", ["--format", "agree"]),
        ("a.flac", "--bits=32f", ["--bits", "FLAC"]),
        ("-", "-n2", ["-o -", "one piece"]),
        ("-", "--json", ["--json", "-o -"]),
    ] {
        let mut args = vec![
            "generate",
            "x",
            "-o",
            output,
            "--duration",
            "1",
            "--steps",
            "2",
        ];
        args.extend([more].iter().filter(|more| !more.is_empty()));
        bench.refuses(2, &args, &words);
    }
}

#[test]
fn a_file_that_exists_is_replaced_only_with_force() {
    let bench = Bench::new();
    std::fs::write(bench.path("a.wav"), "mine").unwrap();
    let args = [
        "generate",
        "x",
        "-o",
        "a.wav",
        "--duration",
        "1",
        "--steps",
        "2",
    ];
    bench.refuses(2, &args, &["a.wav", "--force"]);
    assert_eq!(bench.bytes("a.wav"), b"mine");
    bench.ok(&[&args[..], &["--force"]].concat());
    assert!(bench.bytes("a.wav").starts_with(b"RIFF"));
    bench.refuses(2, &["plan", "x", "-o", "a.wav"], &["--force"]);
}

#[test]
fn inputs_and_their_modes_are_checked() {
    let bench = Bench::new();
    bench.generate("in.wav", &[]);
    std::fs::write(bench.path("text.wav"), "not audio").unwrap();
    let cases: [(&[&str], &[&str]); 7] = [
        (&["absent.wav"], &["--input", "absent.wav"]),
        (&["text.wav"], &["--input", "text.wav"]),
        (&["in.wav", "--mode", "inpaint", "--to", "1"], &["--from"]),
        (
            &[
                "in.wav", "--mode", "inpaint", "--from", "0.5", "--to", "0.1",
            ],
            &["--to"],
        ),
        (
            &["in.wav", "--mode", "inpaint", "--from", "0.5", "--to", "9"],
            &["--to"],
        ),
        (
            &["in.wav", "--mode", "loop", "--strength", "0.5"],
            &["--strength"],
        ),
        (&["in.wav", "--strength", "1.5"], &["--strength"]),
    ];
    for (args, words) in cases {
        bench.refuses(
            2,
            &[&["generate", "x", "-o", "a.wav", "--input"], args].concat(),
            words,
        );
    }
}

#[test]
fn a_bad_line_is_named_and_nothing_is_made() {
    let bench = Bench::new();
    for (line, word) in [
        ("{", "line 2"),
        (r#"{"prompt":"x","tempo":3}"#, "tempo"),
        (r#"{"prompt":"","duration_s":1}"#, "prompt"),
        (r#"{"prompt":"x","duration_s":0}"#, "duration_s"),
        (r#"{"prompt":"x","controls":{"key":"H"}}"#, "line 2"),
    ] {
        let good = r#"{"prompt":"x","duration_s":1,"steps":2}"#;
        std::fs::write(bench.path("r.jsonl"), format!("{good}\n{line}\n")).unwrap();
        bench.refuses(
            2,
            &["generate", "--file", "r.jsonl", "-o", "out/"],
            &["line 2", word],
        );
    }
    std::fs::write(bench.path("r.jsonl"), "\n").unwrap();
    bench.refuses(
        2,
        &["generate", "--file", "r.jsonl", "-o", "out/"],
        &["no requests"],
    );
}

#[test]
fn info_wants_a_file_that_it_knows() {
    let bench = Bench::new();
    std::fs::write(bench.path("text.wav"), "not audio").unwrap();
    bench.refuses(2, &["info", "absent.wav"], &["absent.wav"]);
    bench.refuses(1, &["info", "text.wav"], &["text.wav"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_place_that_cannot_be_written_is_a_failure() {
    let bench = Bench::new();
    let args = ["generate", "x", "--duration", "1", "--steps", "2", "-o"];
    bench.refuses(
        1,
        &[&args[..], &["/proc/a.wav"]].concat(),
        &["/proc", "another folder"],
    );
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let mut command = bench.command(&[&args[..], &["-"]].concat());
    let output = command.stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).unwrap().contains("stdout"));
}
