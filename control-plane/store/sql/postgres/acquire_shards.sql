-- A lease that ends in more than a minute, and its length, was written before the clock was
-- set back. 1 the replica, 2 the shards, 3 a lease's length, 4 whether to take all.
WITH free AS MATERIALIZED (
    SELECT shard FROM shards
    WHERE shard = ANY($2::integer[])
        AND (
            $4
            OR owner IS NULL
            OR lease_until <= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
            OR lease_until > (
                extract(epoch FROM clock_timestamp()) * 1000000
            )::bigint + $3 + 60000000
        )
    ORDER BY shard FOR UPDATE
)
UPDATE shards s
SET owner = $1, epoch = s.epoch + 1,
    lease_until = (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $3
FROM free
WHERE s.shard = free.shard
RETURNING s.shard, s.epoch
