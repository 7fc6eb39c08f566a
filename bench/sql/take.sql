-- What our sweep takes at a time: due, untried, little history; the longest due first. For the peer that uses the same trick.
SELECT d.id, d.task_id FROM deletions d JOIN tasks t ON t.id = d.task_id
WHERE d.completed_at IS NULL AND d.wake_at <= clock_timestamp() AND d.state = 'SCHEDULED'
  AND t.status = 'PENDING_DELETE' AND t.deletion_id = d.id
  AND NOT EXISTS (SELECT FROM executions e WHERE e.task_id = d.task_id AND e.status IN ('PENDING', 'RUNNING', 'RETRY_WAIT'))
  AND NOT EXISTS (SELECT FROM executions e WHERE e.task_id = d.task_id OFFSET 100)
  AND NOT EXISTS (SELECT FROM executions e JOIN execution_logs l ON l.execution_id = e.id WHERE e.task_id = d.task_id OFFSET 1000)
ORDER BY d.wake_at, d.id LIMIT 200 FOR UPDATE OF t, d SKIP LOCKED
