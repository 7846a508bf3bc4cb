//! Kill -9 at any moment: no accepted job is lost, no file is torn, and the bytes are the same.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client;
use crate::{Server, objects, short};

/// How often the server is killed; `MUSTOOL_TEST_KILLS` asks for more.
fn num_kills() -> u32 {
    let asked = std::env::var("MUSTOOL_TEST_KILLS").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(10)
}

/// Numbers that look random and are the same in every run.
fn next(state: &mut u64) -> u64 {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

#[test]
fn whatever_was_accepted_is_done_however_often_the_server_dies() {
    let folder = tempfile::tempdir().unwrap();
    let args = ["--fake-engine", "3"];
    let mut server = Server::start(folder.path(), &args);
    let mut random = 20_261_123;
    let mut accepted: HashMap<String, u64> = HashMap::new();
    for _ in 0..num_kills() {
        let deadline = Instant::now() + Duration::from_millis(40 + next(&mut random) % 120);
        while Instant::now() < deadline {
            let seed = next(&mut random) % 5;
            let body = short(seed).to_string();
            let kind = [("content-type", "application/json")];
            let sent = client::try_send(
                server.port,
                "POST",
                "/v1/generations",
                &kind,
                body.as_bytes(),
            );
            let answer = sent.expect("nobody has killed it yet");
            if answer.status == 202 {
                accepted.insert(answer.json()["id"].as_str().unwrap().to_owned(), seed);
            }
        }
        server.kill();
        server = Server::start(folder.path(), &args);
    }
    assert!(!accepted.is_empty());
    let mut expected: HashMap<u64, String> = HashMap::new();
    let undisturbed = tempfile::tempdir().unwrap();
    let calm = Server::start(undisturbed.path(), &args);
    for (id, seed) in &accepted {
        let job = server.end_of(id);
        assert_eq!(job["outputs"].as_array().map(Vec::len), Some(1), "{job}");
        let sha = expected.entry(*seed).or_insert_with(|| {
            let job = calm.end_of(&calm.submit(&short(*seed)));
            job["outputs"][0]["sha256"].as_str().unwrap().to_owned()
        });
        assert_eq!(job["outputs"][0]["sha256"], json!(sha), "seed {seed}");
        let audio = server.get(&format!("/v1/generations/{id}/outputs/0/audio"));
        let checked = audio
            .header("etag")
            .map(|etag| etag.trim_matches('"').to_owned());
        assert_eq!(checked.as_ref(), Some(&*sha), "the file is whole");
        assert_eq!(
            audio.body.len() as u64,
            job["outputs"][0]["bytes"].as_u64().unwrap()
        );
    }
    server.kill();
    let _swept = Server::start(folder.path(), &args);
    assert_eq!(
        objects(folder.path()).len(),
        accepted.len(),
        "one file each, none torn"
    );
}

#[test]
#[cfg(unix)]
fn told_to_stop_it_gives_the_job_back_and_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    let slow = ["--fake-engine", "200", "--drain-timeout", "0"];
    let mut server = Server::start(folder.path(), &slow);
    let mut long = short(1);
    long["steps"] = json!(100);
    let running = server.submit(&long);
    let waiting = server.submit(&short(2));
    server.wait_for(&running, |job| job["status"] == "running");
    assert!(server.terminate().success());
    let server = Server::start(folder.path(), &["--fake-engine", "1"]);
    for id in [running, waiting] {
        let job = server.end_of(&id);
        assert_eq!(
            (job["status"].clone(), job["attempt"].clone()),
            (json!("succeeded"), json!(1))
        );
    }
}

#[test]
fn two_servers_do_not_share_a_store() {
    let (_server, folder) = Server::fake(1, &[]);
    let second = std::process::Command::new(env!("CARGO_BIN_EXE_mustool"))
        .args([
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--fake-engine",
            "1",
            "--store",
        ])
        .arg(folder.path())
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another server"));
}
