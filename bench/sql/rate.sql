-- Deletions a second by the commit times of the transactions that ended them. Those of the first commit started the clock.
SELECT (count(*) FILTER (WHERE at > first) / extract(epoch FROM max(at) - min(at)))::float8
FROM (SELECT pg_xact_commit_timestamp(xmin) AS at, min(pg_xact_commit_timestamp(xmin)) OVER () AS first FROM deletions) AS ended
