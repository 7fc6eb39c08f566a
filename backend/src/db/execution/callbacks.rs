//! Statements of callbacks.

use crate::db::text;
use crate::faults::point;
use domain::execution::{ExecutionStatus, LogLevel};
use sqlx::PgConnection;
use uuid::Uuid;

/// What a callback decides by.
pub(crate) struct CalledBack {
    pub task_id: Uuid,
    pub status: ExecutionStatus,
    pub log_lines: i32,
    pub log_bytes: i64,
}

/// Locks an execution of a project. The lock conflicts with the one under which history is removed, and with the end of a
/// call; so what is decided stays true until the commit.
pub(crate) async fn lock_for_callback(
    conn: &mut PgConnection,
    project_id: Uuid,
    id: Uuid,
) -> Result<Option<CalledBack>, sqlx::Error> {
    point("execution.lock_for_callback")?;
    let row = sqlx::query!(
        "SELECT task_id, status, log_lines, log_bytes FROM executions WHERE id = $1 AND project_id = $2 FOR NO KEY UPDATE",
        id,
        project_id
    )
    .fetch_optional(conn)
    .await?;
    let read = |status: String| text("status", &status);
    row.map(|row| {
        let (log_lines, log_bytes) = (row.log_lines, row.log_bytes);
        Ok(CalledBack { task_id: row.task_id, status: read(row.status)?, log_lines, log_bytes })
    })
    .transpose()
}

/// Adds a line to the log of a locked execution, which counts as so many bytes; returns whether it is the first in this second of the clock.
pub(crate) async fn add_line(
    conn: &mut PgConnection,
    id: Uuid,
    level: LogLevel,
    message: &str,
    bytes: i64,
) -> Result<bool, sqlx::Error> {
    point("execution.add_line")?;
    sqlx::query_scalar!(
        r#"WITH last AS (SELECT date_trunc('second', created_at) AS second FROM execution_logs WHERE execution_id = $1 ORDER BY id DESC LIMIT 1),
                counted AS (UPDATE executions SET log_lines = log_lines + 1, log_bytes = log_bytes + $4 WHERE id = $1)
           INSERT INTO execution_logs (execution_id, level, message, created_at) VALUES ($1, $2, $3, clock_timestamp())
           RETURNING (SELECT second FROM last) IS DISTINCT FROM date_trunc('second', created_at) AS "is_first!""#,
        id,
        level.as_str(),
        message,
        bytes
    )
    .fetch_one(conn)
    .await
}
