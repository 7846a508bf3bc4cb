//! Jobs, outputs and events in SQL: read, list, delete, sweep.

use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::de::DeserializeOwned;

use crate::store::types::{Filter, JobRow, OutputRow, QueueState, UsageRow};
use crate::wire::event::{Event, EventKind};
use crate::wire::{JobStatus, now_ms};
use crate::{Error, Result};

const COLUMNS: &str = "id, owner, client_id, status, created_at, started_at, completed_at,
    deadline_at, cancel_requested, attempt, fence, input, resolved, progress, error, usage, model,
    audio_gone, priority, cost";

/// Reads what was written by `queue::json`.
fn from_json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|error| Error::Store {
        reason: format!("a row cannot be read: {error}"),
    })
}

fn optional<T: DeserializeOwned>(text: Option<String>) -> Result<Option<T>> {
    text.as_deref().map(from_json).transpose()
}

/// A row without its outputs and place, and what its place follows from.
fn read_row(row: &Row<'_>) -> Result<(JobRow, i64, f64)> {
    let status: String = row.get(3)?;
    let status = JobStatus::from_name(&status).ok_or_else(|| Error::Store {
        reason: format!("there is no state {status}"),
    })?;
    let job = JobRow {
        id: row.get(0)?,
        owner: row.get(1)?,
        client_id: row.get(2)?,
        status,
        created_at: row.get(4)?,
        started_at: row.get(5)?,
        completed_at: row.get(6)?,
        deadline_at: row.get(7)?,
        cancel_requested: row.get(8)?,
        attempt: row.get(9)?,
        fence: row.get(10)?,
        input: from_json(&row.get::<_, String>(11)?)?,
        resolved: optional(row.get(12)?)?,
        progress: optional(row.get(13)?)?,
        error: optional(row.get(14)?)?,
        usage: optional(row.get(15)?)?,
        model: optional(row.get(16)?)?,
        audio_gone: row.get(17)?,
        place: None,
        outputs: Vec::new(),
    };
    Ok((job, row.get(18)?, row.get(19)?))
}

fn complete(db: &Connection, (mut job, priority, cost): (JobRow, i64, f64)) -> Result<JobRow> {
    if job.status == JobStatus::Queued {
        let place = db
            .prepare_cached(
                "SELECT COUNT(*), COALESCE(SUM(cost), 0.0) FROM jobs
                 WHERE status = 'running'
                    OR (status = 'queued' AND (priority > ?1 OR (priority = ?1 AND id < ?2)))",
            )?
            .query_row(params![priority, job.id], |row| {
                Ok(QueueState {
                    position: row.get(0)?,
                    cost: row.get::<_, f64>(1)? + cost,
                })
            })?;
        job.place = Some(place);
    }
    if job.status == JobStatus::Succeeded {
        job.outputs = outputs(db, &job.id)?;
    }
    Ok(job)
}

fn outputs(db: &Connection, id: &str) -> Result<Vec<OutputRow>> {
    let mut statement = db.prepare_cached(
        "SELECT output, object, master, plan FROM outputs WHERE job_id = ?1 ORDER BY idx",
    )?;
    let mut rows = statement.query([id])?;
    let mut outputs = Vec::new();
    while let Some(row) = rows.next()? {
        outputs.push(OutputRow {
            output: from_json(&row.get::<_, String>(0)?)?,
            object: row.get(1)?,
            master: row.get(2)?,
            plan: row.get(3)?,
        });
    }
    Ok(outputs)
}

pub(super) fn job(db: &Connection, id: &str, owner: &Option<String>) -> Result<Option<JobRow>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM jobs WHERE (id = ?1 AND (?2 IS NULL OR owner = ?2))
            OR (client_id = ?1 AND owner = COALESCE(?2, 'local')) LIMIT 1"
    );
    let found = db
        .prepare_cached(&sql)?
        .query_row(params![id, owner], |row| Ok(read_row(row)))
        .optional()?;
    found.transpose()?.map(|row| complete(db, row)).transpose()
}

pub(super) fn list(db: &Connection, filter: &Filter) -> Result<Vec<JobRow>> {
    let mut sql = format!("SELECT {COLUMNS} FROM jobs WHERE 1");
    let mut values: Vec<Value> = Vec::new();
    let pattern = filter.text.as_ref().map(|text| {
        let escaped = text
            .replace('\\', "\\\\")
            .replace('%', "\\%")
            .replace('_', "\\_");
        format!("%{escaped}%")
    });
    let clauses = [
        (" AND owner = ?", filter.owner.clone()),
        (
            " AND status = ?",
            filter.status.map(|status| status.name().to_owned()),
        ),
        (" AND id < ?", filter.after.clone()),
        (" AND batch_id = ?", filter.batch.clone()),
        (" AND prompt LIKE ? ESCAPE '\\'", pattern),
    ];
    for (clause, value) in clauses {
        if let Some(value) = value {
            sql.push_str(clause);
            values.push(value.into());
        }
    }
    let order = if filter.batch.is_some() {
        "batch_line"
    } else {
        "id DESC"
    };
    sql.push_str(&format!(" ORDER BY {order} LIMIT ?"));
    values.push(i64::from(filter.limit).into());
    let mut statement = db.prepare_cached(&sql)?;
    let mut rows = statement.query(rusqlite::params_from_iter(values))?;
    let mut jobs = Vec::new();
    while let Some(row) = rows.next()? {
        jobs.push(complete(db, read_row(row)?)?);
    }
    Ok(jobs)
}

pub(super) fn delete(db: &Connection, id: &str) -> Result<Vec<String>> {
    let found = job(db, id, &None)?;
    if found.as_ref().is_some_and(|job| !job.status.is_terminal()) {
        return Err(Error::Conflict {
            reason: "the job has not ended; cancel it first".to_owned(),
        });
    }
    let objects = objects_of(
        db,
        "SELECT object, master FROM outputs WHERE job_id = ?1",
        &[&id],
    )?;
    db.prepare_cached("DELETE FROM jobs WHERE id = ?1")?
        .execute([id])?;
    Ok(objects)
}

fn objects_of(db: &Connection, sql: &str, with: &[&dyn rusqlite::ToSql]) -> Result<Vec<String>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut rows = statement.query(with)?;
    let mut objects: Vec<String> = Vec::new();
    while let Some(row) = rows.next()? {
        objects.push(row.get(0)?);
        objects.push(row.get(1)?);
    }
    objects.dedup();
    Ok(objects)
}

pub(super) fn add_event(db: &Connection, id: &str, event: &Event) -> Result<()> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO events (job_id, id, kind, data)
         SELECT ?1, ?2, ?3, ?4 WHERE EXISTS (SELECT 1 FROM jobs WHERE id = ?1)",
    )?
    .execute(params![
        id,
        event.id,
        event.kind.name(),
        event.data.to_string()
    ])?;
    Ok(())
}

pub(super) fn events(db: &Connection, id: &str) -> Result<Vec<Event>> {
    let mut statement =
        db.prepare_cached("SELECT id, kind, data FROM events WHERE job_id = ?1 ORDER BY id")?;
    let mut rows = statement.query([id])?;
    let mut events = Vec::new();
    while let Some(row) = rows.next()? {
        if let Some(kind) = EventKind::from_name(&row.get::<_, String>(1)?) {
            events.push(Event {
                id: row.get(0)?,
                kind,
                data: from_json(&row.get::<_, String>(2)?)?,
            });
        }
    }
    Ok(events)
}

pub(super) fn sweep(
    db: &Connection,
    audio_before: &i64,
    jobs_before: &i64,
    max_bytes: &u64,
) -> Result<Vec<String>> {
    let mut gone = Vec::new();
    let mut drop_audio = |condition: &str, with: &[&dyn rusqlite::ToSql]| -> Result<()> {
        let of = format!("(SELECT id FROM jobs WHERE audio_gone = 0 AND {condition})");
        let select = format!("SELECT object, master FROM outputs WHERE job_id IN {of}");
        gone.extend(objects_of(db, &select, with)?);
        db.execute(
            &format!("UPDATE jobs SET audio_gone = 1 WHERE id IN {of}"),
            with,
        )?;
        Ok(())
    };
    drop_audio(
        "status = 'succeeded' AND completed_at < ?1",
        &[audio_before],
    )?;
    // The newest that fit are kept.
    drop_audio(
        "status = 'succeeded' AND id NOT IN (
             SELECT job_id FROM (
                 SELECT job_id, SUM(SUM(bytes)) OVER (ORDER BY job_id DESC) AS total
                 FROM outputs JOIN jobs ON jobs.id = job_id WHERE audio_gone = 0 GROUP BY job_id
             ) WHERE total <= ?1)",
        &[&i64::try_from(*max_bytes).unwrap_or(i64::MAX)],
    )?;
    let over = "SELECT id FROM jobs WHERE (completed_at < ?1 OR delete_at <= ?2)";
    let now = now_ms();
    let ids: Vec<String> = db
        .prepare_cached(over)?
        .query_map(params![jobs_before, now], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for id in ids {
        gone.extend(delete(db, &id)?);
    }
    db.execute("DELETE FROM shares WHERE expires_at <= ?1", [now])?;
    Ok(gone)
}

pub(super) fn objects(db: &Connection) -> Result<Vec<String>> {
    let outputs = "SELECT object, master FROM outputs JOIN jobs ON jobs.id = job_id
                   WHERE audio_gone = 0";
    let mut objects = objects_of(db, outputs, &[])?;
    objects.extend(objects_of(db, "SELECT object, object FROM files", &[])?);
    Ok(objects)
}

pub(super) fn usage(db: &Connection, owner: &Option<String>) -> Result<Vec<UsageRow>> {
    let mut statement = db.prepare_cached(
        "SELECT owner, day, jobs, audio_s, compute_s FROM usage
         WHERE ?1 IS NULL OR owner = ?1 ORDER BY day DESC, owner LIMIT 1000",
    )?;
    let rows = statement.query_map([owner], |row| {
        Ok(UsageRow {
            owner: row.get(0)?,
            day: row.get(1)?,
            jobs: row.get(2)?,
            audio_s: row.get(3)?,
            compute_s: row.get(4)?,
        })
    })?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}
