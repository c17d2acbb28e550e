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
