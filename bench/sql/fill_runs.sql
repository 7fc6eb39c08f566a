INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, started_at, finished_at)
SELECT gen_random_uuid(), t.id, t.project_id, 'SUCCESS', 'SCHEDULED', now() - n * interval '1 hour', now(), now()
FROM tasks t, generate_series(1, $1::int) AS n
