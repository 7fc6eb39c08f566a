//! Two statements that tear down many small deletions at once.

use crate::faults::point;
use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

/// A deletion that can be torn down with others.
pub(crate) struct Small {
    pub id: Uuid,
    pub task_id: Uuid,
    pub wake_at: DateTime<Utc>,
}

/// Locks up to 200 deletions that are due since `after` or later, untried, with nothing in flight and little history (100
/// runs, 1,000 log lines), and their tasks; of the thousand that are longest due. What somebody else holds is skipped, so this
/// never waits and never deadlocks.
///
/// The text leaves the planner little to choose, for its statistics are always of before this moment: it believes that hardly anything is SCHEDULED or in flight. What is due is chosen before the joins (900 ms at 50,000 otherwise, instead of
/// 3). The joins go by primary key: without `completed_at IS NULL` no index of open deletions can be taken for them (26 s at
/// 3,000 due beside an open transaction, instead of 0.1). The looks at history read 101 runs of the task, and no list of
/// all that is in flight. `after` spares the entries of those that are gone already, which the index keeps while anybody may
/// still see them. Numbers stand in the text: as parameters they change the plan.
pub(crate) async fn take_small(conn: &mut PgConnection, after: DateTime<Utc>) -> Result<Vec<Small>, sqlx::Error> {
    point("deletion.take_small")?;
    sqlx::query_as!(
        Small,
        "SELECT d.id, d.task_id, d.wake_at
         FROM (SELECT id, task_id FROM deletions
               WHERE completed_at IS NULL AND state = 'SCHEDULED' AND wake_at <= now() AND wake_at >= $1
               ORDER BY wake_at, id LIMIT 1000) AS due
         JOIN deletions d ON d.id = due.id JOIN tasks t ON t.id = due.task_id
         WHERE d.state = 'SCHEDULED' AND t.status = 'PENDING_DELETE' AND t.deletion_id = d.id
           AND (SELECT count(*) <= 100 AND count(*) FILTER (WHERE status IN ('PENDING', 'RUNNING', 'RETRY_WAIT')) = 0
                FROM (SELECT status FROM executions WHERE task_id = due.task_id LIMIT 101) AS runs)
           AND (SELECT count(*) <= 1000
                FROM (SELECT FROM (SELECT id FROM executions WHERE task_id = due.task_id LIMIT 101) AS runs
                      JOIN execution_logs l ON l.execution_id = runs.id LIMIT 1001) AS lines)
         LIMIT 200 FOR UPDATE OF t, d SKIP LOCKED",
        after
    )
    .fetch_all(conn)
    .await
}

/// Removes history and tasks, completes the records and writes the one `TaskDeleted` of each, in one statement. Returns
/// when each was requested. The runs are an array, so that their lines are found by index: a join may read all lines.
pub(crate) async fn finish_small(
    conn: &mut PgConnection,
    ids: &[Uuid],
    task_ids: &[Uuid],
    event_ids: &[Uuid],
    node: &str,
) -> Result<Vec<DateTime<Utc>>, sqlx::Error> {
    point("deletion.finish_small")?;
    sqlx::query_scalar!(
        r#"WITH taken AS (SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::uuid[]) AS taken(id, task_id, event_id)),
           lines AS (DELETE FROM execution_logs
                     WHERE execution_id = ANY (array(SELECT id FROM executions WHERE task_id = ANY($2))) RETURNING execution_id),
           runs AS (DELETE FROM executions WHERE task_id = ANY($2) RETURNING id, task_id),
           counts AS (DELETE FROM execution_counts WHERE subject = ANY($2)),
           troubles AS (DELETE FROM task_troubles WHERE task_id = ANY($2)),
           history AS (SELECT task_id, count(*) FILTER (WHERE is_run) AS runs, count(*) FILTER (WHERE NOT is_run) AS lines
                       FROM (SELECT task_id, true AS is_run FROM runs
                             UNION ALL SELECT runs.task_id, false FROM lines JOIN runs ON runs.id = lines.execution_id) AS rows GROUP BY task_id),
           gone AS (DELETE FROM tasks t USING taken
                    WHERE t.id = taken.task_id AND t.deletion_id = taken.id AND t.status = 'PENDING_DELETE' RETURNING taken.id, t.id AS task_id),
           done AS (UPDATE deletions d SET state = 'SUCCEEDED', step = 'delete_row', tasks_removed = 1, node = $4,
                           heartbeat_at = now(), purge_started_at = coalesce(d.purge_started_at, now()), completed_at = clock_timestamp(),
                           executions_removed = d.executions_removed + coalesce(history.runs, 0),
                           logs_removed = d.logs_removed + coalesce(history.lines, 0)
                    FROM gone LEFT JOIN history ON history.task_id = gone.task_id WHERE d.id = gone.id RETURNING d.*),
           told AS (INSERT INTO events (id, kind, project_id, task_uuid, payload)
                    SELECT taken.event_id, 'TaskDeleted', done.project_id, done.task_id,
                           jsonb_build_object('deletion_id', done.id, 'name', done.task_name, 'version', NULL)
                    FROM done JOIN taken ON taken.id = done.id)
           SELECT requested_at AS "requested_at!" FROM done"#,
        ids,
        task_ids,
        event_ids,
        node
    )
    .fetch_all(conn)
    .await
}
