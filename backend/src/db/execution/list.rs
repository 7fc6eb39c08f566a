//! Statements that list executions and the lines of one: by key, newest first, and never more than is shown.
//!
//! With statuses, each kind of end is read by the index that holds it: a few failures among millions are found at once.

use super::read::ExecutionRow;
use crate::db::text;
use chrono::{DateTime, Utc};
use domain::execution::{ExecutionStatus, LogLine};
use sqlx::PgConnection;
use uuid::Uuid;

/// What is shown of an execution in a list: all but the body of the answer.
macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, task_id, project_id, status, trigger, requested_by, scheduled_at, attempt, missed, node, started_at, \
             retry_at, cancel_requested_at, finished_at, error, response || '{\"body\": \"\"}' AS response, log_lines \
             FROM executions ",
            $rest
        )
    };
}

/// The same, of the statuses `$5` only, each part by its own index; `$key` is the column that orders.
macro_rules! select_by_status {
    ($of:literal, $key:literal) => {
        concat!(
            "SELECT * FROM ((",
            select_part!($of, $key, "'SUCCESS' = ANY($5) AND status = 'SUCCESS'"),
            ") UNION ALL (",
            select_part!($of, $key, "status = ANY($5) AND status IN ('FAILED', 'CANCELLED', 'SKIPPED')"),
            ") UNION ALL (",
            select_part!($of, $key, "status = ANY($5) AND status IN ('PENDING', 'RUNNING', 'RETRY_WAIT')"),
            ")) AS parts ORDER BY ",
            $key,
            " DESC LIMIT $4"
        )
    };
}

macro_rules! select_part {
    ($of:literal, $key:literal, $which:literal) => {
        concat!(
            select!("WHERE "),
            $of,
            " = $1 AND ",
            $key,
            " >= $2 AND ",
            $key,
            " < $3 AND ",
            $which,
            " ORDER BY ",
            $key,
            " DESC LIMIT $4"
        )
    };
}

fn names(statuses: &[ExecutionStatus]) -> Vec<&'static str> {
    statuses.iter().map(|status| status.as_str()).collect()
}

/// Executions of a project with ids from `from` and below `before`, newest first; no statuses means all.
pub(crate) async fn list_of_project(
    conn: &mut PgConnection,
    project_id: Uuid,
    (from, before): (Uuid, Uuid),
    statuses: &[ExecutionStatus],
    limit: i64,
) -> Result<Vec<ExecutionRow>, sqlx::Error> {
    let all = select!("WHERE project_id = $1 AND id >= $2 AND id < $3 ORDER BY id DESC LIMIT $4");
    let query = match statuses {
        [] => sqlx::query_as(all),
        _ => sqlx::query_as(select_by_status!("project_id", "id")),
    };
    let query = query.bind(project_id).bind(from).bind(before).bind(limit);
    if statuses.is_empty() { query } else { query.bind(names(statuses)) }.fetch_all(conn).await
}

/// Executions of a task that were due from `from` and before `before`, newest first; no statuses means all.
pub(crate) async fn list_of_task(
    conn: &mut PgConnection,
    task_id: Uuid,
    (from, before): (DateTime<Utc>, DateTime<Utc>),
    statuses: &[ExecutionStatus],
    limit: i64,
) -> Result<Vec<ExecutionRow>, sqlx::Error> {
    let all =
        select!("WHERE task_id = $1 AND scheduled_at >= $2 AND scheduled_at < $3 ORDER BY scheduled_at DESC LIMIT $4");
    let query = match statuses {
        [] => sqlx::query_as(all),
        _ => sqlx::query_as(select_by_status!("task_id", "scheduled_at")),
    };
    let query = query.bind(task_id).bind(from).bind(before).bind(limit);
    if statuses.is_empty() { query } else { query.bind(names(statuses)) }.fetch_all(conn).await
}

/// Lines of an execution with ids above `after`, oldest first; no levels means all.
pub(crate) async fn list_lines(
    conn: &mut PgConnection,
    execution_id: Uuid,
    levels: &[String],
    after: i64,
    limit: i64,
) -> Result<Vec<LogLine>, sqlx::Error> {
    let rows = sqlx::query!(
        "SELECT id, level, message, created_at FROM execution_logs
         WHERE execution_id = $1 AND id > $2 AND (cardinality($3::text[]) = 0 OR level = ANY($3)) ORDER BY id LIMIT $4",
        execution_id,
        after,
        levels,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let level = text("level", &row.level)?;
            Ok(LogLine { id: row.id, level, message: row.message, created_at: row.created_at })
        })
        .collect()
}
