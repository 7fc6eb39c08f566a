-- Alerts: who is told, which tasks fail, what was told, and what became of each message. The version before this one runs
-- with it: it has nothing to do with these tables.
SET lock_timeout = '5s';

CREATE TABLE alert_settings (
    project_id       uuid        PRIMARY KEY CONSTRAINT alert_settings_project_exists REFERENCES projects ON DELETE CASCADE,
    emails           text[]      NOT NULL CONSTRAINT alert_settings_emails_few CHECK (cardinality(emails) <= 20),
    webhook_url      text,
    kinds            text[]      NOT NULL CONSTRAINT alert_settings_kinds_known CHECK (kinds <@ ARRAY['FAILURE', 'RECOVERY', 'MISSED', 'DELETE_FAILED']),
    -- A task that goes on failing is told again after so long.
    throttle_seconds integer     NOT NULL DEFAULT 300 CONSTRAINT alert_settings_throttle_seconds_range CHECK (throttle_seconds BETWEEN 0 AND 86400),
    version          bigint      NOT NULL DEFAULT 1,
    updated_at       timestamptz NOT NULL DEFAULT now()
);

-- Tasks that fail, or did: only of projects that want to know. No foreign key: the row goes with the task, in the same
-- statements.
CREATE TABLE task_troubles (
    task_id    uuid        PRIMARY KEY,
    project_id uuid        NOT NULL,
    -- Failures in a row, and since when.
    failures   integer     NOT NULL DEFAULT 0,
    since      timestamptz,
    -- When a failure was told last, also before the task worked again.
    told_at    timestamptz,
    CONSTRAINT task_troubles_since_tied CHECK ((failures > 0) = (since IS NOT NULL))
);

CREATE TABLE alerts (
    id           uuid        PRIMARY KEY,
    project_id   uuid        NOT NULL CONSTRAINT alerts_project_exists REFERENCES projects ON DELETE CASCADE,
    -- The task may be gone.
    task_id      uuid        NOT NULL,
    task_name    text        NOT NULL,
    kind         text        NOT NULL CONSTRAINT alerts_kind_known CHECK (kind IN ('FAILURE', 'RECOVERY', 'MISSED', 'DELETE_FAILED')),
    -- The execution or the deletion.
    subject_id   uuid        NOT NULL,
    -- What happened, once: nothing is told twice.
    cause        text        NOT NULL CONSTRAINT alerts_cause_unique UNIQUE,
    message      text        NOT NULL CONSTRAINT alerts_message_said CHECK (message <> ''),
    -- Recorded, but told to nobody: too soon after the one before, or too many at a time.
    is_throttled boolean     NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
-- The list of a project, newest first; what was told lately, of a project and of a task.
CREATE INDEX alerts_project_id ON alerts (project_id, id);
CREATE INDEX alerts_project_told ON alerts (project_id, kind, created_at) WHERE NOT is_throttled;
CREATE INDEX alerts_task_told ON alerts (task_id, kind, created_at) WHERE NOT is_throttled;

-- One message to one receiver.
CREATE TABLE alert_deliveries (
    id          uuid        PRIMARY KEY,
    alert_id    uuid        NOT NULL CONSTRAINT alert_deliveries_alert_exists REFERENCES alerts ON DELETE CASCADE,
    channel     text        NOT NULL CONSTRAINT alert_deliveries_channel_known CHECK (channel IN ('EMAIL', 'WEBHOOK')),
    target      text        NOT NULL,
    state       text        NOT NULL DEFAULT 'PENDING' CONSTRAINT alert_deliveries_state_known CHECK (state IN ('PENDING', 'SENT', 'FAILED')),
    attempts    integer     NOT NULL DEFAULT 0,
    -- While a node sends it: until when the others leave it alone.
    next_try_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    sent_at     timestamptz,
    error       text,
    CONSTRAINT alert_deliveries_target_unique UNIQUE (alert_id, channel, target),
    CONSTRAINT alert_deliveries_sent_at_tied CHECK ((state = 'SENT') = (sent_at IS NOT NULL))
);
CREATE INDEX alert_deliveries_next_try_at ON alert_deliveries (next_try_at) WHERE state = 'PENDING';
