-- What we change in apalis' schema. Applied after apalis' own migrations, which have a history of their own
-- (apalis._sqlx_migrations). Every statement may run twice. Older code runs with it: apalis' queries are the same.
SET LOCAL lock_timeout = '5s';

-- A NOTIFY in the accepting transaction takes a lock that serialises all commits (3,329 accepts a second without the
-- trigger, 1,924 with it). The doorbell of the jobs module sends one debounced NOTIFY outside instead.
-- Disabled and not dropped: apalis' own migrations know it by name.
ALTER TABLE apalis.jobs DISABLE TRIGGER notify_workers;

-- With a backlog the planner prefers to scan and sort all jobs at every fetch (16 to 30 ms at 100,000 rows) to reading
-- the first few from idx_apalis_jobs_fetch_partial (1.5 ms).
ALTER FUNCTION apalis.get_jobs (text, text, integer) SET enable_seqscan = off;

-- Each insert and each change of status pays for these two, and each has a twin: idx_apalis_jobs_lock_by, and the
-- primary key.
DROP INDEX IF EXISTS apalis.lidx;
DROP INDEX IF EXISTS apalis.unique_job_id;

-- Retention and the page of dead letters read the jobs that have ended: few, because a finished job is deleted by its
-- handler. (Lookups by deletion use apalis' unique index over job_type and idempotency_key.)
CREATE INDEX IF NOT EXISTS jobs_ended ON apalis.jobs (job_type, status, done_at)
    WHERE status IN ('Done', 'Killed');

-- A queue's table changes all the time and stays small: vacuum by rows and not by share, or the fetch reads dead ones.
ALTER TABLE apalis.jobs SET (
    autovacuum_vacuum_scale_factor = 0.0,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_analyze_scale_factor = 0.0,
    autovacuum_analyze_threshold = 5000
);
