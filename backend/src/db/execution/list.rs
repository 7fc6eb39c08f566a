//! Statements that list executions and the lines of one: by key, newest first, and never more than is shown.
//!
//! With statuses, each kind of end is read by the index that holds it: a few failures among millions are found at once. The
//! keys of a project are compared as rows, so that no other index than theirs gives their order.

use super::read::ExecutionRow;
use crate::db::text;
use chrono::{DateTime, Utc};
use domain::execution::{ExecutionStatus, LogLine};
use sqlx::PgConnection;
use std::collections::BTreeSet;
use uuid::Uuid;

/// What is shown of an execution in a list: all but the body of the answer.
macro_rules! select {
    () => {
        "SELECT id, task_id, project_id, status, trigger, requested_by, scheduled_at, attempt, missed, node, started_at, retry_at, \
         cancel_requested_at, finished_at, error, response || '{\"body\": \"\"}' AS response, log_lines FROM executions WHERE "
    };
}

/// A page of those whose keys lie within `$span`, by `$key` ($1 to $3), or of the statuses `$5` among them: each of the ends
/// that are not good within `$of_status`, by `$status_key`; those that have not ended, of which there are few, in `$unended`.
macro_rules! page {
    ($span:literal, $key:literal) => {
        concat!(select!(), $span, " ORDER BY ", $key, " LIMIT $4")
    };
    ($span:literal, $key:literal, $of_status:literal, $status_key:literal, $unended:literal) => {
        concat!(
            "SELECT * FROM ((",
            select!(),
            $span,
            " AND 'SUCCESS' = ANY($5) AND status = 'SUCCESS' ORDER BY ",
            $key,
            " LIMIT $4) UNION ALL SELECT ended.* FROM unnest($5) AS asked(status) CROSS JOIN LATERAL (",
            select!(),
            $of_status,
            " AND status IN ('FAILED', 'CANCELLED', 'SKIPPED') ORDER BY ",
            $status_key,
            " LIMIT $4) AS ended UNION ALL SELECT * FROM (",
            select!(),
            $unended,
            " AND status IN ('PENDING', 'RUNNING', 'RETRY_WAIT') OFFSET 0) AS unended WHERE status = ANY($5) AND ",
            $span,
            ") AS parts ORDER BY ",
            $key,
            " LIMIT $4"
        )
    };
}

fn names(statuses: &[ExecutionStatus]) -> Vec<&'static str> {
    statuses.iter().collect::<BTreeSet<_>>().into_iter().map(|status| status.as_str()).collect()
}

/// Executions of a project with ids from `from` and below `before`, newest first; no statuses means all.
pub(crate) async fn list_of_project(
    conn: &mut PgConnection,
    project_id: Uuid,
    (from, before): (Uuid, Uuid),
    statuses: &[ExecutionStatus],
    limit: i64,
) -> Result<Vec<ExecutionRow>, sqlx::Error> {
    let statement = if statuses.is_empty() {
        page!("(project_id, id) >= ($1, $2) AND (project_id, id) < ($1, $3)", "project_id DESC, id DESC")
    } else {
        page!(
            "(project_id, id) >= ($1, $2) AND (project_id, id) < ($1, $3)",
            "project_id DESC, id DESC",
            "(project_id, status, id) >= ($1, asked.status, $2) AND (project_id, status, id) < ($1, asked.status, $3)",
            "project_id DESC, status DESC, id DESC",
            "project_id = $1"
        )
    };
    let query = sqlx::query_as(statement).bind(project_id).bind(from).bind(before).bind(limit);
    // Planned for these statuses each time.
    if statuses.is_empty() { query } else { query.bind(names(statuses)).persistent(false) }.fetch_all(conn).await
}

/// Executions of a task that were due from `from` and before `before`, newest first; no statuses means all.
pub(crate) async fn list_of_task(
    conn: &mut PgConnection,
    task_id: Uuid,
    (from, before): (DateTime<Utc>, DateTime<Utc>),
    statuses: &[ExecutionStatus],
    limit: i64,
) -> Result<Vec<ExecutionRow>, sqlx::Error> {
    let statement = if statuses.is_empty() {
        page!("task_id = $1 AND scheduled_at >= $2 AND scheduled_at < $3", "scheduled_at DESC")
    } else {
        page!(
            "task_id = $1 AND scheduled_at >= $2 AND scheduled_at < $3",
            "scheduled_at DESC",
            "(task_id, status, scheduled_at) >= ($1, asked.status, $2) AND (task_id, status, scheduled_at) < ($1, asked.status, $3)",
            "task_id DESC, status DESC, scheduled_at DESC",
            "task_id = $1"
        )
    };
    let query = sqlx::query_as(statement).bind(task_id).bind(from).bind(before).bind(limit);
    if statuses.is_empty() { query } else { query.bind(names(statuses)).persistent(false) }.fetch_all(conn).await
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
