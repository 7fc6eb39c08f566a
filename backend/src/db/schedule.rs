//! Statements on `task_schedules`, the narrow table that the scheduler claims from. No row, no run.

use crate::faults::point;
use chrono::{DateTime, NaiveTime, Utc};
use sqlx::PgConnection;
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
         ON CONFLICT (task_id) DO UPDATE SET next_run_at = excluded.next_run_at, version = excluded.version, fires = true",
        task_id,
        next_run_at,
        version
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A task that is due, with what its call needs.
pub(crate) struct Due {
    pub task_id: Uuid,
    pub next_run_at: DateTime<Utc>,
    pub fires: bool,
    pub project_id: Uuid,
    pub name: String,
    pub schedule_type: String,
    pub schedule_config: serde_json::Value,
    pub timeout_seconds: i32,
    pub max_attempts: i32,
    pub metadata: serde_json::Value,
    pub overlap_policy: String,
    pub missed_run_policy: String,
    pub completion: String,
    pub endpoint: String,
    pub signing_secret: String,
    pub previous_signing_secret: Option<String>,
    pub start_time: Option<NaiveTime>,
    pub end_time: Option<NaiveTime>,
    pub timezone: Option<String>,
    pub by_hand: Option<String>,
    pub by_hand_until: Option<DateTime<Utc>>,
}

/// What is looked at for due tasks.
pub(crate) struct Sight<'a> {
    /// Up to this moment.
    pub now: DateTime<Utc>,
    /// After this one: before it lie only index entries of rows that have moved on.
    pub low_water: DateTime<Utc>,
    /// Projects with as many calls as they may have.
    pub busy_projects: &'a [Uuid],
}

/// Locks up to `limit` schedule rows that are due, the longest due first; those that another node holds are its own.
pub(crate) async fn take_due(conn: &mut PgConnection, sight: &Sight<'_>, limit: i64) -> Result<Vec<Due>, sqlx::Error> {
    point("schedule.take_due")?;
    sqlx::query_as!(
        Due,
        r#"SELECT s.task_id, s.next_run_at, s.fires, t.project_id, t.name, t.schedule_type,
                  t.schedule_config, t.timeout_seconds, t.max_attempts, t.metadata,
                  t.overlap_policy, t.missed_run_policy, t.completion, p.execution_endpoint AS endpoint, p.signing_secret,
                  p.previous_signing_secret, g.start_time, g.end_time, g.timezone AS "timezone?", g.override AS by_hand,
                  g.override_until AS by_hand_until
           FROM task_schedules s JOIN tasks t ON t.id = s.task_id JOIN projects p ON p.id = t.project_id
                LEFT JOIN task_groups g ON g.id = t.task_group_id
           WHERE s.next_run_at <= $1 AND s.next_run_at > $2 AND t.project_id <> ALL($3)
           ORDER BY s.next_run_at, s.task_id LIMIT $4 FOR UPDATE OF s SKIP LOCKED"#,
        sight.now,
        sight.low_water,
        sight.busy_projects,
        limit
    )
    .fetch_all(conn)
    .await
}

/// How long until anything is due next, in milliseconds: a schedule, or an attempt that waits.
pub(crate) async fn next_due_ms(conn: &mut PgConnection) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"SELECT (extract(epoch FROM least(
               (SELECT next_run_at FROM task_schedules WHERE next_run_at > now() ORDER BY next_run_at LIMIT 1),
               (SELECT retry_at FROM executions WHERE status = 'RETRY_WAIT' AND retry_at > now() ORDER BY retry_at LIMIT 1))
               - clock_timestamp()) * 1000)::float8"#
    )
    .fetch_one(conn)
    .await
}

/// Where a row that was due goes.
pub(crate) struct Plan {
    pub task_id: Uuid,
    pub next_run_at: DateTime<Utc>,
    /// Whether anything is fired then, or it is only planned onwards.
    pub fires: bool,
}

/// Plans the next runs, and takes `ended` out of the scheduler's sight. The rows are locked.
pub(crate) async fn plan_many(conn: &mut PgConnection, plans: &[Plan], ended: &[Uuid]) -> Result<(), sqlx::Error> {
    point("schedule.plan_many")?;
    let ids: Vec<Uuid> = plans.iter().map(|plan| plan.task_id).collect();
    let next: Vec<DateTime<Utc>> = plans.iter().map(|plan| plan.next_run_at).collect();
    let fires: Vec<bool> = plans.iter().map(|plan| plan.fires).collect();
    sqlx::query!(
        "WITH gone AS (DELETE FROM task_schedules WHERE task_id = ANY($4))
         UPDATE task_schedules s SET next_run_at = planned.next_run_at, fires = planned.fires
         FROM unnest($1::uuid[], $2::timestamptz[], $3::bool[]) AS planned(task_id, next_run_at, fires)
         WHERE s.task_id = planned.task_id",
        &ids,
        &next,
        &fires,
        ended
    )
    .execute(conn)
    .await?;
    Ok(())
}
