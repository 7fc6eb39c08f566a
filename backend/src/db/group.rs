//! Statements on `task_groups`, and on the tasks of one. Its row is locked before its tasks.

use crate::faults::point;
use chrono::{DateTime, NaiveTime, Utc};
use domain::group::{Override, TaskGroup, TaskGroupDraft, Window};
use domain::task::RunState;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

mod replan;
pub(crate) use replan::*;

/// When a group is open, as it is stored. All is null for a task in no group.
#[derive(Debug, FromRow)]
pub(crate) struct WindowRow {
    pub start_time: Option<NaiveTime>,
    pub end_time: Option<NaiveTime>,
    pub timezone: Option<String>,
    pub by_hand: Option<String>,
    pub by_hand_until: Option<DateTime<Utc>>,
}

impl WindowRow {
    /// The window of the group, if there is one. One that cannot be read any more gates nothing.
    pub fn window(&self) -> Option<Window> {
        let (start, end) = (hours_and_minutes(self.start_time), hours_and_minutes(self.end_time));
        let window = Window::parse(self.timezone.as_deref()?, start.as_deref(), end.as_deref()).ok()?;
        let by_hand = self.by_hand.as_deref().and_then(|state| state.parse().ok());
        Some(window.with_override(by_hand.map(|state| Override { state, until: self.by_hand_until })))
    }
}

fn hours_and_minutes(time: Option<NaiveTime>) -> Option<String> {
    time.map(|time| time.format("%H:%M").to_string())
}

/// The window of a task's group; none for a task in no group.
pub(crate) async fn window_of(conn: &mut PgConnection, id: Option<Uuid>) -> Result<Option<Window>, sqlx::Error> {
    let Some(id) = id else { return Ok(None) };
    let row = sqlx::query_as!(
        WindowRow,
        "SELECT start_time, end_time, timezone, override AS by_hand, override_until AS by_hand_until FROM task_groups WHERE id = $1",
        id
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.and_then(|row| row.window()))
}

/// The columns of a group as it is shown; the rest of the statement follows.
macro_rules! select_group {
    ($rest:literal) => {
        concat!(
            "SELECT id, project_id, name, version, created_at, updated_at, start_time, end_time, timezone,
                    override AS by_hand, override_until AS by_hand_until, now() AS read_at
             FROM task_groups ",
            $rest
        )
    };
}

#[derive(FromRow)]
pub(crate) struct GroupRow {
    pub id: Uuid,
    project_id: Uuid,
    name: String,
    pub version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    #[sqlx(flatten)]
    window: WindowRow,
    /// The transaction's time on the database's clock.
    pub read_at: DateTime<Utc>,
}

impl From<GroupRow> for TaskGroup {
    fn from(row: GroupRow) -> Self {
        let window = row.window.window();
        let by_hand = window.as_ref().and_then(|window| window.by_hand(row.read_at));
        Self {
            id: row.id,
            project_id: row.project_id,
            name: row.name,
            start_time: hours_and_minutes(row.window.start_time),
            end_time: hours_and_minutes(row.window.end_time),
            timezone: row.window.timezone.unwrap_or_default(),
            state: window.map_or(RunState::Running, |window| window.state(row.read_at)),
            override_until: by_hand.and_then(|by_hand| by_hand.until),
            is_overridden: by_hand.is_some(),
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
        }
    }
}

/// One group of a project.
pub(crate) async fn get(conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<Option<GroupRow>, sqlx::Error> {
    sqlx::query_as(select_group!("WHERE id = $1 AND project_id = $2"))
        .bind(id)
        .bind(project_id)
        .fetch_optional(conn)
        .await
}

/// Locks a group of a project. `FOR UPDATE`: it waits for those that put a task into the group, and they wait for it.
pub(crate) async fn lock(conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<Option<GroupRow>, sqlx::Error> {
    point("group.lock")?;
    sqlx::query_as(select_group!("WHERE id = $1 AND project_id = $2 FOR UPDATE"))
        .bind(id)
        .bind(project_id)
        .fetch_optional(conn)
        .await
}

/// Groups of a project by id descending (newest first), below `before`.
pub(crate) async fn list(
    conn: &mut PgConnection,
    project_id: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<GroupRow>, sqlx::Error> {
    sqlx::query_as(select_group!("WHERE project_id = $1 AND ($2::uuid IS NULL OR id < $2) ORDER BY id DESC LIMIT $3"))
        .bind(project_id)
        .bind(before)
        .bind(limit)
        .fetch_all(conn)
        .await
}

/// The names of these groups of a project.
pub(crate) async fn names(
    conn: &mut PgConnection,
    project_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    let rows = sqlx::query!("SELECT id, name FROM task_groups WHERE id = ANY($1) AND project_id = $2", ids, project_id)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// How many tasks these groups have, counted up to `cap` each: never a scan.
pub(crate) async fn count_tasks(
    conn: &mut PgConnection,
    ids: &[Uuid],
    cap: i64,
) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT g.id AS "id!", (SELECT count(*) FROM (SELECT 1 FROM tasks WHERE task_group_id = g.id LIMIT $2) AS few) AS "count!"
           FROM unnest($1::uuid[]) AS g(id)"#,
        ids,
        cap
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.count)).collect())
}

/// Writes a new group. `task_groups_name_unique` refuses a name that is taken in the project.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    project_id: Uuid,
    id: Uuid,
    draft: &TaskGroupDraft,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO task_groups (id, project_id, name, start_time, end_time, timezone)
         VALUES ($1, $2, $3, $4::text::time, $5::text::time, $6)",
        id,
        project_id,
        draft.name,
        draft.start_time,
        draft.end_time,
        draft.timezone
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Holds groups as they are, so that none is stopped before the transaction ends. Returns those that nobody is changing, with
/// their versions.
pub(crate) async fn hold_versions(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, i64)>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query!("SELECT id, version FROM task_groups WHERE id = ANY($1) FOR SHARE SKIP LOCKED", ids);
    Ok(rows.fetch_all(conn).await?.into_iter().map(|row| (row.id, row.version)).collect())
}

/// Holds groups as they are, so that none is stopped before the transaction ends. Returns those that nobody is changing, with
/// their windows.
pub(crate) async fn hold_windows(
    conn: &mut PgConnection,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, Option<Window>)>, sqlx::Error> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let rows = sqlx::query_as::<_, GroupRow>(select_group!("WHERE id = ANY($1) FOR SHARE SKIP LOCKED"));
    let rows = rows.bind(ids).fetch_all(conn).await?;
    Ok(rows.into_iter().map(|row| (row.id, row.window.window())).collect())
}

/// Whether the group of a task is stopped by hand; it stays so, or not, until the transaction ends.
pub(crate) async fn is_stopped_for(
    conn: &mut PgConnection,
    project_id: Uuid,
    task_id: Uuid,
) -> Result<bool, sqlx::Error> {
    let stopped = sqlx::query_scalar!(
        r#"SELECT (g.override = 'NOT_RUNNING' AND (g.override_until IS NULL OR g.override_until > now())) IS TRUE AS "is_stopped!"
           FROM tasks t JOIN task_groups g ON g.id = t.task_group_id WHERE t.id = $1 AND t.project_id = $2 FOR SHARE OF g"#,
        task_id,
        project_id
    );
    Ok(stopped.fetch_optional(conn).await?.unwrap_or(false))
}

/// Replaces a group that is locked, with the start or stop by hand that is in force from now on, and has its tasks planned anew.
pub(crate) async fn update(
    conn: &mut PgConnection,
    id: Uuid,
    draft: &TaskGroupDraft,
    by_hand: Option<Override>,
) -> Result<(), sqlx::Error> {
    point("group.update")?;
    sqlx::query!(
        "UPDATE task_groups SET name = $2, start_time = $3::text::time, end_time = $4::text::time, timezone = $5, override = $6,
                override_until = $7, version = version + 1, updated_at = now(),
                replan_since = coalesce(replan_since, now()), replan_after = NULL
         WHERE id = $1",
        id,
        draft.name,
        draft.start_time,
        draft.end_time,
        draft.timezone,
        by_hand.map(|by_hand| by_hand.state.as_str()),
        by_hand.and_then(|by_hand| by_hand.until)
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes a group that is locked and has no tasks any more.
pub(crate) async fn delete(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    point("group.delete")?;
    sqlx::query!("DELETE FROM task_groups WHERE id = $1", id).execute(conn).await?;
    Ok(())
}

/// The newest tasks of a group: id and name.
pub(crate) async fn first_tasks(
    conn: &mut PgConnection,
    id: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    let rows = sqlx::query!("SELECT id, name FROM tasks WHERE task_group_id = $1 ORDER BY id DESC LIMIT $2", id, limit)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Has the scheduler plan these tasks onwards from now, as far as they are active: their rows are due and fire nothing. What was
/// due before stays due. The tasks are locked.
pub(crate) async fn replan(conn: &mut PgConnection, task_ids: &[Uuid]) -> Result<(), sqlx::Error> {
    point("group.replan")?;
    sqlx::query!(
        "INSERT INTO task_schedules (task_id, next_run_at, version, fires)
         SELECT id, now(), version, false FROM tasks WHERE id = ANY($1) AND status = 'ACTIVE' ORDER BY id
         ON CONFLICT (task_id) DO UPDATE SET next_run_at = excluded.next_run_at, version = excluded.version, fires = false
         WHERE task_schedules.next_run_at > excluded.next_run_at",
        task_ids
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Takes all tasks out of a group that is locked.
pub(crate) async fn release_tasks(conn: &mut PgConnection, id: Uuid) -> Result<(), sqlx::Error> {
    point("group.release_tasks")?;
    sqlx::query!(
        "UPDATE tasks SET task_group_id = NULL, version = version + 1, updated_at = now() WHERE task_group_id = $1",
        id
    )
    .execute(conn)
    .await?;
    Ok(())
}
