-- As add_delivery.sql, for many at once; an id tells its event's time.
WITH added AS MATERIALIZED (
    SELECT * FROM unnest($1::delivery_input[]) AS d
    WHERE EXISTS (
        SELECT FROM events e
        WHERE e.tenant = d.tenant
            AND e.id = d.event
            AND e.create_time = (
                (('x' || translate(left(d.event::text, 13), '-', ''))::bit(48))::bigint * 1000
            )
            AND e.payload_removal IS NULL FOR SHARE
    )
        OR EXISTS (
            SELECT FROM retained_events r
            WHERE r.tenant = d.tenant AND r.id = d.event AND r.payload_removal IS NULL FOR SHARE
        )
),
everything AS MATERIALIZED (SELECT count(*) = cardinality($1::delivery_input[]) AS yes FROM added),
kept AS MATERIALIZED (
    SELECT ord, lane,
        CASE
            WHEN ((SELECT yes FROM everything) OR ord IN (SELECT ord FROM added)) THEN 1
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
        AND ((SELECT yes FROM everything) OR ord IN (SELECT ord FROM added))
),
later AS (
    INSERT INTO later_deliveries (tenant, event, delivery)
    SELECT tenant, event, id FROM added
    WHERE left(id::text, 13) <> left(event::text, 13)
)
SELECT count(*) FROM added
