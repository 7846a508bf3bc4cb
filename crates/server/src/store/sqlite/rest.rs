//! Uploads, keys, batches, links and the outbox in SQL.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::queue;
use crate::Result;
use crate::store::types::{BatchRow, Enqueue, FileRow, KeyRow, Message, ShareRow};
use crate::wire::JobStatus;

pub(super) fn add_file(db: &Connection, file: &FileRow) -> Result<()> {
    db.prepare_cached(
        "INSERT INTO files (id, owner, purpose, name, bytes, sha256, duration_s, created_at, object)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute(params![
        file.id,
        file.owner,
        file.purpose,
        file.name,
        file.bytes,
        file.sha256,
        file.duration_s,
        file.created_at,
        file.object
    ])?;
    Ok(())
}

fn read_file(row: &Row<'_>) -> rusqlite::Result<FileRow> {
    Ok(FileRow {
        id: row.get(0)?,
        owner: row.get(1)?,
        purpose: row.get(2)?,
        name: row.get(3)?,
        bytes: row.get(4)?,
        sha256: row.get(5)?,
        duration_s: row.get(6)?,
        created_at: row.get(7)?,
        object: row.get(8)?,
    })
}

pub(super) fn file(db: &Connection, id: &str) -> Result<Option<FileRow>> {
    let found = db
        .prepare_cached("SELECT * FROM files WHERE id = ?1")?
        .query_row([id], read_file)
        .optional()?;
    Ok(found)
}

pub(super) fn files(
    db: &Connection,
    owner: &Option<String>,
    after: &Option<String>,
    limit: &u32,
) -> Result<Vec<FileRow>> {
    let mut statement = db.prepare_cached(
        "SELECT * FROM files WHERE (?1 IS NULL OR owner = ?1) AND (?2 IS NULL OR id < ?2)
         ORDER BY id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![owner, after, limit], read_file)?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn delete_file(db: &Connection, id: &str) -> Result<bool> {
    Ok(db.execute("DELETE FROM files WHERE id = ?1", [id])? > 0)
}

pub(super) fn add_key(db: &Connection, key: &KeyRow) -> Result<()> {
    db.execute(
        "INSERT INTO api_keys (id, name, hash, scopes, created_at, expires_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            key.id,
            key.name,
            key.hash,
            key.scopes,
            key.created_at,
            key.expires_at
        ],
    )?;
    Ok(())
}

pub(super) fn keys(db: &Connection) -> Result<Vec<KeyRow>> {
    let mut statement = db.prepare_cached("SELECT * FROM api_keys ORDER BY id")?;
    let rows = statement.query_map([], |row| {
        Ok(KeyRow {
            id: row.get(0)?,
            name: row.get(1)?,
            hash: row.get(2)?,
            scopes: row.get(3)?,
            created_at: row.get(4)?,
            expires_at: row.get(5)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn delete_key(db: &Connection, id: &str) -> Result<bool> {
    Ok(db.execute("DELETE FROM api_keys WHERE id = ?1", [id])? > 0)
}

/// `Some((queued, limit))` where the queue has no room for all lines; then nothing is kept.
pub(super) fn add_batch(
    db: &Connection,
    batch: &BatchRow,
    jobs: &[Enqueue],
) -> Result<Option<(u64, u64)>> {
    let (queued, _) = queue::waiting(db)?;
    if let Some(limit) = jobs.first().map(|job| job.limits.total)
        && queued.saturating_add(jobs.len() as u64) > limit
    {
        return Ok(Some((queued, limit)));
    }
    db.execute(
        "INSERT INTO batches (id, owner, file_id, total, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![
            batch.id,
            batch.owner,
            batch.file_id,
            batch.total,
            batch.created_at
        ],
    )?;
    jobs.iter().try_for_each(|job| queue::insert(db, job))?;
    Ok(None)
}

fn read_batch(row: &Row<'_>) -> rusqlite::Result<BatchRow> {
    Ok(BatchRow {
        id: row.get(0)?,
        owner: row.get(1)?,
        file_id: row.get(2)?,
        total: row.get(3)?,
        created_at: row.get(4)?,
        counts: Vec::new(),
    })
}

fn with_counts(db: &Connection, mut batch: BatchRow) -> Result<BatchRow> {
    let mut statement =
        db.prepare_cached("SELECT status, COUNT(*) FROM jobs WHERE batch_id = ?1 GROUP BY status")?;
    let mut rows = statement.query([&batch.id])?;
    while let Some(row) = rows.next()? {
        let status: String = row.get(0)?;
        batch
            .counts
            .extend(JobStatus::from_name(&status).zip(row.get(1)?));
    }
    Ok(batch)
}

pub(super) fn batch(db: &Connection, id: &str) -> Result<Option<BatchRow>> {
    let found = db
        .prepare_cached("SELECT * FROM batches WHERE id = ?1")?
        .query_row([id], read_batch)
        .optional()?;
    found.map(|batch| with_counts(db, batch)).transpose()
}

pub(super) fn batches(db: &Connection, owner: &Option<String>) -> Result<Vec<BatchRow>> {
    let mut statement = db.prepare_cached(
        "SELECT * FROM batches WHERE ?1 IS NULL OR owner = ?1 ORDER BY id DESC LIMIT 100",
    )?;
    let rows: Vec<BatchRow> = statement
        .query_map([owner], read_batch)?
        .collect::<rusqlite::Result<_>>()?;
    rows.into_iter()
        .map(|batch| with_counts(db, batch))
        .collect()
}

pub(super) fn add_share(db: &Connection, share: &ShareRow) -> Result<()> {
    db.execute(
        "INSERT INTO shares (token_hash, id, owner, job_id, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![share.token_hash, share.id, share.owner, share.job_id, share.expires_at],
    )?;
    Ok(())
}

pub(super) fn share(db: &Connection, token_hash: &str) -> Result<Option<ShareRow>> {
    let found = db
        .prepare_cached("SELECT * FROM shares WHERE token_hash = ?1 AND expires_at > ?2")?
        .query_row(params![token_hash, crate::wire::now_ms()], |row| {
            Ok(ShareRow {
                token_hash: row.get(0)?,
                id: row.get(1)?,
                owner: row.get(2)?,
                job_id: row.get(3)?,
                expires_at: row.get(4)?,
            })
        })
        .optional()?;
    Ok(found)
}

pub(super) fn delete_share(db: &Connection, id: &str, owner: &Option<String>) -> Result<bool> {
    let sql = "DELETE FROM shares WHERE id = ?1 AND (?2 IS NULL OR owner = ?2)";
    Ok(db.execute(sql, params![id, owner])? > 0)
}

pub(super) fn due_messages(db: &Connection, now: &i64) -> Result<Vec<Message>> {
    let mut statement = db.prepare_cached(
        "SELECT id, url, body, tries FROM outbox WHERE due_at <= ?1 ORDER BY due_at LIMIT 16",
    )?;
    let rows = statement.query_map([now], |row| {
        Ok(Message {
            id: row.get(0)?,
            url: row.get(1)?,
            body: row.get(2)?,
            tries: row.get(3)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn settle_message(db: &Connection, id: &str, again_at: &Option<i64>) -> Result<()> {
    match again_at {
        None => db.execute("DELETE FROM outbox WHERE id = ?1", [id])?,
        Some(at) => db.execute(
            "UPDATE outbox SET tries = tries + 1, due_at = ?2 WHERE id = ?1",
            params![id, at],
        )?,
    };
    Ok(())
}

pub(super) fn probe(db: &Connection) -> Result<()> {
    db.execute("DELETE FROM turns WHERE at < 0", [])?;
    Ok(())
}
