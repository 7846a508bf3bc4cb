//! The queue in SQL: accept, claim, renew, finish, cancel, recover.

use serde::Serialize;
use tokio_postgres::{Row, Transaction};

use super::jobs::{self, signed, unsigned};
use super::notice::Notice;
use crate::Result;
use crate::store::types::{Beat, Claim, Claims, Ending, Enqueue, Enqueued, JobRow};
use crate::webhooks::outbox::message;
use crate::wire::job::Progress;
use crate::wire::{JobError, JobStatus, Timestamp};

/// How many times a worker may begin a job.
const MAX_ATTEMPTS: u32 = 3;
/// Idempotency keys are kept for a day.
const KEY_LIFE_MS: i64 = 24 * 3_600_000;
/// Lock under which jobs are accepted, so that limits and keys hold across all processes.
const QUEUE_LOCK: i64 = 0x6d75_7374_6f6f_6c01;
/// Most jobs that are looked at for one run of the model.
const MAX_TOGETHER: i64 = 64;

/// JSON of a value of ours.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("our own types are always JSON")
}

fn optional_json(value: Option<&impl Serialize>) -> Option<String> {
    value.map(json)
}

pub(super) async fn lock(tx: &Transaction<'_>) -> Result<()> {
    tx.execute("SELECT pg_advisory_xact_lock($1)", &[&QUEUE_LOCK])
        .await?;
    Ok(())
}

pub(super) async fn enqueue(tx: &Transaction<'_>, job: &Enqueue) -> Result<Enqueued> {
    lock(tx).await?;
    if let Some(known) = known(tx, job).await? {
        return Ok(known);
    }
    let counts = "SELECT COUNT(*) FILTER (WHERE status = 'queued'),
             COUNT(*) FILTER (WHERE owner = $1)
         FROM jobs WHERE status IN ('queued', 'running')";
    let counts = tx.query_one(counts, &[&job.owner]).await?;
    let (queued, own) = (unsigned(counts.try_get(0)?), unsigned(counts.try_get(1)?));
    let full = |queued, limit| Ok(Enqueued::Full { queued, limit });
    if queued >= job.limits.total {
        return full(queued, job.limits.total);
    }
    if own >= job.limits.per_owner {
        return full(own, job.limits.per_owner);
    }
    insert(tx, job).await?;
    if let Some(key) = &job.idempotency {
        let sql = "INSERT INTO idempotency (owner, key, fingerprint, job_id, created_at)
             VALUES ($1, $2, $3, $4, $5)";
        tx.execute(
            sql,
            &[
                &job.owner,
                &key.0,
                &job.fingerprint,
                &job.id,
                &job.created_at,
            ],
        )
        .await?;
    }
    Notice::Queued.send(tx).await?;
    Ok(Enqueued::New(Box::new(existing(tx, &job.id).await?)))
}

/// A job that this transaction has inserted, changed or locked.
async fn existing(tx: &Transaction<'_>, id: &str) -> Result<JobRow> {
    let row = jobs::job(tx, id, &None).await?;
    Ok(row.expect("it is there within this transaction"))
}

/// The job that the idempotency key or the client's name stands for already.
async fn known(tx: &Transaction<'_>, job: &Enqueue) -> Result<Option<Enqueued>> {
    let mut found = None;
    if let Some(key) = &job.idempotency {
        let old = job.created_at - KEY_LIFE_MS;
        tx.execute("DELETE FROM idempotency WHERE created_at < $1", &[&old])
            .await?;
        let sql = "SELECT job_id, fingerprint FROM idempotency WHERE owner = $1 AND key = $2";
        let row = tx.query_opt(sql, &[&job.owner, &key.0]).await?;
        found = row.map(|row| (row, Enqueued::KeyReused));
    }
    if let (None, Some(client_id)) = (&found, &job.client_id) {
        let sql = "SELECT id, fingerprint FROM jobs WHERE owner = $1 AND client_id = $2";
        let row = tx.query_opt(sql, &[&job.owner, client_id]).await?;
        found = row.map(|row| (row, Enqueued::NameTaken));
    }
    let Some((row, refusal)) = found else {
        return Ok(None);
    };
    let (id, fingerprint): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
    if fingerprint != job.fingerprint {
        return Ok(Some(refusal));
    }
    Ok(Some(Enqueued::Known(Box::new(existing(tx, id).await?))))
}

/// Inserts a job without looking at limits.
pub(super) async fn insert(tx: &Transaction<'_>, job: &Enqueue) -> Result<()> {
    let (batch_id, batch_line) = job.batch.clone().unzip();
    let batch_line = batch_line.map(|line| line as i32);
    let (outputs, input) = (job.input.n as i32, json(&job.input));
    let sql = "INSERT INTO jobs (id, owner, client_id, fingerprint, status, priority, created_at,
             deadline_at, cost, compatible, outputs, batch_id, batch_line, prompt, input)
         VALUES ($1, $2, $3, $4, 'queued', $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
    tx.execute(
        sql,
        &[
            &job.id,
            &job.owner,
            &job.client_id,
            &job.fingerprint,
            &job.priority,
            &job.created_at,
            &job.deadline_at,
            &job.cost,
            &job.compatible,
            &outputs,
            &batch_id,
            &batch_line,
            &job.input.prompt,
            &input,
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn claim(tx: &Transaction<'_>, claims: &Claims) -> Result<Vec<Claim>> {
    let next = "SELECT jobs.id, compatible, outputs FROM jobs LEFT JOIN turns USING (owner)
         WHERE status = 'queued' AND NOT cancel_requested
         ORDER BY priority DESC, COALESCE(turns.at, 0), jobs.id
         LIMIT 1 FOR UPDATE OF jobs SKIP LOCKED";
    let Some(next) = tx.query_opt(next, &[]).await? else {
        return Ok(Vec::new());
    };
    let (id, compatible): (String, String) = (next.try_get(0)?, next.try_get(1)?);
    let mut room = i64::from(claims.max_outputs) - i64::from(next.try_get::<_, i32>(2)?);
    let mut taken = vec![take(tx, claims, &id).await?];
    if compatible.is_empty() || room <= 0 {
        return Ok(taken);
    }
    let others = "SELECT id, outputs FROM jobs
         WHERE status = 'queued' AND NOT cancel_requested AND compatible = $1
         ORDER BY priority DESC, id LIMIT $2 FOR UPDATE SKIP LOCKED";
    for other in tx
        .query(others, &[&compatible, &room.min(MAX_TOGETHER)])
        .await?
    {
        room -= i64::from(other.try_get::<_, i32>(1)?);
        if room < 0 {
            break;
        }
        taken.push(take(tx, claims, other.try_get(0)?).await?);
    }
    Ok(taken)
}

async fn take(tx: &Transaction<'_>, claims: &Claims, id: &str) -> Result<Claim> {
    let until = claims.now + claims.lease_ms;
    let sql = "UPDATE jobs SET status = 'running', attempt = attempt + 1, fence = fence + 1,
             worker = $2, lease_until = $3, started_at = $4, progress = NULL WHERE id = $1";
    tx.execute(sql, &[&id, &claims.worker, &until, &claims.now])
        .await?;
    let turn = "INSERT INTO turns (owner, at) SELECT owner, $2::bigint FROM jobs WHERE id = $1
         ON CONFLICT (owner) DO UPDATE SET at = excluded.at";
    tx.execute(turn, &[&id, &claims.now]).await?;
    let row = existing(tx, id).await?;
    let fence = row.fence;
    Ok(Claim { row, fence })
}

pub(super) async fn beat(
    tx: &Transaction<'_>,
    held: &[(String, i64, Option<Progress>)],
    until: &i64,
) -> Result<Vec<Beat>> {
    let sql = "UPDATE jobs SET lease_until = $3, progress = COALESCE($4, progress)
         WHERE id = $1 AND fence = $2 AND status = 'running'
         RETURNING cancel_requested, deadline_at";
    let mut beats = Vec::new();
    for (id, fence, progress) in held {
        let progress = optional_json(progress.as_ref());
        let renewed = tx.query_opt(sql, &[id, fence, until, &progress]).await?;
        let read = |row: Row| Ok::<_, tokio_postgres::Error>((row.try_get(0)?, row.try_get(1)?));
        let renewed: Option<(bool, Option<i64>)> = renewed.map(read).transpose()?;
        if let (Some(_), Some(progress)) = (&renewed, progress) {
            Notice::Progress(id.clone(), progress).send(tx).await?;
        }
        beats.push(match renewed {
            None => Beat::Lost,
            Some((true, _)) => Beat::Cancel,
            Some((_, Some(deadline))) if deadline <= crate::wire::now_ms() => Beat::Expired,
            Some(_) => Beat::Held,
        });
    }
    Ok(beats)
}

pub(super) async fn finish(
    tx: &Transaction<'_>,
    id: &str,
    fence: &i64,
    ending: &Ending,
) -> Result<bool> {
    let queued = ending.status == JobStatus::Queued;
    let sql = "UPDATE jobs SET status = $3, resolved = COALESCE($4, resolved), error = $5,
             usage = COALESCE($6, usage), model = COALESCE($7, model), completed_at = $8,
             progress = NULL, worker = NULL, lease_until = NULL
         WHERE id = $1 AND fence = $2 AND status = 'running'";
    let completed_at = (!queued).then_some(ending.at);
    let changed = tx
        .execute(
            sql,
            &[
                &id,
                fence,
                &ending.status.name(),
                &optional_json(ending.resolved.as_ref()),
                &optional_json(ending.error.as_ref()),
                &optional_json(ending.usage.as_ref()),
                &optional_json(ending.model.as_ref()),
                &completed_at,
            ],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    if queued {
        // An attempt that was given back at a shutdown does not count.
        let sql = "UPDATE jobs SET attempt = attempt - 1, started_at = NULL WHERE id = $1";
        tx.execute(sql, &[&id]).await?;
        Notice::Queued.send(tx).await?;
        return Ok(true);
    }
    for row in &ending.outputs {
        let (index, bytes) = (row.output.index as i32, signed(row.output.bytes));
        let sql = "INSERT INTO outputs (job_id, idx, output, bytes, object, master, plan)
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let output = json(&row.output);
        tx.execute(
            sql,
            &[
                &id,
                &index,
                &output,
                &bytes,
                &row.object,
                &row.master,
                &row.plan,
            ],
        )
        .await?;
    }
    ended(tx, id, ending.at).await?;
    Ok(true)
}

/// What must happen in the transaction in which a job ends: usage, deletion date, outbox.
async fn ended(tx: &Transaction<'_>, id: &str, at: i64) -> Result<()> {
    let row = existing(tx, id).await?;
    if let Some(expires_after_s) = row.input.expires_after_s {
        let delete_at = at + i64::from(expires_after_s) * 1000;
        tx.execute(
            "UPDATE jobs SET delete_at = $2 WHERE id = $1",
            &[&id, &delete_at],
        )
        .await?;
    }
    let used = row
        .usage
        .map_or((0.0, 0.0), |usage| (usage.audio_s, usage.compute_s));
    let moment = Timestamp(at).to_string();
    let sql = "INSERT INTO usage (owner, day, jobs, audio_s, compute_s) VALUES ($1, $2, 1, $3, $4)
         ON CONFLICT (owner, day) DO UPDATE SET jobs = usage.jobs + 1,
             audio_s = usage.audio_s + excluded.audio_s,
             compute_s = usage.compute_s + excluded.compute_s";
    tx.execute(sql, &[&row.owner, &&moment[..10], &used.0, &used.1])
        .await?;
    if let Some(message) = message(&row, at) {
        let sql = "INSERT INTO outbox (id, url, body, due_at) VALUES ($1, $2, $3, $4)";
        tx.execute(sql, &[&message.id, &message.url, &message.body, &at])
            .await?;
    }
    Ok(())
}

/// Ends a job that no worker has.
async fn end_idle(
    tx: &Transaction<'_>,
    id: &str,
    status: JobStatus,
    error: JobError,
    at: i64,
) -> Result<()> {
    let sql = "UPDATE jobs SET status = $2, error = $3, completed_at = $4, progress = NULL,
             worker = NULL, lease_until = NULL, fence = fence + 1 WHERE id = $1";
    tx.execute(sql, &[&id, &status.name(), &json(&error), &at])
        .await?;
    ended(tx, id, at).await
}

fn error_of(code: &str, detail: &str) -> JobError {
    JobError {
        code: code.to_owned(),
        detail: detail.to_owned(),
    }
}

pub(super) async fn cancel(tx: &Transaction<'_>, id: &str, at: &i64) -> Result<Option<JobRow>> {
    let status = "SELECT status FROM jobs WHERE id = $1 FOR UPDATE";
    let Some(row) = tx.query_opt(status, &[&id]).await? else {
        return Ok(None);
    };
    match row.try_get(0)? {
        "queued" => {
            let error = error_of("canceled", "canceled before it began");
            end_idle(tx, id, JobStatus::Canceled, error, *at).await?;
        }
        "running" => {
            let sql = "UPDATE jobs SET cancel_requested = TRUE WHERE id = $1";
            tx.execute(sql, &[&id]).await?;
            Notice::Cancel(id.to_owned()).send(tx).await?;
        }
        _ => {}
    }
    jobs::job(tx, id, &None).await
}

pub(super) async fn recover(
    tx: &Transaction<'_>,
    lease_before: &i64,
    now: &i64,
) -> Result<Vec<JobRow>> {
    let mut changed = Vec::new();
    let lost = "SELECT id FROM jobs WHERE status = 'running' AND lease_until <= $1
         ORDER BY id FOR UPDATE SKIP LOCKED";
    for found in tx.query(lost, &[lease_before]).await? {
        let id: &str = found.try_get(0)?;
        let row = existing(tx, id).await?;
        if row.cancel_requested {
            let error = error_of("canceled", "canceled while its worker was lost");
            end_idle(tx, id, JobStatus::Canceled, error, *now).await?;
        } else if row.attempt >= MAX_ATTEMPTS {
            let detail = format!("its worker was lost {MAX_ATTEMPTS} times");
            end_idle(
                tx,
                id,
                JobStatus::Failed,
                error_of("worker_lost", &detail),
                *now,
            )
            .await?;
        } else {
            let sql = "UPDATE jobs SET status = 'queued', fence = fence + 1, worker = NULL,
                     lease_until = NULL, progress = NULL WHERE id = $1";
            tx.execute(sql, &[&id]).await?;
            Notice::Queued.send(tx).await?;
        }
        changed.push(existing(tx, id).await?);
    }
    let late = "SELECT id FROM jobs WHERE status = 'queued' AND deadline_at <= $1
         ORDER BY id FOR UPDATE SKIP LOCKED";
    for found in tx.query(late, &[now]).await? {
        let id: &str = found.try_get(0)?;
        let error = error_of("expired", "its Cancel-After was over before it began");
        end_idle(tx, id, JobStatus::Expired, error, *now).await?;
        changed.push(existing(tx, id).await?);
    }
    Ok(changed)
}

pub(super) async fn waiting(tx: &Transaction<'_>) -> Result<(u64, f64)> {
    let sql = "SELECT COUNT(*), COALESCE(SUM(cost), 0) FROM jobs WHERE status = 'queued'";
    let row = tx.query_one(sql, &[]).await?;
    Ok((unsigned(row.try_get(0)?), row.try_get(1)?))
}
