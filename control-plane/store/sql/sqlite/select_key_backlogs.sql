-- Steps from one key to the next along the index of what is held. For each column a search
-- of its own: SQLite would look for `(a, b, c) > (x, y, z)` from the first row of `x` on.
WITH RECURSIVE found(tenant, subscription, ordering_key) AS (
    SELECT d.tenant, d.subscription, d.ordering_key FROM deliveries d
    WHERE d.id = coalesce(
        (
            SELECT n.id FROM deliveries n INDEXED BY deliveries_held
            WHERE n.state = 1 /* HELD */
                AND n.tenant = ?1
                AND n.subscription = ?2
                AND n.ordering_key > ?3
            ORDER BY n.ordering_key LIMIT 1
        ), (
            SELECT n.id FROM deliveries n INDEXED BY deliveries_held
            WHERE n.state = 1 /* HELD */ AND n.tenant = ?1 AND n.subscription > ?2
            ORDER BY n.subscription, n.ordering_key LIMIT 1
        ), (
            SELECT n.id FROM deliveries n INDEXED BY deliveries_held
            WHERE n.state = 1 /* HELD */ AND n.tenant > ?1
            ORDER BY n.tenant, n.subscription, n.ordering_key LIMIT 1
        )
    )
    UNION ALL
    SELECT d.tenant, d.subscription, d.ordering_key FROM found f
    CROSS JOIN deliveries d
        ON d.id = coalesce(
            (
                SELECT n.id FROM deliveries n INDEXED BY deliveries_held
                WHERE n.state = 1 /* HELD */
                    AND n.tenant = f.tenant
                    AND n.subscription = f.subscription
                    AND n.ordering_key > f.ordering_key
                ORDER BY n.ordering_key LIMIT 1
            ), (
                SELECT n.id FROM deliveries n INDEXED BY deliveries_held
                WHERE n.state = 1 /* HELD */
                    AND n.tenant = f.tenant
                    AND n.subscription > f.subscription
                ORDER BY n.subscription, n.ordering_key LIMIT 1
            ), (
                SELECT n.id FROM deliveries n INDEXED BY deliveries_held
                WHERE n.state = 1 /* HELD */ AND n.tenant > f.tenant
                ORDER BY n.tenant, n.subscription, n.ordering_key LIMIT 1
            )
        )
    LIMIT ?4
)
SELECT tenant, subscription, ordering_key, EXISTS (
    SELECT 1 FROM deliveries d INDEXED BY deliveries_key_under_way
    WHERE d.tenant = k.tenant
        AND d.subscription = k.subscription
        AND d.ordering_key = k.ordering_key
        AND d.state > 1 /* HELD */
)
FROM found k
