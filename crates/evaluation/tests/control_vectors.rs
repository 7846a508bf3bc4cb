//! The control metrics against rows that the published script has scored.

use mustool_evaluation::control::{ControlMetrics, Facts, RowScore};
use serde_json::Value;

fn facts(row: &Value, suffix: &str) -> Facts {
    let field = |name: &str| &row[format!("{name}{suffix}")];
    let numbers = field("beats")[1].as_array().expect("beat numbers");
    Facts {
        tempo_bpm: field("bpm").as_f64(),
        key: serde_json::from_value(field("key2").clone()).expect("a key"),
        chords: serde_json::from_value(field("chords").clone()).expect("chords"),
        beats_per_bar: numbers
            .iter()
            .filter_map(Value::as_f64)
            .map(|n| n as u8)
            .max(),
    }
}

#[test]
fn every_row_and_every_mean_is_that_of_the_published_script() {
    let text = include_str!("../../../tests/fixtures/mustango/control_metrics.json");
    let golden: Value = serde_json::from_str(text).expect("JSON");
    let rows = golden["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 60);
    let scores: Vec<RowScore> = rows
        .iter()
        .map(|row| RowScore::new(&facts(row, ""), &facts(row, "_ext")))
        .collect();
    let expected = &golden["expected"]["per_row"];
    let flag = |hit: bool| Value::from(u8::from(hit));
    for (i, row) in scores.iter().enumerate() {
        let pair = |count: usize| serde_json::json!([count, row.num_chords]);
        let found = [
            ("tempo_bin", flag(row.tempo_bin)),
            ("tempo_bin_oneoff", flag(row.tempo_bin_tolerant)),
            ("key", flag(row.key.expect("a key"))),
            (
                "key_dup",
                flag(row.key_or_published_relative.expect("a key")),
            ),
            ("chord_in_order", pair(row.chords_in_order)),
            ("chord_any_order", pair(row.chords_any_order)),
            ("chord_any_order_type", pair(row.chords_any_order_type)),
            ("beat", flag(row.beat)),
        ];
        for (name, value) in found {
            assert_eq!(value, expected[name][i], "row {i}, {name}");
        }
    }
    let all = ControlMetrics::of(&scores);
    let means = [
        ("TB", all.tb),
        ("TBT", all.tbt),
        ("CK", all.ck),
        ("CKD", all.ckd),
        ("PCM", all.pcm),
        ("ECM", all.ecm),
        ("CMO", all.cmo),
        ("CMOT", all.cmot),
        ("BM", all.bm),
    ];
    for (name, value) in means {
        let (value, expected) = (value.expect(name), golden["expected"][name].as_f64());
        // The script rounds four of them to two digits.
        assert!(
            (value - expected.expect(name)).abs() < 0.0051,
            "{name}: {value}"
        );
    }
}
