-- As conclude_ended.sql, for a batch of which some go on. 12 when their attempts are recorded,
-- 13 to 16 the deliveries.
WITH gone AS (
    DELETE FROM deliveries d
    WHERE d.id = ANY($8::uuid[])
        AND d.state + 0 = 3 /* IN_FLIGHT */
        AND d.attempts = coalesce(($10::int[])[array_position($9::uuid[], d.id)], 1)
    RETURNING d.id
),
again AS (
    UPDATE deliveries d
    SET state = 2 /* WAITING */, trigger = 2 /* RETRY */,
        due = ($15::bigint[])[array_position($13::uuid[], d.id)],
        failures = ($16::int[])[array_position($13::uuid[], d.id)]
    WHERE d.id = ANY($13::uuid[])
        AND d.state + 0 = 3 /* IN_FLIGHT */
        AND d.attempts = ($14::int[])[array_position($13::uuid[], d.id)]
    RETURNING d.id
),
applied AS MATERIALIZED (SELECT id FROM gone UNION ALL SELECT id FROM again),
everything AS MATERIALIZED (SELECT count(*) = $11::bigint AS yes FROM applied),
ended AS (
    INSERT INTO ended_deliveries (
        id, event, tenant, subscription, event_type, account, state, attempts, failures, trigger,
        due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason, end_time,
        outcome, http_status, start_time, dns_us, connect_us, tls_us, first_byte_us, total_us,
        response_headers, response_body, response_body_bytes, response_body_truncated, error, agent,
        region, remote_address, http_version, settings_revision, commit_number
    )
    SELECT delivery, event, tenant, subscription, event_type, account, delivery_state, number,
        failures, trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed,
        delivery_end_reason, end_time, outcome, http_status, start_time, dns_us, connect_us, tls_us,
        first_byte_us, total_us, response_headers, response_body, response_body_bytes,
        response_body_truncated, error, agent, region, remote_address, http_version,
        settings_revision, (SELECT base + pg_current_xact_id()::text::bigint FROM attempt_numbering)
    FROM unnest($1::attempt_input[]) AS a
    WHERE delivery_state >= 4 /* SUCCEEDED */
        AND ((SELECT yes FROM everything) OR (delivery IN (SELECT id FROM applied)) IS TRUE)
),
recorded AS (
    INSERT INTO attempts (
        delivery, number, tenant, subscription, event, event_type, outcome, http_status, start_time,
        dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers, response_body,
        response_body_bytes, response_body_truncated, error, agent, region, remote_address,
        http_version, trigger, test, next_attempt_time, settings_revision, delivery_state,
        delivery_end_reason, record_time, commit_number
    )
    SELECT delivery, number, tenant, subscription, event, event_type, outcome, http_status,
        start_time, dns_us, connect_us, tls_us, first_byte_us, total_us, response_headers,
        response_body, response_body_bytes, response_body_truncated, error, agent, region,
        remote_address, http_version, trigger, test, next_attempt_time, settings_revision,
        delivery_state, delivery_end_reason, $12::bigint,
        (SELECT base + pg_current_xact_id()::text::bigint FROM attempt_numbering)
    FROM unnest($1::attempt_input[]) AS a
    WHERE delivery_state < 4 /* SUCCEEDED */
        AND ((SELECT yes FROM everything) OR (delivery IN (SELECT id FROM applied)) IS TRUE)
),
counted AS (
    INSERT INTO attempt_stats AS s (tenant, subscription, hour, outcome, octave, counts)
    SELECT tenant, subscription, hour, outcome, octave, n
    FROM (
        SELECT tenant, subscription, hour, outcome, octave,
            CASE
                WHEN (SELECT yes FROM everything) THEN n::numeric
                ELSE (
                    SELECT array_agg(n ORDER BY tally)
                    FROM (
                        SELECT tally, coalesce(
                            sum(
                                CASE
                                    WHEN (
                                        (SELECT yes FROM everything)
                                        OR (delivery IN (SELECT id FROM applied)) IS TRUE
                                    )
                                        THEN ('1' || repeat('0', 12 * (
                                            (
                                                least(total_us, 4294967295)
                                                >> greatest(($6::smallint[])[tally] - 1, 0)
                                            ) % 64
                                        )::integer))::numeric
                                END
                            ), 0
                        ) AS n
                        FROM unnest($1::attempt_input[]) AS a
                        WHERE tally IS NOT NULL
                        GROUP BY tally
                    ) counted
                )[tally]
            END AS n
        FROM unnest(
            $2::integer[], $3::integer[], $4::bigint[], $5::smallint[], $6::smallint[],
            $7::text[]
        ) WITH ORDINALITY AS t(tenant, subscription, hour, outcome, octave, n, tally)
    ) tallied
    WHERE n > 0
    ORDER BY 1, 2, 3, 4, 5
    ON CONFLICT (tenant, subscription, hour, outcome, octave) DO UPDATE
        SET counts = s.counts + excluded.counts
)
SELECT CASE
    WHEN NOT (SELECT yes FROM everything) THEN coalesce((SELECT array_agg(id) FROM applied), '{}')
END AS applied
