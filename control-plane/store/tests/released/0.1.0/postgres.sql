SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE TYPE public.attempt_input AS (
	delivery uuid,
	number integer,
	tenant integer,
	subscription integer,
	event uuid,
	event_type text COLLATE pg_catalog."C",
	outcome smallint,
	http_status integer,
	start_time bigint,
	dns_us integer,
	connect_us integer,
	tls_us integer,
	first_byte_us integer,
	total_us bigint,
	response_headers bytea,
	response_body bytea,
	response_body_bytes bigint,
	response_body_truncated boolean,
	error text,
	agent text COLLATE pg_catalog."C",
	region text COLLATE pg_catalog."C",
	remote_address text,
	http_version text,
	trigger smallint,
	test boolean,
	next_attempt_time bigint,
	settings_revision bigint,
	delivery_state smallint,
	delivery_end_reason smallint,
	tally integer,
	failures integer,
	due bigint,
	deadline bigint,
	sequence bigint,
	resend_of uuid,
	account text COLLATE pg_catalog."C",
	ordering_key text COLLATE pg_catalog."C",
	filter_failed boolean,
	end_time bigint
);
CREATE TYPE public.delivery_input AS (
	ord integer,
	config integer,
	lane integer,
	place integer,
	id uuid,
	tenant integer,
	subscription integer,
	event uuid,
	event_type text COLLATE pg_catalog."C",
	account text COLLATE pg_catalog."C",
	shard integer,
	epoch bigint,
	state smallint,
	attempts integer,
	failures integer,
	trigger smallint,
	due bigint,
	deadline bigint,
	ordering_key text COLLATE pg_catalog."C",
	sequence bigint,
	test boolean,
	resend_of uuid,
	filter_failed boolean,
	end_reason smallint,
	end_time bigint
);
CREATE TYPE public.event_input AS (
	config integer,
	tenant integer,
	id uuid,
	create_time bigint,
	event_type text COLLATE pg_catalog."C",
	account text COLLATE pg_catalog."C",
	attributes text,
	ordering_key text,
	content_type text,
	payload_sha256 bytea,
	traceparent text,
	tracestate text,
	idempotency_key text,
	matched integer,
	test boolean,
	payload bytea
);
CREATE TYPE public.key_input AS (
	config integer,
	tenant text COLLATE pg_catalog."C",
	key text COLLATE pg_catalog."C",
	event uuid,
	matched integer,
	request_hash bytea,
	expire_time bigint,
	create_time bigint
);
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public._sqlx_migrations (
    version bigint NOT NULL,
    description text NOT NULL,
    installed_on timestamp with time zone DEFAULT now() NOT NULL,
    success boolean NOT NULL,
    checksum bytea NOT NULL,
    execution_time bigint NOT NULL
);
CREATE TABLE public.agent_sightings (
    heard bigint NOT NULL,
    clock_skew_us bigint NOT NULL,
    max_in_flight bigint NOT NULL,
    in_flight bigint NOT NULL,
    draining boolean NOT NULL,
    agent text NOT NULL COLLATE pg_catalog."C",
    replica text NOT NULL COLLATE pg_catalog."C",
    region text NOT NULL COLLATE pg_catalog."C",
    version text NOT NULL,
    incarnation bytea NOT NULL
);
CREATE TABLE public.attempt_numbering (
    base bigint NOT NULL,
    only_one boolean DEFAULT true NOT NULL,
    CONSTRAINT attempt_numbering_only_one_check CHECK (only_one)
);
CREATE TABLE public.attempt_stats (
    hour bigint NOT NULL,
    tenant integer NOT NULL,
    subscription integer NOT NULL,
    outcome smallint NOT NULL,
    octave smallint NOT NULL,
    counts numeric NOT NULL
)
WITH (fillfactor='50');
CREATE TABLE public.attempts (
    record_time bigint NOT NULL,
    commit_number bigint NOT NULL,
    start_time bigint NOT NULL,
    total_us bigint NOT NULL,
    response_body_bytes bigint NOT NULL,
    next_attempt_time bigint,
    settings_revision bigint,
    number integer NOT NULL,
    http_status integer,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    tenant integer NOT NULL,
    subscription integer NOT NULL,
    outcome smallint NOT NULL,
    trigger smallint NOT NULL,
    delivery_state smallint,
    delivery_end_reason smallint,
    test boolean NOT NULL,
    response_body_truncated boolean NOT NULL,
    delivery uuid NOT NULL,
    event uuid NOT NULL,
    event_type text NOT NULL COLLATE pg_catalog."C",
    agent text NOT NULL COLLATE pg_catalog."C",
    region text NOT NULL COLLATE pg_catalog."C",
    remote_address text NOT NULL,
    http_version text NOT NULL,
    error text NOT NULL,
    response_headers bytea NOT NULL,
    response_body bytea NOT NULL
)
PARTITION BY RANGE (record_time);
CREATE TABLE public.attempts_20261201 (
    record_time bigint NOT NULL,
    commit_number bigint NOT NULL,
    start_time bigint NOT NULL,
    total_us bigint NOT NULL,
    response_body_bytes bigint NOT NULL,
    next_attempt_time bigint,
    settings_revision bigint,
    number integer NOT NULL,
    http_status integer,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    tenant integer NOT NULL,
    subscription integer NOT NULL,
    outcome smallint NOT NULL,
    trigger smallint NOT NULL,
    delivery_state smallint,
    delivery_end_reason smallint,
    test boolean NOT NULL,
    response_body_truncated boolean NOT NULL,
    delivery uuid NOT NULL,
    event uuid NOT NULL,
    event_type text NOT NULL COLLATE pg_catalog."C",
    agent text NOT NULL COLLATE pg_catalog."C",
    region text NOT NULL COLLATE pg_catalog."C",
    remote_address text NOT NULL,
    http_version text NOT NULL,
    error text NOT NULL,
    response_headers bytea NOT NULL,
    response_body bytea NOT NULL
);
CREATE TABLE public.audit_chains (
    sequence bigint NOT NULL,
    checkpoint_sequence bigint NOT NULL,
    checkpoint_time bigint NOT NULL,
    chain text NOT NULL COLLATE pg_catalog."C",
    hash bytea NOT NULL,
    checkpoint_hash bytea NOT NULL,
    checkpoint_signature bytea NOT NULL
)
WITH (fillfactor='70');
CREATE TABLE public.audit_records (
    sequence bigint NOT NULL,
    record_time bigint NOT NULL,
    left_out integer NOT NULL,
    chain text NOT NULL COLLATE pg_catalog."C",
    previous bytea NOT NULL,
    hash bytea NOT NULL,
    actor text NOT NULL,
    address text NOT NULL,
    request_id text NOT NULL,
    method text NOT NULL,
    resource text NOT NULL,
    changes text NOT NULL
);
CREATE TABLE public.catalogue (
    one boolean DEFAULT true NOT NULL,
    version bigint NOT NULL,
    CONSTRAINT catalogue_one_check CHECK (one)
);
CREATE TABLE public.console_sessions (
    create_time bigint NOT NULL,
    last_use_time bigint NOT NULL,
    expire_time bigint NOT NULL,
    kind smallint NOT NULL,
    hash bytea NOT NULL,
    caller text NOT NULL COLLATE pg_catalog."C",
    tenant text NOT NULL COLLATE pg_catalog."C",
    identity text NOT NULL
)
WITH (fillfactor='70');
CREATE TABLE public.data_keys (
    create_time bigint NOT NULL,
    id uuid NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    wrapped_by text NOT NULL COLLATE pg_catalog."C",
    wrapped bytea NOT NULL
);
CREATE TABLE public.deliveries (
    epoch bigint NOT NULL,
    due bigint NOT NULL,
    deadline bigint NOT NULL,
    sequence bigint,
    shard integer NOT NULL,
    attempts integer NOT NULL,
    failures integer NOT NULL,
    tenant integer NOT NULL,
    subscription integer NOT NULL,
    state smallint NOT NULL,
    trigger smallint NOT NULL,
    test boolean NOT NULL,
    id uuid NOT NULL,
    event uuid NOT NULL,
    resend_of uuid,
    event_type text NOT NULL COLLATE pg_catalog."C",
    account text COLLATE pg_catalog."C",
    ordering_key text COLLATE pg_catalog."C",
    filter_failed boolean DEFAULT false NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0.01', autovacuum_vacuum_threshold='10000', autovacuum_vacuum_cost_delay='0');
CREATE TABLE public.ended_deliveries (
    end_time bigint NOT NULL,
    due bigint NOT NULL,
    deadline bigint NOT NULL,
    sequence bigint,
    commit_number bigint,
    start_time bigint,
    total_us bigint,
    response_body_bytes bigint,
    settings_revision bigint,
    attempts integer NOT NULL,
    failures integer NOT NULL,
    http_status integer,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    tenant integer NOT NULL,
    subscription integer NOT NULL,
    state smallint NOT NULL,
    trigger smallint NOT NULL,
    end_reason smallint,
    outcome smallint,
    test boolean NOT NULL,
    filter_failed boolean NOT NULL,
    response_body_truncated boolean,
    id uuid NOT NULL,
    event uuid NOT NULL,
    resend_of uuid,
    event_type text NOT NULL COLLATE pg_catalog."C",
    account text COLLATE pg_catalog."C",
    ordering_key text COLLATE pg_catalog."C",
    agent text COLLATE pg_catalog."C",
    region text COLLATE pg_catalog."C",
    remote_address text,
    http_version text,
    error text,
    response_headers bytea,
    response_body bytea
)
PARTITION BY RANGE (end_time);
CREATE TABLE public.ended_deliveries_20261201 (
    end_time bigint NOT NULL,
    due bigint NOT NULL,
    deadline bigint NOT NULL,
    sequence bigint,
    commit_number bigint,
    start_time bigint,
    total_us bigint,
    response_body_bytes bigint,
    settings_revision bigint,
    attempts integer NOT NULL,
    failures integer NOT NULL,
    http_status integer,
    dns_us integer,
    connect_us integer,
    tls_us integer,
    first_byte_us integer,
    tenant integer NOT NULL,
    subscription integer NOT NULL,
    state smallint NOT NULL,
    trigger smallint NOT NULL,
    end_reason smallint,
    outcome smallint,
    test boolean NOT NULL,
    filter_failed boolean NOT NULL,
    response_body_truncated boolean,
    id uuid NOT NULL,
    event uuid NOT NULL,
    resend_of uuid,
    event_type text NOT NULL COLLATE pg_catalog."C",
    account text COLLATE pg_catalog."C",
    ordering_key text COLLATE pg_catalog."C",
    agent text COLLATE pg_catalog."C",
    region text COLLATE pg_catalog."C",
    remote_address text,
    http_version text,
    error text,
    response_headers bytea,
    response_body bytea
);
CREATE TABLE public.event_types (
    revision bigint NOT NULL,
    create_time bigint NOT NULL,
    update_time bigint NOT NULL,
    archive_time bigint,
    validation smallint NOT NULL,
    name text NOT NULL COLLATE pg_catalog."C",
    group_name text NOT NULL COLLATE pg_catalog."C",
    search text NOT NULL COLLATE pg_catalog."C",
    description text NOT NULL,
    json_schema text,
    sample text
);
CREATE TABLE public.events (
    create_time bigint NOT NULL,
    matched integer NOT NULL,
    tenant integer NOT NULL,
    test boolean NOT NULL,
    id uuid NOT NULL,
    event_type text NOT NULL COLLATE pg_catalog."C",
    account text COLLATE pg_catalog."C",
    attributes text,
    ordering_key text,
    content_type text,
    payload_sha256 bytea NOT NULL,
    traceparent text NOT NULL,
    tracestate text NOT NULL,
    idempotency_key text,
    payload_removal text,
    payload bytea NOT NULL
)
PARTITION BY RANGE (create_time);
CREATE TABLE public.events_20261201 (
    create_time bigint NOT NULL,
    matched integer NOT NULL,
    tenant integer NOT NULL,
    test boolean NOT NULL,
    id uuid NOT NULL,
    event_type text NOT NULL COLLATE pg_catalog."C",
    account text COLLATE pg_catalog."C",
    attributes text,
    ordering_key text,
    content_type text,
    payload_sha256 bytea NOT NULL,
    traceparent text NOT NULL,
    tracestate text NOT NULL,
    idempotency_key text,
    payload_removal text,
    payload bytea NOT NULL
);
CREATE TABLE public.failing_endpoints (
    failing_since bigint NOT NULL,
    shard integer NOT NULL,
    stage smallint NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    subscription text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.held_keys (
    quiet_until bigint NOT NULL,
    held boolean NOT NULL,
    event uuid NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    subscription text NOT NULL COLLATE pg_catalog."C",
    ordering_key text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.hold_clocks (
    total_us bigint NOT NULL,
    held_since bigint NOT NULL,
    held_until bigint NOT NULL,
    version bigint NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    subscription text NOT NULL COLLATE pg_catalog."C"
)
WITH (fillfactor='50');
CREATE TABLE public.idempotency_keys (
    expire_time bigint NOT NULL,
    create_time bigint NOT NULL,
    matched integer NOT NULL,
    event uuid NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    request_hash bytea NOT NULL
);
CREATE TABLE public.later_deliveries (
    tenant integer NOT NULL,
    event uuid NOT NULL,
    delivery uuid NOT NULL
);
CREATE TABLE public.meta (
    key text NOT NULL COLLATE pg_catalog."C",
    value text NOT NULL
);
CREATE TABLE public.operations (
    examined bigint NOT NULL,
    made bigint NOT NULL,
    unfinished bigint NOT NULL,
    payload_bytes bigint NOT NULL,
    create_time bigint NOT NULL,
    end_time bigint,
    shard integer NOT NULL,
    state smallint NOT NULL,
    failure smallint,
    id uuid NOT NULL,
    cursor uuid,
    tenant text NOT NULL COLLATE pg_catalog."C",
    task text NOT NULL
)
WITH (fillfactor='50');
CREATE TABLE public.outbox (
    seq bigint NOT NULL,
    shard integer NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    subscription text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    event_type text NOT NULL,
    payload text NOT NULL
);
ALTER TABLE public.outbox ALTER COLUMN seq ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.outbox_seq_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.payload_sweeps (
    begin_time bigint NOT NULL,
    "position" uuid NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.region_clocks (
    total_us bigint NOT NULL,
    since bigint,
    region text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.replicas (
    heard bigint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    address text NOT NULL,
    version text NOT NULL,
    instance bytea NOT NULL
);
CREATE TABLE public.retained_events (
    create_time bigint NOT NULL,
    matched integer NOT NULL,
    tenant integer NOT NULL,
    test boolean NOT NULL,
    id uuid NOT NULL,
    event_type text NOT NULL COLLATE pg_catalog."C",
    account text COLLATE pg_catalog."C",
    attributes text,
    ordering_key text,
    content_type text,
    payload_sha256 bytea NOT NULL,
    traceparent text NOT NULL,
    tracestate text NOT NULL,
    idempotency_key text,
    payload_removal text,
    payload bytea NOT NULL
);
CREATE TABLE public.shards (
    epoch bigint DEFAULT 0 NOT NULL,
    lease_until bigint DEFAULT 0 NOT NULL,
    clock bigint DEFAULT 0 NOT NULL,
    shard integer NOT NULL,
    owner text COLLATE pg_catalog."C"
)
WITH (fillfactor='50');
CREATE TABLE public.subscription_numbers (
    number integer NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.subscription_sequences (
    sequence bigint NOT NULL,
    tenant integer NOT NULL,
    subscription integer NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_threshold='10000', autovacuum_vacuum_cost_delay='0');
CREATE TABLE public.subscriptions (
    revision bigint NOT NULL,
    request_revision bigint NOT NULL,
    config_version bigint NOT NULL,
    create_time bigint NOT NULL,
    update_time bigint NOT NULL,
    delete_time bigint,
    paused_total_us bigint NOT NULL,
    paused_since bigint,
    shard integer NOT NULL,
    status smallint NOT NULL,
    tenant text NOT NULL COLLATE pg_catalog."C",
    id text NOT NULL COLLATE pg_catalog."C",
    region text NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL COLLATE pg_catalog."C",
    url text NOT NULL COLLATE pg_catalog."C",
    search text NOT NULL COLLATE pg_catalog."C",
    status_reason text NOT NULL,
    settings text NOT NULL,
    data_key uuid,
    signing_keys bytea,
    header_values bytea,
    credentials bytea,
    certificate_warning bigint
);
CREATE TABLE public.tenant_numbers (
    number integer NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE public.tenants (
    config_version bigint NOT NULL,
    revision bigint NOT NULL,
    create_time bigint NOT NULL,
    update_time bigint NOT NULL,
    delete_time bigint,
    subscription_count bigint DEFAULT 0 NOT NULL,
    history_retention bigint,
    payload_retention bigint,
    allow_insecure_urls boolean NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    display_name text NOT NULL COLLATE pg_catalog."C",
    search text NOT NULL COLLATE pg_catalog."C",
    labels text NOT NULL,
    data_key uuid
);
CREATE TABLE public.tokens (
    create_time bigint NOT NULL,
    expire_time bigint,
    revoke_time bigint,
    last_use_time bigint,
    kind smallint NOT NULL,
    id text NOT NULL COLLATE pg_catalog."C",
    hash bytea NOT NULL,
    display_name text NOT NULL,
    grants text NOT NULL,
    created_by text NOT NULL,
    tenant text DEFAULT ''::text NOT NULL COLLATE pg_catalog."C"
)
WITH (fillfactor='70');
ALTER TABLE ONLY public.attempts ATTACH PARTITION public.attempts_20261201 FOR VALUES FROM ('1796083200000000') TO ('1796169600000000');
ALTER TABLE ONLY public.ended_deliveries ATTACH PARTITION public.ended_deliveries_20261201 FOR VALUES FROM ('1796083200000000') TO ('1796169600000000');
ALTER TABLE ONLY public.events ATTACH PARTITION public.events_20261201 FOR VALUES FROM ('1796083200000000') TO ('1796169600000000');
INSERT INTO public._sqlx_migrations VALUES
	(1, 'tables', '2026-12-01 14:20:20.911495+00', true, '\xd1c9a726db0f660689be2297f29a2a6b12f12de0f2678d1731d0ebf506171b433f6fb0ca42d762e58862b4dbb0c96b85', 189750618);
INSERT INTO public.agent_sightings VALUES
	(1796134834417218, -41, 512, 2, false, 'default/agent-2', 'replica-1', 'default', '0.1.0', '\xddfd4dd458287bdf6085ae5402d9166b');
INSERT INTO public.attempt_numbering VALUES
	(0, true);
INSERT INTO public.attempt_stats VALUES
	(1796133600000000, 753098061, 88970731, 11, 0, 1),
	(1796133600000000, 753098061, 88970731, 1, 5, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 2108323176, 1, 6, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 613332007, 2, 7, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 2108323176, 1, 10, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 613332007, 1, 10, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 246815551, 2, 4, 1000000000000000000000000000000000000),
	(1796133600000000, 753098061, 2078423650, 9, 1, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 2078423650, 9, 0, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 830823925, 5, 2, 2000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 91401282, 1, 4, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 711688339, 2, 4, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 484247719, 2, 6, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 484247719, 2, 10, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 729220903, 2, 6, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 2050477239, 3, 13, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 2009280193, 2, 6, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 2009280193, 2, 5, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 826380006, 11, 0, 1),
	(1796133600000000, 753098061, 246815551, 2, 5, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 246815551, 2, 10, 1000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 628297638, 2, 4, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 768921496, 1, 4, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796133600000000, 753098061, 2108323176, 1, 7, 1);
INSERT INTO public.attempts_20261201 VALUES
	(1796134828667101, 813, 1796134828666844, 0, 0, 1796134828667079, NULL, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 88970731, 11, 1, 2, NULL, false, false, '01a231fa-635b-794d-9f0a-4d8e6471e6b6', '01a231fa-635b-7d4e-9ef3-b6fdb399a382', 'lost.happened', 'agent-1', 'default', '', '', 'it may have been sent; no living agent knows of it', '\x', '\x'),
	(1796134828771357, 823, 1796134828766177, 4778, 0, 1796134828771324, 1, 1, 502, NULL, NULL, NULL, 4646, 753098061, 613332007, 2, 1, 2, NULL, false, false, '01a231fa-7ad3-786d-8e64-93e435828b9e', '01a231fa-7ad3-765d-9915-3c3ed33a4989', 'flaky.happened', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 502 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323820474d540000000e00000001636f6e74656e742d6c656e67746830', '\x'),
	(1796134828894870, 829, 1796134828893996, 539, 9, 1796134828894839, 1, 1, 500, NULL, NULL, NULL, 414, 753098061, 246815551, 2, 1, 2, NULL, false, false, '01a231fa-7b56-7518-9621-1f2c9273e380', '01a231fa-7b56-75a9-bca0-5a80f7fae487', 'down.happened', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323820474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134829149347, 843, 1796134829148970, 126, 0, 1796134829149322, 1, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 2078423650, 9, 1, 2, NULL, false, false, '01a231fa-7c50-7066-9744-39543504334e', '01a231fa-7c50-71c5-b61f-7c8202ea99e6', 'blocked.happened', 'agent-2', 'default', '', '', 'the address is not allowed', '\x', '\x'),
	(1796134829275146, 851, 1796134829274638, 211, 0, 1796134829275114, 1, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 830823925, 5, 1, 2, NULL, false, false, '01a231fa-7cd1-73a5-9bae-40135b6861ba', '01a231fa-7cd1-7bf5-ae81-5211c91e0b72', 'refused.happened', 'agent-2', 'default', '127.0.0.1:60039', '', 'connecting to 127.0.0.1:60039 failed: Connection refused (os error 111)', '\x', '\x'),
	(1796134829641037, 871, 1796134829639987, 745, 9, 1796138429641008, 1, 1, 500, NULL, NULL, NULL, 616, 753098061, 711688339, 2, 1, 2, NULL, false, false, '01a231fa-7e28-7d74-bf16-b49bcf6e6b35', '01a231fa-7e28-702a-a6ee-71a915525ea9', 'ordered.happened', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323920474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134829689588, 877, 1796134829685551, 3689, 9, 1796134829689561, 1, 1, 500, NULL, NULL, NULL, 1791, 753098061, 484247719, 2, 1, 2, NULL, false, false, '01a231fa-7e4f-78e8-b950-f6e564300ad3', '01a231fa-7e4f-7583-a084-21077553ae9d', 'kept.happened', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323920474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134829804542, 886, 1796134829799881, 2912, 9, 1796138429804515, 1, 1, 500, NULL, NULL, NULL, 2770, 753098061, 2009280193, 2, 1, 2, NULL, false, false, '01a231fa-7edc-70e6-a2ac-3b7f4d269583', '01a231fa-7edc-7235-a164-5d96d6472e9f', 'later.happened', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323920474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134829988770, 889, 1796134829984961, 3464, 0, 1796138429988740, 1, 1, 503, NULL, NULL, NULL, 3322, 753098061, 729220903, 2, 1, 2, NULL, false, false, '01a231fa-7f8c-7fdd-98ed-781a4073dedd', '01a231fa-7f8c-7fee-ac89-361fed9bd068', 'asked.happened', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 503 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323920474d540000000b0000000472657472792d6166746572333630300000000e00000001636f6e74656e742d6c656e67746830', '\x'),
	(1796134830610287, 893, 1796134830108228, 501384, 0, 1796138430610174, 1, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 2050477239, 3, 1, 2, NULL, false, false, '01a231fa-8013-7189-8c6f-8880da26fc79', '01a231fa-8013-789f-8277-254421dd543c', 'slow.happened', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the request timed out after 500ms, before a response came', '\x', '\x'),
	(1796134830882973, 906, 1796134830881174, 1381, 9, 1796138430882939, 1, 1, 500, NULL, NULL, NULL, 1202, 753098061, 2009280193, 2, 1, 2, NULL, false, false, '01a231fa-830e-73bc-b5a8-99f997e12166', '01a231fa-830e-7e2c-a361-4d3378f892ee', 'later.happened', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a333020474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134831035759, 910, 1796134831017645, 0, 0, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 826380006, 11, 1, 6, 3, false, false, '01a231fa-83a9-7dd3-9caa-64218e08dfbd', '01a231fa-83a9-790d-beaf-21cb63d8fff9', 'hanging.happened', '', '', '', '', 'cancelled while it may have been under way', '\x', '\x'),
	(1796134831197301, 923, 1796134831195589, 1389, 9, 1796134831197275, 1, 1, 500, NULL, 689, NULL, 456, 753098061, 246815551, 2, 3, 2, NULL, false, false, '01a231fa-8448-720e-9d18-0ed8c481ba7b', '01a231fa-7b56-75a9-bca0-5a80f7fae487', 'down.happened', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a333120474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff');
INSERT INTO public.audit_chains VALUES
	(4, 0, 0, '', '\x5c301e76840f6292fa28534cb5e970b6dffa702af560e961883e3d1ff23c3ff8', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(1, 0, 0, 'operators', '\x2bc10df7accf69c0db3d11f6d15668ab6ec5c08e9cc4a3bdfc6e43767949541d', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(1, 0, 0, 'brief', '\x2858fbfbf77d7828666d6bd1254c2a940b43f219395c942eb72a246bf862772d', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(3, 0, 0, 'gone', '\x41fe1649d57c8a159e3d3d98661fcfd0b9033de69130816ef8366089fc24e5b2', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(35, 0, 0, 'acme', '\xfc8a1c9544394d30841f92a8b0a259c5a93bdaf9fa9019b6da7141d6b6973a72', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO public.audit_records VALUES
	(1, 1796134821616631, 0, '', '\x0000000000000000000000000000000000000000000000000000000000000000', '\xdb3de68651a75281179aea8e22f2272b053716bf6200e9b2364b81b9989a536f', 'system', '', '', 'begin the audit log', 'installation', '[]'),
	(2, 1796134821715964, 0, '', '\xdb3de68651a75281179aea8e22f2272b053716bf6200e9b2364b81b9989a536f', '\xe1496bae3197d024054fd641f5d39e5e7147b685ae6399f8b252d641728c9722', 'token:7e577e577e577e577e57', '127.0.0.1:55112', '1e54cfda3cb7eac7ba19235c9dddb2ba', 'postrider.v1.EventTypeService/CreateEventType', 'eventTypes/orders.happened', '[{"field":"description","before":null,"after":"Something was ordered."},{"field":"group","before":null,"after":"orders"},{"field":"json_schema","before":null,"after":"{\"type\":\"object\"}"},{"field":"sample_payload_json","before":null,"after":"{\"amount\":\"1\"}"},{"field":"schema_validation","before":null,"after":"ENFORCE"}]'),
	(3, 1796134821724958, 0, '', '\xe1496bae3197d024054fd641f5d39e5e7147b685ae6399f8b252d641728c9722', '\xe0d774f3b2e4a09a181b0e807ca16df6d3eb2eaa479b06da6295bc3ce45ee7b7', 'token:7e577e577e577e577e57', '127.0.0.1:55122', 'a4c2d2b45b3787b0976f43fcc01658d2', 'postrider.v1.EventTypeService/CreateEventType', 'eventTypes/orders.retired', '[{"field":"group","before":null,"after":"orders"},{"field":"schema_validation","before":null,"after":"OFF"}]'),
	(4, 1796134821731967, 0, '', '\xe0d774f3b2e4a09a181b0e807ca16df6d3eb2eaa479b06da6295bc3ce45ee7b7', '\x5c301e76840f6292fa28534cb5e970b6dffa702af560e961883e3d1ff23c3ff8', 'token:7e577e577e577e577e57', '127.0.0.1:55130', 'a398b3272b3c28edb571a039dd6c779b', 'postrider.v1.EventTypeService/ArchiveEventType', 'eventTypes/orders.retired', '[{"field":"archive_time","before":null,"after":"2026-12-01T14:20:21.731967Z"}]'),
	(1, 1796134821738871, 0, 'operators', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x2bc10df7accf69c0db3d11f6d15668ab6ec5c08e9cc4a3bdfc6e43767949541d', 'token:7e577e577e577e577e57', '127.0.0.1:55132', '6bfa88304bb2e2fdff16c738284f9459', 'postrider.v1.TenantService/CreateTenant', 'tenants/operators', '[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Operators"}]'),
	(1, 1796134821744189, 0, 'acme', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x7189812e27be31bfd27437dc517afadb3b2cdc3d718f3847838639c53d1b9dd5', 'token:7e577e577e577e577e57', '127.0.0.1:55138', '132f657dedfc7faa760a942545c5155c', 'postrider.v1.TenantService/CreateTenant', 'tenants/acme', '[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Acme"},{"field":"labels.tier","before":null,"after":"\"gold\""}]'),
	(1, 1796134821751595, 0, 'brief', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x2858fbfbf77d7828666d6bd1254c2a940b43f219395c942eb72a246bf862772d', 'token:7e577e577e577e577e57', '127.0.0.1:55154', '3f76028c71b6bfd634405ce2f23f5f13', 'postrider.v1.TenantService/CreateTenant', 'tenants/brief', '[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Brief"},{"field":"history_retention","before":null,"after":"864000s"},{"field":"payload_retention","before":null,"after":"86400s"}]'),
	(1, 1796134821755900, 0, 'gone', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x8331709169ef695897965afb7d03a29b91e999dd70b200deccb84efacad250e7', 'token:7e577e577e577e577e57', '127.0.0.1:55170', '990eaa904914eba301cb346c09cb88de', 'postrider.v1.TenantService/CreateTenant', 'tenants/gone', '[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Gone"}]'),
	(2, 1796134821759980, 0, 'acme', '\x7189812e27be31bfd27437dc517afadb3b2cdc3d718f3847838639c53d1b9dd5', '\xc8c5bf2c54314c1fbe7122e65e1c253fb43e0b5bd88162a2e277f726e5f4cfcc', 'token:7e577e577e577e577e57', '127.0.0.1:55182', '9483c14894c299cf696da0257b038636', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/orders', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"credentials.basic.password","before":null,"after":"(secret)"},{"field":"credentials.basic.username","before":null,"after":"test"},{"field":"display_name","before":null,"after":"Orders"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"orders.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"headers","before":null,"after":"[\"x-api-key\"]"},{"field":"headers.x-api-key.value","before":null,"after":"(secret)"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-51ef0328f63d47a8","before":null,"after":"(secret)"},{"field":"signing_keys.key-51ef0328f63d47a8.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/ok"}]'),
	(3, 1796134821776460, 0, 'acme', '\xc8c5bf2c54314c1fbe7122e65e1c253fb43e0b5bd88162a2e277f726e5f4cfcc', '\xdb9160f1bee304e0ef3b2838a579c4479a665e0d7c21414ee341c7fcbd819c95', 'token:7e577e577e577e577e57', '127.0.0.1:55186', '8ff12d96301e9c71d9509424a56ad173', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/flaky', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"flaky.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-eab57106d51ae24f","before":null,"after":"(secret)"},{"field":"signing_keys.key-eab57106d51ae24f.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/once"}]'),
	(4, 1796134821800109, 0, 'acme', '\xdb9160f1bee304e0ef3b2838a579c4479a665e0d7c21414ee341c7fcbd819c95', '\x7cac3e0bcfc1f341ae344171fed4d9bfb2c298994de8519247e6d36c1baf2d7c', 'token:7e577e577e577e577e57', '127.0.0.1:55188', '5aecabe8fa363120d5b182b19f3604e2', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/down', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"down.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-ed4640915778aebb","before":null,"after":"(secret)"},{"field":"signing_keys.key-ed4640915778aebb.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/error"}]'),
	(5, 1796134821815004, 0, 'acme', '\x7cac3e0bcfc1f341ae344171fed4d9bfb2c298994de8519247e6d36c1baf2d7c', '\x4e32b365e4e13354b61d3b8ac31fb943d58e0d722af784cd619c69bccbeeaf61', 'token:7e577e577e577e577e57', '127.0.0.1:55190', 'afca21419499a95d177ae09defaf4986', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/later', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"later.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-4e03c37bdf287fe6","before":null,"after":"(secret)"},{"field":"signing_keys.key-4e03c37bdf287fe6.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/error"}]'),
	(9, 1796134821853937, 0, 'acme', '\x926ac0acefe5883dc134b5d32f238bfec714bf9fbfcbefa982e203aea3f24d48', '\xd1d00d466ee1970d3698d6d34e7847161888ea6e69e8604b336fba8f7fa09327', 'token:7e577e577e577e577e57', '127.0.0.1:55232', '5a43b4ddddbfefd9f824a9a28038d6c9', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/asked', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"asked.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-179c604db088ad89","before":null,"after":"(secret)"},{"field":"signing_keys.key-179c604db088ad89.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/wait"}]'),
	(14, 1796134821907507, 0, 'acme', '\xcf25c80581de4938c55e08a74d5e1469208e9633297605f94cf18791c603c5f8', '\xe671de2cdd68878c283721e0e0cf33917eb3cd3dca27bb9ba7774cc6501f41aa', 'token:7e577e577e577e577e57', '127.0.0.1:55272', '2717805d3114075f20f80b9cb0368660', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/refused', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"refused.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-65545e37f09da972","before":null,"after":"(secret)"},{"field":"signing_keys.key-65545e37f09da972.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:60039/"}]'),
	(17, 1796134821938799, 0, 'acme', '\x03eb9dcccf074628938a990c762c4bff87ae95bdc5eb13a7e76f3b7ecac5c088', '\xf48439469e424e0474672f132abc993e069a4d971248c332509e57d91cfc2ac7', 'token:7e577e577e577e577e57', '127.0.0.1:55294', '41b5b823c3e013541e86e18b27d3cfb6', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/lost', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"lost.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"60s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-834211c8352531f4","before":null,"after":"(secret)"},{"field":"signing_keys.key-834211c8352531f4.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/hang-once"}]'),
	(2, 1796134821964030, 0, 'gone', '\x8331709169ef695897965afb7d03a29b91e999dd70b200deccb84efacad250e7', '\xe0a5df6d3540586a64d71702beeef7fa8a80aec5388f7a0c1e22a06a1b22c6e9', 'token:7e577e577e577e577e57', '127.0.0.1:55334', '79dc7cd0435fa8dffea548c48057ed25', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/gone/subscriptions/last', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"last.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-f4ed9cd0097d2d1a","before":null,"after":"(secret)"},{"field":"signing_keys.key-f4ed9cd0097d2d1a.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/ok"}]'),
	(26, 1796134830720080, 0, 'acme', '\xab57d13119a4a665f8652a1e5cbd5bf64152201af3b4d61eb3726368562465c8', '\x34058d1ade9816ba3a2e214b94f25bb8d7c9b9eb7605c001b9b85d5b3eadf916', 'token:7e577e577e577e577e57', '127.0.0.1:56338', '0a23c4aa060cea4f691831d77a240620', 'postrider.v1.DeliveryService/RetryDelivery', 'tenants/acme/deliveries/dlv_01a231fa7edc70e6a2ac3b7f4d269583', '[{"field":"next_attempt_time","before":"2026-12-01T15:20:29.804515Z","after":"2026-12-01T14:20:30.72008Z"}]'),
	(27, 1796134831035759, 0, 'acme', '\x34058d1ade9816ba3a2e214b94f25bb8d7c9b9eb7605c001b9b85d5b3eadf916', '\xb9dff4a583dfdb484a4d0dfad66ff9b600ec52a095c34ab0c1148af121fa053b', 'token:7e577e577e577e577e57', '127.0.0.1:47980', '0b91c4dc210e75330710a763e173bf1b', 'postrider.v1.DeliveryService/CancelDelivery', 'tenants/acme/deliveries/dlv_01a231fa83a97dd39caa64218e08dfbd', '[{"field":"state","before":"IN_FLIGHT","after":"CANCELLED"}]'),
	(6, 1796134821826584, 0, 'acme', '\x4e32b365e4e13354b61d3b8ac31fb943d58e0d722af784cd619c69bccbeeaf61', '\x711a51656846d6a9e097fd8859a706569153027af84b84fa41c2f55d61e06e5b', 'token:7e577e577e577e577e57', '127.0.0.1:55206', 'd793802ef9218f8b815c94dc0bcee2d6', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/late', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"late.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":{\"nanos\":0,\"secs\":1},\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-9c857cc33031210e","before":null,"after":"(secret)"},{"field":"signing_keys.key-9c857cc33031210e.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/error"}]'),
	(10, 1796134821871044, 0, 'acme', '\xd1d00d466ee1970d3698d6d34e7847161888ea6e69e8604b336fba8f7fa09327', '\xd4eb1de17c103097bad62b7ad71933d20a4d54d1e1eeaba38c9a35c8c1cf055d', 'token:7e577e577e577e577e57', '127.0.0.1:55246', 'cd438b469403fea31fb84683048180e4', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/paused', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"paused.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-a80edf3da01a33f5","before":null,"after":"(secret)"},{"field":"signing_keys.key-a80edf3da01a33f5.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/ok"}]'),
	(15, 1796134821918760, 0, 'acme', '\xe671de2cdd68878c283721e0e0cf33917eb3cd3dca27bb9ba7774cc6501f41aa', '\xde512eb39aa88250047da3385b65ffa27e6cc196354c1ee3b075c3ee3199b0b4', 'token:7e577e577e577e577e57', '127.0.0.1:55280', 'b369db1bfffded25d5d0dd16407fc5ae', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/slow', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"slow.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"500ms"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-392ae2ad7be3ed52","before":null,"after":"(secret)"},{"field":"signing_keys.key-392ae2ad7be3ed52.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/hang"}]'),
	(19, 1796134821953877, 0, 'acme', '\x245932e62fb6a4733f5210c141f564b8f94952b1c0edba73b8b148b14a37ec90', '\x6311126b8f5844b0aafb26739cd5d8dde623a5ce32c92e1db4601b1b42226920', 'token:7e577e577e577e577e57', '127.0.0.1:55320', 'f70356ad716ba7ed924b9071e0862a31', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/leaving', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"leaving.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-06306eed607eb907","before":null,"after":"(secret)"},{"field":"signing_keys.key-06306eed607eb907.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/ok"}]'),
	(22, 1796134821996649, 0, 'acme', '\x7c82738f52a5da2a5ce087db859d24539f017276a8db9fedbf451c6dd53417f9', '\x5c958d58bc5b002b2ae767941191fada9f4ccc03116bcbfb8ea649d641abbbd3', 'token:7e577e577e577e577e57', '127.0.0.1:55366', '132c8df9b1115fbfee693599d7defac1', 'postrider.v1.TokenService/CreateToken', 'tokens/110a43dcbba7ab3f112b', '[{"field":"display_name","before":null,"after":"revoked"},{"field":"grants[0].role","before":null,"after":"publisher"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]'),
	(24, 1796134822730715, 0, 'acme', '\x7770c6492d1306f6b9e27e056fe82c7c8d20034fccb0135907207bc1537806f1', '\xfbf8330a479f5f55247ff53470df8a740f7bb467b63df9423373473fef38e4e5', 'token:7e577e577e577e577e57', '127.0.0.1:55388', '487a21068d9677929426a5c269b8eb24', 'postrider.v1.PortalService/CreatePortalToken', 'tokens/4567d350ece8ac82c598', '[{"field":"expire_time","before":null,"after":"2026-12-01T15:20:22.730715Z"},{"field":"grants[0].role","before":null,"after":"reader"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]'),
	(28, 1796134831058991, 0, 'acme', '\xb9dff4a583dfdb484a4d0dfad66ff9b600ec52a095c34ab0c1148af121fa053b', '\x4fb39f3a3cf6b21d8c123b08951f6084c59a23afc95bc4eb0fb2b6eff8f1192c', 'token:7e577e577e577e577e57', '127.0.0.1:47996', '62c6d5bf146f27d90c2ff0f361c585ae', 'postrider.v1.DeliveryService/CancelDelivery', 'tenants/acme/deliveries/dlv_01a231fa83967eaab445cf790d764363', '[{"field":"state","before":"WAITING","after":"CANCELLED"}]'),
	(33, 1796134831764129, 0, 'acme', '\xce9c69017319811fef6c4ffb773aee37079772e5a3187e9497ddc30a9a522c3c', '\xae346ba8d3c79fe7f612c338f48ec5cd59211609ebf4f76702332424f5604864', 'token:7e577e577e577e577e57', '127.0.0.1:48170', '808fd27a6d0549aa6a15b4a9c5f62855', 'postrider.v1.SubscriptionService/BackfillSubscription', 'tenants/acme/operations/op_01a231fa86947c27aed5dff00988a199', '[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"kind\":\"backfill\",\"per_second\":100,\"subscription\":\"newcomer\",\"window\":{\"from\":1796134822747000,\"until\":1796134831763000}}"}]'),
	(7, 1796134821836381, 0, 'acme', '\x711a51656846d6a9e097fd8859a706569153027af84b84fa41c2f55d61e06e5b', '\xca70d25a956629b0aac1a133649612e20cb0336e1eb675baf973eed44e7f442a', 'token:7e577e577e577e577e57', '127.0.0.1:55214', '4613de69c432052740f211942bae9cfe', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/ordered', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"ordered.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"per_key"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-c2b660c55a17844b","before":null,"after":"(secret)"},{"field":"signing_keys.key-c2b660c55a17844b.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/error"}]'),
	(11, 1796134821878347, 0, 'acme', '\xd4eb1de17c103097bad62b7ad71933d20a4d54d1e1eeaba38c9a35c8c1cf055d', '\x0b3275638105debabce853d7ee6399d02b3e10a86d8f6dedd68bc54e30deffba', 'token:7e577e577e577e577e57', '127.0.0.1:55248', '125bd2c69c8e4676d39a20fe48737d9d', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/disabled', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"disabled.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-5c8b149021afd2f6","before":null,"after":"(secret)"},{"field":"signing_keys.key-5c8b149021afd2f6.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"disabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/ok"}]'),
	(12, 1796134821889447, 0, 'acme', '\x0b3275638105debabce853d7ee6399d02b3e10a86d8f6dedd68bc54e30deffba', '\x58b9b46ccc8028569150c3038efc5dfe650e52727ec8df3f4302787277aa58e5', 'token:7e577e577e577e577e57', '127.0.0.1:55262', 'fcfe7c9d2f0f2bb69c71cbd27d140bc5', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/far', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"far.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"far"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-3c3e11882f6d091b","before":null,"after":"(secret)"},{"field":"signing_keys.key-3c3e11882f6d091b.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/ok"}]'),
	(18, 1796134821945585, 0, 'acme', '\xf48439469e424e0474672f132abc993e069a4d971248c332509e57d91cfc2ac7', '\x245932e62fb6a4733f5210c141f564b8f94952b1c0edba73b8b148b14a37ec90', 'token:7e577e577e577e577e57', '127.0.0.1:55310', '5ee6333b16bebdbb71e1e8b7dbcf6c5a', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/hanging', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"hanging.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"60s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-8f84bd6b07d60b51","before":null,"after":"(secret)"},{"field":"signing_keys.key-8f84bd6b07d60b51.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/hang"}]'),
	(23, 1796134822001527, 0, 'acme', '\x5c958d58bc5b002b2ae767941191fada9f4ccc03116bcbfb8ea649d641abbbd3', '\x7770c6492d1306f6b9e27e056fe82c7c8d20034fccb0135907207bc1537806f1', 'token:7e577e577e577e577e57', '127.0.0.1:55382', '526f538f98e1c6671f85eea585a6d803', 'postrider.v1.TokenService/RevokeToken', 'tokens/110a43dcbba7ab3f112b', '[{"field":"revoke_time","before":null,"after":"2026-12-01T14:20:22.001527Z"}]'),
	(8, 1796134821846307, 0, 'acme', '\xca70d25a956629b0aac1a133649612e20cb0336e1eb675baf973eed44e7f442a', '\x926ac0acefe5883dc134b5d32f238bfec714bf9fbfcbefa982e203aea3f24d48', 'token:7e577e577e577e577e57', '127.0.0.1:55216', '44f4050afe722cb47448ec4571a25ae8', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/kept', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"kept.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"hold"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"per_key"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-351cb6f49c7be58a","before":null,"after":"(secret)"},{"field":"signing_keys.key-351cb6f49c7be58a.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/error"}]'),
	(13, 1796134821898117, 0, 'acme', '\x58b9b46ccc8028569150c3038efc5dfe650e52727ec8df3f4302787277aa58e5', '\xcf25c80581de4938c55e08a74d5e1469208e9633297605f94cf18791c603c5f8', 'token:7e577e577e577e577e57', '127.0.0.1:55270', '7a3fcc99c026dbdeb20807928de0fd73', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/blocked', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"blocked.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-1ef0fcec33d18ad9","before":null,"after":"(secret)"},{"field":"signing_keys.key-1ef0fcec33d18ad9.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://10.0.0.1/"}]'),
	(16, 1796134821927866, 0, 'acme', '\xde512eb39aa88250047da3385b65ffa27e6cc196354c1ee3b075c3ee3199b0b4', '\x03eb9dcccf074628938a990c762c4bff87ae95bdc5eb13a7e76f3b7ecac5c088', 'token:7e577e577e577e577e57', '127.0.0.1:55282', '77660f9dcff8a7fb9f91ddd038b409ad', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/filtered', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"content_filter","before":null,"after":"event.payload.missing.field == 1"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"filtered.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-f037bb94358c4bf2","before":null,"after":"(secret)"},{"field":"signing_keys.key-f037bb94358c4bf2.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/ok"}]'),
	(20, 1796134821975407, 0, 'acme', '\x6311126b8f5844b0aafb26739cd5d8dde623a5ce32c92e1db4601b1b42226920', '\x7577e4ad21d702321889ccb5b456f78a65915abe34bfa2e1adde02980f5c77e4', 'token:7e577e577e577e577e57', '127.0.0.1:55346', '752e4324dcef93c3ab2dcfb4f27174b7', 'postrider.v1.SubscriptionService/RotateSigningSecret', 'tenants/acme/subscriptions/orders', '[{"field":"signing_keys.key-51ef0328f63d47a8.expire_time","before":null,"after":"2026-12-02T14:20:21.974422Z"},{"field":"signing_keys.key-7b414cd2425de682","before":null,"after":"(secret)"},{"field":"signing_keys.key-7b414cd2425de682.kind","before":null,"after":"standard"}]'),
	(21, 1796134821990620, 0, 'acme', '\x7577e4ad21d702321889ccb5b456f78a65915abe34bfa2e1adde02980f5c77e4', '\x7c82738f52a5da2a5ce087db859d24539f017276a8db9fedbf451c6dd53417f9', 'token:7e577e577e577e577e57', '127.0.0.1:55360', '5c2629ef51195e21a769a93754496f06', 'postrider.v1.TokenService/CreateToken', 'tokens/44b4f9b8c307931164e8', '[{"field":"display_name","before":null,"after":"publisher"},{"field":"grants[0].role","before":null,"after":"publisher"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]'),
	(25, 1796134830682880, 0, 'acme', '\xfbf8330a479f5f55247ff53470df8a740f7bb467b63df9423373473fef38e4e5', '\xab57d13119a4a665f8652a1e5cbd5bf64152201af3b4d61eb3726368562465c8', 'token:7e577e577e577e577e57', '127.0.0.1:56328', 'babc0994efd7ce82c5ecade916cd2b8c', 'postrider.v1.SubscriptionService/TestSubscription', 'tenants/acme/subscriptions/orders', '[]'),
	(29, 1796134831088559, 0, 'acme', '\x4fb39f3a3cf6b21d8c123b08951f6084c59a23afc95bc4eb0fb2b6eff8f1192c', '\x5fadb8cb0279be49a293554d3ade862db76621138ae3117fdacdd8edc335854c', 'token:7e577e577e577e577e57', '127.0.0.1:48016', '8f13cb7a5919e74a4c1e345e67b94b23', 'postrider.v1.SubscriptionService/DeleteSubscription', 'tenants/acme/subscriptions/leaving', '[{"field":"auto_disable","before":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}","after":null},{"field":"envelope","before":"none","after":null},{"field":"event_types","before":"[\"leaving.*\"]","after":null},{"field":"exhausted_key_policy","before":"go_on","after":null},{"field":"http1_only","before":"false","after":null},{"field":"json_form","before":"as_published","after":null},{"field":"ordering","before":"unordered","after":null},{"field":"region","before":"default","after":null},{"field":"request_timeout","before":"15s","after":null},{"field":"retry_policy","before":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}","after":null},{"field":"send_trace_context","before":"false","after":null},{"field":"signature_schemes","before":"[\"standard_v1\"]","after":null},{"field":"signing_keys.key-06306eed607eb907","before":"(secret)","after":null},{"field":"signing_keys.key-06306eed607eb907.kind","before":"standard","after":null},{"field":"status","before":"paused","after":null},{"field":"success_rule","before":"any2xx","after":null},{"field":"url","before":"http://127.0.0.1:45727/ok","after":null}]'),
	(3, 1796134831127023, 0, 'gone', '\xe0a5df6d3540586a64d71702beeef7fa8a80aec5388f7a0c1e22a06a1b22c6e9', '\x41fe1649d57c8a159e3d3d98661fcfd0b9033de69130816ef8366089fc24e5b2', 'token:7e577e577e577e577e57', '127.0.0.1:48054', '9ec88731d8a49c26b2426e37d8483df0', 'postrider.v1.TenantService/DeleteTenant', 'tenants/gone', '[{"field":"allow_insecure_urls","before":"true","after":null},{"field":"display_name","before":"Gone","after":null},{"field":"subscriptions[0]","before":"last","after":null}]'),
	(30, 1796134831176333, 0, 'acme', '\x5fadb8cb0279be49a293554d3ade862db76621138ae3117fdacdd8edc335854c', '\xf2879e7cb64543c74b06d6f112e7da7569b97a72fe93525c9aa69241f66a14a3', 'token:7e577e577e577e577e57', '127.0.0.1:48076', 'ad173fa69653d5c3881f3eceda56f03e', 'postrider.v1.EventService/ResendEvent', 'tenants/acme/deliveries/dlv_01a231fa8448720e9d180ed8c481ba7b', '[{"field":"event","before":null,"after":"evt_01a231fa7b5675a9bca05a80f7fae487"},{"field":"resend_of","before":null,"after":"dlv_01a231fa7b56751896211f2c9273e380"},{"field":"subscription","before":null,"after":"tenants/acme/subscriptions/down"}]'),
	(31, 1796134831322174, 0, 'acme', '\xf2879e7cb64543c74b06d6f112e7da7569b97a72fe93525c9aa69241f66a14a3', '\xb503c4471894f099a0b9dfffb80de7b3aeb9591485af94569c25d5af09a88e5a', 'token:7e577e577e577e577e57', '127.0.0.1:48102', '7835d4c408d6ddf71f9b9314e15ea8b9', 'postrider.v1.DeliveryService/ReplayDeliveries', 'tenants/acme/operations/op_01a231fa84da73ae8babf9f334fccbf1', '[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"event_types\":[],\"kind\":\"replay\",\"per_second\":100,\"states\":[5,7],\"subscription\":\"late\",\"window\":{\"from\":1796134822747000,\"until\":1796134831320000}}"}]'),
	(32, 1796134831757397, 0, 'acme', '\xb503c4471894f099a0b9dfffb80de7b3aeb9591485af94569c25d5af09a88e5a', '\xce9c69017319811fef6c4ffb773aee37079772e5a3187e9497ddc30a9a522c3c', 'token:7e577e577e577e577e57', '127.0.0.1:48156', 'acd2c061f187fc44d410478bdab3bd7f', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/newcomer', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"flaky.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-46a17198373200f4","before":null,"after":"(secret)"},{"field":"signing_keys.key-46a17198373200f4.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:45727/ok"}]'),
	(34, 1796134832847194, 0, 'acme', '\xae346ba8d3c79fe7f612c338f48ec5cd59211609ebf4f76702332424f5604864', '\x9feb7d6b9ae6833a7320171e274e3247aeb5124e617483653fa990a23f71b6a8', 'token:7e577e577e577e577e57', '127.0.0.1:48322', '507276af3da1ab0fc81a9e62c574dac0', 'postrider.v1.EventService/ExpungeEvents', 'tenants/acme/operations/op_01a231fa8acf7685a9ed509d8ad9e7ad', '[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"cancel_unfinished\":false,\"dry_run\":false,\"kind\":\"expunge\",\"selection\":{\"account\":\"account-2\"},\"window\":{\"from\":0,\"until\":1796134832847000}}"}]'),
	(35, 1796134833709030, 0, 'acme', '\x9feb7d6b9ae6833a7320171e274e3247aeb5124e617483653fa990a23f71b6a8', '\xfc8a1c9544394d30841f92a8b0a259c5a93bdaf9fa9019b6da7141d6b6973a72', 'system', '', '', 'postrider.v1.EventService/ExpungeEvents', 'tenants/acme/operations/op_01a231fa8acf7685a9ed509d8ad9e7ad', '[{"field":"event_count","before":null,"after":"1"},{"field":"payload_bytes","before":null,"after":"19"},{"field":"unfinished_event_count","before":null,"after":"0"}]');
INSERT INTO public.catalogue VALUES
	(true, 4);
INSERT INTO public.console_sessions VALUES
	(1796134822733329, 1796134822733329, 1796134882733329, 2, '\xbf477a7be0b7ddc8c4c13665ea5dd199447269e07b01ee161e7d58f7af4c19a4', 'portal-token:4567d350ece8ac82c598', 'acme', '{"principal":{"portal_token":"4567d350ece8ac82c598"},"grants":[{"role":"reader","scope":{"tenants":["acme"]}}],"expire_time":1796138422730715}');
INSERT INTO public.data_keys VALUES
	(1796134821614841, '00000000-0000-0000-0000-000000000001', '', 'released-test', '\x015d53f7f6f98310baa3a83df04d68e635f88482098e3613858e6e3fca61bb5e486d2b72edc4d49788d66b3645e4a1e35632c98ededf06ed0526af6327'),
	(1796134821618153, '00000000-0000-0000-0000-000000000002', '', 'released-test', '\x0152133691ba311fd91c497875a7247c9700af0589d49f4f054d080b2bc1fbc88c3243e39adb22aef4f4a4bcff1bb84506a9dea89032ca09372cfc6120'),
	(1796134821759980, '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', 'acme', 'released-test', '\x0118db2042a15f908167e5c00a91dbb1f077269bd6a87adcac814585dfa3b6b09db64c8feaed320a326132071eb33c12901c48a3c5c31879a5cf42cd3d');
INSERT INTO public.deliveries VALUES
	(0, 1796134829408539, 1796437736363313, 1, 4, 0, 0, 753098061, 1071647662, 2, 1, false, '01a231fa-7d60-7950-a893-e9e151d4d63f', '01a231fa-7d60-7d96-a7d9-47a2895a463c', NULL, 'paused.happened', 'account-1', NULL, false),
	(0, 1796134829430587, 1796437738179909, 1, 4, 0, 0, 753098061, 71806224, 2, 1, false, '01a231fa-7d76-722c-98ff-5ab37862884c', '01a231fa-7d76-74e5-a701-fa8c5c70a03f', NULL, 'far.happened', 'account-1', NULL, false),
	(0, 1796134829623443, 1796142028615712, 2, 4, 0, 0, 753098061, 711688339, 1, 1, false, '01a231fa-7e37-73ff-bccb-da2bd0dd665b', '01a231fa-7e37-7345-a3bb-e95daf282d0f', NULL, 'ordered.happened', 'account-1', 'key-1', false),
	(1, 1796138429641008, 1796142028600560, 1, 4, 1, 1, 753098061, 711688339, 2, 2, false, '01a231fa-7e28-7d74-bf16-b49bcf6e6b35', '01a231fa-7e28-702a-a6ee-71a915525ea9', NULL, 'ordered.happened', 'account-1', 'key-1', false),
	(0, 1796134829656681, 1796138428648950, 2, 4, 0, 0, 753098061, 484247719, 1, 1, false, '01a231fa-7e58-7ca6-840b-071c5c19aa7b', '01a231fa-7e58-7684-b11a-e58d09431064', NULL, 'kept.happened', 'account-1', 'key-1', false),
	(1, 1796138429988740, 1796142028956631, 1, 4, 1, 1, 753098061, 729220903, 2, 2, false, '01a231fa-7f8c-7fdd-98ed-781a4073dedd', '01a231fa-7f8c-7fee-ac89-361fed9bd068', NULL, 'asked.happened', 'account-1', NULL, false),
	(1, 1796138430610174, 1796142029091989, 1, 4, 1, 1, 753098061, 2050477239, 2, 2, false, '01a231fa-8013-7189-8c6f-8880da26fc79', '01a231fa-8013-789f-8277-254421dd543c', NULL, 'slow.happened', 'account-1', NULL, false),
	(1, 1796138430882939, 1796142029854935, 2, 4, 1, 1, 753098061, 2009280193, 2, 2, false, '01a231fa-830e-73bc-b5a8-99f997e12166', '01a231fa-830e-7e2c-a361-4d3378f892ee', NULL, 'later.happened', 'account-1', NULL, false),
	(1, 1796134833799994, 1796437748292263, 2, 4, 1, 0, 753098061, 826380006, 3, 1, false, '01a231fa-8e87-7b98-b04f-0f93800a350a', '01a231fa-8e87-7d3d-a2a9-53637740c6c8', NULL, 'hanging.happened', 'account-1', NULL, false);
INSERT INTO public.ended_deliveries_20261201 VALUES
	(1796134828691237, 1796134828667079, 1796437738247721, 1, 815, 1796134828689763, 1140, 0, 1, 2, 0, 200, NULL, 176, NULL, 738, 753098061, 88970731, 4, 2, NULL, 1, false, false, false, '01a231fa-635b-794d-9f0a-4d8e6471e6b6', '01a231fa-635b-7d4e-9ef3-b6fdb399a382', NULL, 'lost.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323820474d540000000e00000001636f6e74656e742d6c656e67746830', '\x'),
	(1796134828731355, 1796134828701062, 1796437743193331, 1, 819, 1796134828728111, 2948, 17, 2, 1, 0, 200, NULL, 143, NULL, 2614, 753098061, 2108323176, 4, 1, NULL, 1, false, false, false, '01a231fa-7a9d-7a45-8b10-27f62eacb6a7', '01a231fa-7a9d-7228-b37d-1196d2b9f9b5', NULL, 'orders.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323820474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796134828795311, 1796134828723973, 1796437743216242, 2, 825, 1796134828753009, 41862, 17, 2, 1, 0, 200, NULL, NULL, NULL, 3943, 753098061, 2108323176, 4, 1, NULL, 1, false, false, false, '01a231fa-7ab3-75a9-94de-546598cd7764', '01a231fa-7ab3-7cd2-bfb9-9d570bdd3f5e', NULL, 'orders.scanned', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323820474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796134828835514, 1796134828771324, 1796138427747643, 1, 826, 1796134828791967, 43008, 7, 1, 2, 1, 200, NULL, NULL, NULL, 1661, 753098061, 613332007, 4, 2, NULL, 1, false, false, false, '01a231fa-7ad3-786d-8e64-93e435828b9e', '01a231fa-7ad3-765d-9915-3c3ed33a4989', NULL, 'flaky.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323820474d540000000e00000001636f6e74656e742d6c656e67746837', '\x6174206c617374'),
	(1796134828955518, 1796134828894839, 1796138427879223, 1, 831, 1796134828908400, 46582, 9, 1, 2, 1, 500, NULL, NULL, NULL, 504, 753098061, 246815551, 5, 2, 1, 2, false, false, false, '01a231fa-7b56-7518-9621-1f2c9273e380', '01a231fa-7b56-75a9-bca0-5a80f7fae487', NULL, 'down.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323820474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134829020858, 1796134829008549, 1796134829000818, 1, 837, 1796134829019523, 997, 9, 1, 1, 0, 500, NULL, NULL, NULL, 866, 753098061, 628297638, 5, 1, 2, 2, false, false, false, '01a231fa-7bd0-7607-9b68-1387e9ce3fb5', '01a231fa-7bd0-7c4b-acf1-7c8f1402dc13', NULL, 'late.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323920474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134829169623, 1796134829149322, 1796138428128424, 1, 845, 1796134829169244, 55, 0, 1, 2, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 2078423650, 5, 2, 1, 9, false, false, false, '01a231fa-7c50-7066-9744-39543504334e', '01a231fa-7c50-71c5-b61f-7c8202ea99e6', NULL, 'blocked.happened', 'account-1', NULL, 'agent-2', 'default', '', '', 'the address is not allowed', '\x', '\x'),
	(1796134829287971, 1796134829275114, 1796138428258118, 1, 853, 1796134829287436, 210, 0, 1, 2, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 830823925, 5, 2, 1, 5, false, false, false, '01a231fa-7cd1-73a5-9bae-40135b6861ba', '01a231fa-7cd1-7bf5-ae81-5211c91e0b72', NULL, 'refused.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:60039', '', 'connecting to 127.0.0.1:60039 failed: Connection refused (os error 111)', '\x', '\x'),
	(1796134829387594, 1796134829387594, 1796437743879863, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 753098061, 1335965188, 7, 1, 5, NULL, false, false, NULL, '01a231fa-7d4b-74f1-8d57-e3f5bc9fff2f', '01a231fa-7d4b-7795-9a65-1c08ac1f0322', NULL, 'disabled.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796134829465520, 1796134829451798, 1796437743944067, 1, 865, 1796134829464512, 605, 17, 1, 1, 0, 200, NULL, NULL, NULL, 431, 753098061, 91401282, 4, 1, NULL, 1, false, true, false, '01a231fa-7d8b-797b-bd59-6c2ffe2aeb23', '01a231fa-7d8b-756f-a8e2-b930ca5a3bf5', NULL, 'filtered.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323920474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796134829751594, 1796134829689561, 1796138428640139, 1, 880, 1796134829705158, 45921, 9, 1, 2, 1, 500, NULL, NULL, NULL, 1807, 753098061, 484247719, 5, 2, 1, 2, false, false, false, '01a231fa-7e4f-78e8-b950-f6e564300ad3', '01a231fa-7e4f-7583-a084-21077553ae9d', NULL, 'kept.happened', 'account-1', 'key-1', 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a323920474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134830697385, 1796134830685568, 0, NULL, 896, 1796134830696259, 800, 17, 2, 1, 0, 200, NULL, NULL, NULL, 611, 753098061, 2108323176, 4, 4, NULL, 1, true, false, false, '01a231fa-825d-7546-ba6f-abc7a9f7dea1', '01a231fa-825d-7e75-90e4-6ca20f087092', NULL, 'orders.happened', NULL, NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a333020474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796134830747083, 1796134830720080, 1796142028780319, 1, 901, 1796134830743028, 3572, 9, 1, 2, 1, 500, NULL, 1333, NULL, 1836, 753098061, 2009280193, 5, 3, 1, 2, false, false, false, '01a231fa-7edc-70e6-a2ac-3b7f4d269583', '01a231fa-7edc-7235-a164-5d96d6472e9f', NULL, 'later.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a333020474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134831035759, 1796134831017645, 1796437745509914, 1, NULL, NULL, NULL, NULL, NULL, 1, 0, NULL, NULL, NULL, NULL, NULL, 753098061, 826380006, 6, 1, 3, NULL, false, false, NULL, '01a231fa-83a9-7dd3-9caa-64218e08dfbd', '01a231fa-83a9-790d-beaf-21cb63d8fff9', NULL, 'hanging.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796134831058991, 1796134830998752, 1796437736363313, 2, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 753098061, 1071647662, 6, 1, 3, NULL, false, false, NULL, '01a231fa-8396-7eaa-b445-cf790d764363', '01a231fa-8396-7ca1-aa12-4a8ea5d75216', NULL, 'paused.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796134831095300, 1796134831074521, 1796437736446146, 1, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 753098061, 339122395, 6, 1, 4, NULL, false, false, NULL, '01a231fa-83e2-7415-9b07-ae9fa1d1bdcd', '01a231fa-83e2-7644-9d75-25a48907c357', NULL, 'leaving.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796134831132017, 1796134831112775, 1796437736456299, 1, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 1954134868, 576605601, 6, 1, 6, NULL, false, false, NULL, '01a231fa-8408-7587-b895-7344281396da', '01a231fa-8408-77ee-91cb-865130a87122', NULL, 'last.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796134831255660, 1796134831197275, 1796138430168602, 1, 925, 1796134831208230, 46852, 9, 1, 2, 1, 500, NULL, NULL, NULL, 562, 753098061, 246815551, 5, 2, 1, 2, false, false, false, '01a231fa-8448-720e-9d18-0ed8c481ba7b', '01a231fa-7b56-75a9-bca0-5a80f7fae487', '01a231fa-7b56-7518-9621-1f2c9273e380', 'down.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a333120474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134831679131, 1796134831667048, 1796134831659317, 1, 932, 1796134831677784, 970, 9, 1, 1, 0, 500, NULL, NULL, NULL, 728, 753098061, 628297638, 5, 5, 2, 2, false, false, false, '01a231fa-8633-7c00-9283-26d8ea288eb8', '01a231fa-7bd0-7c4b-acf1-7c8f1402dc13', '01a231fa-7bd0-7607-9b68-1387e9ce3fb5', 'late.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a333120474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796134832687640, 1796134832675085, 1796437747167354, 1, 942, 1796134832686559, 792, 17, 1, 1, 0, 200, NULL, NULL, NULL, 659, 753098061, 768921496, 4, 5, NULL, 1, false, false, false, '01a231fa-8a23-75f1-8433-0b0af5d0579e', '01a231fa-7ad3-765d-9915-3c3ed33a4989', NULL, 'flaky.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031343a32303a333220474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796134832729142, 1796134832719546, 1796437747211815, 3, 944, 1796134832724767, 4096, 17, 2, 1, 0, 200, NULL, NULL, NULL, 3877, 753098061, 2108323176, 4, 1, NULL, 1, false, false, false, '01a231fa-8a4f-789d-9ce0-aa26087568cf', '01a231fa-8a4f-763c-a4c1-0e465232e1ea', NULL, 'orders.happened', 'account-2', NULL, 'agent-2', 'default', '127.0.0.1:45727', 'HTTP/1.1', '', '\x', '\x');
INSERT INTO public.event_types VALUES
	(2, 1796134821715964, 1796134821715964, NULL, 3, 'orders.happened', 'orders', 'orders.happened
something was ordered.', 'Something was ordered.', '{"type":"object"}', '{"amount":"1"}'),
	(4, 1796134821724958, 1796134821731967, 1796134821731967, 1, 'orders.retired', 'orders', 'orders.retired
', '', NULL, NULL);
INSERT INTO public.events_20261201 VALUES
	(1796134822747000, 1, 753098061, false, '01a231fa-635b-7d4e-9ef3-b6fdb399a382', 'lost.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'lost-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134822994000, 0, 753098061, false, '01a231fa-6452-766b-8d09-32a154c0d71b', 'postrider.secret.rotated', NULL, NULL, 'tenants/acme/subscriptions/orders', NULL, '\x1eceadde92beafd24cfc23bedfed8dd9b21037d31a26f37c20b0c66b5efd857a', '', '', 'postrider/acme/postrider.secret.rotated/orders/key-7b414cd2425de682', NULL, '\x7b22686f7374223a223132372e302e302e31222c226b65795f6964223a226b65792d37623431346364323432356465363832222c226b65795f6b696e64223a225354414e44415244222c226f6c645f6b65795f6578706972655f74696d65223a22323032362d31322d30325431343a32303a32312e3937343432325a222c226f6c645f6b65795f6964223a226b65792d35316566303332386636336434376138222c22726f746174655f74696d65223a22323032362d31322d30315431343a32303a32312e3937343432325a222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6f7264657273227d'),
	(1796134822998000, 0, 55723350, false, '01a231fa-6456-7cba-b32c-2004af64664d', 'postrider.secret.rotated', 'acme', NULL, 'tenants/acme/subscriptions/orders', NULL, '\x1eceadde92beafd24cfc23bedfed8dd9b21037d31a26f37c20b0c66b5efd857a', '', '', 'postrider/acme/postrider.secret.rotated/orders/key-7b414cd2425de682', NULL, '\x7b22686f7374223a223132372e302e302e31222c226b65795f6964223a226b65792d37623431346364323432356465363832222c226b65795f6b696e64223a225354414e44415244222c226f6c645f6b65795f6578706972655f74696d65223a22323032362d31322d30325431343a32303a32312e3937343432325a222c226f6c645f6b65795f6964223a226b65792d35316566303332386636336434376138222c22726f746174655f74696d65223a22323032362d31322d30315431343a32303a32312e3937343432325a222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6f7264657273227d'),
	(1796134828701000, 1, 753098061, false, '01a231fa-7a9d-7228-b37d-1196d2b9f9b5', 'orders.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '00-abababababababababababababababab-cdcdcdcdcdcdcdcd-01', 'a=b', 'orders-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134828723000, 1, 753098061, false, '01a231fa-7ab3-7cd2-bfb9-9d570bdd3f5e', 'orders.scanned', 'account-1', '{"currency":"EUR"}', 'account-1', 'application/octet-stream', '\x06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8', '', '', 'orders-2', NULL, '\x00ff'),
	(1796134828755000, 1, 753098061, false, '01a231fa-7ad3-765d-9915-3c3ed33a4989', 'flaky.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'flaky-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134828886000, 1, 753098061, false, '01a231fa-7b56-75a9-bca0-5a80f7fae487', 'down.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'down-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134828958000, 0, 753098061, false, '01a231fa-7b9e-71d9-972c-d18e846baa22', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/down', NULL, '\x07fe1b0d53ba3b91acc238cd00a73bbeb89cb5f411a6e4df6998bdaa12ffdbce', '', '', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa7b56751896211f2c9273e380', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376235363735313839363231316632633932373365333830222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376235363735613962636130356138306637666165343837222c226576656e745f74797065223a22646f776e2e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f646f776e227d'),
	(1796134828961000, 0, 55723350, false, '01a231fa-7ba1-7c33-a897-52bade8ceb5c', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/down', NULL, '\x07fe1b0d53ba3b91acc238cd00a73bbeb89cb5f411a6e4df6998bdaa12ffdbce', '', '', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa7b56751896211f2c9273e380', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376235363735313839363231316632633932373365333830222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376235363735613962636130356138306637666165343837222c226576656e745f74797065223a22646f776e2e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f646f776e227d'),
	(1796134829008000, 1, 753098061, false, '01a231fa-7bd0-7c4b-acf1-7c8f1402dc13', 'late.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'late-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829026000, 0, 753098061, false, '01a231fa-7be2-75d3-98c4-937c04097416', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/late', NULL, '\x2f8b255b40a2f282d78f273b673d5674d07340859f6f4e15892a46b499ae37ae', '', '', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa7bd076079b681387e9ce3fb5', NULL, '\x7b22617474656d70745f636f756e74223a312c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376264303736303739623638313338376539636533666235222c22656e645f726561736f6e223a2245585049524544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376264303763346261636631376338663134303264633133222c226576656e745f74797065223a226c6174652e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c617465227d'),
	(1796134829028000, 0, 55723350, false, '01a231fa-7be4-7e3b-9ba3-b77d051771f0', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/late', NULL, '\x2f8b255b40a2f282d78f273b673d5674d07340859f6f4e15892a46b499ae37ae', '', '', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa7bd076079b681387e9ce3fb5', NULL, '\x7b22617474656d70745f636f756e74223a312c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376264303736303739623638313338376539636533666235222c22656e645f726561736f6e223a2245585049524544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376264303763346261636631376338663134303264633133222c226576656e745f74797065223a226c6174652e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c617465227d'),
	(1796134829136000, 1, 753098061, false, '01a231fa-7c50-71c5-b61f-7c8202ea99e6', 'blocked.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'blocked-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829173000, 0, 753098061, false, '01a231fa-7c75-7e0f-89cc-c7e223f30702', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/blocked', NULL, '\x2c1e707818857ebd3dcd21ff542c73808da2a080bdaee3ef7472aa6422b7c3bf', '', '', 'postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a231fa7c507066974439543504334e', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376335303730363639373434333935343335303433333465222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376335303731633562363166376338323032656139396536222c226576656e745f74797065223a22626c6f636b65642e68617070656e6564222c22686f7374223a2231302e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f626c6f636b6564227d'),
	(1796134829178000, 0, 55723350, false, '01a231fa-7c7a-7ee6-ba54-129710995ee7', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/blocked', NULL, '\x2c1e707818857ebd3dcd21ff542c73808da2a080bdaee3ef7472aa6422b7c3bf', '', '', 'postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a231fa7c507066974439543504334e', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376335303730363639373434333935343335303433333465222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376335303731633562363166376338323032656139396536222c226576656e745f74797065223a22626c6f636b65642e68617070656e6564222c22686f7374223a2231302e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f626c6f636b6564227d'),
	(1796134829265000, 1, 753098061, false, '01a231fa-7cd1-7bf5-ae81-5211c91e0b72', 'refused.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'refused-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829291000, 0, 753098061, false, '01a231fa-7ceb-7e4d-b6d8-d69df5cd752d', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/refused', NULL, '\x4beb6a67156f3efcc1b54b36b6254d0ed5126399543fd956d73575f2c5136087', '', '', 'postrider/acme/postrider.delivery.exhausted/refused/dlv_01a231fa7cd173a59bae40135b6861ba', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376364313733613539626165343031333562363836316261222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376364313762663561653831353231316339316530623732222c226576656e745f74797065223a22726566757365642e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f72656675736564227d'),
	(1796134829295000, 0, 55723350, false, '01a231fa-7cef-78a5-8f13-2e05dfb95a59', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/refused', NULL, '\x4beb6a67156f3efcc1b54b36b6254d0ed5126399543fd956d73575f2c5136087', '', '', 'postrider/acme/postrider.delivery.exhausted/refused/dlv_01a231fa7cd173a59bae40135b6861ba', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376364313733613539626165343031333562363836316261222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376364313762663561653831353231316339316530623732222c226576656e745f74797065223a22726566757365642e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f72656675736564227d'),
	(1796134829387000, 1, 753098061, false, '01a231fa-7d4b-7795-9a65-1c08ac1f0322', 'disabled.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'disabled-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829408000, 1, 753098061, false, '01a231fa-7d60-7d96-a7d9-47a2895a463c', 'paused.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'paused-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829430000, 1, 753098061, false, '01a231fa-7d76-74e5-a701-fa8c5c70a03f', 'far.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'far-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829451000, 1, 753098061, false, '01a231fa-7d8b-756f-a8e2-b930ca5a3bf5', 'filtered.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'filtered-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829608000, 1, 753098061, false, '01a231fa-7e28-702a-a6ee-71a915525ea9', 'ordered.happened', 'account-1', '{"currency":"EUR"}', 'key-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'ordered-0', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829623000, 1, 753098061, false, '01a231fa-7e37-7345-a3bb-e95daf282d0f', 'ordered.happened', 'account-1', '{"currency":"EUR"}', 'key-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'ordered-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829647000, 1, 753098061, false, '01a231fa-7e4f-7583-a084-21077553ae9d', 'kept.happened', 'account-1', '{"currency":"EUR"}', 'key-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'kept-0', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134830099000, 1, 753098061, false, '01a231fa-8013-789f-8277-254421dd543c', 'slow.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'slow-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134830771000, 0, 55723350, false, '01a231fa-82b3-7f6f-8a74-3d3183cffee2', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/later', NULL, '\x96c98e0982e145b1de39623c6f48cb53f64dee34bedb533cff0010b0de7c3e1e', '', '', 'postrider/acme/postrider.delivery.exhausted/later/dlv_01a231fa7edc70e6a2ac3b7f4d269583', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376564633730653661326163336237663464323639353833222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376564633732333561313634356439366436343732653966222c226576656e745f74797065223a226c617465722e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c61746572227d'),
	(1796134831689000, 0, 55723350, false, '01a231fa-8649-797d-b017-3c494f3bab01', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/late', NULL, '\x25dfcd628e3387f8272ca54801ba27b6bf1c8e19ffc5fd5f5b4857238f277e3d', '', '', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa86337c00928326d8ea288eb8', NULL, '\x7b22617474656d70745f636f756e74223a312c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661383633333763303039323833323664386561323838656238222c22656e645f726561736f6e223a2245585049524544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376264303763346261636631376338663134303264633133222c226576656e745f74797065223a226c6174652e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c617465227d'),
	(1796134829656000, 1, 753098061, false, '01a231fa-7e58-7684-b11a-e58d09431064', 'kept.happened', 'account-1', '{"currency":"EUR"}', 'key-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'kept-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134831267000, 0, 55723350, false, '01a231fa-84a3-77e8-a7be-2962b89388b3', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/down', NULL, '\x89a61f68389698eadc6e302734ce7bc56b8230e52dbbf9c60c5940ba4b4ad3a6', '', '', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa8448720e9d180ed8c481ba7b', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661383434383732306539643138306564386334383162613762222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376235363735613962636130356138306637666165343837222c226576656e745f74797065223a22646f776e2e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f646f776e227d'),
	(1796134832719000, 1, 753098061, false, '01a231fa-8a4f-763c-a4c1-0e465232e1ea', 'orders.happened', 'account-2', '{"currency":"EUR"}', 'account-2', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'orders-3', '{"reason" : "expunged", "time" : 1796134833670267, "bytes" : 19}', '\x'),
	(1796134829764000, 0, 753098061, false, '01a231fa-7ec4-73f9-a9c0-22aa5c6fffa4', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/kept', NULL, '\x84c75bbc7548664e9b3b70b18fbe8a963aa4893ee46eac0b474d56b7031858cd', '', '', 'postrider/acme/postrider.delivery.exhausted/kept/dlv_01a231fa7e4f78e8b950f6e564300ad3', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376534663738653862393530663665353634333030616433222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376534663735383361303834323130373735353361653964222c226576656e745f74797065223a226b6570742e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6b657074227d'),
	(1796134829964000, 1, 753098061, false, '01a231fa-7f8c-7fee-ac89-361fed9bd068', 'asked.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'asked-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134830685000, 1, 753098061, true, '01a231fa-825d-7e75-90e4-6ca20f087092', 'orders.happened', NULL, NULL, NULL, NULL, '\xcdb8de78f10f4776de95629e660ff8a5aba9ab22166d96ce73e50d0e3acfc6dc', '', '', NULL, NULL, '\x7b22616d6f756e74223a2231227d'),
	(1796134831112000, 1, 1954134868, false, '01a231fa-8408-77ee-91cb-865130a87122', 'last.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'last-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134829771000, 0, 55723350, false, '01a231fa-7ecb-7536-a52d-7246a6f145d4', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/kept', NULL, '\x84c75bbc7548664e9b3b70b18fbe8a963aa4893ee46eac0b474d56b7031858cd', '', '', 'postrider/acme/postrider.delivery.exhausted/kept/dlv_01a231fa7e4f78e8b950f6e564300ad3', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376534663738653862393530663665353634333030616433222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376534663735383361303834323130373735353361653964222c226576656e745f74797065223a226b6570742e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6b657074227d'),
	(1796134829788000, 1, 753098061, false, '01a231fa-7edc-7235-a164-5d96d6472e9f', 'later.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'later-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134830766000, 0, 753098061, false, '01a231fa-82ae-729e-b529-ff318f7ebf94', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/later', NULL, '\x96c98e0982e145b1de39623c6f48cb53f64dee34bedb533cff0010b0de7c3e1e', '', '', 'postrider/acme/postrider.delivery.exhausted/later/dlv_01a231fa7edc70e6a2ac3b7f4d269583', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661376564633730653661326163336237663464323639353833222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376564633732333561313634356439366436343732653966222c226576656e745f74797065223a226c617465722e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c61746572227d'),
	(1796134830862000, 1, 753098061, false, '01a231fa-830e-7e2c-a361-4d3378f892ee', 'later.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'later-2', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134830998000, 1, 753098061, false, '01a231fa-8396-7ca1-aa12-4a8ea5d75216', 'paused.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'paused-cancelled', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134831017000, 1, 753098061, false, '01a231fa-83a9-790d-beaf-21cb63d8fff9', 'hanging.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'hanging-cancelled', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134831074000, 1, 753098061, false, '01a231fa-83e2-7644-9d75-25a48907c357', 'leaving.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'leaving-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796134831258000, 0, 753098061, false, '01a231fa-849a-7a69-8a42-78e099208ec0', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/down', NULL, '\x89a61f68389698eadc6e302734ce7bc56b8230e52dbbf9c60c5940ba4b4ad3a6', '', '', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa8448720e9d180ed8c481ba7b', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661383434383732306539643138306564386334383162613762222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376235363735613962636130356138306637666165343837222c226576656e745f74797065223a22646f776e2e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f646f776e227d'),
	(1796134831685000, 0, 753098061, false, '01a231fa-8645-75af-a720-d8778af1fdb0', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/late', NULL, '\x25dfcd628e3387f8272ca54801ba27b6bf1c8e19ffc5fd5f5b4857238f277e3d', '', '', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa86337c00928326d8ea288eb8', NULL, '\x7b22617474656d70745f636f756e74223a312c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233316661383633333763303039323833323664386561323838656238222c22656e645f726561736f6e223a2245585049524544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233316661376264303763346261636631376338663134303264633133222c226576656e745f74797065223a226c6174652e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c617465227d'),
	(1796134833799000, 1, 753098061, false, '01a231fa-8e87-7d3d-a2a9-53637740c6c8', 'hanging.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'hanging-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d');
INSERT INTO public.failing_endpoints VALUES
	(1796134828894862, 4, 0, 'acme', 'down'),
	(1796134829020807, 4, 0, 'acme', 'late'),
	(1796134829149340, 4, 0, 'acme', 'blocked'),
	(1796134829275137, 4, 0, 'acme', 'refused'),
	(1796134829641029, 4, 0, 'acme', 'ordered'),
	(1796134829689581, 4, 0, 'acme', 'kept'),
	(1796134829804534, 4, 0, 'acme', 'later'),
	(1796134829988761, 4, 0, 'acme', 'asked'),
	(1796134830610278, 4, 0, 'acme', 'slow');
INSERT INTO public.held_keys VALUES
	(0, true, '01a231fa-7e4f-7583-a084-21077553ae9d', 'acme', 'kept', 'key-1');
INSERT INTO public.hold_clocks VALUES
	(0, 1796134829994564, 1796138429994564, 1, 'acme', 'asked');
INSERT INTO public.idempotency_keys VALUES
	(1796739622747721, 1796134822747000, 1, '01a231fa-635b-7d4e-9ef3-b6fdb399a382', 'acme', 'lost-1', '\x08550528d4ef2cfdfde9fbfd99bcd3479fdf4d74c158392ef5ef7771a0ee51cf'),
	(1796739622994897, 1796134822994000, 0, '01a231fa-6452-766b-8d09-32a154c0d71b', 'acme', 'postrider/acme/postrider.secret.rotated/orders/key-7b414cd2425de682', '\x892770bb9f72bf7355679abbd48f1abac9de2f23eb2d060de74b5ee09a23ad08'),
	(1796739622998821, 1796134822998000, 0, '01a231fa-6456-7cba-b32c-2004af64664d', 'operators', 'postrider/acme/postrider.secret.rotated/orders/key-7b414cd2425de682', '\x159fc1827cd2ceb1c4f10185710d1845a84f892d755b7e032d9943237d6c7375'),
	(1796739628701062, 1796134828701000, 1, '01a231fa-7a9d-7228-b37d-1196d2b9f9b5', 'acme', 'orders-1', '\x1241535272dd56b6a7e75f3a8ff7a34a95bd992441febaebef951d68e13eab31'),
	(1796739628723973, 1796134828723000, 1, '01a231fa-7ab3-7cd2-bfb9-9d570bdd3f5e', 'acme', 'orders-2', '\xabf0ac12f64e4bb96cbace3a6ef6f0b99332c9ce42b91f18133c6947fa4f0783'),
	(1796739628755374, 1796134828755000, 1, '01a231fa-7ad3-765d-9915-3c3ed33a4989', 'acme', 'flaky-1', '\xb35e9ba1e29509ed1287e25d1252c79053dd7280bb60bf35197a006fb94768f4'),
	(1796739628886954, 1796134828886000, 1, '01a231fa-7b56-75a9-bca0-5a80f7fae487', 'acme', 'down-1', '\x56032d18efe91bbaa05782de35638b774e62364cd0a5a7059cc392e5ed25914c'),
	(1796739628958746, 1796134828958000, 0, '01a231fa-7b9e-71d9-972c-d18e846baa22', 'acme', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa7b56751896211f2c9273e380', '\x8e547ea2fff11852b8692a84d4e2a6d36438ffa7c38e172950b4257e8ceebbb5'),
	(1796739628961595, 1796134828961000, 0, '01a231fa-7ba1-7c33-a897-52bade8ceb5c', 'operators', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa7b56751896211f2c9273e380', '\xbd7f8ea39119f7bc3a19f34ee401c27c117caba30ff5f3de05ef4e293b44624b'),
	(1796739629008549, 1796134829008000, 1, '01a231fa-7bd0-7c4b-acf1-7c8f1402dc13', 'acme', 'late-1', '\xd654a22809c131a0765438d84cb3c986a5b9abe139b3100d8dc2927b78cb4b0b'),
	(1796739629026963, 1796134829026000, 0, '01a231fa-7be2-75d3-98c4-937c04097416', 'acme', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa7bd076079b681387e9ce3fb5', '\x677a494fa1800000613e238dd5d7266e62402cc7cdf0573fcc0c4d649a6a41aa'),
	(1796739629028704, 1796134829028000, 0, '01a231fa-7be4-7e3b-9ba3-b77d051771f0', 'operators', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa7bd076079b681387e9ce3fb5', '\x91fbfefac03c7cb3dd3fd16b651ff384a2b0c5b1f5d1279c34cd3f5de27090c4'),
	(1796739629136155, 1796134829136000, 1, '01a231fa-7c50-71c5-b61f-7c8202ea99e6', 'acme', 'blocked-1', '\xca2ba4146e1393f893d1bf5cfb4f18f500cf02ee0835545f7353ba3b1dacc7dc'),
	(1796739629173052, 1796134829173000, 0, '01a231fa-7c75-7e0f-89cc-c7e223f30702', 'acme', 'postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a231fa7c507066974439543504334e', '\x7c8d9c987392b5e708eac1810488cf85875636b8027b32c2d6cabdb6dbb38ca3'),
	(1796739629178755, 1796134829178000, 0, '01a231fa-7c7a-7ee6-ba54-129710995ee7', 'operators', 'postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a231fa7c507066974439543504334e', '\xa15663818c15bc07b89ef08702fad66c62391da5565abf54fef5461af9ae9bab'),
	(1796739629265849, 1796134829265000, 1, '01a231fa-7cd1-7bf5-ae81-5211c91e0b72', 'acme', 'refused-1', '\xdde5fff452d7ffb5ddfbf31186a358648a19195f629739098745da4fefd6b179'),
	(1796739629291331, 1796134829291000, 0, '01a231fa-7ceb-7e4d-b6d8-d69df5cd752d', 'acme', 'postrider/acme/postrider.delivery.exhausted/refused/dlv_01a231fa7cd173a59bae40135b6861ba', '\x92e635c4d6d64bcbbf598595f7163001284f41ecb4c504985270e0a53b7d47b6'),
	(1796739629295496, 1796134829295000, 0, '01a231fa-7cef-78a5-8f13-2e05dfb95a59', 'operators', 'postrider/acme/postrider.delivery.exhausted/refused/dlv_01a231fa7cd173a59bae40135b6861ba', '\x7b7dff80895e1dc38cc5febad8ccaa62d9f42659ef449dfbf4aa8c2bd372d64f'),
	(1796739629387594, 1796134829387000, 1, '01a231fa-7d4b-7795-9a65-1c08ac1f0322', 'acme', 'disabled-1', '\xa82c38ce6d313cfb8b31811daa8dcad8eff8716c75994143188142165f1c8984'),
	(1796739629408539, 1796134829408000, 1, '01a231fa-7d60-7d96-a7d9-47a2895a463c', 'acme', 'paused-1', '\x40c3f9dfbfbd0edd06095ad84f6ac3b7b61953301c896111c1350543b57d5736'),
	(1796739629430587, 1796134829430000, 1, '01a231fa-7d76-74e5-a701-fa8c5c70a03f', 'acme', 'far-1', '\xdc3253fe3716341aef671b488fbc1d50754f8705f868a411ba4a8cd21fa25a47'),
	(1796739629451798, 1796134829451000, 1, '01a231fa-7d8b-756f-a8e2-b930ca5a3bf5', 'acme', 'filtered-1', '\x52dadd696e4addc8866624ea64e6712f1f30049171fd6bbfd5ae05cc987470e5'),
	(1796739629608291, 1796134829608000, 1, '01a231fa-7e28-702a-a6ee-71a915525ea9', 'acme', 'ordered-0', '\xa596456e88e97332a1439544fc5888566d30573102785938a3505b05bce252a7'),
	(1796739629623443, 1796134829623000, 1, '01a231fa-7e37-7345-a3bb-e95daf282d0f', 'acme', 'ordered-1', '\xa596456e88e97332a1439544fc5888566d30573102785938a3505b05bce252a7'),
	(1796739629647870, 1796134829647000, 1, '01a231fa-7e4f-7583-a084-21077553ae9d', 'acme', 'kept-0', '\xd4c2faf35f5e498e706213c2aebc87521a420c55d3a3812d99155bfb0f7d002e'),
	(1796739629656681, 1796134829656000, 1, '01a231fa-7e58-7684-b11a-e58d09431064', 'acme', 'kept-1', '\xd4c2faf35f5e498e706213c2aebc87521a420c55d3a3812d99155bfb0f7d002e'),
	(1796739629764287, 1796134829764000, 0, '01a231fa-7ec4-73f9-a9c0-22aa5c6fffa4', 'acme', 'postrider/acme/postrider.delivery.exhausted/kept/dlv_01a231fa7e4f78e8b950f6e564300ad3', '\x21d0f4058aee7f0180352711acfee752950bc34369e56cb3ccbeb9d7f24a1b65'),
	(1796739629771459, 1796134829771000, 0, '01a231fa-7ecb-7536-a52d-7246a6f145d4', 'operators', 'postrider/acme/postrider.delivery.exhausted/kept/dlv_01a231fa7e4f78e8b950f6e564300ad3', '\x9fa03f970b6b7087414481047efd1977e6d5418501458765dd049375f261217d'),
	(1796739629788050, 1796134829788000, 1, '01a231fa-7edc-7235-a164-5d96d6472e9f', 'acme', 'later-1', '\xc854ab6e9cefd0f50eaf8a904152b47f14d9763aec421e89bda107adfd19b6e0'),
	(1796739629964362, 1796134829964000, 1, '01a231fa-7f8c-7fee-ac89-361fed9bd068', 'acme', 'asked-1', '\x0a2e8e082120a7a71e1fd8afa444750f08014edd2a67680057a7866bad2e6e99'),
	(1796739630099720, 1796134830099000, 1, '01a231fa-8013-789f-8277-254421dd543c', 'acme', 'slow-1', '\x6d7914e1b2f4e6b8986135aad5067f07afda508e17e6673ce1af55017197fe4d'),
	(1796739630766439, 1796134830766000, 0, '01a231fa-82ae-729e-b529-ff318f7ebf94', 'acme', 'postrider/acme/postrider.delivery.exhausted/later/dlv_01a231fa7edc70e6a2ac3b7f4d269583', '\xcdc029bf06c3d8dade03a2a2816fb85e9746b73c107060eba9bd645a99521bb8'),
	(1796739630771054, 1796134830771000, 0, '01a231fa-82b3-7f6f-8a74-3d3183cffee2', 'operators', 'postrider/acme/postrider.delivery.exhausted/later/dlv_01a231fa7edc70e6a2ac3b7f4d269583', '\xc5b595880fcd1d990daa4dfeec2a74a5bf693953215b78215eab0ca683fb84b8'),
	(1796739630862666, 1796134830862000, 1, '01a231fa-830e-7e2c-a361-4d3378f892ee', 'acme', 'later-2', '\xc854ab6e9cefd0f50eaf8a904152b47f14d9763aec421e89bda107adfd19b6e0'),
	(1796739630998752, 1796134830998000, 1, '01a231fa-8396-7ca1-aa12-4a8ea5d75216', 'acme', 'paused-cancelled', '\x40c3f9dfbfbd0edd06095ad84f6ac3b7b61953301c896111c1350543b57d5736'),
	(1796739631017645, 1796134831017000, 1, '01a231fa-83a9-790d-beaf-21cb63d8fff9', 'acme', 'hanging-cancelled', '\xefd443cceabb20372d0d91757170531e02c301d2610d31b7dbe6e46155d37b95'),
	(1796739631074521, 1796134831074000, 1, '01a231fa-83e2-7644-9d75-25a48907c357', 'acme', 'leaving-1', '\x9e54814aec82dcaeb59e41ac953c43ca16bf82bf386ac4541eec21eb9171bb30'),
	(1796739631112775, 1796134831112000, 1, '01a231fa-8408-77ee-91cb-865130a87122', 'gone', 'last-1', '\x5e56ddebdbf21b7f1cfb8a5d7618a089725294c0ac8f93f4e16a6751decfd65d'),
	(1796739631258727, 1796134831258000, 0, '01a231fa-849a-7a69-8a42-78e099208ec0', 'acme', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa8448720e9d180ed8c481ba7b', '\x8bcc44a00f7f56249466cd50fca2da938080424a0a5d81cfe7bee52bbc22a68b'),
	(1796739631267009, 1796134831267000, 0, '01a231fa-84a3-77e8-a7be-2962b89388b3', 'operators', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a231fa8448720e9d180ed8c481ba7b', '\xfddc134c5ed4ced0344c0767c98fa1004791d7597738be2b824c861064c25303'),
	(1796739631685659, 1796134831685000, 0, '01a231fa-8645-75af-a720-d8778af1fdb0', 'acme', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa86337c00928326d8ea288eb8', '\x13ea8b3c8f5a504cd9bae6b6ff58974f505caccdb359aea2bedcd8df49847c38'),
	(1796739631689454, 1796134831689000, 0, '01a231fa-8649-797d-b017-3c494f3bab01', 'operators', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a231fa86337c00928326d8ea288eb8', '\x15032d9bca362c69573b18e75dbde778bfd5241bbfa5a33ed10131e20430acda'),
	(1796739632719546, 1796134832719000, 1, '01a231fa-8a4f-763c-a4c1-0e465232e1ea', 'acme', 'orders-3', '\xccbacca44a7a58aa10b2e613e3623c316686882952234d1f9c5ad7bff6657e15'),
	(1796739633799994, 1796134833799000, 1, '01a231fa-8e87-7d3d-a2a9-53637740c6c8', 'acme', 'hanging-1', '\xefd443cceabb20372d0d91757170531e02c301d2610d31b7dbe6e46155d37b95');
INSERT INTO public.later_deliveries VALUES
	(753098061, '01a231fa-7b56-75a9-bca0-5a80f7fae487', '01a231fa-8448-720e-9d18-0ed8c481ba7b'),
	(753098061, '01a231fa-7bd0-7c4b-acf1-7c8f1402dc13', '01a231fa-8633-7c00-9283-26d8ea288eb8'),
	(753098061, '01a231fa-7ad3-765d-9915-3c3ed33a4989', '01a231fa-8a23-75f1-8433-0b0af5d0579e');
INSERT INTO public.meta VALUES
	('minimum_version', '1'),
	('shards', '6'),
	('secrets_removed', '1796134831128104'),
	('payloads_expunged', '1796134833670267');
INSERT INTO public.operations VALUES
	(1, 1, 0, 0, 1796134831322174, 1796134831667138, 4, 2, NULL, '01a231fa-84da-73ae-8bab-f9f334fccbf1', '01a231fa-7bd0-7607-9b68-1387e9ce3fb5', 'acme', '{"kind":"replay","window":{"from":1796134822747000,"until":1796134831320000},"per_second":100,"subscription":"late","states":[5,7],"event_types":[]}'),
	(33, 1, 0, 0, 1796134831764129, 1796134832675241, 4, 2, NULL, '01a231fa-8694-7c27-aed5-dff00988a199', '01a231fa-8645-75af-a720-d8778af1fdb0', 'acme', '{"kind":"backfill","window":{"from":1796134822747000,"until":1796134831763000},"per_second":100,"subscription":"newcomer"}'),
	(34, 1, 0, 19, 1796134832847194, 1796134833709110, 4, 2, NULL, '01a231fa-8acf-7685-a9ed-509d8ad9e7ad', '01a231fa-8a4f-789d-9ce0-aa26087568cf', 'acme', '{"kind":"expunge","window":{"from":0,"until":1796134832847000},"selection":{"account":"account-2"},"cancel_unfinished":false,"dry_run":false}');
INSERT INTO public.region_clocks VALUES
	(0, 1796134822679909, 'far'),
	(1007731, NULL, 'default');
INSERT INTO public.replicas VALUES
	(1796134834746121, 'replica-1', 'http://127.0.0.1:55655', '0.1.0', '\x12011a1a16661ed5fb741f27656d871a');
INSERT INTO public.shards VALUES
	(1, 1796134843741138, 1796134833739490, 0, 'replica-1'),
	(1, 1796134843741158, 1796134833739490, 1, 'replica-1'),
	(1, 1796134843741163, 1796134833739490, 2, 'replica-1'),
	(1, 1796134843741165, 1796134833739490, 3, 'replica-1'),
	(1, 1796134843741167, 1796134833739490, 4, 'replica-1'),
	(1, 1796134843741169, 1796134833739490, 5, 'replica-1');
INSERT INTO public.subscription_numbers VALUES
	(88970731, 'acme', 'lost'),
	(2108323176, 'acme', 'orders'),
	(613332007, 'acme', 'flaky'),
	(246815551, 'acme', 'down'),
	(628297638, 'acme', 'late'),
	(2078423650, 'acme', 'blocked'),
	(830823925, 'acme', 'refused'),
	(1335965188, 'acme', 'disabled'),
	(1071647662, 'acme', 'paused'),
	(71806224, 'acme', 'far'),
	(91401282, 'acme', 'filtered'),
	(711688339, 'acme', 'ordered'),
	(484247719, 'acme', 'kept'),
	(2009280193, 'acme', 'later'),
	(729220903, 'acme', 'asked'),
	(2050477239, 'acme', 'slow'),
	(826380006, 'acme', 'hanging'),
	(339122395, 'acme', 'leaving'),
	(576605601, 'gone', 'last'),
	(768921496, 'acme', 'newcomer');
INSERT INTO public.subscription_sequences VALUES
	(1, 753098061, 88970731),
	(1, 753098061, 613332007),
	(1, 753098061, 246815551),
	(1, 753098061, 628297638),
	(1, 753098061, 2078423650),
	(1, 753098061, 830823925),
	(1, 753098061, 71806224),
	(1, 753098061, 91401282),
	(2, 753098061, 711688339),
	(2, 753098061, 484247719),
	(1, 753098061, 729220903),
	(1, 753098061, 2050477239),
	(2, 753098061, 2009280193),
	(2, 753098061, 1071647662),
	(1, 753098061, 339122395),
	(1, 1954134868, 576605601),
	(1, 753098061, 768921496),
	(3, 753098061, 2108323176),
	(2, 753098061, 826380006);
INSERT INTO public.subscriptions VALUES
	(1, 1, 3, 1796134821776460, 1796134821776460, NULL, 0, NULL, 4, 1, 'acme', 'flaky', 'default', '', 'http://127.0.0.1:45727/once', 'flaky
http://127.0.0.1:45727/once', '', '{"display_name":"","url":"http://127.0.0.1:45727/once","event_types":["flaky.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x0173e7d7d6c026b42d0a9338f69e8a8c8bd98f1b8276b92ac0680fed94a51173809486f8084a694eff1fb7b6cb6124c6c25107628fe359e7988edb3ec68a23712ebd7226e29c1ecff23f828ce4d2f22a8d6749ff26cde9bceb95496133c059461829f692b762b9fe220e676fa71c4e3d017c30bef6c3ee6339832f7d19272255308c233d21016b6092f7e99bb600ff0ebfbc066d2f13b6194f2db74cb7f29b61345f19350779769a55f710572bc94fd8556823eb8ea3ead6', '\x011af0c7fa6a63e69066f72f5e8ae69be13dd8d9d5573dd2ddc20b9a385e1c', NULL, NULL),
	(1, 1, 4, 1796134821800109, 1796134821800109, NULL, 0, NULL, 4, 1, 'acme', 'down', 'default', '', 'http://127.0.0.1:45727/error', 'down
http://127.0.0.1:45727/error', '', '{"display_name":"","url":"http://127.0.0.1:45727/error","event_types":["down.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01531ba3a8afacdadbceaf243e392ed1bbe9b08f406937cba2dc2a8ac983f209417997237ef7818918b65a4e99eccd5aa5aa8439bf4fa2203a69a5d78b8c706219345e3d9a8da5d929d0558038feb9c68d6210dcaffefd0744314966fa566dd5cb9f997ee1f1b18daec1f9cc52cd679042a256c998c0865b8392fe17fda9d05849add678f6b28cb35c605a75b4a76a17ffea721a74c89f9fb1109d6dfc55b90ed61ad39d3ab874ad5dfcb2047213ba14dab13687975f5031', '\x01ed534853e37c5970b9fa74340c130c61f5d53ca2a80eccd62da7686360be', NULL, NULL),
	(1, 1, 5, 1796134821815004, 1796134821815004, NULL, 0, NULL, 4, 1, 'acme', 'later', 'default', '', 'http://127.0.0.1:45727/error', 'later
http://127.0.0.1:45727/error', '', '{"display_name":"","url":"http://127.0.0.1:45727/error","event_types":["later.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01050119b333834d21fc366081ec777978a704ce33fd1bee96b73f81c8623567589243810d0658b1e4f9b0dc0d9103a25addd2094a8393be761bdccd7e9a0d35c6694021492787b81493100274e42e0aff12ceee8384c93ec40932fb88f1d2e23d115650f432b4dba4775fb95fff963c8bc7812989bad5c79bc9d54d48973df05ff000894a23fd1eaf66dba2d4fed88328ab804772ac42a5f5d5a8f03578dec924f3c0df0444da44e308638a1a9fd8ac04b2bb4c459cadf4', '\x01f525596210852e2a0f67a557f2abe1c134434ac3ad81809cf8bc50a2018e', NULL, NULL),
	(1, 1, 6, 1796134821826584, 1796134821826584, NULL, 0, NULL, 4, 1, 'acme', 'late', 'default', '', 'http://127.0.0.1:45727/error', 'late
http://127.0.0.1:45727/error', '', '{"display_name":"","url":"http://127.0.0.1:45727/error","event_types":["late.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":{"secs":1,"nanos":0},"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01be6270d57eda46b809b09ec66c47653a386a56496584238f411e18e4e523f3e788d68c88088863ea1006cbd6b832a34a17e47e9f0d497d3e20f90a8dab837ca5b2b53e4ea1d0b564a22b03c17fd718366da61b1af795428b065aec140760a6186f3c1987621394c001ec26911b473072895d490b33edeb72b416116c3c3fab1ece48f4b55fd419e1829ca0d15262641af42d558abfd8e6aab29147eb3a83789402b31a928aa4b958d872085d9a8401bc4d41cc8e1fd127', '\x01e76b6fdef242833657a2974e785bc063ac666d487fd5091d51f009eded36', NULL, NULL),
	(1, 1, 7, 1796134821836381, 1796134821836381, NULL, 0, NULL, 4, 1, 'acme', 'ordered', 'default', '', 'http://127.0.0.1:45727/error', 'ordered
http://127.0.0.1:45727/error', '', '{"display_name":"","url":"http://127.0.0.1:45727/error","event_types":["ordered.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"per_key","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x016c21e7632bd0894108585ffa5ff7b008a02e3ff20bc441751819845da4ec35a1a9eaeb84b82787f0ac18dcce521b79617c8384f9de40af598990ad00f52a15edd577d0ad38d80c26e5d4ba611e3cabce82c42f25e79727bdc3344df1806a82a6e7a88fbc228b2ad03f94ae3623110415bf522fa13bd8ec0fbc25e5b26b705c5695a5121b78ecdd94a64f9991af42faabc8d4136088a9c306e85d431b5a8c816d3ccf7d83fbbd3e638c951bbf1a395c6a59d98604d94e6c', '\x019d245c43925be6a0032029078ff796360c8a6e62ac88a1b9bacc447f3333', NULL, NULL),
	(1, 1, 8, 1796134821846307, 1796134821846307, NULL, 0, NULL, 4, 1, 'acme', 'kept', 'default', '', 'http://127.0.0.1:45727/error', 'kept
http://127.0.0.1:45727/error', '', '{"display_name":"","url":"http://127.0.0.1:45727/error","event_types":["kept.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"per_key","exhausted_key":"hold","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x013ba62868c80098f12b1e71dac4939516c16651f93c4f1ad1019342a363fee0d679db1f1291e705343fbc7c7fdcf329b534b82c96f6a3099a03228bca05cf1d1d96bece517ec1793666a19fc3810b63657a4296524ee25bb7a88a708e5814381c36555e8e17aec723979098e35429d4165cb5de6d826e3f559444a6208498a37892091a469f8bee06fe7428b8c75ae8f0c76786037a46f31c4bb813461211f7179c0c61f9fd2379c664e2384828c9c2d1180ccf147f19a4', '\x01999339f0d9a81e258411221223cc5e5083c6ece49eb654a4a6501b2cd3eb', NULL, NULL),
	(1, 1, 9, 1796134821853937, 1796134821853937, NULL, 0, NULL, 4, 1, 'acme', 'asked', 'default', '', 'http://127.0.0.1:45727/wait', 'asked
http://127.0.0.1:45727/wait', '', '{"display_name":"","url":"http://127.0.0.1:45727/wait","event_types":["asked.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x0118275b9b61a07aaba0dcb31b42112e4376aec06b23f646511c715987503d27baf55ea32276e8f90cd571daf6c855982fc055d10852ba0484317acabe9271c85583ca640b1686aeb8d35ae57490cefed1c7cc75a8913bed2a6eaf7ee3320837ce05685b7d076fbc44a049d71302ceab3fe05481ef59bea17072e92807a8f0b9702ab02336e6867e1e473fc5e73dc5735a99e1161c679f6f9cdd0ba3ca81c1522aa3f7be3c46a16851df0121eac104802f6a10faec841ef7', '\x01975491378c966d4b9685dabbf83dd42aed922afff450333884adadb7a42e', NULL, NULL),
	(1, 1, 14, 1796134821907507, 1796134821907507, NULL, 0, NULL, 4, 1, 'acme', 'refused', 'default', '', 'http://127.0.0.1:60039/', 'refused
http://127.0.0.1:60039/', '', '{"display_name":"","url":"http://127.0.0.1:60039/","event_types":["refused.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01fe8ba69afa7def6b0fc5abfc3c5ccfd1cd334a49b91e7bf347c70b28d9ff8593672f153bfd8e9c3e064c6ac7fb2a7e8828aac876538a1318f7b89b5982bbd0e621cf8af4c8773a77521329e4567a8c8348c3a76088fa81f0860e6fbd212c43e85c376708884a2480bf165f6cf07811e005c5c475adc1b8102fca8b5e540abed383739a28a562824ec503bf1627b05f24a3513860dcc18b5e125129b1df14a759bc18e28803bab1bfff9dd3e9f4cc484c5205e89bbe74bc', '\x01943ded2e7c55b9eed590e76755cead6144e83a295c9eb64795ecb483da22', NULL, NULL),
	(1, 1, 17, 1796134821938799, 1796134821938799, NULL, 0, NULL, 4, 1, 'acme', 'lost', 'default', '', 'http://127.0.0.1:45727/hang-once', 'lost
http://127.0.0.1:45727/hang-once', '', '{"display_name":"","url":"http://127.0.0.1:45727/hang-once","event_types":["lost.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":60,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x0171c2ce40b6b3183904fea360651998e2e485f1c1be7730eea88fd48450931e951339787eac7d1e937ed13fdde8f60843c0861922acbdc6d273cd2df15d8b626f7536442c46ffba6173dcef2af2005b279140cb0bd2b512718f68441bd0e65675e0428ed2227f03a567e79705a3faefab77c3ad3a71adda4a901010f57c573a831dbb3d2ce9eca1ff61f1e2a8a1590d8b6c54c45fed73cc00a2668a2d89aa31ccf24b10a39a6ee3761b49d960aee2253c3c3c04dce1ec98', '\x015e83ddd39b43eb066742933842d205df4924637c118b619183ced2c253d2', NULL, NULL),
	(2, 1, 2, 1796134821964030, 1796134831128104, 1796134831128104, 0, 1796134821964030, 2, 2, 'gone', 'last', 'default', '', 'http://127.0.0.1:45727/ok', 'last
http://127.0.0.1:45727/ok', '', '{"display_name":"","url":"http://127.0.0.1:45727/ok","event_types":["last.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', NULL, NULL, NULL, NULL, NULL),
	(1, 1, 10, 1796134821871044, 1796134821871044, NULL, 0, 1796134821871044, 4, 2, 'acme', 'paused', 'default', '', 'http://127.0.0.1:45727/ok', 'paused
http://127.0.0.1:45727/ok', '', '{"display_name":"","url":"http://127.0.0.1:45727/ok","event_types":["paused.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01f4ca3808cc4011ee98091bef8fa7418bc9c03fccc2001019de665e1534c49b2845d7e273f83c08e69150d5790a8d10af5ea5e39df045fac6c98b9cbcbe2f8be0c46441da56c60f6fb649719e1dd560d5d2d639b46cda282862f6ef7e35e8b6906375aa0c1fe90dcd57437a7c4e73469dd516de35e37c1928c265408b9e4d5427eb122ee3d95f25803265918a1e72a114aa4ca5c893f8e6f5ae52b96cb4668b313cef4e0aab1e6362461b8221b17010293b94b08e58acd1', '\x0141d4fdea9820e643f423bae84e3a446573cb50090a2315449a511a152e7b', NULL, NULL),
	(1, 1, 15, 1796134821918760, 1796134821918760, NULL, 0, NULL, 4, 1, 'acme', 'slow', 'default', '', 'http://127.0.0.1:45727/hang', 'slow
http://127.0.0.1:45727/hang', '', '{"display_name":"","url":"http://127.0.0.1:45727/hang","event_types":["slow.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":0,"nanos":500000000},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01ea3a3cf2baf64b89785d7b06ff5c3a514131c2ec971a987b80cd8154d34177d65a916496dfd6d7fcb2cd662684703b0205d9de786d942354b489ca26694ae336256b08baf6bd65e226ec831e1834b4d4bbf857ca187dfa4a629610d8698957d88d8a5137f8a8fd884ebadf56cf054c02e623e8c7424bdd5ede8f0575cae8e4ec9aede5492b23c7948d0e342c16634050df484dd40734c4c5ca12086f7f8766f5faf96c0f03ea72722e007afff09e53332d8b0efa4fdfe6', '\x01167fc22bead9093cafe6ddad1a978bbbc59d18b3182869cfe29070eb795a', NULL, NULL),
	(2, 1, 21, 1796134821953877, 1796134821953877, 1796134831089658, 0, 1796134821953877, 4, 2, 'acme', 'leaving', 'default', '', 'http://127.0.0.1:45727/ok', 'leaving
http://127.0.0.1:45727/ok', '', '{"display_name":"","url":"http://127.0.0.1:45727/ok","event_types":["leaving.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', NULL, NULL, NULL, NULL, NULL),
	(1, 1, 11, 1796134821878347, 1796134821878347, NULL, 0, NULL, 4, 3, 'acme', 'disabled', 'default', '', 'http://127.0.0.1:45727/ok', 'disabled
http://127.0.0.1:45727/ok', '', '{"display_name":"","url":"http://127.0.0.1:45727/ok","event_types":["disabled.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01d5d3ce32111ea43943accd2de9757ab8176bed1816e8ab97c18a99dee76542962fa6686bbb1c9757f2d02f3aa92b27fcb49faa29934c56aaa6220dbbdefdd89a6978e27cc0e1159c717fb7c01d037b185c7b7668fdc87d6e2056dfe698a19b4e6a8612bc0b8c5c6daa8be50752e012b9156be322bcd8c94251cfd9beb8c5c27cb785ebbe73c1e0f0f8f29d1501d7499218f33ab7fdcc8a67bc4f111de1594504c3403515e7cf3a2d383f5a1f398a5f2f5ae5fb486c08b1', '\x015afa9c0995dc31d694f6f0cce9975cd1bfce40bd52fdfb247fb8052d5dbf', NULL, NULL),
	(1, 1, 12, 1796134821889447, 1796134821889447, NULL, 0, NULL, 4, 1, 'acme', 'far', 'far', '', 'http://127.0.0.1:45727/ok', 'far
http://127.0.0.1:45727/ok', '', '{"display_name":"","url":"http://127.0.0.1:45727/ok","event_types":["far.*"],"accounts":[],"region":"far","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01e3a3e2024f603500832895a82698eebd23da59608f727a98516cc65f636f4bc07da4c6f3bf766c26d73472d5782d8d744831fd37fd0719be9e364083a79366dfeb0a7d41d0561a905832763a1c71e1e138de4554eccf19a0b14bcf0bc1b303a7e5e77e6b4a3ee0857f7f10871cfd45ff9d48cb16baca6996673f16c5f879299d93f6dff7212ae534dc45d407107d738eb17f4b1f26a62c785e17fad5211c836c2cf20a1b05af7587903740dd14384f73dd649f76a3a994', '\x01c0066f2a67ce084b055301c4d65dc36b522e97330400e6327a2c4606371d', NULL, NULL),
	(1, 1, 18, 1796134821945585, 1796134821945585, NULL, 0, NULL, 4, 1, 'acme', 'hanging', 'default', '', 'http://127.0.0.1:45727/hang', 'hanging
http://127.0.0.1:45727/hang', '', '{"display_name":"","url":"http://127.0.0.1:45727/hang","event_types":["hanging.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":60,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x013379eef48ded5f195428b464e0138c1661550c94f258440ead997e4f561ddaadcf7ac411ec52aa5fcb61c4e5d55a3c163192cd66c8c057e45415f99f1f73abe23e69c3752e614cac48d72c899b77a11bcb8a35eddb572ca9aebf8cad5747d1c90440703b691e3f2bd520b5002c8b43b26e561d5ab1d89151b3e9f986b488df0859256aad313cdab69022520309d361a734e300d6c96f7c1ec0a91dd220c828fa6e68aef43b1b0a1e8c76159a1520f089d8d984c5669d8d', '\x0121e3b263856d9aeb03f78b8e9aa9f14a944271c0de4cf9f58f730c386e89', NULL, NULL),
	(1, 1, 13, 1796134821898117, 1796134821898117, NULL, 0, NULL, 4, 1, 'acme', 'blocked', 'default', '', 'http://10.0.0.1/', 'blocked
http://10.0.0.1/', '', '{"display_name":"","url":"http://10.0.0.1/","event_types":["blocked.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x019c23b9a187a665031bab58af6c40c5d614c92eca79b8007a599487685a4cdbcfcb719bc6a989505331a9c8633b5be6ce9c7291a859a23254ef8f0ed3115e705c7d7fa4f40538d2749b687bf5c18342ee6e810b77368e6427988a8927edbffdb3e687c7b6d0f1d78ac66f3aa5bafc1327caf0d094a983494a337d6978bd7a3fd454dc533107d2f3b2f8465532e21b1b79796269b57b6c468d0324488ea5e8e68cd2bbd1053cf93e4a5085b18f9de7a405f657c04b8ba7f3', '\x01a12d172a2f9464b0e4db1d5cb58703b2de88fd231481454d8056697b2af8', NULL, NULL),
	(1, 1, 16, 1796134821927866, 1796134821927866, NULL, 0, NULL, 4, 1, 'acme', 'filtered', 'default', '', 'http://127.0.0.1:45727/ok', 'filtered
http://127.0.0.1:45727/ok', '', '{"display_name":"","url":"http://127.0.0.1:45727/ok","event_types":["filtered.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"event.payload.missing.field == 1","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01331f8d86bd9f8fc9ff66cc28956067d98168400a879751609e5ea1dc55448bde59f137e39fca4c0d794d5d3a0cf88c43f3ad79b2ebdcaea9828ff8c07bbece85b218f6ba2d85f17f33192f1af7ea76bcde81446ce4385a61bdafc39b7777d4500697bdb89691be80c47bde7a4823a9abe392d3374ea25460ee94a5bc3df8bd458e67944a59687702d995b0e4b5afdfc42ae1bf2f36564eaf040860aec4d3fc0e3b43039ac11d02251c04844c9211bb901e95858bfb4fb5', '\x01ca9eef3d2a4955abf8c4cf5e3c51bf01c5d974ff949807715b22eceabc4f', NULL, NULL),
	(2, 1, 20, 1796134821759980, 1796134821975407, NULL, 0, NULL, 4, 1, 'acme', 'orders', 'default', 'Orders', 'http://127.0.0.1:45727/ok', 'orders
orders
http://127.0.0.1:45727/ok', '', '{"display_name":"Orders","url":"http://127.0.0.1:45727/ok","event_types":["orders.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[{"name":"x-api-key"}],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x018f037dbbb707ae3a9f11415fde901adfd6864e40bab5f0961ef539933c27f1d20b3bebe2c8d03063f9e4f0d133e5b24cd6ce5e58e0b4b1cfa07917d811ee03ec202b996a0d6256dc99a3c0c65fc1dac7f965dddb6cc4cf572b502af42c1b6fe3b832cb77e9904b609673d00efac97b64dafbb692a7d86130a79712c01c5f57661d138f98bae7544ad54d15c9d72a2fd3ef38f65424915aaa10b10ddd4299f698ea15f292ecf27082baf6828b144d7ec95fdf8a570b880e2c8ea6c4daeda17dfe986e4c6ba443372ad3d8d02b0588fc066aea5659d62242500824c4015558cca842b428d33273508912732f47f5f1af02b0702223bd8aed0c17897d9a7bac4c09da9d00f2c022383956d1752c0bcf8051d56901a906cf13b0472ed84981963ee7d20062aca889ecaf7957e589fde1f7fd7be5501bcf2c5156df7bb15695e02ad25ceb8ffb6be7f1f29286c6ba95c6fed067', '\x01bc26df6d3ef149f3d2cc83b7529b9a7f0890affbb9cc1d383a59bd8df5373f712881465491efb45e78d3a37c7944a36b7975af', '\x0142e586f3d84e1ed4ef12e2832d4b86d0554c31f8d36fde5d215b2fa424fef03c2d1623b3271e1b18f4b96792ce3a2b322190e81402d4ba6f3db79f75b9815dd7cf38d8aa52a6f2b11de90b1fd9078f49a1d6f1e56e7a85cbf5669431b75da269c1f358af690230fbc3f34fd6e32c386029cfc46e42c0c04381586a3b42cfbf70963b8d25a5d0a1709eb1189f674699c27ff669bf33642a2a5f', NULL),
	(1, 1, 22, 1796134831757397, 1796134831757397, NULL, 0, NULL, 4, 1, 'acme', 'newcomer', 'default', '', 'http://127.0.0.1:45727/ok', 'newcomer
http://127.0.0.1:45727/ok', '', '{"display_name":"","url":"http://127.0.0.1:45727/ok","event_types":["flaky.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed', '\x01f723d75a8d17c1ce7599581901cf9a3189fb33a3325b03337ce0d39a702c848f639e4254102845491faf5606da80d9fb36bcdb54cbcf3dd13c4fe1e6f262f7d4f581907906e31d85b7b212352ea1223950bd0d95fbb0018961e84f2bbee254c2b6df8920a37d4679c7b382bc4c0fcead8c79221d72ade58337f1903b0ab104d902c5e4abf92900eff2a89d765dcbe877f17eb5b308607c8ea11164ee72e0ad13798fda1ddf21d146728b5cfddaa6923e8fdbd447ed3b7f', '\x0182bd061e5c631ac643afc0119fe2bd75a2de7135060acc4edbe1d82584d0', NULL, NULL);
INSERT INTO public.tenant_numbers VALUES
	(753098061, 'acme'),
	(55723350, 'operators'),
	(1954134868, 'gone');
INSERT INTO public.tenants VALUES
	(1, 1, 1796134821738871, 1796134821738871, NULL, 0, NULL, NULL, true, 'operators', 'Operators', 'operators
operators', '{}', NULL),
	(1, 1, 1796134821751595, 1796134821751595, NULL, 0, 864000000000, 86400000000, true, 'brief', 'Brief', 'brief
brief', '{}', NULL),
	(3, 2, 1796134821755900, 1796134831128104, 1796134831128104, 1, NULL, NULL, true, 'gone', 'Gone', 'gone
gone', '{}', NULL),
	(22, 1, 1796134821744189, 1796134821744189, NULL, 18, NULL, NULL, true, 'acme', 'Acme', 'acme
acme', '{"tier":"gold"}', '8e43a579-55b5-44a4-8d9f-2d47ddec61ed');
INSERT INTO public.tokens VALUES
	(1796134821990620, NULL, NULL, NULL, 1, '44b4f9b8c307931164e8', '\x72a6bfbd970f5a118fc5fcd35363f610db0cc3c2a56d9f9e796cde64957c79b5', 'publisher', '[{"role":"publisher","scope":{"tenants":["acme"]}}]', 'token:7e577e577e577e577e57', 'acme'),
	(1796134821996649, NULL, 1796134822001527, NULL, 1, '110a43dcbba7ab3f112b', '\xb3e5434b635d6e53b8a31bf48cb72f2a03d959244e6099cb6a224ed2cb89323a', 'revoked', '[{"role":"publisher","scope":{"tenants":["acme"]}}]', 'token:7e577e577e577e577e57', 'acme'),
	(1796134822730715, 1796138422730715, NULL, NULL, 2, '4567d350ece8ac82c598', '\x4a10503ef77bdfa0bfc789e44540fab58c496d48d65afaf972a798571c1e7dca', '', '[{"role":"reader","scope":{"tenants":["acme"]}}]', 'token:7e577e577e577e577e57', 'acme');
SELECT pg_catalog.setval('public.outbox_seq_seq', 9, true);
ALTER TABLE ONLY public._sqlx_migrations
    ADD CONSTRAINT _sqlx_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.agent_sightings
    ADD CONSTRAINT agent_sightings_pkey PRIMARY KEY (replica, agent);
ALTER TABLE ONLY public.attempt_numbering
    ADD CONSTRAINT attempt_numbering_pkey PRIMARY KEY (only_one);
ALTER TABLE ONLY public.attempt_stats
    ADD CONSTRAINT attempt_stats_pkey PRIMARY KEY (tenant, subscription, hour, outcome, octave);
ALTER TABLE ONLY public.audit_chains
    ADD CONSTRAINT audit_chains_pkey PRIMARY KEY (chain);
ALTER TABLE ONLY public.audit_records
    ADD CONSTRAINT audit_records_pkey PRIMARY KEY (chain, sequence);
ALTER TABLE ONLY public.catalogue
    ADD CONSTRAINT catalogue_pkey PRIMARY KEY (one);
ALTER TABLE ONLY public.console_sessions
    ADD CONSTRAINT console_sessions_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.data_keys
    ADD CONSTRAINT data_keys_pkey PRIMARY KEY (tenant, id);
ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.ended_deliveries
    ADD CONSTRAINT ended_deliveries_pkey PRIMARY KEY (tenant, id, end_time);
ALTER TABLE ONLY public.ended_deliveries_20261201
    ADD CONSTRAINT ended_deliveries_20261201_pkey PRIMARY KEY (tenant, id, end_time);
ALTER TABLE ONLY public.event_types
    ADD CONSTRAINT event_types_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (tenant, id, create_time);
ALTER TABLE ONLY public.events_20261201
    ADD CONSTRAINT events_20261201_pkey PRIMARY KEY (tenant, id, create_time);
ALTER TABLE ONLY public.failing_endpoints
    ADD CONSTRAINT failing_endpoints_pkey PRIMARY KEY (tenant, subscription);
ALTER TABLE ONLY public.held_keys
    ADD CONSTRAINT held_keys_pkey PRIMARY KEY (tenant, subscription, ordering_key);
ALTER TABLE ONLY public.hold_clocks
    ADD CONSTRAINT hold_clocks_pkey PRIMARY KEY (tenant, subscription);
ALTER TABLE ONLY public.idempotency_keys
    ADD CONSTRAINT idempotency_keys_pkey PRIMARY KEY (tenant, key);
ALTER TABLE ONLY public.later_deliveries
    ADD CONSTRAINT later_deliveries_pkey PRIMARY KEY (tenant, event, delivery);
ALTER TABLE ONLY public.meta
    ADD CONSTRAINT meta_pkey PRIMARY KEY (key);
ALTER TABLE ONLY public.operations
    ADD CONSTRAINT operations_pkey PRIMARY KEY (tenant, id);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_pkey PRIMARY KEY (seq);
ALTER TABLE ONLY public.outbox
    ADD CONSTRAINT outbox_tenant_id_key UNIQUE (tenant, id);
ALTER TABLE ONLY public.payload_sweeps
    ADD CONSTRAINT payload_sweeps_pkey PRIMARY KEY (tenant);
ALTER TABLE ONLY public.region_clocks
    ADD CONSTRAINT region_clocks_pkey PRIMARY KEY (region);
ALTER TABLE ONLY public.replicas
    ADD CONSTRAINT replicas_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.retained_events
    ADD CONSTRAINT retained_events_pkey PRIMARY KEY (tenant, id);
ALTER TABLE ONLY public.shards
    ADD CONSTRAINT shards_pkey PRIMARY KEY (shard);
ALTER TABLE ONLY public.subscription_numbers
    ADD CONSTRAINT subscription_numbers_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.subscription_numbers
    ADD CONSTRAINT subscription_numbers_tenant_id_key UNIQUE (tenant, id);
ALTER TABLE ONLY public.subscription_sequences
    ADD CONSTRAINT subscription_sequences_pkey PRIMARY KEY (tenant, subscription);
ALTER TABLE ONLY public.subscriptions
    ADD CONSTRAINT subscriptions_pkey PRIMARY KEY (tenant, id);
ALTER TABLE ONLY public.tenant_numbers
    ADD CONSTRAINT tenant_numbers_id_key UNIQUE (id);
ALTER TABLE ONLY public.tenant_numbers
    ADD CONSTRAINT tenant_numbers_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.tenants
    ADD CONSTRAINT tenants_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.tokens
    ADD CONSTRAINT tokens_pkey PRIMARY KEY (id);
CREATE INDEX attempts_commit ON ONLY public.attempts USING btree (commit_number);
CREATE INDEX attempts_20261201_commit_number_idx ON public.attempts_20261201 USING btree (commit_number);
CREATE INDEX attempts_delivery ON ONLY public.attempts USING btree (tenant, delivery, number);
CREATE INDEX attempts_20261201_tenant_delivery_number_idx ON public.attempts_20261201 USING btree (tenant, delivery, number);
CREATE INDEX attempts_tenant ON ONLY public.attempts USING btree (tenant, record_time);
CREATE INDEX attempts_20261201_tenant_record_time_idx ON public.attempts_20261201 USING btree (tenant, record_time);
CREATE INDEX audit_records_time ON public.audit_records USING btree (record_time, chain, sequence);
CREATE INDEX console_sessions_caller ON public.console_sessions USING btree (caller);
CREATE INDEX console_sessions_tenant ON public.console_sessions USING btree (tenant);
CREATE INDEX deliveries_deadline ON public.deliveries USING btree (tenant, subscription, deadline) WHERE (state = ANY (ARRAY[1, 2]));
CREATE INDEX deliveries_held ON public.deliveries USING btree (tenant, subscription, ordering_key, sequence) WHERE (state = 1);
CREATE INDEX deliveries_held_event ON public.deliveries USING btree (tenant, subscription, ordering_key, event) WHERE (state = 1);
CREATE INDEX deliveries_in_flight ON public.deliveries USING btree (shard, epoch, id) WHERE (state = 3);
CREATE INDEX deliveries_key_under_way ON public.deliveries USING btree (tenant, subscription, ordering_key) WHERE ((state = ANY (ARRAY[2, 3])) AND (ordering_key IS NOT NULL));
CREATE INDEX deliveries_tenant ON public.deliveries USING btree (tenant, id) WHERE (state = ANY (ARRAY[1, 2]));
CREATE INDEX deliveries_waiting ON public.deliveries USING btree (shard, tenant, subscription, due) WHERE (state = 2);
CREATE INDEX deliveries_waiting_tests ON public.deliveries USING btree (shard, tenant, subscription, due) WHERE ((state = 2) AND test);
CREATE INDEX ended_deliveries_commit ON ONLY public.ended_deliveries USING btree (commit_number) WHERE (commit_number IS NOT NULL);
CREATE INDEX ended_deliveries_20261201_commit_number_idx ON public.ended_deliveries_20261201 USING btree (commit_number) WHERE (commit_number IS NOT NULL);
CREATE INDEX ended_deliveries_tenant ON ONLY public.ended_deliveries USING btree (tenant, end_time) WHERE (commit_number IS NOT NULL);
CREATE INDEX ended_deliveries_20261201_tenant_end_time_idx ON public.ended_deliveries_20261201 USING btree (tenant, end_time) WHERE (commit_number IS NOT NULL);
CREATE INDEX ended_deliveries_subscription ON ONLY public.ended_deliveries USING btree (tenant, subscription, id);
CREATE INDEX ended_deliveries_20261201_tenant_subscription_id_idx ON public.ended_deliveries_20261201 USING btree (tenant, subscription, id);
CREATE INDEX failing_endpoints_shard ON public.failing_endpoints USING btree (shard);
CREATE INDEX held_keys_quiet ON public.held_keys USING btree (quiet_until) WHERE (NOT held);
CREATE INDEX hold_clocks_until ON public.hold_clocks USING btree (held_until);
CREATE INDEX idempotency_keys_expire ON public.idempotency_keys USING brin (expire_time) WITH (pages_per_range='32');
CREATE INDEX operations_ended ON public.operations USING btree (end_time) WHERE (end_time IS NOT NULL);
CREATE INDEX operations_running ON public.operations USING btree (shard) WHERE (state = 1);
CREATE INDEX outbox_shard ON public.outbox USING btree (shard, seq);
CREATE INDEX subscriptions_certificate_warning ON public.subscriptions USING btree (certificate_warning) WHERE (certificate_warning IS NOT NULL);
CREATE INDEX subscriptions_changed ON public.subscriptions USING btree (tenant, config_version);
CREATE INDEX subscriptions_deleted ON public.subscriptions USING btree (shard) WHERE (delete_time IS NOT NULL);
CREATE INDEX tenants_retention ON public.tenants USING btree (id) WHERE ((history_retention IS NOT NULL) OR (payload_retention IS NOT NULL));
CREATE INDEX tokens_maker ON public.tokens USING btree (created_by);
CREATE INDEX tokens_tenant ON public.tokens USING btree (tenant);
ALTER INDEX public.attempts_commit ATTACH PARTITION public.attempts_20261201_commit_number_idx;
ALTER INDEX public.attempts_delivery ATTACH PARTITION public.attempts_20261201_tenant_delivery_number_idx;
ALTER INDEX public.attempts_tenant ATTACH PARTITION public.attempts_20261201_tenant_record_time_idx;
ALTER INDEX public.ended_deliveries_commit ATTACH PARTITION public.ended_deliveries_20261201_commit_number_idx;
ALTER INDEX public.ended_deliveries_pkey ATTACH PARTITION public.ended_deliveries_20261201_pkey;
ALTER INDEX public.ended_deliveries_tenant ATTACH PARTITION public.ended_deliveries_20261201_tenant_end_time_idx;
ALTER INDEX public.ended_deliveries_subscription ATTACH PARTITION public.ended_deliveries_20261201_tenant_subscription_id_idx;
ALTER INDEX public.events_pkey ATTACH PARTITION public.events_20261201_pkey;
