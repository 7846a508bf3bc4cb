//! Lines of requests have the fields of the service's requests, all of them.

use super::{Bench, names};

const LINE: &str = r#"{"model":"ID","prompt":"warm piano","negative_prompt":"vocals",
"duration_s":2,"seed":1234,"n":1,"steps":2,"guidance_scale":3.0,"scheduler":"ddim",
"controls":{"tempo_bpm":84,"time_signature":"3/4","key":"A:min",
"beats":[{"t":0.1,"beat":3},{"t":0.8,"beat":1},{"t":1.5,"beat":2}],
"chords":[{"t":0.0,"symbol":"Am7"},{"t":1.2,"symbol":"Fmaj7"}],"fill":"predict"},
"output":{"format":"flac","bits":"24","sample_rate":16000,"bitrate_kbps":null,
"loudness":{"target_lufs":-16,"true_peak_dbtp":-1},"embed_metadata":true,"previews":true},
"priority":"normal","expires_after_s":86400,
"webhook":{"url":"https://example.org/x","events":["completed"]},"metadata":{"project":"x"}}"#;

/// The line for the model inside the program.
fn line(bench: &Bench) -> String {
    let listed = bench.ok(&["models", "list", "--json"]).json();
    let id = listed[0]["id"].as_str().unwrap();
    LINE.replace('\n', "").replace("\"ID\"", &format!("{id:?}"))
}

fn run(bench: &Bench, line: &str) -> super::Run {
    std::fs::write(bench.path("r.jsonl"), format!("{line}\n")).unwrap();
    bench.run(&[
        "generate", "--file", "r.jsonl", "-o", "out/", "--json", "--force",
    ])
}

#[test]
fn every_field_of_a_request_is_obeyed_or_carried() {
    let bench = Bench::new();
    let ran = run(&bench, &line(&bench));
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("webhook"), "{}", ran.stderr);
    assert_eq!(names(&bench.path("out")), ["000.flac"]);
    let told = &ran.json()[0];
    assert_eq!(
        (told["sample_rate"].as_u64(), told["seed"].as_u64()),
        (Some(16_000), Some(1234))
    );
    let plan = &told["resolved"];
    assert_eq!(plan["beats"].as_array().unwrap().len(), 3);
    assert_eq!(plan["beats"][0]["beat"], 3);
    assert_eq!(plan["tempo_bpm"], 84.0);
    assert_eq!(plan["meter"], "3/4");
    assert_eq!(plan["chords"][1]["symbol"], "Fmaj7");
    let tags = &bench.ok(&["info", "out/000.flac", "--json"]).json()[0]["tags"];
    assert_eq!(tags["settings"]["metadata"]["project"], "x");
    assert_eq!(tags["settings"]["controls"]["beats"][1]["t"], 0.8);
    let again = [
        "generate",
        "--from-file",
        "out/000.flac",
        "-o",
        "again.flac",
    ];
    bench.ok(&again);
    assert!(bench.bytes("again.flac") == bench.bytes("out/000.flac"));
}

#[test]
fn files_may_go_without_what_made_them() {
    let bench = Bench::new();
    let bare = line(&bench).replace("\"embed_metadata\":true", "\"embed_metadata\":false");
    assert_eq!(run(&bench, &bare).code, Some(0));
    let tags = &bench.ok(&["info", "out/000.flac", "--json"]).json()[0]["tags"];
    assert!(tags.get("prompt").is_none(), "{tags}");
}

#[test]
fn fields_that_cannot_be_are_named_with_their_line() {
    let bench = Bench::new();
    let line = line(&bench);
    for (from, to, word) in [
        ("\"model\":\"", "\"model\":\"no-", "model: \"no-"),
        (
            "{\"t\":0.8,",
            "{\"t\":0.05,",
            "beats: 0.05 s comes after 0.1 s",
        ),
        (
            "{\"t\":0.8,\"beat\":1}",
            "{\"t\":0.8,\"beat\":0}",
            "beats: 0 is no place",
        ),
        ("\"predict\"", "\"guess\"", "guess"),
        (
            "\"bitrate_kbps\":null",
            "\"bitrate_kbps\":128",
            "bitrate_kbps",
        ),
        ("\"sample_rate\":16000", "\"sample_rate\":1", "sample_rate"),
        ("\"normal\"", "\"soon\"", "soon"),
        ("\"Am7\"", "\"H7\"", "H7"),
        ("\"Am7\"", "\"Am7 F\"", "Am7 F"),
        ("\"metadata\":{", "\"meta\":{", "meta"),
    ] {
        assert!(line.contains(from), "{from}");
        let ran = run(&bench, &line.replace(from, to));
        assert_eq!(ran.code, Some(2), "{to}: {}", ran.stderr);
        let located = ran.stderr.contains("line 1") && ran.stderr.contains(word);
        assert!(located, "{to}: {}", ran.stderr);
        assert!(!bench.path("out").exists(), "{to}");
    }
}
