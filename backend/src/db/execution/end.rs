//! Statements that end executions or keep them alive: leases, answers, what nobody looks after any more.

use crate::db::text;
use crate::faults::point;
use chrono::{DateTime, Utc};
use domain::execution::ExecutionStatus;
use sqlx::PgConnection;
use uuid::Uuid;

/// What became of one call. RUNNING: the answer was good and a callback will end it.
pub(crate) struct Ended {
    pub id: Uuid,
    /// Which attempt it was, and how often it was held up before: together they name one call.
    pub attempt: i32,
    pub held_up: i32,
    /// Nothing was sent: with `retry_at`, the same attempt is made then.
    pub is_held_up: bool,
    pub status: ExecutionStatus,
    pub error: Option<String>,
    pub response: Option<serde_json::Value>,
    /// Instead of FAILED: try again then, if the task is still ACTIVE.
    pub retry_at: Option<DateTime<Utc>>,
    /// With RUNNING: how long the callback may take from the start of the attempt.
    pub timeout_seconds: i32,
}

/// An execution that has changed.
pub(crate) struct Changed {
    pub id: Uuid,
    pub task_id: Uuid,
    pub project_id: Uuid,
    pub status: ExecutionStatus,
    pub finished_at: Option<DateTime<Utc>>,
}

pub(super) struct ChangedRow {
    pub id: Uuid,
    pub task_id: Uuid,
    pub project_id: Uuid,
    pub status: String,
    pub finished_at: Option<DateTime<Utc>>,
}

impl TryFrom<ChangedRow> for Changed {
    type Error = sqlx::Error;
    fn try_from(row: ChangedRow) -> Result<Self, sqlx::Error> {
        let status = text("status", &row.status)?;
        let ChangedRow { id, task_id, project_id, finished_at, .. } = row;
        Ok(Self { id, task_id, project_id, status, finished_at })
    }
}

fn changed(rows: Vec<ChangedRow>) -> Result<Vec<Changed>, sqlx::Error> {
    rows.into_iter().map(Changed::try_from).collect()
}

/// Writes what became of calls of this node. One that was ended otherwise meanwhile, or whose lease another node took over,
/// stays as it is.
pub(crate) async fn finish(conn: &mut PgConnection, node: &str, ended: &[Ended]) -> Result<Vec<Changed>, sqlx::Error> {
    point("execution.finish")?;
    let ids: Vec<Uuid> = ended.iter().map(|ended| ended.id).collect();
    let attempts: Vec<i32> = ended.iter().map(|ended| ended.attempt).collect();
    let held_up: Vec<i32> = ended.iter().map(|ended| ended.held_up).collect();
    let are_held_up: Vec<bool> = ended.iter().map(|ended| ended.is_held_up).collect();
    let statuses: Vec<String> = ended.iter().map(|ended| ended.status.as_str().to_owned()).collect();
    let errors: Vec<Option<String>> = ended.iter().map(|ended| ended.error.clone()).collect();
    let responses: Vec<Option<serde_json::Value>> = ended.iter().map(|ended| ended.response.clone()).collect();
    let retries: Vec<Option<DateTime<Utc>>> = ended.iter().map(|ended| ended.retry_at).collect();
    let timeouts: Vec<i32> = ended.iter().map(|ended| ended.timeout_seconds).collect();
    let rows = sqlx::query_as!(
        ChangedRow,
        r#"WITH ended AS (
             SELECT u.*, CASE WHEN u.retry_at IS NULL OR t.status = 'ACTIVE' THEN u.retry_at END AS again_at
             FROM unnest($2::uuid[], $3::int[], $4::text[], $5::text[], $6::jsonb[], $7::timestamptz[], $8::int[],
                         $9::int[], $10::bool[])
                  AS u(id, attempt, status, error, response, retry_at, timeout_seconds, held_up, is_held_up)
             JOIN executions x ON x.id = u.id JOIN tasks t ON t.id = x.task_id)
           UPDATE executions e SET
               status = CASE WHEN u.again_at IS NOT NULL THEN 'RETRY_WAIT' ELSE u.status END,
               retry_at = u.again_at,
               finished_at = CASE WHEN u.again_at IS NULL AND u.status <> 'RUNNING' THEN clock_timestamp() END,
               node = CASE WHEN u.status = 'RUNNING' THEN NULL ELSE e.node END,
               lease_until = CASE WHEN u.status = 'RUNNING' THEN e.started_at + make_interval(secs => u.timeout_seconds) END,
               held_up = CASE WHEN u.is_held_up THEN u.held_up + 1 ELSE 0 END,
               error = u.error, response = u.response
           FROM ended u
           WHERE e.id = u.id AND e.attempt = u.attempt AND e.held_up = u.held_up AND e.node = $1 AND e.status = 'RUNNING'
           RETURNING e.id, e.task_id, e.project_id, e.status, e.finished_at"#,
        node,
        &ids,
        &attempts,
        &statuses,
        &errors as &[Option<String>],
        &responses as &[Option<serde_json::Value>],
        &retries as &[Option<DateTime<Utc>>],
        &timeouts,
        &held_up,
        &are_held_up
    )
    .fetch_all(conn)
    .await?;
    changed(rows)
}

/// Keeps the answers of calls whose execution was ended by a callback before the answer came. Their calls are over, so their
/// leases end: a deletion does not list them any more.
pub(crate) async fn keep_answers(conn: &mut PgConnection, node: &str, ended: &[&Ended]) -> Result<(), sqlx::Error> {
    point("execution.keep_answers")?;
    let ids: Vec<Uuid> = ended.iter().map(|ended| ended.id).collect();
    let attempts: Vec<i32> = ended.iter().map(|ended| ended.attempt).collect();
    let responses: Vec<Option<serde_json::Value>> = ended.iter().map(|ended| ended.response.clone()).collect();
    sqlx::query!(
        "UPDATE executions e SET response = coalesce(e.response, u.response), lease_until = NULL
         FROM unnest($1::uuid[], $2::int[], $3::jsonb[]) AS u(id, attempt, response)
         WHERE e.id = u.id AND e.attempt = u.attempt AND e.node = $4 AND e.status IN ('SUCCESS', 'FAILED')",
        &ids,
        &attempts,
        &responses as &[Option<serde_json::Value>],
        node
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Shows a sign of life for the calls of this node. Answers those that are still its own: the others were cancelled, ended,
/// or taken over. One that somebody is changing just now is left to him: to wait here while the same node writes ends, in
/// another order, would be a deadlock.
pub(crate) async fn renew(
    conn: &mut PgConnection,
    ids: &[Uuid],
    node: &str,
    lease_seconds: i32,
) -> Result<Vec<Uuid>, sqlx::Error> {
    point("execution.renew")?;
    sqlx::query_scalar!(
        "WITH renewed AS (
             UPDATE executions SET lease_until = now() + make_interval(secs => $3)
             WHERE id IN (SELECT id FROM executions WHERE id = ANY($1) AND node = $2 AND status = 'RUNNING'
                          FOR NO KEY UPDATE SKIP LOCKED))
         SELECT id FROM executions WHERE id = ANY($1) AND node = $2 AND status IN ('RUNNING', 'SUCCESS', 'FAILED')",
        ids,
        node,
        f64::from(lease_seconds)
    )
    .fetch_all(conn)
    .await
}

/// Those of the calls of this node that are still its own; also those that a callback has ended before the answer: it may come.
pub(crate) async fn still_own(conn: &mut PgConnection, ids: &[Uuid], node: &str) -> Result<Vec<Uuid>, sqlx::Error> {
    sqlx::query_scalar!(
        "SELECT id FROM executions WHERE id = ANY($1) AND node = $2 AND status IN ('RUNNING', 'SUCCESS', 'FAILED')",
        ids,
        node
    )
    .fetch_all(conn)
    .await
}

/// Takes up to `limit` executions whose sign of life or callback did not come. One of an ACTIVE task is tried again, with
/// the same id; a node's death counts as an attempt, but `spare` more are allowed for it. Of any other task it ends.
pub(crate) async fn rescue(conn: &mut PgConnection, limit: i64, spare: i32) -> Result<Vec<Changed>, sqlx::Error> {
    point("execution.rescue")?;
    let rows = sqlx::query_as!(
        ChangedRow,
        r#"WITH lost AS (
             SELECT e.id, e.node IS NULL AS awaited,
                    t.status = 'ACTIVE' AND e.attempt < t.max_attempts + CASE WHEN e.node IS NULL THEN 0 ELSE $2 END AS again,
                    CASE WHEN e.node IS NULL THEN format('No callback came within %s s.', t.timeout_seconds)
                         ELSE format('The node that ran it (%s) shows no sign of life.', e.node) END
                    || CASE WHEN t.status IN ('PENDING_DELETE', 'DELETE_FAILED') THEN ' It is not tried again: the task is being deleted.'
                            WHEN t.status = 'DISABLED' THEN ' It is not tried again: the task is disabled.' ELSE '' END AS reason
             FROM executions e JOIN tasks t ON t.id = e.task_id
             WHERE e.status = 'RUNNING' AND e.lease_until < now()
             ORDER BY e.lease_until LIMIT $1 FOR UPDATE OF e SKIP LOCKED)
           UPDATE executions e SET status = CASE WHEN again THEN 'RETRY_WAIT' ELSE 'FAILED' END,
                  retry_at = CASE WHEN again THEN clock_timestamp() END,
                  finished_at = CASE WHEN again THEN NULL ELSE clock_timestamp() END,
                  lease_until = NULL, held_up = 0, error = reason
           FROM lost WHERE e.id = lost.id
           RETURNING e.id, e.task_id, e.project_id, e.status, e.finished_at"#,
        limit,
        spare
    )
    .fetch_all(conn)
    .await?;
    changed(rows)
}

/// Cancels up to `limit` attempts that are due and may not begin: the call failed in the moment in which its task was disabled
/// or its deletion accepted. Nobody else would end them.
pub(crate) async fn cancel_stranded(conn: &mut PgConnection, limit: i64) -> Result<Vec<Changed>, sqlx::Error> {
    let rows = sqlx::query_as!(
        ChangedRow,
        "UPDATE executions SET status = 'CANCELLED', finished_at = clock_timestamp(), retry_at = NULL,
                error = 'Cancelled before its next attempt: the task is not active.'
         WHERE id IN (SELECT e.id FROM executions e JOIN tasks t ON t.id = e.task_id
                      WHERE e.status = 'RETRY_WAIT' AND e.retry_at <= now() AND t.status <> 'ACTIVE'
                      LIMIT $1 FOR UPDATE OF e SKIP LOCKED)
         RETURNING id, task_id, project_id, status, finished_at",
        limit
    )
    .fetch_all(conn)
    .await?;
    changed(rows)
}

/// Hands back what this node can no longer look after: the others take it at once.
pub(crate) async fn abandon(conn: &mut PgConnection, ids: &[Uuid], node: &str) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "UPDATE executions SET lease_until = clock_timestamp() WHERE id = ANY($1) AND node = $2 AND status = 'RUNNING'",
        ids,
        node
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ends an execution as its client says, whoever makes its call; answers none when it has ended meanwhile. The lease of a
/// node stays: until it runs out the node may send a call of it, which a deletion must list.
pub(crate) async fn end_as_reported(
    conn: &mut PgConnection,
    id: Uuid,
    status: ExecutionStatus,
    error: Option<&str>,
) -> Result<Option<Changed>, sqlx::Error> {
    point("execution.end_as_reported")?;
    let row = sqlx::query_as!(
        ChangedRow,
        "UPDATE executions SET status = $2, finished_at = clock_timestamp(), retry_at = NULL, error = $3,
                lease_until = CASE WHEN node IS NOT NULL THEN lease_until END
         WHERE id = $1 AND status IN ('PENDING', 'RUNNING', 'RETRY_WAIT')
         RETURNING id, task_id, project_id, status, finished_at",
        id,
        status.as_str(),
        error
    )
    .fetch_optional(conn)
    .await?;
    row.map(Changed::try_from).transpose()
}
