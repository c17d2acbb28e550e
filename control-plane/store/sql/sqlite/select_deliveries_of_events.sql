-- As count_deliveries.sql.
WITH asked(event, low, high) AS MATERIALIZED (
    SELECT unhex(j.value ->> 0), unhex(j.value ->> 1), unhex(j.value ->> 2) FROM json_each(?1) j
)
SELECT d.id, d.tenant, d.subscription, d.event, d.event_type, d.account, d.shard, d.epoch, d.state,
    d.end_reason, d.attempts, d.failures, d.cause, d.due, d.deadline, d.end_time, d.ordering_key,
    d.sequence, d.test, d.resend_of, d.filter_failed
FROM asked
CROSS JOIN deliveries d ON d.tenant = ?2 AND d.id BETWEEN low AND high AND d.event = asked.event
UNION ALL
SELECT d.id, d.tenant, d.subscription, d.event, d.event_type, d.account, 0, 0, d.state,
    d.end_reason, d.attempts, d.failures, d.cause, d.due, d.deadline, d.end_time, d.ordering_key,
    d.sequence, d.test, d.resend_of, d.filter_failed
FROM asked
CROSS JOIN ended_deliveries d ON d.tenant = ?2
    AND d.id BETWEEN low AND high
    AND d.event = asked.event
UNION ALL
SELECT d.id, d.tenant, d.subscription, d.event, d.event_type, d.account, d.shard, d.epoch, d.state,
    d.end_reason, d.attempts, d.failures, d.cause, d.due, d.deadline, d.end_time, d.ordering_key,
    d.sequence, d.test, d.resend_of, d.filter_failed
FROM asked
CROSS JOIN later_deliveries l ON l.tenant = ?2
    AND l.event = asked.event
    AND l.delivery NOT BETWEEN low AND high
CROSS JOIN deliveries d ON d.id = l.delivery
UNION ALL
SELECT d.id, d.tenant, d.subscription, d.event, d.event_type, d.account, 0, 0, d.state,
    d.end_reason, d.attempts, d.failures, d.cause, d.due, d.deadline, d.end_time, d.ordering_key,
    d.sequence, d.test, d.resend_of, d.filter_failed
FROM asked
CROSS JOIN later_deliveries l ON l.tenant = ?2
    AND l.event = asked.event
    AND l.delivery NOT BETWEEN low AND high
CROSS JOIN ended_deliveries d ON d.tenant = ?2 AND d.id = l.delivery
