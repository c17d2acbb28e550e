-- The statement: one round trip for a batch of events of many tenants, in phases.
--
-- 1. `checked`: of each tenant, whether its configuration is still the version that the
--    events were matched against, and whether the statement began in time (`fence`).
-- 2. `asked`, `taken`, `refused`: idempotency keys; an event whose key is used is left out
--    (publish_keys.sql only).
-- 3. `new_events`: the events that passed.
-- 4. `kept`, `lanes`, `counters`, `bases`: how many deliveries each subscription gets, and
--    the numbers that its counter gives for them.
-- 5. `live` and `ended` (publish_ended.sql only): the deliveries, with their numbers.
--
-- Example: events 1 (tenant A), 2 (A) and 3 (B) for subscriptions A/x and B/y, and B was
-- changed after matching. `checked.ok` is {true, false}; event 3 and its delivery are left
-- out. Of `lanes`, A/x numbers 2 and B/y 0. A/x's counter goes from 41 to 43, so its base
-- is 41 and the deliveries get 42 and 43. The answer {true, false} tells the caller to
-- match event 3 again.
--
-- What decides about a row is looked up in an array or in a hashed subplan, never joined:
-- with hash joins off, a join of two batches would be quadratic. Where `everything`
-- passes, it is not even looked up: then the places and the counts that came with the
-- deliveries are right, and nothing is counted here.
--
-- The counters are locked in the order of their keys (two replicas must not wait for each
-- other in a circle) and until the commit, so that numbers follow the order of commits and
-- none is left out. Nothing is joined: a lane's number is found by its rank among those
-- that number anything. `bases` has, for each lane, the number before its first new one.
--
-- 1 the deliveries, 2 to 4 the lanes' subscriptions and how many each numbers, 5 and 6 the
-- configurations, 7 the events, 8 the latest time at which the statement may begin to write.
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
everything AS MATERIALIZED (SELECT (SELECT every FROM checked) AS yes),
new_events AS (
    INSERT INTO events (
        tenant, id, create_time, event_type, account, attributes, ordering_key, content_type,
        payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload
    )
    SELECT tenant, id, create_time, event_type, account, attributes, ordering_key, content_type,
        payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload
    FROM unnest($7::event_input[]) AS e
    WHERE ((SELECT yes FROM everything) OR (SELECT ok FROM checked)[config])
),
kept AS MATERIALIZED (
    SELECT ord, lane,
        CASE
            WHEN ((SELECT yes FROM everything) OR (SELECT ok FROM checked)[config]) THEN 1
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
        AND ((SELECT yes FROM everything) OR (SELECT ok FROM checked)[config])
)
SELECT (SELECT open FROM fence) AS in_time, (SELECT ok FROM checked) AS ok, '{}'::uuid[] AS refused,
    (SELECT base FROM bases) AS base
