-- What was claimed or looked up without its event and payload being found, if a second look
-- does not find them either. 1 the state, 2 the reason, 3 now, 4 the deliveries. None ends before it
-- was made, by whatever clock that was.
WITH gone AS (
    DELETE FROM deliveries d
    WHERE d.id = ANY($4::uuid[])
        AND d.state + 0 = 3 /* IN_FLIGHT */
        AND NOT EXISTS (
            SELECT FROM events e
            WHERE e.tenant = d.tenant AND e.id = d.event AND e.payload_removal IS NULL
        )
        AND NOT EXISTS (
            SELECT FROM retained_events r
            WHERE r.tenant = d.tenant AND r.id = d.event AND r.payload_removal IS NULL
        )
    RETURNING d.*
),
ended AS (
    INSERT INTO ended_deliveries (
        id, event, tenant, subscription, event_type, account, state, attempts, failures, trigger,
        due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason, end_time
    )
    SELECT id, event, tenant, subscription, event_type, account, $1::smallint, attempts, failures,
        trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed,
        $2::smallint, greatest(
            $3::bigint, ((('x' || translate(left(id::text, 13), '-', ''))::bit(48))::bigint * 1000)
        )
    FROM gone
)
SELECT id FROM gone
