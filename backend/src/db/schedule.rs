//! Statements on `task_schedules`, the narrow table that the scheduler claims from. No row, no run.

use super::group::WindowRow;
use super::text;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::schedule::{CronRule, Schedule, ScheduleConfig};
use serde::Deserialize;
use serde_json::Value;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// The schedule in the columns of a task, read by the rule that held when it was stored. Whoever plans a task reads it here, so
/// that a task never changes its meaning by being planned.
///
/// # Errors
/// A value that this version does not know.
pub(crate) fn stored(kind: &str, config: &Value, documented_cron: Option<&str>) -> Result<Schedule, sqlx::Error> {
    let kind = text("schedule_type", kind)?;
    let config = ScheduleConfig::deserialize(config).map_err(|error| sqlx::Error::Decode(error.into()))?;
    let rule = CronRule::of(&config, documented_cron);
    Schedule::stored(kind, &config, rule).map_err(|_| sqlx::Error::Decode("its schedule cannot be read".into()))
}

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
#[derive(FromRow)]
pub(crate) struct Due {
    pub task_id: Uuid,
    /// The due time: before the time for which the row is planned if it was set aside.
    pub next_run_at: DateTime<Utc>,
    pub fires: bool,
    pub project_id: Uuid,
    pub name: String,
    pub schedule_type: String,
    pub schedule_config: serde_json::Value,
    pub documented_cron: Option<String>,
    pub timeout_seconds: i32,
    pub max_attempts: i32,
    pub metadata: serde_json::Value,
    pub overlap_policy: String,
    pub missed_run_policy: String,
    pub completion: String,
    pub endpoint: String,
    pub signing_secret: String,
    pub previous_signing_secret: Option<String>,
    pub task_group_id: Option<Uuid>,
    pub group_version: Option<i64>,
    #[sqlx(flatten)]
    pub window: WindowRow,
}

/// The columns of [`Due`], and the tables behind them; `$locked` are the schedule rows that were locked.
macro_rules! select_due {
    ($locked:literal) => {
        concat!(
            "WITH locked AS MATERIALIZED (",
            $locked,
            ") SELECT s.task_id, coalesce(s.due_at, s.next_run_at) AS next_run_at, s.fires, t.project_id, t.name, t.schedule_type,
                      t.schedule_config, t.documented_cron, t.timeout_seconds, t.max_attempts, t.metadata,
                      t.overlap_policy, t.missed_run_policy, t.completion, p.execution_endpoint AS endpoint, p.signing_secret,
                      p.previous_signing_secret, t.task_group_id, g.version AS group_version, g.start_time, g.end_time, g.timezone,
                      g.override AS by_hand, g.override_until AS by_hand_until
               FROM locked s JOIN tasks t ON t.id = s.task_id JOIN projects p ON p.id = t.project_id
                    LEFT JOIN task_groups g ON g.id = t.task_group_id
               ORDER BY s.next_run_at, s.task_id"
        )
    };
}

/// Locks up to `limit` schedule rows that are due and lie after `low_water`, the longest due first; those that another node
/// holds are its own. Before `low_water` lie only index entries of rows that have moved on.
pub(crate) async fn take_due(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    low_water: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    point("schedule.take_due")?;
    sqlx::query_as(select_due!(
        "SELECT task_id, next_run_at, due_at, fires FROM task_schedules WHERE next_run_at <= $1 AND next_run_at > $2
         ORDER BY next_run_at, task_id LIMIT $3 FOR UPDATE SKIP LOCKED"
    ))
    .bind(now)
    .bind(low_water)
    .bind(limit)
    .fetch_all(conn)
    .await
}

/// Up to `limit` projects after `after` that have something due, in the order of their ids. It looks at one index entry per
/// project, however much of it is due.
pub(crate) async fn due_projects(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    after: Uuid,
    busy: &[Uuid],
    limit: i64,
) -> Result<Vec<Uuid>, sqlx::Error> {
    point("schedule.take_due")?;
    sqlx::query_scalar!(
        r#"WITH RECURSIVE turn(project_id) AS (
               (SELECT project_id FROM task_schedules WHERE project_id > $2 ORDER BY project_id LIMIT 1)
               UNION ALL
               SELECT (SELECT s.project_id FROM task_schedules s WHERE s.project_id > turn.project_id ORDER BY s.project_id LIMIT 1)
               FROM turn WHERE turn.project_id IS NOT NULL)
           SELECT project_id AS "project_id!" FROM turn
           WHERE project_id IS NOT NULL AND project_id <> ALL($3)
             AND EXISTS (SELECT FROM task_schedules s WHERE s.project_id = turn.project_id AND s.next_run_at <= $1) LIMIT $4"#,
        now,
        after,
        busy,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Locks up to `share` schedule rows that are due of each of these projects, the longest due first.
pub(crate) async fn take_due_of(
    conn: &mut PgConnection,
    now: DateTime<Utc>,
    projects: &[Uuid],
    share: i64,
) -> Result<Vec<Due>, sqlx::Error> {
    sqlx::query_as(select_due!(
        "SELECT s.* FROM unnest($2::uuid[]) AS turn(project_id) CROSS JOIN LATERAL (
             SELECT task_id, next_run_at, due_at, fires FROM task_schedules s
             WHERE s.project_id = turn.project_id AND s.next_run_at <= $1
             ORDER BY s.next_run_at, s.task_id LIMIT $3 FOR UPDATE SKIP LOCKED) AS s"
    ))
    .bind(now)
    .bind(projects)
    .bind(share)
    .fetch_all(conn)
    .await
}

/// Sets rows aside that cannot be decided about: each is looked at again after a minute, or longer each time, and what it owes
/// stays due.
pub(crate) async fn set_aside(conn: &mut PgConnection, task_ids: &[Uuid]) -> Result<(), sqlx::Error> {
    point("schedule.plan_many")?;
    sqlx::query!(
        "UPDATE task_schedules SET due_at = coalesce(due_at, next_run_at), set_aside = set_aside + 1,
                next_run_at = now() + least(60 * 2 ^ least(set_aside, 6), 3600) * interval '1 s'
         WHERE task_id = ANY($1)",
        task_ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// For how long the row that is due the longest has been due, in seconds; none when nothing is due. Rows that are set aside do
/// not count.
pub(crate) async fn oldest_due(conn: &mut PgConnection) -> Result<Option<f64>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT extract(epoch FROM now() - min(next_run_at))::float8 FROM task_schedules WHERE next_run_at <= now()"
    )
    .fetch_one(conn)
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
}

/// Plans the next runs, and takes `ended` out of the scheduler's sight. The rows are locked.
pub(crate) async fn plan_many(conn: &mut PgConnection, plans: &[Plan], ended: &[Uuid]) -> Result<(), sqlx::Error> {
    point("schedule.plan_many")?;
    let ids: Vec<Uuid> = plans.iter().map(|plan| plan.task_id).collect();
    let next: Vec<DateTime<Utc>> = plans.iter().map(|plan| plan.next_run_at).collect();
    sqlx::query!(
        "WITH gone AS (DELETE FROM task_schedules WHERE task_id = ANY($3))
         UPDATE task_schedules s SET next_run_at = planned.next_run_at, fires = true
         FROM unnest($1::uuid[], $2::timestamptz[]) AS planned(task_id, next_run_at)
         WHERE s.task_id = planned.task_id",
        &ids,
        &next,
        ended
    )
    .execute(conn)
    .await?;
    Ok(())
}
