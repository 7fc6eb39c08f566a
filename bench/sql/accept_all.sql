-- What the accepting transactions of $1 deletions leave behind, an hour ago, a millisecond apart, all over the $2 tasks; the jobs come
-- after it.
WITH made AS (
    INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, requested_at, fenced_at, previous_status, seen_version,
                           in_flight, undo_until, wake_at, max_attempts, state, step)
    SELECT bench_id('deletion', k), t.id, t.name, t.project_id, 'bench', now(), now(), 'ACTIVE', 1, '{}', now(),
           now() - interval '1 hour' + k * interval '1 millisecond', 8, 'SCHEDULED', 'drain'
    FROM generate_series(1, $1::bigint) AS k JOIN tasks t ON t.id = bench_id('task', k * 7919 % $2::bigint + 1)
    RETURNING id, task_id),
fenced AS (DELETE FROM task_schedules s USING made WHERE s.task_id = made.task_id)
UPDATE tasks t SET status = 'PENDING_DELETE', deletion_id = made.id, version = version + 1 FROM made WHERE t.id = made.task_id
