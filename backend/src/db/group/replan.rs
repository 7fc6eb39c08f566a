//! Statements that plan the tasks of a group anew, a batch at a time.

use super::WindowRow;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::group::Window;
use sqlx::PgConnection;
use uuid::Uuid;

/// A group whose tasks are to be planned anew.
pub(crate) struct Replanning {
    pub id: Uuid,
    /// As of when.
    pub since: DateTime<Utc>,
    /// Those up to this one are done.
    pub after: Uuid,
    pub window: Option<Window>,
}

/// Locks the group that has waited the longest for its tasks to be planned anew, unless another node has it.
pub(crate) async fn lock_replanning(conn: &mut PgConnection) -> Result<Option<Replanning>, sqlx::Error> {
    point("group.replan")?;
    let row = sqlx::query!(
        r#"SELECT id, replan_since AS "since!", replan_after, start_time, end_time, timezone, override AS by_hand, override_until
           FROM task_groups WHERE replan_since IS NOT NULL ORDER BY replan_since LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED"#
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|row| {
        let (start_time, end_time, by_hand, by_hand_until) =
            (row.start_time, row.end_time, row.by_hand, row.override_until);
        let window = WindowRow { start_time, end_time, timezone: Some(row.timezone), by_hand, by_hand_until }.window();
        Replanning { id: row.id, since: row.since, after: row.replan_after.unwrap_or_default(), window }
    }))
}

/// A task of a group that is planned anew.
pub(crate) struct Replanned {
    pub id: Uuid,
    pub status: String,
    pub schedule_type: String,
    pub schedule_config: serde_json::Value,
    pub documented_cron: Option<String>,
}

/// The next tasks of a group, in the order of their ids, as batches lock them; held against deletions and undos.
pub(crate) async fn share_tasks_after(
    conn: &mut PgConnection,
    group: &Replanning,
    limit: i64,
) -> Result<Vec<Replanned>, sqlx::Error> {
    point("group.share_tasks")?;
    sqlx::query_as!(
        Replanned,
        "SELECT id, status, schedule_type, schedule_config, documented_cron FROM tasks WHERE task_group_id = $1 AND id > $2
         ORDER BY id LIMIT $3 FOR SHARE",
        group.id,
        group.after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Plans tasks, which are locked and active: those with a moment for then, the others not at all. What was due before stays due.
pub(crate) async fn plan_tasks(
    conn: &mut PgConnection,
    plans: &[(Uuid, Option<DateTime<Utc>>)],
) -> Result<(), sqlx::Error> {
    let ids: Vec<Uuid> = plans.iter().map(|(id, _)| *id).collect();
    let next: Vec<Option<DateTime<Utc>>> = plans.iter().map(|(_, next)| *next).collect();
    sqlx::query!(
        "WITH planned AS (SELECT * FROM unnest($1::uuid[], $2::timestamptz[]) AS p(task_id, next_run_at)),
              closed AS (DELETE FROM task_schedules s USING planned p
                         WHERE s.task_id = p.task_id AND p.next_run_at IS NULL AND s.next_run_at > now())
         INSERT INTO task_schedules (task_id, next_run_at, version)
         SELECT t.id, p.next_run_at, t.version FROM planned p JOIN tasks t ON t.id = p.task_id WHERE p.next_run_at IS NOT NULL
         ORDER BY t.id
         ON CONFLICT (task_id) DO UPDATE SET next_run_at = excluded.next_run_at, version = excluded.version, fires = true
         WHERE task_schedules.next_run_at > now()",
        &ids,
        &next as &[Option<DateTime<Utc>>]
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Notes how far a group is planned anew; none when it is done.
pub(crate) async fn replanned_up_to(conn: &mut PgConnection, id: Uuid, last: Option<Uuid>) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE task_groups SET replan_after = $2, replan_since = CASE WHEN $2::uuid IS NULL THEN NULL ELSE replan_since END
         WHERE id = $1",
        id,
        last
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A task of a group, and when it runs.
pub(crate) struct Scheduled {
    pub name: String,
    pub status: String,
    pub schedule_type: String,
    pub schedule_config: serde_json::Value,
    pub documented_cron: Option<String>,
}

/// The newest tasks of a group.
pub(crate) async fn newest_schedules(
    conn: &mut PgConnection,
    group: Uuid,
    limit: i64,
) -> Result<Vec<Scheduled>, sqlx::Error> {
    sqlx::query_as!(
        Scheduled,
        "SELECT name, status, schedule_type, schedule_config, documented_cron FROM tasks WHERE task_group_id = $1
         ORDER BY id DESC LIMIT $2",
        group,
        limit
    )
    .fetch_all(conn)
    .await
}
