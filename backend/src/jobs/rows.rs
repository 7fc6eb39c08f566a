//! The statements over apalis' tables that apalis has not: postponing, handing back, quarantine, dead letters, retention.
//!
//! Invariant: a job is only ever changed by the worker that holds it (`lock_by`), or when nobody does.

use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::deletion::DeadLetter;
use sqlx::{FromRow, PgConnection, PgPool};

/// How many jobs a queue has, each state counted up to [`COUNTED`].
#[derive(Clone, Debug, Default, PartialEq, Eq, FromRow)]
pub struct QueueStats {
    /// Waiting and due.
    pub due: i64,
    /// Waiting for a moment to come.
    pub later: i64,
    /// In the hands of a worker, dead or alive.
    pub taken: i64,
    /// Could not be read.
    pub dead_letters: i64,
}

/// A job as one worker has fetched it. `attempts` is the fence: whoever takes the row away counts it up, so that the one
/// before can no longer postpone it, even if the same worker has fetched it again.
pub(super) struct Lease<'a> {
    pub(super) job: &'a str,
    pub(super) worker: &'a str,
    pub(super) attempts: i32,
}

/// Puts a job back for later, unless it has been taken away meanwhile.
pub(super) async fn postpone(
    pool: &PgPool,
    lease: &Lease<'_>,
    run_at: DateTime<Utc>,
    reason: &str,
) -> Result<(), sqlx::Error> {
    point("job.postpone")?;
    let statement = "\
UPDATE apalis.jobs SET status = 'Pending', run_at = $4, lock_by = NULL, lock_at = NULL, done_at = NULL,
       last_result = jsonb_build_object('Err', $5::text)
 WHERE id = $1 AND lock_by = $2 AND attempts = $3";
    let query = sqlx::query(statement).bind(lease.job).bind(lease.worker).bind(lease.attempts);
    query.bind(run_at).bind(reason).execute(pool).await?;
    Ok(())
}

/// Hands back what these workers hold. Only for workers that have ended.
pub(super) async fn release(pool: &PgPool, workers: &[String]) -> Result<u64, sqlx::Error> {
    if workers.is_empty() {
        return Ok(0);
    }
    let statement = "UPDATE apalis.jobs SET status = 'Pending', lock_by = NULL, lock_at = NULL \
                     WHERE lock_by = ANY($1) AND status IN ('Queued', 'Running')";
    Ok(sqlx::query(statement).bind(workers).execute(pool).await?.rows_affected())
}

/// Makes dead letters of rows that apalis cannot decode: one of them fails, or panics, the fetch of the whole batch, at
/// every worker and every time.
pub(super) async fn quarantine(pool: &PgPool, queue: &str) -> Result<u64, sqlx::Error> {
    let statement = "\
UPDATE apalis.jobs SET status = 'Killed', lock_by = NULL, done_at = now(),
       last_result = jsonb_build_object('Err', 'the job row is malformed')
 WHERE job_type = $1 AND status IN ('Pending', 'Queued', 'Running', 'Failed')
   AND (id !~ '^[0-7][0-9A-HJKMNP-TV-Z]{25}$' OR run_at < 'epoch' OR attempts < 0
        OR EXISTS (SELECT FROM each(metadata) AS pair WHERE pair.value IS NULL))";
    Ok(sqlx::query(statement).bind(queue).execute(pool).await?.rows_affected())
}

/// Jobs are counted up to here: never the whole queue.
pub(super) const COUNTED: i64 = 10_000;

pub(super) async fn stats(conn: &mut PgConnection, queue: &str) -> Result<QueueStats, sqlx::Error> {
    let statement = "\
SELECT (SELECT count(*) FROM (SELECT FROM apalis.jobs
               WHERE job_type = $1 AND status = 'Pending' AND priority = 0 AND run_at <= now() ORDER BY run_at LIMIT $2) AS few) AS due,
       (SELECT count(*) FROM (SELECT FROM apalis.jobs
               WHERE job_type = $1 AND status = 'Pending' AND priority = 0 AND run_at > now() ORDER BY run_at LIMIT $2) AS few) AS later,
       (SELECT count(*) FROM (SELECT FROM apalis.jobs
               WHERE job_type = $1 AND status IN ('Queued', 'Running') AND lock_by IS NOT NULL LIMIT $2) AS few) AS taken,
       (SELECT count(*) FROM (SELECT FROM apalis.jobs WHERE job_type = $1 AND status = 'Killed' LIMIT $2) AS few) AS dead_letters";
    sqlx::query_as(statement).bind(queue).bind(COUNTED).fetch_one(conn).await
}

/// The newest jobs that nobody could read; few, and found by the index of what has ended.
pub(super) async fn dead_letters(
    conn: &mut PgConnection,
    queue: &str,
    limit: i64,
) -> Result<Vec<DeadLetter>, sqlx::Error> {
    let statement = "\
SELECT id, idempotency_key, coalesce(nullif(last_result ->> 'Err', ''), 'unknown'),
       encode(substr(job, 1, 500), 'escape'), coalesce(done_at, run_at)
  FROM apalis.jobs WHERE job_type = $1 AND status = 'Killed' ORDER BY coalesce(done_at, run_at) DESC LIMIT $2";
    type Row = (String, Option<String>, String, String, DateTime<Utc>);
    let rows: Vec<Row> = sqlx::query_as(statement).bind(queue).bind(limit).fetch_all(conn).await?;
    let letter = |(id, key, reason, payload, died_at): (_, Option<String>, _, _, _)| DeadLetter {
        id,
        deletion_id: key.and_then(|key| key.parse().ok()),
        reason,
        payload,
        died_at,
    };
    Ok(rows.into_iter().map(letter).collect())
}

pub(super) async fn sweep_jobs(
    conn: &mut PgConnection,
    queue: &str,
    finished_before: DateTime<Utc>,
    dead_before: DateTime<Utc>,
    limit: i64,
) -> Result<u64, sqlx::Error> {
    let statement = "\
WITH done AS (SELECT id FROM apalis.jobs WHERE job_type = $1 AND status = 'Done' AND done_at < $2
               ORDER BY done_at LIMIT $4 FOR UPDATE SKIP LOCKED),
     dead AS (SELECT id FROM apalis.jobs WHERE job_type = $1 AND status = 'Killed' AND coalesce(done_at, run_at) < $3
               LIMIT $4 FOR UPDATE SKIP LOCKED)
DELETE FROM apalis.jobs WHERE id = ANY (array(SELECT id FROM done UNION ALL SELECT id FROM dead))";
    let swept = sqlx::query(statement).bind(queue).bind(finished_before).bind(dead_before).bind(limit);
    let swept = swept.execute(conn).await?;
    Ok(swept.rows_affected())
}

/// Deletes workers that were last seen before `before`; a job row that still names one keeps it.
pub(super) async fn sweep_workers(
    conn: &mut PgConnection,
    queue: &str,
    before: DateTime<Utc>,
) -> Result<u64, sqlx::Error> {
    let statement = "DELETE FROM apalis.workers w WHERE worker_type = $1 AND last_seen < $2 \
                     AND NOT EXISTS (SELECT FROM apalis.jobs j WHERE j.lock_by = w.id)";
    Ok(sqlx::query(statement).bind(queue).bind(before).execute(conn).await?.rows_affected())
}
