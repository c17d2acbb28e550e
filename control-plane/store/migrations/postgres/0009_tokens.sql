-- Callers' tokens, of which only hashes are kept.
CREATE TABLE tokens (
    create_time   bigint   NOT NULL,
    expire_time   bigint,
    revoke_time   bigint,
    -- Written at most once a minute.
    last_use_time bigint,
    -- 1 SERVICE, 2 PORTAL.
    kind          smallint NOT NULL,
    id            text COLLATE "C" NOT NULL PRIMARY KEY,
    -- SHA-256 of the token's text.
    hash          bytea    NOT NULL,
    display_name  text     NOT NULL,
    -- JSON: roles and where they hold.
    grants        text     NOT NULL,
    created_by    text     NOT NULL
) WITH (fillfactor = 70);
