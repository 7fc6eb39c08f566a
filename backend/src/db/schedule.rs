//! Statements on `task_schedules`, the narrow table that the scheduler claims from. No row, no run.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Plans the next run of a task, or, with none, takes the task out of the scheduler's sight.
pub(crate) async fn plan(
    conn: &mut PgConnection,
    task_id: Uuid,
    next_run_at: Option<DateTime<Utc>>,
    version: i64,
) -> Result<(), sqlx::Error> {
    let Some(next_run_at) = next_run_at else {
        sqlx::query!("DELETE FROM task_schedules WHERE task_id = $1", task_id).execute(conn).await?;
        return Ok(());
    };
    sqlx::query!(
        "INSERT INTO task_schedules (task_id, next_run_at, version) VALUES ($1, $2, $3)
         ON CONFLICT (task_id) DO UPDATE SET next_run_at = excluded.next_run_at, version = excluded.version",
        task_id,
        next_run_at,
        version
    )
    .execute(conn)
    .await?;
    Ok(())
}
