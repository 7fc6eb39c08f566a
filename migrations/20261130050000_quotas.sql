-- What quotas are checked against, and an index for rows of a project. The version before this one runs with it: it reads and
-- writes none of the new tables, and triggers count whatever it writes.
SET lock_timeout = '5s';

-- Troubles of a project, which it forgets together. The table has rows only for tasks that have failed.
CREATE INDEX task_troubles_project_id ON task_troubles (project_id);

-- How many things there are that a quota limits: tasks, groups and keys of a project, tokens of a person, projects of the
-- instance. Each count is the sum of its slots. A session counts in one of them, so deletions in one project wait for each other
-- only where two sessions share a slot. Slot -1 counts nothing: who creates locks it when the quota is nearly used up.
CREATE TABLE quota_counts (
    -- The project or person; all zeros for the instance.
    subject uuid     NOT NULL,
    kind    text     NOT NULL,
    slot    smallint NOT NULL,
    count   bigint   NOT NULL,
    PRIMARY KEY (subject, kind, slot)
) WITH (fillfactor = 50);

-- Runs of a project by day (UTC), without those that were skipped; in slots as above.
CREATE TABLE execution_days (
    project_id uuid     NOT NULL,
    day        date     NOT NULL,
    slot       smallint NOT NULL,
    count      bigint   NOT NULL,
    PRIMARY KEY (project_id, day, slot)
) WITH (fillfactor = 50);
CREATE INDEX execution_days_day ON execution_days (day);

-- Bytes of the lines that a run has logged; unknown, and 0, for those logged before.
ALTER TABLE executions ADD COLUMN log_bytes bigint NOT NULL DEFAULT 0;

CREATE FUNCTION count_tasks() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO quota_counts AS q (subject, kind, slot, count)
        SELECT project_id, 'tasks', pg_backend_pid() % 64, count(*) FROM new_rows WHERE status IN ('ACTIVE', 'DISABLED')
        GROUP BY project_id ORDER BY project_id
        ON CONFLICT (subject, kind, slot) DO UPDATE SET count = q.count + excluded.count;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO quota_counts AS q (subject, kind, slot, count)
        SELECT project_id, 'tasks', pg_backend_pid() % 64, -count(*) FROM old_rows WHERE status IN ('ACTIVE', 'DISABLED')
        GROUP BY project_id ORDER BY project_id
        ON CONFLICT (subject, kind, slot) DO UPDATE SET count = q.count + excluded.count;
    ELSE
        INSERT INTO quota_counts AS q (subject, kind, slot, count)
        SELECT project_id, 'tasks', pg_backend_pid() % 64, sum(change)
        FROM (SELECT project_id, 1 AS change FROM new_rows WHERE status IN ('ACTIVE', 'DISABLED')
              UNION ALL SELECT project_id, -1 FROM old_rows WHERE status IN ('ACTIVE', 'DISABLED')) AS changes
        GROUP BY project_id HAVING sum(change) <> 0 ORDER BY project_id
        ON CONFLICT (subject, kind, slot) DO UPDATE SET count = q.count + excluded.count;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_created AFTER INSERT ON tasks REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_tasks();
CREATE TRIGGER count_changed AFTER UPDATE ON tasks REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
    FOR EACH STATEMENT EXECUTE FUNCTION count_tasks();
CREATE TRIGGER count_deleted AFTER DELETE ON tasks REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_tasks();

-- For what is created and deleted seldom: the kind, and the column of the subject (none: the instance).
CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    source text := CASE TG_OP WHEN 'INSERT' THEN 'new_rows' ELSE 'old_rows' END;
    sign   text := CASE TG_OP WHEN 'INSERT' THEN '' ELSE '-' END;
    owner  text := CASE TG_NARGS WHEN 2 THEN quote_ident(TG_ARGV[1]) ELSE '''00000000-0000-0000-0000-000000000000''::uuid' END;
BEGIN
    EXECUTE format('INSERT INTO quota_counts AS q (subject, kind, slot, count)
        SELECT %1$s, %2$L, pg_backend_pid() %% 64, %3$scount(*) FROM %4$I GROUP BY %1$s ORDER BY 1
        ON CONFLICT (subject, kind, slot) DO UPDATE SET count = q.count + excluded.count', owner, TG_ARGV[0], sign, source);
    RETURN NULL;
END $$;
CREATE TRIGGER count_created AFTER INSERT ON task_groups REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows('groups', 'project_id');
CREATE TRIGGER count_deleted AFTER DELETE ON task_groups REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows('groups', 'project_id');
CREATE TRIGGER count_created AFTER INSERT ON api_keys REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows('api_keys', 'project_id');
CREATE TRIGGER count_deleted AFTER DELETE ON api_keys REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows('api_keys', 'project_id');
CREATE TRIGGER count_created AFTER INSERT ON personal_tokens REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows('personal_tokens', 'user_id');
CREATE TRIGGER count_deleted AFTER DELETE ON personal_tokens REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows('personal_tokens', 'user_id');
CREATE TRIGGER count_created AFTER INSERT ON projects REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows('projects');
CREATE TRIGGER count_deleted AFTER DELETE ON projects REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT EXECUTE FUNCTION count_rows('projects');

CREATE FUNCTION forget_quotas() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM quota_counts WHERE subject = OLD.id;
    DELETE FROM execution_days WHERE TG_TABLE_NAME = 'projects' AND project_id = OLD.id;
    RETURN NULL;
END $$;
-- Fires after the triggers above by its name, and deferred: keys and groups go in the same statement or after it.
CREATE CONSTRAINT TRIGGER forget_quotas AFTER DELETE ON projects DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION forget_quotas();
CREATE CONSTRAINT TRIGGER forget_quotas AFTER DELETE ON users DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION forget_quotas();

CREATE FUNCTION count_executions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO execution_days AS d (project_id, day, slot, count)
    SELECT project_id, (now() AT TIME ZONE 'UTC')::date, pg_backend_pid() % 64, count(*) FROM new_rows WHERE status <> 'SKIPPED'
    GROUP BY project_id ORDER BY project_id
    ON CONFLICT (project_id, day, slot) DO UPDATE SET count = d.count + excluded.count;
    RETURN NULL;
END $$;
CREATE TRIGGER count_created AFTER INSERT ON executions REFERENCING NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION count_executions();

-- What there is already. The triggers hold writers off until the commit; a million tasks are counted in a fraction of a second.
INSERT INTO quota_counts (subject, kind, slot, count)
SELECT project_id, 'tasks', 0, count(*) FROM tasks WHERE status IN ('ACTIVE', 'DISABLED') GROUP BY project_id
UNION ALL SELECT project_id, 'groups', 0, count(*) FROM task_groups GROUP BY project_id
UNION ALL SELECT project_id, 'api_keys', 0, count(*) FROM api_keys GROUP BY project_id
UNION ALL SELECT user_id, 'personal_tokens', 0, count(*) FROM personal_tokens GROUP BY user_id
UNION ALL SELECT '00000000-0000-0000-0000-000000000000', 'projects', 0, count(*) FROM projects;
