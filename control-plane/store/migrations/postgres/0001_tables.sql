-- Times are microseconds since the epoch. Text that is compared or sorted is
-- COLLATE "C": the order of bytes, as in SQLite and in the program.
-- Columns stand in the order of their alignment, so that rows have no gaps.

CREATE TABLE meta (
    key   text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

-- The newest migration that a program must know at least to work on this schema. A
-- migration that the version before cannot work with raises it.
INSERT INTO meta (key, value) VALUES ('minimum_version', '8');

CREATE TABLE tenants (
    config_version      bigint  NOT NULL,
    revision            bigint  NOT NULL,
    create_time         bigint  NOT NULL,
    update_time         bigint  NOT NULL,
    delete_time         bigint,
    -- Of subscriptions that are not deleted.
    subscription_count  bigint  NOT NULL DEFAULT 0,
    -- How long history and payloads are kept; null: as long as the installation keeps them.
    history_retention   bigint,
    payload_retention   bigint,
    allow_insecure_urls boolean NOT NULL,
    id                  text COLLATE "C" PRIMARY KEY,
    display_name        text COLLATE "C" NOT NULL,
    search              text COLLATE "C" NOT NULL,
    labels              text NOT NULL,
    -- What new secrets of the tenant are sealed by; null until it has one.
    data_key            uuid
);
-- Maintenance asks for these.
CREATE INDEX tenants_retention ON tenants (id)
    WHERE history_retention IS NOT NULL OR payload_retention IS NOT NULL;

-- How far the payloads of a tenant that keeps them for less than its history were removed.
CREATE TABLE payload_sweeps (
    begin_time bigint NOT NULL,
    -- The last event looked at.
    position   uuid   NOT NULL,
    tenant     text COLLATE "C" PRIMARY KEY
);

-- What tenants' secrets are sealed by, wrapped by key-encryption keys, which are kept
-- elsewhere; and, of no tenant, the key of the proofs that assignments carry.
CREATE TABLE data_keys (
    create_time bigint NOT NULL,
    id          uuid   NOT NULL,
    tenant      text COLLATE "C" NOT NULL,
    -- The id of the key-encryption key.
    wrapped_by  text COLLATE "C" NOT NULL,
    wrapped     bytea  NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE subscriptions (
    revision        bigint   NOT NULL,
    -- The one since which its requests have been made alike.
    request_revision bigint  NOT NULL,
    -- The tenant's config_version that its last change made.
    config_version  bigint   NOT NULL,
    create_time     bigint   NOT NULL,
    update_time     bigint   NOT NULL,
    delete_time     bigint,
    paused_total_us bigint   NOT NULL,
    paused_since    bigint,
    -- The last sequence number given (ordered delivery).
    sequence        bigint   NOT NULL DEFAULT 0,
    shard           integer  NOT NULL,
    status          smallint NOT NULL,
    tenant          text COLLATE "C" NOT NULL,
    id              text COLLATE "C" NOT NULL,
    region          text COLLATE "C" NOT NULL,
    display_name    text COLLATE "C" NOT NULL,
    url             text COLLATE "C" NOT NULL,
    search          text COLLATE "C" NOT NULL,
    status_reason   text NOT NULL,
    settings        text NOT NULL,
    -- Secrets, sealed by this data key of the tenant's; null once it is deleted.
    data_key        uuid,
    signing_keys    bytea,
    header_values   bytea,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX subscriptions_changed ON subscriptions (tenant, config_version);
CREATE INDEX subscriptions_deleted ON subscriptions (shard) WHERE delete_time IS NOT NULL;

CREATE TABLE events (
    create_time     bigint  NOT NULL,
    matched         integer NOT NULL,
    test            boolean NOT NULL,
    id              uuid    NOT NULL,
    tenant          text COLLATE "C" NOT NULL,
    event_type      text COLLATE "C" NOT NULL,
    account         text COLLATE "C",
    -- JSON; null when there are none.
    attributes      text,
    ordering_key    text,
    content_type    text  NOT NULL,
    payload_sha256  bytea NOT NULL,
    traceparent     text  NOT NULL,
    tracestate      text  NOT NULL,
    idempotency_key text,
    -- JSON: why and when the payload was removed, and its size; null while it is there.
    payload_removal text,
    payload         bytea NOT NULL,
    PRIMARY KEY (tenant, id, create_time)
) PARTITION BY RANGE (create_time);

-- Events that unfinished deliveries still need after their partition is dropped.
CREATE TABLE retained_events (LIKE events, PRIMARY KEY (tenant, id));

CREATE TABLE idempotency_keys (
    expire_time  bigint  NOT NULL,
    -- Of the event.
    create_time  bigint  NOT NULL,
    matched      integer NOT NULL,
    event        uuid    NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    key          text COLLATE "C" NOT NULL,
    request_hash bytea   NOT NULL,
    PRIMARY KEY (tenant, key)
);
-- Keys expire about in the order of their commits; this is read once in a while.
CREATE INDEX idempotency_keys_expire ON idempotency_keys USING brin (expire_time)
    WITH (pages_per_range = 32);

-- Unfinished deliveries only: it stays small, and most rows live for milliseconds,
-- so it is vacuumed early and without pauses.
CREATE TABLE deliveries (
    epoch        bigint   NOT NULL,
    due          bigint   NOT NULL,
    deadline     bigint   NOT NULL,
    sequence     bigint,
    shard        integer  NOT NULL,
    attempts     integer  NOT NULL,
    failures     integer  NOT NULL,
    state        smallint NOT NULL,
    trigger      smallint NOT NULL,
    test         boolean  NOT NULL,
    id           uuid     PRIMARY KEY,
    event        uuid     NOT NULL,
    resend_of    uuid,
    tenant       text COLLATE "C" NOT NULL,
    subscription text COLLATE "C" NOT NULL,
    event_type   text COLLATE "C" NOT NULL,
    account      text COLLATE "C",
    ordering_key text COLLATE "C"
) WITH (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX deliveries_tenant ON deliveries (tenant, id);
-- 1 HELD, 2 WAITING, 3 IN_FLIGHT.
CREATE INDEX deliveries_waiting ON deliveries (shard, tenant, subscription, due) WHERE state = 2;
CREATE INDEX deliveries_waiting_tests ON deliveries (shard, tenant, subscription, due)
    WHERE state = 2 AND test;
CREATE INDEX deliveries_in_flight ON deliveries (shard, epoch, id) WHERE state = 3;
CREATE INDEX deliveries_deadline ON deliveries (tenant, subscription, deadline)
    WHERE state IN (1, 2);

CREATE TABLE ended_deliveries (
    end_time     bigint   NOT NULL,
    epoch        bigint   NOT NULL,
    due          bigint   NOT NULL,
    deadline     bigint   NOT NULL,
    sequence     bigint,
    shard        integer  NOT NULL,
    attempts     integer  NOT NULL,
    failures     integer  NOT NULL,
    state        smallint NOT NULL,
    trigger      smallint NOT NULL,
    end_reason   smallint,
    test         boolean  NOT NULL,
    id           uuid     NOT NULL,
    event        uuid     NOT NULL,
    resend_of    uuid,
    tenant       text COLLATE "C" NOT NULL,
    subscription text COLLATE "C" NOT NULL,
    event_type   text COLLATE "C" NOT NULL,
    account      text COLLATE "C",
    ordering_key text COLLATE "C",
    PRIMARY KEY (tenant, id, end_time)
) PARTITION BY RANGE (end_time);
CREATE INDEX ended_deliveries_subscription ON ended_deliveries (tenant, subscription, id);

-- Deliveries made after their event: those made with it are found by their ids,
-- which carry the event's millisecond.
CREATE TABLE later_deliveries (
    tenant   text COLLATE "C" NOT NULL,
    event    uuid NOT NULL,
    delivery uuid NOT NULL,
    PRIMARY KEY (tenant, event, delivery)
);

-- Partitioned by the time of recording, not of starting: an agent's clock may be
-- wrong by any amount, and a row must always find its partition.
CREATE TABLE attempts (
    record_time             bigint   NOT NULL,
    -- The number of the transaction that wrote it and the base below, for the tail.
    commit_number           bigint   NOT NULL,
    start_time              bigint   NOT NULL,
    total_us                bigint   NOT NULL,
    response_body_bytes     bigint   NOT NULL,
    next_attempt_time       bigint,
    -- The subscription's revision that the request was made with; null when no agent
    -- has said.
    settings_revision       bigint,
    number                  integer  NOT NULL,
    http_status             integer,
    dns_us                  integer,
    connect_us              integer,
    tls_us                  integer,
    first_byte_us           integer,
    outcome                 smallint NOT NULL,
    trigger                 smallint NOT NULL,
    -- Where the delivery stood after it; null when it was no longer kept.
    delivery_state          smallint,
    delivery_end_reason     smallint,
    test                    boolean  NOT NULL,
    response_body_truncated boolean  NOT NULL,
    delivery                uuid     NOT NULL,
    event                   uuid     NOT NULL,
    tenant                  text COLLATE "C" NOT NULL,
    subscription            text COLLATE "C" NOT NULL,
    event_type              text COLLATE "C" NOT NULL,
    agent                   text COLLATE "C" NOT NULL,
    region                  text COLLATE "C" NOT NULL,
    remote_address          text     NOT NULL,
    http_version            text     NOT NULL,
    error                   text     NOT NULL,
    response_headers        bytea    NOT NULL,
    response_body           bytea    NOT NULL
) PARTITION BY RANGE (record_time);
CREATE INDEX attempts_delivery ON attempts (tenant, delivery, number);
-- For lists, newest first. A group of results has one time, so that its entries for a
-- tenant are one.
CREATE INDEX attempts_tenant ON attempts (tenant, record_time);
-- Not BRIN: what autovacuum has not summarised yet is read whole, and the tail looks
-- several times a second at exactly that.
CREATE INDEX attempts_commit ON attempts (commit_number);

-- What is added to the numbers of transactions: after a restore into another cluster,
-- whose own numbers are lower, they go on behind those that attempts have.
CREATE TABLE attempt_numbering (
    base     bigint  NOT NULL,
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one)
);
INSERT INTO attempt_numbering (base) VALUES (0);

CREATE TABLE attempt_stats (
    hour         bigint   NOT NULL,
    outcome      smallint NOT NULL,
    octave       smallint NOT NULL,
    -- Twelve digits for each of up to 64 durations; src/postgres/octaves.rs.
    counts       numeric  NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    subscription text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subscription, hour, outcome, octave)
) WITH (fillfactor = 50);

CREATE TABLE replicas (
    heard   bigint NOT NULL,
    id      text COLLATE "C" PRIMARY KEY,
    address text NOT NULL,
    version text NOT NULL,
    -- Tells processes of one name apart.
    instance bytea NOT NULL
);

CREATE TABLE agent_sightings (
    heard         bigint  NOT NULL,
    clock_skew_us bigint  NOT NULL,
    max_in_flight bigint  NOT NULL,
    in_flight     bigint  NOT NULL,
    draining      boolean NOT NULL,
    agent         text COLLATE "C" NOT NULL,
    replica       text COLLATE "C" NOT NULL,
    region        text COLLATE "C" NOT NULL,
    version       text    NOT NULL,
    incarnation   bytea   NOT NULL,
    PRIMARY KEY (replica, agent)
);

CREATE TABLE shards (
    epoch       bigint  NOT NULL DEFAULT 0,
    lease_until bigint  NOT NULL DEFAULT 0,
    -- The latest time by the clock of a replica that wrote rows of the shard.
    clock       bigint  NOT NULL DEFAULT 0,
    shard       integer PRIMARY KEY,
    owner       text COLLATE "C"
) WITH (fillfactor = 50);

CREATE TABLE region_clocks (
    total_us bigint NOT NULL,
    since    bigint,
    region   text COLLATE "C" PRIMARY KEY
);

-- How long receivers were left alone because they asked for it: before the latest time
-- in all, and from when until when then.
CREATE TABLE hold_clocks (
    total_us     bigint NOT NULL,
    held_since   bigint NOT NULL,
    held_until   bigint NOT NULL,
    version      bigint NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    subscription text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subscription)
) WITH (fillfactor = 50);
CREATE INDEX hold_clocks_until ON hold_clocks (held_until);
