-- For each event the deliveries made with it, whose ids lie between two bounds,
-- and those made later. 1 the tenant, 2 to 5 the events, their bounds and times.
SELECT asked.ord, found.state, count(*) AS count
FROM unnest(
    $2::uuid[], $3::uuid[], $4::uuid[], $5::bigint[]
) WITH ORDINALITY AS asked(event, low, high, since, ord)
CROSS JOIN LATERAL (
    SELECT d.state FROM deliveries d
    WHERE d.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND d.id BETWEEN asked.low AND asked.high
        AND d.event = asked.event
    UNION ALL
    SELECT d.state FROM ended_deliveries d
    WHERE d.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND d.id BETWEEN asked.low AND asked.high
        AND d.event = asked.event
        AND d.end_time >= asked.since
    UNION ALL
    SELECT d.state FROM later_deliveries l
    JOIN deliveries d ON d.id = l.delivery AND d.tenant = l.tenant
    WHERE l.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND l.event = asked.event
    UNION ALL
    SELECT d.state FROM later_deliveries l
    JOIN ended_deliveries d ON d.id = l.delivery AND d.tenant = l.tenant
    WHERE l.tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND l.event = asked.event
        AND d.end_time >= asked.since
) found
GROUP BY asked.ord, found.state
ORDER BY asked.ord, found.state
