-- Sessions of the web console, and the codes of portals' links, of whose ids only hashes are
-- kept, and no credential.
CREATE TABLE console_sessions (
    -- SHA-256 of the id.
    hash          BLOB    NOT NULL PRIMARY KEY,
    -- 1 SESSION, 2 PORTAL_CODE.
    kind          INTEGER NOT NULL,
    -- As logs name callers.
    caller        TEXT    NOT NULL,
    -- Which tenant it counts for; '' where the caller has a role in the installation.
    tenant        TEXT    NOT NULL,
    -- JSON: who, with which roles, until when.
    identity      TEXT    NOT NULL,
    create_time   INTEGER NOT NULL,
    -- Written at most once a minute.
    last_use_time INTEGER NOT NULL,
    expire_time   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- How many there are is asked when one is made.
CREATE INDEX console_sessions_caller ON console_sessions (caller);
CREATE INDEX console_sessions_tenant ON console_sessions (tenant);
