//! The service as its users meet it: the real program, real connections, real crashes.
//!
//! Most tests use the engine that makes tones, so that they test queue, files and interface in
//! little time; one runs the networks.

mod client;
#[cfg(unix)]
mod cluster;
mod crash;
mod jobs;
mod music;
#[cfg(unix)]
#[path = "../../crates/server/src/store/postgres/tests/server.rs"]
mod postgres;
mod refusals;
mod streams;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use client::Answer;
use serde_json::{Value, json};

/// Longest time that anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server of its own; it is killed when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts a server over the folder `store` and waits until it is ready.
    fn start(store: &Path, more: &[&str]) -> Self {
        let store = store.to_str().expect("folders of tests have plain names");
        Self::start_over(store, more)
    }

    /// Starts a server over a folder or a database.
    #[expect(clippy::zombie_processes, reason = "dropping the server waits for it")]
    fn start_over(store: &str, more: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_mustool"))
            .args(["serve", "--listen", "127.0.0.1:0", "--store", store])
            // Tests ask again and again.
            .args(["--requests-per-minute", "10000000"])
            .args(more)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stderr = child.stderr.take().expect("it is piped");
        let mut said = String::new();
        let mut lines = BufReader::new(stderr).lines();
        for line in lines.by_ref() {
            let line = line.expect("stderr is text");
            if let Some((_, port)) = line.rsplit_once("http://127.0.0.1:") {
                let port = port.parse().expect("a port");
                // Whatever else it says must not fill the pipe.
                std::thread::spawn(move || lines.for_each(drop));
                return Self { child, port };
            }
            said.push_str(&line);
        }
        panic!("the server did not start: {said}");
    }

    /// A server with a new folder that makes tones, `step_ms` a step.
    fn fake(step_ms: u64, more: &[&str]) -> (Self, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        let step = step_ms.to_string();
        let mut args = vec!["--fake-engine", &step];
        args.extend(more);
        (Self::start(folder.path(), &args), folder)
    }

    fn get(&self, path: &str) -> Answer {
        client::send(self.port, "GET", path, &[], b"")
    }

    fn post(&self, path: &str, body: &Value) -> Answer {
        self.post_with(path, &[], body)
    }

    fn post_with(&self, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        self.send("POST", path, headers, body)
    }

    fn send(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut all = vec![("content-type", "application/json")];
        all.extend(headers);
        client::send(self.port, method, path, &all, body.to_string().as_bytes())
    }

    /// Accepts a job and gives its id.
    fn submit(&self, body: &Value) -> String {
        let answer = self.post("/v1/generations", body);
        assert_eq!(answer.status, 202, "{}", answer.text());
        answer.json()["id"].as_str().expect("an id").to_owned()
    }

    /// The job when `done` says so.
    fn wait_for(&self, id: &str, done: impl Fn(&Value) -> bool) -> Value {
        let start = Instant::now();
        loop {
            let job = self.get(&format!("/v1/generations/{id}")).json();
            if done(&job) {
                return job;
            }
            assert!(start.elapsed() < PATIENCE, "nothing happens: {job}");
            // Leave the processor to the server.
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// The job when it has ended.
    fn end_of(&self, id: &str) -> Value {
        self.wait_for(id, |job| {
            let status = job["status"].as_str();
            !matches!(status, Some("queued" | "running"))
        })
    }

    fn kill(&mut self) {
        self.child.kill().expect("it runs");
        self.child.wait().expect("it ends");
    }

    #[cfg(unix)]
    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let told = Command::new("kill").args([name, &id]).status();
        assert!(told.expect("there is a kill command").success());
    }

    #[cfg(unix)]
    fn terminate(&mut self) -> std::process::ExitStatus {
        self.signal("-TERM");
        self.child.wait().expect("it ends")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A short piece in few steps.
fn short(seed: u64) -> Value {
    json!({ "prompt": "piano", "duration_s": 1, "steps": 4, "seed": seed })
}

/// Files of audio in a store's folder.
fn objects(store: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(store.join("objects")).expect("the folder");
    entries
        .map(|entry| entry.expect("an entry").path())
        .collect()
}
