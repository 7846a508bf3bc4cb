//! The real networks behind the service.

use std::path::Path;

use mustool_audio::decode::{DecodeLimits, from_bytes};
use serde_json::json;

use crate::Server;

#[test]
fn the_default_model_plays_the_chords_that_were_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path(), &[]);
    let ready = server.get("/health/ready");
    assert_eq!(
        (ready.status, ready.json()["model_loaded"].clone()),
        (200, json!(false))
    );
    let chords = json!([{"t": 0.0, "symbol": "Am7"}, {"t": 1.0, "symbol": "Fmaj7"}]);
    let request = json!({
        "prompt": "slow piano", "duration_s": 2, "steps": 2, "seed": 3,
        "controls": {"tempo_bpm": 120, "chords": chords},
    });
    let first = server.end_of(&server.submit(&request));
    assert_eq!(first["status"], "succeeded", "{first}");
    assert_eq!(first["resolved"]["chords"], chords);
    assert!(
        first["model"]["weights_sha256"]
            .as_str()
            .is_some_and(|sha| sha.len() == 64)
    );
    let second = server.end_of(&server.submit(&request));
    assert_eq!(
        first["outputs"][0]["sha256"],
        second["outputs"][0]["sha256"]
    );
    let url = first["outputs"][0]["url"].as_str().unwrap();
    let audio = server.get(url);
    let sound = from_bytes(Path::new("x.wav"), audio.body, &DecodeLimits::default()).unwrap();
    assert!((sound.duration_s() - 2.0).abs() < 0.02 && sound.peak() > 0.01);
}
