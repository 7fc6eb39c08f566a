//! Statements that cancel executions: one by hand, or what a task has that is disabled or deleted.

use super::count_ends;
use super::end::{Changed, ChangedRow};
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::execution::ExecutionStatus;
use sqlx::PgConnection;
use uuid::Uuid;

/// Cancels an execution that has not ended; answers it as it is now, or none when it had ended or is not there. The lease
/// stays: until it runs out the node may send the call.
pub(crate) async fn cancel(
    conn: &mut PgConnection,
    project_id: Uuid,
    id: Uuid,
    by: &str,
) -> Result<Option<Changed>, sqlx::Error> {
    point("execution.cancel")?;
    let row = sqlx::query_as!(
        ChangedRow,
        "UPDATE executions SET status = 'CANCELLED', finished_at = clock_timestamp(), cancel_requested_at = clock_timestamp(),
                retry_at = NULL, error = 'Cancelled by ' || $3
         WHERE id = $1 AND project_id = $2 AND status IN ('PENDING', 'RUNNING', 'RETRY_WAIT')
         RETURNING id, task_id, project_id, status, finished_at",
        id,
        project_id,
        by
    )
    .fetch_optional(conn)
    .await?;
    row.map(Changed::try_from).transpose()
}

/// Cancels what of these tasks waits and has not started, and counts it: they were disabled, or are being deleted.
pub(crate) async fn cancel_waiting(
    conn: &mut PgConnection,
    task_ids: &[Uuid],
    reason: &str,
) -> Result<u64, sqlx::Error> {
    point("execution.cancel_waiting")?;
    let rows = sqlx::query_as!(
        Cancelled,
        r#"UPDATE executions SET status = 'CANCELLED', finished_at = now(), retry_at = NULL, error = $2
           WHERE task_id = ANY($1) AND status IN ('PENDING', 'RETRY_WAIT') RETURNING task_id, project_id, finished_at AS "at!""#,
        task_ids,
        reason
    )
    .fetch_all(&mut *conn)
    .await?;
    count(conn, &rows).await
}

/// The same of all tasks of a project, which are locked: it is being deleted.
pub(crate) async fn cancel_waiting_of_project(
    conn: &mut PgConnection,
    project_id: Uuid,
    reason: &str,
) -> Result<u64, sqlx::Error> {
    point("execution.cancel_waiting")?;
    let rows = sqlx::query_as!(
        Cancelled,
        r#"UPDATE executions SET status = 'CANCELLED', finished_at = now(), retry_at = NULL, error = $2
           WHERE project_id = $1 AND status IN ('PENDING', 'RETRY_WAIT') RETURNING task_id, project_id, finished_at AS "at!""#,
        project_id,
        reason
    )
    .fetch_all(&mut *conn)
    .await?;
    count(conn, &rows).await
}

/// Ends what of a task has not ended, and counts it. The lease stays: until it runs out the node may send the call.
pub(crate) async fn cancel_unended(conn: &mut PgConnection, task_id: Uuid) -> Result<u64, sqlx::Error> {
    point("execution.cancel_unended")?;
    let rows = sqlx::query_as!(
        Cancelled,
        r#"UPDATE executions SET status = 'CANCELLED', finished_at = now(), retry_at = NULL, cancel_requested_at = now(),
                  error = 'Cancelled: the task is being deleted'
           WHERE task_id = $1 AND status IN ('PENDING', 'RUNNING', 'RETRY_WAIT') RETURNING task_id, project_id, finished_at AS "at!""#,
        task_id
    )
    .fetch_all(&mut *conn)
    .await?;
    count(conn, &rows).await
}

struct Cancelled {
    task_id: Uuid,
    project_id: Uuid,
    at: DateTime<Utc>,
}

async fn count(conn: &mut PgConnection, rows: &[Cancelled]) -> Result<u64, sqlx::Error> {
    let ends: Vec<_> =
        rows.iter().map(|row| (row.task_id, row.project_id, row.at, ExecutionStatus::Cancelled)).collect();
    count_ends(conn, &ends).await?;
    Ok(rows.len() as u64)
}
