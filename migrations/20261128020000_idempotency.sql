-- Answers to requests with an Idempotency-Key, so that a repeat is answered the same and changes nothing. The version before
-- this one runs with it: it knows nothing of this table.
SET lock_timeout = '5s';

CREATE TABLE idempotency_keys (
    -- SHA-256 of caller, method, path and key: of one size whatever they are.
    scope       bytea       PRIMARY KEY CONSTRAINT idempotency_keys_scope_hash CHECK (octet_length(scope) = 32),
    -- SHA-256 of what was asked: the same key with another body is a mistake of the client's.
    fingerprint bytea       NOT NULL CONSTRAINT idempotency_keys_fingerprint_hash CHECK (octet_length(fingerprint) = 32),
    -- The request that is under way: only it may write its answer.
    holder      uuid        NOT NULL,
    -- The answer; none while the request is under way.
    status      smallint    CONSTRAINT idempotency_keys_status_final CHECK (status BETWEEN 200 AND 499),
    -- The body is a refusal, whose form is given when it is answered.
    is_refusal  boolean,
    headers     jsonb,
    body        bytea,
    -- While the request is under way: when its node is taken for dead. Then: until when the answer is kept.
    expires_at  timestamptz NOT NULL,
    CONSTRAINT idempotency_keys_answer_whole CHECK (num_nonnulls(status, is_refusal, headers, body) IN (0, 4))
);
-- What is kept no longer, oldest first.
CREATE INDEX idempotency_keys_expires_at ON idempotency_keys (expires_at);
