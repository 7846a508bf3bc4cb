//! Analysing files and evaluating the model: what is printed, and what is refused.

use mustool_audio::wav::{self, SampleFormat};
use mustool_audio::{Tags, Waveform};

use super::Bench;

/// Two seconds each of C, F, G and C, struck twice a second.
fn cadence() -> Waveform {
    let chords: [[f32; 4]; 4] = [
        [130.81, 261.63, 329.63, 392.00],
        [87.31, 261.63, 349.23, 440.00],
        [98.00, 246.94, 293.66, 392.00],
        [130.81, 261.63, 329.63, 392.00],
    ];
    let sample = |i: usize| {
        let (age_s, chord) = ((i % 12_000) as f32 / 24_000.0, chords[i / 48_000]);
        let phase = |hz: f32| std::f32::consts::TAU * hz * i as f32 / 24_000.0;
        let note = |hz: f32| {
            (1..5)
                .map(|n| (n as f32 * phase(hz)).sin() / n as f32)
                .sum::<f32>()
        };
        0.1 * (-4.0 * age_s).exp() * chord.iter().map(|&hz| note(hz)).sum::<f32>()
    };
    Waveform::mono((0..192_000).map(sample).collect(), 24_000).unwrap()
}

#[test]
fn analyze_tells_the_chords_and_the_key_of_a_cadence() {
    let bench = Bench::new();
    wav::write_file(
        &bench.path("a.wav"),
        &cadence(),
        SampleFormat::Pcm16,
        &Tags::default(),
    )
    .unwrap();
    let facts = bench.ok(&["analyze", "a.wav", "--json"]).json();
    assert_eq!(facts.len(), 1);
    let chords = facts[0]["chords"].as_array().unwrap();
    let symbols: Vec<&str> = chords
        .iter()
        .map(|chord| chord["symbol"].as_str().unwrap())
        .collect();
    assert_eq!(symbols, ["C", "F", "G", "C"]);
    assert_eq!(facts[0]["key"], "C major");
    assert_eq!(facts[0]["duration_s"], 8.0);
    assert!(facts[0]["loudness"]["integrated_lufs"].as_f64().is_some());
    let text = bench.ok(&["analyze", "a.wav", "a.wav"]);
    assert_eq!(text.text().matches("C major").count(), 2);
}

#[test]
fn what_cannot_be_heard_or_evaluated_is_refused() {
    let bench = Bench::new();
    bench.refuses(1, &["analyze", "absent.wav"], &["absent.wav"]);
    bench.refuses(2, &["analyze"], &["FILE"]);
    bench.refuses(2, &["evaluate", "model"], &["--prompts"]);
    bench.refuses(
        2,
        &["evaluate", "model", "--prompts", "absent.jsonl"],
        &["absent.jsonl"],
    );
    bench.refuses(
        2,
        &["evaluate", "model", "--held-out", "0"],
        &["--held-out"],
    );
}

#[test]
fn evaluate_measures_a_prompt_without_a_reference() {
    let bench = Bench::new();
    let plan = "{\"tempo_bpm\": 120, \"meter\": \"4/4\", \"duration_s\": 2, \"key\": \"A minor\", \
                \"beats\": [{\"t\": 0, \"beat\": 1}, {\"t\": 0.5, \"beat\": 2}], \
                \"chords\": [{\"t\": 0, \"symbol\": \"Am\"}], \"instruments\": [\"piano\"]}";
    let line = format!("{{\"prompt\": \"soft piano\", \"plan\": {plan}}}\n");
    std::fs::write(bench.path("p.jsonl"), line).unwrap();
    let args = [
        "evaluate",
        "model",
        "--prompts",
        "p.jsonl",
        "--reference",
        "none",
        "--steps",
        "2",
    ];
    let result = bench
        .ok(&[&args[..], &["--seeds", "2", "--json"]].concat())
        .json();
    assert_eq!(
        (&result[0]["num_prompts"], &result[0]["num_seeds"]),
        (&1.into(), &2.into())
    );
    let rows = result[0]["report"]["rows"].as_array().unwrap();
    let row = |name: &str| rows.iter().find(|row| row["measure"] == name).unwrap();
    for name in ["tbt", "beat_f", "ecm", "one_instrument", "clipped"] {
        let value = row(name)["generated"].as_f64().unwrap();
        assert!((0.0..=1.0).contains(&value), "{name}: {value}");
        assert!(row(name)["ceiling"].is_null() && row(name)["count"] == 2);
    }
}
