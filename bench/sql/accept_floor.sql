SELECT name, status, version, deletion_id FROM tasks WHERE id = $1 FOR NO KEY UPDATE;
WITH fenced AS (DELETE FROM task_schedules WHERE task_id = $1)
UPDATE tasks SET status = 'PENDING_DELETE', deletion_id = $1, version = version + 1, updated_at = now(), status_changed_at = now() WHERE id = $1;
SELECT id FROM executions WHERE task_id = $1 AND status IN ('PENDING', 'RUNNING');
INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, requested_at, fenced_at, previous_status, seen_version, in_flight,
                       undo_until, wake_at, max_attempts, state, step)
SELECT id, id, name, project_id, 'floor', now(), now(), 'ACTIVE', 1, '{}', now(), now(), 8, 'SCHEDULED', 'drain' FROM tasks WHERE id = $1;
INSERT INTO apalis.jobs (id, job_type, job, status, run_at, idempotency_key)
VALUES (md5($1::text), 'floor', convert_to(jsonb_build_object('deletion_id', $1::uuid)::text, 'UTF8'), 'Pending', now(), $1::text);
INSERT INTO events (id, kind, project_id, task_uuid, payload)
SELECT gen_random_uuid(), 'TaskDeletionRequested', project_id, id, '{}' FROM tasks WHERE id = $1;
