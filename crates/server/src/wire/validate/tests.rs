//! Every documented refusal, with its pointer, and that nothing from outside panics.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::wire::music::{CHORD_PATTERN, KEY_PATTERN, METER_PATTERN};
use crate::wire::parse;

fn faults(mut request: Value) -> Vec<String> {
    if request.get("prompt").is_none() {
        request["prompt"] = json!("piano");
    }
    let checked = parse::<GenerationRequest>(request.to_string().as_bytes())
        .and_then(|request| request.validate(30.0));
    match checked {
        Ok(()) => Vec::new(),
        Err(Error::Invalid { faults }) => faults.into_iter().map(|f| f.pointer).collect(),
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn every_wrong_field_is_pointed_at() {
    let cases = [
        (json!({"prompt": "  "}), "/prompt"),
        (json!({"prompt": "a\u{0}b"}), "/prompt"),
        (json!({"prompt": "x".repeat(2001)}), "/prompt"),
        (json!({"prompt": 5}), "/prompt"),
        (
            json!({"negative_prompt": "x".repeat(1001)}),
            "/negative_prompt",
        ),
        (json!({"duration_s": 31}), "/duration_s"),
        (json!({"duration_s": "ten"}), "/duration_s"),
        (json!({"duration_s": null, "n": 5}), "/n"),
        (json!({"n": -1}), "/n"),
        (json!({"seed": (1_u64 << 53)}), "/seed"),
        (json!({"steps": 0}), "/steps"),
        (json!({"guidance_scale": 51}), "/guidance_scale"),
        (json!({"scheduler": "euler"}), "/scheduler"),
        (json!({"colour": "red"}), "/colour"),
        (json!({"controls": {"tempo": 90}}), "/controls/tempo"),
        (
            json!({"controls": {"tempo_bpm": 10}}),
            "/controls/tempo_bpm",
        ),
        (json!({"controls": {"key": "H:min"}}), "/controls/key"),
        (
            json!({"controls": {"time_signature": "4"}}),
            "/controls/time_signature",
        ),
        (
            json!({"controls": {"chords": [{"t": 0, "symbol": "Am7"}, {"t": 1, "symbol": "Xy"}]}}),
            "/controls/chords/1/symbol",
        ),
        (
            json!({"controls": {"chords": [{"t": 2, "symbol": "C"}, {"t": 1, "symbol": "D"}]}}),
            "/controls/chords/1/t",
        ),
        (
            json!({"controls": {"beats": [{"t": 10.5, "beat": 1}]}}),
            "/controls/beats/0/t",
        ),
        (
            json!({"controls": {"beats": [{"t": 0.5, "beat": 0}]}}),
            "/controls/beats/0/beat",
        ),
        (
            json!({"input_audio": {"file_id": "../etc"}}),
            "/input_audio/file_id",
        ),
        (
            json!({"input_audio": {"file_id": "file_1", "mode": "inpaint", "start_s": 3}}),
            "/input_audio/end_s",
        ),
        (
            json!({"input_audio": {"file_id": "file_1", "strength": 2}}),
            "/input_audio/strength",
        ),
        (json!({"output": {"format": "wma"}}), "/output/format"),
        (
            json!({"output": {"bitrate_kbps": 1}}),
            "/output/bitrate_kbps",
        ),
        (
            json!({"output": {"loudness": {"target_lufs": 3}}}),
            "/output/loudness/target_lufs",
        ),
        (json!({"expires_after_s": 1}), "/expires_after_s"),
        (json!({"metadata": {"a": "x".repeat(5000)}}), "/metadata"),
        (
            json!({"plan": {"tempo_bpm": 100, "time_signature": "4/4", "duration_s": 8, "chords": [{"t": 9, "symbol": "C"}]}}),
            "/plan/chords/0/t",
        ),
        (
            json!({"plan": {"tempo_bpm": 100, "time_signature": "3/4", "duration_s": 8, "beats": [{"t": 0, "beat": 4}]}}),
            "/plan/beats/0/beat",
        ),
    ];
    for (request, pointer) in cases {
        assert_eq!(faults(request.clone()), [pointer], "{request}");
    }
}

#[test]
fn several_faults_are_told_at_once() {
    let request = json!({"prompt": "", "n": 9, "controls": {"tempo_bpm": 1e9}});
    assert_eq!(faults(request), ["/prompt", "/n", "/controls/tempo_bpm"]);
}

#[test]
fn the_documented_request_is_right() {
    let request = json!({
        "model": "mustango", "prompt": "warm lo-fi piano", "negative_prompt": "vocals",
        "duration_s": 10, "seed": 1234, "n": 2, "steps": 100, "guidance_scale": 3.0,
        "scheduler": "ddpm",
        "controls": {"tempo_bpm": 84, "time_signature": "4/4", "key": "A:min",
            "beats": [{"t": 0.0, "beat": 1}, {"t": 0.714, "beat": 2}],
            "chords": [{"t": 0.0, "symbol": "Am7"}, {"t": 2.857, "symbol": "Fmaj7"}],
            "fill": "predict"},
        "input_audio": {"file_id": "file_1", "mode": "inpaint", "strength": 0.6, "start_s": 3.0, "end_s": 6.0},
        "output": {"format": "flac", "sample_rate": 16000, "bitrate_kbps": null,
            "loudness": {"target_lufs": -14, "true_peak_dbtp": -1}, "embed_metadata": true, "previews": true},
        "priority": "normal", "expires_after_s": 86400,
        "webhook": {"url": "https://example.org/hook", "events": ["completed"]},
        "metadata": {"project": "x"}
    });
    assert!(faults(request).is_empty());
}

#[test]
fn broken_json_is_told_from_wrong_fields() {
    for broken in [
        "",
        "{",
        "{\"prompt\": \"x\"} {}",
        "{\"prompt\": \"\u{1}\"}",
        "nul",
    ] {
        let error = parse::<GenerationRequest>(broken.as_bytes()).unwrap_err();
        assert!(matches!(error, Error::Json { .. }), "{broken}: {error}");
    }
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let error = parse::<Value>(deep.as_bytes()).unwrap_err();
    assert!(matches!(error, Error::Json { .. }));
    let flat = format!("{{\"prompt\": \"{}\"}}", "[".repeat(100));
    assert!(parse::<GenerationRequest>(flat.as_bytes()).is_ok());
}

proptest! {
    #[test]
    fn what_the_document_allows_is_understood(
        key in proptest::string::string_regex(&KEY_PATTERN[1..KEY_PATTERN.len() - 1]).unwrap(),
        meter in proptest::string::string_regex(&METER_PATTERN[1..METER_PATTERN.len() - 1]).unwrap(),
        chord in proptest::string::string_regex(&CHORD_PATTERN[1..CHORD_PATTERN.len() - 1]).unwrap(),
    ) {
        prop_assert!(Key::parse(&key).is_ok(), "{}", key);
        prop_assert!(Meter::parse(&meter).is_ok(), "{}", meter);
        prop_assert!(Chord::parse(&chord).is_ok(), "{}", chord);
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(request) = parse::<GenerationRequest>(&bytes) {
            let _ = request.validate(30.0);
        }
    }

    #[test]
    fn a_valid_request_survives_the_way_through_json(prompt in "[a-z]{1,40}", seed in 0..MAX_SEED, n in 1_u32..5) {
        let request = json!({"prompt": prompt, "seed": seed, "n": n});
        let request: GenerationRequest = parse(request.to_string().as_bytes())?;
        request.validate(30.0)?;
        let again: GenerationRequest = parse(&serde_json::to_vec(&request)?)?;
        prop_assert_eq!(again, request);
    }
}
