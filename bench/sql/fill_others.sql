-- Another project, whose tasks are deleted one by one.
WITH other AS (INSERT INTO projects (id, name, execution_endpoint, undo_window_seconds) VALUES ($1, 'others', 'http://127.0.0.1:9/', 0)),
     made AS (
    INSERT INTO tasks (id, project_id, name, schedule_type, schedule_config, schedule_description, status, timeout_seconds,
                       overlap_policy, missed_run_policy, completion)
    SELECT bench_id('other', n), $1, 'other ' || n, 'RECURRING', '{"cron_expression":"0 3 * * *","timezone":"UTC"}',
           'At 03:00', 'ACTIVE', 30, 'SKIP', 'RUN_ONCE', 'RESPONSE'
    FROM generate_series(1, $2::bigint) AS n RETURNING id)
INSERT INTO task_schedules (task_id, next_run_at, version) SELECT id, now() + interval '1 day', 1 FROM made
