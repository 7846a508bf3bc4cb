//! A PostgreSQL server for as long as the tests run: in a folder of its own, on a socket there.
//!
//! The tests of the whole program in `tests/service` use this file too.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Set where a missing server is a fault, as in CI.
const REQUIRED: &str = "MUSTOOL_TEST_POSTGRES";
/// Waits for its standard input to end, as it does when the tests end however they do, and then
/// stops the server and removes its folder.
const WATCH: &str =
    "\"$@\" >/dev/null 2>&1 & read -r _; kill -INT $!; wait $!; rm -rf \"$MUSTOOL_FOLDER\"";

struct Server {
    folder: PathBuf,
    _watcher: Child,
}

/// Address of a new, empty database; nothing where PostgreSQL is not installed.
pub(super) fn database() -> Option<String> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let server = SERVER.get_or_init(start).as_ref()?;
    let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
    let mut create = Command::new(programs()?.join("createdb"));
    create.arg("-h").arg(&server.folder);
    let made = create
        .args(["-U", "postgres", &name])
        .status()
        .expect("createdb runs");
    assert!(made.success(), "no database in {}", server.folder.display());
    let host = server.folder.display().to_string().replace('/', "%2F");
    Some(format!("postgres://postgres@{host}/{name}"))
}

fn start() -> Option<Server> {
    let Some(programs) = programs() else {
        assert!(
            std::env::var_os(REQUIRED).is_none(),
            "PostgreSQL is not installed"
        );
        return None;
    };
    // Only the watcher removes the folder: a static is never dropped.
    let folder = TempDir::with_prefix("mustool-pg-")
        .expect("a folder")
        .keep();
    let data = folder.join("data");
    let root = unprivileged(&folder);
    let command = |program: &str| {
        let path = programs.join(program);
        match root {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
                command.arg(path);
                command
            }
            false => Command::new(path),
        }
    };
    let mut initdb = command("initdb");
    initdb.arg("-D").arg(&data).args([
        "-U",
        "postgres",
        "-A",
        "trust",
        "-E",
        "UTF8",
        "--locale=C",
        "-N",
    ]);
    let made = initdb
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("the program is there");
    assert!(made.success(), "initdb failed in {}", folder.display());
    let mut postgres = command("postgres");
    postgres.arg("-D").arg(&data).arg("-k").arg(&folder);
    postgres.args([
        "-c",
        "listen_addresses=",
        "-c",
        "fsync=off",
        "-c",
        "max_connections=200",
    ]);
    let watcher = Command::new("sh")
        .args(["-c", WATCH, "sh"])
        .arg(postgres.get_program())
        .args(postgres.get_args())
        .env("MUSTOOL_FOLDER", &folder)
        .stdin(Stdio::piped())
        .spawn()
        .expect("the program is there");
    let mut is_ready = Command::new(programs.join("pg_isready"));
    is_ready.arg("-q").arg("-h").arg(&folder);
    wait_for(is_ready);
    Some(Server {
        folder,
        _watcher: watcher,
    })
}

/// Where the programs of PostgreSQL are.
fn programs() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    let debian = versions.map(|version| version.path().join("bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = debian.chain(std::env::split_paths(&path)).collect();
    folders
        .into_iter()
        .find(|folder| folder.join("initdb").exists() && folder.join("postgres").exists())
}

/// Gives the folder to the user `postgres` if these tests run as root, as whom the server does not
/// start; says whether they do.
fn unprivileged(folder: &Path) -> bool {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .expect("id runs")
        .stdout
        == b"0\n";
    if root {
        let given = Command::new("chown")
            .arg("postgres")
            .arg(folder)
            .status()
            .expect("the program is there");
        assert!(given.success(), "there is no user postgres");
    }
    root
}

/// The socket appears before the server takes connections.
fn wait_for(mut is_ready: Command) {
    is_ready.stdout(Stdio::null()).stderr(Stdio::null());
    let end = Instant::now() + Duration::from_secs(60);
    while !is_ready.status().is_ok_and(|status| status.success()) {
        assert!(Instant::now() < end, "the server did not start");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}
