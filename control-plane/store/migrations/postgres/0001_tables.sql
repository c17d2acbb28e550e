-- Times are microseconds since the epoch. Text that is compared or sorted is
-- COLLATE "C": the order of bytes, as in SQLite and in the program.
-- Columns stand in the order of their alignment, so that rows have no gaps.

CREATE TABLE meta (
    key   text COLLATE "C" PRIMARY KEY,
    value text NOT NULL
);

-- The newest migration that a program must know at least to work on this schema. A
-- migration that the version before cannot work with raises it.
INSERT INTO meta (key, value) VALUES ('minimum_version', '1');

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
    -- How receivers recognise the sender, encrypted; absent where a subscription has nothing of
    -- the kind. And when it is warned next that a certificate among them ends.
    credentials     bytea,
    certificate_warning bigint,
    PRIMARY KEY (tenant, id)
);
CREATE INDEX subscriptions_changed ON subscriptions (tenant, config_version);
CREATE INDEX subscriptions_deleted ON subscriptions (shard) WHERE delete_time IS NOT NULL;
CREATE INDEX subscriptions_certificate_warning ON subscriptions (certificate_warning)
    WHERE certificate_warning IS NOT NULL;

-- The last number given to a subscription's deliveries (invariant `gapless-sequence`). Apart from the
-- subscription, and narrow: every publish writes it.
CREATE TABLE subscription_sequences (
    sequence     bigint  NOT NULL,
    tenant       integer NOT NULL,
    subscription integer NOT NULL,
    PRIMARY KEY (tenant, subscription)
) WITH (
    fillfactor = 50,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0
);

-- Numbers that stand for tenants and subscriptions in what there is a great deal of. They
-- outlive both: whoever is made again under an id has its number, and so its history. They
-- follow from the names, and are above 0; src/postgres/numbers.rs.
CREATE TABLE tenant_numbers (
    number integer PRIMARY KEY,
    id     text COLLATE "C" NOT NULL UNIQUE
);

CREATE TABLE subscription_numbers (
    number integer PRIMARY KEY,
    tenant text COLLATE "C" NOT NULL,
    id     text COLLATE "C" NOT NULL,
    UNIQUE (tenant, id)
);

CREATE TABLE events (
    create_time     bigint  NOT NULL,
    matched         integer NOT NULL,
    tenant          integer NOT NULL,
    test            boolean NOT NULL,
    id              uuid    NOT NULL,
    event_type      text COLLATE "C" NOT NULL,
    account         text COLLATE "C",
    -- JSON; null when there are none.
    attributes      text,
    ordering_key    text,
    -- Null: application/json.
    content_type    text,
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
    tenant       integer  NOT NULL,
    subscription integer  NOT NULL,
    state        smallint NOT NULL,
    trigger      smallint NOT NULL,
    test         boolean  NOT NULL,
    id           uuid     PRIMARY KEY,
    event        uuid     NOT NULL,
    resend_of    uuid,
    event_type   text COLLATE "C" NOT NULL,
    account      text COLLATE "C",
    ordering_key text COLLATE "C",
    -- Whether the subscription's content filter failed on the event.
    filter_failed boolean NOT NULL DEFAULT false
) WITH (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0
);
-- Deliveries in flight are found by their ids or in their shard: an index entry less
-- for each that succeeds at once.
CREATE INDEX deliveries_tenant ON deliveries (tenant, id) WHERE state IN (1, 2);
-- 1 HELD, 2 WAITING, 3 IN_FLIGHT.
CREATE INDEX deliveries_waiting ON deliveries (shard, tenant, subscription, due) WHERE state = 2;
CREATE INDEX deliveries_waiting_tests ON deliveries (shard, tenant, subscription, due)
    WHERE state = 2 AND test;
CREATE INDEX deliveries_in_flight ON deliveries (shard, epoch, id) WHERE state = 3;
CREATE INDEX deliveries_deadline ON deliveries (tenant, subscription, deadline)
    WHERE state IN (1, 2);
-- Ordered delivery. Of the rows of an ordering key that are not finished at most
-- one is WAITING (2) or IN_FLIGHT (3); the others are HELD (1).
CREATE INDEX deliveries_held ON deliveries (tenant, subscription, ordering_key, sequence)
    WHERE state = 1;
CREATE INDEX deliveries_held_event ON deliveries (tenant, subscription, ordering_key, event)
    WHERE state = 1;
CREATE INDEX deliveries_key_under_way ON deliveries (tenant, subscription, ordering_key)
    WHERE state IN (2, 3) AND ordering_key IS NOT NULL;

-- Keys of which nothing goes on before `quiet_until`, and while `held` nothing but
-- deliveries of `event`.
CREATE TABLE held_keys (
    quiet_until  bigint  NOT NULL,
    held         boolean NOT NULL,
    event        uuid    NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    subscription text COLLATE "C" NOT NULL,
    ordering_key text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subscription, ordering_key)
);
CREATE INDEX held_keys_quiet ON held_keys (quiet_until) WHERE NOT held;

CREATE TABLE ended_deliveries (
    end_time                bigint   NOT NULL,
    due                     bigint   NOT NULL,
    deadline                bigint   NOT NULL,
    sequence                bigint,
    -- The attempt that ended it, as a row of attempts would have it: of the number
    -- `attempts`, recorded at `end_time`, after which the delivery stood as it stands. All of
    -- it is null where no attempt ended it, or where a late result changed something since:
    -- then the attempt is in attempts.
    commit_number           bigint,
    start_time              bigint,
    total_us                bigint,
    response_body_bytes     bigint,
    settings_revision       bigint,
    attempts                integer  NOT NULL,
    failures                integer  NOT NULL,
    http_status             integer,
    dns_us                  integer,
    connect_us              integer,
    tls_us                  integer,
    first_byte_us           integer,
    tenant                  integer  NOT NULL,
    subscription            integer  NOT NULL,
    state                   smallint NOT NULL,
    trigger                 smallint NOT NULL,
    end_reason              smallint,
    -- Null: there is no attempt here.
    outcome                 smallint,
    test                    boolean  NOT NULL,
    filter_failed           boolean  NOT NULL,
    response_body_truncated boolean,
    id                      uuid     NOT NULL,
    event                   uuid     NOT NULL,
    resend_of               uuid,
    event_type              text COLLATE "C" NOT NULL,
    account                 text COLLATE "C",
    ordering_key            text COLLATE "C",
    agent                   text COLLATE "C",
    region                  text COLLATE "C",
    remote_address          text,
    http_version            text,
    error                   text,
    response_headers        bytea,
    response_body           bytea,
    PRIMARY KEY (tenant, id, end_time)
) PARTITION BY RANGE (end_time);
CREATE INDEX ended_deliveries_subscription ON ended_deliveries (tenant, subscription, id);
-- As attempts_tenant and attempts_commit. Where a row is found by its id, it is asked whether
-- its outcome is null, which no plan can take for the condition of these.
CREATE INDEX ended_deliveries_tenant ON ended_deliveries (tenant, end_time)
    WHERE commit_number IS NOT NULL;
CREATE INDEX ended_deliveries_commit ON ended_deliveries (commit_number)
    WHERE commit_number IS NOT NULL;

-- Deliveries made after their event: those made with it are found by their ids,
-- which carry the event's millisecond.
CREATE TABLE later_deliveries (
    tenant   integer NOT NULL,
    event    uuid    NOT NULL,
    delivery uuid    NOT NULL,
    PRIMARY KEY (tenant, event, delivery)
);

-- Attempts that their deliveries went on from, and those whose results came late. Most others
-- are in ended_deliveries. Partitioned by the time of recording, not of starting: an agent's
-- clock may be wrong by any amount, and a row must always find its partition.
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
    tenant                  integer  NOT NULL,
    subscription            integer  NOT NULL,
    outcome                 smallint NOT NULL,
    trigger                 smallint NOT NULL,
    -- Where the delivery stood after it; null when it was no longer kept.
    delivery_state          smallint,
    delivery_end_reason     smallint,
    test                    boolean  NOT NULL,
    response_body_truncated boolean  NOT NULL,
    delivery                uuid     NOT NULL,
    event                   uuid     NOT NULL,
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
    tenant       integer  NOT NULL,
    subscription integer  NOT NULL,
    outcome      smallint NOT NULL,
    octave       smallint NOT NULL,
    -- Twelve digits for each of up to 64 durations; src/postgres/octaves.rs.
    counts       numeric  NOT NULL,
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

-- The catalogue of event types, and its version: raised by every change of it, in
-- the change's own transaction, so that changes happen one after the other.
CREATE TABLE catalogue (
    one     boolean PRIMARY KEY DEFAULT true CHECK (one),
    version bigint  NOT NULL
);
INSERT INTO catalogue (version) VALUES (1);

CREATE TABLE event_types (
    -- The catalogue's version that wrote it last.
    revision     bigint   NOT NULL,
    create_time  bigint   NOT NULL,
    update_time  bigint   NOT NULL,
    archive_time bigint,
    validation   smallint NOT NULL,
    name         text COLLATE "C" PRIMARY KEY,
    group_name   text COLLATE "C" NOT NULL,
    search       text COLLATE "C" NOT NULL,
    description  text NOT NULL,
    -- As they were given, byte for byte.
    json_schema  text,
    sample       text
);

-- What is to be told about Postrider itself, until it is published. `id` is the
-- same for the same occurrence. `seq` is the order in which things happened to one
-- subscription: whatever it is told about changes a row of its own first.
CREATE TABLE outbox (
    seq          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    shard        integer NOT NULL,
    tenant       text COLLATE "C" NOT NULL,
    subscription text COLLATE "C" NOT NULL,
    id           text COLLATE "C" NOT NULL,
    event_type   text NOT NULL,
    payload      text NOT NULL,
    UNIQUE (tenant, id)
);
CREATE INDEX outbox_shard ON outbox (shard, seq);

-- Endpoints that have done nothing but fail since a moment.
CREATE TABLE failing_endpoints (
    failing_since bigint   NOT NULL,
    shard         integer  NOT NULL,
    stage         smallint NOT NULL,
    tenant        text COLLATE "C" NOT NULL,
    subscription  text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, subscription)
);
CREATE INDEX failing_endpoints_shard ON failing_endpoints (shard);

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
    created_by    text     NOT NULL,
    -- Which tenant it counts for: the first of those that it holds in; '' where it holds
    -- in the whole installation.
    tenant        text COLLATE "C" NOT NULL DEFAULT ''
) WITH (fillfactor = 70);
-- How many there are is asked when one is made.
CREATE INDEX tokens_tenant ON tokens (tenant);
CREATE INDEX tokens_maker ON tokens (created_by);

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

-- Sessions of the web console, and the codes of portals' links, of whose ids only hashes are
-- kept, and no credential.
CREATE TABLE console_sessions (
    create_time   bigint   NOT NULL,
    -- Written at most once a minute.
    last_use_time bigint   NOT NULL,
    expire_time   bigint   NOT NULL,
    -- 1 SESSION, 2 PORTAL_CODE.
    kind          smallint NOT NULL,
    -- SHA-256 of the id.
    hash          bytea    NOT NULL PRIMARY KEY,
    -- As logs name callers.
    caller        text COLLATE "C" NOT NULL,
    -- Which tenant it counts for; '' where the caller has a role in the installation.
    tenant        text COLLATE "C" NOT NULL,
    -- JSON: who, with which roles, until when.
    identity      text     NOT NULL
) WITH (fillfactor = 70);
-- How many there are is asked when one is made.
CREATE INDEX console_sessions_caller ON console_sessions (caller);
CREATE INDEX console_sessions_tenant ON console_sessions (tenant);

-- Batches are given to a statement as one array of rows: `unnest` of one array for
-- each column makes a row of each element, and puts together the rows anew. A type
-- belongs to the statements of a version of the program that is running: one that
-- needs other columns makes a type of another name.

CREATE TYPE event_input AS (
    config          integer,
    tenant          integer,
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
    tenant        integer,
    subscription  integer,
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
    tenant                  integer,
    subscription            integer,
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
    tally                   integer,
    -- Of the delivery that it ends; null where it ends none.
    failures                integer,
    due                     bigint,
    deadline                bigint,
    sequence                bigint,
    resend_of               uuid,
    account                 text COLLATE "C",
    ordering_key            text COLLATE "C",
    filter_failed           boolean,
    end_time                bigint
);
