-- Due deliveries of each claim along the index of what waits; those that another replica
-- claims at this moment are left to it. Tests have an index of their own, so that those of
-- a paused subscription are found behind any backlog. 1 to 7 the claims, 8 now, 9 the limit
-- over all.
WITH due AS MATERIALIZED (
    SELECT due.id, due.due
    FROM unnest(
        $1::integer[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[],
        $7::bigint[]
    ) AS c(shard, tenant, subscription, epoch, running, tests_only, most)
    CROSS JOIN LATERAL (
        SELECT id, due FROM deliveries d
        WHERE d.shard = c.shard
            AND d.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = c.tenant)
            AND d.subscription = (
                SELECT n.number FROM subscription_numbers n
                WHERE n.tenant = c.tenant AND n.id = c.subscription
            )
            AND d.state = 2 /* WAITING */
            AND d.due <= $8
            AND d.deadline >= c.running
        ORDER BY d.due LIMIT c.most FOR UPDATE SKIP LOCKED
    ) due
    WHERE NOT c.tests_only
    UNION ALL
    SELECT due.id, due.due
    FROM unnest(
        $1::integer[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::boolean[],
        $7::bigint[]
    ) AS c(shard, tenant, subscription, epoch, running, tests_only, most)
    CROSS JOIN LATERAL (
        SELECT id, due FROM deliveries d
        WHERE d.shard = c.shard
            AND d.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = c.tenant)
            AND d.subscription = (
                SELECT n.number FROM subscription_numbers n
                WHERE n.tenant = c.tenant AND n.id = c.subscription
            )
            AND d.state = 2 /* WAITING */
            AND d.due <= $8
            AND d.deadline >= c.running
            AND d.test
        ORDER BY d.due LIMIT c.most FOR UPDATE SKIP LOCKED
    ) due
    WHERE c.tests_only
    ORDER BY due LIMIT $9
),
claimed AS (
    UPDATE deliveries d
    SET state = 3 /* IN_FLIGHT */, attempts = d.attempts + 1,
        epoch = ($4::bigint[])[array_position($1::integer[], d.shard)]
    WHERE d.id = ANY(ARRAY(SELECT id FROM due))
    RETURNING d.*
)
SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
    (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription, event,
    event_type, account, shard, epoch, state, attempts, failures, trigger, due, deadline,
    ordering_key, sequence, test, resend_of, filter_failed, NULL::smallint AS end_reason,
    NULL::bigint AS end_time
FROM claimed
