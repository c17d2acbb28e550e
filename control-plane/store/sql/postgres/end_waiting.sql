-- 1 the state, 2 the reason, 3 now, 4 and 5 the subscription, 6 an upper bound of the
-- deadline (null is none), 7 the limit, 8 whether their keys are held. None ends before it
-- was made, by whatever clock that was.
WITH found AS MATERIALIZED (
    SELECT id FROM deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $4)
        AND subscription = (
            SELECT n.number FROM subscription_numbers n WHERE n.tenant = $4 AND n.id = $5
        )
        AND state IN (1 /* HELD */, 2 /* WAITING */)
        AND deadline <= coalesce($6::bigint, 9223372036854775807)
    ORDER BY deadline LIMIT $7 FOR UPDATE
),
gone AS (DELETE FROM deliveries d WHERE d.id = ANY(ARRAY(SELECT id FROM found)) RETURNING d.*),
ended AS (
    INSERT INTO ended_deliveries (
        id, event, tenant, subscription, event_type, account, state, attempts, failures, trigger,
        due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason, end_time
    )
    SELECT id, event, tenant, subscription, event_type, account, $1::smallint, attempts, failures,
        trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed,
        $2::smallint, greatest(
            $3::bigint, ((('x' || translate(left(id::text, 13), '-', ''))::bit(48))::bigint * 1000)
        )
    FROM gone
),
held AS (
    INSERT INTO held_keys AS h (tenant, subscription, ordering_key, event, held, quiet_until)
    SELECT DISTINCT ON (ordering_key) $4, $5, ordering_key, event, true, 0 FROM gone
    WHERE $8 AND ordering_key IS NOT NULL
    ORDER BY ordering_key, sequence
    ON CONFLICT (tenant, subscription, ordering_key) DO UPDATE
        SET event = excluded.event, held = true
        WHERE NOT h.held
)
SELECT id, event, event_type, attempts, test FROM gone
