-- Steps from one subscription to the next along the index of what waits: its cost
-- follows the number of subscriptions, not of deliveries.
WITH RECURSIVE found AS (
    (
        SELECT s.shard, d.tenant, d.subscription, d.due FROM unnest($1::integer[]) AS s(shard)
        CROSS JOIN LATERAL (
            SELECT tenant, subscription, due FROM deliveries
            WHERE shard = s.shard AND state = 2 /* WAITING */
            ORDER BY tenant, subscription, due LIMIT 1
        ) d
    )
    UNION ALL
    SELECT f.shard, d.tenant, d.subscription, d.due FROM found f
    CROSS JOIN LATERAL (
        SELECT tenant, subscription, due FROM deliveries
        WHERE shard = f.shard
            AND state = 2 /* WAITING */
            AND (tenant, subscription) > (f.tenant, f.subscription)
        ORDER BY tenant, subscription, due LIMIT 1
    ) d
)
SELECT f.shard, (SELECT n.id FROM tenant_numbers n WHERE n.number = f.tenant) AS tenant,
    (SELECT n.id FROM subscription_numbers n WHERE n.number = f.subscription) AS subscription,
    f.due AS first_due, l.deadline AS first_deadline
FROM found f
CROSS JOIN LATERAL (
    SELECT deadline FROM deliveries
    WHERE tenant = f.tenant
        AND subscription = f.subscription
        AND state IN (1 /* HELD */, 2 /* WAITING */)
    ORDER BY deadline LIMIT 1
) l
