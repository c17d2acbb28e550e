-- Records and counts one attempt, as conclude_ended.sql does. Stands in a
-- `RecordingTransaction`. 1 to 7 the attempt, 8 when it is recorded.
WITH recorded AS (
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
        delivery_state, delivery_end_reason, $8::bigint,
        (SELECT base + pg_current_xact_id()::text::bigint FROM attempt_numbering)
    FROM unnest($1::attempt_input[]) AS a
    WHERE true
)
INSERT INTO attempt_stats AS s (tenant, subscription, hour, outcome, octave, counts)
SELECT tenant, subscription, hour, outcome, octave, n
FROM (
    SELECT tenant, subscription, hour, outcome, octave,
        CASE
            WHEN true THEN n::numeric
            ELSE (
                SELECT array_agg(n ORDER BY tally)
                FROM (
                    SELECT tally, coalesce(
                        sum(
                            CASE
                                WHEN true
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
