-- $1 tasks, spread evenly over 300 seconds and then again ($3 = false), or all at second 0 of each minute ($3 = true); they
-- call $2.
WITH place AS (
    UPDATE projects SET execution_endpoint = $2 WHERE id = bench_project() RETURNING id),
due AS (
    SELECT n, CASE WHEN $3 THEN 0 ELSE (n * 300 / $1) END AS off FROM generate_series(1, $1::bigint) AS n),
made AS (
    INSERT INTO tasks (id, project_id, name, schedule_type, schedule_config, schedule_description, status, timeout_seconds,
                       overlap_policy, missed_run_policy, completion)
    SELECT bench_id('firing', n), place.id, 'firing ' || n, 'RECURRING',
           jsonb_build_object('timezone', 'UTC', 'cron_expression',
               CASE WHEN $3 THEN '0 * * * * *' ELSE format('%s %s-59/5 * * * *', off % 60, (off / 60) % 5) END),
           'spread', 'ACTIVE', 30, 'SKIP', 'RUN_ONCE', 'RESPONSE'
    FROM due, place RETURNING id),
first AS (
    SELECT bench_id('firing', n) AS id,
           CASE WHEN $3 THEN date_bin('1 minute', clock_timestamp(), '2000-01-01') + interval '1 minute'
                ELSE date_bin('5 minutes', clock_timestamp(), '2000-01-01') + off * interval '1 second' END AS at FROM due)
INSERT INTO task_schedules (task_id, next_run_at, version)
SELECT made.id, CASE WHEN at < clock_timestamp() + interval '2 seconds' AND NOT $3 THEN at + interval '5 minutes' ELSE at END, 1
FROM made JOIN first USING (id)
