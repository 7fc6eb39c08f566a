//! Statements on `task_schedules`, the narrow table that the scheduler claims from. No row, no run.

use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::schedule::ScheduleConfig;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

/// Plans the next run of a task, or, with none, takes the task out of the scheduler's sight.
pub(crate) async fn plan(
    conn: &mut PgConnection,
    task_id: Uuid,
    next_run_at: Option<DateTime<Utc>>,
    version: i64,
) -> Result<(), sqlx::Error> {
    point("schedule.plan")?;
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

/// A task that is due.
pub(crate) struct Due {
    pub task_id: Uuid,
    pub schedule_type: String,
    pub schedule_config: Json<ScheduleConfig>,
}

/// Locks up to `limit` schedule rows that are due, the longest due first; those that another node holds are its own.
pub(crate) async fn take_due(conn: &mut PgConnection, now: DateTime<Utc>, limit: i64) -> Result<Vec<Due>, sqlx::Error> {
    point("schedule.take_due")?;
    sqlx::query_as!(
        Due,
        r#"SELECT s.task_id, t.schedule_type, t.schedule_config AS "schedule_config: Json<ScheduleConfig>"
           FROM task_schedules s JOIN tasks t ON t.id = s.task_id
           WHERE s.next_run_at <= $1 ORDER BY s.next_run_at, s.task_id LIMIT $2 FOR UPDATE OF s SKIP LOCKED"#,
        now,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Plans the next runs of `ids`, and takes `ended` out of the scheduler's sight. The rows are locked.
pub(crate) async fn plan_many(
    conn: &mut PgConnection,
    ids: &[Uuid],
    next: &[DateTime<Utc>],
    ended: &[Uuid],
) -> Result<(), sqlx::Error> {
    point("schedule.plan_many")?;
    sqlx::query!(
        "WITH gone AS (DELETE FROM task_schedules WHERE task_id = ANY($3))
         UPDATE task_schedules s SET next_run_at = planned.next_run_at
         FROM unnest($1::uuid[], $2::timestamptz[]) AS planned(task_id, next_run_at) WHERE s.task_id = planned.task_id",
        ids,
        next,
        ended
    )
    .execute(conn)
    .await?;
    Ok(())
}
