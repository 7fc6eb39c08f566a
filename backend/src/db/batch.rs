//! Statements that accept many deletions at once: the same as for one (`task::lock`, `task::fence`, `deletion::insert`), each
//! over a set. Called by `tasks::delete_many` in this order.

use super::deletion::DeletionRow;
use super::task::LockedTask;
use super::text;
use crate::faults::point;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// Locks these tasks of a project, as far as they exist; in the order of their ids, so that two batches never deadlock.
pub(crate) async fn lock(
    conn: &mut PgConnection,
    project_id: Uuid,
    ids: &[Uuid],
) -> Result<Vec<(Uuid, LockedTask)>, sqlx::Error> {
    point("task.lock")?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, name, status, version, deletion_id, now() AS "now!" FROM tasks
           WHERE id = ANY($1) AND project_id = $2 ORDER BY id FOR NO KEY UPDATE"#,
        ids,
        project_id
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::locked).collect()
}

/// Locks all tasks of a group that is locked, in the same order.
pub(crate) async fn lock_group(
    conn: &mut PgConnection,
    group_id: Uuid,
) -> Result<Vec<(Uuid, LockedTask)>, sqlx::Error> {
    point("task.lock")?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, name, status, version, deletion_id, now() AS "now!" FROM tasks
           WHERE task_group_id = $1 ORDER BY id FOR NO KEY UPDATE"#,
        group_id
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::locked).collect()
}

/// Locks up to `limit` tasks of a project that are not being deleted yet, whose ids are above `after`, in the same order.
pub(crate) async fn lock_next(
    conn: &mut PgConnection,
    project_id: Uuid,
    after: Uuid,
    limit: i64,
) -> Result<Vec<(Uuid, LockedTask)>, sqlx::Error> {
    point("task.lock")?;
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT id, name, status, version, deletion_id, now() AS "now!" FROM tasks
           WHERE id = ANY (array(
                    SELECT id FROM ((SELECT id FROM tasks WHERE project_id = $1 AND status = 'ACTIVE' AND id > $2 ORDER BY id LIMIT $3)
                          UNION ALL (SELECT id FROM tasks WHERE project_id = $1 AND status = 'DISABLED' AND id > $2 ORDER BY id LIMIT $3)) AS few
                    ORDER BY id LIMIT $3))
             AND status IN ('ACTIVE', 'DISABLED') ORDER BY id FOR NO KEY UPDATE"#,
        project_id,
        after,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Row::locked).collect()
}

struct Row {
    id: Uuid,
    name: String,
    status: String,
    version: i64,
    deletion_id: Option<Uuid>,
    now: DateTime<Utc>,
}

impl Row {
    fn locked(self) -> Result<(Uuid, LockedTask), sqlx::Error> {
        let Self { id, name, status, version, deletion_id, now } = self;
        Ok((id, LockedTask { name, status: text("status", &status)?, version, deletion_id, now }))
    }
}

/// What the accepting transaction writes of each task: the columns of one table, so that one statement takes them all.
#[derive(Default)]
pub(crate) struct NewDeletions {
    pub ids: Vec<Uuid>,
    pub task_ids: Vec<Uuid>,
    pub task_names: Vec<String>,
    pub previous: Vec<String>,
    pub versions: Vec<i64>,
}

/// The accepting write and the fence; `leaves_group` where their group goes, too. The rows are locked and have the statuses that
/// were read.
pub(crate) async fn fence(
    conn: &mut PgConnection,
    new: &NewDeletions,
    to: &str,
    leaves_group: bool,
) -> Result<(), sqlx::Error> {
    point("task.fence")?;
    sqlx::query!(
        "WITH fenced AS (DELETE FROM task_schedules WHERE task_id = ANY($1))
         UPDATE tasks t SET status = $4, deletion_id = n.deletion_id, version = version + 1, updated_at = now(), status_changed_at = now(),
                task_group_id = CASE WHEN $5 THEN NULL ELSE task_group_id END
         FROM unnest($1::uuid[], $2::uuid[], $3::text[]) AS n(id, deletion_id, previous) WHERE t.id = n.id AND t.status = n.previous",
        &new.task_ids,
        &new.ids,
        &new.previous,
        to,
        leaves_group
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Who asked for a batch, and when.
pub(crate) struct Request<'a> {
    pub project_id: Uuid,
    pub requested_by: &'a str,
    pub request_id: Option<&'a str>,
    pub now: DateTime<Utc>,
    pub undo_until: DateTime<Utc>,
    pub max_attempts: i32,
    /// The deletion of the project that they go with.
    pub project_deletion_id: Option<Uuid>,
}

/// Writes the records, each with the exact list of what is in flight: this statement comes after the fence, so it sees a claim
/// that has just committed.
pub(crate) async fn insert(
    conn: &mut PgConnection,
    new: &NewDeletions,
    request: &Request<'_>,
) -> Result<Vec<DeletionRow>, sqlx::Error> {
    point("deletion.insert")?;
    sqlx::query_as(
        "INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, request_id, requested_at, fenced_at,
                                previous_status, seen_version, in_flight, undo_until, wake_at, max_attempts, project_deletion_id, state, step)
         SELECT n.id, n.task_id, n.name, $6, $7, $8, $9, $9, n.previous, n.version,
                array(SELECT e.id FROM executions e WHERE e.task_id = n.task_id AND e.status = 'RUNNING'
                      UNION ALL
                      SELECT e.id FROM executions e WHERE e.task_id = n.task_id AND e.finished_at IS NOT NULL
                                                      AND e.node IS NOT NULL AND e.lease_until > now()
                      ORDER BY 1),
                $10, $10, $11, $12, 'SCHEDULED', 'drain'
         FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::bigint[]) AS n(id, task_id, name, previous, version)
         RETURNING *",
    )
    .bind(&new.ids)
    .bind(&new.task_ids)
    .bind(&new.task_names)
    .bind(&new.previous)
    .bind(&new.versions)
    .bind(request.project_id)
    .bind(request.requested_by)
    .bind(request.request_id)
    .bind(request.now)
    .bind(request.undo_until)
    .bind(request.max_attempts)
    .bind(request.project_deletion_id)
    .fetch_all(conn)
    .await
}

/// Writes the event of each.
pub(crate) async fn announce(
    conn: &mut PgConnection,
    kind: &str,
    new: &NewDeletions,
    project_id: Uuid,
) -> Result<(), sqlx::Error> {
    point("outbox.insert")?;
    let events: Vec<Uuid> = new.ids.iter().map(|_| Uuid::now_v7()).collect();
    sqlx::query!(
        "INSERT INTO events (id, kind, project_id, task_uuid, payload)
         SELECT n.event, $6, $7, n.task_id, jsonb_build_object('deletion_id', n.id, 'name', n.name, 'version', n.version + 1)
         FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::bigint[]) AS n(event, id, task_id, name, version)",
        &events,
        &new.ids,
        &new.task_ids,
        &new.task_names,
        &new.versions,
        kind,
        project_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which of these tasks are gone from this project and have a receipt.
pub(crate) async fn receipts(
    conn: &mut PgConnection,
    project_id: Uuid,
    task_ids: &[Uuid],
) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT task_id FROM deletions
         WHERE task_id = ANY($1) AND project_id = $2 AND completed_at IS NOT NULL AND state = 'SUCCEEDED'",
        task_ids,
        project_id
    )
    .fetch_all(conn)
    .await
}
