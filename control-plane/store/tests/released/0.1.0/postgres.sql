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
	(1, 'tables', '2026-12-01 18:57:37.652165+00', true, '\xd1c9a726db0f660689be2297f29a2a6b12f12de0f2678d1731d0ebf506171b433f6fb0ca42d762e58862b4dbb0c96b85', 279168458);
INSERT INTO public.agent_sightings VALUES
	(1796151460065284, -496, 512, 0, false, 'default/agent-1', 'replica-1', 'default', '0.1.0', '\x342c4aa28960676738ab2ac08a06a3ba'),
	(1796151471106847, 2251, 512, 1, false, 'default/agent-2', 'replica-1', 'default', '0.1.0', '\xef5d112824c284de7a7604d5fc172511');
INSERT INTO public.attempt_numbering VALUES
	(0, true);
INSERT INTO public.attempt_stats VALUES
	(1796148000000000, 753098061, 88970731, 11, 0, 1),
	(1796148000000000, 753098061, 88970731, 1, 5, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 2108323176, 1, 6, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 613332007, 2, 7, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 2108323176, 1, 10, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 613332007, 1, 10, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 246815551, 2, 4, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 628297638, 2, 4, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 2078423650, 9, 2, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 2078423650, 9, 0, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 830823925, 5, 3, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000001000000000000000000000000),
	(1796148000000000, 753098061, 91401282, 1, 7, 1000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 711688339, 2, 5, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 484247719, 2, 4, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 484247719, 2, 10, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 2009280193, 2, 5, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 729220903, 2, 6, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 2050477239, 3, 13, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 2009280193, 2, 7, 1000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 2009280193, 2, 6, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 826380006, 11, 0, 1),
	(1796148000000000, 753098061, 246815551, 2, 5, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 246815551, 2, 10, 1000000000000000000000000000000000001000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 628297638, 2, 6, 1000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 768921496, 1, 6, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000),
	(1796148000000000, 753098061, 2108323176, 1, 4, 1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000);
INSERT INTO public.attempts_20261201 VALUES
	(1796151466446373, 814, 1796151466446076, 0, 0, 1796151466446352, NULL, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 88970731, 11, 1, 2, NULL, false, false, '01a232f8-3ec4-7f0a-bda8-12d52a538098', '01a232f8-3ec4-7bb9-a55f-1b78284cbc58', 'lost.happened', 'agent-1', 'default', '', '', 'it may have been sent; no living agent knows of it', '\x', '\x'),
	(1796151466673349, 824, 1796151466667944, 4969, 0, 1796151466673313, 1, 1, 502, NULL, NULL, NULL, 4793, 753098061, 613332007, 2, 1, 2, NULL, false, false, '01a232f8-5a92-7293-861c-0447b7ec3c20', '01a232f8-5a92-733d-86fd-fb42c84908f1', 'flaky.happened', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 502 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343620474d540000000e00000001636f6e74656e742d6c656e67746830', '\x'),
	(1796151466824733, 830, 1796151466823460, 829, 9, 1796151466824696, 1, 1, 500, NULL, NULL, NULL, 680, 753098061, 246815551, 2, 1, 2, NULL, false, false, '01a232f8-5b32-76a1-8e26-5d454eb36436', '01a232f8-5b32-7823-9e56-20ca41dbb59a', 'down.happened', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343620474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151467019068, 844, 1796151467018528, 239, 0, 1796151467019043, 1, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 2078423650, 9, 1, 2, NULL, false, false, '01a232f8-5bfc-74a7-886c-1830d0ba1acd', '01a232f8-5bfc-7b76-9526-15686bb5d141', 'blocked.happened', 'agent-2', 'default', '', '', 'the address is not allowed', '\x', '\x'),
	(1796151467155170, 852, 1796151467154502, 294, 0, 1796151467155136, 1, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 830823925, 5, 1, 2, NULL, false, false, '01a232f8-5c86-70d7-9336-1ed3c837ab7d', '01a232f8-5c86-74c4-be79-045aa37923ec', 'refused.happened', 'agent-2', 'default', '127.0.0.1:37097', '', 'connecting to 127.0.0.1:37097 failed: Connection refused (os error 111)', '\x', '\x'),
	(1796151467451081, 872, 1796151467449470, 1193, 9, 1796155067451047, 1, 1, 500, NULL, NULL, NULL, 1036, 753098061, 711688339, 2, 1, 2, NULL, false, false, '01a232f8-5da4-7a14-af71-b33515c5b3ee', '01a232f8-5da4-7864-b49a-64dafec14896', 'ordered.happened', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343720474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151467491199, 878, 1796151467490147, 725, 9, 1796151467491169, 1, 1, 500, NULL, NULL, NULL, 589, 753098061, 484247719, 2, 1, 2, NULL, false, false, '01a232f8-5dca-76d8-ab1a-d85f8af85d36', '01a232f8-5dca-770a-ad0d-2bd1836aa261', 'kept.happened', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343720474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151467643964, 888, 1796151467642350, 1177, 9, 1796155067643882, 1, 1, 500, NULL, NULL, NULL, 1047, 753098061, 2009280193, 2, 1, 2, NULL, false, false, '01a232f8-5e6c-75f2-8618-a8356968bc82', '01a232f8-5e6c-7703-bf47-511b8f9066a3', 'later.happened', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343720474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151467677158, 891, 1796151467673781, 2933, 0, 1796155067677119, 1, 1, 503, NULL, NULL, NULL, 2794, 753098061, 729220903, 2, 1, 2, NULL, false, false, '01a232f8-5e8b-709a-bb1f-e0c5bf012340', '01a232f8-5e8b-735b-966c-57d9cc0a518b', 'asked.happened', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 503 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343720474d540000000b0000000472657472792d6166746572333630300000000e00000001636f6e74656e742d6c656e67746830', '\x'),
	(1796151468213540, 895, 1796151467707481, 505286, 0, 1796155068213482, 1, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 2050477239, 3, 1, 2, NULL, false, false, '01a232f8-5eab-7740-97f2-d86ac34ff6a3', '01a232f8-5eab-7d0d-a27c-706ac957e3a6', 'slow.happened', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the request timed out after 500ms, before a response came', '\x', '\x'),
	(1796151468534872, 906, 1796151468532049, 2482, 9, 1796155068534845, 1, 1, 500, NULL, NULL, NULL, 2328, 753098061, 2009280193, 2, 1, 2, NULL, false, false, '01a232f8-61e8-72ef-b2c0-241129aac5e9', '01a232f8-61e8-76e3-8e47-6e53cea3e27b', 'later.happened', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343820474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151468720353, 911, 1796151468676093, 0, 0, NULL, NULL, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 826380006, 11, 1, 6, 3, false, false, '01a232f8-6284-7c21-95d5-cb11a2cb60e5', '01a232f8-6284-7f1e-8f88-fced308666fd', 'hanging.happened', '', '', '', '', 'cancelled while it may have been under way', '\x', '\x'),
	(1796151468988599, 924, 1796151468986585, 1586, 9, 1796151468988567, 1, 1, 500, NULL, 838, NULL, 521, 753098061, 246815551, 2, 3, 2, NULL, false, false, '01a232f8-63a8-7d44-8cd0-3933903212b7', '01a232f8-5b32-7823-9e56-20ca41dbb59a', 'down.happened', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343820474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff');
INSERT INTO public.audit_chains VALUES
	(4, 0, 0, '', '\x620df72ba5a8bf4ffefe6152e237bace44406c1a4da6c50e2e2575e40514c593', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(1, 0, 0, 'operators', '\xd9791b3023dfd805f4c1b0b06831966727308a024a5210d3fe8b4ea06b821b32', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(1, 0, 0, 'brief', '\x7d03d88bc810da2726416eafef49e89cc50ea82f2ae3f05c6053aaa77794137d', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(3, 0, 0, 'gone', '\xf187f724c42abbb3b5b601ff81629ce37dfc06348c151c8c13b37633105840e0', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000'),
	(35, 0, 0, 'acme', '\x5458614172f9e8077389eb6fa265bb355b1163a3f79943849002443d75ab5912', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0000000000000000000000000000000000000000000000000000000000000000');
INSERT INTO public.audit_records VALUES
	(1, 1796151458388917, 0, '', '\x0000000000000000000000000000000000000000000000000000000000000000', '\xc7eb7e262b4854d5f9215ed34748438eee4b0e5ae7e6bd740eedec276e2e7c4f', 'system', '', '', 'begin the audit log', 'installation', '[]'),
	(2, 1796151458498414, 0, '', '\xc7eb7e262b4854d5f9215ed34748438eee4b0e5ae7e6bd740eedec276e2e7c4f', '\x5054722b48dbfc6403cd48c6ba4c09c9a7d3ef8fb2a7bacc8b004950eea70dbd', 'token:7e577e577e577e577e57', '127.0.0.1:43590', '383b0c3633ecebf9e9b193b779c2b77c', 'postrider.v1.EventTypeService/CreateEventType', 'eventTypes/orders.happened', '[{"field":"description","before":null,"after":"Something was ordered."},{"field":"group","before":null,"after":"orders"},{"field":"json_schema","before":null,"after":"{\"type\":\"object\"}"},{"field":"sample_payload_json","before":null,"after":"{\"amount\":\"1\"}"},{"field":"schema_validation","before":null,"after":"ENFORCE"}]'),
	(3, 1796151458513775, 0, '', '\x5054722b48dbfc6403cd48c6ba4c09c9a7d3ef8fb2a7bacc8b004950eea70dbd', '\xcd0af0a14d075f6308b7c3257a0112f0efb424995e3eadf681cf8648ac4621ed', 'token:7e577e577e577e577e57', '127.0.0.1:43606', '7fc63d59a8d7ab7d1d83f2ed0cb7b5a1', 'postrider.v1.EventTypeService/CreateEventType', 'eventTypes/orders.retired', '[{"field":"group","before":null,"after":"orders"},{"field":"schema_validation","before":null,"after":"OFF"}]'),
	(4, 1796151458526056, 0, '', '\xcd0af0a14d075f6308b7c3257a0112f0efb424995e3eadf681cf8648ac4621ed', '\x620df72ba5a8bf4ffefe6152e237bace44406c1a4da6c50e2e2575e40514c593', 'token:7e577e577e577e577e57', '127.0.0.1:43616', 'ea2e153aebb298984d37ebf2913afecc', 'postrider.v1.EventTypeService/ArchiveEventType', 'eventTypes/orders.retired', '[{"field":"archive_time","before":null,"after":"2026-12-01T18:57:38.526056Z"}]'),
	(1, 1796151458536294, 0, 'operators', '\x0000000000000000000000000000000000000000000000000000000000000000', '\xd9791b3023dfd805f4c1b0b06831966727308a024a5210d3fe8b4ea06b821b32', 'token:7e577e577e577e577e57', '127.0.0.1:43632', '4de79e623c23a47c133d9e22a900f85e', 'postrider.v1.TenantService/CreateTenant', 'tenants/operators', '[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Operators"}]'),
	(1, 1796151458546438, 0, 'acme', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x0dc225a63688b0e73e99382177a2563de491917fc3530ca4bc80eadf53b0087c', 'token:7e577e577e577e577e57', '127.0.0.1:43644', 'e7940807d7098d1948d9664afae9c6b4', 'postrider.v1.TenantService/CreateTenant', 'tenants/acme', '[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Acme"},{"field":"labels.tier","before":null,"after":"\"gold\""}]'),
	(1, 1796151458555047, 0, 'brief', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x7d03d88bc810da2726416eafef49e89cc50ea82f2ae3f05c6053aaa77794137d', 'token:7e577e577e577e577e57', '127.0.0.1:43648', '3fe0a96d5f0d4e2e835934fee287ad3f', 'postrider.v1.TenantService/CreateTenant', 'tenants/brief', '[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Brief"},{"field":"history_retention","before":null,"after":"864000s"},{"field":"payload_retention","before":null,"after":"86400s"}]'),
	(1, 1796151458564463, 0, 'gone', '\x0000000000000000000000000000000000000000000000000000000000000000', '\x84d3ecf6f1166b86a01bb92552f14c9c10e050ccf6e83a45bd664aa7e3b3a877', 'token:7e577e577e577e577e57', '127.0.0.1:43654', '0f5429e649776986f72ca9271007c282', 'postrider.v1.TenantService/CreateTenant', 'tenants/gone', '[{"field":"allow_insecure_urls","before":null,"after":"true"},{"field":"display_name","before":null,"after":"Gone"}]'),
	(2, 1796151458578046, 0, 'acme', '\x0dc225a63688b0e73e99382177a2563de491917fc3530ca4bc80eadf53b0087c', '\xf265972f5d3df642c5401b1c7b723b053aa9d9a1e010132701c068e9f2a4af3d', 'token:7e577e577e577e577e57', '127.0.0.1:43662', '3807807ff4b0739f9385c5631c14e050', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/orders', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"credentials.basic.password","before":null,"after":"(secret)"},{"field":"credentials.basic.username","before":null,"after":"test"},{"field":"display_name","before":null,"after":"Orders"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"orders.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"headers","before":null,"after":"[\"x-api-key\"]"},{"field":"headers.x-api-key.value","before":null,"after":"(secret)"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-47e1a6d79e75e53b","before":null,"after":"(secret)"},{"field":"signing_keys.key-47e1a6d79e75e53b.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/ok"}]'),
	(3, 1796151458625609, 0, 'acme', '\xf265972f5d3df642c5401b1c7b723b053aa9d9a1e010132701c068e9f2a4af3d', '\x7526bef8bcc39cedbce62acdfa534352e95c6318709863833a6d708b3de79d92', 'token:7e577e577e577e577e57', '127.0.0.1:43670', 'b48a4e6c13024c7c64e2972a95f9bcaa', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/flaky', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"flaky.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-6f22f6a744a99421","before":null,"after":"(secret)"},{"field":"signing_keys.key-6f22f6a744a99421.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/once"}]'),
	(4, 1796151458645924, 0, 'acme', '\x7526bef8bcc39cedbce62acdfa534352e95c6318709863833a6d708b3de79d92', '\x8116bf0f365bce19ec8ed64405077246da85a034e06eb72754065c4f3bd708fe', 'token:7e577e577e577e577e57', '127.0.0.1:43678', '759607b909994a1783e19e56b3e4f368', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/down', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"down.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-943764a6f4e8b4e2","before":null,"after":"(secret)"},{"field":"signing_keys.key-943764a6f4e8b4e2.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/error"}]'),
	(5, 1796151458664505, 0, 'acme', '\x8116bf0f365bce19ec8ed64405077246da85a034e06eb72754065c4f3bd708fe', '\x71df81fc4c8870bf4a2a06672935f883a5e958ff467e6802009617b538226c13', 'token:7e577e577e577e577e57', '127.0.0.1:43692', '6ffaa7f8d59dad7603ea5b03ff06ebb8', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/later', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"later.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-697cbbea5cdd894d","before":null,"after":"(secret)"},{"field":"signing_keys.key-697cbbea5cdd894d.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/error"}]'),
	(10, 1796151458744127, 0, 'acme', '\x717906c0668fb3d505c2cb12b6b85148c1f61bfbbb7d967e7359d9de4333b54f', '\x9812d90952835cc09e5d7de2ebc50f1cc3dd1c3eeff07ee7512871fe18b55470', 'token:7e577e577e577e577e57', '127.0.0.1:43744', '7a65e610a21bc5a3e25969f3b0e07ef7', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/paused', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"paused.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-da0424cee8538b12","before":null,"after":"(secret)"},{"field":"signing_keys.key-da0424cee8538b12.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/ok"}]'),
	(15, 1796151458841743, 0, 'acme', '\x8204966dfe708a9a4c479801262bfae6696b1c6ddcf0d044638997e10f2ef012', '\x78861473722346e8ddc85c2455138acceae712d1ff53048396c69f0b736b6268', 'token:7e577e577e577e577e57', '127.0.0.1:43776', '029fdaa9719bba24bcbc28db758190f5', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/slow', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"slow.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"500ms"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-c63ed5e3b9a8a89b","before":null,"after":"(secret)"},{"field":"signing_keys.key-c63ed5e3b9a8a89b.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/hang"}]'),
	(17, 1796151458885957, 0, 'acme', '\x26fc302c91aed81724b20bc489f7674acecd098bd2f541d3c42daa11743110d1', '\xcbf10f3fa250a9ec0c79b94efdb3bf647da62207dfdc8f31390511bb747fc7fb', 'token:7e577e577e577e577e57', '127.0.0.1:43790', '2f4b1676d901970c6737f04caf572f68', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/lost', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"lost.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"60s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-fab167fec7b3bc15","before":null,"after":"(secret)"},{"field":"signing_keys.key-fab167fec7b3bc15.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/hang-once"}]'),
	(23, 1796151459007257, 0, 'acme', '\xdaa46cbafb3810e8e78f025cc81bc9bf2c2716d20d1d3046b85f8d8eda439076', '\x5fc6b15264eee8131bb340e09758f5d60a4ada57ccec3b17750f7f9b0ffb20a8', 'token:7e577e577e577e577e57', '127.0.0.1:43846', 'f259dbbd8048622ece069cdce252f307', 'postrider.v1.TokenService/RevokeToken', 'tokens/5ef4a98fd1513485f9b5', '[{"field":"revoke_time","before":null,"after":"2026-12-01T18:57:39.007257Z"}]'),
	(27, 1796151468720353, 0, 'acme', '\x78efca834ee6ec6d9a3dd13ac99145258adf44528b0ffa2f11057435757c3353', '\x16287af2069ebf9b2583a200a63ee5941fcd0f4b02b9b0c1bec09bd01a467ee8', 'token:7e577e577e577e577e57', '127.0.0.1:60010', '4e503c38306bb9266e4faa723f0515c1', 'postrider.v1.DeliveryService/CancelDelivery', 'tenants/acme/deliveries/dlv_01a232f862847c2195d5cb11a2cb60e5', '[{"field":"state","before":"IN_FLIGHT","after":"CANCELLED"}]'),
	(31, 1796151469160734, 0, 'acme', '\x54c14eb76231d823bad3918664d70fe4c1b20fc77e5a2e9028361fe612ba9b29', '\xe6db4cd13f23ad9885a0a6732580000f96a5e0bf5a1c59600af5c3b1641d57a7', 'token:7e577e577e577e577e57', '127.0.0.1:60152', 'af004267aff0e176339aeda1cbc45659', 'postrider.v1.DeliveryService/ReplayDeliveries', 'tenants/acme/operations/op_01a232f864687d20bbb55b265eca48f0', '[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"event_types\":[],\"kind\":\"replay\",\"per_second\":100,\"states\":[5,7],\"subscription\":\"late\",\"window\":{\"from\":1796151459524000,\"until\":1796151469153000}}"}]'),
	(6, 1796151458694005, 0, 'acme', '\x71df81fc4c8870bf4a2a06672935f883a5e958ff467e6802009617b538226c13', '\xb75020847dd650ee80d2cb1d8119487951f2f0a0cf85c0ba59e987480c72d4d8', 'token:7e577e577e577e577e57', '127.0.0.1:43698', '0ce18aeb72813e4d68e065a48840224f', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/late', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"late.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":{\"nanos\":0,\"secs\":1},\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-703945fa35b1f90e","before":null,"after":"(secret)"},{"field":"signing_keys.key-703945fa35b1f90e.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/error"}]'),
	(12, 1796151458783160, 0, 'acme', '\xafffcd85a7ee5ba1c56f0c301a7319578b62298b58119a8706e63ceb9b8bf87a', '\x999b287050fdd6285c5a09d859fa8d898ef37b0a7ad9e4b5911a95ad16231f08', 'token:7e577e577e577e577e57', '127.0.0.1:43766', '7d20f2c2ef7b5845a1361d54582bedfc', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/far', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"far.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"far"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-68f6f5a35b8af9bd","before":null,"after":"(secret)"},{"field":"signing_keys.key-68f6f5a35b8af9bd.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/ok"}]'),
	(24, 1796151459489977, 0, 'acme', '\x5fc6b15264eee8131bb340e09758f5d60a4ada57ccec3b17750f7f9b0ffb20a8', '\x4ab35cb81be6a550ae8f5d1d3c7463e92140bf8e828f4c426dd15d978d4b192f', 'token:7e577e577e577e577e57', '127.0.0.1:43854', '3aa160495d42786eef1f9cf4e5859339', 'postrider.v1.PortalService/CreatePortalToken', 'tokens/db13486eb86ca2718e90', '[{"field":"expire_time","before":null,"after":"2026-12-01T19:57:39.489977Z"},{"field":"grants[0].role","before":null,"after":"reader"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]'),
	(28, 1796151468759332, 0, 'acme', '\x16287af2069ebf9b2583a200a63ee5941fcd0f4b02b9b0c1bec09bd01a467ee8', '\xe277d278ff71fbda50271f66d9a1dea27531a7779236cab49286caaef14f047f', 'token:7e577e577e577e577e57', '127.0.0.1:60036', '355e51c919224135279be27553d701c0', 'postrider.v1.DeliveryService/CancelDelivery', 'tenants/acme/deliveries/dlv_01a232f8627872cf94b82d25b1ac145b', '[{"field":"state","before":"WAITING","after":"CANCELLED"}]'),
	(7, 1796151458708216, 0, 'acme', '\xb75020847dd650ee80d2cb1d8119487951f2f0a0cf85c0ba59e987480c72d4d8', '\x0a7484e56b5ede99f6c35a003e1fbda2f047f90e4eea3fe45b21757ac14cd9e8', 'token:7e577e577e577e577e57', '127.0.0.1:43710', '3fd3269221ae9a1a0750e05a70fa8dda', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/ordered', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"ordered.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"per_key"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-31ef866715c17aaa","before":null,"after":"(secret)"},{"field":"signing_keys.key-31ef866715c17aaa.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/error"}]'),
	(9, 1796151458733353, 0, 'acme', '\xf5e1e2af5a1b5e6a6f744cb9d50737f469f80dc731ede4a5272cc02438585f49', '\x717906c0668fb3d505c2cb12b6b85148c1f61bfbbb7d967e7359d9de4333b54f', 'token:7e577e577e577e577e57', '127.0.0.1:43728', '7bd695e1bb7dab4059efe1daf6bd9981', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/asked', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"asked.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":3600}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-1516ee87c35fb2a6","before":null,"after":"(secret)"},{"field":"signing_keys.key-1516ee87c35fb2a6.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/wait"}]'),
	(11, 1796151458761570, 0, 'acme', '\x9812d90952835cc09e5d7de2ebc50f1cc3dd1c3eeff07ee7512871fe18b55470', '\xafffcd85a7ee5ba1c56f0c301a7319578b62298b58119a8706e63ceb9b8bf87a', 'token:7e577e577e577e577e57', '127.0.0.1:43752', '486d565cc56ca5978491399209dbc1f7', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/disabled', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"disabled.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-ea27cf8f50a25898","before":null,"after":"(secret)"},{"field":"signing_keys.key-ea27cf8f50a25898.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"disabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/ok"}]'),
	(14, 1796151458825826, 0, 'acme', '\x2172b9d79b45fa391f79dbaebf14945275eb2a12f8729dc5427585acc746adab', '\x8204966dfe708a9a4c479801262bfae6696b1c6ddcf0d044638997e10f2ef012', 'token:7e577e577e577e577e57', '127.0.0.1:43772', '7a09ee8cb01f61b659e37f6c8c4cbbeb', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/refused', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"refused.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-94bba71015873782","before":null,"after":"(secret)"},{"field":"signing_keys.key-94bba71015873782.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:37097/"}]'),
	(19, 1796151458910326, 0, 'acme', '\x8fc55f22368ebe8a5ef65384eaa9c036eae30209c7ed8ba044d213f3c3191143', '\x4f6c15308f368aa7207b7f4ab25f7df90ab37a2f61ec6231e4d70b89ff0cce4d', 'token:7e577e577e577e577e57', '127.0.0.1:43802', 'cce9c81ec8f10dc1de04cfdcbc2036bb', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/leaving', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"leaving.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-622aa4a8bbcb6f40","before":null,"after":"(secret)"},{"field":"signing_keys.key-622aa4a8bbcb6f40.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/ok"}]'),
	(21, 1796151458977486, 0, 'acme', '\x36d88535b99ba59809f5f2278d1c96b2369b34cd3614123fc7f6dc9225c924cf', '\x05eedf0cb9cad0458ab1b2965083d1aec122c1844e3e001917b05c37baacca93', 'token:7e577e577e577e577e57', '127.0.0.1:43828', '2094f5c56e4b819e3d4dbe4f8fe31ec9', 'postrider.v1.TokenService/CreateToken', 'tokens/0f30e2a200565ab14878', '[{"field":"display_name","before":null,"after":"publisher"},{"field":"grants[0].role","before":null,"after":"publisher"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]'),
	(8, 1796151458721257, 0, 'acme', '\x0a7484e56b5ede99f6c35a003e1fbda2f047f90e4eea3fe45b21757ac14cd9e8', '\xf5e1e2af5a1b5e6a6f744cb9d50737f469f80dc731ede4a5272cc02438585f49', 'token:7e577e577e577e577e57', '127.0.0.1:43712', 'a5db1516fabf29861947fef9c02349e3', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/kept', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"kept.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"hold"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"per_key"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-41b72a62e069bfc3","before":null,"after":"(secret)"},{"field":"signing_keys.key-41b72a62e069bfc3.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/error"}]'),
	(16, 1796151458860583, 0, 'acme', '\x78861473722346e8ddc85c2455138acceae712d1ff53048396c69f0b736b6268', '\x26fc302c91aed81724b20bc489f7674acecd098bd2f541d3c42daa11743110d1', 'token:7e577e577e577e577e57', '127.0.0.1:43782', '4c9a6adf4f30f417e305197a9a21f7f8', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/filtered', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"content_filter","before":null,"after":"event.payload.missing.field == 1"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"filtered.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-ee76ee7842ae5fb5","before":null,"after":"(secret)"},{"field":"signing_keys.key-ee76ee7842ae5fb5.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/ok"}]'),
	(20, 1796151458960558, 0, 'acme', '\x4f6c15308f368aa7207b7f4ab25f7df90ab37a2f61ec6231e4d70b89ff0cce4d', '\x36d88535b99ba59809f5f2278d1c96b2369b34cd3614123fc7f6dc9225c924cf', 'token:7e577e577e577e577e57', '127.0.0.1:43818', '5b4472fd0de4db209872758412d72c0c', 'postrider.v1.SubscriptionService/RotateSigningSecret', 'tenants/acme/subscriptions/orders', '[{"field":"signing_keys.key-47e1a6d79e75e53b.expire_time","before":null,"after":"2026-12-02T18:57:38.957204Z"},{"field":"signing_keys.key-48f2f3673f5e80aa","before":null,"after":"(secret)"},{"field":"signing_keys.key-48f2f3673f5e80aa.kind","before":null,"after":"standard"}]'),
	(22, 1796151458993741, 0, 'acme', '\x05eedf0cb9cad0458ab1b2965083d1aec122c1844e3e001917b05c37baacca93', '\xdaa46cbafb3810e8e78f025cc81bc9bf2c2716d20d1d3046b85f8d8eda439076', 'token:7e577e577e577e577e57', '127.0.0.1:43844', '3006400ff35bf7a1d7024b0cb6a1756e', 'postrider.v1.TokenService/CreateToken', 'tokens/5ef4a98fd1513485f9b5', '[{"field":"display_name","before":null,"after":"revoked"},{"field":"grants[0].role","before":null,"after":"publisher"},{"field":"grants[0].scope","before":null,"after":"{\"tenants\":[\"acme\"]}"}]'),
	(29, 1796151468813105, 0, 'acme', '\xe277d278ff71fbda50271f66d9a1dea27531a7779236cab49286caaef14f047f', '\x54dd68231f95e5c21f434cf0ad60573ef3d8d4ddca80d86951d32db28c37db12', 'token:7e577e577e577e577e57', '127.0.0.1:60058', 'f2988f623db6fee9800c4305a620ad16', 'postrider.v1.SubscriptionService/DeleteSubscription', 'tenants/acme/subscriptions/leaving', '[{"field":"auto_disable","before":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}","after":null},{"field":"envelope","before":"none","after":null},{"field":"event_types","before":"[\"leaving.*\"]","after":null},{"field":"exhausted_key_policy","before":"go_on","after":null},{"field":"http1_only","before":"false","after":null},{"field":"json_form","before":"as_published","after":null},{"field":"ordering","before":"unordered","after":null},{"field":"region","before":"default","after":null},{"field":"request_timeout","before":"15s","after":null},{"field":"retry_policy","before":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}","after":null},{"field":"send_trace_context","before":"false","after":null},{"field":"signature_schemes","before":"[\"standard_v1\"]","after":null},{"field":"signing_keys.key-622aa4a8bbcb6f40","before":"(secret)","after":null},{"field":"signing_keys.key-622aa4a8bbcb6f40.kind","before":"standard","after":null},{"field":"status","before":"paused","after":null},{"field":"success_rule","before":"any2xx","after":null},{"field":"url","before":"http://127.0.0.1:42743/ok","after":null}]'),
	(32, 1796151469518768, 0, 'acme', '\xe6db4cd13f23ad9885a0a6732580000f96a5e0bf5a1c59600af5c3b1641d57a7', '\x4b5e528363ccd60d8cf9afd9eff90dc3735aa0f401b3601ab14aa4ac72514957', 'token:7e577e577e577e577e57', '127.0.0.1:60212', '1ffc6e5a5f9d56f70b5b410548eb4687', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/newcomer', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"flaky.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-6f4eccbe44d95f8b","before":null,"after":"(secret)"},{"field":"signing_keys.key-6f4eccbe44d95f8b.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/ok"}]'),
	(13, 1796151458807565, 0, 'acme', '\x999b287050fdd6285c5a09d859fa8d898ef37b0a7ad9e4b5911a95ad16231f08', '\x2172b9d79b45fa391f79dbaebf14945275eb2a12f8729dc5427585acc746adab', 'token:7e577e577e577e577e57', '127.0.0.1:43770', '5826a02930932ed1728ed2290df420c0', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/blocked', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"blocked.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":0,\"max_age\":null,\"max_retry_after\":null,\"timetable\":{\"list\":[{\"nanos\":0,\"secs\":0}]}}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-6e04c86c4bf49782","before":null,"after":"(secret)"},{"field":"signing_keys.key-6e04c86c4bf49782.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://10.0.0.1/"}]'),
	(18, 1796151458897648, 0, 'acme', '\xcbf10f3fa250a9ec0c79b94efdb3bf647da62207dfdc8f31390511bb747fc7fb', '\x8fc55f22368ebe8a5ef65384eaa9c036eae30209c7ed8ba044d213f3c3191143', 'token:7e577e577e577e577e57', '127.0.0.1:43796', 'd4db1f0aa3d540dd3ebcf48acb1081c0', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/acme/subscriptions/hanging', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"hanging.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"60s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-b0b66fac1592bc22","before":null,"after":"(secret)"},{"field":"signing_keys.key-b0b66fac1592bc22.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"enabled"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/hang"}]'),
	(2, 1796151458928545, 0, 'gone', '\x84d3ecf6f1166b86a01bb92552f14c9c10e050ccf6e83a45bd664aa7e3b3a877', '\x526635a8be70d4afaf17da99984bf0649f7db2936c502a03082f2419a9d72545', 'token:7e577e577e577e577e57', '127.0.0.1:43806', 'a651b8a9236f60a3c7cd57798b85dad7', 'postrider.v1.SubscriptionService/CreateSubscription', 'tenants/gone/subscriptions/last', '[{"field":"auto_disable","before":null,"after":"{\"after\":{\"nanos\":0,\"secs\":432000},\"never\":false}"},{"field":"envelope","before":null,"after":"none"},{"field":"event_types","before":null,"after":"[\"last.*\"]"},{"field":"exhausted_key_policy","before":null,"after":"go_on"},{"field":"http1_only","before":null,"after":"false"},{"field":"json_form","before":null,"after":"as_published"},{"field":"ordering","before":null,"after":"unordered"},{"field":"region","before":null,"after":"default"},{"field":"request_timeout","before":null,"after":"15s"},{"field":"retry_policy","before":null,"after":"{\"jitter_percent\":10,\"max_age\":null,\"max_retry_after\":null,\"timetable\":\"standard\"}"},{"field":"send_trace_context","before":null,"after":"false"},{"field":"signature_schemes","before":null,"after":"[\"standard_v1\"]"},{"field":"signing_keys.key-76fb2512b2ba4600","before":null,"after":"(secret)"},{"field":"signing_keys.key-76fb2512b2ba4600.kind","before":null,"after":"standard"},{"field":"status","before":null,"after":"paused"},{"field":"success_rule","before":null,"after":"any2xx"},{"field":"url","before":null,"after":"http://127.0.0.1:42743/ok"}]'),
	(25, 1796151468309066, 0, 'acme', '\x4ab35cb81be6a550ae8f5d1d3c7463e92140bf8e828f4c426dd15d978d4b192f', '\x744facd0fd84dc2437af3d456ef81ba9f998f89df8c65f4f3ec85bbd11f544f9', 'token:7e577e577e577e577e57', '127.0.0.1:59910', 'ff27524e6d54dfa928db43e131292ca8', 'postrider.v1.SubscriptionService/TestSubscription', 'tenants/acme/subscriptions/orders', '[]'),
	(33, 1796151469534184, 0, 'acme', '\x4b5e528363ccd60d8cf9afd9eff90dc3735aa0f401b3601ab14aa4ac72514957', '\x8be3956a28d22c96a8539276e919c3f43b8dedf84958b8f41b1d1c7c02671c7d', 'token:7e577e577e577e577e57', '127.0.0.1:60228', '25c42a34c95c283392f02602705f5f7d', 'postrider.v1.SubscriptionService/BackfillSubscription', 'tenants/acme/operations/op_01a232f865de78c28dd91e3ecf4854d2', '[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"kind\":\"backfill\",\"per_second\":100,\"subscription\":\"newcomer\",\"window\":{\"from\":1796151459524000,\"until\":1796151469533000}}"}]'),
	(26, 1796151468369360, 0, 'acme', '\x744facd0fd84dc2437af3d456ef81ba9f998f89df8c65f4f3ec85bbd11f544f9', '\x78efca834ee6ec6d9a3dd13ac99145258adf44528b0ffa2f11057435757c3353', 'token:7e577e577e577e577e57', '127.0.0.1:59926', 'f09f381eefd5461adbcd92a3abbd906b', 'postrider.v1.DeliveryService/RetryDelivery', 'tenants/acme/deliveries/dlv_01a232f85e6c75f28618a8356968bc82', '[{"field":"next_attempt_time","before":"2026-12-01T19:57:47.643882Z","after":"2026-12-01T18:57:48.36936Z"}]'),
	(3, 1796151468903500, 0, 'gone', '\x526635a8be70d4afaf17da99984bf0649f7db2936c502a03082f2419a9d72545', '\xf187f724c42abbb3b5b601ff81629ce37dfc06348c151c8c13b37633105840e0', 'token:7e577e577e577e577e57', '127.0.0.1:60082', 'b9604878fefc838ca97177ef70899c0f', 'postrider.v1.TenantService/DeleteTenant', 'tenants/gone', '[{"field":"allow_insecure_urls","before":"true","after":null},{"field":"display_name","before":"Gone","after":null},{"field":"subscriptions[0]","before":"last","after":null}]'),
	(30, 1796151468968577, 0, 'acme', '\x54dd68231f95e5c21f434cf0ad60573ef3d8d4ddca80d86951d32db28c37db12', '\x54c14eb76231d823bad3918664d70fe4c1b20fc77e5a2e9028361fe612ba9b29', 'token:7e577e577e577e577e57', '127.0.0.1:60100', 'c153223d99013855e38e64de86691b24', 'postrider.v1.EventService/ResendEvent', 'tenants/acme/deliveries/dlv_01a232f863a87d448cd03933903212b7', '[{"field":"event","before":null,"after":"evt_01a232f85b3278239e5620ca41dbb59a"},{"field":"resend_of","before":null,"after":"dlv_01a232f85b3276a18e265d454eb36436"},{"field":"subscription","before":null,"after":"tenants/acme/subscriptions/down"}]'),
	(34, 1796151470666473, 0, 'acme', '\x8be3956a28d22c96a8539276e919c3f43b8dedf84958b8f41b1d1c7c02671c7d', '\x064a6fbb5b2dfbce5b192076d900dba30fa21853d41cab6384f0935ee37b566e', 'token:7e577e577e577e577e57', '127.0.0.1:60344', 'f83489899fb0a7dc57454be617d3dbe4', 'postrider.v1.EventService/ExpungeEvents', 'tenants/acme/operations/op_01a232f86a4a71dd88a0363b90c84685', '[{"field":"state","before":null,"after":"RUNNING"},{"field":"task","before":null,"after":"{\"cancel_unfinished\":false,\"dry_run\":false,\"kind\":\"expunge\",\"selection\":{\"account\":\"account-2\"},\"window\":{\"from\":0,\"until\":1796151470666000}}"}]'),
	(35, 1796151471485596, 0, 'acme', '\x064a6fbb5b2dfbce5b192076d900dba30fa21853d41cab6384f0935ee37b566e', '\x5458614172f9e8077389eb6fa265bb355b1163a3f79943849002443d75ab5912', 'system', '', '', 'postrider.v1.EventService/ExpungeEvents', 'tenants/acme/operations/op_01a232f86a4a71dd88a0363b90c84685', '[{"field":"event_count","before":null,"after":"1"},{"field":"payload_bytes","before":null,"after":"19"},{"field":"unfinished_event_count","before":null,"after":"0"}]');
INSERT INTO public.catalogue VALUES
	(true, 4);
INSERT INTO public.console_sessions VALUES
	(1796151459496411, 1796151459496411, 1796151519496411, 2, '\x0bbbf14a312f5f6f1f8089ac130962fb99274c5b4e6fdf2959b64d73c5bab0f4', 'portal-token:db13486eb86ca2718e90', 'acme', '{"principal":{"portal_token":"db13486eb86ca2718e90"},"grants":[{"role":"reader","scope":{"tenants":["acme"]}}],"expire_time":1796155059489977}');
INSERT INTO public.data_keys VALUES
	(1796151458388212, '00000000-0000-0000-0000-000000000001', '', 'released-test', '\x01440898d723c5a77dd2710c50844b4e93fc2ac2d03fa0e73ca97fefde5191e1e8abf81e2cb66cc7f49432810547a1c7df7e9abf0499c487cd6f19f3c7'),
	(1796151458398549, '00000000-0000-0000-0000-000000000002', '', 'released-test', '\x0124626954fac933efd2b3acc6abf40f2bad334c61df3fba3a7d44285e0d8b4635281ddc08aefeab04a5ffed7e5792995d741ca8d23651e4f0d579cb99'),
	(1796151458578046, 'e4a5acea-e499-431e-b052-da521e66ebdd', 'acme', 'released-test', '\x01a1fc6656840be236e39aaa86ec1fcf9da87a57c7157165d985f60aec450416e2aa13f2d617db2884df062aa42b81ba6c40628aea270bee688a96e01e');
INSERT INTO public.deliveries VALUES
	(0, 1796151467321858, 1796454373227012, 1, 4, 0, 0, 753098061, 1071647662, 2, 1, false, '01a232f8-5d39-797b-9cd9-c21f13dc7dbb', '01a232f8-5d39-7400-be9e-a150fac6402a', NULL, 'paused.happened', 'account-1', NULL, false),
	(0, 1796151467353011, 1796454374964865, 1, 4, 0, 0, 753098061, 71806224, 2, 1, false, '01a232f8-5d59-716e-b9a9-e49a2077e91b', '01a232f8-5d59-7dc0-a3bd-12a132e7ab11', NULL, 'far.happened', 'account-1', NULL, false),
	(0, 1796151467443322, 1796158666426207, 2, 4, 0, 0, 753098061, 711688339, 1, 1, false, '01a232f8-5db3-77f6-8c71-b6f7bef7354e', '01a232f8-5db3-7906-915d-52b3b572812a', NULL, 'ordered.happened', 'account-1', 'key-1', false),
	(1, 1796155067451047, 1796158666411724, 1, 4, 1, 1, 753098061, 711688339, 2, 2, false, '01a232f8-5da4-7a14-af71-b33515c5b3ee', '01a232f8-5da4-7864-b49a-64dafec14896', NULL, 'ordered.happened', 'account-1', 'key-1', false),
	(0, 1796151467485710, 1796155066468595, 2, 4, 0, 0, 753098061, 484247719, 1, 1, false, '01a232f8-5ddd-771e-98f2-207067b7122c', '01a232f8-5ddd-7fb8-8ac0-f1af2a40e0fb', NULL, 'kept.happened', 'account-1', 'key-1', false),
	(1, 1796155067677119, 1796158666642419, 1, 4, 1, 1, 753098061, 729220903, 2, 2, false, '01a232f8-5e8b-709a-bb1f-e0c5bf012340', '01a232f8-5e8b-735b-966c-57d9cc0a518b', NULL, 'asked.happened', 'account-1', NULL, false),
	(1, 1796155068213482, 1796158666674665, 1, 4, 1, 1, 753098061, 2050477239, 2, 2, false, '01a232f8-5eab-7740-97f2-d86ac34ff6a3', '01a232f8-5eab-7d0d-a27c-706ac957e3a6', NULL, 'slow.happened', 'account-1', NULL, false),
	(1, 1796155068534845, 1796158667503849, 2, 4, 1, 1, 753098061, 2009280193, 2, 2, false, '01a232f8-61e8-72ef-b2c0-241129aac5e9', '01a232f8-61e8-76e3-8e47-6e53cea3e27b', NULL, 'later.happened', 'account-1', NULL, false),
	(1, 1796151471534905, 1796454386017790, 2, 4, 1, 0, 753098061, 826380006, 3, 1, false, '01a232f8-6dae-76e3-b369-05e1020a9835', '01a232f8-6dae-79fd-ab63-f23bb52b6711', NULL, 'hanging.happened', 'account-1', NULL, false);
INSERT INTO public.ended_deliveries_20261201 VALUES
	(1796151466481994, 1796151466446352, 1796454375024068, 1, 816, 1796151466479963, 1696, 0, 1, 2, 0, 200, NULL, 732, NULL, 727, 753098061, 88970731, 4, 2, NULL, 1, false, false, false, '01a232f8-3ec4-7f0a-bda8-12d52a538098', '01a232f8-3ec4-7bb9-a55f-1b78284cbc58', NULL, 'lost.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343620474d540000000e00000001636f6e74656e742d6c656e67746830', '\x'),
	(1796151466627062, 1796151466605966, 1796454381088851, 1, 820, 1796151466623289, 3448, 17, 2, 1, 0, 200, NULL, 168, NULL, 3014, 753098061, 2108323176, 4, 1, NULL, 1, false, false, false, '01a232f8-5a6d-735b-a93f-a57d46d653b4', '01a232f8-5a6d-71a8-8033-9fad9ebc82f5', NULL, 'orders.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343620474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796151466689797, 1796151466625068, 1796454381107953, 2, 826, 1796151466641447, 47485, 17, 2, 1, 0, 200, NULL, NULL, NULL, 440, 753098061, 2108323176, 4, 1, NULL, 1, false, false, false, '01a232f8-5a81-7e24-9555-76a74e2812d1', '01a232f8-5a81-7647-8e1b-b9702712c256', NULL, 'orders.scanned', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343620474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796151466749465, 1796151466673313, 1796155065625694, 1, 827, 1796151466706639, 42259, 7, 1, 2, 1, 200, NULL, NULL, NULL, 633, 753098061, 613332007, 4, 2, NULL, 1, false, false, false, '01a232f8-5a92-7293-861c-0447b7ec3c20', '01a232f8-5a92-733d-86fd-fb42c84908f1', NULL, 'flaky.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343620474d540000000e00000001636f6e74656e742d6c656e67746837', '\x6174206c617374'),
	(1796151466893392, 1796151466824696, 1796155065785320, 1, 832, 1796151466848191, 44660, 9, 1, 2, 1, 500, NULL, NULL, NULL, 1194, 753098061, 246815551, 5, 2, 1, 2, false, false, false, '01a232f8-5b32-76a1-8e26-5d454eb36436', '01a232f8-5b32-7823-9e56-20ca41dbb59a', NULL, 'down.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343620474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151466967960, 1796151466953017, 1796151466935902, 1, 838, 1796151466966546, 927, 9, 1, 1, 0, 500, NULL, NULL, NULL, 796, 753098061, 628297638, 5, 1, 2, 2, false, false, false, '01a232f8-5bc9-787c-84cb-144a4c07f04f', '01a232f8-5bc9-79cb-95f3-c656cfe38aad', NULL, 'late.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343620474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151467066002, 1796151467019043, 1796155065987488, 1, 846, 1796151467065580, 54, 0, 1, 2, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 2078423650, 5, 2, 1, 9, false, false, false, '01a232f8-5bfc-74a7-886c-1830d0ba1acd', '01a232f8-5bfc-7b76-9526-15686bb5d141', NULL, 'blocked.happened', 'account-1', NULL, 'agent-2', 'default', '', '', 'the address is not allowed', '\x', '\x'),
	(1796151467184933, 1796151467155136, 1796155066124913, 1, 854, 1796151467184107, 266, 0, 1, 2, 1, NULL, NULL, NULL, NULL, NULL, 753098061, 830823925, 5, 2, 1, 5, false, false, false, '01a232f8-5c86-70d7-9336-1ed3c837ab7d', '01a232f8-5c86-74c4-be79-045aa37923ec', NULL, 'refused.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:37097', '', 'connecting to 127.0.0.1:37097 failed: Connection refused (os error 111)', '\x', '\x'),
	(1796151467289895, 1796151467289895, 1796454381772780, NULL, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 753098061, 1335965188, 7, 1, 5, NULL, false, false, NULL, '01a232f8-5d19-7fb7-baaf-273443da55a9', '01a232f8-5d19-76f3-8948-c0ebf3f1c39d', NULL, 'disabled.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796151467393755, 1796151467380078, 1796454381862963, 1, 866, 1796151467388925, 4386, 17, 1, 1, 0, 200, NULL, NULL, NULL, 4240, 753098061, 91401282, 4, 1, NULL, 1, false, true, false, '01a232f8-5d74-7f5d-bad0-45320e13ed86', '01a232f8-5d74-77e6-92b5-997e25d7f6c9', NULL, 'filtered.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343720474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796151467557348, 1796151467491169, 1796155066449559, 1, 880, 1796151467514832, 41955, 9, 1, 2, 1, 500, NULL, NULL, NULL, 834, 753098061, 484247719, 5, 2, 1, 2, false, false, false, '01a232f8-5dca-76d8-ab1a-d85f8af85d36', '01a232f8-5dca-770a-ad0d-2bd1836aa261', NULL, 'kept.happened', 'account-1', 'key-1', 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343720474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151468329805, 1796151468312138, 0, NULL, 898, 1796151468326024, 3173, 17, 2, 1, 0, 200, NULL, NULL, NULL, 2931, 753098061, 2108323176, 4, 4, NULL, 1, true, false, false, '01a232f8-6118-75e8-8a14-10fc38e7f389', '01a232f8-6118-7c71-b1b9-b5e0e69d9072', NULL, 'orders.happened', NULL, NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343820474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796151468399992, 1796151468369360, 1796158666610991, 1, 901, 1796151468394981, 4531, 9, 1, 2, 1, 500, NULL, 493, NULL, 3832, 753098061, 2009280193, 5, 3, 1, 2, false, false, false, '01a232f8-5e6c-75f2-8618-a8356968bc82', '01a232f8-5e6c-7703-bf47-511b8f9066a3', NULL, 'later.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343820474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151468720353, 1796151468676093, 1796454383158978, 1, NULL, NULL, NULL, NULL, NULL, 1, 0, NULL, NULL, NULL, NULL, NULL, 753098061, 826380006, 6, 1, 3, NULL, false, false, NULL, '01a232f8-6284-7c21-95d5-cb11a2cb60e5', '01a232f8-6284-7f1e-8f88-fced308666fd', NULL, 'hanging.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796151468759332, 1796151468664374, 1796454373227012, 2, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 753098061, 1071647662, 6, 1, 3, NULL, false, false, NULL, '01a232f8-6278-72cf-94b8-2d25b1ac145b', '01a232f8-6278-73d0-b281-ea7416fff7e6', NULL, 'paused.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796151468829233, 1796151468783325, 1796454373393211, 1, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 753098061, 339122395, 6, 1, 4, NULL, false, false, NULL, '01a232f8-62ef-7b60-9206-e60f3ba94b4e', '01a232f8-62ef-7ee3-87ad-2a0328a6f326', NULL, 'leaving.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796151468917337, 1796151468859552, 1796454373411430, 1, NULL, NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL, NULL, NULL, 1954134868, 576605601, 6, 1, 6, NULL, false, false, NULL, '01a232f8-633b-7baa-b4b0-91e005194ad3', '01a232f8-633b-7e4d-87fa-329dfb73bcd3', NULL, 'last.happened', 'account-1', NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL),
	(1796151469045384, 1796151468988567, 1796155067951462, 1, 926, 1796151469001388, 43439, 9, 1, 2, 1, 500, NULL, NULL, NULL, 3057, 753098061, 246815551, 5, 2, 1, 2, false, false, false, '01a232f8-63a8-7d44-8cd0-3933903212b7', '01a232f8-5b32-7823-9e56-20ca41dbb59a', '01a232f8-5b32-76a1-8e26-5d454eb36436', 'down.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343920474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151469474125, 1796151469450106, 1796151469432991, 1, 933, 1796151469471369, 2218, 9, 1, 1, 0, 500, NULL, NULL, NULL, 2065, 753098061, 628297638, 5, 5, 2, 2, false, false, false, '01a232f8-658a-7b81-a464-1f9630361606', '01a232f8-5bc9-79cb-95f3-c656cfe38aad', '01a232f8-5bc9-787c-84cb-144a4c07f04f', 'late.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', 'the status 500 does not count as success: those from 200 to 299 do', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a343920474d540000000e00000001636f6e74656e742d6c656e67746839', '\x6e6f74206e6f7720ff'),
	(1796151470484429, 1796151470458533, 1796454384941418, 1, 943, 1796151470478617, 2411, 17, 1, 1, 0, 200, NULL, NULL, NULL, 2258, 753098061, 768921496, 4, 5, NULL, 1, false, false, false, '01a232f8-697a-7c35-b208-1d2db61ecf4e', '01a232f8-5a92-733d-86fd-fb42c84908f1', NULL, 'flaky.happened', 'account-1', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', '', '\x000000060000001a73657276657242617365485454502f302e3620507974686f6e2f332e31312e37000000040000001d646174655475652c2030312044656320323032362031383a35373a353020474d540000000900000002782d7265636569707434320000000e00000002636f6e74656e742d6c656e6774683137', '\x7b227265636569766564223a747275657d'),
	(1796151470535240, 1796151470524587, 1796454385007472, 3, 945, 1796151470534033, 901, 17, 2, 1, 0, 200, NULL, NULL, NULL, 705, 753098061, 2108323176, 4, 1, NULL, 1, false, false, false, '01a232f8-69bc-75e3-b577-4800fd7b1eba', '01a232f8-69bc-70fe-ae3f-9386da9c915e', NULL, 'orders.happened', 'account-2', NULL, 'agent-2', 'default', '127.0.0.1:42743', 'HTTP/1.1', '', '\x', '\x');
INSERT INTO public.event_types VALUES
	(2, 1796151458498414, 1796151458498414, NULL, 3, 'orders.happened', 'orders', 'orders.happened
something was ordered.', 'Something was ordered.', '{"type":"object"}', '{"amount":"1"}'),
	(4, 1796151458513775, 1796151458526056, 1796151458526056, 1, 'orders.retired', 'orders', 'orders.retired
', '', NULL, NULL);
INSERT INTO public.events_20261201 VALUES
	(1796151459524000, 1, 753098061, false, '01a232f8-3ec4-7bb9-a55f-1b78284cbc58', 'lost.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'lost-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151459975000, 0, 753098061, false, '01a232f8-4087-7a99-b025-9270053130ae', 'postrider.secret.rotated', NULL, NULL, 'tenants/acme/subscriptions/orders', NULL, '\xdf3f267b9c9a56694176f1ec6710211ccc413b656be574afa112d7b20d133804', '', '', 'postrider/acme/postrider.secret.rotated/orders/key-48f2f3673f5e80aa', NULL, '\x7b22686f7374223a223132372e302e302e31222c226b65795f6964223a226b65792d34386632663336373366356538306161222c226b65795f6b696e64223a225354414e44415244222c226f6c645f6b65795f6578706972655f74696d65223a22323032362d31322d30325431383a35373a33382e3935373230345a222c226f6c645f6b65795f6964223a226b65792d34376531613664373965373565353362222c22726f746174655f74696d65223a22323032362d31322d30315431383a35373a33382e3935373230345a222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6f7264657273227d'),
	(1796151459986000, 0, 55723350, false, '01a232f8-4092-7e77-930a-898cf492398d', 'postrider.secret.rotated', 'acme', NULL, 'tenants/acme/subscriptions/orders', NULL, '\xdf3f267b9c9a56694176f1ec6710211ccc413b656be574afa112d7b20d133804', '', '', 'postrider/acme/postrider.secret.rotated/orders/key-48f2f3673f5e80aa', NULL, '\x7b22686f7374223a223132372e302e302e31222c226b65795f6964223a226b65792d34386632663336373366356538306161222c226b65795f6b696e64223a225354414e44415244222c226f6c645f6b65795f6578706972655f74696d65223a22323032362d31322d30325431383a35373a33382e3935373230345a222c226f6c645f6b65795f6964223a226b65792d34376531613664373965373565353362222c22726f746174655f74696d65223a22323032362d31322d30315431383a35373a33382e3935373230345a222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6f7264657273227d'),
	(1796151466605000, 1, 753098061, false, '01a232f8-5a6d-71a8-8033-9fad9ebc82f5', 'orders.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '00-abababababababababababababababab-cdcdcdcdcdcdcdcd-01', 'a=b', 'orders-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151466625000, 1, 753098061, false, '01a232f8-5a81-7647-8e1b-b9702712c256', 'orders.scanned', 'account-1', '{"currency":"EUR"}', 'account-1', 'application/octet-stream', '\x06eb7d6a69ee19e5fbdf749018d3d2abfa04bcbd1365db312eb86dc7169389b8', '', '', 'orders-2', NULL, '\x00ff'),
	(1796151466642000, 1, 753098061, false, '01a232f8-5a92-733d-86fd-fb42c84908f1', 'flaky.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'flaky-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151466802000, 1, 753098061, false, '01a232f8-5b32-7823-9e56-20ca41dbb59a', 'down.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'down-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151466901000, 0, 753098061, false, '01a232f8-5b95-7ac4-a6fb-88ac42dfe4d1', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/down', NULL, '\x738f9c547b452a7db7ce27b26bd1d3a8dac0d08443c4bfee8fa5e685cbdbffa7', '', '', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f85b3276a18e265d454eb36436', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356233323736613138653236356434353465623336343336222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356233323738323339653536323063613431646262353961222c226576656e745f74797065223a22646f776e2e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f646f776e227d'),
	(1796151466911000, 0, 55723350, false, '01a232f8-5b9f-775b-b264-831b32ff3917', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/down', NULL, '\x738f9c547b452a7db7ce27b26bd1d3a8dac0d08443c4bfee8fa5e685cbdbffa7', '', '', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f85b3276a18e265d454eb36436', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356233323736613138653236356434353465623336343336222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356233323738323339653536323063613431646262353961222c226576656e745f74797065223a22646f776e2e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f646f776e227d'),
	(1796151466953000, 1, 753098061, false, '01a232f8-5bc9-79cb-95f3-c656cfe38aad', 'late.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'late-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151466989000, 0, 753098061, false, '01a232f8-5bed-7d28-b279-7e950121dd55', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/late', NULL, '\x3937d03b572d6d65552de51cbdf16dac548fa15fd1fa3f83a0da260574ca19c5', '', '', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f85bc9787c84cb144a4c07f04f', NULL, '\x7b22617474656d70745f636f756e74223a312c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356263393738376338346362313434613463303766303466222c22656e645f726561736f6e223a2245585049524544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356263393739636239356633633635366366653338616164222c226576656e745f74797065223a226c6174652e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c617465227d'),
	(1796151467005000, 0, 55723350, false, '01a232f8-5bfd-7180-8fbc-0e64c1160ee0', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/late', NULL, '\x3937d03b572d6d65552de51cbdf16dac548fa15fd1fa3f83a0da260574ca19c5', '', '', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f85bc9787c84cb144a4c07f04f', NULL, '\x7b22617474656d70745f636f756e74223a312c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356263393738376338346362313434613463303766303466222c22656e645f726561736f6e223a2245585049524544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356263393739636239356633633635366366653338616164222c226576656e745f74797065223a226c6174652e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c617465227d'),
	(1796151467004000, 1, 753098061, false, '01a232f8-5bfc-7b76-9526-15686bb5d141', 'blocked.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'blocked-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467073000, 0, 753098061, false, '01a232f8-5c41-7958-bbe0-b4705b615e61', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/blocked', NULL, '\x55e5e8d658a7582de6a6f7319d5bc65c4cbaccfdf075d503f459798da8190e5d', '', '', 'postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a232f85bfc74a7886c1830d0ba1acd', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356266633734613738383663313833306430626131616364222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356266633762373639353236313536383662623564313431222c226576656e745f74797065223a22626c6f636b65642e68617070656e6564222c22686f7374223a2231302e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f626c6f636b6564227d'),
	(1796151467075000, 0, 55723350, false, '01a232f8-5c43-7e58-9f35-480d0a4f2a31', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/blocked', NULL, '\x55e5e8d658a7582de6a6f7319d5bc65c4cbaccfdf075d503f459798da8190e5d', '', '', 'postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a232f85bfc74a7886c1830d0ba1acd', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356266633734613738383663313833306430626131616364222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356266633762373639353236313536383662623564313431222c226576656e745f74797065223a22626c6f636b65642e68617070656e6564222c22686f7374223a2231302e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f626c6f636b6564227d'),
	(1796151467142000, 1, 753098061, false, '01a232f8-5c86-74c4-be79-045aa37923ec', 'refused.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'refused-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467193000, 0, 753098061, false, '01a232f8-5cb9-7737-aaa0-6f78de42546d', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/refused', NULL, '\xac871ca03a49949af31c225494826a503d09bf013f15b2c6ed15284c4645288e', '', '', 'postrider/acme/postrider.delivery.exhausted/refused/dlv_01a232f85c8670d793361ed3c837ab7d', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356338363730643739333336316564336338333761623764222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356338363734633462653739303435616133373932336563222c226576656e745f74797065223a22726566757365642e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f72656675736564227d'),
	(1796151467196000, 0, 55723350, false, '01a232f8-5cbc-7b79-81df-124a34fb5c60', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/refused', NULL, '\xac871ca03a49949af31c225494826a503d09bf013f15b2c6ed15284c4645288e', '', '', 'postrider/acme/postrider.delivery.exhausted/refused/dlv_01a232f85c8670d793361ed3c837ab7d', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356338363730643739333336316564336338333761623764222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356338363734633462653739303435616133373932336563222c226576656e745f74797065223a22726566757365642e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f72656675736564227d'),
	(1796151467289000, 1, 753098061, false, '01a232f8-5d19-76f3-8948-c0ebf3f1c39d', 'disabled.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'disabled-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467321000, 1, 753098061, false, '01a232f8-5d39-7400-be9e-a150fac6402a', 'paused.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'paused-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467353000, 1, 753098061, false, '01a232f8-5d59-7dc0-a3bd-12a132e7ab11', 'far.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'far-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467380000, 1, 753098061, false, '01a232f8-5d74-77e6-92b5-997e25d7f6c9', 'filtered.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'filtered-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467428000, 1, 753098061, false, '01a232f8-5da4-7864-b49a-64dafec14896', 'ordered.happened', 'account-1', '{"currency":"EUR"}', 'key-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'ordered-0', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467443000, 1, 753098061, false, '01a232f8-5db3-7906-915d-52b3b572812a', 'ordered.happened', 'account-1', '{"currency":"EUR"}', 'key-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'ordered-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151468664000, 1, 753098061, false, '01a232f8-6278-73d0-b281-ea7416fff7e6', 'paused.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'paused-cancelled', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151469060000, 0, 753098061, false, '01a232f8-6404-77d6-b73d-014b1abd38f6', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/down', NULL, '\x257583ee13b56de2dc007e0df66510e2d9798eb35dd436d72134250b1a6eeb1f', '', '', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f863a87d448cd03933903212b7', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638363361383764343438636430333933333930333231326237222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356233323738323339653536323063613431646262353961222c226576656e745f74797065223a22646f776e2e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f646f776e227d'),
	(1796151471534000, 1, 753098061, false, '01a232f8-6dae-79fd-ab63-f23bb52b6711', 'hanging.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'hanging-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467466000, 1, 753098061, false, '01a232f8-5dca-770a-ad0d-2bd1836aa261', 'kept.happened', 'account-1', '{"currency":"EUR"}', 'key-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'kept-0', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151468676000, 1, 753098061, false, '01a232f8-6284-7f1e-8f88-fced308666fd', 'hanging.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'hanging-cancelled', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467485000, 1, 753098061, false, '01a232f8-5ddd-7fb8-8ac0-f1af2a40e0fb', 'kept.happened', 'account-1', '{"currency":"EUR"}', 'key-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'kept-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467691000, 1, 753098061, false, '01a232f8-5eab-7d0d-a27c-706ac957e3a6', 'slow.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'slow-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151468417000, 0, 753098061, false, '01a232f8-6181-7065-8352-4458b5af1c16', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/later', NULL, '\x7007c54a5d8c11442328dd49bec66ccb1407cc61433d32e292e4f19448cd40ff', '', '', 'postrider/acme/postrider.delivery.exhausted/later/dlv_01a232f85e6c75f28618a8356968bc82', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356536633735663238363138613833353639363862633832222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356536633737303362663437353131623866393036366133222c226576656e745f74797065223a226c617465722e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c61746572227d'),
	(1796151468520000, 1, 753098061, false, '01a232f8-61e8-76e3-8e47-6e53cea3e27b', 'later.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'later-2', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151468783000, 1, 753098061, false, '01a232f8-62ef-7ee3-87ad-2a0328a6f326', 'leaving.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'leaving-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151469064000, 0, 55723350, false, '01a232f8-6408-715d-909b-d330ac433aab', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/down', NULL, '\x257583ee13b56de2dc007e0df66510e2d9798eb35dd436d72134250b1a6eeb1f', '', '', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f863a87d448cd03933903212b7', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638363361383764343438636430333933333930333231326237222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356233323738323339653536323063613431646262353961222c226576656e745f74797065223a22646f776e2e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f646f776e227d'),
	(1796151469492000, 0, 55723350, false, '01a232f8-65b4-7e40-afcd-ec2236c5eb0f', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/late', NULL, '\x41c080ad80912f1de2bf2ccad06557342b570f06352e8856c1136498800fb416', '', '', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f8658a7b81a4641f9630361606', NULL, '\x7b22617474656d70745f636f756e74223a312c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638363538613762383161343634316639363330333631363036222c22656e645f726561736f6e223a2245585049524544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356263393739636239356633633635366366653338616164222c226576656e745f74797065223a226c6174652e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c617465227d'),
	(1796151467568000, 0, 753098061, false, '01a232f8-5e30-7184-98b9-d94384ab3519', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/kept', NULL, '\x37826788594af677665446a6efdc62996baa490a15c0384ce2c0d5aa4d00da55', '', '', 'postrider/acme/postrider.delivery.exhausted/kept/dlv_01a232f85dca76d8ab1ad85f8af85d36', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356463613736643861623161643835663861663835643336222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356463613737306161643064326264313833366161323631222c226576656e745f74797065223a226b6570742e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6b657074227d'),
	(1796151468312000, 1, 753098061, true, '01a232f8-6118-7c71-b1b9-b5e0e69d9072', 'orders.happened', NULL, NULL, NULL, NULL, '\xcdb8de78f10f4776de95629e660ff8a5aba9ab22166d96ce73e50d0e3acfc6dc', '', '', NULL, NULL, '\x7b22616d6f756e74223a2231227d'),
	(1796151468859000, 1, 1954134868, false, '01a232f8-633b-7e4d-87fa-329dfb73bcd3', 'last.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'last-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151469488000, 0, 753098061, false, '01a232f8-65b0-7241-8fd9-83c9ef263c39', 'postrider.delivery.exhausted', NULL, NULL, 'tenants/acme/subscriptions/late', NULL, '\x41c080ad80912f1de2bf2ccad06557342b570f06352e8856c1136498800fb416', '', '', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f8658a7b81a4641f9630361606', NULL, '\x7b22617474656d70745f636f756e74223a312c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638363538613762383161343634316639363330333631363036222c22656e645f726561736f6e223a2245585049524544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356263393739636239356633633635366366653338616164222c226576656e745f74797065223a226c6174652e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c617465227d'),
	(1796151470524000, 1, 753098061, false, '01a232f8-69bc-70fe-ae3f-9386da9c915e', 'orders.happened', 'account-2', '{"currency":"EUR"}', 'account-2', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'orders-3', '{"reason" : "expunged", "time" : 1796151471462108, "bytes" : 19}', '\x'),
	(1796151467572000, 0, 55723350, false, '01a232f8-5e34-7e1e-9da8-f7e920e3243c', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/kept', NULL, '\x37826788594af677665446a6efdc62996baa490a15c0384ce2c0d5aa4d00da55', '', '', 'postrider/acme/postrider.delivery.exhausted/kept/dlv_01a232f85dca76d8ab1ad85f8af85d36', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356463613736643861623161643835663861663835643336222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356463613737306161643064326264313833366161323631222c226576656e745f74797065223a226b6570742e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6b657074227d'),
	(1796151467628000, 1, 753098061, false, '01a232f8-5e6c-7703-bf47-511b8f9066a3', 'later.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'later-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151467659000, 1, 753098061, false, '01a232f8-5e8b-735b-966c-57d9cc0a518b', 'asked.happened', 'account-1', '{"currency":"EUR"}', 'account-1', NULL, '\x1f7ce481226dbbd481b055c4029fa33401276778d2e165038fabdea442473b4d', '', '', 'asked-1', NULL, '\x7b22616d6f756e74223a202231322e3330227d'),
	(1796151468420000, 0, 55723350, false, '01a232f8-6184-7855-a4cd-42e362b2cb14', 'postrider.delivery.exhausted', 'acme', NULL, 'tenants/acme/subscriptions/later', NULL, '\x7007c54a5d8c11442328dd49bec66ccb1407cc61433d32e292e4f19448cd40ff', '', '', 'postrider/acme/postrider.delivery.exhausted/later/dlv_01a232f85e6c75f28618a8356968bc82', NULL, '\x7b22617474656d70745f636f756e74223a322c2264656c6976657279223a2274656e616e74732f61636d652f64656c697665726965732f646c765f3031613233326638356536633735663238363138613833353639363862633832222c22656e645f726561736f6e223a22415454454d5054535f455848415553544544222c226576656e74223a2274656e616e74732f61636d652f6576656e74732f6576745f3031613233326638356536633737303362663437353131623866393036366133222c226576656e745f74797065223a226c617465722e68617070656e6564222c22686f7374223a223132372e302e302e31222c22737562736372697074696f6e223a2274656e616e74732f61636d652f737562736372697074696f6e732f6c61746572227d');
INSERT INTO public.failing_endpoints VALUES
	(1796151466824724, 4, 0, 'acme', 'down'),
	(1796151466967843, 4, 0, 'acme', 'late'),
	(1796151467019061, 4, 0, 'acme', 'blocked'),
	(1796151467155162, 4, 0, 'acme', 'refused'),
	(1796151467451073, 4, 0, 'acme', 'ordered'),
	(1796151467491192, 4, 0, 'acme', 'kept'),
	(1796151467643955, 4, 0, 'acme', 'later'),
	(1796151467677150, 4, 0, 'acme', 'asked'),
	(1796151468213527, 4, 0, 'acme', 'slow');
INSERT INTO public.held_keys VALUES
	(0, true, '01a232f8-5dca-770a-ad0d-2bd1836aa261', 'acme', 'kept', 'key-1');
INSERT INTO public.hold_clocks VALUES
	(0, 1796151467688662, 1796155067688662, 1, 'acme', 'asked');
INSERT INTO public.idempotency_keys VALUES
	(1796756259524068, 1796151459524000, 1, '01a232f8-3ec4-7bb9-a55f-1b78284cbc58', 'acme', 'lost-1', '\x08550528d4ef2cfdfde9fbfd99bcd3479fdf4d74c158392ef5ef7771a0ee51cf'),
	(1796756259975897, 1796151459975000, 0, '01a232f8-4087-7a99-b025-9270053130ae', 'acme', 'postrider/acme/postrider.secret.rotated/orders/key-48f2f3673f5e80aa', '\xc5f1db3af9e4cdd54817942900b05ca54c953d22784ec2aa1c9b9888155dbfc6'),
	(1796756259986682, 1796151459986000, 0, '01a232f8-4092-7e77-930a-898cf492398d', 'operators', 'postrider/acme/postrider.secret.rotated/orders/key-48f2f3673f5e80aa', '\x23db6ec7b72ae6b6916a4bf21ecde5ea1b1ef5c78b3bf439a52e675579dff42a'),
	(1796756266605966, 1796151466605000, 1, '01a232f8-5a6d-71a8-8033-9fad9ebc82f5', 'acme', 'orders-1', '\x1241535272dd56b6a7e75f3a8ff7a34a95bd992441febaebef951d68e13eab31'),
	(1796756266625068, 1796151466625000, 1, '01a232f8-5a81-7647-8e1b-b9702712c256', 'acme', 'orders-2', '\xabf0ac12f64e4bb96cbace3a6ef6f0b99332c9ce42b91f18133c6947fa4f0783'),
	(1796756266642809, 1796151466642000, 1, '01a232f8-5a92-733d-86fd-fb42c84908f1', 'acme', 'flaky-1', '\xb35e9ba1e29509ed1287e25d1252c79053dd7280bb60bf35197a006fb94768f4'),
	(1796756266802435, 1796151466802000, 1, '01a232f8-5b32-7823-9e56-20ca41dbb59a', 'acme', 'down-1', '\x56032d18efe91bbaa05782de35638b774e62364cd0a5a7059cc392e5ed25914c'),
	(1796756266901583, 1796151466901000, 0, '01a232f8-5b95-7ac4-a6fb-88ac42dfe4d1', 'acme', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f85b3276a18e265d454eb36436', '\x0e67d50ca0c32670d23cc33ebfe848216c5f56f91079469b4e7ebfa630f6d012'),
	(1796756266911208, 1796151466911000, 0, '01a232f8-5b9f-775b-b264-831b32ff3917', 'operators', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f85b3276a18e265d454eb36436', '\x11d5e586a6b69942e26656529d48c1d3c659db93e47593d941082c48fa43176e'),
	(1796756266953017, 1796151466953000, 1, '01a232f8-5bc9-79cb-95f3-c656cfe38aad', 'acme', 'late-1', '\xd654a22809c131a0765438d84cb3c986a5b9abe139b3100d8dc2927b78cb4b0b'),
	(1796756266989830, 1796151466989000, 0, '01a232f8-5bed-7d28-b279-7e950121dd55', 'acme', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f85bc9787c84cb144a4c07f04f', '\xb0ed50f573186d2c7a19f2c32592f254e1e1ab067aa0afbb8b17e58a7f6379c4'),
	(1796756267005140, 1796151467005000, 0, '01a232f8-5bfd-7180-8fbc-0e64c1160ee0', 'operators', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f85bc9787c84cb144a4c07f04f', '\xb87ac6e6adcccfc3e44495319b42ce27b3c1a108585d42280e7759ba6630a239'),
	(1796756267004603, 1796151467004000, 1, '01a232f8-5bfc-7b76-9526-15686bb5d141', 'acme', 'blocked-1', '\xca2ba4146e1393f893d1bf5cfb4f18f500cf02ee0835545f7353ba3b1dacc7dc'),
	(1796756267073541, 1796151467073000, 0, '01a232f8-5c41-7958-bbe0-b4705b615e61', 'acme', 'postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a232f85bfc74a7886c1830d0ba1acd', '\x9dc8645a7ac59b557edc627a0d6c3ae6e4f65cf5a186a6a2ac932c9d71dd9310'),
	(1796756267075097, 1796151467075000, 0, '01a232f8-5c43-7e58-9f35-480d0a4f2a31', 'operators', 'postrider/acme/postrider.delivery.exhausted/blocked/dlv_01a232f85bfc74a7886c1830d0ba1acd', '\xd6d2db29b07d262a0f964ff69188735323313b5b5be8206627d5529bd3013ab0'),
	(1796756267142028, 1796151467142000, 1, '01a232f8-5c86-74c4-be79-045aa37923ec', 'acme', 'refused-1', '\xdde5fff452d7ffb5ddfbf31186a358648a19195f629739098745da4fefd6b179'),
	(1796756267193710, 1796151467193000, 0, '01a232f8-5cb9-7737-aaa0-6f78de42546d', 'acme', 'postrider/acme/postrider.delivery.exhausted/refused/dlv_01a232f85c8670d793361ed3c837ab7d', '\x033f3fd1261e3a6e7dc1cf75908619b300343c1ca3451f043fc12d8bf231208d'),
	(1796756267196727, 1796151467196000, 0, '01a232f8-5cbc-7b79-81df-124a34fb5c60', 'operators', 'postrider/acme/postrider.delivery.exhausted/refused/dlv_01a232f85c8670d793361ed3c837ab7d', '\xb5128eb29ee8fbb360d871ab32ddf61a48012334f296b7ab869d7c5d52e5bb6c'),
	(1796756267289895, 1796151467289000, 1, '01a232f8-5d19-76f3-8948-c0ebf3f1c39d', 'acme', 'disabled-1', '\xa82c38ce6d313cfb8b31811daa8dcad8eff8716c75994143188142165f1c8984'),
	(1796756267321858, 1796151467321000, 1, '01a232f8-5d39-7400-be9e-a150fac6402a', 'acme', 'paused-1', '\x40c3f9dfbfbd0edd06095ad84f6ac3b7b61953301c896111c1350543b57d5736'),
	(1796756267353011, 1796151467353000, 1, '01a232f8-5d59-7dc0-a3bd-12a132e7ab11', 'acme', 'far-1', '\xdc3253fe3716341aef671b488fbc1d50754f8705f868a411ba4a8cd21fa25a47'),
	(1796756267380078, 1796151467380000, 1, '01a232f8-5d74-77e6-92b5-997e25d7f6c9', 'acme', 'filtered-1', '\x52dadd696e4addc8866624ea64e6712f1f30049171fd6bbfd5ae05cc987470e5'),
	(1796756267428839, 1796151467428000, 1, '01a232f8-5da4-7864-b49a-64dafec14896', 'acme', 'ordered-0', '\xa596456e88e97332a1439544fc5888566d30573102785938a3505b05bce252a7'),
	(1796756267443322, 1796151467443000, 1, '01a232f8-5db3-7906-915d-52b3b572812a', 'acme', 'ordered-1', '\xa596456e88e97332a1439544fc5888566d30573102785938a3505b05bce252a7'),
	(1796756267466674, 1796151467466000, 1, '01a232f8-5dca-770a-ad0d-2bd1836aa261', 'acme', 'kept-0', '\xd4c2faf35f5e498e706213c2aebc87521a420c55d3a3812d99155bfb0f7d002e'),
	(1796756267485710, 1796151467485000, 1, '01a232f8-5ddd-7fb8-8ac0-f1af2a40e0fb', 'acme', 'kept-1', '\xd4c2faf35f5e498e706213c2aebc87521a420c55d3a3812d99155bfb0f7d002e'),
	(1796756267568951, 1796151467568000, 0, '01a232f8-5e30-7184-98b9-d94384ab3519', 'acme', 'postrider/acme/postrider.delivery.exhausted/kept/dlv_01a232f85dca76d8ab1ad85f8af85d36', '\x4f6183a951dbf1fcdcf23b00bcd33e37fbe6b240be0b3e37a709ede8872a9115'),
	(1796756267572867, 1796151467572000, 0, '01a232f8-5e34-7e1e-9da8-f7e920e3243c', 'operators', 'postrider/acme/postrider.delivery.exhausted/kept/dlv_01a232f85dca76d8ab1ad85f8af85d36', '\x92eaeecc4b8ad68addb90e2a7f472f62d40c53e314a6241e600bde82a8957a65'),
	(1796756267628106, 1796151467628000, 1, '01a232f8-5e6c-7703-bf47-511b8f9066a3', 'acme', 'later-1', '\xc854ab6e9cefd0f50eaf8a904152b47f14d9763aec421e89bda107adfd19b6e0'),
	(1796756267659534, 1796151467659000, 1, '01a232f8-5e8b-735b-966c-57d9cc0a518b', 'acme', 'asked-1', '\x0a2e8e082120a7a71e1fd8afa444750f08014edd2a67680057a7866bad2e6e99'),
	(1796756267691780, 1796151467691000, 1, '01a232f8-5eab-7d0d-a27c-706ac957e3a6', 'acme', 'slow-1', '\x6d7914e1b2f4e6b8986135aad5067f07afda508e17e6673ce1af55017197fe4d'),
	(1796756268417849, 1796151468417000, 0, '01a232f8-6181-7065-8352-4458b5af1c16', 'acme', 'postrider/acme/postrider.delivery.exhausted/later/dlv_01a232f85e6c75f28618a8356968bc82', '\xae2fd2eda82df72ff13b6d91a2bc38ab610ff9faecce6436aa379c3f9635c85a'),
	(1796756268420302, 1796151468420000, 0, '01a232f8-6184-7855-a4cd-42e362b2cb14', 'operators', 'postrider/acme/postrider.delivery.exhausted/later/dlv_01a232f85e6c75f28618a8356968bc82', '\xdc07185edffa46e48ab70b967ee0640c468a50fd216cf6118a6eff46bca13413'),
	(1796756268520964, 1796151468520000, 1, '01a232f8-61e8-76e3-8e47-6e53cea3e27b', 'acme', 'later-2', '\xc854ab6e9cefd0f50eaf8a904152b47f14d9763aec421e89bda107adfd19b6e0'),
	(1796756268664374, 1796151468664000, 1, '01a232f8-6278-73d0-b281-ea7416fff7e6', 'acme', 'paused-cancelled', '\x40c3f9dfbfbd0edd06095ad84f6ac3b7b61953301c896111c1350543b57d5736'),
	(1796756268676093, 1796151468676000, 1, '01a232f8-6284-7f1e-8f88-fced308666fd', 'acme', 'hanging-cancelled', '\xefd443cceabb20372d0d91757170531e02c301d2610d31b7dbe6e46155d37b95'),
	(1796756268783325, 1796151468783000, 1, '01a232f8-62ef-7ee3-87ad-2a0328a6f326', 'acme', 'leaving-1', '\x9e54814aec82dcaeb59e41ac953c43ca16bf82bf386ac4541eec21eb9171bb30'),
	(1796756268859552, 1796151468859000, 1, '01a232f8-633b-7e4d-87fa-329dfb73bcd3', 'gone', 'last-1', '\x5e56ddebdbf21b7f1cfb8a5d7618a089725294c0ac8f93f4e16a6751decfd65d'),
	(1796756269060125, 1796151469060000, 0, '01a232f8-6404-77d6-b73d-014b1abd38f6', 'acme', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f863a87d448cd03933903212b7', '\x9b9a013efa59ccc78d9cf4adf4e6c1f2a31225280f4a6c211f3851d464c7a732'),
	(1796756269064730, 1796151469064000, 0, '01a232f8-6408-715d-909b-d330ac433aab', 'operators', 'postrider/acme/postrider.delivery.exhausted/down/dlv_01a232f863a87d448cd03933903212b7', '\x491d296c6649eaeb36ef3dec8273b1e2bd3e1de03d1009ec7c6975ecd9ece199'),
	(1796756269488986, 1796151469488000, 0, '01a232f8-65b0-7241-8fd9-83c9ef263c39', 'acme', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f8658a7b81a4641f9630361606', '\xffce11697af481e551ce920eac26eae88f7a1cabfbf4578549cb8eefe1aca703'),
	(1796756269492389, 1796151469492000, 0, '01a232f8-65b4-7e40-afcd-ec2236c5eb0f', 'operators', 'postrider/acme/postrider.delivery.exhausted/late/dlv_01a232f8658a7b81a4641f9630361606', '\x55a984fafeaa66b77a39bda9686db73ac5f1f0b10291627bad44ee22ad44cd2a'),
	(1796756270524587, 1796151470524000, 1, '01a232f8-69bc-70fe-ae3f-9386da9c915e', 'acme', 'orders-3', '\xccbacca44a7a58aa10b2e613e3623c316686882952234d1f9c5ad7bff6657e15'),
	(1796756271534905, 1796151471534000, 1, '01a232f8-6dae-79fd-ab63-f23bb52b6711', 'acme', 'hanging-1', '\xefd443cceabb20372d0d91757170531e02c301d2610d31b7dbe6e46155d37b95');
INSERT INTO public.later_deliveries VALUES
	(753098061, '01a232f8-5b32-7823-9e56-20ca41dbb59a', '01a232f8-63a8-7d44-8cd0-3933903212b7'),
	(753098061, '01a232f8-5bc9-79cb-95f3-c656cfe38aad', '01a232f8-658a-7b81-a464-1f9630361606'),
	(753098061, '01a232f8-5a92-733d-86fd-fb42c84908f1', '01a232f8-697a-7c35-b208-1d2db61ecf4e');
INSERT INTO public.meta VALUES
	('minimum_version', '1'),
	('shards', '6'),
	('secrets_removed', '1796151468909363'),
	('payloads_expunged', '1796151471462108');
INSERT INTO public.operations VALUES
	(1, 1, 0, 0, 1796151469160734, 1796151469450209, 4, 2, NULL, '01a232f8-6468-7d20-bbb5-5b265eca48f0', '01a232f8-5bc9-787c-84cb-144a4c07f04f', 'acme', '{"kind":"replay","window":{"from":1796151459524000,"until":1796151469153000},"per_second":100,"subscription":"late","states":[5,7],"event_types":[]}'),
	(33, 1, 0, 0, 1796151469534184, 1796151470458634, 4, 2, NULL, '01a232f8-65de-78c2-8dd9-1e3ecf4854d2', '01a232f8-65b0-7241-8fd9-83c9ef263c39', 'acme', '{"kind":"backfill","window":{"from":1796151459524000,"until":1796151469533000},"per_second":100,"subscription":"newcomer"}'),
	(34, 1, 0, 19, 1796151470666473, 1796151471485709, 4, 2, NULL, '01a232f8-6a4a-71dd-88a0-363b90c84685', '01a232f8-69bc-75e3-b577-4800fd7b1eba', 'acme', '{"kind":"expunge","window":{"from":0,"until":1796151470666000},"selection":{"account":"account-2"},"cancel_unfinished":false,"dry_run":false}');
INSERT INTO public.region_clocks VALUES
	(0, 1796151459464865, 'far'),
	(1017115, NULL, 'default');
INSERT INTO public.replicas VALUES
	(1796151471607041, 'replica-1', 'http://127.0.0.1:57471', '0.1.0', '\x85cdb906e1e166c6e7667aeeba561a74');
INSERT INTO public.shards VALUES
	(1, 1796151480599105, 1796151470596110, 0, 'replica-1'),
	(1, 1796151480599134, 1796151470596110, 1, 'replica-1'),
	(1, 1796151480599139, 1796151470596110, 2, 'replica-1'),
	(1, 1796151480599141, 1796151470596110, 3, 'replica-1'),
	(1, 1796151480599144, 1796151470596110, 4, 'replica-1'),
	(1, 1796151480599146, 1796151470596110, 5, 'replica-1');
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
	(1, 1, 3, 1796151458625609, 1796151458625609, NULL, 0, NULL, 4, 1, 'acme', 'flaky', 'default', '', 'http://127.0.0.1:42743/once', 'flaky
http://127.0.0.1:42743/once', '', '{"display_name":"","url":"http://127.0.0.1:42743/once","event_types":["flaky.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x013ff907ae80dc674b261e983beae1f97c95506ca39add12fee92f9bb2cd55a477d54518ed9c538bee84600a5acfb2416b5c21a7a7a264e3ce7c6aeabfe37d9b1251964646467855ecb5750a16707cc875926eba04d8848d8efc7b717bc0d604c018563ec3c305944a6e750ef0f64ca080ec35af3abf73aac6b026f78cb246ef2af4dac6676c38fecfb35c4670d142335a3bf933794b52f02ac9512a15a2cdf19bc6a94da4a72d6d973174ff532930799fbf767de65c83db', '\x01a7c378d44a56041da0b8e02c05f6294602d8a4ada055044c68143edf2282', NULL, NULL),
	(1, 1, 4, 1796151458645924, 1796151458645924, NULL, 0, NULL, 4, 1, 'acme', 'down', 'default', '', 'http://127.0.0.1:42743/error', 'down
http://127.0.0.1:42743/error', '', '{"display_name":"","url":"http://127.0.0.1:42743/error","event_types":["down.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x0103b77ccb8c9eaf22dc99ba1e816db7afed5cdf03b16386bf3cf4090ccb581657a01f1681a7a801e4643c1146096ac2915ddb0a0762cf78773b39eef0f26167d2866a7ff018b57d90ee8ef462a73e71a6aa7f9376a96f88cf694ab6dfd5fc2c8d4852a1ae16ed105dcb80d8a4385c7537db00f25d6c902b5e43fb833965040b7f4e152b14de3ef88a4bbcab37202ec42fddf695197af58b12bf574ae5ef6330aa07a076b5481ed400050a772cee37a1298649c09870ee35', '\x0194c2ef2859ec9a10fa05e380ab87d9c8bf6d4c824755fb02613429215fac', NULL, NULL),
	(1, 1, 5, 1796151458664505, 1796151458664505, NULL, 0, NULL, 4, 1, 'acme', 'later', 'default', '', 'http://127.0.0.1:42743/error', 'later
http://127.0.0.1:42743/error', '', '{"display_name":"","url":"http://127.0.0.1:42743/error","event_types":["later.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x017caeb6844c5005ea08bfa341da600d42f2c52e604c169d6507bffa1d51520f7a0447fc93954cce40a4c5a3a0736db75eae835c3cd6b22dd4a94a3284b52f1b085cef167673175d20cac2916b8bb1ef136ae9ebb848977efffaf9174c27a51d19b1d54d55b99e47617688c2da791dfdaf3a0ce1ca132c5666369f3a787927ab7e8ebf4cb4278e4feca24384c6f1d2ee987e46c851751979c8a64e582bc85dc05651fee123482c1d6510587b856c33b3d07ed074bbc91beb', '\x01dd215b7c133f9cfd9d846aee9cf41815d028d392c3a50cb9bd48845ceffe', NULL, NULL),
	(1, 1, 6, 1796151458694005, 1796151458694005, NULL, 0, NULL, 4, 1, 'acme', 'late', 'default', '', 'http://127.0.0.1:42743/error', 'late
http://127.0.0.1:42743/error', '', '{"display_name":"","url":"http://127.0.0.1:42743/error","event_types":["late.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":{"secs":1,"nanos":0},"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x018a37d1b9389230225fc028578317225d55936bdd10401098d4ac5d4dc7ff8dd1d1671959718fae3e9bab3e1d9c8c79aeb28f471865c05ac6ab58c0bd74a2ddd004eba128e1c8639f35d40c21ee065c0af844dc9d0ec109a4553b10e36c4e16ce4c0fcf287a71f693f210d31e1d47dba404b521feddf19d84aa1cd8a570a8fb03db674861d5b0e4a40e2f5223519ffa1e91f37bb114a10f254ae6a940c34208b173a05632a36fd4949a2e08b9d00a23e094d0415e2aa5a3', '\x011ff476ccde211dc286e7f653a718e8953ccd6c1dfceadd77a67f2810887c', NULL, NULL),
	(1, 1, 7, 1796151458708216, 1796151458708216, NULL, 0, NULL, 4, 1, 'acme', 'ordered', 'default', '', 'http://127.0.0.1:42743/error', 'ordered
http://127.0.0.1:42743/error', '', '{"display_name":"","url":"http://127.0.0.1:42743/error","event_types":["ordered.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"per_key","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x018683efc90c6d81b3025fb394971fdb7c68e5c6d0c02760c40dad30eb061aa0224b98e1233db6f5146689acbd8216c047d84a460d3521e1b3e4801af643ad8cf51f603fe44b0702e056c675e2e8d89d4c620f9b2e17ba5f1b4398bbaef78e11920d5b27d5b1edb90ac425d5012f4494541ccfffe12b5c61672a9fcab1a73812a4753e418fbf1e1ed8f6056b98bcb0a85361e7a2ed33bf55dbe477032909bb88e84ec426d518c61805f70c00c28c084eae681fa864b3bba0', '\x01c1f7b75b424cd5dc199e87a4b8006e15ca412f1a950816d436cd7e8bfe4d', NULL, NULL),
	(1, 1, 8, 1796151458721257, 1796151458721257, NULL, 0, NULL, 4, 1, 'acme', 'kept', 'default', '', 'http://127.0.0.1:42743/error', 'kept
http://127.0.0.1:42743/error', '', '{"display_name":"","url":"http://127.0.0.1:42743/error","event_types":["kept.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"per_key","exhausted_key":"hold","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x01f3717f491acbea290f15f757fe4f5badb7baff15be8bd4ae6773e91c02aee7b98b4e12e01d28b91682fd1437ea9d796da65ad9503e6e0fb22616c2ce4c26534c46314c21091718e6a969f1a7df17518c16f16dfdf5bea9659194c9368b6801ee20627cb1a76254f34a7352d780180091c5d626a373fee641ca2761ce96e93c567b567fe70af2d3c83bd50819eaa3391ebc3d6f62ab17dd8dd4bc3c39523b9447b6c3e21557b0cf79bf49f4a6e1670a1816addc577f2890', '\x0176c1b5c697509a738eebbbc05992e64a53647931b8ea0b0a78910033d5fb', NULL, NULL),
	(1, 1, 9, 1796151458733353, 1796151458733353, NULL, 0, NULL, 4, 1, 'acme', 'asked', 'default', '', 'http://127.0.0.1:42743/wait', 'asked
http://127.0.0.1:42743/wait', '', '{"display_name":"","url":"http://127.0.0.1:42743/wait","event_types":["asked.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x01816bf2afda599c2b2000da1dc8e23a9027bbbab8596e591416d7cd14a03816724c5c1cb57a3d8624d6533b8ab12998ce5006c5c0507bf73831bb9e696bba39f73373e7c689519c626794781a982414144b5f3a4193d11312aa82d21ffb0c9df85261e95786bc07e2c9daf370137af971753deaae4d48cb323b40c9a2ecb402f2ff856c1c0d04655e0e1096c3c147be7554e3899f7c5aceb85618fe865d2f3c7384dadce3a7dbbe8dcea9c4dda2cc22a420fd8cad2263db', '\x01f60b7ba75d991a5a48feedf1d0ca0912815a2650bd7e900a12753f7a71e8', NULL, NULL),
	(1, 1, 11, 1796151458761570, 1796151458761570, NULL, 0, NULL, 4, 3, 'acme', 'disabled', 'default', '', 'http://127.0.0.1:42743/ok', 'disabled
http://127.0.0.1:42743/ok', '', '{"display_name":"","url":"http://127.0.0.1:42743/ok","event_types":["disabled.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x01eb3acb613d5d055fab4ebc1a558432968746b9cb9cbc376557fe81de07c3def9a4b9d58d51b2dc13c43bbb710bcdba4d48dcb9c17b1996b2a9a521cb08c93d9781e22c07feff5c5978bd343a32384a6bdb30968381dc5346b7d2a574c65249cab4cb920d8736600616618d11c4ed29ac84cd4fec0f37ff193737d6d8f962bb0daea65f28d0743626362563e82ccf6883472ef0d75eb4f2d3b39898e17a04277ca02452a8b32815914418ef72c6b220c2282b275a0b4b3e', '\x011be3158aadd8fec88b8c2939b82723fb0ce2d9c5fb1f5223ff21327baf7b', NULL, NULL),
	(1, 1, 14, 1796151458825826, 1796151458825826, NULL, 0, NULL, 4, 1, 'acme', 'refused', 'default', '', 'http://127.0.0.1:37097/', 'refused
http://127.0.0.1:37097/', '', '{"display_name":"","url":"http://127.0.0.1:37097/","event_types":["refused.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x0194a1d8e9d1e27cbd641ec7372681bec7807aabd601dea8af0b3cb6edacbaf61435f02586e4c9c072843cbe5a7a9d5bf759ed1853ee939a2a23a16698760c7796964cf992f55c3c1cc00ce010d3d66695040437364f654958c72816416add5fd1a02abfd5522ded0983b42be1e8056f0f67c106a9cbe38d0f8d214b239b4712a256b6dabc0b4aa13c2ce7df52f58aceaee357391c8c1cf575f8e1625a7b3d07a17111fc8faa724f149b097efc0fca4a3323e06e0c22974c', '\x01d24b5ab1f012484d09e25c93b447158cb3e40b707c423ac06544519f8634', NULL, NULL),
	(2, 1, 21, 1796151458910326, 1796151458910326, 1796151468816919, 0, 1796151458910326, 4, 2, 'acme', 'leaving', 'default', '', 'http://127.0.0.1:42743/ok', 'leaving
http://127.0.0.1:42743/ok', '', '{"display_name":"","url":"http://127.0.0.1:42743/ok","event_types":["leaving.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', NULL, NULL, NULL, NULL, NULL),
	(1, 1, 10, 1796151458744127, 1796151458744127, NULL, 0, 1796151458744127, 4, 2, 'acme', 'paused', 'default', '', 'http://127.0.0.1:42743/ok', 'paused
http://127.0.0.1:42743/ok', '', '{"display_name":"","url":"http://127.0.0.1:42743/ok","event_types":["paused.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x0191d935ea0b28f4d7dbd21cf622e8573b1bfda3bc54690fc4f2cdbdda0271d989be024892874c0e9ff2e1f9b16141b83104e9f58081ac5eca1defab494eb40caacfe0b20385ba1ddaa8547c594eeb0b93ddc401731d237ed8cecaeaa705e1f7baec46a4022f0f22f20b7651523f7cff03a9e61b88775193d3af765b60b3f7b97c5940a0d085df6cb07e891693296673e777c0107af7c7e83f6dca12fe9ccec9a957e930bedc9b6d01b044f403dfafd0c3b435a6326df4a7', '\x01e1b11a7cbaf5ed033779ff590d51e32f775a9637e90a5cb5d849453654e5', NULL, NULL),
	(1, 1, 15, 1796151458841743, 1796151458841743, NULL, 0, NULL, 4, 1, 'acme', 'slow', 'default', '', 'http://127.0.0.1:42743/hang', 'slow
http://127.0.0.1:42743/hang', '', '{"display_name":"","url":"http://127.0.0.1:42743/hang","event_types":["slow.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":3600,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":0,"nanos":500000000},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x0139c9115a0aa8815c11a6f01ffed0f907476c688859506684770a63be3be30231053b36b0bd63c4357689b6efe1613283d6c70952e18ad562a6c5803e9da7382e10e49a2c5c24f39c81f562c81a203973759ab5c0370e93cb66e1c316a359c80ea342d12630f8dd68261a6dbb774519110797463a462da83507317659a95764ae0c599b8f23cd84498c27dac3ce4b71475d61b9f39fe8f86656c3a1c45488ce5d2af2e8a8d7dc8ccb6f7bf51ebc815c92a9210532070f61', '\x0195a876815a9245dbc5875372e8397f1f9b3aa9ef04808096dac2842233d8', NULL, NULL),
	(1, 1, 17, 1796151458885957, 1796151458885957, NULL, 0, NULL, 4, 1, 'acme', 'lost', 'default', '', 'http://127.0.0.1:42743/hang-once', 'lost
http://127.0.0.1:42743/hang-once', '', '{"display_name":"","url":"http://127.0.0.1:42743/hang-once","event_types":["lost.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":60,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x014463c2daf3865cdca79fbbc836df91549fa778d544aafc718e027bfa69d19aa6e75b6a9c7a9e902d42e11b31eb5cbb27f7df7fc366adafedb4932293b498856e6b4ceebf651ca013eddeb4692aa1ffe482c49f3739152b8813216715328911e6bc912df6ad9af089acd54fe405a1a1440f6592369f04e3ee1753ad8cce4eebd4187fb91deeee7e6da1eaa43336adeb7ef5f8be8579784863de6ff80b77735564667ab6ee278d0fd5f91658f85e45dfad5699499278e55c', '\x0135bc86fb63f6aeba916684298f4659c50c0c197335759843ad54203f5585', NULL, NULL),
	(1, 1, 12, 1796151458783160, 1796151458783160, NULL, 0, NULL, 4, 1, 'acme', 'far', 'far', '', 'http://127.0.0.1:42743/ok', 'far
http://127.0.0.1:42743/ok', '', '{"display_name":"","url":"http://127.0.0.1:42743/ok","event_types":["far.*"],"accounts":[],"region":"far","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x0198625d41bb5f8b983c8e250a0b1f43cdecb22557bb52b1a451e562e2162bcc3ed6cbebabbe67d6ee955dd366bfa8b818ad0d556d28370dc59a9f65bf19a4efccf65442754e51e8c79c97b8e9664b2e7afbbf55205db796a14501a586c8f39f1b1bfd54496ff9f53f0ed8ba597b1a292dfdcfbe2beb2020b7f9dae9beed34fedd96717844de6368fd977995e051d9748ac75611a579393cb80ea2826a06dfd000b93ae572c33ff0d8c61ae1e7e35822fe706d3d07a21cc0', '\x01beece7652c7e968eb37716331ea8cf340b35c3e8496eea2498fac7819963', NULL, NULL),
	(1, 1, 13, 1796151458807565, 1796151458807565, NULL, 0, NULL, 4, 1, 'acme', 'blocked', 'default', '', 'http://10.0.0.1/', 'blocked
http://10.0.0.1/', '', '{"display_name":"","url":"http://10.0.0.1/","event_types":["blocked.*"],"accounts":[],"region":"default","retry":{"timetable":{"list":[{"secs":0,"nanos":0}]},"jitter_percent":0,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x01ebf057c7d0931117d0f8f68a69dc077597efecf1041ac25760640dffe44dd46f3d5eccb3bfce984e03d122186aa31d53c22b7f1153cc691907d73520116f5b7cfd93fcdaec3b6b862e3beac60022847efd71f2650477dd86fc62b340524b1eebb34e3cf4182a3b98feb08112320dbb71b8fc944d35306101b68d39a423c3bd688e905896d39e13907a50ab1b353f0f2dd44bb13dd8d9f6a1855fb8b9bdc8c506c8daa5909eeeb1fbe0ec54322de284e2275860db46b63d', '\x01a4aeba1cd151b9917cc40002fc114b1dfe9496cbe3955e2d54f49887c933', NULL, NULL),
	(1, 1, 18, 1796151458897648, 1796151458897648, NULL, 0, NULL, 4, 1, 'acme', 'hanging', 'default', '', 'http://127.0.0.1:42743/hang', 'hanging
http://127.0.0.1:42743/hang', '', '{"display_name":"","url":"http://127.0.0.1:42743/hang","event_types":["hanging.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":60,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x01f082dd87f2fc54c03a88064f4a3467863a605f843d10659de6276e5504ccb5e86d3816b0b477ff6ac29cb4e7c0a5096341f0ad3b646ffb5a0e68e3d5e51ecb5bcf64bacc11488d59d8563b66d24ac3c8a89f44547a03c0a60b15f3b1a1dc1f70556b3dcb287daa04e7d64896b9a6ac7af2c3181ad0a2d5ed58a0de8a32ffa307cac98ee5f299569d6d9fcae70148e6221de2143c02384dbfa23a066af1940dc82fbfa321ae6d87d950ad1523eef696e68215cba38f768a', '\x011a102f56bed16a0f6c020bdbde84dbbe3fa7181a801de43abffd33e1c919', NULL, NULL),
	(2, 1, 2, 1796151458928545, 1796151468909363, 1796151468909363, 0, 1796151458928545, 2, 2, 'gone', 'last', 'default', '', 'http://127.0.0.1:42743/ok', 'last
http://127.0.0.1:42743/ok', '', '{"display_name":"","url":"http://127.0.0.1:42743/ok","event_types":["last.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', NULL, NULL, NULL, NULL, NULL),
	(1, 1, 16, 1796151458860583, 1796151458860583, NULL, 0, NULL, 4, 1, 'acme', 'filtered', 'default', '', 'http://127.0.0.1:42743/ok', 'filtered
http://127.0.0.1:42743/ok', '', '{"display_name":"","url":"http://127.0.0.1:42743/ok","event_types":["filtered.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"event.payload.missing.field == 1","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x015e97c8a990178a524aaad2e6b24e58cbedc48757114e7e705b8f352e7a7f4fa0a5dcc51043d9e7d7767c795b170a67ee913454acf29048b79561d075bd7b29d5b97510f4ca1178fc5ae69513976adabd761cc6ecfbadeb12d240365ab19b95f4dd191bccadb1b2b63c70c45c86f5be0a7c75c1db416318c1c71738b4843fa508bbe722f8078f00d46f40eef13b250231e085760d7a2ebb113d02ed1a0cc4d069c2dbed84fed7e0e611caee055f118a546c0e9f3d5cceae', '\x017bb3956907f883b0c51aa431853fe05e2e26d285a1a32a87a03776dd4e10', NULL, NULL),
	(2, 1, 20, 1796151458578046, 1796151458960558, NULL, 0, NULL, 4, 1, 'acme', 'orders', 'default', 'Orders', 'http://127.0.0.1:42743/ok', 'orders
orders
http://127.0.0.1:42743/ok', '', '{"display_name":"Orders","url":"http://127.0.0.1:42743/ok","event_types":["orders.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[{"name":"x-api-key"}],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x0115636949ff4fcdbf9ff397d14ce6348669d34ad19f9df27d1c5b46b77c30b4681bb418206b0ee5564ef8f561066c88de31bba39547b7abb182032a0582286371fdb399eb944a9fd2b7e2db6bfc535cc31391f9c2a6e09d0eda8ad684c91cb9615993d0de8e1bd08d36b25e8c2ad18bce5ac002cf7fdb0b9156b6cf91826b93727a1c3780b73b693c494af081411307bece9c2fccb79eb7db004a2d34ca4014486add314ce5e2b0f16085221f7c51f753b1fac0258d6e860ad720dbeba9d5786d5d56ff2a5c9d73d32e672ecac6326604ddba5ce199db756faba160bb4bc4d1cefdb2898b9d40b611dd96e2cc42917dea3878ab8c1278a8721b38ec38735b39baeb29c872273600a8ac9049e1c0126d3ee60fff72a926501130de4d2552591811b36b10387945cb36538427f3b6a3717877392672a39eeb6f3597aa479d887c47308b18fa1a7af389633cc46ba1793e3465', '\x019870aa63826fd3e7993a5673d4a27648cda73a678dd5eb8415200627a8327f388fc27010f973c45a5dc972601aa7da1b112da6', '\x01bae5bb3cd9d7be39ccfc7efda6b0d54ece9ec2cbc004a83567edaaa544d02e4b66db57355314194ad49f7677a606764e83c8e9a7ca9271a47fdeaa532d013896d25c08f7df2ecbb40436e1b69fcfed9dffab78421be9f54cea57235cf22aac3ae255a9fada14cbc69998a9efc103ca3e307030b76e0eefa1b80f2f1b6f4d9f49b6b1647859ca6c3a3a3d30028d982c5c68dbe31b237b2dd4c9', NULL),
	(1, 1, 22, 1796151469518768, 1796151469518768, NULL, 0, NULL, 4, 1, 'acme', 'newcomer', 'default', '', 'http://127.0.0.1:42743/ok', 'newcomer
http://127.0.0.1:42743/ok', '', '{"display_name":"","url":"http://127.0.0.1:42743/ok","event_types":["flaky.*"],"accounts":[],"region":"default","retry":{"timetable":"standard","jitter_percent":10,"max_age":null,"max_retry_after":null},"success":"any2xx","request_timeout":{"secs":15,"nanos":0},"max_requests_per_second":null,"max_in_flight":null,"schemes":["standard_v1"],"envelope":"none","headers":[],"content_filter":"","ordering":"unordered","exhausted_key":"go_on","auto_disable":{"after":{"secs":432000,"nanos":0},"never":false},"json_form":"as_published","http1_only":false,"send_trace_context":false}', 'e4a5acea-e499-431e-b052-da521e66ebdd', '\x01e9b343a44cef86bee5660fea6e995474b5027320f3b823f1e7e191645cd381333cf19fb0d2ce4023cec9c9f6b92a51e77cd748e9e12438feae2f93e2faa9747585f6038906af2c358d4e2090be47be13b1cfbb287717b151032fd3383884f21838bd99e0d14f5f5281364699c607d46214e7c210711e6fbb140a73c80155458bf5efa8aa77c6adac449cc7379be8a3f28b244bf130c5578d21dd486f78be3fabc9f184f79d45f40fa8e4b9ad1e0d86ac226790219c12e5', '\x0186234297e3ef8a23840e3ef0354ce81009ab6ff3dc0827bdb1aa84f3c178', NULL, NULL);
INSERT INTO public.tenant_numbers VALUES
	(753098061, 'acme'),
	(55723350, 'operators'),
	(1954134868, 'gone');
INSERT INTO public.tenants VALUES
	(1, 1, 1796151458536294, 1796151458536294, NULL, 0, NULL, NULL, true, 'operators', 'Operators', 'operators
operators', '{}', NULL),
	(1, 1, 1796151458555047, 1796151458555047, NULL, 0, 864000000000, 86400000000, true, 'brief', 'Brief', 'brief
brief', '{}', NULL),
	(3, 2, 1796151458564463, 1796151468909363, 1796151468909363, 1, NULL, NULL, true, 'gone', 'Gone', 'gone
gone', '{}', NULL),
	(22, 1, 1796151458546438, 1796151458546438, NULL, 18, NULL, NULL, true, 'acme', 'Acme', 'acme
acme', '{"tier":"gold"}', 'e4a5acea-e499-431e-b052-da521e66ebdd');
INSERT INTO public.tokens VALUES
	(1796151458977486, NULL, NULL, NULL, 1, '0f30e2a200565ab14878', '\x0d37ff3a85d40f4d2040a25cd1510ea114dd9136e315a925252a1221023ce7dd', 'publisher', '[{"role":"publisher","scope":{"tenants":["acme"]}}]', 'token:7e577e577e577e577e57', 'acme'),
	(1796151458993741, NULL, 1796151459007257, NULL, 1, '5ef4a98fd1513485f9b5', '\xc7541d6274e0d0c95a15ca5a311c028618aaa529fa02f9a1ef0eddfb7e105d23', 'revoked', '[{"role":"publisher","scope":{"tenants":["acme"]}}]', 'token:7e577e577e577e577e57', 'acme'),
	(1796151459489977, 1796155059489977, NULL, NULL, 2, 'db13486eb86ca2718e90', '\x32d210479d2c05a7a0b3246cdfaabede9d018ad95b1b01367ffcd5c34ce0ec2d', '', '[{"role":"reader","scope":{"tenants":["acme"]}}]', 'token:7e577e577e577e577e57', 'acme');
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
