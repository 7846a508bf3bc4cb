//! A finished piece carries what makes it again, to the byte.

use super::Bench;

fn repeats(bench: &Bench, name: &str) {
    let copy = format!("again-{name}");
    let run = bench.ok(&["generate", "--from-file", name, "-o", &copy]);
    assert!(
        bench.bytes(name) == bench.bytes(&copy),
        "{name}: {}",
        run.stderr
    );
    assert!(!run.stderr.contains("not to the byte"));
}

#[test]
fn every_setting_is_carried() {
    let bench = Bench::new();
    let settings = [
        "--seed",
        "18446744073709551615",
        "--bpm",
        "97.3",
        "--key",
        "F# minor",
        "--meter",
        "3/4",
        "--chords",
        "F#m D",
        "--negative",
        "vocals",
        "--guidance",
        "2.7",
        "--scheduler",
        "ddim",
        "--lufs",
        "-20.5",
        "--bits",
        "24",
        "--dtype",
        "f32",
    ];
    bench.generate("a.flac", &settings);
    repeats(&bench, "a.flac");
}

#[test]
fn one_of_several_is_repeated_alone() {
    let bench = Bench::new();
    bench.generate("x.wav", &["-n", "2"]);
    repeats(&bench, "x-001.wav");
}

#[test]
fn an_edited_plan_is_carried() {
    let bench = Bench::new();
    bench.ok(&["plan", "waltz", "--duration", "1.7", "-o", "p.json"]);
    let args = [
        "generate", "waltz", "--plan", "p.json", "--steps", "2", "-o", "w.wav",
    ];
    bench.ok(&args);
    std::fs::remove_file(bench.path("p.json")).unwrap();
    repeats(&bench, "w.wav");
}

#[test]
fn the_input_must_be_the_same_file() {
    let bench = Bench::new();
    bench.generate("in.wav", &["--seed", "1"]);
    let inpaint = [
        "--input", "in.wav", "--mode", "inpaint", "--from", "0.2", "--to", "0.6",
    ];
    bench.generate("out.wav", &inpaint);
    repeats(&bench, "out.wav");
    bench.generate("in.wav", &["--seed", "2", "--force"]);
    let args = ["generate", "--from-file", "out.wav", "-o", "again.wav"];
    bench.refuses(2, &args, &["--input", "in.wav"]);
}

#[test]
fn a_foreign_file_cannot_be_repeated() {
    let bench = Bench::new();
    let foreign = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/fixtures/audio/reference.wav"
    );
    let args = ["generate", "--from-file", foreign, "-o", "again.wav"];
    bench.refuses(2, &args, &["--from-file", "no settings"]);
}
