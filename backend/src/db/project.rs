//! Statements on `projects`. What its deletion needs stands in modules of its own.

mod deletion;
mod removal;

pub(crate) use deletion::*;
pub(crate) use removal::*;

use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::project::{Project, ProjectDraft, SigningSecrets};
use sqlx::PgConnection;
use uuid::Uuid;

/// One project, or none.
pub(crate) async fn get(conn: &mut PgConnection, id: Uuid) -> Result<Option<Project>, sqlx::Error> {
    sqlx::query_as!(
        Project,
        r#"SELECT id, name, description, execution_endpoint, undo_window_seconds, execution_days, drain_policy = 'CANCEL' AS "cancel_on_delete!", version, created_at, updated_at, deletion_requested_at
         FROM projects WHERE id = $1"#,
        id
    )
    .fetch_optional(conn)
    .await
}

/// By name, regardless of case.
pub(crate) async fn by_name(conn: &mut PgConnection, name: &str) -> Result<Option<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT id FROM projects WHERE lower(name) = lower($1)", name).fetch_optional(conn).await
}

/// The same, held as it is until the transaction ends: its deletion waits, or was waited for.
pub(crate) async fn share(conn: &mut PgConnection, id: Uuid) -> Result<Option<Project>, sqlx::Error> {
    point("project.share")?;
    sqlx::query_as!(
        Project,
        r#"SELECT id, name, description, execution_endpoint, undo_window_seconds, execution_days, drain_policy = 'CANCEL' AS "cancel_on_delete!", version, created_at, updated_at, deletion_requested_at
         FROM projects WHERE id = $1 FOR SHARE"#,
        id
    )
    .fetch_optional(conn)
    .await
}

/// The names of these projects, also of those that are gone, as long as the records of their deletions are kept.
pub(crate) async fn names(conn: &mut PgConnection, ids: &[Uuid]) -> Result<Vec<(Uuid, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT id AS "id!", name AS "name!" FROM projects WHERE id = ANY($1)
           UNION ALL SELECT project_id, project_name FROM project_deletions WHERE project_id = ANY($1) AND completed_at IS NOT NULL"#,
        ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.id, row.name)).collect())
}

/// Projects by id descending (newest first), below `before`.
pub(crate) async fn list(
    conn: &mut PgConnection,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Project>, sqlx::Error> {
    sqlx::query_as!(
        Project,
        r#"SELECT id, name, description, execution_endpoint, undo_window_seconds, execution_days, drain_policy = 'CANCEL' AS "cancel_on_delete!", version, created_at, updated_at, deletion_requested_at
         FROM projects WHERE id < coalesce($1::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid) ORDER BY id DESC LIMIT $2"#,
        before,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Projects that a person is in, as [`list`].
pub(crate) async fn list_of(
    conn: &mut PgConnection,
    user_id: Uuid,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<Project>, sqlx::Error> {
    sqlx::query_as!(
        Project,
        r#"SELECT p.id, name, description, execution_endpoint, undo_window_seconds, execution_days, drain_policy = 'CANCEL' AS "cancel_on_delete!", version, p.created_at, updated_at, deletion_requested_at
         FROM members AS m JOIN projects AS p ON p.id = m.project_id
         WHERE m.user_id = $1 AND m.project_id < coalesce($2::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid)
         ORDER BY m.project_id DESC LIMIT $3"#,
        user_id,
        before,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Writes a new project. `projects_name_unique` refuses a name that is taken.
pub(crate) async fn insert(conn: &mut PgConnection, id: Uuid, draft: &ProjectDraft) -> Result<Project, sqlx::Error> {
    sqlx::query_as!(
        Project,
        r#"INSERT INTO projects (id, name, description, execution_endpoint, undo_window_seconds, execution_days, drain_policy)
         VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $7 THEN 'CANCEL' ELSE 'WAIT' END)
         RETURNING id, name, description, execution_endpoint, undo_window_seconds, execution_days, drain_policy = 'CANCEL' AS "cancel_on_delete!", version, created_at, updated_at, deletion_requested_at"#,
        id,
        draft.name,
        draft.description,
        draft.execution_endpoint,
        draft.undo_window_seconds,
        draft.execution_days,
        draft.cancel_on_delete
    )
    .fetch_one(conn)
    .await
}

/// Replaces a project that still has `version`; none when it has not.
pub(crate) async fn update(
    conn: &mut PgConnection,
    id: Uuid,
    version: i64,
    draft: &ProjectDraft,
) -> Result<Option<Project>, sqlx::Error> {
    sqlx::query_as!(
        Project,
        r#"UPDATE projects SET name = $3, description = $4, execution_endpoint = $5, undo_window_seconds = $6, execution_days = $7,
                drain_policy = CASE WHEN $8 THEN 'CANCEL' ELSE 'WAIT' END, version = version + 1, updated_at = now()
         WHERE id = $1 AND version = $2
         RETURNING id, name, description, execution_endpoint, undo_window_seconds, execution_days, drain_policy = 'CANCEL' AS "cancel_on_delete!", version, created_at, updated_at, deletion_requested_at"#,
        id,
        version,
        draft.name,
        draft.description,
        draft.execution_endpoint,
        draft.undo_window_seconds,
        draft.execution_days,
        draft.cancel_on_delete
    )
    .fetch_optional(conn)
    .await
}

/// Tasks of a project by status, counted up to `cap` each: never a scan.
pub(crate) async fn count_by_status(
    conn: &mut PgConnection,
    id: Uuid,
    cap: i64,
) -> Result<Vec<(String, i64)>, sqlx::Error> {
    let rows = sqlx::query!(
        r#"SELECT s.status AS "status!", (SELECT count(*) FROM (SELECT 1 FROM tasks
                  WHERE project_id = $1 AND status = s.status LIMIT $2) AS few) AS "count!"
           FROM unnest(ARRAY['ACTIVE', 'DISABLED', 'PENDING_DELETE', 'DELETE_FAILED']) AS s(status)"#,
        id,
        cap
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.status, row.count)).collect())
}

/// The undo window of a project that has one of its own, in seconds; 0 in one that is being deleted.
pub(crate) async fn undo_window(conn: &mut PgConnection, id: Uuid) -> Result<Option<i32>, sqlx::Error> {
    point("project.undo_window")?;
    let window = sqlx::query_scalar!(
        "SELECT CASE WHEN deletion_id IS NULL THEN undo_window_seconds ELSE 0 END FROM projects WHERE id = $1",
        id
    )
    .fetch_optional(conn)
    .await?;
    Ok(window.flatten())
}

/// When the drain of a task's calls ends: at once where the project says CANCEL, else after `seconds`.
pub(crate) async fn drain_until(
    conn: &mut PgConnection,
    id: Uuid,
    fenced_at: DateTime<Utc>,
    seconds: i32,
) -> Result<DateTime<Utc>, sqlx::Error> {
    let cancel = sqlx::query_scalar!("SELECT drain_policy = 'CANCEL' AS cancel FROM projects WHERE id = $1", id)
        .fetch_optional(conn)
        .await?;
    let wait = if cancel.flatten() == Some(true) { 0 } else { seconds };
    Ok(fenced_at + chrono::TimeDelta::seconds(wait.into()))
}

/// The secrets that calls of a project are signed with: the present one, and the one before it while it is being replaced.
pub(crate) async fn secrets(conn: &mut PgConnection, id: Uuid) -> Result<Option<SigningSecrets>, sqlx::Error> {
    let secrets = sqlx::query_as!(
        SigningSecrets,
        "SELECT signing_secret AS secret, previous_signing_secret AS previous FROM projects WHERE id = $1",
        id
    );
    secrets.fetch_optional(conn).await
}

/// Makes a new secret as the table's default does; the present one becomes the previous one.
pub(crate) async fn rotate_secret(conn: &mut PgConnection, id: Uuid) -> Result<Option<SigningSecrets>, sqlx::Error> {
    let secrets = sqlx::query_as!(
        SigningSecrets,
        "UPDATE projects SET previous_signing_secret = signing_secret, signing_secret = DEFAULT WHERE id = $1
         RETURNING signing_secret AS secret, previous_signing_secret AS previous",
        id
    );
    secrets.fetch_optional(conn).await
}

/// Forgets the previous secret: calls are signed with the present one alone.
pub(crate) async fn forget_previous_secret(
    conn: &mut PgConnection,
    id: Uuid,
) -> Result<Option<SigningSecrets>, sqlx::Error> {
    let secrets = sqlx::query_as!(
        SigningSecrets,
        "UPDATE projects SET previous_signing_secret = NULL WHERE id = $1
         RETURNING signing_secret AS secret, previous_signing_secret AS previous",
        id
    );
    secrets.fetch_optional(conn).await
}
