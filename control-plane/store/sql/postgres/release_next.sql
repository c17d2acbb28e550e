-- 1 to 3 the keys, 4 now. A key that is held has a branch, and an index, of its own: it may
-- have any number of others HELD behind it. Its event is compared as a range, whose order
-- only that index has.
WITH next AS MATERIALIZED (
    SELECT d.id
    FROM (
        SELECT a.tenant, a.subscription, a.ordering_key,
            (SELECT n.number FROM tenant_numbers n WHERE n.id = a.tenant) AS tenant_number,
            (
                SELECT n.number FROM subscription_numbers n
                WHERE n.tenant = a.tenant AND n.id = a.subscription
            ) AS subscription_number
        FROM unnest($1::text[], $2::text[], $3::text[]) AS a(tenant, subscription, ordering_key)
        OFFSET 0
    ) AS k
    LEFT JOIN held_keys h ON h.tenant = k.tenant
        AND h.subscription = k.subscription
        AND h.ordering_key = k.ordering_key
    CROSS JOIN LATERAL (
        (
            SELECT id FROM deliveries d
            WHERE h.held IS NOT TRUE
                AND d.tenant = k.tenant_number
                AND d.subscription = k.subscription_number
                AND d.ordering_key = k.ordering_key
                AND d.state = 1 /* HELD */
            ORDER BY d.sequence LIMIT 1
        )
        UNION ALL
        (
            SELECT id FROM deliveries d
            WHERE h.held
                AND d.tenant = k.tenant_number
                AND d.subscription = k.subscription_number
                AND d.ordering_key = k.ordering_key
                AND d.event >= h.event
                AND d.event <= h.event
                AND d.state = 1 /* HELD */
            ORDER BY d.event LIMIT 1
        )
    ) d
    WHERE coalesce(h.quiet_until, 0) <= $4
        AND NOT EXISTS (
            SELECT FROM deliveries d
            WHERE d.tenant = k.tenant_number
                AND d.subscription = k.subscription_number
                AND d.ordering_key = k.ordering_key
                AND d.state IN (2 /* WAITING */, 3 /* IN_FLIGHT */)
        )
)
UPDATE deliveries d SET state = 2 /* WAITING */, due = $4
WHERE d.id = ANY(ARRAY(SELECT id FROM next)) AND d.state + 0 = 1 /* HELD */
RETURNING (SELECT n.id FROM tenant_numbers n WHERE n.number = d.tenant) AS tenant,
    (SELECT n.id FROM subscription_numbers n WHERE n.number = d.subscription) AS subscription
