-- As publish_keys.sql, for a batch of which some deliveries have ended.
WITH fence AS MATERIALIZED (
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint <= $8 AS open
),
checked AS MATERIALIZED (
    SELECT
        array_agg(
            t.config_version IS NOT DISTINCT FROM c.version AND (SELECT open FROM fence)
            ORDER BY c.ord
        ) AS ok,
        bool_and(t.config_version IS NOT DISTINCT FROM c.version)
            AND (SELECT open FROM fence) AS every
    FROM unnest($5::text[], $6::bigint[]) WITH ORDINALITY AS c(tenant, version, ord)
    LEFT JOIN tenants t ON t.id = c.tenant AND t.delete_time IS NULL
),
asked AS MATERIALIZED (
    SELECT tenant, key, event, matched, request_hash, expire_time, create_time
    FROM unnest($9::key_input[]) AS k
    WHERE (SELECT ok FROM checked)[config]
),
taken AS (
    INSERT INTO idempotency_keys AS old (
        tenant, key, event, matched, request_hash, expire_time, create_time
    )
    SELECT tenant, key, event, matched, request_hash, expire_time, create_time FROM asked
    ORDER BY tenant, key
    ON CONFLICT (tenant, key) DO UPDATE
        SET event = excluded.event, matched = excluded.matched,
            request_hash = excluded.request_hash, expire_time = excluded.expire_time,
            create_time = excluded.create_time
        WHERE old.expire_time <= excluded.create_time
    RETURNING event
),
refused AS MATERIALIZED (
    SELECT event FROM asked
    WHERE (SELECT count(*) FROM asked) > (SELECT count(*) FROM taken)
        AND event NOT IN (SELECT event FROM taken)
),
everything AS MATERIALIZED (
    SELECT (SELECT every FROM checked) AND NOT EXISTS (SELECT FROM refused) AS yes
),
new_events AS (
    INSERT INTO events (
        tenant, id, create_time, event_type, account, attributes, ordering_key, content_type,
        payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload
    )
    SELECT tenant, id, create_time, event_type, account, attributes, ordering_key, content_type,
        payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload
    FROM unnest($7::event_input[]) AS e
    WHERE (
        (SELECT yes FROM everything)
        OR (SELECT ok FROM checked)[config]
        AND id NOT IN (SELECT event FROM refused)
    )
),
kept AS MATERIALIZED (
    SELECT ord, lane,
        CASE
            WHEN (
                (SELECT yes FROM everything)
                OR (SELECT ok FROM checked)[config]
                AND event NOT IN (SELECT event FROM refused)
            )
                THEN 1
        END AS passes
    FROM unnest($1::delivery_input[]) AS d
    WHERE NOT (SELECT yes FROM everything)
),
lanes AS MATERIALIZED (
    SELECT lane, tenant, subscription, n, count(*) FILTER (WHERE n > 0) OVER (ORDER BY lane) AS rank
    FROM (
        SELECT lane, tenant, subscription,
            CASE
                WHEN (SELECT yes FROM everything) THEN n
                ELSE (
                    SELECT array_agg(n ORDER BY lane)
                    FROM (
                        SELECT lane, count(passes) AS n FROM kept
                        WHERE lane IS NOT NULL
                        GROUP BY lane
                    ) counted
                )[lane]
            END AS n
        FROM unnest(
            $2::integer[], $3::integer[], $4::bigint[]
        ) WITH ORDINALITY AS l(tenant, subscription, n, lane)
    ) numbering
),
counters AS (
    INSERT INTO subscription_sequences AS old (tenant, subscription, sequence)
    SELECT tenant, subscription, n FROM lanes
    WHERE n > 0
    ORDER BY lane
    ON CONFLICT (tenant, subscription) DO UPDATE SET sequence = old.sequence + excluded.sequence
    RETURNING tenant, subscription, sequence
),
last AS MATERIALIZED (
    SELECT array_agg(sequence ORDER BY tenant, subscription) AS number FROM counters
),
bases AS MATERIALIZED (
    SELECT coalesce(array_agg((SELECT number FROM last)[rank] - n ORDER BY lane), '{}') AS base
    FROM lanes
),
live AS (
    INSERT INTO deliveries (
        id, tenant, subscription, event, event_type, account, shard, epoch, state, attempts,
        failures, trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed
    )
    SELECT id, tenant, subscription, event, event_type, account, shard, epoch, state, attempts,
        failures, trigger, due, deadline, ordering_key, coalesce(
            sequence, (SELECT base FROM bases)[lane] + CASE
                WHEN (SELECT yes FROM everything) THEN place
                ELSE (
                    SELECT array_agg(place ORDER BY ord)
                    FROM (
                        SELECT ord,
                            row_number() OVER (PARTITION BY lane, passes ORDER BY ord) AS place
                        FROM kept
                    ) placed
                )[ord]
            END
        ), test, resend_of, filter_failed
    FROM unnest($1::delivery_input[]) AS d
    WHERE state < 4 /* SUCCEEDED */
        AND (
            (SELECT yes FROM everything)
            OR (SELECT ok FROM checked)[config]
            AND event NOT IN (SELECT event FROM refused)
        )
),
ended AS (
    INSERT INTO ended_deliveries (
        id, event, tenant, subscription, event_type, account, state, attempts, failures, trigger,
        due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason, end_time
    )
    SELECT id, event, tenant, subscription, event_type, account, state, attempts, failures, trigger,
        due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason, end_time
    FROM unnest($1::delivery_input[]) AS d
    WHERE state >= 4 /* SUCCEEDED */
        AND (
            (SELECT yes FROM everything)
            OR (SELECT ok FROM checked)[config]
            AND event NOT IN (SELECT event FROM refused)
        )
)
SELECT (SELECT open FROM fence) AS in_time, (SELECT ok FROM checked) AS ok,
    (SELECT coalesce(array_agg(event), '{}') FROM refused) AS refused,
    (SELECT base FROM bases) AS base
