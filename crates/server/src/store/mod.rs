//! What must not be lost: jobs, their outputs and events, files, keys, batches and messages.
//!
//! Accepted means durable: a job is on disk before its client is told. A worker holds a job by a
//! lease and a fence that grows with every claim; whoever lost the lease cannot write any more.
//! Audio is not here but in [`crate::objects`]. SQL is in one folder per database.

mod postgres;
mod sqlite;
mod types;

use std::path::Path;

pub use postgres::{Notice, Postgres};
pub use sqlite::Sqlite;
pub use types::{
    BatchRow, Beat, Claim, Claims, Ending, Enqueue, Enqueued, FileRow, Filter, IdempotencyKey,
    JobRow, KeyRow, Message, OutputRow, QueueLimits, QueueState, ShareRow, UsageRow,
};

use tokio::sync::broadcast;

use crate::Result;
use crate::wire::Event;
use crate::wire::job::Progress;

/// What a store can do, one method a line: every database gives it to a macro of its own.
macro_rules! methods {
    ($forward:ident) => {
        $forward! {
            /// Accepts a job, unless it is known or too many wait.
            write queue::enqueue(job: Enqueue) -> Enqueued;
            /// Takes the next jobs: by priority, then in turn over the keys, then by age.
            write queue::claim(claims: Claims) -> Vec<Claim>;
            /// Renews the leases of jobs (id, fence) up to a time, and notes their progress.
            write queue::beat(held: Vec<(String, i64, Option<Progress>)>, until: i64) -> Vec<Beat>;
            /// Ends an attempt of a job by its fence; false if the job belongs to somebody else by now.
            write queue::finish(id: String, fence: i64, ending: Ending) -> bool;
            /// Wants a job to stop: one that waits ends at once. Nothing for an unknown job.
            write queue::cancel(id: String, at: i64) -> Option<JobRow>;
            /// Puts jobs back whose lease ended up to a time, fails those with too many attempts, and ends
            /// those that wait beyond their deadline. Gives the jobs that ended or went back.
            write queue::recover(lease_before: i64, now: i64) -> Vec<JobRow>;
            /// Jobs that wait and their costs together.
            read queue::waiting() -> (u64, f64);
            /// A job by its id or by the name that its owner gave it; `None` sees the jobs of all.
            read jobs::job(id: String, owner: Option<String>) -> Option<JobRow>;
            /// Jobs, the newest first.
            read jobs::list(filter: Filter) -> Vec<JobRow>;
            /// Deletes a job that has ended, and gives the names of its objects.
            write jobs::delete(id: String) -> Vec<String>;
            /// Notes an event of a job.
            write jobs::add_event(id: String, event: Event) -> ();
            /// Events of a job that were kept, in order.
            read jobs::events(id: String) -> Vec<Event>;
            /// Deletes audio made before a time or beyond a number of bytes, and jobs that are over;
            /// gives the names of the objects.
            write jobs::sweep(audio_before: i64, jobs_before: i64, max_bytes: u64) -> Vec<String>;
            /// Names of all objects that belong to something.
            read jobs::objects() -> Vec<String>;
            /// What keys used, by day; `None` sees all keys.
            read jobs::usage(owner: Option<String>) -> Vec<UsageRow>;
            /// Keeps an upload.
            write rest::add_file(file: FileRow) -> ();
            /// An upload.
            read rest::file(id: String) -> Option<FileRow>;
            /// Uploads of a key, the newest first.
            read rest::files(owner: Option<String>, after: Option<String>, limit: u32) -> Vec<FileRow>;
            /// Forgets an upload.
            write rest::delete_file(id: String) -> bool;
            /// Keeps a key.
            write rest::add_key(key: KeyRow) -> ();
            /// All keys.
            read rest::keys() -> Vec<KeyRow>;
            /// Forgets a key.
            write rest::delete_key(id: String) -> bool;
            /// Keeps a batch and its jobs, all or none.
            write rest::add_batch(batch: BatchRow, jobs: Vec<Enqueue>) -> Option<(u64, u64)>;
            /// A batch.
            read rest::batch(id: String) -> Option<BatchRow>;
            /// Batches of a key, the newest first.
            read rest::batches(owner: Option<String>) -> Vec<BatchRow>;
            /// Keeps a link.
            write rest::add_share(share: ShareRow) -> ();
            /// A link by the checksum of its token.
            read rest::share(token_hash: String) -> Option<ShareRow>;
            /// Forgets a link.
            write rest::delete_share(id: String, owner: Option<String>) -> bool;
            /// Messages that are due.
            read rest::due_messages(now: i64) -> Vec<Message>;
            /// Notes what became of a message: gone, or due again at a time.
            write rest::settle_message(id: String, again_at: Option<i64>) -> ();
            /// Whether the store takes writes.
            write rest::probe() -> ();
        }
    };
}
use methods;

/// The store, in one of the databases.
#[derive(Debug, Clone)]
pub enum Store {
    /// One file, one process.
    Sqlite(Sqlite),
    /// A server, shared by many processes.
    Postgres(Postgres),
}

impl Store {
    /// The store in a folder of this machine; see [`Sqlite::open`].
    pub fn open(folder: &Path) -> Result<Self> {
        Sqlite::open(folder).map(Self::Sqlite)
    }

    /// The store at a `postgres://` address; see [`Postgres::open`].
    pub async fn connect(url: &str) -> Result<Self> {
        Postgres::open(url).await.map(Self::Postgres)
    }
}

impl Store {
    /// What other processes change from now on; nothing where there are none.
    pub fn notices(&self) -> Option<broadcast::Receiver<Notice>> {
        match self {
            Self::Sqlite(_) => None,
            Self::Postgres(store) => Some(store.notices()),
        }
    }
}

macro_rules! dispatch {
    ($($(#[doc = $doc:literal])+ $how:ident $module:ident::$name:ident($($arg:ident: $type:ty),*) -> $out:ty;)+) => {
        impl Store {
            $($(#[doc = $doc])+
            pub async fn $name(&self, $($arg: $type),*) -> Result<$out> {
                match self {
                    Self::Sqlite(store) => store.$name($($arg),*).await,
                    Self::Postgres(store) => store.$name($($arg),*).await,
                }
            })+
        }
    };
}

methods!(dispatch);

#[cfg(test)]
mod tests;
