-- Projects are deleted through the machine that deletes tasks: accepted in one transaction that fences all their tasks, then
-- handed to it a batch at a time, and gone after their last task. The version before this one runs with it: it neither reads
-- nor writes what is new. A task that it puts into such a project meanwhile goes with it, too.
SET lock_timeout = '5s';

-- Set by the accepting transaction and never unset: nothing in the project is made, changed or started any more.
ALTER TABLE projects
    ADD COLUMN deletion_id uuid,
    ADD COLUMN deletion_requested_at timestamptz,
    ADD CONSTRAINT projects_deletion_id_tied CHECK ((deletion_id IS NULL) = (deletion_requested_at IS NULL));

-- One row an accepted request. No foreign key: the record outlives the project.
CREATE TABLE project_deletions (
    id              uuid        PRIMARY KEY,
    project_id      uuid        NOT NULL,
    project_name    text        NOT NULL,
    requested_by    text        NOT NULL,
    request_id      text,
    requested_at    timestamptz NOT NULL,
    -- The version (ETag) that the request saw.
    seen_version    bigint      NOT NULL,
    -- All tasks that the project had: fenced by the accepting transaction.
    tasks           bigint      NOT NULL,
    -- What had started by then: only these may still call.
    in_flight       uuid[]      NOT NULL,
    -- Tasks up to this one have a deletion of their own; and since when all of them have. Looked at again now and then.
    handed_to       uuid,
    handed_over_at  timestamptz,
    -- Work is due when wake_at <= now. Whoever works holds the row.
    wake_at         timestamptz NOT NULL,
    failed_attempts integer     NOT NULL DEFAULT 0,
    last_error      text        CONSTRAINT project_deletions_last_error_said CHECK (last_error <> ''),
    groups_removed  bigint      NOT NULL DEFAULT 0,
    keys_removed    bigint      NOT NULL DEFAULT 0,
    alerts_removed  bigint      NOT NULL DEFAULT 0,
    completed_at    timestamptz,
    CONSTRAINT project_deletions_last_error_tied CHECK ((last_error IS NULL) = (failed_attempts = 0))
);
-- A project has at most one.
CREATE UNIQUE INDEX project_deletions_project_id_unique ON project_deletions (project_id);
CREATE INDEX project_deletions_wake_at ON project_deletions (wake_at, id) WHERE completed_at IS NULL;
CREATE INDEX project_deletions_completed_at ON project_deletions (completed_at) WHERE completed_at IS NOT NULL;

-- The deletion of a task that goes with its project: it cannot be undone by itself.
ALTER TABLE deletions ADD COLUMN project_deletion_id uuid;
