-- 1, 2, 13 and 14 the replica, 3 the limit, 4 to 12 its agents, 15 how long a process
-- of its name must be silent to be replaced. What it reports is not removed in the
-- same statement, which would be two changes of one row.
WITH clock AS MATERIALIZED (
    SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS now
),
replica AS (
    INSERT INTO replicas AS known (id, address, version, heard, instance)
    SELECT $1, $2, $13, now, $14 FROM clock
    ON CONFLICT (id) DO UPDATE
        SET address = excluded.address, version = excluded.version, heard = excluded.heard,
            instance = excluded.instance
        WHERE known.instance = excluded.instance OR abs(known.heard - excluded.heard) >= $15
),
forgotten AS (DELETE FROM replicas WHERE abs(heard - (SELECT now FROM clock)) > $3 AND id <> $1),
lost AS (
    DELETE FROM agent_sightings
    WHERE abs(heard - (SELECT now FROM clock)) > $3 AND (replica <> $1 OR agent <> ALL($4::text[]))
)
INSERT INTO agent_sightings (
    agent, replica, incarnation, region, version, max_in_flight, in_flight, draining, clock_skew_us,
    heard
)
SELECT agent, $1, incarnation, region, version, max_in_flight, in_flight, draining, clock_skew_us,
    clock.now - heard_ago
FROM unnest(
    $4::text[], $5::bytea[], $6::text[], $7::text[], $8::bigint[], $9::bigint[], $10::boolean[],
    $11::bigint[], $12::bigint[]
) AS a(
    agent, incarnation, region, version, max_in_flight, in_flight, draining, clock_skew_us,
    heard_ago
), clock
ON CONFLICT (replica, agent) DO UPDATE
    SET incarnation = excluded.incarnation, region = excluded.region, version = excluded.version,
        max_in_flight = excluded.max_in_flight, in_flight = excluded.in_flight,
        draining = excluded.draining, clock_skew_us = excluded.clock_skew_us, heard = excluded.heard
