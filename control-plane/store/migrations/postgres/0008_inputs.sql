-- Batches are given to a statement as one array of rows: `unnest` of one array for
-- each column makes a row of each element, and puts together the rows anew. A type
-- belongs to the statements of a version of the program that is running: one that
-- needs other columns makes a type of another name.

CREATE TYPE event_input AS (
    config          integer,
    tenant          text COLLATE "C",
    id              uuid,
    create_time     bigint,
    event_type      text COLLATE "C",
    account         text COLLATE "C",
    attributes      text,
    ordering_key    text,
    content_type    text,
    payload_sha256  bytea,
    traceparent     text,
    tracestate      text,
    idempotency_key text,
    matched         integer,
    test            boolean,
    payload         bytea
);

CREATE TYPE delivery_input AS (
    -- Its place in the batch, from 1.
    ord           integer,
    config        integer,
    -- Its subscription among those that number it, and its place among what that
    -- numbers; null when it is given no number.
    lane          integer,
    place         integer,
    id            uuid,
    tenant        text COLLATE "C",
    subscription  text COLLATE "C",
    event         uuid,
    event_type    text COLLATE "C",
    account       text COLLATE "C",
    shard         integer,
    epoch         bigint,
    state         smallint,
    attempts      integer,
    failures      integer,
    trigger       smallint,
    due           bigint,
    deadline      bigint,
    ordering_key  text COLLATE "C",
    sequence      bigint,
    test          boolean,
    resend_of     uuid,
    filter_failed boolean,
    end_reason    smallint,
    end_time      bigint
);

CREATE TYPE key_input AS (
    config       integer,
    tenant       text COLLATE "C",
    key          text COLLATE "C",
    event        uuid,
    matched      integer,
    request_hash bytea,
    expire_time  bigint,
    create_time  bigint
);

CREATE TYPE attempt_input AS (
    delivery                uuid,
    number                  integer,
    tenant                  text COLLATE "C",
    subscription            text COLLATE "C",
    event                   uuid,
    event_type              text COLLATE "C",
    outcome                 smallint,
    http_status             integer,
    start_time              bigint,
    dns_us                  integer,
    connect_us              integer,
    tls_us                  integer,
    first_byte_us           integer,
    total_us                bigint,
    response_headers        bytea,
    response_body           bytea,
    response_body_bytes     bigint,
    response_body_truncated boolean,
    error                   text,
    agent                   text COLLATE "C",
    region                  text COLLATE "C",
    remote_address          text,
    http_version            text,
    trigger                 smallint,
    test                    boolean,
    next_attempt_time       bigint,
    settings_revision       bigint,
    delivery_state          smallint,
    delivery_end_reason     smallint,
    -- What it is counted as; null when it is not counted.
    tally                   integer
);

-- Deliveries in flight are found by their ids or in their shard: an index entry less
-- for each that succeeds at once.
DROP INDEX deliveries_tenant;
CREATE INDEX deliveries_tenant ON deliveries (tenant, id) WHERE state IN (1, 2);
