//! The tables. Times are milliseconds since 1970; requests and results are JSON.

use rusqlite::Connection;

use crate::{Error, Result};

/// Number of the schema below.
const VERSION: i64 = 1;

const TABLES: &str = "
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,              -- a UUIDv7, so that ids are in order of time
    owner TEXT NOT NULL,
    client_id TEXT,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL,
    priority INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    started_at INTEGER,
    completed_at INTEGER,
    deadline_at INTEGER,
    delete_at INTEGER,
    cancel_requested INTEGER NOT NULL DEFAULT 0,
    attempt INTEGER NOT NULL DEFAULT 0,
    fence INTEGER NOT NULL DEFAULT 0,
    worker TEXT,
    lease_until INTEGER,
    cost REAL NOT NULL,
    compatible TEXT NOT NULL,
    batch_id TEXT,
    batch_line INTEGER,
    prompt TEXT NOT NULL,
    input TEXT NOT NULL,
    resolved TEXT,
    progress TEXT,
    error TEXT,
    usage TEXT,
    model TEXT,
    audio_gone INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX jobs_by_status ON jobs (status, priority DESC, id);
CREATE INDEX jobs_by_owner ON jobs (owner, id);
CREATE INDEX jobs_by_batch ON jobs (batch_id, batch_line) WHERE batch_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_client_id ON jobs (owner, client_id) WHERE client_id IS NOT NULL;
CREATE TABLE outputs (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    idx INTEGER NOT NULL,
    output TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    object TEXT NOT NULL,
    master TEXT NOT NULL,
    plan TEXT NOT NULL,
    PRIMARY KEY (job_id, idx)
) STRICT;
CREATE TABLE events (
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id INTEGER NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (job_id, id)
) STRICT;
CREATE TABLE turns (owner TEXT PRIMARY KEY, at INTEGER NOT NULL) STRICT;
CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (owner, key)
) STRICT;
CREATE TABLE files (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    purpose TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    duration_s REAL,
    created_at INTEGER NOT NULL,
    object TEXT NOT NULL
) STRICT;
CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER
) STRICT;
CREATE TABLE batches (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    file_id TEXT NOT NULL,
    total INTEGER NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE shares (
    token_hash TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    job_id TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    expires_at INTEGER NOT NULL
) STRICT;
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL
) STRICT;
CREATE TABLE usage (
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    jobs INTEGER NOT NULL,
    audio_s REAL NOT NULL,
    compute_s REAL NOT NULL,
    PRIMARY KEY (owner, day)
) STRICT;
";

/// Makes the tables, or refuses a file of a later version.
pub(super) fn migrate(db: &Connection) -> Result<()> {
    let version: i64 = db.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        0 => {
            let made =
                format!("BEGIN IMMEDIATE; {TABLES} PRAGMA user_version = {VERSION}; COMMIT;");
            db.execute_batch(&made)?;
            Ok(())
        }
        VERSION => Ok(()),
        newer => Err(Error::Config {
            reason: format!("the store has version {newer}; this mustool knows {VERSION}"),
        }),
    }
}
