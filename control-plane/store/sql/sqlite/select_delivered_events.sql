-- Each event with the bounds of its millisecond.
WITH asked(event, low, high) AS MATERIALIZED (
    SELECT unhex(j.value ->> 0), unhex(j.value ->> 1), unhex(j.value ->> 2) FROM json_each(?1) j
)
SELECT asked.event FROM asked
CROSS JOIN deliveries d ON d.tenant = ?2
    AND d.id BETWEEN low AND high
    AND d.event = asked.event
    AND d.subscription = ?3
UNION
SELECT asked.event FROM asked
CROSS JOIN ended_deliveries d ON d.tenant = ?2
    AND d.id BETWEEN low AND high
    AND d.event = asked.event
    AND d.subscription = ?3
UNION
SELECT asked.event FROM asked
CROSS JOIN later_deliveries l ON l.tenant = ?2 AND l.event = asked.event
CROSS JOIN deliveries d ON d.id = l.delivery AND d.subscription = ?3
UNION
SELECT asked.event FROM asked
CROSS JOIN later_deliveries l ON l.tenant = ?2 AND l.event = asked.event
CROSS JOIN ended_deliveries d ON d.tenant = ?2 AND d.id = l.delivery AND d.subscription = ?3
