//! Statements on the deletion of a project: its acceptance, and the record that is worked off.
//!
//! Lock order: projects → tasks → `task_schedules` → executions, as for the deletion of a task.

use crate::faults::point;
use chrono::{DateTime, TimeDelta, Utc};
use domain::project::{ProjectDeletion, ProjectReceipt, deletion_state};
use sqlx::{FromRow, PgConnection};
use uuid::Uuid;

/// What a request to delete a project is decided by, read under its lock.
pub(crate) struct LockedProject {
    pub name: String,
    pub version: i64,
    pub deletion_id: Option<Uuid>,
    /// The transaction's time on the database's clock.
    pub now: DateTime<Utc>,
}

/// Locks a project, or answers none. `FOR NO KEY UPDATE` waits for everybody who makes or changes something in it
/// ([`super::share`]), and for no foreign-key check.
pub(crate) async fn lock(conn: &mut PgConnection, id: Uuid) -> Result<Option<LockedProject>, sqlx::Error> {
    point("project.lock")?;
    let locked = sqlx::query_as!(
        LockedProject,
        r#"SELECT name, version, deletion_id, now() AS "now!" FROM projects WHERE id = $1 FOR NO KEY UPDATE"#,
        id
    );
    locked.fetch_optional(conn).await
}

/// Locks all tasks of a project that is locked, in the order of their ids, as batches do; answers how many there are.
pub(crate) async fn lock_tasks(conn: &mut PgConnection, id: Uuid) -> Result<i64, sqlx::Error> {
    point("project.lock_tasks")?;
    sqlx::query_scalar!(
        r#"SELECT count(*) AS "count!" FROM (SELECT FROM tasks WHERE project_id = $1 ORDER BY id FOR NO KEY UPDATE) AS locked"#,
        id
    )
    .fetch_one(conn)
    .await
}

/// The fence: none of its tasks has a schedule row any more, and nobody may give it another. The project and its tasks are
/// locked. Answers the project's version.
pub(crate) async fn fence(
    conn: &mut PgConnection,
    id: Uuid,
    deletion_id: Uuid,
    at: DateTime<Utc>,
) -> Result<i64, sqlx::Error> {
    point("project.fence")?;
    sqlx::query_scalar!(
        "WITH fenced AS (DELETE FROM task_schedules s USING tasks t WHERE t.id = s.task_id AND t.project_id = $1)
         UPDATE projects SET deletion_id = $2, deletion_requested_at = $3, version = version + 1, updated_at = now()
         WHERE id = $1 AND deletion_id IS NULL RETURNING version",
        id,
        deletion_id,
        at
    )
    .fetch_one(conn)
    .await
}

/// What the accepting transaction writes.
pub(crate) struct NewProjectDeletion<'a> {
    pub id: Uuid,
    pub project_id: Uuid,
    pub project_name: &'a str,
    pub requested_by: &'a str,
    pub request_id: Option<&'a str>,
    pub now: DateTime<Utc>,
    pub seen_version: i64,
    pub tasks: i64,
    pub in_flight: &'a [Uuid],
    /// The last task that has a deletion of its own already.
    pub handed_to: Option<Uuid>,
}

/// Writes the record of an accepted request.
pub(crate) async fn insert_deletion(
    conn: &mut PgConnection,
    new: &NewProjectDeletion<'_>,
) -> Result<ProjectDeletionRow, sqlx::Error> {
    point("project.insert_deletion")?;
    let insert = sqlx::query_as(
        "INSERT INTO project_deletions (id, project_id, project_name, requested_by, request_id, requested_at, seen_version,
                                        tasks, in_flight, handed_to, wake_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $6) RETURNING *",
    );
    let insert = insert.bind(new.id).bind(new.project_id).bind(new.project_name).bind(new.requested_by);
    let insert = insert.bind(new.request_id).bind(new.now).bind(new.seen_version).bind(new.tasks).bind(new.in_flight);
    let insert = insert.bind(new.handed_to);
    insert.fetch_one(conn).await
}

/// A record as it is stored.
#[derive(Clone, Debug, FromRow)]
pub(crate) struct ProjectDeletionRow {
    pub id: Uuid,
    pub project_id: Uuid,
    pub project_name: String,
    pub requested_by: String,
    pub request_id: Option<String>,
    pub requested_at: DateTime<Utc>,
    pub seen_version: i64,
    tasks: i64,
    in_flight: Vec<Uuid>,
    handed_to: Option<Uuid>,
    handed_over_at: Option<DateTime<Utc>>,
    wake_at: DateTime<Utc>,
    pub failed_attempts: i32,
    last_error: Option<String>,
    groups_removed: i64,
    keys_removed: i64,
    alerts_removed: i64,
    pub completed_at: Option<DateTime<Utc>>,
}

impl ProjectDeletionRow {
    /// How far its tasks are handed over.
    pub fn handed_over(&self) -> HandedOver {
        HandedOver { to: self.handed_to, at: self.handed_over_at }
    }

    /// The record as it is shown, with how many tasks are left and how many of them have failed.
    pub fn show(self, tasks_left: i64, tasks_failed: i64) -> ProjectDeletion {
        let is_gone = self.completed_at.is_some();
        ProjectDeletion {
            id: self.id,
            project_id: self.project_id,
            project_name: self.project_name,
            state: deletion_state(is_gone, self.last_error.is_some(), tasks_failed),
            requested_at: self.requested_at,
            requested_by: self.requested_by,
            request_id: self.request_id,
            tasks: self.tasks,
            in_flight: self.in_flight,
            tasks_left,
            tasks_failed,
            failed_attempts: self.failed_attempts,
            next_retry_at: self.last_error.is_some().then_some(self.wake_at),
            last_error: self.last_error,
            completed_at: self.completed_at,
            receipt: is_gone.then_some(ProjectReceipt {
                tasks: self.tasks,
                task_groups: self.groups_removed,
                api_keys: self.keys_removed,
                alerts: self.alerts_removed,
            }),
        }
    }
}

/// One record, as long as it is kept.
pub(crate) async fn get_deletion(conn: &mut PgConnection, id: Uuid) -> Result<Option<ProjectDeletionRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM project_deletions WHERE id = $1").bind(id).fetch_optional(conn).await
}

/// The record of a project.
pub(crate) async fn get_deletion_of(
    conn: &mut PgConnection,
    project_id: Uuid,
) -> Result<Option<ProjectDeletionRow>, sqlx::Error> {
    sqlx::query_as("SELECT * FROM project_deletions WHERE project_id = $1").bind(project_id).fetch_optional(conn).await
}

/// Records, newest first, below `before`.
pub(crate) async fn list_deletions(
    conn: &mut PgConnection,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<ProjectDeletionRow>, sqlx::Error> {
    let list = "SELECT * FROM project_deletions WHERE ($1::uuid IS NULL OR id < $1) ORDER BY id DESC LIMIT $2";
    sqlx::query_as(list).bind(before).bind(limit).fetch_all(conn).await
}

/// Up to `limit` deletions of projects that are due, the longest due first.
pub(crate) async fn due_deletions(conn: &mut PgConnection, limit: i64) -> Result<Vec<Uuid>, sqlx::Error> {
    let due = sqlx::query_scalar!(
        "SELECT id FROM project_deletions WHERE completed_at IS NULL AND wake_at <= now() ORDER BY wake_at, id LIMIT $1",
        limit
    );
    due.fetch_all(conn).await
}

/// Locks a record that is still to be worked at; none when another node holds it, or it is over.
pub(crate) async fn take_deletion(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<ProjectDeletionRow>, sqlx::Error> {
    point("project.take_deletion")?;
    let take = "SELECT * FROM project_deletions WHERE id = $1 AND completed_at IS NULL FOR UPDATE SKIP LOCKED";
    sqlx::query_as(take).bind(id).fetch_optional(conn).await
}

/// How far the tasks of a project are handed over.
#[derive(Clone, Copy)]
pub(crate) struct HandedOver {
    /// The last task that has a deletion of its own.
    pub to: Option<Uuid>,
    /// Since when all of them have.
    pub at: Option<DateTime<Utc>>,
}

/// A step went well: the next one is due after `delay`.
pub(crate) async fn go_on(
    conn: &mut PgConnection,
    id: Uuid,
    delay: TimeDelta,
    handed_over: HandedOver,
) -> Result<(), sqlx::Error> {
    point("project.go_on")?;
    sqlx::query!(
        "UPDATE project_deletions SET wake_at = clock_timestamp() + make_interval(secs => $2), failed_attempts = 0, last_error = NULL,
                handed_to = $3, handed_over_at = $4
         WHERE id = $1",
        id,
        delay.as_seconds_f64(),
        handed_over.to,
        handed_over.at
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A step failed: why, and after how long it is tried again.
pub(crate) async fn record_step_failure(
    conn: &mut PgConnection,
    id: Uuid,
    failed_attempts: i32,
    error: &str,
    delay: TimeDelta,
) -> Result<(), sqlx::Error> {
    point("project.record_step_failure")?;
    sqlx::query!(
        "UPDATE project_deletions SET failed_attempts = $2, last_error = $3, wake_at = clock_timestamp() + make_interval(secs => $4)
         WHERE id = $1 AND completed_at IS NULL",
        id,
        failed_attempts,
        error,
        delay.as_seconds_f64()
    )
    .execute(conn)
    .await?;
    Ok(())
}
