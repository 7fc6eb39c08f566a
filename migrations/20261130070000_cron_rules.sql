-- By which rule the cron expression of a task is read. The version before this one runs with it: it neither reads nor writes the
-- column, so a row that it creates, or whose expression it changes, does not match it and keeps that version's rule.
SET lock_timeout = '5s';

-- The cron expression as it was checked by the rule of docs/schedules.md. Where it differs from the one in schedule_config, or is
-- null beside one, the rule of version 0.1.0 holds.
ALTER TABLE tasks ADD COLUMN documented_cron text;
