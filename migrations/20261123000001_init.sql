-- The tables of Sexton. The queue's own tables live in the schema "apalis" and are made by apalis.
-- States are text with a CHECK: readable everywhere, and a new state is an ordinary migration.
-- Constraints are named <table>_<column>_<what>: the code maps them to client errors.
SET lock_timeout = '5s';

CREATE EXTENSION IF NOT EXISTS pg_trgm;

CREATE TABLE projects (
    id                  uuid        PRIMARY KEY,
    name                text        NOT NULL CONSTRAINT projects_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
    description         text        NOT NULL DEFAULT '' CONSTRAINT projects_description_length CHECK (char_length(description) <= 1000),
    execution_endpoint  text        NOT NULL,
    -- How long an accepted deletion can be undone; NULL means the server's default.
    undo_window_seconds integer     CONSTRAINT projects_undo_window_range CHECK (undo_window_seconds BETWEEN 0 AND 2592000),
    -- What the drain does with calls in flight: let them end (until their timeout), or cancel them at once.
    drain_policy        text        NOT NULL DEFAULT 'WAIT' CONSTRAINT projects_drain_policy_known CHECK (drain_policy IN ('WAIT', 'CANCEL')),
    version             bigint      NOT NULL DEFAULT 1,
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX projects_name_unique ON projects (lower(name));

CREATE TABLE task_groups (
    id         uuid        PRIMARY KEY,
    project_id uuid        NOT NULL CONSTRAINT task_groups_project_exists REFERENCES projects,
    name       text        NOT NULL CONSTRAINT task_groups_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
    start_time time,
    end_time   time,
    timezone   text        NOT NULL DEFAULT 'UTC',
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT task_groups_window_whole CHECK ((start_time IS NULL) = (end_time IS NULL)),
    -- Lets a task's foreign key say "a group of the same project".
    CONSTRAINT task_groups_id_project_unique UNIQUE (id, project_id)
);
CREATE UNIQUE INDEX task_groups_name_unique ON task_groups (project_id, lower(name));

CREATE TABLE tasks (
    id                   uuid        PRIMARY KEY,
    project_id           uuid        NOT NULL CONSTRAINT tasks_project_exists REFERENCES projects,
    task_group_id        uuid,
    name                 text        NOT NULL CONSTRAINT tasks_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
    description          text        NOT NULL DEFAULT '' CONSTRAINT tasks_description_length CHECK (char_length(description) <= 1000),
    schedule_type        text        NOT NULL CONSTRAINT tasks_schedule_type_known CHECK (schedule_type IN ('RECURRING', 'ONEOFF')),
    schedule_config      jsonb       NOT NULL,
    schedule_description text        NOT NULL,
    status               text        NOT NULL CONSTRAINT tasks_status_known CHECK (status IN ('ACTIVE', 'DISABLED', 'PENDING_DELETE', 'DELETE_FAILED')),
    status_changed_at    timestamptz NOT NULL DEFAULT now(),
    -- The deletion that owns the task. A task that is being deleted has one, every other has none.
    deletion_id          uuid,
    timeout_seconds      integer     NOT NULL CONSTRAINT tasks_timeout_seconds_range CHECK (timeout_seconds BETWEEN 1 AND 86400),
    metadata             jsonb       NOT NULL DEFAULT '{}',
    overlap_policy       text        NOT NULL CONSTRAINT tasks_overlap_policy_known CHECK (overlap_policy IN ('ALLOW', 'SKIP', 'QUEUE_ONE')),
    missed_run_policy    text        NOT NULL CONSTRAINT tasks_missed_run_policy_known CHECK (missed_run_policy IN ('SKIP', 'RUN_ONCE', 'RUN_ALL')),
    completion           text        NOT NULL CONSTRAINT tasks_completion_known CHECK (completion IN ('RESPONSE', 'CALLBACK')),
    version              bigint      NOT NULL DEFAULT 1,
    created_at           timestamptz NOT NULL DEFAULT now(),
    updated_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT tasks_deletion_id_tied CHECK ((status IN ('PENDING_DELETE', 'DELETE_FAILED')) = (deletion_id IS NOT NULL)),
    CONSTRAINT tasks_task_group_id_exists FOREIGN KEY (task_group_id, project_id) REFERENCES task_groups (id, project_id)
);
-- The list of a project, newest first, with and without a status.
CREATE INDEX tasks_project_id ON tasks (project_id, id);
CREATE INDEX tasks_project_id_status ON tasks (project_id, status, id);
CREATE INDEX tasks_task_group_id ON tasks (task_group_id, id) WHERE task_group_id IS NOT NULL;
-- Search by a part of the name.
CREATE INDEX tasks_name_search ON tasks USING gin (lower(name) gin_trgm_ops);

-- What can run, and when: the narrow table that the scheduler claims from. No row, no run: removing the row is the fence.
CREATE TABLE task_schedules (
    task_id     uuid        PRIMARY KEY CONSTRAINT task_schedules_task_exists REFERENCES tasks,
    next_run_at timestamptz NOT NULL,
    version     bigint      NOT NULL
);
CREATE INDEX task_schedules_next_run_at ON task_schedules (next_run_at, task_id);

CREATE TABLE executions (
    id           uuid        PRIMARY KEY,
    task_id      uuid        NOT NULL CONSTRAINT executions_task_exists REFERENCES tasks,
    project_id   uuid        NOT NULL,
    status       text        NOT NULL CONSTRAINT executions_status_known CHECK (status IN ('PENDING', 'RUNNING', 'RETRY_WAIT', 'SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED')),
    trigger      text        NOT NULL CONSTRAINT executions_trigger_known CHECK (trigger IN ('SCHEDULED', 'MANUAL')),
    scheduled_at timestamptz NOT NULL,
    attempt      integer     NOT NULL DEFAULT 1,
    -- The node that has it, until when it must show a sign of life, and when the call must have ended at the latest.
    node         text,
    lease_until  timestamptz,
    deadline_at  timestamptz,
    retry_at     timestamptz,
    cancel_requested_at timestamptz,
    started_at   timestamptz,
    finished_at  timestamptz,
    error        text,
    response     jsonb,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- At most one execution per due time.
    CONSTRAINT executions_task_id_scheduled_at_unique UNIQUE (task_id, scheduled_at),
    CONSTRAINT executions_finished_at_tied CHECK ((status IN ('SUCCESS', 'FAILED', 'CANCELLED', 'SKIPPED')) = (finished_at IS NOT NULL)),
    CONSTRAINT executions_retry_at_tied CHECK ((status = 'RETRY_WAIT') = (retry_at IS NOT NULL))
);
CREATE INDEX executions_task_id ON executions (task_id, id);
CREATE INDEX executions_project_id ON executions (project_id, id);
-- What is in flight for a task: read by the accepting transaction and by the drain.
CREATE INDEX executions_in_flight ON executions (task_id) WHERE status IN ('PENDING', 'RUNNING', 'RETRY_WAIT');

CREATE TABLE execution_logs (
    id           bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    execution_id uuid        NOT NULL CONSTRAINT execution_logs_execution_exists REFERENCES executions,
    level        text        NOT NULL CONSTRAINT execution_logs_level_known CHECK (level IN ('info', 'warn', 'error')),
    message      text        NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX execution_logs_execution_id ON execution_logs (execution_id, id);

-- One row per accepted request to delete a task. No foreign key: the record outlives the task and its project.
CREATE TABLE deletions (
    id               uuid        PRIMARY KEY,
    task_id          uuid        NOT NULL,
    task_name        text        NOT NULL,
    project_id       uuid        NOT NULL,
    requested_by     text        NOT NULL,
    request_id       text,
    requested_at     timestamptz NOT NULL,
    -- What the task was: the status that an undo gives back, and the version (ETag) that the request saw.
    previous_status  text        NOT NULL CONSTRAINT deletions_previous_status_known CHECK (previous_status IN ('ACTIVE', 'DISABLED')),
    seen_version     bigint      NOT NULL,
    fenced_at        timestamptz NOT NULL,
    in_flight        uuid[]      NOT NULL,
    undo_until       timestamptz NOT NULL,

    state            text        NOT NULL CONSTRAINT deletions_state_known CHECK (state IN ('SCHEDULED', 'RUNNING', 'RETRYING', 'SUCCEEDED', 'FAILED', 'UNDONE')),
    -- The step that comes next or is being worked at, and how far it is.
    step             text        NOT NULL CONSTRAINT deletions_step_known CHECK (step IN ('drain', 'purge_history', 'delete_row')),
    failed_attempts  integer     NOT NULL DEFAULT 0,
    max_attempts     integer     NOT NULL,
    -- The last sign of life or the next promised one: heartbeat, next try, end of the undo window.
    -- Due work has wake_at <= now; what is far behind now is stuck.
    wake_at          timestamptz NOT NULL,
    heartbeat_at     timestamptz,
    node             text,
    purge_started_at timestamptz,
    history_total    bigint,
    executions_removed bigint    NOT NULL DEFAULT 0,
    logs_removed     bigint      NOT NULL DEFAULT 0,
    tasks_removed    bigint      NOT NULL DEFAULT 0,
    last_error_kind  text        CONSTRAINT deletions_last_error_kind_known CHECK (last_error_kind IN ('db_unavailable', 'timeout', 'lock_held', 'in_flight', 'conflict', 'bug')),
    last_error_message text      CONSTRAINT deletions_last_error_message_said CHECK (last_error_message <> ''),
    last_error_step  text        CONSTRAINT deletions_last_error_step_known CHECK (last_error_step IN ('drain', 'purge_history', 'delete_row')),
    completed_at     timestamptz,

    CONSTRAINT deletions_completed_at_tied CHECK ((state IN ('SUCCEEDED', 'UNDONE')) = (completed_at IS NOT NULL)),
    CONSTRAINT deletions_last_error_whole CHECK (num_nulls(last_error_kind, last_error_message, last_error_step) IN (0, 3)),
    CONSTRAINT deletions_last_error_tied CHECK (state NOT IN ('FAILED', 'RETRYING') OR last_error_kind IS NOT NULL),
    CONSTRAINT deletions_undone_in_time CHECK (state <> 'UNDONE' OR purge_started_at IS NULL),
    CONSTRAINT deletions_tasks_removed_tied CHECK ((state = 'SUCCEEDED') = (tasks_removed = 1))
);
-- A task has at most one deletion that is not over.
CREATE UNIQUE INDEX deletions_task_id_open ON deletions (task_id) WHERE completed_at IS NULL;
-- The receipt of a task that is gone.
CREATE INDEX deletions_task_id ON deletions (task_id, id) WHERE completed_at IS NOT NULL;
CREATE INDEX deletions_project_id ON deletions (project_id, id);
-- What is due or stuck, oldest first: small, because finished deletions are not in it.
CREATE INDEX deletions_wake_at ON deletions (wake_at, id) WHERE completed_at IS NULL;
CREATE INDEX deletions_completed_at ON deletions (completed_at) WHERE completed_at IS NOT NULL;

-- The outbox: written in the transaction of the change, read by every node.
CREATE TABLE events (
    seq        bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id         uuid        NOT NULL,
    kind       text        NOT NULL,
    project_id uuid        NOT NULL,
    task_uuid  uuid,
    payload    jsonb       NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX events_project_id ON events (project_id, seq);
-- Exactly one TaskDeleted per task, whatever happens.
CREATE UNIQUE INDEX events_task_deleted_once ON events (task_uuid) WHERE kind = 'TaskDeleted';
