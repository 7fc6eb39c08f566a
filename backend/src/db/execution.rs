//! Statements on `executions` and `execution_logs`.

mod callbacks;
mod cancel;
mod counts;
mod end;
mod fire;
mod held;
mod list;
mod read;
mod retention;

pub(crate) use callbacks::*;
pub(crate) use cancel::*;
pub(crate) use counts::*;
pub(crate) use end::*;
pub(crate) use fire::*;
pub(crate) use held::*;
pub(crate) use list::*;
pub(crate) use read::*;
pub(crate) use retention::*;

use super::text;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::execution::ExecutionSummary;
use domain::page::HISTORY_CAP;
use sqlx::PgConnection;
use uuid::Uuid;

/// What is in flight for a task: ids in order. Must run in a statement after the fence, so that it sees a claim that has just
/// committed.
pub(crate) async fn list_in_flight(conn: &mut PgConnection, task_id: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    point("execution.list_in_flight")?;
    sqlx::query_scalar!(r#"SELECT id AS "id!" FROM in_flight WHERE task_id = $1 ORDER BY 1"#, task_id)
        .fetch_all(conn)
        .await
}

/// The same for all tasks of a project. What has ended is looked for by task, because no index holds leases by project.
pub(crate) async fn list_in_flight_of_project(
    conn: &mut PgConnection,
    project_id: Uuid,
) -> Result<Vec<Uuid>, sqlx::Error> {
    point("execution.list_in_flight")?;
    sqlx::query_scalar!(
        r#"SELECT f.id AS "id!" FROM tasks t CROSS JOIN LATERAL (SELECT id FROM in_flight WHERE task_id = t.id OFFSET 0) AS f
           WHERE t.project_id = $1 ORDER BY 1"#,
        project_id
    )
    .fetch_all(conn)
    .await
}

/// How many executions of a task are in flight, and how many wait and would be cancelled by a deletion; each counted up to
/// [`HISTORY_CAP`].
pub(crate) async fn count_in_flight(conn: &mut PgConnection, task_id: Uuid) -> Result<(i64, i64), sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT (SELECT count(*) FROM (SELECT FROM in_flight WHERE task_id = $1 LIMIT $2) AS few) AS "in_flight!",
                  (SELECT count(*) FROM (SELECT FROM executions WHERE task_id = $1 AND status IN ('PENDING', 'RETRY_WAIT')
                                         LIMIT $2) AS few) AS "waiting!""#,
        task_id,
        HISTORY_CAP
    )
    .fetch_one(conn)
    .await?;
    Ok((row.in_flight, row.waiting))
}

/// How many executions of a task have not ended, counted up to [`HISTORY_CAP`].
pub(crate) async fn count_unended(conn: &mut PgConnection, task_id: Uuid) -> Result<i64, sqlx::Error> {
    point("execution.count_unended")?;
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (SELECT FROM executions
           WHERE task_id = $1 AND status IN ('PENDING', 'RUNNING', 'RETRY_WAIT') LIMIT $2) AS few"#,
        task_id,
        HISTORY_CAP
    )
    .fetch_one(conn)
    .await
}

/// Executions of a task, counted up to [`HISTORY_CAP`]: never a scan.
pub(crate) async fn count(conn: &mut PgConnection, task_id: Uuid) -> Result<i64, sqlx::Error> {
    point("execution.count")?;
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (SELECT FROM executions WHERE task_id = $1 LIMIT $2) AS few"#,
        task_id,
        HISTORY_CAP
    )
    .fetch_one(conn)
    .await
}

/// Log lines of the executions that [`count`] counts, up to [`HISTORY_CAP`].
pub(crate) async fn count_logs(conn: &mut PgConnection, task_id: Uuid) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (SELECT FROM (SELECT id FROM executions WHERE task_id = $1 ORDER BY scheduled_at LIMIT $2) AS runs
           JOIN execution_logs l ON l.execution_id = runs.id LIMIT $2) AS few"#,
        task_id,
        HISTORY_CAP
    )
    .fetch_one(conn)
    .await
}

/// The oldest executions of a task, up to `limit`, locked: no line can be logged for them any more, so that what is
/// removed after its lines has none.
pub(crate) async fn oldest(conn: &mut PgConnection, task_id: Uuid, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    point("execution.oldest")?;
    sqlx::query_scalar!(
        "SELECT id FROM executions WHERE task_id = $1 ORDER BY scheduled_at LIMIT $2 FOR UPDATE",
        task_id,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Removes up to `limit` log lines of these executions.
pub(crate) async fn purge_logs(conn: &mut PgConnection, ids: &[Uuid], limit: i64) -> Result<i64, sqlx::Error> {
    point("execution.purge_logs")?;
    let done = sqlx::query!(
        "DELETE FROM execution_logs WHERE id IN (SELECT id FROM execution_logs WHERE execution_id = ANY($1) LIMIT $2)",
        ids,
        limit
    )
    .execute(conn)
    .await?;
    Ok(rows(&done))
}

/// Removes these executions; their log lines must be gone.
pub(crate) async fn purge(conn: &mut PgConnection, ids: &[Uuid]) -> Result<i64, sqlx::Error> {
    point("execution.purge")?;
    let done = sqlx::query!("DELETE FROM executions WHERE id = ANY($1)", ids).execute(conn).await?;
    Ok(rows(&done))
}

fn rows(done: &sqlx::postgres::PgQueryResult) -> i64 {
    i64::try_from(done.rows_affected()).unwrap_or(i64::MAX)
}

/// The latest execution of each of these tasks.
pub(crate) async fn latest(
    conn: &mut PgConnection,
    task_ids: &[Uuid],
) -> Result<Vec<(Uuid, ExecutionSummary)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT t.id AS "task_id!", e.id, e.status, e.scheduled_at, e.started_at, e.finished_at
           FROM unnest($1::uuid[]) AS t(id)
           CROSS JOIN LATERAL (SELECT * FROM executions WHERE task_id = t.id ORDER BY scheduled_at DESC LIMIT 1) AS e"#,
        task_ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|row| {
            let duration_ms = duration_ms(row.started_at, row.finished_at);
            let status = text("status", &row.status)?;
            Ok((row.task_id, ExecutionSummary { id: row.id, status, scheduled_at: row.scheduled_at, duration_ms }))
        })
        .collect()
}

fn duration_ms(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> Option<i64> {
    Some((to? - from?).num_milliseconds())
}
