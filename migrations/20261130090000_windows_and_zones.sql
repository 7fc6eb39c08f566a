-- Runs that wait for their task group to open, and the tz database by which tasks are planned. The version before this one runs
-- with it: it leaves the new column alone and does not know the new table.
SET lock_timeout = '5s';

-- A run that waits because its group is closed or stopped is looked at again at this moment. Null: it does not wait for a group.
ALTER TABLE executions ADD COLUMN held_until timestamptz;

-- Each release of the tz database that a scheduler has used.
CREATE TABLE zone_data (
    release      text        PRIMARY KEY,
    -- A digest of each zone's rules.
    rules        jsonb       NOT NULL,
    -- Zones whose rules differ from those of the release before: their tasks are planned anew, in the order of their ids, those
    -- up to replan_after being done.
    changed      text[]      NOT NULL,
    replan_after uuid        NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    -- Tasks whose next run has moved.
    moved        bigint      NOT NULL DEFAULT 0,
    seen_at      timestamptz NOT NULL DEFAULT now(),
    done_at      timestamptz
);
