-- 1 the state, 2 the reason, 3 now, 4 and 5 the delivery. None ends before it was made, by
-- whatever clock that was: its id has that millisecond.
WITH gone AS (
    DELETE FROM deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $4) AND id = $5
    RETURNING *
),
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
)
SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
    (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription, event,
    event_type, account, shard, epoch, state, attempts, failures, trigger, due, deadline,
    ordering_key, sequence, test, resend_of, filter_failed, NULL::smallint AS end_reason,
    NULL::bigint AS end_time
FROM gone
