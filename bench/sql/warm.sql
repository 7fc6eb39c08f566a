SELECT sum(pg_prewarm(c.oid)) FROM pg_class c
WHERE c.relkind IN ('r', 'i') AND c.relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)')
