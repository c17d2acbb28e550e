-- Steps from one key to the next along the index of what is held. 1 to 3 the key before the
-- first, or empty, 4 the limit.
WITH RECURSIVE found AS (
    (
        SELECT tenant, subscription, ordering_key FROM deliveries
        WHERE state = 1 /* HELD */
            AND (tenant, subscription, ordering_key) > (
                coalesce((SELECT n.number FROM tenant_numbers n WHERE n.id = $1), 0),
                coalesce((
                    SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $2
                ), 0),
                $3
            )
        ORDER BY tenant, subscription, ordering_key LIMIT 1
    )
    UNION ALL
    SELECT d.tenant, d.subscription, d.ordering_key FROM found f
    CROSS JOIN LATERAL (
        SELECT tenant, subscription, ordering_key FROM deliveries
        WHERE state = 1 /* HELD */
            AND (tenant, subscription, ordering_key) > (f.tenant, f.subscription, f.ordering_key)
        ORDER BY tenant, subscription, ordering_key LIMIT 1
    ) d
)
SELECT (SELECT n.id FROM tenant_numbers n WHERE n.number = f.tenant) AS tenant,
    (SELECT n.id FROM subscription_numbers n WHERE n.number = f.subscription) AS subscription,
    f.ordering_key, EXISTS (
    SELECT FROM deliveries d
    WHERE d.tenant = f.tenant
        AND d.subscription = f.subscription
        AND d.ordering_key = f.ordering_key
        AND d.state IN (2 /* WAITING */, 3 /* IN_FLIGHT */)
) AS under_way
FROM (SELECT * FROM found LIMIT $4) f
