-- Which versions may run on this database. The version before this one runs with it: it does not look.
SET lock_timeout = '5s';

-- One row. A program that does not know this migration is too old for the data and refuses to start; a migration that older
-- programs do not survive raises it. Later migrations that are unknown do no harm.
CREATE TABLE oldest_version (
    is_here   boolean PRIMARY KEY DEFAULT true CONSTRAINT oldest_version_one_row CHECK (is_here),
    migration bigint  NOT NULL,
    -- The name of the first version that knows it, for people.
    version   text    NOT NULL
);
INSERT INTO oldest_version (migration, version) VALUES (20261128030000, '0.1.0');
