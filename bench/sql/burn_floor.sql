WITH taken AS MATERIALIZED (
    SELECT id FROM tasks WHERE status = 'PENDING_DELETE' ORDER BY id LIMIT 200 FOR UPDATE SKIP LOCKED),
runs AS (DELETE FROM executions e USING taken WHERE e.task_id = taken.id),
gone AS (DELETE FROM tasks t USING taken WHERE t.id = taken.id RETURNING t.id, t.project_id, t.deletion_id, t.name),
done AS (UPDATE deletions d SET state = 'SUCCEEDED', step = 'delete_row', tasks_removed = 1, completed_at = clock_timestamp()
         FROM gone WHERE d.id = gone.deletion_id)
INSERT INTO events (id, kind, project_id, task_uuid, payload)
SELECT gen_random_uuid(), 'TaskDeleted', project_id, id, jsonb_build_object('deletion_id', deletion_id, 'name', name) FROM gone
