//! Statements on `tasks`.

use super::text;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::schedule::ScheduleConfig;
use domain::status::TaskStatus;
use domain::task::{NewTask, RunState, Task};
use sqlx::types::Json;
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// The columns of a task as it is shown; the rest of the statement follows.
macro_rules! select_task {
    ($rest:literal) => {
        concat!(
            "SELECT t.id, t.project_id, t.task_group_id, t.name, t.description, t.schedule_type, t.schedule_config,
                    t.schedule_description, t.status, t.status_changed_at, t.deletion_id, t.timeout_seconds, t.metadata,
                    t.overlap_policy, t.missed_run_policy, t.completion, t.version, t.created_at, t.updated_at, s.next_run_at
             FROM tasks t LEFT JOIN task_schedules s ON s.task_id = t.id ",
            $rest
        )
    };
}

#[derive(FromRow)]
pub(crate) struct TaskRow {
    pub id: Uuid,
    project_id: Uuid,
    task_group_id: Option<Uuid>,
    name: String,
    description: String,
    schedule_type: String,
    schedule_config: Json<ScheduleConfig>,
    schedule_description: String,
    status: String,
    status_changed_at: DateTime<Utc>,
    pub deletion_id: Option<Uuid>,
    timeout_seconds: i32,
    metadata: serde_json::Value,
    overlap_policy: String,
    missed_run_policy: String,
    completion: String,
    version: i64,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    next_run_at: Option<DateTime<Utc>>,
}

impl TryFrom<TaskRow> for Task {
    type Error = sqlx::Error;
    fn try_from(row: TaskRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            uuid: row.id,
            project_id: row.project_id,
            task_group_id: row.task_group_id,
            name: row.name,
            description: row.description,
            schedule_type: text("schedule_type", &row.schedule_type)?,
            schedule_config: row.schedule_config.0,
            schedule_description: row.schedule_description,
            status: text("status", &row.status)?,
            status_changed_at: row.status_changed_at,
            state: RunState::Running,
            timeout_seconds: row.timeout_seconds,
            metadata: row.metadata,
            overlap_policy: text("overlap_policy", &row.overlap_policy)?,
            missed_run_policy: text("missed_run_policy", &row.missed_run_policy)?,
            completion: text("completion", &row.completion)?,
            next_run_at: row.next_run_at,
            last_execution: None,
            version: row.version,
            created_at: row.created_at,
            updated_at: row.updated_at,
            deletion: None,
        })
    }
}

/// What a change of a task is decided by, read under its lock.
#[derive(Debug)]
pub(crate) struct LockedTask {
    pub name: String,
    pub status: TaskStatus,
    pub version: i64,
    pub deletion_id: Option<Uuid>,
    /// The transaction's time on the database's clock.
    pub now: DateTime<Utc>,
}

/// Locks a task of a project, or answers none. `FOR NO KEY UPDATE`: `FOR UPDATE` would deadlock with the foreign-key
/// check of a claimer that inserts an execution.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    project_id: Uuid,
    id: Uuid,
) -> Result<Option<LockedTask>, sqlx::Error> {
    point("task.lock")?;
    let row = sqlx::query!(
        r#"SELECT name, status, version, deletion_id, now() AS "now!" FROM tasks
           WHERE id = $1 AND project_id = $2 FOR NO KEY UPDATE"#,
        id,
        project_id
    )
    .fetch_optional(conn)
    .await?;
    row.map(|row| {
        let status = text("status", &row.status)?;
        Ok(LockedTask { name: row.name, status, version: row.version, deletion_id: row.deletion_id, now: row.now })
    })
    .transpose()
}

/// One task of a project.
pub(crate) async fn get(conn: &mut PgConnection, project_id: Uuid, id: Uuid) -> Result<Option<TaskRow>, sqlx::Error> {
    sqlx::query_as(select_task!("WHERE t.id = $1 AND t.project_id = $2"))
        .bind(id)
        .bind(project_id)
        .fetch_optional(conn)
        .await
}

/// These tasks of a project, as far as they exist.
pub(crate) async fn get_many(
    conn: &mut PgConnection,
    project_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<TaskRow>, sqlx::Error> {
    sqlx::query_as(select_task!("WHERE t.id = ANY($1) AND t.project_id = $2"))
        .bind(ids)
        .bind(project_id)
        .fetch_all(conn)
        .await
}

/// What a list of tasks is filtered by. Empty `statuses` means all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter<'a> {
    pub statuses: &'a [String],
    pub group: Option<Uuid>,
    pub search: Option<&'a str>,
}

/// Tasks of a project by id descending (newest first), below `before`. Planned anew each time, so that the filters
/// that are absent cost nothing and those that are present choose their index.
pub(crate) async fn list(
    conn: &mut PgConnection,
    project_id: Uuid,
    filter: &Filter<'_>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<TaskRow>, sqlx::Error> {
    let pattern = filter.search.map(|part| format!("%{}%", escape_like(part)));
    sqlx::query_as(select_task!(
        "WHERE t.project_id = $1
           AND (cardinality($2::text[]) = 0 OR t.status = ANY($2))
           AND ($3::uuid IS NULL OR t.task_group_id = $3)
           AND ($4::text IS NULL OR lower(t.name) LIKE lower($4))
           AND ($5::uuid IS NULL OR t.id < $5)
         ORDER BY t.id DESC LIMIT $6"
    ))
    .bind(project_id)
    .bind(filter.statuses)
    .bind(filter.group)
    .bind(pattern)
    .bind(before)
    .bind(limit)
    .persistent(false)
    .fetch_all(conn)
    .await
}

fn escape_like(part: &str) -> String {
    part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// Writes a new task. `tasks_project_exists` and `tasks_task_group_id_exists` refuse strangers.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    project_id: Uuid,
    id: Uuid,
    task: &NewTask,
    status: TaskStatus,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO tasks (id, project_id, task_group_id, name, description, schedule_type, schedule_config,
                            schedule_description, status, timeout_seconds, metadata, overlap_policy, missed_run_policy, completion)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
        id,
        project_id,
        task.task_group_id,
        task.name,
        task.description,
        task.schedule_type.as_str(),
        Json(&task.schedule_config) as _,
        task.schedule.describe(),
        status.as_str(),
        task.timeout_seconds,
        task.metadata,
        task.overlap_policy.as_str(),
        task.missed_run_policy.as_str(),
        task.completion.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Replaces a task that still has the status and version that were read; answers the new version.
pub(crate) async fn update(
    conn: &mut PgConnection,
    id: Uuid,
    read: &LockedTask,
    task: &NewTask,
    status: TaskStatus,
) -> Result<Option<i64>, sqlx::Error> {
    sqlx::query_scalar!(
        "UPDATE tasks SET task_group_id = $4, name = $5, description = $6, schedule_type = $7, schedule_config = $8,
                schedule_description = $9, status = $10, timeout_seconds = $11, metadata = $12, overlap_policy = $13,
                missed_run_policy = $14, completion = $15, version = version + 1, updated_at = now(),
                status_changed_at = CASE WHEN status = $10 THEN status_changed_at ELSE now() END
         WHERE id = $1 AND status = $2 AND version = $3 RETURNING version",
        id,
        read.status.as_str(),
        read.version,
        task.task_group_id,
        task.name,
        task.description,
        task.schedule_type.as_str(),
        Json(&task.schedule_config) as _,
        task.schedule.describe(),
        status.as_str(),
        task.timeout_seconds,
        task.metadata,
        task.overlap_policy.as_str(),
        task.missed_run_policy.as_str(),
        task.completion.as_str()
    )
    .fetch_optional(conn)
    .await
}

/// Writes a status, on condition that the task still has the status that was read; answers the new version.
/// The only statement that changes a status by itself; its callers ask `domain::status::transition`.
pub(crate) async fn set_status(
    conn: &mut PgConnection,
    id: Uuid,
    from: TaskStatus,
    to: TaskStatus,
    deletion_id: Option<Uuid>,
) -> Result<Option<i64>, sqlx::Error> {
    point("task.set_status")?;
    sqlx::query_scalar!(
        "UPDATE tasks SET status = $3, deletion_id = $4, version = version + 1, updated_at = now(), status_changed_at = now()
         WHERE id = $1 AND status = $2 RETURNING version",
        id,
        from.as_str(),
        to.as_str(),
        deletion_id
    )
    .fetch_optional(conn)
    .await
}

/// The accepting write and the fence: the status changes and the schedule row goes. The row is already locked, and
/// lock order is tasks → task_schedules.
pub(crate) async fn fence(
    conn: &mut PgConnection,
    id: Uuid,
    from: TaskStatus,
    to: TaskStatus,
    deletion_id: Uuid,
) -> Result<i64, sqlx::Error> {
    point("task.fence")?;
    sqlx::query_scalar!(
        "WITH fenced AS (DELETE FROM task_schedules WHERE task_id = $1)
         UPDATE tasks SET status = $3, deletion_id = $4, version = version + 1, updated_at = now(), status_changed_at = now()
         WHERE id = $1 AND status = $2 RETURNING version",
        id,
        from.as_str(),
        to.as_str(),
        deletion_id
    )
    .fetch_one(conn)
    .await
}

/// Removes the row of a task that this deletion owns and that is pending; answers whether there was one.
pub(crate) async fn delete(conn: &mut PgConnection, id: Uuid, deletion_id: Uuid) -> Result<bool, sqlx::Error> {
    point("task.delete")?;
    let done = sqlx::query!(
        "DELETE FROM tasks WHERE id = $1 AND deletion_id = $2 AND status = 'PENDING_DELETE'",
        id,
        deletion_id
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
