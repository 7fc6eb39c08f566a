-- $1 executions for each of the $2 tasks that are deleted first, of $3; by time, as they would have come.
INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, started_at, finished_at)
SELECT bench_id('run', run * $2::bigint + k), bench_id('task', k * 7919 % $3::bigint + 1), bench_project(), 'SUCCESS', 'SCHEDULED',
       now() - run * interval '1 hour', now(), now()
FROM generate_series(1, $1::bigint) AS run, generate_series(1, $2::bigint) AS k
