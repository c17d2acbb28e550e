-- A key that is held has a branch, and an index, of its own: it may have any number of
-- others HELD behind it.
WITH k(tenant, subscription, ordering_key, now) AS (VALUES {rows})
UPDATE deliveries SET state = 2 /* WAITING */, due = picked.now
FROM (
    SELECT k.now AS now,
        CASE
            WHEN coalesce(h.held, 0) = 0
                THEN (
                    SELECT d.id FROM deliveries d INDEXED BY deliveries_held
                    WHERE d.tenant = k.tenant
                        AND d.subscription = k.subscription
                        AND d.ordering_key = k.ordering_key
                        AND d.state = 1 /* HELD */
                    ORDER BY d.sequence LIMIT 1
                )
            ELSE (
                SELECT d.id FROM deliveries d INDEXED BY deliveries_held_event
                WHERE d.tenant = k.tenant
                    AND d.subscription = k.subscription
                    AND d.ordering_key = k.ordering_key
                    AND d.event = h.event
                    AND d.state = 1 /* HELD */
                LIMIT 1
            )
        END AS id
    FROM k
    LEFT JOIN held_keys h ON h.tenant = k.tenant
        AND h.subscription = k.subscription
        AND h.ordering_key = k.ordering_key
    WHERE coalesce(h.quiet_until, 0) <= k.now
        AND NOT EXISTS (
            SELECT 1 FROM deliveries d INDEXED BY deliveries_key_under_way
            WHERE d.tenant = k.tenant
                AND d.subscription = k.subscription
                AND d.ordering_key = k.ordering_key
                AND d.state > 1 /* HELD */
        )
) AS picked
WHERE deliveries.id = picked.id
RETURNING deliveries.tenant, deliveries.subscription
