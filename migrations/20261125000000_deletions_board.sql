-- What the deletions board shows beyond the record itself: the timeline, counters that are never a scan, and which
-- processes are alive. The version before this one runs with it: nothing that it writes changes.
SET lock_timeout = '5s';

-- How often the reconciler had to hand it over again.
ALTER TABLE deletions ADD COLUMN rescues integer NOT NULL DEFAULT 0;

-- What happened to a deletion between its request and its end; these two stand in the record. Few rows: most deletions
-- need one attempt and have none.
CREATE TABLE deletion_entries (
    id            bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    deletion_id   uuid        NOT NULL CONSTRAINT deletion_entries_deletion_exists REFERENCES deletions ON DELETE CASCADE,
    kind          text        NOT NULL CONSTRAINT deletion_entries_kind_known CHECK (kind IN ('ATTEMPT_FAILED', 'GIVEN_UP', 'STARTED_OVER')),
    at            timestamptz NOT NULL DEFAULT clock_timestamp(),
    -- The node whose attempt it was, or who started it over.
    actor         text        NOT NULL,
    attempt       integer,
    error_kind    text,
    error_message text        CONSTRAINT deletion_entries_error_message_said CHECK (error_message <> ''),
    error_step    text,
    CONSTRAINT deletion_entries_error_tied CHECK (
        num_nonnulls(attempt, error_kind, error_message, error_step) = CASE WHEN kind = 'STARTED_OVER' THEN 0 ELSE 4 END)
);
CREATE INDEX deletion_entries_deletion_id ON deletion_entries (deletion_id, id);

-- Counters and filters of the board: by state, of a project or of all.
CREATE INDEX deletions_state_open ON deletions (state, project_id, id) WHERE completed_at IS NULL;
CREATE INDEX deletions_project_id_completed_at ON deletions (project_id, completed_at) WHERE completed_at IS NOT NULL;

CREATE INDEX deletions_undone ON deletions (project_id, id) WHERE state = 'UNDONE';

-- Processes that work, and when each last said so. One that is silent has died: its jobs go to the others within
-- seconds, where the queue's own limit must allow for a worker that is only busy.
CREATE TABLE nodes (
    name    text        PRIMARY KEY,
    seen_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
