SELECT graphile_worker.add_job('delete_task', json_build_object('task_uuid', bench_id('task', :n), 'project_id', bench_project(),
                               'requested_at', now(), 'deletion_id', bench_id('deletion', :k)), job_key => bench_id('deletion', :k)::text);
