//! Statements on `audit`.

use super::text;
use crate::Actor;
use crate::audit::Subject;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::audit::{AuditAction, AuditEntry};
use sqlx::PgConnection;
use uuid::Uuid;

pub(crate) struct AuditRow {
    pub id: Uuid,
    at: DateTime<Utc>,
    project_id: Option<Uuid>,
    actor_kind: String,
    actor_id: Option<Uuid>,
    actor: String,
    address: Option<String>,
    request_id: Option<String>,
    action: String,
    subject_id: Option<Uuid>,
    detail: Option<String>,
}

impl TryFrom<AuditRow> for AuditEntry {
    type Error = sqlx::Error;
    fn try_from(row: AuditRow) -> Result<Self, sqlx::Error> {
        Ok(Self {
            id: row.id,
            at: row.at,
            project_id: row.project_id,
            actor_kind: text("actor_kind", &row.actor_kind)?,
            actor_id: row.actor_id,
            actor: row.actor,
            address: row.address,
            request_id: row.request_id,
            action: text("action", &row.action)?,
            subject_id: row.subject_id,
            detail: row.detail,
        })
    }
}

/// Writes one line.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    actor: &Actor,
    action: AuditAction,
    subject: &Subject<'_>,
) -> Result<(), sqlx::Error> {
    insert_many(conn, actor, action, subject, &[subject.id.unwrap_or_default()]).await
}

/// Writes one line for each of these things, which `subject` says the rest about.
pub(crate) async fn insert_many(
    conn: &mut PgConnection,
    actor: &Actor,
    action: AuditAction,
    subject: &Subject<'_>,
    subjects: &[Uuid],
) -> Result<(), sqlx::Error> {
    point("audit.insert")?;
    let ids: Vec<Uuid> = subjects.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query!(
        "INSERT INTO audit (id, project_id, actor_kind, actor_id, actor, address, request_id, action, subject_id, detail)
         SELECT id, $2, $3, $4, $5, $6, $7, $8, nullif(subject, '00000000-0000-0000-0000-000000000000'), $10
         FROM unnest($1::uuid[], $9::uuid[]) AS line(id, subject)",
        &ids,
        subject.project_id,
        actor.kind.as_str(),
        actor.id,
        actor.name,
        actor.address,
        actor.request_id,
        action.as_str(),
        subjects,
        subject.detail
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Lines of a project, or of all, by id descending (newest first), below `before`.
pub(crate) async fn list(
    conn: &mut PgConnection,
    project_id: Option<Uuid>,
    before: Option<Uuid>,
    limit: i64,
) -> Result<Vec<AuditRow>, sqlx::Error> {
    let before = before.unwrap_or(Uuid::max());
    match project_id {
        Some(project_id) => {
            sqlx::query_as!(
                AuditRow,
                "SELECT id, at, project_id, actor_kind, actor_id, actor, address, request_id, action, subject_id, detail
                 FROM audit WHERE project_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3",
                project_id,
                before,
                limit
            )
            .fetch_all(conn)
            .await
        }
        None => {
            sqlx::query_as!(
                AuditRow,
                "SELECT id, at, project_id, actor_kind, actor_id, actor, address, request_id, action, subject_id, detail
                 FROM audit WHERE id < $1 ORDER BY id DESC LIMIT $2",
                before,
                limit
            )
            .fetch_all(conn)
            .await
        }
    }
}

/// Removes up to `limit` lines that are older than `days`, oldest first; returns how many. Ids begin with the moment at which
/// they were made, so the oldest are found by the primary key.
pub(crate) async fn purge(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM audit WHERE id IN (SELECT id FROM (SELECT id, at FROM audit ORDER BY id LIMIT $2) AS oldest
         WHERE at < now() - make_interval(days => $1))",
        days,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
