//! Many processes over one PostgreSQL server and one folder of audio.
//!
//! Where PostgreSQL is not installed this ends at once, unless `MUSTOOL_TEST_POSTGRES` is set.

use std::path::Path;

use serde_json::json;

use crate::{Server, objects, postgres, short};

/// A process of the cluster that makes tones, `step_ms` a step.
fn start(database: &str, folder: &Path, role: &str, step_ms: &str) -> Server {
    let folder = folder.to_str().expect("folders of tests have plain names");
    let place = ["--objects", folder, "--role", role];
    Server::start_over(
        database,
        &[&place[..], &["--fake-engine", step_ms]].concat(),
    )
}

#[test]
fn a_worker_that_slept_beyond_its_lease_leaves_no_second_result() {
    let Some(database) = postgres::database() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let api = start(&database, folder.path(), "api", "1");
    let sleeper = start(&database, folder.path(), "worker", "50");
    let mut request = short(7);
    request["steps"] = json!(40);
    let id = api.submit(&request);
    api.wait_for(&id, |job| job["status"] == "running");
    sleeper.signal("-STOP");
    let mut other = start(&database, folder.path(), "worker", "1");
    let job = api.end_of(&id);
    assert_eq!(job["status"], "succeeded", "{job}");
    assert_eq!(
        job["attempt"], 2,
        "the lease was over, and the other took it"
    );
    let result = job["outputs"].clone();
    assert_eq!(result.as_array().map(Vec::len), Some(1), "{job}");
    let written = objects(folder.path());

    // Awake again, it goes on with what is no longer its own; only then does it take the next job.
    other.kill();
    sleeper.signal("-CONT");
    let next = api.end_of(&api.submit(&request));
    assert_eq!(next["status"], "succeeded", "{next}");
    let after = api.get(&format!("/v1/generations/{id}")).json();
    assert_eq!(after["outputs"], result);
    assert_eq!(after["attempt"], 2);
    assert_eq!(next["outputs"][0]["sha256"], result[0]["sha256"]);
    let files = objects(folder.path());
    assert_eq!(files.len(), 2, "one file a job: {files:?}");
    assert!(written.iter().all(|file| files.contains(file)));
}
