//! Statements that write a task: whole, its status alone, and its end.

use super::LockedTask;
use crate::faults::point;
use domain::status::TaskStatus;
use domain::task::NewTask;
use sqlx::PgConnection;
use sqlx::types::Json;
use uuid::Uuid;

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
                            schedule_description, status, timeout_seconds, metadata, overlap_policy, missed_run_policy, completion, max_attempts,
                            documented_cron)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)",
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
        task.completion.as_str(),
        task.max_attempts,
        task.documented_cron()
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
                missed_run_policy = $14, completion = $15, max_attempts = $16, documented_cron = $17, version = version + 1, updated_at = now(),
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
        task.completion.as_str(),
        task.max_attempts,
        task.documented_cron()
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
