-- Long-running operations. Few: a row for each replay, backfill or expunge.
CREATE TABLE operations (
    tenant      TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    shard       INTEGER NOT NULL,
    -- 1 RUNNING, 2 SUCCEEDED, 3 CANCELLED, 4 FAILED.
    state       INTEGER NOT NULL,
    failure     INTEGER,
    -- The last id looked at.
    cursor      BLOB,
    examined    INTEGER NOT NULL,
    made        INTEGER NOT NULL,
    unfinished  INTEGER NOT NULL,
    payload_bytes INTEGER NOT NULL,
    create_time INTEGER NOT NULL,
    end_time    INTEGER,
    -- JSON: what to do.
    task        TEXT    NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX operations_running ON operations (shard) WHERE state = 1;
CREATE INDEX operations_ended ON operations (end_time) WHERE end_time IS NOT NULL;
