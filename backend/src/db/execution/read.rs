//! Statements that read executions as they are shown.

use crate::db::text;
use chrono::{DateTime, Utc};
use domain::execution::{CallResponse, Execution};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

#[derive(FromRow)]
pub(crate) struct ExecutionRow {
    id: Uuid,
    task_id: Uuid,
    project_id: Uuid,
    status: String,
    trigger: String,
    requested_by: Option<String>,
    scheduled_at: DateTime<Utc>,
    attempt: i32,
    missed: i32,
    node: Option<String>,
    started_at: Option<DateTime<Utc>>,
    retry_at: Option<DateTime<Utc>>,
    cancel_requested_at: Option<DateTime<Utc>>,
    finished_at: Option<DateTime<Utc>>,
    error: Option<String>,
    response: Option<Json<CallResponse>>,
    log_lines: i32,
}

impl TryFrom<ExecutionRow> for Execution {
    type Error = sqlx::Error;
    fn try_from(row: ExecutionRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            task_uuid: row.task_id,
            project_id: row.project_id,
            status: text("status", &row.status)?,
            trigger: text("trigger", &row.trigger)?,
            requested_by: row.requested_by,
            scheduled_at: row.scheduled_at,
            attempt: row.attempt,
            missed: row.missed,
            node: row.node,
            started_at: row.started_at,
            retry_at: row.retry_at,
            cancel_requested_at: row.cancel_requested_at,
            finished_at: row.finished_at,
            duration_ms: super::duration_ms(row.started_at, row.finished_at),
            error: row.error,
            response: row.response.map(|response| response.0),
            log_lines: row.log_lines,
        })
    }
}

/// One execution of a project.
pub(crate) async fn get(
    conn: &mut PgConnection,
    project_id: Uuid,
    id: Uuid,
) -> Result<Option<ExecutionRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM executions WHERE id = $1 AND project_id = $2")
        .bind(id)
        .bind(project_id)
        .fetch_optional(conn)
        .await
}
