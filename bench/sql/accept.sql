-- Our accepting transaction for pgbench, statement by statement; with our job, as apalis inserts it, or a peer's.
\set i :i + 1
\set k :client_id * :each + :i
\set n :k * 7919 % :table + 1
BEGIN;
SELECT name, status, version, deletion_id, now() FROM tasks WHERE id = bench_id('task', :n) AND project_id = bench_project() FOR NO KEY UPDATE;
WITH fenced AS (DELETE FROM task_schedules WHERE task_id = bench_id('task', :n))
UPDATE tasks SET status = 'PENDING_DELETE', deletion_id = bench_id('deletion', :k), version = version + 1, updated_at = now(), status_changed_at = now()
WHERE id = bench_id('task', :n) AND status = 'ACTIVE' RETURNING version;
WITH cancelled AS (UPDATE executions SET status = 'CANCELLED', finished_at = now(), retry_at = NULL, error = 'The task is being deleted'
                   WHERE task_id = bench_id('task', :n) AND status = 'RETRY_WAIT')
SELECT id FROM executions WHERE task_id = bench_id('task', :n) AND status IN ('PENDING', 'RUNNING') ORDER BY id;
SELECT undo_window_seconds FROM projects WHERE id = bench_project();
INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, requested_at, fenced_at, previous_status, seen_version, in_flight,
                       undo_until, wake_at, max_attempts, state, step)
VALUES (bench_id('deletion', :k), bench_id('task', :n), 'task', bench_project(), 'floor', now(), now(), 'ACTIVE', 1, '{}', now(), now(), 8,
        'SCHEDULED', 'drain') RETURNING *;
{enqueue}
INSERT INTO audit (id, project_id, actor_kind, actor, action, subject_id)
VALUES (gen_random_uuid(), bench_project(), 'user', 'floor', 'task.delete_requested', bench_id('task', :n));
INSERT INTO events (id, kind, project_id, task_uuid, payload)
VALUES (gen_random_uuid(), 'TaskDeletionRequested', bench_project(), bench_id('task', :n),
        jsonb_build_object('deletion_id', bench_id('deletion', :k), 'name', 'task', 'version', 2));
COMMIT;
