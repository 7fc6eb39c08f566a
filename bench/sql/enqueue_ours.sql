INSERT INTO apalis.jobs (id, job_type, job, status, attempts, max_attempts, run_at, priority, metadata, idempotency_key)
VALUES (upper(substr(md5(:k::text), 1, 26)), 'floor',
        convert_to(jsonb_build_object('version', 1, 'task_uuid', bench_id('task', :n), 'project_id', bench_project(), 'requested_at', now(),
                                      'request_id', null, 'deletion_id', bench_id('deletion', :k))::text, 'UTF8'),
        'Pending', 0, 2147483647, now(), 0, '', bench_id('deletion', :k)::text);
