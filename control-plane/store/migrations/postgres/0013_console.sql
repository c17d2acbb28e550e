-- Sessions of the web console, and the codes of portals' links, of whose ids only hashes are
-- kept, and no credential.
CREATE TABLE console_sessions (
    create_time   bigint   NOT NULL,
    -- Written at most once a minute.
    last_use_time bigint   NOT NULL,
    expire_time   bigint   NOT NULL,
    -- 1 SESSION, 2 PORTAL_CODE.
    kind          smallint NOT NULL,
    -- SHA-256 of the id.
    hash          bytea    NOT NULL PRIMARY KEY,
    -- As logs name callers.
    caller        text COLLATE "C" NOT NULL,
    -- Which tenant it counts for; '' where the caller has a role in the installation.
    tenant        text COLLATE "C" NOT NULL,
    -- JSON: who, with which roles, until when.
    identity      text     NOT NULL
) WITH (fillfactor = 70);
-- How many there are is asked when one is made.
CREATE INDEX console_sessions_caller ON console_sessions (caller);
CREATE INDEX console_sessions_tenant ON console_sessions (tenant);
