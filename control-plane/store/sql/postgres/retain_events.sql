-- Copies events of a range of ids that unfinished deliveries still need.
INSERT INTO retained_events (
    tenant, id, create_time, event_type, account, attributes, ordering_key, content_type,
    payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload,
    payload_removal
)
SELECT tenant, id, create_time, event_type, account, attributes, ordering_key, content_type,
    payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload,
    payload_removal
FROM events e
WHERE e.id >= $1
    AND e.id < $2
    AND (e.tenant, e.id, e.create_time) IN (
        SELECT tenant, event,
            (('x' || translate(left(event::text, 13), '-', ''))::bit(48))::bigint * 1000
        FROM deliveries
        WHERE event >= $1 AND event < $2
    )
ON CONFLICT DO NOTHING
