//! Writes on `deletions`: the request, its progress, its end. Conditions stand in the statement that changes.

use super::DeletionRow;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::deletion::{DeletionState, LastError, Step};
use domain::status::SettableStatus;
use sqlx::PgConnection;
use uuid::Uuid;

/// What the accepting transaction writes.
pub(crate) struct NewDeletion<'a> {
    pub id: Uuid,
    pub task_id: Uuid,
    pub task_name: &'a str,
    pub project_id: Uuid,
    pub requested_by: &'a str,
    pub request_id: Option<&'a str>,
    pub now: DateTime<Utc>,
    pub previous_status: SettableStatus,
    pub seen_version: i64,
    pub in_flight: &'a [Uuid],
    pub undo_until: DateTime<Utc>,
    pub max_attempts: i32,
}

/// Writes the record of an accepted request.
pub(crate) async fn insert(conn: &mut PgConnection, new: &NewDeletion<'_>) -> Result<DeletionRow, sqlx::Error> {
    point("deletion.insert")?;
    sqlx::query_as(
        "INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, request_id, requested_at, fenced_at,
                                previous_status, seen_version, in_flight, undo_until, wake_at, max_attempts, state, step)
         VALUES ($1, $2, $3, $4, $5, $6, $7, clock_timestamp(), $8, $9, $10, $11, $11, $12, 'SCHEDULED', 'drain') RETURNING *",
    )
    .bind(new.id)
    .bind(new.task_id)
    .bind(new.task_name)
    .bind(new.project_id)
    .bind(new.requested_by)
    .bind(new.request_id)
    .bind(new.now)
    .bind(new.previous_status.as_str())
    .bind(new.seen_version)
    .bind(new.in_flight)
    .bind(new.undo_until)
    .bind(new.max_attempts)
    .fetch_one(conn)
    .await
}

/// An attempt begins, or goes on: the sign of life is now. Answers whether the deletion was still to be done.
pub(crate) async fn start_attempt(conn: &mut PgConnection, id: Uuid, node: &str) -> Result<bool, sqlx::Error> {
    point("deletion.start_attempt")?;
    let done = sqlx::query!(
        "UPDATE deletions SET state = 'RUNNING', node = $2, heartbeat_at = now(), wake_at = now()
         WHERE id = $1 AND state IN ('SCHEDULED', 'RETRYING', 'RUNNING')",
        id,
        node
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The teardown goes on to `step`; only forwards, so that a step that is done stays done.
pub(crate) async fn enter_step(conn: &mut PgConnection, id: Uuid, step: Step) -> Result<(), sqlx::Error> {
    point("deletion.enter_step")?;
    sqlx::query!(
        "UPDATE deletions SET step = $2, heartbeat_at = now(), wake_at = now() WHERE id = $1",
        id,
        step.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The point of no return: one conditional write. Exactly one of it and an undo wins, because both change this row. No
/// `history_total`: it is not known.
pub(crate) async fn start_purge(
    conn: &mut PgConnection,
    id: Uuid,
    history_total: Option<i64>,
) -> Result<bool, sqlx::Error> {
    point("deletion.start_purge")?;
    let done = sqlx::query!(
        "UPDATE deletions SET purge_started_at = coalesce(purge_started_at, now()), step = 'purge_history',
                history_total = coalesce(history_total, $2), heartbeat_at = now(), wake_at = now()
         WHERE id = $1 AND state = 'RUNNING'",
        id,
        history_total
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A batch of history is gone.
pub(crate) async fn add_progress(
    conn: &mut PgConnection,
    id: Uuid,
    executions: i64,
    logs: i64,
) -> Result<(), sqlx::Error> {
    point("deletion.add_progress")?;
    sqlx::query!(
        "UPDATE deletions SET executions_removed = executions_removed + $2, logs_removed = logs_removed + $3,
                heartbeat_at = now(), wake_at = now() WHERE id = $1",
        id,
        executions,
        logs
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The task's row is gone: the record becomes its receipt.
pub(crate) async fn succeed(conn: &mut PgConnection, id: Uuid, node: &str) -> Result<(), sqlx::Error> {
    point("deletion.succeed")?;
    sqlx::query!(
        "UPDATE deletions SET state = 'SUCCEEDED', step = 'delete_row', tasks_removed = 1, node = $2,
                completed_at = clock_timestamp() WHERE id = $1",
        id,
        node
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// An attempt failed: the reason, and when it is tried again or (FAILED) since when it is not.
pub(crate) async fn record_failure(
    conn: &mut PgConnection,
    id: Uuid,
    state: DeletionState,
    failed_attempts: i32,
    wake_at: DateTime<Utc>,
    error: &LastError,
) -> Result<(), sqlx::Error> {
    point("deletion.record_failure")?;
    sqlx::query!(
        "UPDATE deletions SET state = $2, failed_attempts = $3, wake_at = $4, last_error_kind = $5, last_error_message = $6,
                last_error_step = $7, heartbeat_at = now() WHERE id = $1",
        id,
        state.as_str(),
        failed_attempts,
        wake_at,
        error.kind.as_str(),
        error.message,
        error.step.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A fresh cycle of attempts, due now.
pub(crate) async fn start_over(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    point("deletion.start_over")?;
    sqlx::query!("UPDATE deletions SET state = 'SCHEDULED', failed_attempts = 0, wake_at = now() WHERE id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Undone in time. `deletions_undone_in_time` refuses it after the point of no return.
pub(crate) async fn undo(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    point("deletion.undo")?;
    sqlx::query!("UPDATE deletions SET state = 'UNDONE', completed_at = clock_timestamp() WHERE id = $1", id)
        .execute(conn)
        .await?;
    Ok(())
}

/// Marks these open records as looked after now, so that nobody hands them over twice, and counts it; answers which it were.
pub(crate) async fn touch(
    conn: &mut PgConnection,
    ids: &[Uuid],
    wake_before: DateTime<Utc>,
) -> Result<Vec<Uuid>, sqlx::Error> {
    point("deletion.touch")?;
    sqlx::query_scalar!(
        "UPDATE deletions SET wake_at = now(), rescues = rescues + 1 WHERE id = ANY($1) AND wake_at < $2 AND completed_at IS NULL RETURNING id",
        ids,
        wake_before
    )
    .fetch_all(conn)
    .await
}

/// Removes up to `limit` receipts that are older than `days`; answers how many went.
pub(crate) async fn purge_receipts(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM deletions WHERE id IN (SELECT id FROM deletions
         WHERE completed_at IS NOT NULL AND completed_at < now() - make_interval(days => $1) ORDER BY completed_at LIMIT $2)",
        days,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// Takes the right to reconcile until the transaction ends; false when another node has it.
pub(crate) async fn lock_reconciler(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    point("deletion.lock_reconciler")?;
    // "sexton" in ASCII, so that it meets nobody else's advisory lock by accident.
    const KEY: i64 = 0x0073_6578_746f_6e00;
    sqlx::query_scalar!(r#"SELECT pg_try_advisory_xact_lock($1) AS "taken!""#, KEY).fetch_one(conn).await
}

/// Counts a callback for an execution that was in flight when its task's deletion was accepted, and is gone; answers whether
/// there is such a record.
pub(crate) async fn count_late_callback(
    conn: &mut PgConnection,
    project_id: Uuid,
    execution_id: Uuid,
) -> Result<bool, sqlx::Error> {
    point("deletion.count_late_callback")?;
    let done = sqlx::query!(
        "UPDATE deletions SET late_callbacks = late_callbacks + 1
         WHERE in_flight @> ARRAY[$1::uuid] AND in_flight <> '{}' AND project_id = $2 AND purge_started_at IS NOT NULL",
        execution_id,
        project_id
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() > 0)
}
