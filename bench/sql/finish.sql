-- The row work of a teardown, as our sweep does it, for the tasks in $1: history, tasks, records and the one event of each. What
-- every peer's handler runs, for one task or for many; and, without any queue around it, the floor.
WITH runs AS (DELETE FROM executions WHERE task_id = ANY($1::uuid[]) RETURNING task_id),
counted AS (SELECT task_id, count(*) AS runs FROM runs GROUP BY task_id),
gone AS (
    DELETE FROM tasks WHERE id = ANY($1::uuid[]) AND status = 'PENDING_DELETE' RETURNING id, deletion_id),
done AS (
    UPDATE deletions d SET state = 'SUCCEEDED', step = 'delete_row', tasks_removed = 1, node = 'peer', heartbeat_at = now(),
           purge_started_at = now(), completed_at = clock_timestamp(),
           executions_removed = coalesce(counted.runs, 0)
    FROM gone LEFT JOIN counted ON counted.task_id = gone.id WHERE d.id = gone.deletion_id RETURNING d.id, d.task_id, d.task_name, d.project_id)
INSERT INTO events (id, kind, project_id, task_uuid, payload)
SELECT gen_random_uuid(), 'TaskDeleted', project_id, task_id, jsonb_build_object('deletion_id', id, 'name', task_name, 'version', NULL)
FROM done
