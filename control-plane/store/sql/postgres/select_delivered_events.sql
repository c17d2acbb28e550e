-- Which of some events a subscription got; 1 to 5 as in count_deliveries.sql, 6 the subscription.
SELECT asked.event
FROM unnest($2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[]) AS asked(event, low, high, since)
WHERE EXISTS (
    SELECT FROM deliveries d
    WHERE d.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND d.id BETWEEN asked.low AND asked.high
        AND d.event = asked.event
        AND d.subscription = (
            SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $6
        )
)
    OR EXISTS (
        SELECT FROM ended_deliveries d
        WHERE d.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
            AND d.id BETWEEN asked.low AND asked.high
            AND d.event = asked.event
            AND d.subscription = (
                SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $6
            )
            AND d.end_time >= asked.since
    )
    OR EXISTS (
        SELECT FROM later_deliveries l
        JOIN deliveries d ON d.id = l.delivery AND d.tenant = l.tenant
        WHERE l.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
            AND l.event = asked.event
            AND d.subscription = (
                SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $6
            )
    )
    OR EXISTS (
        SELECT FROM later_deliveries l
        JOIN ended_deliveries d ON d.id = l.delivery AND d.tenant = l.tenant
        WHERE l.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
            AND l.event = asked.event
            AND d.subscription = (
                SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $6
            )
            AND d.end_time >= asked.since
    )
