-- What was changed, by whom. Records are held together by keyed hashes, a chain for each
-- tenant and one, '', for what belongs to none. Nothing here is updated but chains.
CREATE TABLE audit_chains (
    -- The last record; 0: there was none.
    sequence             bigint NOT NULL,
    -- The last record that retention removed; 0: none.
    checkpoint_sequence  bigint NOT NULL,
    checkpoint_time      bigint NOT NULL,
    chain                text COLLATE "C" NOT NULL PRIMARY KEY,
    -- The hashes of both.
    hash                 bytea  NOT NULL,
    checkpoint_hash      bytea  NOT NULL,
    -- By the chain's key, over the checkpoint.
    checkpoint_signature bytea  NOT NULL
) WITH (fillfactor = 70);

CREATE TABLE audit_records (
    sequence    bigint  NOT NULL,
    record_time bigint  NOT NULL,
    -- How many differences did not fit.
    left_out    integer NOT NULL,
    chain       text COLLATE "C" NOT NULL,
    -- The hash of the record before it, and its own.
    previous    bytea   NOT NULL,
    hash        bytea   NOT NULL,
    actor       text    NOT NULL,
    address     text    NOT NULL,
    request_id  text    NOT NULL,
    method      text    NOT NULL,
    resource    text    NOT NULL,
    -- JSON: fields before and after.
    changes     text    NOT NULL,
    PRIMARY KEY (chain, sequence)
);

CREATE INDEX audit_records_time ON audit_records (record_time, chain, sequence);
