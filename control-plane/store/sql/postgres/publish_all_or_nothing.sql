-- As publish.sql, for a batch without keys of which nothing has ended: it stores all of it,
-- or nothing when a configuration has changed or it comes too late. Most batches are such
-- ones, and what a small one costs is the length of its plan.
WITH checked AS MATERIALIZED (
    SELECT count(t.id) = cardinality($5::text[])
        AND (extract(epoch FROM clock_timestamp()) * 1000000)::bigint <= $8 AS yes
    FROM unnest($5::text[], $6::bigint[]) AS c(tenant, version)
    LEFT JOIN tenants t ON t.id = c.tenant
        AND t.config_version = c.version
        AND t.delete_time IS NULL
),
new_events AS (
    INSERT INTO events (
        tenant, id, create_time, event_type, account, attributes, ordering_key, content_type,
        payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload
    )
    SELECT tenant, id, create_time, event_type, account, attributes, ordering_key, content_type,
        payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload
    FROM unnest($7::event_input[]) AS e
    WHERE (SELECT yes FROM checked)
),
counters AS (
    INSERT INTO subscription_sequences AS old (tenant, subscription, sequence)
    SELECT tenant, subscription, n
    FROM unnest(
        $2::integer[], $3::integer[], $4::bigint[]
    ) WITH ORDINALITY AS l(tenant, subscription, n, lane)
    WHERE (SELECT yes FROM checked)
    ORDER BY lane
    ON CONFLICT (tenant, subscription) DO UPDATE SET sequence = old.sequence + excluded.sequence
    RETURNING tenant, subscription, sequence
),
last AS MATERIALIZED (
    SELECT array_agg(sequence ORDER BY tenant, subscription) AS number FROM counters
),
live AS (
    INSERT INTO deliveries (
        id, tenant, subscription, event, event_type, account, shard, epoch, state, attempts,
        failures, trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed
    )
    SELECT id, tenant, subscription, event, event_type, account, shard, epoch, state, attempts,
        failures, trigger, due, deadline, ordering_key,
        coalesce(sequence, (SELECT number FROM last)[lane] - ($4::bigint[])[lane] + place), test,
        resend_of, filter_failed
    FROM unnest($1::delivery_input[]) AS d
    WHERE (SELECT yes FROM checked)
)
SELECT (SELECT yes FROM checked) AS stored, coalesce((SELECT number FROM last), '{}') AS number
