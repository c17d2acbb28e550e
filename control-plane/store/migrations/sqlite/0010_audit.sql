-- What was changed, by whom. Records are held together by keyed hashes, a chain for each
-- tenant and one, '', for what belongs to none. Nothing here is updated but chains.
CREATE TABLE audit_chains (
    chain                TEXT    NOT NULL PRIMARY KEY,
    -- The last record; 0: there was none.
    sequence             INTEGER NOT NULL,
    hash                 BLOB    NOT NULL,
    -- The last record that retention removed; 0: none.
    checkpoint_sequence  INTEGER NOT NULL,
    checkpoint_hash      BLOB    NOT NULL,
    checkpoint_time      INTEGER NOT NULL,
    -- By the chain's key, over the checkpoint.
    checkpoint_signature BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_records (
    chain       TEXT    NOT NULL,
    sequence    INTEGER NOT NULL,
    -- The hash of the record before it, and its own.
    previous    BLOB    NOT NULL,
    hash        BLOB    NOT NULL,
    record_time INTEGER NOT NULL,
    actor       TEXT    NOT NULL,
    address     TEXT    NOT NULL,
    request_id  TEXT    NOT NULL,
    method      TEXT    NOT NULL,
    resource    TEXT    NOT NULL,
    -- JSON: fields before and after.
    changes     TEXT    NOT NULL,
    -- How many differences did not fit.
    left_out    INTEGER NOT NULL,
    PRIMARY KEY (chain, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX audit_records_time ON audit_records (record_time, chain, sequence);
