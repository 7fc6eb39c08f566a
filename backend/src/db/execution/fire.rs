//! Statements that start executions: what a claim records, what waited, what a dead node left behind.
//!
//! Invariant: what waits becomes RUNNING only in a transaction that holds the row of its task, which is ACTIVE. `FOR NO KEY
//! UPDATE` conflicts with the accepting transaction of a deletion; `FOR KEY SHARE` would not, and be a hole.

use crate::faults::point;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// What a call needs, read when its execution becomes RUNNING.
#[derive(Debug)]
pub(crate) struct CallRow {
    pub execution_id: Uuid,
    pub task_id: Uuid,
    pub project_id: Uuid,
    pub task_name: String,
    pub scheduled_at: DateTime<Utc>,
    pub created_at: DateTime<Utc>,
    pub attempt: i32,
    pub held_up: i32,
    pub trigger: String,
    pub metadata: serde_json::Value,
    pub timeout_seconds: i32,
    pub max_attempts: i32,
    pub completion: String,
    pub endpoint: String,
    pub signing_secret: String,
    pub previous_signing_secret: Option<String>,
}

/// One execution that a claim records. PENDING waits; SKIPPED has ended already.
pub(crate) struct NewExecution {
    pub id: Uuid,
    pub task_id: Uuid,
    pub project_id: Uuid,
    pub status: domain::execution::ExecutionStatus,
    pub scheduled_at: DateTime<Utc>,
    pub missed: i32,
    pub error: Option<String>,
}

/// Records what a claim decided. Answers which were recorded: a due time that has an execution already gets no other.
pub(crate) async fn record(
    conn: &mut PgConnection,
    new: &[NewExecution],
    node: &str,
    lease_seconds: i32,
) -> Result<Vec<Uuid>, sqlx::Error> {
    point("execution.record")?;
    let column = |pick: fn(&NewExecution) -> Uuid| new.iter().map(pick).collect::<Vec<_>>();
    let statuses: Vec<String> = new.iter().map(|new| new.status.as_str().to_owned()).collect();
    let scheduled: Vec<DateTime<Utc>> = new.iter().map(|new| new.scheduled_at).collect();
    let missed: Vec<i32> = new.iter().map(|new| new.missed).collect();
    let errors: Vec<Option<String>> = new.iter().map(|new| new.error.clone()).collect();
    sqlx::query_scalar!(
        r#"INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, missed, error, node, lease_until, started_at, finished_at)
           SELECT id, task_id, project_id, status, 'SCHEDULED', scheduled_at, missed, error,
                  CASE WHEN status = 'RUNNING' THEN $8 END,
                  CASE WHEN status = 'RUNNING' THEN now() + make_interval(secs => $9) END,
                  CASE WHEN status = 'RUNNING' THEN now() END,
                  CASE WHEN status = 'SKIPPED' THEN now() END
           FROM unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::timestamptz[], $6::int[], $7::text[])
                AS new(id, task_id, project_id, status, scheduled_at, missed, error)
           ON CONFLICT (task_id, scheduled_at) DO NOTHING RETURNING id"#,
        &column(|new| new.id),
        &column(|new| new.task_id),
        &column(|new| new.project_id),
        &statuses,
        &scheduled,
        &missed,
        &errors as &[Option<String>],
        node,
        f64::from(lease_seconds)
    )
    .fetch_all(conn)
    .await
}

/// Records an execution that was asked for by hand; it waits for a node. The caller holds the task's row.
pub(crate) async fn record_manual(
    conn: &mut PgConnection,
    id: Uuid,
    task_id: Uuid,
    project_id: Uuid,
    requested_by: &str,
) -> Result<(), sqlx::Error> {
    point("execution.record_manual")?;
    sqlx::query!(
        "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, requested_by)
         VALUES ($1, $2, $3, 'PENDING', 'MANUAL', clock_timestamp(), $4)",
        id,
        task_id,
        project_id,
        requested_by
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What of a task has not ended.
#[derive(Clone, Copy, Default)]
pub(crate) struct Unended {
    /// A run was started: it is called, or waits for its next attempt.
    pub has_begun: bool,
    /// A run is called just now.
    pub is_called: bool,
    /// A run has not been started.
    pub is_waiting: bool,
}

/// What of these tasks has not ended.
pub(crate) async fn unended(conn: &mut PgConnection, task_ids: &[Uuid]) -> Result<Vec<(Uuid, Unended)>, sqlx::Error> {
    point("execution.unended")?;
    let rows = sqlx::query!(
        r#"SELECT task_id, bool_or(status <> 'PENDING') AS "has_begun!", bool_or(status = 'RUNNING') AS "is_called!",
                  bool_or(status = 'PENDING') AS "is_waiting!"
           FROM executions WHERE task_id = ANY($1) AND status IN ('PENDING', 'RUNNING', 'RETRY_WAIT') GROUP BY task_id"#,
        task_ids
    )
    .fetch_all(conn)
    .await?;
    let unended = rows.into_iter().map(|row| {
        let (has_begun, is_called, is_waiting) = (row.has_begun, row.is_called, row.is_waiting);
        (row.task_id, Unended { has_begun, is_called, is_waiting })
    });
    Ok(unended.collect())
}

/// An execution that may start now.
pub(crate) struct Waiting {
    pub id: Uuid,
    pub task_id: Uuid,
    pub project_id: Uuid,
    pub group_id: Option<Uuid>,
    /// It may start beside others of its task.
    pub is_free: bool,
    /// Somebody asked for it by hand.
    pub is_manual: bool,
    pub created_at: DateTime<Utc>,
}

/// Locks the tasks of up to `limit` executions that may start, oldest first: tried again, asked for by hand, or waiting for
/// others of its task that have ended. Left out are tasks that somebody else holds or that are not ACTIVE, those of these groups,
/// and runs that wait for their group until a later moment.
pub(crate) async fn take_waiting(
    conn: &mut PgConnection,
    limit: i64,
    busy_projects: &[Uuid],
    without_groups: &[Uuid],
) -> Result<Vec<Waiting>, sqlx::Error> {
    point("execution.take_waiting")?;
    sqlx::query_as!(
        Waiting,
        r#"SELECT w.id AS "id!", w.task_id AS "task_id!", t.project_id, t.task_group_id AS group_id, w.is_free AS "is_free!",
                  w.is_manual AS "is_manual!", w.created_at AS "created_at!"
           FROM ((SELECT e.id, e.task_id, coalesce(e.held_until, e.created_at) AS since,
                         e.trigger = 'MANUAL' OR a.overlap_policy = 'ALLOW' AS is_free, e.trigger = 'MANUAL' AS is_manual, e.created_at
                  FROM executions e JOIN tasks a ON a.id = e.task_id
                  WHERE e.status = 'PENDING' AND coalesce(e.held_until, e.created_at) <= now()
                    AND a.status = 'ACTIVE' AND e.project_id <> ALL($2) AND (a.task_group_id = ANY($3)) IS NOT TRUE
                    AND (e.trigger = 'MANUAL' OR a.overlap_policy = 'ALLOW' OR NOT EXISTS (
                         SELECT FROM executions r WHERE r.task_id = e.task_id AND r.status IN ('RUNNING', 'RETRY_WAIT')))
                  ORDER BY coalesce(e.held_until, e.created_at) LIMIT $1)
                 UNION ALL
                 (SELECT e.id, e.task_id, e.retry_at, true, e.trigger = 'MANUAL', e.created_at
                  FROM executions e JOIN tasks a ON a.id = e.task_id
                  WHERE e.status = 'RETRY_WAIT' AND e.retry_at <= now() AND e.project_id <> ALL($2)
                    AND (a.task_group_id = ANY($3)) IS NOT TRUE
                  ORDER BY e.retry_at LIMIT $1)) AS w
           JOIN tasks t ON t.id = w.task_id
           WHERE t.status = 'ACTIVE' ORDER BY w.since LIMIT $1 FOR NO KEY UPDATE OF t SKIP LOCKED"#,
        limit,
        busy_projects,
        without_groups
    )
    .fetch_all(conn)
    .await
}

/// Starts executions whose tasks are locked and ACTIVE. A statement of its own after the lock, so that it sees what was
/// committed before it. In a project that is being deleted nothing is started, also before its task is handed over.
pub(crate) async fn start(
    conn: &mut PgConnection,
    ids: &[Uuid],
    node: &str,
    lease_seconds: i32,
) -> Result<Vec<CallRow>, sqlx::Error> {
    point("execution.start")?;
    sqlx::query_as!(
        CallRow,
        r#"UPDATE executions e SET status = 'RUNNING', node = $2, lease_until = now() + make_interval(secs => $3), started_at = now(),
                  attempt = e.attempt + CASE WHEN e.status = 'RETRY_WAIT' AND e.held_up = 0 THEN 1 ELSE 0 END, retry_at = NULL, held_until = NULL, response = NULL, error = NULL
           FROM tasks t JOIN projects p ON p.id = t.project_id
           WHERE e.id = ANY($1) AND e.status IN ('PENDING', 'RETRY_WAIT') AND t.id = e.task_id AND t.status = 'ACTIVE'
             AND p.deletion_id IS NULL
           RETURNING e.id AS execution_id, e.task_id, e.project_id, t.name AS task_name, e.scheduled_at, e.created_at, e.attempt, e.held_up,
                     e.trigger, t.metadata, t.timeout_seconds, t.max_attempts, t.completion, p.execution_endpoint AS endpoint,
                     p.signing_secret, p.previous_signing_secret"#,
        ids,
        node,
        f64::from(lease_seconds)
    )
    .fetch_all(conn)
    .await
}
