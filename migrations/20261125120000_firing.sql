-- What tasks that really fire need: waiting and leased executions, who signed, windows that were overridden, counts by the
-- quarter of an hour, keys of callbacks. The version before this one runs with it: every new column has a default.
SET lock_timeout = '5s';

-- Calls are signed with the project's secret; during a rotation with both. 32 bytes, as Standard Webhooks says.
ALTER TABLE projects
    ADD COLUMN signing_secret text NOT NULL
        DEFAULT 'whsec_' || encode(decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'), 'base64'),
    ADD COLUMN previous_signing_secret text,
    -- How long ended executions are kept; NULL means the server's default.
    ADD COLUMN execution_days integer CONSTRAINT projects_execution_days_range CHECK (execution_days BETWEEN 1 AND 3650);

-- `start` and `stop` of a group: in force until the next edge of its window, across restarts.
ALTER TABLE task_groups
    ADD COLUMN override text CONSTRAINT task_groups_override_known CHECK (override IN ('RUNNING', 'NOT_RUNNING')),
    -- NULL with an override: a group without a window has no edge.
    ADD COLUMN override_until timestamptz,
    ADD CONSTRAINT task_groups_override_until_tied CHECK (override_until IS NULL OR override IS NOT NULL);

-- How many calls one execution may make.
ALTER TABLE tasks
    ADD COLUMN max_attempts integer NOT NULL DEFAULT 3 CONSTRAINT tasks_max_attempts_range CHECK (max_attempts BETWEEN 1 AND 20);

-- False: only plan onwards, as after a change of the group's window. Nothing is fired for that moment.
ALTER TABLE task_schedules ADD COLUMN fires boolean NOT NULL DEFAULT true;
-- Every claim moves a row: vacuum by rows, or the first page of the index is full of dead entries.
ALTER TABLE task_schedules SET (
    autovacuum_vacuum_scale_factor = 0.0, autovacuum_vacuum_threshold = 10000, fillfactor = 80);

ALTER TABLE executions
    -- Due times that this row stands for besides its own: missed, or skipped together.
    ADD COLUMN missed integer NOT NULL DEFAULT 0,
    -- Who started it by hand.
    ADD COLUMN requested_by text,
    -- Lines that the client logged; the ones above the limit are dropped.
    ADD COLUMN log_lines integer NOT NULL DEFAULT 0;
-- Every change of a status writes all indexes of the row: what the unique one over (task_id, scheduled_at) can do needs no other.
DROP INDEX executions_task_id;
-- What waits to be started, what shows no sign of life, what waits for a callback that does not come.
CREATE INDEX executions_pending ON executions (created_at) WHERE status = 'PENDING';
CREATE INDEX executions_retry_at ON executions (retry_at) WHERE status = 'RETRY_WAIT';
CREATE INDEX executions_lease_until ON executions (lease_until) WHERE status = 'RUNNING';
-- Cancelled or ended by a callback, and yet a node may send its call until then: a deletion lists it.
CREATE INDEX executions_leased ON executions (task_id, lease_until) WHERE finished_at IS NOT NULL AND lease_until IS NOT NULL;

-- Ends of executions by the quarter of an hour, so that a day in any zone is a sum of rows; of a task and of its project.
CREATE TABLE execution_counts (
    subject   uuid        NOT NULL,
    bucket    timestamptz NOT NULL,
    success   integer     NOT NULL DEFAULT 0,
    failed    integer     NOT NULL DEFAULT 0,
    cancelled integer     NOT NULL DEFAULT 0,
    skipped   integer     NOT NULL DEFAULT 0,
    -- The session that counts: nobody waits for a row that another one holds, who may have been stopped in the middle.
    session   integer     NOT NULL DEFAULT 0,
    PRIMARY KEY (subject, bucket, session)
) WITH (fillfactor = 70);

-- Keys with which the programs that run tasks call back. Only a SHA-256 is stored.
CREATE TABLE api_keys (
    id           uuid        PRIMARY KEY,
    project_id   uuid        NOT NULL CONSTRAINT api_keys_project_exists REFERENCES projects,
    name         text        NOT NULL CONSTRAINT api_keys_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
    hash         bytea       NOT NULL CONSTRAINT api_keys_hash_unique UNIQUE,
    -- The first characters, so that a person can tell keys apart.
    hint         text        NOT NULL,
    scopes       text[]      NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    created_by   text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX api_keys_project_id ON api_keys (project_id, id);

-- Callbacks that came after the task was gone are counted on its receipt, found by the execution's id.
ALTER TABLE deletions ADD COLUMN late_callbacks integer NOT NULL DEFAULT 0;
CREATE INDEX deletions_in_flight ON deletions USING gin (in_flight) WHERE in_flight <> '{}';
