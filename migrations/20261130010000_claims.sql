-- Claims that are fair to every project, and groups that are started and stopped in constant time. The version before this one
-- runs with it: new columns may be null, and a trigger fills in what that version does not know.
SET lock_timeout = '5s';

ALTER TABLE task_schedules
    -- The task's project: when more is due than a node can start, projects are served in turn. Null only in rows written before
    -- this migration, until they move.
    ADD COLUMN project_id uuid,
    -- A row that could not be decided about is set aside: looked at again at next_run_at, and still due since then.
    ADD COLUMN due_at timestamptz,
    -- How often in a row it was set aside.
    ADD COLUMN set_aside integer NOT NULL DEFAULT 0;

CREATE FUNCTION task_schedules_complete() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.project_id IS NULL THEN
        NEW.project_id := (SELECT project_id FROM tasks WHERE id = NEW.task_id);
    END IF;
    -- Whoever plans a row anew, in whatever version, has dealt with what it owed.
    IF TG_OP = 'UPDATE' AND NEW.set_aside = OLD.set_aside AND NEW.next_run_at <> OLD.next_run_at THEN
        NEW.due_at := NULL;
        NEW.set_aside := 0;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER task_schedules_complete BEFORE INSERT OR UPDATE ON task_schedules
    FOR EACH ROW EXECUTE FUNCTION task_schedules_complete();

-- A group whose window has changed: its tasks are planned anew in batches, as of replan_since, in the order of their ids, those
-- up to replan_after being done.
ALTER TABLE task_groups
    ADD COLUMN replan_since timestamptz,
    ADD COLUMN replan_after uuid;
CREATE INDEX task_groups_replan_since ON task_groups (replan_since) WHERE replan_since IS NOT NULL;

-- Groups that were stopped by hand and not started since: nothing of them starts. The only definition for statements.
CREATE VIEW stopped_groups AS
    SELECT id FROM task_groups WHERE override = 'NOT_RUNNING' AND (override_until IS NULL OR override_until > now());
