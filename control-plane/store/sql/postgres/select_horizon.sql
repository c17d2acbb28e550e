-- `next` is a number that no transaction had when the statement's snapshot was taken,
-- nor any above it that has ended. `open` is the lowest below of those that had not
-- ended, except those that are seen to hold no lock on a table with attempts: the locks are read
-- after the snapshot was taken, and whoever had a number by then, and records
-- attempts, had its lock even before. One that cannot be seen at all has ended
-- in the meantime, or is about to show its number, and counts until the next look.
WITH held AS MATERIALIZED (
    SELECT virtualtransaction AS owner, transactionid AS number FROM pg_locks
    WHERE granted
        AND (
            locktype = 'transactionid'
            AND mode = 'ExclusiveLock'
            OR locktype = 'relation'
            AND mode = 'RowExclusiveLock'
            AND relation IN ('attempts'::regclass, 'ended_deliveries'::regclass)
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        )
)
SELECT pg_snapshot_xmax(seen)::text::bigint + base AS next, (
    SELECT min(number::text::bigint) + base FROM pg_snapshot_xip(seen) AS number
    WHERE NOT EXISTS (
        SELECT FROM held AS other
        WHERE other.number = number.number::xid
            AND NOT EXISTS (
                SELECT FROM held AS recording
                WHERE recording.owner = other.owner AND recording.number IS NULL
            )
    )
) AS open
FROM attempt_numbering, pg_current_snapshot() AS seen
