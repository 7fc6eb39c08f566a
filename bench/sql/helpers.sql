-- Ids that a number names, in the shape and order of ours (UUIDv7), so that plain SQL and pgbench can name what they mean.
CREATE FUNCTION bench_id(kind text, number bigint) RETURNS uuid LANGUAGE sql IMMUTABLE AS $$
  SELECT (lpad(to_hex(1700000000000 + number), 12, '0') || '7' || substr(md5(kind || number::text), 1, 3)
          || '8' || substr(md5(kind || number::text), 4, 15))::uuid $$;

CREATE FUNCTION bench_project() RETURNS uuid LANGUAGE sql IMMUTABLE AS $$ SELECT '018bcfe5-6800-7000-8000-000000000001'::uuid $$;

CREATE EXTENSION pg_prewarm;

INSERT INTO projects (id, name, execution_endpoint, undo_window_seconds) VALUES (bench_project(), 'bench', 'http://127.0.0.1:9/', 0);

-- The accepting transaction in one call, for the peers in an open loop; their bench_enqueue stands where our job is inserted.
CREATE FUNCTION bench_accept(task uuid, deletion uuid) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM tasks WHERE id = task AND project_id = bench_project() FOR NO KEY UPDATE;
  DELETE FROM task_schedules WHERE task_id = task;
  UPDATE tasks SET status = 'PENDING_DELETE', deletion_id = deletion, version = version + 1, updated_at = now(), status_changed_at = now()
   WHERE id = task AND status = 'ACTIVE';
  PERFORM id FROM executions WHERE task_id = task AND status IN ('PENDING', 'RUNNING') ORDER BY id;
  INSERT INTO deletions (id, task_id, task_name, project_id, requested_by, requested_at, fenced_at, previous_status, seen_version,
                         in_flight, undo_until, wake_at, max_attempts, state, step)
  SELECT deletion, id, name, project_id, 'bench', now(), now(), 'ACTIVE', 1, '{}', now(), now(), 8, 'SCHEDULED', 'drain'
    FROM tasks WHERE id = task;
  PERFORM bench_enqueue(deletion, task);
  INSERT INTO audit (id, project_id, actor_kind, actor, action, subject_id)
  VALUES (gen_random_uuid(), bench_project(), 'user', 'bench', 'task.delete_requested', task);
  INSERT INTO events (id, kind, project_id, task_uuid, payload)
  VALUES (gen_random_uuid(), 'TaskDeletionRequested', bench_project(), task, jsonb_build_object('deletion_id', deletion));
END $$;
