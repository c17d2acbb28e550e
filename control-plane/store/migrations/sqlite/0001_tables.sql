-- Times are microseconds since the Unix epoch, ids 16 bytes, states and the like
-- the small numbers that the domain gives them. `seq` is the order of commits:
-- one connection writes, so rows of a higher `seq` were never committed earlier.

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The newest migration that a program must know at least to work on this schema. A
-- migration that the version before cannot work with raises it.
INSERT INTO meta (name, value) VALUES ('minimum_version', '1');

CREATE TABLE tenants (
    id                  TEXT    NOT NULL PRIMARY KEY,
    display_name        TEXT    NOT NULL,
    allow_insecure_urls INTEGER NOT NULL,
    labels              TEXT    NOT NULL,
    -- How long history and payloads are kept; null: as long as the installation keeps them.
    history_retention   INTEGER,
    payload_retention   INTEGER,
    -- In lower case, what a search looks through.
    search              TEXT    NOT NULL,
    config_version      INTEGER NOT NULL,
    revision            INTEGER NOT NULL,
    create_time         INTEGER NOT NULL,
    update_time         INTEGER NOT NULL,
    delete_time         INTEGER,
    -- Of subscriptions that are not deleted.
    subscription_count  INTEGER NOT NULL DEFAULT 0,
    -- What new secrets of the tenant are sealed by; null until it has one.
    data_key            BLOB
) STRICT, WITHOUT ROWID;
-- Maintenance asks for these.
CREATE INDEX tenants_retention ON tenants (id)
    WHERE history_retention IS NOT NULL OR payload_retention IS NOT NULL;

-- How far the payloads of a tenant that keeps them for less than its history were removed.
CREATE TABLE payload_sweeps (
    tenant     TEXT    NOT NULL PRIMARY KEY,
    -- The last event looked at.
    position   BLOB    NOT NULL,
    begin_time INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What tenants' secrets are sealed by, wrapped by key-encryption keys, which are kept
-- elsewhere; and, of no tenant, the key of the proofs that assignments carry.
CREATE TABLE data_keys (
    tenant      TEXT    NOT NULL,
    id          BLOB    NOT NULL,
    -- The id of the key-encryption key.
    wrapped_by  TEXT    NOT NULL,
    wrapped     BLOB    NOT NULL,
    create_time INTEGER NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE subscriptions (
    tenant        TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    shard         INTEGER NOT NULL,
    display_name  TEXT    NOT NULL,
    url           TEXT    NOT NULL,
    region        TEXT    NOT NULL,
    status        INTEGER NOT NULL,
    status_reason TEXT    NOT NULL,
    settings      TEXT    NOT NULL,
    -- Secrets, sealed by this data key of the tenant's; null once it is deleted.
    data_key      BLOB,
    signing_keys  BLOB,
    header_values BLOB,
    search        TEXT    NOT NULL,
    paused_total  INTEGER NOT NULL,
    paused_since  INTEGER,
    revision      INTEGER NOT NULL,
    -- The one since which its requests have been made alike.
    request_revision INTEGER NOT NULL,
    -- The tenant's config_version that its last change made.
    config_version INTEGER NOT NULL,
    create_time   INTEGER NOT NULL,
    update_time   INTEGER NOT NULL,
    delete_time   INTEGER,
    -- How receivers recognise the sender, encrypted; absent where a subscription has nothing of
    -- the kind. And when it is warned next that a certificate among them ends.
    credentials   BLOB,
    certificate_warning INTEGER,
    PRIMARY KEY (tenant, id)
) STRICT;

CREATE INDEX subscriptions_changed ON subscriptions (tenant, config_version);
CREATE INDEX subscriptions_deleted ON subscriptions (shard) WHERE delete_time IS NOT NULL;
CREATE INDEX subscriptions_certificate_warning ON subscriptions (certificate_warning)
    WHERE certificate_warning IS NOT NULL;

-- The last number given to a subscription's deliveries (invariant `gapless-sequence`). Apart from the
-- subscription, and narrow: every publish writes it.
CREATE TABLE subscription_sequences (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    sequence     INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;

CREATE TABLE events (
    seq             INTEGER PRIMARY KEY,
    tenant          TEXT    NOT NULL,
    id              BLOB    NOT NULL,
    event_type      TEXT    NOT NULL,
    account         TEXT,
    attributes      TEXT,
    ordering_key    TEXT,
    -- Null: application/json.
    content_type    TEXT,
    payload_sha256  BLOB    NOT NULL,
    traceparent     TEXT    NOT NULL,
    tracestate      TEXT    NOT NULL,
    idempotency_key TEXT,
    matched         INTEGER NOT NULL,
    test            INTEGER NOT NULL,
    -- JSON: why and when the payload was removed, and its size; null while it is there.
    payload_removal TEXT,
    -- Last, so that reading the others does not walk its overflow pages.
    payload         BLOB    NOT NULL
) STRICT;

CREATE UNIQUE INDEX events_id ON events (tenant, id);

CREATE TABLE idempotency_keys (
    seq          INTEGER PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    key          TEXT    NOT NULL,
    event        BLOB    NOT NULL,
    matched      INTEGER NOT NULL,
    request_hash BLOB    NOT NULL,
    expire_time  INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX idempotency_keys_key ON idempotency_keys (tenant, key);

-- What is not finished. Small while all goes well: everything ends elsewhere.
CREATE TABLE deliveries (
    id           BLOB    NOT NULL PRIMARY KEY,
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    event        BLOB    NOT NULL,
    event_type   TEXT    NOT NULL,
    account      TEXT,
    shard        INTEGER NOT NULL,
    epoch        INTEGER NOT NULL,
    state        INTEGER NOT NULL,
    end_reason   INTEGER,
    attempts     INTEGER NOT NULL,
    failures     INTEGER NOT NULL,
    cause        INTEGER NOT NULL,
    due          INTEGER NOT NULL,
    deadline     INTEGER NOT NULL,
    end_time     INTEGER,
    ordering_key TEXT,
    sequence     INTEGER,
    test         INTEGER NOT NULL,
    resend_of    BLOB,
    -- Whether the subscription's content filter failed on the event.
    filter_failed INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;

CREATE INDEX deliveries_tenant ON deliveries (tenant, id);
CREATE INDEX deliveries_in_flight ON deliveries (shard, epoch) WHERE state = 3;
CREATE INDEX deliveries_waiting ON deliveries (shard, tenant, subscription, due) WHERE state = 2;
CREATE INDEX deliveries_waiting_tests ON deliveries (tenant, subscription, due)
    WHERE state = 2 AND test = 1;
CREATE INDEX deliveries_deadline ON deliveries (tenant, subscription, state, deadline)
    WHERE state = 1 OR state = 2;

-- Ordered delivery. Of the rows of an ordering key that are not finished at most
-- one is WAITING (2) or IN_FLIGHT (3); the others are HELD (1).
CREATE INDEX deliveries_held ON deliveries (tenant, subscription, ordering_key, sequence)
    WHERE state = 1;
CREATE INDEX deliveries_held_event ON deliveries (tenant, subscription, ordering_key, event)
    WHERE state = 1;
CREATE INDEX deliveries_key_under_way ON deliveries (tenant, subscription, ordering_key)
    WHERE state > 1 AND ordering_key IS NOT NULL;

-- Keys of which nothing goes on before `quiet_until`, and while `held` nothing but
-- deliveries of `event`.
CREATE TABLE held_keys (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    ordering_key TEXT    NOT NULL,
    event        BLOB    NOT NULL,
    held         INTEGER NOT NULL,
    quiet_until  INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription, ordering_key)
) STRICT, WITHOUT ROWID;
CREATE INDEX held_keys_quiet ON held_keys (quiet_until) WHERE held = 0;

-- AUTOINCREMENT, as in attempts: an attempt in a row of these is in the tail at its `seq`.
CREATE TABLE ended_deliveries (
    seq                     INTEGER PRIMARY KEY AUTOINCREMENT,
    id                      BLOB    NOT NULL,
    tenant                  TEXT    NOT NULL,
    subscription            TEXT    NOT NULL,
    event                   BLOB    NOT NULL,
    event_type              TEXT    NOT NULL,
    account                 TEXT,
    state                   INTEGER NOT NULL,
    end_reason              INTEGER,
    attempts                INTEGER NOT NULL,
    failures                INTEGER NOT NULL,
    cause                   INTEGER NOT NULL,
    due                     INTEGER NOT NULL,
    deadline                INTEGER NOT NULL,
    end_time                INTEGER NOT NULL,
    ordering_key            TEXT,
    sequence                INTEGER,
    test                    INTEGER NOT NULL,
    resend_of               BLOB,
    filter_failed           INTEGER NOT NULL,
    -- The attempt that ended it, as a row of attempts would have it: of the number
    -- `attempts`, recorded at `end_time`, after which the delivery stood as it stands. There
    -- is none where this is null: no attempt ended it, or its attempt is in attempts, since
    -- a late result was recorded before, or changed something since.
    outcome                 INTEGER,
    http_status             INTEGER,
    start_time              INTEGER,
    dns                     INTEGER,
    connect                 INTEGER,
    tls                     INTEGER,
    first_byte              INTEGER,
    total                   INTEGER,
    settings_revision       INTEGER,
    response_body_bytes     INTEGER,
    response_body_truncated INTEGER,
    agent                   TEXT,
    region                  TEXT,
    remote_address          TEXT,
    http_version            TEXT,
    error                   TEXT,
    response_headers        BLOB,
    response_body           BLOB
) STRICT;

CREATE UNIQUE INDEX ended_deliveries_id ON ended_deliveries (tenant, id);
CREATE INDEX ended_deliveries_subscription ON ended_deliveries (tenant, subscription, id);
-- As attempts_tenant.
CREATE INDEX ended_deliveries_tenant ON ended_deliveries (tenant, end_time)
    WHERE outcome IS NOT NULL;

-- Deliveries made after their event: by a resend, a replay.
CREATE TABLE later_deliveries (
    tenant   TEXT NOT NULL,
    event    BLOB NOT NULL,
    delivery BLOB NOT NULL,
    PRIMARY KEY (tenant, event, delivery)
) STRICT, WITHOUT ROWID;

-- Attempts that their deliveries went on from, and those whose results came late; most others
-- are in ended_deliveries. The `seq` of either is above all of both until then.
-- AUTOINCREMENT, since a `seq` used again would be behind a tail that passed it.
CREATE TABLE attempts (
    seq                     INTEGER PRIMARY KEY AUTOINCREMENT,
    record_time             INTEGER NOT NULL,
    tenant                  TEXT    NOT NULL,
    delivery                BLOB    NOT NULL,
    number                  INTEGER NOT NULL,
    subscription            TEXT    NOT NULL,
    event                   BLOB    NOT NULL,
    event_type              TEXT    NOT NULL,
    outcome                 INTEGER NOT NULL,
    http_status             INTEGER,
    start_time              INTEGER NOT NULL,
    dns                     INTEGER,
    connect                 INTEGER,
    tls                     INTEGER,
    first_byte              INTEGER,
    total                   INTEGER NOT NULL,
    response_headers        BLOB    NOT NULL,
    response_body           BLOB    NOT NULL,
    response_body_bytes     INTEGER NOT NULL,
    response_body_truncated INTEGER NOT NULL,
    error                   TEXT    NOT NULL,
    agent                   TEXT    NOT NULL,
    region                  TEXT    NOT NULL,
    remote_address          TEXT    NOT NULL,
    http_version            TEXT    NOT NULL,
    cause                   INTEGER NOT NULL,
    test                    INTEGER NOT NULL,
    next_attempt_time       INTEGER,
    -- The subscription's revision that the request was made with; null when no agent
    -- has said.
    settings_revision       INTEGER,
    -- Where the delivery stood after it; null when it was no longer kept.
    delivery_state          INTEGER,
    delivery_end_reason     INTEGER
) STRICT;

CREATE UNIQUE INDEX attempts_number ON attempts (tenant, delivery, number);
-- For lists, newest first.
CREATE INDEX attempts_tenant ON attempts (tenant, record_time);

CREATE TABLE attempt_stats (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    hour         INTEGER NOT NULL,
    outcome      INTEGER NOT NULL,
    -- Of each duration; src/sqlite/histogram.rs.
    counts       BLOB    NOT NULL,
    PRIMARY KEY (tenant, subscription, hour, outcome)
) STRICT, WITHOUT ROWID;

CREATE INDEX attempt_stats_hour ON attempt_stats (hour);

CREATE TABLE replicas (
    id      TEXT    NOT NULL PRIMARY KEY,
    address TEXT    NOT NULL,
    version TEXT    NOT NULL,
    heard   INTEGER NOT NULL,
    -- Tells processes of one name apart.
    instance BLOB   NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE agent_sightings (
    agent         TEXT    NOT NULL,
    replica       TEXT    NOT NULL,
    incarnation   BLOB    NOT NULL,
    region        TEXT    NOT NULL,
    version       TEXT    NOT NULL,
    max_in_flight INTEGER NOT NULL,
    in_flight     INTEGER NOT NULL,
    draining      INTEGER NOT NULL,
    clock_skew_us INTEGER NOT NULL,
    heard         INTEGER NOT NULL,
    PRIMARY KEY (agent, replica)
) STRICT, WITHOUT ROWID;

CREATE TABLE shards (
    shard       INTEGER NOT NULL PRIMARY KEY,
    epoch       INTEGER NOT NULL,
    owner       TEXT,
    lease_until INTEGER NOT NULL,
    -- The latest time by the clock of a process that wrote rows of the shard.
    clock       INTEGER NOT NULL DEFAULT 0
) STRICT;

CREATE TABLE region_clocks (
    region        TEXT    NOT NULL PRIMARY KEY,
    stopped_total INTEGER NOT NULL,
    stopped_since INTEGER
) STRICT, WITHOUT ROWID;

-- How long receivers were left alone because they asked for it: before the latest time
-- in all, and from when until when then.
CREATE TABLE hold_clocks (
    tenant       TEXT    NOT NULL,
    subscription TEXT    NOT NULL,
    total        INTEGER NOT NULL,
    held_since   INTEGER NOT NULL,
    held_until   INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    PRIMARY KEY (tenant, subscription)
) STRICT, WITHOUT ROWID;
CREATE INDEX hold_clocks_until ON hold_clocks (held_until);

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

-- Callers' tokens, of which only hashes are kept.
CREATE TABLE tokens (
    id            TEXT    NOT NULL PRIMARY KEY,
    -- SHA-256 of the token's text.
    hash          BLOB    NOT NULL,
    -- 1 SERVICE, 2 PORTAL.
    kind          INTEGER NOT NULL,
    display_name  TEXT    NOT NULL,
    -- JSON: roles and where they hold.
    grants        TEXT    NOT NULL,
    created_by    TEXT    NOT NULL,
    create_time   INTEGER NOT NULL,
    expire_time   INTEGER,
    revoke_time   INTEGER,
    -- Written at most once a minute.
    last_use_time INTEGER,
    -- Which tenant it counts for: the first of those that it holds in; '' where it holds
    -- in the whole installation.
    tenant        TEXT    NOT NULL DEFAULT ''
) STRICT, WITHOUT ROWID;

-- How many there are is asked when one is made.
CREATE INDEX tokens_tenant ON tokens (tenant);
CREATE INDEX tokens_maker ON tokens (created_by);

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

-- Sessions of the web console, and the codes of portals' links, of whose ids only hashes are
-- kept, and no credential.
CREATE TABLE console_sessions (
    -- SHA-256 of the id.
    hash          BLOB    NOT NULL PRIMARY KEY,
    -- 1 SESSION, 2 PORTAL_CODE.
    kind          INTEGER NOT NULL,
    -- As logs name callers.
    caller        TEXT    NOT NULL,
    -- Which tenant it counts for; '' where the caller has a role in the installation.
    tenant        TEXT    NOT NULL,
    -- JSON: who, with which roles, until when.
    identity      TEXT    NOT NULL,
    create_time   INTEGER NOT NULL,
    -- Written at most once a minute.
    last_use_time INTEGER NOT NULL,
    expire_time   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- How many there are is asked when one is made.
CREATE INDEX console_sessions_caller ON console_sessions (caller);
CREATE INDEX console_sessions_tenant ON console_sessions (tenant);
