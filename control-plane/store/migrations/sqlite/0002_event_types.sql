-- The catalogue of event types, and its version: raised by every change of it, in
-- the change's own transaction.
CREATE TABLE catalogue (
    one     INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO catalogue (one, version) VALUES (1, 1);

CREATE TABLE event_types (
    name         TEXT    NOT NULL PRIMARY KEY,
    description  TEXT    NOT NULL,
    group_name   TEXT    NOT NULL,
    validation   INTEGER NOT NULL,
    archive_time INTEGER,
    -- The catalogue's version that wrote it last.
    revision     INTEGER NOT NULL,
    create_time  INTEGER NOT NULL,
    update_time  INTEGER NOT NULL,
    search       TEXT    NOT NULL,
    -- As they were given, byte for byte. Last, since they are long.
    json_schema  TEXT,
    sample       TEXT
) STRICT;
