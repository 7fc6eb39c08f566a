//! Statements on `zone_data`: the releases of the tz database by which tasks are planned.

use super::group::WindowRow;
use chrono::{DateTime, Utc};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// A release that schedulers have used.
pub(crate) struct Known {
    pub release: String,
    /// The tasks of the zones that it changed are planned.
    pub is_done: bool,
}

/// All releases.
pub(crate) async fn known(conn: &mut PgConnection) -> Result<Vec<Known>, sqlx::Error> {
    sqlx::query_as!(Known, r#"SELECT release, done_at IS NOT NULL AS "is_done!" FROM zone_data"#).fetch_all(conn).await
}

/// Keeps others from adding a release until the transaction ends.
pub(crate) async fn lock(conn: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::raw_sql("LOCK TABLE zone_data IN SHARE ROW EXCLUSIVE MODE").execute(conn).await.map(drop)
}

/// The digests of a release, and the zones whose tasks are not all planned.
pub(crate) async fn rules_of(
    conn: &mut PgConnection,
    release: &str,
) -> Result<Option<(serde_json::Value, Vec<String>)>, sqlx::Error> {
    let row = sqlx::query!(
        r#"SELECT rules, CASE WHEN done_at IS NULL THEN changed ELSE '{}' END AS "changed!" FROM zone_data WHERE release = $1"#,
        release
    );
    Ok(row.fetch_optional(conn).await?.map(|row| (row.rules, row.changed)))
}

/// Adds a release, and the zones whose tasks are to be planned anew.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    release: &str,
    rules: &serde_json::Value,
    changed: &[String],
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO zone_data (release, rules, changed, done_at)
         VALUES ($1, $2, $3, CASE WHEN $3::text[] = '{}' THEN now() END)",
        release,
        rules,
        changed
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Locks a release whose tasks are not all planned, unless another node has it. Returns its zones, and up to which task it is
/// done.
pub(crate) async fn lock_unfinished(
    conn: &mut PgConnection,
    release: &str,
) -> Result<Option<(Vec<String>, Uuid)>, sqlx::Error> {
    let row = sqlx::query!(
        "SELECT changed, replan_after FROM zone_data WHERE release = $1 AND done_at IS NULL FOR UPDATE SKIP LOCKED",
        release
    );
    Ok(row.fetch_optional(conn).await?.map(|row| (row.changed, row.replan_after)))
}

/// A page of tasks in the order of their ids: which of them, or of their groups, are in one of these zones.
pub(crate) struct Page {
    /// Its last task; none when there are no more tasks.
    pub last: Option<Uuid>,
    pub tasks: Vec<Uuid>,
    pub groups: Vec<Uuid>,
}

pub(crate) async fn page(
    conn: &mut PgConnection,
    zones: &[String],
    after: Uuid,
    limit: i64,
) -> Result<Page, sqlx::Error> {
    sqlx::query_as!(
        Page,
        r#"WITH page AS (
               SELECT t.id, t.task_group_id,
                      coalesce(substring(t.schedule_config ->> 'cron_expression' FROM '^\s*CRON_TZ=(\S+)'),
                               t.schedule_config ->> 'timezone') = ANY($1) AS is_in
               FROM tasks t WHERE t.id > $2 ORDER BY t.id LIMIT $3)
           SELECT (array_agg(p.id ORDER BY p.id DESC))[1] AS last,
                  coalesce(array_agg(p.id) FILTER (WHERE p.is_in OR g.timezone = ANY($1)), '{}') AS "tasks!",
                  coalesce(array_agg(DISTINCT g.id) FILTER (WHERE g.id IS NOT NULL AND (p.is_in OR g.timezone = ANY($1))), '{}') AS "groups!"
           FROM page p LEFT JOIN task_groups g ON g.id = p.task_group_id"#,
        zones,
        after,
        limit
    )
    .fetch_one(conn)
    .await
}

/// An active task, when it runs next as planned, and the window of its group.
#[derive(FromRow)]
pub(crate) struct Planned {
    pub id: Uuid,
    pub task_group_id: Option<Uuid>,
    pub group_version: Option<i64>,
    pub schedule_type: String,
    pub schedule_config: serde_json::Value,
    pub documented_cron: Option<String>,
    pub next_run_at: Option<DateTime<Utc>>,
    #[sqlx(flatten)]
    pub window: WindowRow,
}

/// Holds those of these tasks that are active and not due; against deletions and undos, too.
pub(crate) async fn share_planned(conn: &mut PgConnection, tasks: &[Uuid]) -> Result<Vec<Planned>, sqlx::Error> {
    sqlx::query_as(
        "SELECT t.id, t.task_group_id, g.version AS group_version, t.schedule_type, t.schedule_config, t.documented_cron,
                s.next_run_at,
                g.start_time, g.end_time, g.timezone, g.override AS by_hand, g.override_until AS by_hand_until
         FROM tasks t LEFT JOIN task_schedules s ON s.task_id = t.id LEFT JOIN task_groups g ON g.id = t.task_group_id
         WHERE t.id = ANY($1) AND t.status = 'ACTIVE' AND (s.fires AND s.due_at IS NULL) IS NOT FALSE
         ORDER BY t.id FOR SHARE OF t",
    )
    .bind(tasks)
    .fetch_all(conn)
    .await
}

/// Notes how far a release is; none when it is done.
pub(crate) async fn replanned_up_to(
    conn: &mut PgConnection,
    release: &str,
    last: Option<Uuid>,
    moved: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE zone_data SET replan_after = coalesce($2, replan_after), moved = moved + $3,
                done_at = CASE WHEN $2::uuid IS NULL THEN now() END
         WHERE release = $1",
        release,
        last,
        moved
    )
    .execute(conn)
    .await?;
    Ok(())
}
