WITH made AS (
    INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, requested_at, fenced_at, previous_status, seen_version,
                           in_flight, undo_until, wake_at, max_attempts, state, step)
    SELECT gen_random_uuid(), id, name, project_id, 'bench', now(), now(), 'ACTIVE', version, '{}', now(), now() - interval '1 hour', 8,
           'SCHEDULED', 'drain'
    FROM tasks WHERE status = 'ACTIVE' RETURNING id, task_id),
fenced AS (DELETE FROM task_schedules)
UPDATE tasks t SET status = 'PENDING_DELETE', deletion_id = made.id FROM made WHERE t.id = made.task_id
