-- Calls that were held up, and one name for what is in flight. The version before this one runs with it: it leaves the column
-- alone, and does not know the view.
SET lock_timeout = '5s';

-- How often the present attempt was held up: nothing was sent then, so the next start makes the same attempt again. With the
-- attempt it names one call: what a node writes of an earlier one changes nothing.
ALTER TABLE executions ADD COLUMN held_up integer NOT NULL DEFAULT 0;

-- What a node may still send a call of: the runs that a deletion lists in `in_flight` and lets end. The only definition. A run
-- that was cancelled, or ended by a callback, belongs to it until the lease of its node is over: the node learns of it later.
-- `now()` is the start of the transaction, so a lease that ends meanwhile still counts.
CREATE VIEW in_flight AS
    SELECT id, task_id, project_id FROM executions WHERE status = 'RUNNING'
    UNION ALL
    SELECT id, task_id, project_id FROM executions WHERE finished_at IS NOT NULL AND node IS NOT NULL AND lease_until > now();
