//! The store in one SQLite file: write-ahead log, `synchronous=FULL`, one writer, one reader.
//!
//! Writes that arrive together share one transaction and so one flush of the disk; each has a
//! savepoint of its own, and its caller is answered after the commit. A lock file keeps a second
//! process out.

mod jobs;
mod queue;
#[cfg(test)]
pub(in crate::store) use queue::MAX_ATTEMPTS;
mod rest;
mod schema;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::types::{
    BatchRow, Beat, Claim, Claims, Ending, Enqueue, Enqueued, FileRow, Filter, JobRow, KeyRow,
    Message, ShareRow, UsageRow,
};
use crate::wire::Event;
use crate::wire::job::Progress;
use crate::{Error, Result};

/// Most writes of one transaction.
const MAX_GROUP: usize = 64;
/// Longest wait for a lock that another program, such as a backup, holds.
const BUSY: Duration = Duration::from_secs(5);

/// Answers one caller, after the commit or instead of it.
type Answer = Box<dyn FnOnce(Result<()>) + Send>;
/// A write: runs within a savepoint and says how to answer; `Err` undoes it.
type Write = Box<dyn FnOnce(&Connection) -> (bool, Answer) + Send>;
type Read = Box<dyn FnOnce(&Connection) + Send>;

/// The store. Clones share it; it closes with the last.
#[derive(Debug, Clone)]
pub struct Sqlite {
    writes: mpsc::Sender<Write>,
    reads: mpsc::Sender<Read>,
}

impl Sqlite {
    /// Opens the store in a folder, makes it if needed, and puts jobs of a dead process back into
    /// the queue. Fails if another process has it.
    pub fn open(folder: &Path) -> Result<Self> {
        let failed = |path: &Path| {
            let path = path.to_path_buf();
            move |source| Error::File { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let lock = lock(&folder.join("lock"))?;
        let path = folder.join("jobs.sqlite");
        let writer = connect(&path)?;
        schema::migrate(&writer)?;
        let reader = connect(&path)?;
        let (writes, waiting) = mpsc::channel();
        let (reads, asked) = mpsc::channel();
        let spawn = |name: &str, run: Box<dyn FnOnce() + Send>| {
            let spawned = thread::Builder::new().name(name.to_owned()).spawn(run);
            spawned.map(drop).map_err(failed(folder))
        };
        spawn(
            "store-writer",
            Box::new(move || {
                let _held = lock;
                serve_writes(&writer, &waiting);
            }),
        )?;
        spawn(
            "store-reader",
            Box::new(move || serve_reads(&reader, &asked)),
        )?;
        Ok(Self { writes, reads })
    }

    async fn write<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = oneshot::channel();
        let write: Write = Box::new(move |db| {
            let outcome = run(db);
            let keep = outcome.is_ok();
            let answer: Answer = Box::new(move |committed: Result<()>| {
                // A caller that went away needs no answer.
                let _ = tell.send(committed.and(outcome));
            });
            (keep, answer)
        });
        self.writes.send(write).map_err(|_| closed())?;
        told.await.map_err(|_| closed())?
    }

    async fn read<T: Send + 'static>(
        &self,
        run: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (tell, told) = oneshot::channel();
        let read: Read = Box::new(move |db| {
            let _ = tell.send(run(db));
        });
        self.reads.send(read).map_err(|_| closed())?;
        told.await.map_err(|_| closed())?
    }
}

/// One method of the store per line: its arguments go to the thread that runs the SQL.
macro_rules! forward {
    ($($(#[doc = $doc:literal])+ $how:ident $module:ident::$name:ident($($arg:ident: $type:ty),*) -> $out:ty;)+) => {
        impl Sqlite {
            $($(#[doc = $doc])+
            pub async fn $name(&self, $($arg: $type),*) -> Result<$out> {
                self.$how(move |db| $module::$name(db, $(&$arg),*)).await
            })+
        }
    };
}

super::methods!(forward);

fn closed() -> Error {
    Error::Store {
        reason: "its thread has ended".to_owned(),
    }
}

fn lock(path: &Path) -> Result<File> {
    let failed = |source| Error::File {
        path: path.to_path_buf(),
        source,
    };
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(std::fs::TryLockError::WouldBlock) => Err(Error::Config {
            reason: format!(
                "another server uses {}; stop it, or choose another folder",
                path.parent()
                    .map_or(PathBuf::new(), PathBuf::from)
                    .display()
            ),
        }),
        Err(std::fs::TryLockError::Error(source)) => Err(failed(source)),
    }
}

fn connect(path: &Path) -> Result<Connection> {
    let db = Connection::open(path)?;
    db.busy_timeout(BUSY)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "FULL")?;
    db.pragma_update(None, "foreign_keys", "ON")?;
    db.set_prepared_statement_cache_capacity(64);
    Ok(db)
}

fn serve_reads(db: &Connection, asked: &mpsc::Receiver<Read>) {
    while let Ok(read) = asked.recv() {
        read(db);
    }
}

fn serve_writes(db: &Connection, waiting: &mpsc::Receiver<Write>) {
    while let Ok(first) = waiting.recv() {
        let mut group = vec![first];
        group.extend(waiting.try_iter().take(MAX_GROUP - 1));
        let (answers, outcome) = match db.execute_batch("BEGIN IMMEDIATE") {
            Err(error) => {
                // Nothing can be written: the callers hear it from their channels.
                drop(group);
                (Vec::new(), Err(error))
            }
            Ok(()) => {
                let answers = run_group(db, group);
                (answers, db.execute_batch("COMMIT"))
            }
        };
        if outcome.is_err() && !db.is_autocommit() {
            let _ = db.execute_batch("ROLLBACK");
        }
        for answer in answers {
            let committed = match &outcome {
                Ok(()) => Ok(()),
                Err(error) => Err(Error::Store {
                    reason: error.to_string(),
                }),
            };
            answer(committed);
        }
    }
}

fn run_group(db: &Connection, group: Vec<Write>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for write in group {
        let begun = db.execute_batch("SAVEPOINT one");
        let (keep, answer) = write(db);
        let end = if keep && begun.is_ok() {
            "RELEASE one"
        } else {
            "ROLLBACK TO one; RELEASE one"
        };
        match begun.and_then(|()| db.execute_batch(end)) {
            Ok(()) => answers.push(answer),
            Err(error) => answer(Err(error.into())),
        }
    }
    answers
}
