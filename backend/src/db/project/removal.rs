//! Statements that remove what hangs on a project whose tasks are gone, and at last the project.
//!
//! A table that refers to projects has its rows removed here, or by its foreign key; a test looks at all of them.

use crate::db::deletion::DeletionRow;
use crate::faults::point;
use domain::project::ProjectDeletionPreview;
use sqlx::PgConnection;
use uuid::Uuid;

/// Deletions of tasks of this project that wait for the end of their undo window are due now, up to `limit`; answers them.
/// None of a project that goes can be undone.
pub(crate) async fn hasten(
    conn: &mut PgConnection,
    project_id: Uuid,
    project_deletion_id: Uuid,
    limit: i64,
) -> Result<Vec<DeletionRow>, sqlx::Error> {
    point("project.hasten")?;
    let hasten = "UPDATE deletions SET undo_until = now(), wake_at = now(), project_deletion_id = $2
         WHERE id IN (SELECT id FROM deletions WHERE completed_at IS NULL AND state = 'SCHEDULED' AND project_id = $1 AND wake_at > now()
                      ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING *";
    sqlx::query_as(hasten).bind(project_id).bind(project_deletion_id).bind(limit).fetch_all(conn).await
}

/// What there is in a project, each counted up to `cap`: never a scan.
pub(crate) async fn count_all(
    conn: &mut PgConnection,
    id: Uuid,
    cap: i64,
) -> Result<ProjectDeletionPreview, sqlx::Error> {
    sqlx::query_as!(
        ProjectDeletionPreview,
        r#"SELECT (SELECT count(*) FROM (SELECT FROM tasks WHERE project_id = $1 LIMIT $2) AS few) AS "tasks!",
                  (SELECT count(*) FROM (SELECT FROM tasks WHERE project_id = $1 AND status = 'ACTIVE' LIMIT $2) AS few) AS "active!",
                  (SELECT count(*) FROM (SELECT FROM executions WHERE project_id = $1 LIMIT $2) AS few) AS "executions!",
                  (SELECT count(*) FROM (SELECT FROM tasks t CROSS JOIN LATERAL
                      (SELECT FROM in_flight WHERE task_id = t.id OFFSET 0) AS f WHERE t.project_id = $1 LIMIT $2) AS few) AS "in_flight!",
                  (SELECT count(*) FROM (SELECT FROM executions WHERE project_id = $1 AND status IN ('PENDING', 'RETRY_WAIT') LIMIT $2) AS few) AS "waiting!",
                  (SELECT count(*) FROM (SELECT FROM task_groups WHERE project_id = $1 LIMIT $2) AS few) AS "task_groups!",
                  (SELECT count(*) FROM (SELECT FROM api_keys WHERE project_id = $1 LIMIT $2) AS few) AS "api_keys!""#,
        id,
        cap
    )
    .fetch_one(conn)
    .await
}

/// Whether the project still has a task.
pub(crate) async fn has_tasks(conn: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM tasks WHERE project_id = $1) AS "has!""#, id)
        .fetch_one(conn)
        .await
}

/// Removes up to `limit` alerts, up to as many groups, and counts of ends; answers the largest number, which is `limit` where
/// there may be more. What went is added to the record.
pub(crate) async fn remove_some(conn: &mut PgConnection, id: Uuid, limit: i64) -> Result<i64, sqlx::Error> {
    point("project.remove_some")?;
    sqlx::query_scalar!(
        r#"WITH alerts_gone AS (DELETE FROM alerts WHERE id IN (SELECT id FROM alerts WHERE project_id = $1 ORDER BY id LIMIT $2) RETURNING 1),
           groups_gone AS (DELETE FROM task_groups WHERE id IN (SELECT id FROM task_groups WHERE project_id = $1 LIMIT $2) RETURNING 1),
           counts_gone AS (DELETE FROM execution_counts WHERE (subject, bucket, session) IN (
                SELECT subject, bucket, session FROM execution_counts WHERE subject = $1 LIMIT $2) RETURNING 1),
           gone AS (SELECT (SELECT count(*) FROM alerts_gone) AS alerts, (SELECT count(*) FROM groups_gone) AS groups,
                           (SELECT count(*) FROM counts_gone) AS counts),
           noted AS (UPDATE project_deletions SET alerts_removed = alerts_removed + gone.alerts, groups_removed = groups_removed + gone.groups
                     FROM gone WHERE project_id = $1)
           SELECT greatest(alerts, groups, counts) AS "most!" FROM gone"#,
        id,
        limit
    )
    .fetch_one(conn)
    .await
}

/// Removes the project with its keys and settings, and completes the record; answers whether the project was still there.
pub(crate) async fn remove(conn: &mut PgConnection, id: Uuid) -> Result<bool, sqlx::Error> {
    point("project.remove")?;
    let done = sqlx::query!(
        "WITH keys AS (DELETE FROM api_keys WHERE project_id = $1 RETURNING 1),
           troubles AS (DELETE FROM task_troubles WHERE project_id = $1),
           settings AS (DELETE FROM alert_settings WHERE project_id = $1),
           noted AS (UPDATE project_deletions SET keys_removed = (SELECT count(*) FROM keys), completed_at = clock_timestamp(),
                            failed_attempts = 0, last_error = NULL
                     WHERE project_id = $1 AND completed_at IS NULL)
         DELETE FROM projects WHERE id = $1",
        id
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Removes up to `limit` records that are older than `days`; answers how many went.
pub(crate) async fn purge_deletions(conn: &mut PgConnection, days: i32, limit: i64) -> Result<u64, sqlx::Error> {
    let done = sqlx::query!(
        "DELETE FROM project_deletions WHERE id IN (SELECT id FROM project_deletions
         WHERE completed_at IS NOT NULL AND completed_at < now() - make_interval(days => $1) ORDER BY completed_at LIMIT $2)",
        days,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
