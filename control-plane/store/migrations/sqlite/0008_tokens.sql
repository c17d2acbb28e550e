-- Callers' tokens, of which only hashes are kept.
CREATE TABLE tokens (
    id            TEXT    NOT NULL PRIMARY KEY,
    -- SHA-256 of the token's text.
    hash          BLOB    NOT NULL,
    -- 1 SERVICE, 2 PORTAL.
    kind          INTEGER NOT NULL,
    display_name  TEXT    NOT NULL,
    -- JSON: roles and where they hold.
    grants        TEXT    NOT NULL,
    created_by    TEXT    NOT NULL,
    create_time   INTEGER NOT NULL,
    expire_time   INTEGER,
    revoke_time   INTEGER,
    -- Written at most once a minute.
    last_use_time INTEGER
) STRICT, WITHOUT ROWID;
