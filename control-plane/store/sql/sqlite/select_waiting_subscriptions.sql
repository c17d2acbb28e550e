-- A loose index scan: each step jumps to the first row of the next
-- subscription, however many the one before has. Of the same tenant first and then
-- of the next: SQLite would look for `(a, b) > (x, y)` from the first row of `x` on.
WITH RECURSIVE head(shard, id) AS (
    SELECT j.value, (
        SELECT d.id FROM deliveries d INDEXED BY deliveries_waiting
        WHERE d.state = 2 /* WAITING */ AND d.shard = j.value
        ORDER BY d.tenant, d.subscription, d.due LIMIT 1
    )
    FROM json_each(?) j
    UNION ALL
    SELECT h.shard, coalesce(
        (
            SELECT n.id FROM deliveries n INDEXED BY deliveries_waiting
            WHERE n.state = 2 /* WAITING */
                AND n.shard = h.shard
                AND n.tenant = c.tenant
                AND n.subscription > c.subscription
            ORDER BY n.subscription, n.due LIMIT 1
        ), (
            SELECT n.id FROM deliveries n INDEXED BY deliveries_waiting
            WHERE n.state = 2 /* WAITING */ AND n.shard = h.shard AND n.tenant > c.tenant
            ORDER BY n.tenant, n.subscription, n.due LIMIT 1
        )
    )
    FROM head h
    CROSS JOIN deliveries c ON c.id = h.id
)
SELECT d.tenant, d.subscription, d.shard, d.due, min(
    (
        SELECT x.deadline FROM deliveries x INDEXED BY deliveries_deadline
        WHERE x.tenant = d.tenant AND x.subscription = d.subscription AND x.state = 2 /* WAITING */
        ORDER BY x.deadline LIMIT 1
    ), coalesce(
        (
            SELECT x.deadline FROM deliveries x INDEXED BY deliveries_deadline
            WHERE x.tenant = d.tenant AND x.subscription = d.subscription AND x.state = 1 /* HELD */
            ORDER BY x.deadline LIMIT 1
        ), 9223372036854775807
    )
)
FROM head h
CROSS JOIN deliveries d ON d.id = h.id
