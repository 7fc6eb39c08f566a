-- The page that the reconciler reads, $1 is the time before which a deletion is stuck.
SELECT d.* FROM deletions d
WHERE d.completed_at IS NULL AND d.wake_at < greatest($1, $1 - interval '25 minutes')
  AND d.wake_at < CASE WHEN d.state = 'FAILED' THEN $1 - interval '25 minutes' ELSE $1 END
  AND (d.wake_at, d.id) > ('epoch', '00000000-0000-0000-0000-000000000000')
ORDER BY d.wake_at, d.id LIMIT 1000
