//! What must be true of the database after any fault: `docs` on deletion, §7.

use sqlx::PgPool;

/// Each counts what must not be there.
const BROKEN: [(&str, &str); 10] = [
    (
        "1: a deleted task still has a plan",
        "SELECT count(*) FROM task_schedules JOIN deletions USING (task_id) WHERE state <> 'UNDONE'",
    ),
    (
        "1 and 2: an execution of a deleted task that is not in in_flight began after the deletion",
        "SELECT count(*) FROM executions e JOIN deletions d USING (task_id)
         WHERE d.state <> 'UNDONE' AND e.started_at > d.fenced_at AND NOT e.id = ANY (d.in_flight)",
    ),
    (
        "3: a task and its open deletion do not agree",
        "SELECT count(*) FROM tasks t FULL JOIN (SELECT * FROM deletions WHERE completed_at IS NULL) d ON d.id = t.deletion_id
         WHERE (t.id IS NULL) OR (d.id IS NULL) <> (t.status IN ('ACTIVE', 'DISABLED'))
         OR (d.state = 'FAILED') <> (t.status = 'DELETE_FAILED')",
    ),
    (
        "4: a deletion was given up",
        "SELECT count(*) FROM deletions WHERE state = 'FAILED'",
    ),
    (
        "5: rows of a task that is gone are left",
        "SELECT (SELECT count(*) FROM tasks t WHERE t.id = ANY (gone)) + (SELECT count(*) FROM task_schedules WHERE task_id = ANY (gone))
              + (SELECT count(*) FROM executions WHERE task_id = ANY (gone))
              + (SELECT count(*) FROM execution_logs l WHERE NOT EXISTS (SELECT FROM executions e WHERE e.id = l.execution_id))
         FROM (SELECT array_agg(task_id) AS gone FROM deletions WHERE state = 'SUCCEEDED') AS d",
    ),
    (
        "6: a task that is gone has not exactly one TaskDeleted",
        "SELECT count(*) FROM deletions d WHERE state = 'SUCCEEDED'
         AND (SELECT count(*) FROM events e WHERE e.task_uuid = d.task_id AND e.kind = 'TaskDeleted') <> 1",
    ),
    (
        "6: a TaskDeleted stands before its row is gone",
        "SELECT count(*) FROM events e JOIN tasks t ON t.id = e.task_uuid WHERE e.kind = 'TaskDeleted'",
    ),
    (
        "7: a due time has two executions",
        "SELECT count(*) FROM (SELECT FROM executions GROUP BY task_id, scheduled_at HAVING count(*) > 1) AS twice",
    ),
    (
        "7: an execution runs and nobody would notice the death of its node",
        "SELECT count(*) FROM executions WHERE status = 'RUNNING' AND lease_until IS NULL",
    ),
    (
        "8: an execution waits to be started whose task may not run",
        "SELECT count(*) FROM executions e JOIN tasks t ON t.id = e.task_id WHERE e.status = 'PENDING' AND t.status <> 'ACTIVE'",
    ),
];

/// Checks all of them.
pub async fn hold(pool: &PgPool) {
    for (what, statement) in BROKEN {
        let broken: Option<i64> = sqlx::query_scalar(statement).fetch_one(pool).await.unwrap();
        assert_eq!(broken.unwrap_or(0), 0, "broken: {what}");
    }
}
