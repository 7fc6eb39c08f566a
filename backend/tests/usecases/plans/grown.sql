-- A database that has grown, in small: real distributions, whose statistics the test multiplies afterwards. The id HOT is a
-- project that has most of the rows, one of its tasks, groups, runs and deletions, and a person: the worst case of every parameter.
CREATE FUNCTION id_at(at timestamptz) RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT (lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7' || substr(replace(gen_random_uuid()::text, '-', ''), 14))::uuid $$;
CREATE FUNCTION ago(n bigint) RETURNS timestamptz LANGUAGE sql STABLE AS $$ SELECT now() - n * interval '1 minute' $$;

INSERT INTO projects (id, name, execution_endpoint)
SELECT CASE WHEN n = 0 THEN 'HOT'::uuid ELSE id_at(ago(n)) END, 'p' || n, 'https://example.com' FROM generate_series(0, 300) AS n;
INSERT INTO users (id, email) SELECT CASE WHEN n = 0 THEN 'HOT'::uuid ELSE id_at(ago(n)) END, n || '@example.com' FROM generate_series(0, 300) AS n;
INSERT INTO members (project_id, user_id, role) SELECT 'HOT', id, 'admin' FROM users;
INSERT INTO task_groups (id, project_id, name) SELECT CASE WHEN n = 0 THEN 'HOT'::uuid ELSE id_at(ago(n)) END, 'HOT', 'g' || n FROM generate_series(0, 300) AS n;

INSERT INTO tasks (id, project_id, task_group_id, name, schedule_type, schedule_config, schedule_description, status, deletion_id,
                   timeout_seconds, overlap_policy, missed_run_policy, completion)
SELECT CASE WHEN n = 0 THEN 'HOT'::uuid ELSE id_at(ago(n)) END, p.id, CASE WHEN p.id = 'HOT' AND n % 3 = 0 THEN 'HOT'::uuid END, 'Task ' || n,
       'RECURRING', '{}', '', CASE WHEN n % 100 = 1 THEN 'PENDING_DELETE' WHEN n % 100 = 2 THEN 'DISABLED' ELSE 'ACTIVE' END,
       CASE WHEN n % 100 = 1 THEN gen_random_uuid() END, 30, 'SKIP', 'SKIP', 'RESPONSE'
FROM generate_series(0, 20000) AS n
JOIN (SELECT id, row_number() OVER (ORDER BY id = 'HOT', id) AS place FROM projects) AS p ON p.place = CASE WHEN n % 5 > 0 OR n = 0 THEN 301 ELSE n % 300 + 1 END;
INSERT INTO task_schedules (task_id, next_run_at, version)
SELECT id, now() + (row_number() OVER () - 300) * interval '10 s', 1 FROM tasks WHERE status = 'ACTIVE';

CREATE TEMP TABLE few AS SELECT id, project_id, row_number() OVER (ORDER BY id = 'HOT' DESC, id) - 1 AS place FROM tasks;
CREATE UNIQUE INDEX ON few (place);
INSERT INTO executions (id, task_id, project_id, status, trigger, scheduled_at, created_at, finished_at, retry_at, node, lease_until)
SELECT CASE WHEN n = 5 THEN 'HOT'::uuid ELSE id_at(ago(n)) END, s.id, s.project_id, e.status, 'SCHEDULED', ago(n), ago(n),
       CASE WHEN e.status IN ('SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED') THEN ago(n - 1) END,
       CASE WHEN e.status = 'RETRY_WAIT' THEN now() + (n % 1000 - 500) * interval '1 s' END, 'n',
       CASE WHEN e.status = 'RUNNING' OR n % 10 = 7 THEN ago(n - 1) END
FROM generate_series(1, 60000) AS n
CROSS JOIN LATERAL (SELECT CASE n % 100 WHEN 1 THEN 'FAILED' WHEN 2 THEN 'CANCELLED' WHEN 3 THEN 'SKIPPED' WHEN 4 THEN
     CASE n / 100 % 3 WHEN 0 THEN 'PENDING' WHEN 1 THEN 'RUNNING' ELSE 'RETRY_WAIT' END ELSE 'SUCCESS' END AS status) AS e
JOIN few s ON s.place = CASE WHEN n % 10 < 3 OR n = 5 THEN 0 ELSE (n * 7919) % 20000 END;
INSERT INTO execution_logs (execution_id, level, message) SELECT id, 'info', 'line' FROM executions WHERE status <> 'SKIPPED' LIMIT 40000;
INSERT INTO execution_counts (subject, bucket, success)
SELECT s.id, date_bin('15 minutes', ago(n * 15), TIMESTAMPTZ 'epoch'), 1 FROM generate_series(1, 38000) AS n JOIN few s ON s.place = n % 200 ON CONFLICT DO NOTHING;

INSERT INTO alerts (id, project_id, task_id, task_name, kind, subject_id, cause, message, is_throttled, created_at)
SELECT id_at(ago(n)), s.project_id, s.id, 'a', CASE WHEN n % 3 = 0 THEN 'RECOVERY' ELSE 'FAILURE' END, gen_random_uuid(), n::text, 'a', n % 20 = 0, ago(n)
FROM generate_series(1, 20000) AS n JOIN few s ON s.place = n % 500;
INSERT INTO alert_deliveries (id, alert_id, channel, target, state, sent_at, next_try_at)
SELECT id_at(created_at), id, 'EMAIL', 'a@example.com', CASE WHEN cause LIKE '%99' THEN 'PENDING' ELSE 'SENT' END,
       CASE WHEN cause NOT LIKE '%99' THEN created_at END, created_at FROM alerts;
INSERT INTO alert_settings (project_id, emails, kinds) SELECT id, '{a@example.com}', '{FAILURE}' FROM projects;
INSERT INTO task_troubles (task_id, project_id) SELECT id, project_id FROM few WHERE place < 6000;

INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, requested_at, previous_status, seen_version, fenced_at, in_flight,
                       undo_until, state, step, max_attempts, wake_at, completed_at, tasks_removed, last_error_kind, last_error_message, last_error_step)
SELECT CASE WHEN n = 0 THEN 'HOT'::uuid ELSE id_at(ago(n)) END, CASE WHEN n = 0 THEN 'HOT'::uuid ELSE gen_random_uuid() END, 'a',
       CASE WHEN n % 5 = 1 THEN gen_random_uuid() ELSE 'HOT'::uuid END, 'a', ago(n), 'ACTIVE', 1, ago(n), CASE WHEN n % 50 = 0 THEN ARRAY[gen_random_uuid()] ELSE '{}' END, ago(n),
       d.state, 'drain', 8, ago(n), CASE WHEN d.state = 'SUCCEEDED' THEN ago(n - 1) END, (d.state = 'SUCCEEDED')::int,
       CASE WHEN d.state = 'FAILED' THEN 'bug' END, CASE WHEN d.state = 'FAILED' THEN 'a' END, CASE WHEN d.state = 'FAILED' THEN 'drain' END
FROM generate_series(0, 20000) AS n
CROSS JOIN LATERAL (SELECT CASE n % 100 WHEN 1 THEN 'SCHEDULED' WHEN 2 THEN 'RUNNING' WHEN 3 THEN 'FAILED' ELSE 'SUCCEEDED' END AS state) AS d;
INSERT INTO deletion_entries (deletion_id, kind, actor) SELECT id, 'STARTED_OVER', 'a' FROM deletions LIMIT 6000;
INSERT INTO project_deletions (id, project_id, project_name, requested_by, requested_at, seen_version, tasks, in_flight, wake_at, completed_at)
SELECT CASE WHEN n = 0 THEN 'HOT'::uuid ELSE id_at(ago(n)) END, CASE WHEN n = 0 THEN 'HOT'::uuid ELSE gen_random_uuid() END, 'a', 'a', ago(n), 1, 1, '{}', ago(n), CASE WHEN n % 9 > 0 THEN ago(n) END
FROM generate_series(0, 300) AS n;

INSERT INTO events (id, kind, project_id, task_uuid, created_at)
SELECT id_at(ago(n)), 'ExecutionsEnded', CASE WHEN n % 5 = 1 THEN gen_random_uuid() ELSE 'HOT'::uuid END, gen_random_uuid(), ago(n) FROM generate_series(30000, 1, -1) AS n;
INSERT INTO audit (id, at, project_id, actor_kind, actor, action)
SELECT id_at(ago(n)), ago(n), CASE WHEN n % 5 = 1 THEN NULL ELSE 'HOT'::uuid END, 'user', 'a', 'TASK_CHANGED' FROM generate_series(1, 30000) AS n;
INSERT INTO idempotency_keys (scope, fingerprint, holder, expires_at)
SELECT sha256(n::text::bytea), sha256(n::text::bytea), gen_random_uuid(), now() + (n - 500) * interval '1 s' FROM generate_series(1, 10000) AS n;
INSERT INTO sessions (id, user_id, hash, expires_at)
SELECT id_at(ago(n)), u.id, n::text::bytea, now() + (n - 500) * interval '1 s' FROM generate_series(1, 6000) AS n JOIN (SELECT id, row_number() OVER () AS place FROM users) AS u ON u.place = n % 300 + 1;
INSERT INTO oidc_flows (hash, browser, nonce, verifier, next, expires_at) SELECT n::text::bytea, 'a', 'a', 'a', 'a', now() + (n - 500) * interval '1 s' FROM generate_series(1, 6000) AS n;
INSERT INTO personal_tokens (id, user_id, name, hash, hint) SELECT id_at(ago(n)), 'HOT', 'a', n::text::bytea, 'a' FROM generate_series(1, 300) AS n;
INSERT INTO api_keys (id, project_id, name, hash, hint, scopes, created_by) SELECT id_at(ago(n)), 'HOT', 'a', n::text::bytea, 'a', '{}', 'a' FROM generate_series(1, 300) AS n;
INSERT INTO user_identities (issuer, subject, user_id) SELECT 'a', id::text, id FROM users;
INSERT INTO apalis.workers (id, worker_type, storage_name, layers, last_seen) SELECT 'w' || n, 'sexton:delete-task', 'a', '', now() FROM generate_series(1, 20) AS n;
INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, idempotency_key, lock_by, done_at)
SELECT n::text, 'sexton:delete-task', '', j.status, 0, 5, ago(n - 5000), 0, n::text, CASE WHEN j.status = 'Running' THEN 'w' || n % 20 + 1 END, CASE WHEN j.status IN ('Done', 'Killed') THEN ago(n) END
FROM generate_series(1, 10000) AS n CROSS JOIN LATERAL (SELECT CASE n % 100 WHEN 1 THEN 'Running' WHEN 2 THEN 'Done' WHEN 3 THEN 'Killed' ELSE 'Pending' END AS status) AS j;
