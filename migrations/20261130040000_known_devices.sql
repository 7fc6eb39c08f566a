-- Browsers that somebody has signed in with, and when a session last proved who its person is. The version before this one
-- runs with it: it does not know the table, and writes sessions with the default.
SET lock_timeout = '5s';

-- A browser keeps a random text in a cookie; only its SHA-256 is stored. Failed attempts by strangers do not count against it.
CREATE TABLE known_devices (
    user_id uuid        NOT NULL CONSTRAINT known_devices_user_exists REFERENCES users ON DELETE CASCADE,
    hash    bytea       NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, hash)
);

-- When the person last proved who they are: by signing in, or by giving the password again. NULL: before this version.
ALTER TABLE sessions ADD COLUMN proved_at timestamptz;
ALTER TABLE sessions ALTER COLUMN proved_at SET DEFAULT now();

-- Sign-in links end with a password reset.
CREATE INDEX sign_in_links_user_id ON sign_in_links (user_id);
