//! Statements on runs that wait for their task group to open.

use super::end::{Changed, ChangedRow};
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// What a run says while it waits for its group.
const WAITS: &str = "It waits for its task group to open.";

/// Has runs that have not started wait until these moments. Their tasks are locked.
pub(crate) async fn hold(conn: &mut PgConnection, held: &[(Uuid, DateTime<Utc>)]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE executions e SET held_until = u.until, retry_at = CASE WHEN e.status = 'RETRY_WAIT' THEN u.until END,
                error = CASE WHEN e.held_until IS NULL THEN concat_ws(' ', e.error, $3::text) ELSE e.error END
         FROM unnest($1::uuid[], $2::timestamptz[]) AS u(id, until)
         WHERE e.id = u.id AND e.status IN ('PENDING', 'RETRY_WAIT')",
        &held.iter().map(|held| held.0).collect::<Vec<_>>(),
        &held.iter().map(|held| held.1).collect::<Vec<_>>(),
        WAITS
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends runs that have waited for their group as long as they may, each with its reason. Their tasks are locked.
pub(crate) async fn end_held(conn: &mut PgConnection, over: &[(Uuid, String)]) -> Result<Vec<Changed>, sqlx::Error> {
    let reasons: Vec<String> = over.iter().map(|over| over.1.clone()).collect();
    let rows = sqlx::query_as!(
        ChangedRow,
        "UPDATE executions e SET status = CASE WHEN e.status = 'RETRY_WAIT' THEN 'FAILED' ELSE 'SKIPPED' END,
                finished_at = clock_timestamp(), retry_at = NULL, held_until = NULL,
                error = concat_ws(' ', nullif(btrim(replace(e.error, $3, '')), ''), u.reason)
         FROM unnest($1::uuid[], $2::text[]) AS u(id, reason)
         WHERE e.id = u.id AND e.status IN ('PENDING', 'RETRY_WAIT')
         RETURNING e.id, e.task_id, e.project_id, e.status, e.finished_at",
        &over.iter().map(|over| over.0).collect::<Vec<_>>(),
        &reasons,
        WAITS
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Changed::try_from).collect()
}

/// Has the runs of these tasks that wait for their group looked at again at once: the group has changed, or they have left it.
pub(crate) async fn look_again(conn: &mut PgConnection, task_ids: &[Uuid]) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE executions SET held_until = now(), retry_at = CASE WHEN status = 'RETRY_WAIT' THEN now() END
         WHERE task_id = ANY($1) AND status IN ('PENDING', 'RETRY_WAIT') AND held_until IS NOT NULL",
        task_ids
    )
    .execute(conn)
    .await?;
    Ok(())
}
