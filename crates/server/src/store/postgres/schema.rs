//! The tables, as in SQLite but for the names of types. Times are milliseconds since 1970;
//! requests and results are JSON as text, so that they come back to the byte.

use deadpool_postgres::Object;

use super::Result;
use crate::Error;

/// Number of the schema below.
const VERSION: i32 = 1;
/// Lock under which tables are made; any number that nobody else uses.
const SCHEMA_LOCK: i64 = 0x6d75_7374_6f6f_6c00;

const TABLES: &str = "
CREATE TABLE mustool_version (version INTEGER NOT NULL);
CREATE TABLE jobs (
    id TEXT COLLATE \"C\" PRIMARY KEY,    -- a UUIDv7, so that ids are in order of time
    owner TEXT NOT NULL,
    client_id TEXT,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL,
    priority BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    completed_at BIGINT,
    deadline_at BIGINT,
    delete_at BIGINT,
    cancel_requested BOOLEAN NOT NULL DEFAULT FALSE,
    attempt INTEGER NOT NULL DEFAULT 0,
    fence BIGINT NOT NULL DEFAULT 0,
    worker TEXT,
    lease_until BIGINT,
    cost DOUBLE PRECISION NOT NULL,
    compatible TEXT NOT NULL,
    outputs INTEGER NOT NULL,
    batch_id TEXT,
    batch_line INTEGER,
    prompt TEXT NOT NULL,
    input TEXT NOT NULL,
    resolved TEXT,
    progress TEXT,
    error TEXT,
    usage TEXT,
    model TEXT,
    audio_gone BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX jobs_by_status ON jobs (status, priority DESC, id);
CREATE INDEX jobs_by_owner ON jobs (owner, id);
CREATE INDEX jobs_by_batch ON jobs (batch_id, batch_line) WHERE batch_id IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_client_id ON jobs (owner, client_id) WHERE client_id IS NOT NULL;
CREATE TABLE outputs (
    job_id TEXT COLLATE \"C\" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    idx INTEGER NOT NULL,
    output TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    object TEXT NOT NULL,
    master TEXT NOT NULL,
    plan TEXT NOT NULL,
    PRIMARY KEY (job_id, idx)
);
CREATE TABLE events (
    job_id TEXT COLLATE \"C\" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    id BIGINT NOT NULL,
    kind TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (job_id, id)
);
CREATE TABLE turns (owner TEXT PRIMARY KEY, at BIGINT NOT NULL);
CREATE TABLE idempotency (
    owner TEXT NOT NULL,
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    job_id TEXT COLLATE \"C\" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (owner, key)
);
CREATE TABLE files (
    id TEXT COLLATE \"C\" PRIMARY KEY,
    owner TEXT NOT NULL,
    purpose TEXT NOT NULL,
    name TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    duration_s DOUBLE PRECISION,
    created_at BIGINT NOT NULL,
    object TEXT NOT NULL
);
CREATE TABLE api_keys (
    id TEXT COLLATE \"C\" PRIMARY KEY,
    name TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT
);
CREATE TABLE batches (
    id TEXT COLLATE \"C\" PRIMARY KEY,
    owner TEXT NOT NULL,
    file_id TEXT NOT NULL,
    total INTEGER NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE TABLE shares (
    token_hash TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    job_id TEXT COLLATE \"C\" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    expires_at BIGINT NOT NULL
);
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    url TEXT NOT NULL,
    body TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at BIGINT NOT NULL
);
CREATE INDEX outbox_by_due ON outbox (due_at);
CREATE TABLE usage (
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    jobs BIGINT NOT NULL,
    audio_s DOUBLE PRECISION NOT NULL,
    compute_s DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (owner, day)
);
";

/// Makes the tables, or refuses a database of a later version. Processes that start together take
/// turns.
pub(super) async fn migrate(client: &mut Object) -> Result<()> {
    let tx = client.transaction().await?;
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&SCHEMA_LOCK])
        .await?;
    let exists = "SELECT to_regclass('mustool_version') IS NOT NULL";
    let exists: bool = tx.query_one(exists, &[]).await?.get(0);
    if !exists {
        tx.batch_execute(TABLES).await?;
        tx.execute("INSERT INTO mustool_version VALUES ($1)", &[&VERSION])
            .await?;
    }
    let version: i32 = tx
        .query_one("SELECT version FROM mustool_version", &[])
        .await?
        .get(0);
    if version != VERSION {
        return Err(Error::Config {
            reason: format!("the store has version {version}; this mustool knows {VERSION}"),
        });
    }
    Ok(tx.commit().await?)
}
