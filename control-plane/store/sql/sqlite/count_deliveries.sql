-- Each event with its number, its id, and the bounds of its millisecond.
WITH asked(n, event, low, high) AS MATERIALIZED (
    SELECT j.key, unhex(j.value ->> 0), unhex(j.value ->> 1), unhex(j.value ->> 2)
    FROM json_each(?1) j
),
found(n, state) AS (
    SELECT n, d.state FROM asked
    CROSS JOIN deliveries d ON d.tenant = ?2 AND d.id BETWEEN low AND high AND d.event = asked.event
    UNION ALL
    SELECT n, d.state FROM asked
    CROSS JOIN ended_deliveries d ON d.tenant = ?2
        AND d.id BETWEEN low AND high
        AND d.event = asked.event
    UNION ALL
    SELECT n, d.state FROM asked
    CROSS JOIN later_deliveries l ON l.tenant = ?2
        AND l.event = asked.event
        AND l.delivery NOT BETWEEN low AND high
    CROSS JOIN deliveries d ON d.id = l.delivery
    UNION ALL
    SELECT n, d.state FROM asked
    CROSS JOIN later_deliveries l ON l.tenant = ?2
        AND l.event = asked.event
        AND l.delivery NOT BETWEEN low AND high
    CROSS JOIN ended_deliveries d ON d.tenant = ?2 AND d.id = l.delivery
)
SELECT n, state, count(*) FROM found
GROUP BY n, state
ORDER BY n, state
