-- What is to be told about Postrider itself, until it is published. `id` is the
-- same for the same occurrence; `seq` is the order in which things happened.
CREATE TABLE outbox (
    seq          INTEGER PRIMARY KEY AUTOINCREMENT,
    shard        INTEGER NOT NULL,
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    event_type   TEXT    NOT NULL,
    payload      TEXT    NOT NULL
) STRICT;

CREATE UNIQUE INDEX outbox_id ON outbox (tenant, id);
CREATE INDEX outbox_shard ON outbox (shard, seq);

-- Endpoints that have done nothing but fail since a moment.
CREATE TABLE failing_endpoints (
    tenant        TEXT    NOT NULL,
    subscription  TEXT    NOT NULL,
    shard         INTEGER NOT NULL,
    failing_since INTEGER NOT NULL,
    stage         INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;

CREATE INDEX failing_endpoints_shard ON failing_endpoints (shard);
