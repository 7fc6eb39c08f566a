-- Milliseconds from the begin of the accepting transaction to the commit of the one that ended the deletion.
SELECT (extract(epoch FROM pg_xact_commit_timestamp(xmin) - requested_at) * 1000)::float8 FROM deletions WHERE completed_at IS NOT NULL
