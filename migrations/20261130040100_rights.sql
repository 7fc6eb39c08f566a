-- Who may create projects, and what a personal token may do. The version before this one runs with it: its accounts may create
-- projects as all accounts could, and it does not look at the scopes of tokens.
SET lock_timeout = '5s';

-- Existing accounts keep the right; accounts made by this version have it when somebody says so.
ALTER TABLE users ADD COLUMN may_create_projects boolean NOT NULL DEFAULT true;

-- NULL: all that its person may.
ALTER TABLE personal_tokens ADD COLUMN scopes text[]
    CONSTRAINT personal_tokens_scopes_known CHECK (scopes <@ ARRAY['read', 'write', 'delete', 'manage'] AND scopes <> '{}');

-- The issuer is asked to let the person prove again who they are.
ALTER TABLE oidc_flows ADD COLUMN is_proof boolean NOT NULL DEFAULT false;
