//! What the tests put into the database before the story begins: many tasks, history, calls in flight.

use sqlx::PgPool;
use uuid::Uuid;

/// The id at the end of a path.
pub fn id_of(path: &str) -> Uuid {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

/// So many active tasks of a project, each with a plan; answers their paths.
pub async fn tasks(pool: &PgPool, project: &str, count: i32) -> Vec<String> {
    let statement = "WITH added AS (
             INSERT INTO tasks (id, project_id, name, schedule_type, schedule_config, schedule_description, status, timeout_seconds,
                                overlap_policy, missed_run_policy, completion)
             SELECT gen_random_uuid(), $1, 'Task ' || n, 'RECURRING', '{\"cron_expression\": \"0 3 * * *\", \"timezone\": \"UTC\"}',
                    'At 03:00', 'ACTIVE', 30, 'SKIP', 'SKIP', 'RESPONSE' FROM generate_series(1, $2) AS n RETURNING id)
         INSERT INTO task_schedules (task_id, next_run_at, version) SELECT id, now() + interval '1 day', 1 FROM added RETURNING task_id";
    let ids: Vec<Uuid> = sqlx::query_scalar(statement).bind(id_of(project)).bind(count).fetch_all(pool).await.unwrap();
    ids.into_iter().map(|id| format!("{project}/tasks/{id}")).collect()
}

/// Gives a task so many executions with two log lines each.
pub async fn history(pool: &PgPool, task: &str, executions: i64) {
    let statement = "WITH added AS (
             INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, finished_at)
             SELECT gen_random_uuid(), id, project_id, 'SUCCESS', 'SCHEDULED', now() - n * interval '1 min', now()
             FROM tasks, generate_series(1, $2) AS n WHERE id = $1 RETURNING id)
         INSERT INTO execution_logs (execution_id, level, message)
         SELECT id, 'info', 'line' FROM added, generate_series(1, 2)";
    sqlx::query(statement).bind(id_of(task)).bind(executions).execute(pool).await.unwrap();
}

/// Gives a task an execution that has not ended.
pub async fn in_flight(pool: &PgPool, task: &str) {
    let statement = "INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, started_at)
         SELECT gen_random_uuid(), id, project_id, 'RUNNING', 'SCHEDULED', now(), now() FROM tasks WHERE id = $1";
    sqlx::query(statement).bind(id_of(task)).execute(pool).await.unwrap();
}
