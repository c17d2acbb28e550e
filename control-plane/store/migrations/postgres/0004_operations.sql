-- Long-running operations. Few: a row for each replay, backfill or expunge.
CREATE TABLE operations (
    examined    bigint   NOT NULL,
    made        bigint   NOT NULL,
    unfinished  bigint   NOT NULL,
    payload_bytes bigint NOT NULL,
    create_time bigint   NOT NULL,
    end_time    bigint,
    shard       integer  NOT NULL,
    -- 1 RUNNING, 2 SUCCEEDED, 3 CANCELLED, 4 FAILED.
    state       smallint NOT NULL,
    failure     smallint,
    id          uuid     NOT NULL,
    -- The last id looked at.
    cursor      uuid,
    tenant      text COLLATE "C" NOT NULL,
    -- JSON: what to do.
    task        text     NOT NULL,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 50);
CREATE INDEX operations_running ON operations (shard) WHERE state = 1;
CREATE INDEX operations_ended ON operations (end_time) WHERE end_time IS NOT NULL;
