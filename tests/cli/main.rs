//! The real binary, from the outside: what it writes, what it refuses, and with which exit code.
//!
//! Pieces are a second long and take two denoising steps; their sound is judged elsewhere.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod bench_and_machine;
mod edges;
mod generate;
mod hearing;
mod models;
mod published;
mod refusals;
mod repeat;
mod requests;
mod torch;
mod train;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// A folder of its own for one test, in which the binary runs.
struct Bench(tempfile::TempDir);

/// What the binary did.
struct Run {
    code: Option<i32>,
    stdout: Vec<u8>,
    stderr: String,
}

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Names of the files in the folder, sorted, hidden ones too.
    fn files(&self) -> Vec<String> {
        names(self.0.path())
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mustool"));
        command.args(args).current_dir(self.0.path());
        command
            .env_remove("MUSTOOL_MODEL")
            .env_remove("MUSTOOL_MODELS")
            .env_remove("MUSTOOL_CPU");
        command
    }

    fn run(&self, args: &[&str]) -> Run {
        self.command(args).output().unwrap().into()
    }

    /// Runs and expects exit code 0.
    fn ok(&self, args: &[&str]) -> Run {
        let run = self.run(args);
        assert_eq!(run.code, Some(0), "{args:?}: {}", run.stderr);
        run
    }

    /// Generates a second in two steps into `name`.
    fn generate(&self, name: &str, more: &[&str]) -> Run {
        let base = [
            "generate",
            "soft piano",
            "-o",
            name,
            "--duration",
            "1",
            "--steps",
            "2",
        ];
        self.ok(&[&base, more].concat())
    }

    /// Expects `code`, all of `words` on stderr, nothing on stdout and no new file.
    fn refuses(&self, code: i32, args: &[&str], words: &[&str]) {
        let before = self.files();
        let run = self.run(args);
        assert_eq!(run.code, Some(code), "{args:?}: {}", run.stderr);
        for word in words {
            assert!(
                run.stderr.contains(word),
                "{args:?}: no {word:?} in {}",
                run.stderr
            );
        }
        assert!(run.stdout.is_empty(), "{args:?}");
        assert_eq!(self.files(), before, "{args:?}");
    }
}

impl Run {
    fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }

    /// All of stdout as one JSON value.
    fn json_text(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap()
    }

    /// One JSON value for each line of stdout.
    fn json(&self) -> Vec<Value> {
        self.text()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        let stderr = String::from_utf8(output.stderr).unwrap();
        Self {
            code: output.status.code(),
            stdout: output.stdout,
            stderr,
        }
    }
}

fn names(folder: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().file_name().into_string().unwrap()
    };
    let mut names: Vec<String> = std::fs::read_dir(folder).unwrap().map(name).collect();
    names.sort();
    names
}
