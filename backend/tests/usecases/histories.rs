//! Executions as the tests of lists, callbacks and retention write them: what a node would have written.

use crate::support::World;
use chrono::{DateTime, Utc};
use domain::task::Task;
use uuid::Uuid;

/// The id of an execution that was recorded at `at`.
pub fn id_at(at: DateTime<Utc>) -> Uuid {
    let millis = u64::try_from(at.timestamp_millis()).unwrap();
    uuid::Builder::from_unix_timestamp_millis(millis, &Uuid::new_v4().into_bytes()[..10].try_into().unwrap())
        .into_uuid()
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl World {
    /// Writes an execution that was due and recorded at `at`, with this status.
    pub async fn ran(&self, task: &Task, at: DateTime<Utc>, status: &str) -> Uuid {
        let id = id_at(at);
        let statement = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, started_at, finished_at, retry_at, node, lease_until, response)
             VALUES ($1, $2, $3, $4, 'SCHEDULED', $5, $5, CASE WHEN $4 NOT IN ('PENDING', 'RUNNING', 'RETRY_WAIT') THEN $5 + interval '2 s' END,
                     CASE WHEN $4 = 'RETRY_WAIT' THEN $5 END, 'node-1', CASE WHEN $4 = 'RUNNING' THEN now() + interval '1 hour' END,
                     jsonb_build_object('status', 200, 'body', 'a long answer', 'first_byte_ms', 3, 'total_ms', 4))";
        let query = sqlx::query(statement).bind(id).bind(task.uuid).bind(self.project.id).bind(status).bind(at);
        query.execute(&self.pool).await.unwrap();
        id
    }

    /// Writes `count` lines of an execution.
    pub async fn lines(&self, execution: Uuid, count: i32) {
        let statement = "INSERT INTO execution_logs (execution_id, level, message)
             SELECT $1, (ARRAY['info', 'warn', 'error'])[n % 3 + 1], 'line ' || n FROM generate_series(1, $2) AS n";
        sqlx::query(statement).bind(execution).bind(count).execute(&self.pool).await.unwrap();
        let statement = "UPDATE executions SET log_lines = log_lines + $2 WHERE id = $1";
        sqlx::query(statement).bind(execution).bind(count).execute(&self.pool).await.unwrap();
    }

    /// Counts one end of a task, in the quarter of an hour that begins at `bucket`.
    pub async fn counted(&self, subject: Uuid, bucket: &str, success: i32, failed: i32) {
        let statement =
            "INSERT INTO execution_counts (subject, bucket, success, failed) VALUES ($1, $2::timestamptz, $3, $4)";
        let query = sqlx::query(statement).bind(subject).bind(at(bucket)).bind(success).bind(failed);
        query.execute(&self.pool).await.unwrap();
    }
}
