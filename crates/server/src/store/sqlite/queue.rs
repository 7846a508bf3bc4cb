//! The queue in SQL: accept, claim, renew, finish, cancel, recover.

use rusqlite::{Connection, OptionalExtension, Row, named_params, params};
use serde::Serialize;

use super::jobs;
use crate::Result;
use crate::store::types::{Beat, Claim, Claims, Ending, Enqueue, Enqueued, JobRow};
use crate::wire::event::EventKind;
use crate::wire::job::Progress;
use crate::wire::request::WebhookEvent;
use crate::wire::{JobStatus, Timestamp};

/// How many times a worker may begin a job. Here it dies only with the whole server, which is seldom
/// the job's fault, so it is granted more often than where workers are processes of their own.
pub(in crate::store) const MAX_ATTEMPTS: u32 = 25;
/// Idempotency keys are kept for a day.
const KEY_LIFE_MS: i64 = 24 * 3_600_000;

/// JSON of a value of ours.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our own types are always JSON")
}

pub(super) fn enqueue(db: &Connection, job: &Enqueue) -> Result<Enqueued> {
    if let Some(known) = known(db, job)? {
        return Ok(known);
    }
    let count = |sql: &str, owner: &[&str]| -> Result<u64> {
        let count = db
            .prepare_cached(sql)?
            .query_row(rusqlite::params_from_iter(owner), |row| row.get(0))?;
        Ok(count)
    };
    let queued = count("SELECT COUNT(*) FROM jobs WHERE status = 'queued'", &[])?;
    let own = count(
        "SELECT COUNT(*) FROM jobs WHERE status IN ('queued', 'running') AND owner = ?1",
        &[&job.owner],
    )?;
    let full = |queued, limit| Ok(Enqueued::Full { queued, limit });
    if queued >= job.limits.total {
        return full(queued, job.limits.total);
    }
    if own >= job.limits.per_owner {
        return full(own, job.limits.per_owner);
    }
    insert(db, job)?;
    if let Some(key) = &job.idempotency {
        db.prepare_cached(
            "INSERT INTO idempotency (owner, key, fingerprint, job_id, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            job.owner,
            key.0,
            job.fingerprint,
            job.id,
            job.created_at
        ])?;
    }
    let row = jobs::job(db, &job.id, &None)?;
    Ok(Enqueued::New(Box::new(row.expect("it was inserted above"))))
}

/// The job that the idempotency key or the client's name stands for already.
fn known(db: &Connection, job: &Enqueue) -> Result<Option<Enqueued>> {
    let pair = |row: &Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    if let Some(key) = &job.idempotency {
        db.prepare_cached("DELETE FROM idempotency WHERE created_at < ?1")?
            .execute([job.created_at - KEY_LIFE_MS])?;
        let found = db
            .prepare_cached(
                "SELECT job_id, fingerprint FROM idempotency WHERE owner = ?1 AND key = ?2",
            )?
            .query_row(params![job.owner, key.0], pair)
            .optional()?;
        match found {
            Some((_, fingerprint)) if fingerprint != job.fingerprint => {
                return Ok(Some(Enqueued::KeyReused));
            }
            Some((id, _)) => return found_job(db, &id),
            None => {}
        }
    }
    if let Some(client_id) = &job.client_id {
        let found = db
            .prepare_cached("SELECT id, fingerprint FROM jobs WHERE owner = ?1 AND client_id = ?2")?
            .query_row(params![job.owner, client_id], pair)
            .optional()?;
        match found {
            Some((_, fingerprint)) if fingerprint != job.fingerprint => {
                return Ok(Some(Enqueued::NameTaken));
            }
            Some((id, _)) => return found_job(db, &id),
            None => {}
        }
    }
    Ok(None)
}

fn found_job(db: &Connection, id: &str) -> Result<Option<Enqueued>> {
    let row = jobs::job(db, id, &None)?;
    Ok(row.map(|row| Enqueued::Known(Box::new(row))))
}

/// Inserts a job without looking at limits.
pub(super) fn insert(db: &Connection, job: &Enqueue) -> Result<()> {
    let (batch_id, batch_line) = job.batch.clone().unzip();
    db.prepare_cached(
        "INSERT INTO jobs (id, owner, client_id, fingerprint, status, priority, created_at,
             deadline_at, cost, compatible, batch_id, batch_line, prompt, input)
         VALUES (:id, :owner, :client_id, :fingerprint, 'queued', :priority, :created_at,
             :deadline_at, :cost, :compatible, :batch_id, :batch_line, :prompt, :input)",
    )?
    .execute(named_params! {
        ":id": job.id, ":owner": job.owner, ":client_id": job.client_id,
        ":fingerprint": job.fingerprint, ":priority": job.priority,
        ":created_at": job.created_at, ":deadline_at": job.deadline_at, ":cost": job.cost,
        ":compatible": job.compatible, ":batch_id": batch_id, ":batch_line": batch_line,
        ":prompt": job.input.prompt, ":input": json(&job.input),
    })?;
    Ok(())
}

pub(super) fn claim(db: &Connection, claims: &Claims) -> Result<Vec<Claim>> {
    let next: Option<(String, String)> = db
        .prepare_cached(
            "SELECT jobs.id, compatible FROM jobs LEFT JOIN turns USING (owner)
             WHERE status = 'queued' AND cancel_requested = 0
             ORDER BY priority DESC, COALESCE(turns.at, 0), jobs.id LIMIT 1",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let Some((id, compatible)) = next else {
        return Ok(Vec::new());
    };
    let mut taken = vec![take(db, claims, &id)?];
    if compatible.is_empty() {
        return Ok(taken);
    }
    let others: Vec<String> = db
        .prepare_cached(
            "SELECT id FROM jobs WHERE status = 'queued' AND cancel_requested = 0
             AND compatible = ?1 ORDER BY priority DESC, id LIMIT 64",
        )?
        .query_map([&compatible], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut outputs = taken[0].row.input.n;
    for id in others {
        let n = jobs::job(db, &id, &None)?.map_or(u32::MAX, |row| row.input.n);
        if outputs.saturating_add(n) > claims.max_outputs {
            break;
        }
        outputs += n;
        taken.push(take(db, claims, &id)?);
    }
    Ok(taken)
}

fn take(db: &Connection, claims: &Claims, id: &str) -> Result<Claim> {
    db.prepare_cached(
        "UPDATE jobs SET status = 'running', attempt = attempt + 1, fence = fence + 1,
             worker = ?2, lease_until = ?3, started_at = ?4, progress = NULL WHERE id = ?1",
    )?
    .execute(params![
        id,
        claims.worker,
        claims.now + claims.lease_ms,
        claims.now
    ])?;
    db.prepare_cached(
        "INSERT INTO turns (owner, at) SELECT owner, ?2 FROM jobs WHERE id = ?1
         ON CONFLICT (owner) DO UPDATE SET at = excluded.at",
    )?
    .execute(params![id, claims.now])?;
    let row = jobs::job(db, id, &None)?.expect("it was selected in this transaction");
    let fence = row.fence;
    Ok(Claim { row, fence })
}

pub(super) fn beat(
    db: &Connection,
    held: &[(String, i64, Option<Progress>)],
    until: &i64,
) -> Result<Vec<Beat>> {
    let mut beats = Vec::new();
    for (id, fence, progress) in held {
        let renewed = db
            .prepare_cached(
                "UPDATE jobs SET lease_until = ?3, progress = COALESCE(?4, progress)
                 WHERE id = ?1 AND fence = ?2 AND status = 'running'
                 RETURNING cancel_requested, deadline_at",
            )?
            .query_row(
                params![id, fence, until, progress.as_ref().map(json)],
                |row| Ok((row.get::<_, bool>(0)?, row.get::<_, Option<i64>>(1)?)),
            )
            .optional()?;
        beats.push(match renewed {
            None => Beat::Lost,
            Some((true, _)) => Beat::Cancel,
            Some((_, Some(deadline))) if deadline <= crate::wire::now_ms() => Beat::Expired,
            Some(_) => Beat::Held,
        });
    }
    Ok(beats)
}

pub(super) fn finish(db: &Connection, id: &str, fence: &i64, ending: &Ending) -> Result<bool> {
    let queued = ending.status == JobStatus::Queued;
    let changed = db
        .prepare_cached(
            "UPDATE jobs SET status = :status, resolved = COALESCE(:resolved, resolved),
                 error = :error, usage = COALESCE(:usage, usage), model = COALESCE(:model, model),
                 completed_at = :completed_at, progress = NULL, worker = NULL, lease_until = NULL
             WHERE id = :id AND fence = :fence AND status = 'running'",
        )?
        .execute(named_params! {
            ":id": id, ":fence": fence, ":status": ending.status.name(),
            ":resolved": ending.resolved.as_ref().map(json),
            ":error": ending.error.as_ref().map(json), ":usage": ending.usage.as_ref().map(json),
            ":model": ending.model.as_ref().map(json),
            ":completed_at": (!queued).then_some(ending.at),
        })?;
    if changed == 0 {
        return Ok(false);
    }
    if queued {
        // An attempt that was given back at a shutdown does not count.
        db.prepare_cached(
            "UPDATE jobs SET attempt = attempt - 1, started_at = NULL WHERE id = ?1",
        )?
        .execute([id])?;
        return Ok(true);
    }
    for row in &ending.outputs {
        db.prepare_cached(
            "INSERT INTO outputs (job_id, idx, output, bytes, object, master, plan)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            id,
            row.output.index,
            json(&row.output),
            row.output.bytes,
            row.object,
            row.master,
            row.plan
        ])?;
    }
    ended(db, id, ending.at)?;
    Ok(true)
}

/// What must happen in the transaction in which a job ends: usage, deletion date, outbox.
fn ended(db: &Connection, id: &str, at: i64) -> Result<()> {
    let row = jobs::job(db, id, &None)?.expect("it was updated in this transaction");
    if let Some(expires_after_s) = row.input.expires_after_s {
        db.prepare_cached("UPDATE jobs SET delete_at = ?2 WHERE id = ?1")?
            .execute(params![id, at + i64::from(expires_after_s) * 1000])?;
    }
    let usage = row.usage;
    let (audio_s, compute_s) = usage.map_or((0.0, 0.0), |usage| (usage.audio_s, usage.compute_s));
    let day = &Timestamp(at).to_string()[..10];
    db.prepare_cached(
        "INSERT INTO usage (owner, day, jobs, audio_s, compute_s) VALUES (?1, ?2, 1, ?3, ?4)
         ON CONFLICT (owner, day) DO UPDATE SET jobs = jobs + 1,
             audio_s = audio_s + excluded.audio_s, compute_s = compute_s + excluded.compute_s",
    )?
    .execute(params![row.owner, day, audio_s, compute_s])?;
    if let (Some(webhook), Some(event)) = (&row.input.webhook, row.last_event()) {
        let told = match event {
            EventKind::Completed => WebhookEvent::Completed,
            EventKind::Failed => WebhookEvent::Failed,
            _ => WebhookEvent::Canceled,
        };
        if webhook.events.is_empty() || webhook.events.contains(&told) {
            let data = serde_json::json!({
                "id": row.id, "status": row.status, "metadata": row.input.metadata,
                "error": row.error,
                "outputs": row.outputs.iter().map(|row| &row.output).collect::<Vec<_>>(),
            });
            let kind = format!("generation.{}", event.name());
            let body = serde_json::json!({
                "type": kind, "timestamp": Timestamp(at), "data": data,
            });
            db.prepare_cached(
                "INSERT INTO outbox (id, url, body, due_at) VALUES (?1, ?2, ?3, ?4)",
            )?
            .execute(params![
                id.replacen("gen_", "msg_", 1),
                webhook.url,
                body.to_string(),
                at
            ])?;
        }
    }
    Ok(())
}

/// Ends a job that no worker has.
fn end_idle(db: &Connection, id: &str, status: JobStatus, error: &str, at: i64) -> Result<()> {
    db.prepare_cached(
        "UPDATE jobs SET status = ?2, error = ?3, completed_at = ?4, progress = NULL,
             worker = NULL, lease_until = NULL, fence = fence + 1 WHERE id = ?1",
    )?
    .execute(params![id, status.name(), error, at])?;
    ended(db, id, at)
}

fn error_of(code: &str, detail: &str) -> String {
    json(&crate::wire::JobError {
        code: code.to_owned(),
        detail: detail.to_owned(),
    })
}

pub(super) fn cancel(db: &Connection, id: &str, at: &i64) -> Result<Option<JobRow>> {
    let Some(row) = jobs::job(db, id, &None)? else {
        return Ok(None);
    };
    match row.status {
        JobStatus::Queued => {
            let error = error_of("canceled", "canceled before it began");
            end_idle(db, id, JobStatus::Canceled, &error, *at)?;
        }
        JobStatus::Running => {
            db.prepare_cached("UPDATE jobs SET cancel_requested = 1 WHERE id = ?1")?
                .execute([id])?;
        }
        _ => return Ok(Some(row)),
    }
    jobs::job(db, id, &None)
}

pub(super) fn recover(db: &Connection, lease_before: &i64, now: &i64) -> Result<Vec<JobRow>> {
    let ids = |sql: &str, time: &i64| -> Result<Vec<String>> {
        let mut statement = db.prepare_cached(sql)?;
        let ids = statement.query_map([time], |row| row.get(0))?;
        Ok(ids.collect::<rusqlite::Result<_>>()?)
    };
    let mut changed = Vec::new();
    for id in ids(
        "SELECT id FROM jobs WHERE status = 'running' AND lease_until <= ?1",
        lease_before,
    )? {
        let Some(row) = jobs::job(db, &id, &None)? else {
            continue;
        };
        if row.cancel_requested {
            let error = error_of("canceled", "canceled while its worker was lost");
            end_idle(db, &id, JobStatus::Canceled, &error, *now)?;
        } else if row.attempt >= MAX_ATTEMPTS {
            let detail = format!("its worker was lost {MAX_ATTEMPTS} times");
            end_idle(
                db,
                &id,
                JobStatus::Failed,
                &error_of("worker_lost", &detail),
                *now,
            )?;
        } else {
            db.prepare_cached(
                "UPDATE jobs SET status = 'queued', fence = fence + 1, worker = NULL,
                     lease_until = NULL, progress = NULL WHERE id = ?1",
            )?
            .execute([&id])?;
        }
        changed.extend(jobs::job(db, &id, &None)?);
    }
    for id in ids(
        "SELECT id FROM jobs WHERE status = 'queued' AND deadline_at <= ?1",
        now,
    )? {
        let error = error_of("expired", "its Cancel-After was over before it began");
        end_idle(db, &id, JobStatus::Expired, &error, *now)?;
        changed.extend(jobs::job(db, &id, &None)?);
    }
    Ok(changed)
}

pub(super) fn waiting(db: &Connection) -> Result<(u64, f64)> {
    let waiting = db
        .prepare_cached(
            "SELECT COUNT(*), COALESCE(SUM(cost), 0.0) FROM jobs WHERE status = 'queued'",
        )?
        .query_row([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(waiting)
}
