-- As count_deliveries.sql. A delivery made later may lie within its event's bounds. What has
-- ended of these is looked up one by one: by a list of ids, the planner read all of a tenant's
-- that ended since.
SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
    (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription, event,
    event_type, account, shard, epoch, state, attempts, failures, trigger, due, deadline,
    ordering_key, sequence, test, resend_of, filter_failed, end_reason, end_time
FROM unnest(
    $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[]
) AS asked(asked_event, low, high, since)
CROSS JOIN LATERAL (
    SELECT id, tenant, subscription, event, event_type, account, shard, epoch, state, attempts,
        failures, trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed,
        NULL::smallint AS end_reason, NULL::bigint AS end_time
    FROM deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id BETWEEN asked.low AND asked.high
        AND event = asked.asked_event
    UNION
    SELECT id, tenant, subscription, event, event_type, account, 0 AS shard, 0::bigint AS epoch,
        state, attempts, failures, trigger, due, deadline, ordering_key, sequence, test, resend_of,
        filter_failed, end_reason, end_time
    FROM ended_deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id BETWEEN asked.low AND asked.high
        AND event = asked.asked_event
        AND end_time >= asked.since
    UNION
    SELECT id, tenant, subscription, event, event_type, account, shard, epoch, state, attempts,
        failures, trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed,
        NULL::smallint AS end_reason, NULL::bigint AS end_time
    FROM deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id = ANY(
            ARRAY(
                SELECT delivery FROM later_deliveries
                WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
                    AND event = asked.asked_event
            )
        )
    UNION
    SELECT d.* FROM later_deliveries l
    CROSS JOIN LATERAL (
        SELECT id, tenant, subscription, event, event_type, account, 0 AS shard, 0::bigint AS epoch,
            state, attempts, failures, trigger, due, deadline, ordering_key, sequence, test,
            resend_of, filter_failed, end_reason, end_time
        FROM ended_deliveries
        WHERE tenant = l.tenant AND id = l.delivery AND end_time >= asked.since
        ORDER BY id LIMIT 1
    ) d
    WHERE l.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND l.event = asked.asked_event
) found
