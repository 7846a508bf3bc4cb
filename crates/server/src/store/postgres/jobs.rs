//! Jobs, outputs and events in SQL: read, list, delete, sweep.

use serde::de::DeserializeOwned;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Row, Transaction};

use super::notice::Notice;
use crate::store::types::{Filter, JobRow, OutputRow, QueueState, UsageRow};
use crate::wire::event::{Event, EventKind};
use crate::wire::{JobStatus, now_ms};
use crate::{Error, Result};

const COLUMNS: &str = "id, owner, client_id, status, created_at, started_at, completed_at,
    deadline_at, cancel_requested, attempt, fence, input, resolved, progress, error, usage, model,
    audio_gone, priority, cost";

type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Reads what was written by `queue::json`.
fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Store {
        reason: format!("a row cannot be read: {error}"),
    })
}

fn optional<T: DeserializeOwned>(row: &Row, column: &str) -> Result<Option<T>> {
    let text: Option<&str> = row.try_get(column)?;
    text.map(from_json).transpose()
}

/// A count of the database; it is never negative.
pub(super) fn unsigned(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

/// A count of ours; the database has no room for more anyway.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn read_row(row: &Row) -> Result<JobRow> {
    let status: &str = row.try_get("status")?;
    let status = JobStatus::from_name(status).ok_or_else(|| Error::Store {
        reason: format!("there is no state {status}"),
    })?;
    Ok(JobRow {
        id: row.try_get("id")?,
        owner: row.try_get("owner")?,
        client_id: row.try_get("client_id")?,
        status,
        created_at: row.try_get("created_at")?,
        started_at: row.try_get("started_at")?,
        completed_at: row.try_get("completed_at")?,
        deadline_at: row.try_get("deadline_at")?,
        cancel_requested: row.try_get("cancel_requested")?,
        attempt: row.try_get::<_, i32>("attempt")?.unsigned_abs(),
        fence: row.try_get("fence")?,
        input: from_json(row.try_get("input")?)?,
        resolved: optional(row, "resolved")?,
        progress: optional(row, "progress")?,
        error: optional(row, "error")?,
        usage: optional(row, "usage")?,
        model: optional(row, "model")?,
        audio_gone: row.try_get("audio_gone")?,
        place: None,
        outputs: Vec::new(),
    })
}

/// A job with its place in the queue or its outputs.
async fn complete(tx: &Transaction<'_>, row: &Row) -> Result<JobRow> {
    let mut job = read_row(row)?;
    if job.status == JobStatus::Queued {
        let priority: i64 = row.try_get("priority")?;
        let own_cost: f64 = row.try_get("cost")?;
        let before = "SELECT COUNT(*), COALESCE(SUM(cost), 0) FROM jobs
             WHERE status = 'running'
                OR (status = 'queued' AND (priority > $1 OR (priority = $1 AND id < $2)))";
        let before = tx.query_one(before, &[&priority, &job.id]).await?;
        job.place = Some(QueueState {
            position: unsigned(before.try_get(0)?),
            cost: before.try_get::<_, f64>(1)? + own_cost,
        });
    }
    if job.status == JobStatus::Succeeded {
        job.outputs = outputs(tx, &job.id).await?;
    }
    Ok(job)
}

async fn outputs(tx: &Transaction<'_>, id: &str) -> Result<Vec<OutputRow>> {
    let sql = "SELECT output, object, master, plan FROM outputs WHERE job_id = $1 ORDER BY idx";
    let rows = tx.query(sql, &[&id]).await?;
    let read = |row: &Row| {
        Ok(OutputRow {
            output: from_json(row.try_get(0)?)?,
            object: row.try_get(1)?,
            master: row.try_get(2)?,
            plan: row.try_get(3)?,
        })
    };
    rows.iter().map(read).collect()
}

pub(super) async fn job(
    tx: &Transaction<'_>,
    id: &str,
    owner: &Option<String>,
) -> Result<Option<JobRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE (id = $1 AND ($2::text IS NULL OR owner = $2))
            OR (client_id = $1 AND owner = COALESCE($2, 'local')) LIMIT 1"
    );
    match tx.query_opt(&sql, &[&id, owner]).await? {
        Some(row) => complete(tx, &row).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn list(tx: &Transaction<'_>, filter: &Filter) -> Result<Vec<JobRow>> {
    let pattern = filter.text.as_ref().map(|text| {
        let escaped = text
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        format!("%{escaped}%")
    });
    let status = filter.status.map(JobStatus::name);
    let order = match filter.batch.is_some() {
        true => "batch_line",
        false => "id DESC",
    };
    // SQLite's LIKE does not mind capitals; here that is ILIKE.
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs
         WHERE ($1::text IS NULL OR owner = $1) AND ($2::text IS NULL OR status = $2)
           AND ($3::text IS NULL OR id < $3 COLLATE \"C\") AND ($4::text IS NULL OR batch_id = $4)
           AND ($5::text IS NULL OR prompt ILIKE $5 ESCAPE '\\')
         ORDER BY {order} LIMIT $6"
    );
    let limit = i64::from(filter.limit);
    let values: Params<'_> = &[
        &filter.owner,
        &status,
        &filter.after,
        &filter.batch,
        &pattern,
        &limit,
    ];
    let mut jobs = Vec::new();
    for row in tx.query(&sql, values).await? {
        jobs.push(complete(tx, &row).await?);
    }
    Ok(jobs)
}

pub(super) async fn delete(tx: &Transaction<'_>, id: &str) -> Result<Vec<String>> {
    let status = "SELECT status FROM jobs WHERE id = $1 FOR UPDATE";
    let active = match tx.query_opt(status, &[&id]).await? {
        Some(row) => matches!(row.try_get(0)?, "queued" | "running"),
        None => false,
    };
    if active {
        return Err(Error::Conflict {
            reason: "the job has not ended; cancel it first".to_owned(),
        });
    }
    let select = "SELECT object, master FROM outputs WHERE job_id = $1";
    let objects = objects_of(tx, select, &[&id]).await?;
    tx.execute("DELETE FROM jobs WHERE id = $1", &[&id]).await?;
    Ok(objects)
}

async fn objects_of(tx: &Transaction<'_>, sql: &str, with: Params<'_>) -> Result<Vec<String>> {
    let mut objects: Vec<String> = Vec::new();
    for row in tx.query(sql, with).await? {
        objects.push(row.try_get(0)?);
        objects.push(row.try_get(1)?);
    }
    objects.dedup();
    Ok(objects)
}

pub(super) async fn add_event(tx: &Transaction<'_>, id: &str, event: &Event) -> Result<()> {
    let sql = "INSERT INTO events (job_id, id, kind, data)
         SELECT $1, $2::bigint, $3, $4 WHERE EXISTS (SELECT 1 FROM jobs WHERE id = $1)
         ON CONFLICT DO NOTHING";
    let (number, data) = (signed(event.id), event.data.to_string());
    let added = tx
        .execute(sql, &[&id, &number, &event.kind.name(), &data])
        .await?;
    match added {
        0 => Ok(()),
        _ => Notice::Events(id.to_owned()).send(tx).await,
    }
}

pub(super) async fn events(tx: &Transaction<'_>, id: &str) -> Result<Vec<Event>> {
    let sql = "SELECT id, kind, data FROM events WHERE job_id = $1 ORDER BY id";
    let mut events = Vec::new();
    for row in tx.query(sql, &[&id]).await? {
        if let Some(kind) = EventKind::from_name(row.try_get(1)?) {
            let (id, data) = (unsigned(row.try_get(0)?), from_json(row.try_get(2)?)?);
            events.push(Event { id, kind, data });
        }
    }
    Ok(events)
}

pub(super) async fn sweep(
    tx: &Transaction<'_>,
    audio_before: &i64,
    jobs_before: &i64,
    max_bytes: &u64,
) -> Result<Vec<String>> {
    let mut gone = drop_audio(tx, "completed_at < $1", *audio_before).await?;
    // The newest that fit are kept.
    let beyond = "id NOT IN (
         SELECT job_id FROM (
             SELECT job_id, (SUM(SUM(bytes)) OVER (ORDER BY job_id DESC))::bigint AS total
             FROM outputs JOIN jobs ON jobs.id = job_id WHERE NOT audio_gone GROUP BY job_id
         ) AS sums WHERE total <= $1)";
    gone.extend(drop_audio(tx, beyond, signed(*max_bytes)).await?);
    let over = "SELECT id FROM jobs WHERE status NOT IN ('queued', 'running')
         AND (completed_at < $1 OR delete_at <= $2) FOR UPDATE SKIP LOCKED";
    let now = now_ms();
    for row in tx.query(over, &[jobs_before, &now]).await? {
        gone.extend(delete(tx, row.try_get(0)?).await?);
    }
    tx.execute("DELETE FROM shares WHERE expires_at <= $1", &[&now])
        .await?;
    Ok(gone)
}

/// Marks the audio of successful jobs as gone for which `condition` holds of `$1`.
async fn drop_audio(tx: &Transaction<'_>, condition: &str, with: i64) -> Result<Vec<String>> {
    let sql = format!(
        "WITH old AS (UPDATE jobs SET audio_gone = TRUE
             WHERE NOT audio_gone AND status = 'succeeded' AND {condition} RETURNING id)
         SELECT object, master FROM outputs JOIN old ON outputs.job_id = old.id"
    );
    objects_of(tx, &sql, &[&with]).await
}

pub(super) async fn objects(tx: &Transaction<'_>) -> Result<Vec<String>> {
    let outputs = "SELECT object, master FROM outputs JOIN jobs ON jobs.id = job_id
                   WHERE NOT audio_gone";
    let mut objects = objects_of(tx, outputs, &[]).await?;
    objects.extend(objects_of(tx, "SELECT object, object FROM files", &[]).await?);
    Ok(objects)
}

pub(super) async fn usage(tx: &Transaction<'_>, owner: &Option<String>) -> Result<Vec<UsageRow>> {
    let sql = "SELECT owner, day, jobs, audio_s, compute_s FROM usage
         WHERE $1::text IS NULL OR owner = $1 ORDER BY day DESC, owner LIMIT 1000";
    let read = |row: &Row| {
        Ok(UsageRow {
            owner: row.try_get(0)?,
            day: row.try_get(1)?,
            jobs: unsigned(row.try_get(2)?),
            audio_s: row.try_get(3)?,
            compute_s: row.try_get(4)?,
        })
    };
    tx.query(sql, &[owner]).await?.iter().map(read).collect()
}
