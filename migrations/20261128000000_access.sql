-- Who may do what: people, how they sign in, what they are in a project, and what was done by whom. The version before this
-- one runs with it: it knows none of these tables.
SET lock_timeout = '5s';

CREATE TABLE users (
    id            uuid        PRIMARY KEY,
    email         text        NOT NULL CONSTRAINT users_email_length CHECK (char_length(email) BETWEEN 3 AND 254),
    -- Argon2id, in the form of a PHC string. NULL: signs in elsewhere (OpenID Connect) only.
    password_hash text,
    -- Sees and does everything in every project, and looks after people.
    is_admin      boolean     NOT NULL DEFAULT false,
    -- From then on nothing of theirs opens anything. Kept, so that records still name them.
    disabled_at   timestamptz,
    created_at    timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_unique ON users (lower(email));

-- Who somebody is at an issuer of OpenID Connect: never the e-mail, which can change hands.
CREATE TABLE user_identities (
    issuer     text        NOT NULL,
    subject    text        NOT NULL,
    user_id    uuid        NOT NULL CONSTRAINT user_identities_user_exists REFERENCES users ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX user_identities_user_id ON user_identities (user_id);

-- Browsers that are signed in. Only a SHA-256 of what the cookie holds is stored.
CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL CONSTRAINT sessions_user_exists REFERENCES users ON DELETE CASCADE,
    hash         bytea       NOT NULL CONSTRAINT sessions_hash_unique UNIQUE,
    created_at   timestamptz NOT NULL DEFAULT now(),
    -- To the minute; one that is idle for too long ends.
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    -- Ends then, however much it is used.
    expires_at   timestamptz NOT NULL,
    -- Where it was begun, for the person to recognise it.
    address      text,
    agent        text
);
CREATE INDEX sessions_user_id ON sessions (user_id, id);
CREATE INDEX sessions_expires_at ON sessions (expires_at);

-- With which programs act as a person.
CREATE TABLE personal_tokens (
    id           uuid        PRIMARY KEY,
    user_id      uuid        NOT NULL CONSTRAINT personal_tokens_user_exists REFERENCES users ON DELETE CASCADE,
    name         text        NOT NULL CONSTRAINT personal_tokens_name_length CHECK (char_length(name) BETWEEN 1 AND 255),
    hash         bytea       NOT NULL CONSTRAINT personal_tokens_hash_unique UNIQUE,
    hint         text        NOT NULL,
    expires_at   timestamptz,
    last_used_at timestamptz,
    created_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX personal_tokens_user_id ON personal_tokens (user_id, id);

-- What a person is in a project. Who is not in it sees nothing of it.
CREATE TABLE members (
    project_id uuid        NOT NULL CONSTRAINT members_project_exists REFERENCES projects ON DELETE CASCADE,
    user_id    uuid        NOT NULL CONSTRAINT members_user_exists REFERENCES users ON DELETE CASCADE,
    role       text        NOT NULL CONSTRAINT members_role_known CHECK (role IN ('admin', 'readonly')),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (project_id, user_id)
);
-- The projects of a person, newest first.
CREATE INDEX members_user_id ON members (user_id, project_id);

-- One row: how a new instance gets its first administrator. Whoever claims it locks it, so only one can.
CREATE TABLE setup (
    is_here    boolean     PRIMARY KEY DEFAULT true CONSTRAINT setup_one_row CHECK (is_here),
    -- SHA-256 of the one-time token.
    hash       bytea,
    expires_at timestamptz,
    claimed_at timestamptz
);
INSERT INTO setup DEFAULT VALUES;

-- Links that sign in once, such as the one that a demo prints at its start.
CREATE TABLE sign_in_links (
    hash       bytea       PRIMARY KEY,
    user_id    uuid        NOT NULL CONSTRAINT sign_in_links_user_exists REFERENCES users ON DELETE CASCADE,
    expires_at timestamptz NOT NULL
);

-- What was done by whom, written in the transaction that did it. Names instead of references: it outlives what it is about.
CREATE TABLE audit (
    id         uuid        PRIMARY KEY,
    at         timestamptz NOT NULL DEFAULT now(),
    -- NULL: of the instance.
    project_id uuid,
    actor_kind text        NOT NULL CONSTRAINT audit_actor_kind_known CHECK (actor_kind IN ('user', 'key', 'system')),
    actor_id   uuid,
    actor      text        NOT NULL,
    address    text,
    request_id text,
    action     text        NOT NULL,
    -- What it was done to.
    subject_id uuid,
    detail     text
);
CREATE INDEX audit_project_id ON audit (project_id, id) WHERE project_id IS NOT NULL;
