-- People on their way to an issuer of OpenID Connect and back. The version before this one runs with it: it knows no such table.
SET lock_timeout = '5s';

-- One row a person who was sent there: used up when they come back, and worthless after ten minutes.
CREATE TABLE oidc_flows (
    -- SHA-256 of the state that travels with them.
    hash       bytea       PRIMARY KEY,
    -- SHA-256 of what a cookie of their browser holds: a link from somebody else signs nobody in.
    browser    bytea       NOT NULL,
    -- Must stand in the token that the issuer signs.
    nonce      text        NOT NULL,
    -- Proves to the issuer that who asks for the token is who sent them there (PKCE).
    verifier   text        NOT NULL,
    -- The path that they wanted to see.
    next       text        NOT NULL CONSTRAINT oidc_flows_next_length CHECK (char_length(next) <= 2048),
    expires_at timestamptz NOT NULL
);
CREATE INDEX oidc_flows_expires_at ON oidc_flows (expires_at);
