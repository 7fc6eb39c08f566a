-- Due times from $2 on and before $3 (seconds since 1970) that no execution stands for, of $1 tasks that are spread over 300 seconds.
SELECT count(*) FROM (
    SELECT bench_id('firing', n) AS id, date_bin('5 minutes', to_timestamp($2), '2000-01-01') + (n * 300 / $1) * interval '1 second' AS at
    FROM generate_series(1, $1::bigint) AS n) AS due
CROSS JOIN LATERAL (VALUES (at), (at + interval '5 minutes')) AS time(at)
WHERE time.at >= to_timestamp($2) AND time.at < to_timestamp($3)
  AND NOT EXISTS (SELECT FROM executions e WHERE e.task_id = due.id AND e.scheduled_at = time.at)
