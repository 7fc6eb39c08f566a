-- Lists of executions by their end, and the retention of counts, without reading what they do not show.
SET lock_timeout = '5s';

-- What ended otherwise than well is the smaller part; only such rows are in these. What has not ended is found by
-- executions_in_flight.
CREATE INDEX executions_project_unsuccessful ON executions (project_id, status, id) WHERE status IN ('FAILED', 'CANCELLED', 'SKIPPED');
CREATE INDEX executions_task_unsuccessful ON executions (task_id, status, scheduled_at) WHERE status IN ('FAILED', 'CANCELLED', 'SKIPPED');
-- Old counts go by their age, whatever they are of.
CREATE INDEX execution_counts_bucket ON execution_counts (bucket);
