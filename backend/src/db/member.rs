//! Statements on `members`.

use super::text;
use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::account::Member;
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) struct MemberRow {
    user_id: Uuid,
    email: String,
    role: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<MemberRow> for Member {
    type Error = sqlx::Error;
    fn try_from(row: MemberRow) -> Result<Self, sqlx::Error> {
        let role = text("role", &row.role)?;
        Ok(Self { user_id: row.user_id, email: row.email, role, created_at: row.created_at })
    }
}

/// What a person is in a project.
pub(crate) async fn role(
    conn: &mut PgConnection,
    project_id: Uuid,
    user_id: Uuid,
) -> Result<Option<Role>, sqlx::Error> {
    let role =
        sqlx::query_scalar!("SELECT role FROM members WHERE project_id = $1 AND user_id = $2", project_id, user_id)
            .fetch_optional(conn)
            .await?;
    role.map(|role| text("role", &role)).transpose()
}

/// The projects that a person is in.
pub(crate) async fn projects(conn: &mut PgConnection, user_id: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!("SELECT project_id FROM members WHERE user_id = $1", user_id).fetch_all(conn).await
}

/// The people of a project by id, above `after`.
pub(crate) async fn list(
    conn: &mut PgConnection,
    project_id: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<MemberRow>, sqlx::Error> {
    sqlx::query_as!(
        MemberRow,
        "SELECT m.user_id, u.email, m.role, m.created_at FROM members AS m JOIN users AS u ON u.id = m.user_id
         WHERE m.project_id = $1 AND m.user_id > $2 ORDER BY m.user_id LIMIT $3",
        project_id,
        after,
        limit
    )
    .fetch_all(conn)
    .await
}

/// Locks the administrators of a project who may sign in, and says who they are.
pub(crate) async fn lock_admins(conn: &mut PgConnection, project_id: Uuid) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT m.user_id FROM members AS m JOIN users AS u ON u.id = m.user_id AND u.disabled_at IS NULL
         WHERE m.project_id = $1 AND m.role = 'admin' ORDER BY m.user_id FOR UPDATE OF m",
        project_id
    )
    .fetch_all(conn)
    .await
}

/// Adds a person, or changes what they are.
pub(crate) async fn put(
    conn: &mut PgConnection,
    project_id: Uuid,
    user_id: Uuid,
    role: Role,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "INSERT INTO members (project_id, user_id, role) VALUES ($1, $2, $3)
         ON CONFLICT (project_id, user_id) DO UPDATE SET role = excluded.role",
        project_id,
        user_id,
        role.as_str()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Removes a person; answers whether they were in the project.
pub(crate) async fn delete(conn: &mut PgConnection, project_id: Uuid, user_id: Uuid) -> Result<bool, sqlx::Error> {
    let done = sqlx::query!("DELETE FROM members WHERE project_id = $1 AND user_id = $2", project_id, user_id)
        .execute(conn)
        .await?;
    Ok(done.rows_affected() == 1)
}
