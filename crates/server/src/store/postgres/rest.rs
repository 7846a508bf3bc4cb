//! Uploads, keys, batches, links and the outbox in SQL.

use tokio_postgres::{Row, Transaction};

use super::jobs::{signed, unsigned};
use super::notice::Notice;
use super::queue;
use crate::Result;
use crate::store::types::{BatchRow, Enqueue, FileRow, KeyRow, Message, ShareRow};
use crate::wire::JobStatus;

/// A message that one process sends is left alone by the others for this long; longer than a try
/// can last.
const SEND_LEASE_MS: i64 = 30_000;

pub(super) async fn add_file(tx: &Transaction<'_>, file: &FileRow) -> Result<()> {
    let sql = "INSERT INTO files (id, owner, purpose, name, bytes, sha256, duration_s, created_at, object)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    tx.execute(
        sql,
        &[
            &file.id,
            &file.owner,
            &file.purpose,
            &file.name.replace('\0', ""), // which SQLite can hold and PostgreSQL cannot
            &signed(file.bytes),
            &file.sha256,
            &file.duration_s,
            &file.created_at,
            &file.object,
        ],
    )
    .await?;
    Ok(())
}

fn read_file(row: &Row) -> Result<FileRow> {
    Ok(FileRow {
        id: row.try_get("id")?,
        owner: row.try_get("owner")?,
        purpose: row.try_get("purpose")?,
        name: row.try_get("name")?,
        bytes: unsigned(row.try_get("bytes")?),
        sha256: row.try_get("sha256")?,
        duration_s: row.try_get("duration_s")?,
        created_at: row.try_get("created_at")?,
        object: row.try_get("object")?,
    })
}

pub(super) async fn file(tx: &Transaction<'_>, id: &str) -> Result<Option<FileRow>> {
    let row = tx
        .query_opt("SELECT * FROM files WHERE id = $1", &[&id])
        .await?;
    row.as_ref().map(read_file).transpose()
}

pub(super) async fn files(
    tx: &Transaction<'_>,
    owner: &Option<String>,
    after: &Option<String>,
    limit: &u32,
) -> Result<Vec<FileRow>> {
    let sql = "SELECT * FROM files
         WHERE ($1::text IS NULL OR owner = $1) AND ($2::text IS NULL OR id < $2 COLLATE \"C\")
         ORDER BY id DESC LIMIT $3";
    let rows = tx.query(sql, &[owner, after, &i64::from(*limit)]).await?;
    rows.iter().map(read_file).collect()
}

pub(super) async fn delete_file(tx: &Transaction<'_>, id: &str) -> Result<bool> {
    Ok(tx
        .execute("DELETE FROM files WHERE id = $1", &[&id])
        .await?
        > 0)
}

pub(super) async fn add_key(tx: &Transaction<'_>, key: &KeyRow) -> Result<()> {
    let sql = "INSERT INTO api_keys (id, name, hash, scopes, created_at, expires_at)
         VALUES ($1, $2, $3, $4, $5, $6)";
    let KeyRow {
        id,
        name,
        hash,
        scopes,
        created_at,
        expires_at,
    } = key;
    tx.execute(sql, &[id, name, hash, scopes, created_at, expires_at])
        .await?;
    Notice::Keys.send(tx).await
}

pub(super) async fn keys(tx: &Transaction<'_>) -> Result<Vec<KeyRow>> {
    let read = |row: &Row| {
        Ok(KeyRow {
            id: row.try_get("id")?,
            name: row.try_get("name")?,
            hash: row.try_get("hash")?,
            scopes: row.try_get("scopes")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
        })
    };
    tx.query("SELECT * FROM api_keys ORDER BY id", &[])
        .await?
        .iter()
        .map(read)
        .collect()
}

pub(super) async fn delete_key(tx: &Transaction<'_>, id: &str) -> Result<bool> {
    let deleted = tx
        .execute("DELETE FROM api_keys WHERE id = $1", &[&id])
        .await?;
    Notice::Keys.send(tx).await?;
    Ok(deleted > 0)
}

/// `Some((queued, limit))` where the queue has no room for all lines; then nothing is kept.
pub(super) async fn add_batch(
    tx: &Transaction<'_>,
    batch: &BatchRow,
    jobs: &[Enqueue],
) -> Result<Option<(u64, u64)>> {
    queue::lock(tx).await?;
    let (queued, _) = queue::waiting(tx).await?;
    if let Some(limit) = jobs.first().map(|job| job.limits.total)
        && queued.saturating_add(jobs.len() as u64) > limit
    {
        return Ok(Some((queued, limit)));
    }
    let sql =
        "INSERT INTO batches (id, owner, file_id, total, created_at) VALUES ($1, $2, $3, $4, $5)";
    let total = batch.total as i32;
    tx.execute(
        sql,
        &[
            &batch.id,
            &batch.owner,
            &batch.file_id,
            &total,
            &batch.created_at,
        ],
    )
    .await?;
    for job in jobs {
        queue::insert(tx, job).await?;
    }
    Notice::Queued.send(tx).await?;
    Ok(None)
}

async fn with_counts(tx: &Transaction<'_>, row: &Row) -> Result<BatchRow> {
    let mut batch = BatchRow {
        id: row.try_get("id")?,
        owner: row.try_get("owner")?,
        file_id: row.try_get("file_id")?,
        total: row.try_get::<_, i32>("total")?.unsigned_abs(),
        created_at: row.try_get("created_at")?,
        counts: Vec::new(),
    };
    let sql =
        "SELECT status, COUNT(*) FROM jobs WHERE batch_id = $1 GROUP BY status ORDER BY status";
    for row in tx.query(sql, &[&batch.id]).await? {
        let count = u32::try_from(row.try_get::<_, i64>(1)?).unwrap_or(u32::MAX);
        batch
            .counts
            .extend(JobStatus::from_name(row.try_get(0)?).map(|status| (status, count)));
    }
    Ok(batch)
}

pub(super) async fn batch(tx: &Transaction<'_>, id: &str) -> Result<Option<BatchRow>> {
    match tx
        .query_opt("SELECT * FROM batches WHERE id = $1", &[&id])
        .await?
    {
        Some(row) => with_counts(tx, &row).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn batches(tx: &Transaction<'_>, owner: &Option<String>) -> Result<Vec<BatchRow>> {
    let sql =
        "SELECT * FROM batches WHERE $1::text IS NULL OR owner = $1 ORDER BY id DESC LIMIT 100";
    let mut batches = Vec::new();
    for row in tx.query(sql, &[owner]).await? {
        batches.push(with_counts(tx, &row).await?);
    }
    Ok(batches)
}

pub(super) async fn add_share(tx: &Transaction<'_>, share: &ShareRow) -> Result<()> {
    let ShareRow {
        token_hash,
        id,
        owner,
        job_id,
        expires_at,
    } = share;
    let sql = "INSERT INTO shares (token_hash, id, owner, job_id, expires_at) VALUES ($1, $2, $3, $4, $5)";
    tx.execute(sql, &[token_hash, id, owner, job_id, expires_at])
        .await?;
    Ok(())
}

pub(super) async fn share(tx: &Transaction<'_>, token_hash: &str) -> Result<Option<ShareRow>> {
    let sql = "SELECT * FROM shares WHERE token_hash = $1 AND expires_at > $2";
    let read = |row: &Row| {
        Ok(ShareRow {
            token_hash: row.try_get("token_hash")?,
            id: row.try_get("id")?,
            owner: row.try_get("owner")?,
            job_id: row.try_get("job_id")?,
            expires_at: row.try_get("expires_at")?,
        })
    };
    let row = tx
        .query_opt(sql, &[&token_hash, &crate::wire::now_ms()])
        .await?;
    row.as_ref().map(read).transpose()
}

pub(super) async fn delete_share(
    tx: &Transaction<'_>,
    id: &str,
    owner: &Option<String>,
) -> Result<bool> {
    let sql = "DELETE FROM shares WHERE id = $1 AND ($2::text IS NULL OR owner = $2)";
    Ok(tx.execute(sql, &[&id, owner]).await? > 0)
}

/// Messages that are due; they are not given to anybody else while they are being sent.
pub(super) async fn due_messages(tx: &Transaction<'_>, now: &i64) -> Result<Vec<Message>> {
    let sql = "UPDATE outbox SET due_at = $2 WHERE id IN (
             SELECT id FROM outbox WHERE due_at <= $1 ORDER BY due_at LIMIT 16
             FOR UPDATE SKIP LOCKED)
         RETURNING id, url, body, tries";
    let read = |row: &Row| {
        Ok(Message {
            id: row.try_get("id")?,
            url: row.try_get("url")?,
            body: row.try_get("body")?,
            tries: row.try_get::<_, i32>("tries")?.unsigned_abs(),
        })
    };
    let until = now + SEND_LEASE_MS;
    tx.query(sql, &[now, &until])
        .await?
        .iter()
        .map(read)
        .collect()
}

pub(super) async fn settle_message(
    tx: &Transaction<'_>,
    id: &str,
    again_at: &Option<i64>,
) -> Result<()> {
    match again_at {
        None => {
            tx.execute("DELETE FROM outbox WHERE id = $1", &[&id])
                .await?
        }
        Some(at) => {
            let sql = "UPDATE outbox SET tries = tries + 1, due_at = $2 WHERE id = $1";
            tx.execute(sql, &[&id, at]).await?
        }
    };
    Ok(())
}

pub(super) async fn probe(tx: &Transaction<'_>) -> Result<()> {
    tx.execute("DELETE FROM turns WHERE at < 0", &[]).await?;
    Ok(())
}
