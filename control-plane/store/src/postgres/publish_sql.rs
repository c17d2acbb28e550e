//! The statements that commit events and deliveries.

use super::rows::{delivery_columns, event_columns};

/// Deliveries of the batch, with their places in it.
macro_rules! delivery_source {
    () => {
        concat!(
            "unnest($1::int[], $2::int[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::text[],
                $8::text[], $9::int[], $10::bigint[], $11::smallint[], $12::int[], $13::int[],
                $14::smallint[], $15::bigint[], $16::bigint[], $17::text[], $18::bigint[],
                $19::boolean[], $20::uuid[], $21::boolean[], $22::smallint[], $23::bigint[])
                WITH ORDINALITY AS d(config, lane, ",
            $crate::postgres::rows::delivery_columns!(),
            ", end_reason, end_time, ord)"
        )
    };
}

/// Numbers those of a batch that have a lane by their subscriptions' next numbers,
/// in the batch's order, and stores `$rows` (a query) as `live`. `$lanes` (a query)
/// has the place (`ord`) and the lane of every delivery of the batch; the lane is
/// null where none is to be given.
///
/// The counters are locked in the order of their keys (two replicas must not wait
/// for each other in a circle) and until the commit, so that numbers follow the
/// order of commits and none is left out. Only places and lanes are sorted, never
/// whole rows, and a row's number is found by its place, never by a join: `rank` is
/// that of its lane's counter, and a row without a lane ranks last and finds nothing.
macro_rules! number_and_insert {
    (lanes: $lanes:expr, rows: $rows:expr) => {
        concat!(
            ", places AS MATERIALIZED (SELECT ord, lane,
                dense_rank() OVER (ORDER BY lane) AS rank,
                row_number() OVER (PARTITION BY lane ORDER BY ord) AS place
                FROM (",
            $lanes,
            ") lanes)
            , counted AS MATERIALIZED (SELECT lane, min(ord)::int AS first, max(place) AS n
                FROM places WHERE lane IS NOT NULL GROUP BY lane)
            , counters AS (INSERT INTO subscription_sequences AS old (tenant, subscription, sequence)
                SELECT ($4::text[])[first], ($5::text[])[first], n FROM counted ORDER BY lane
                ON CONFLICT (tenant, subscription) DO UPDATE
                    SET sequence = old.sequence + excluded.sequence
                RETURNING tenant, subscription, sequence)
            , last AS MATERIALIZED (SELECT
                (SELECT array_agg(sequence ORDER BY tenant, subscription) FROM counters) AS number,
                (SELECT array_agg(n ORDER BY lane) FROM counted) AS n)
            , given AS MATERIALIZED (SELECT coalesce(array_agg(
                    (SELECT number FROM last)[rank] - (SELECT n FROM last)[rank] + place
                    ORDER BY ord), '{}') AS numbers FROM places)
            , live AS (INSERT INTO deliveries (",
            $crate::postgres::rows::delivery_columns!(),
            ") SELECT id, tenant, subscription, event, event_type, account, shard, epoch, state,
                    attempts, failures, trigger, due, deadline, ordering_key,
                    coalesce(sequence, (SELECT numbers FROM given)[ord]),
                    test, resend_of, filter_failed
                FROM (",
            $rows,
            ") live_rows WHERE state < 4)"
        )
    };
}

/// The lanes of rows that were added, among all of the batch.
macro_rules! added_lanes {
    () => {
        "SELECT ord, CASE WHEN ord IN (SELECT ord FROM added) THEN lane END AS lane
            FROM unnest($2::int[]) WITH ORDINALITY AS p(lane, ord)"
    };
}

pub(super) use {added_lanes, delivery_source, number_and_insert};

/// The statement. What decides about a row is looked up in an array or in a hashed
/// subplan, never joined: with hash joins off, a join of two batches would be
/// quadratic.
///
/// Parameters: 1 to 23 the deliveries, 24 and 25 the configurations, 26 to 41 the
/// events, 42 the latest time at which the statement may begin to write, 43 to 50 the
/// keys.
macro_rules! publish {
    (keys: [$($keys:expr)?], ended: [$($ended:expr)?],
     event_passed: $event:expr, delivery_passed: $delivery:expr, refused: $refused:expr) => {
        concat!(
            "WITH fence AS MATERIALIZED (SELECT ", $crate::postgres::ownership::clock!(), " <= $42 AS open)
            , checked AS MATERIALIZED (
                SELECT array_agg(t.config_version IS NOT DISTINCT FROM c.version
                    AND (SELECT open FROM fence) ORDER BY c.ord) AS ok
                FROM unnest($24::text[], $25::bigint[]) WITH ORDINALITY AS c(tenant, version, ord)
                LEFT JOIN tenants t ON t.id = c.tenant AND t.delete_time IS NULL)",
            $($keys,)?
            ", new_events AS (INSERT INTO events (", event_columns!(), ", payload)
                SELECT ", event_columns!(), ", payload
                FROM unnest($26::int[], $27::text[], $28::uuid[], $29::bigint[], $30::text[], $31::text[],
                    $32::text[], $33::text[], $34::text[], $35::bytea[], $36::text[], $37::text[],
                    $38::text[], $39::int[], $40::boolean[], $41::bytea[])
                    AS e(config, ", event_columns!(), ", payload)
                WHERE (SELECT ok FROM checked)[config]", $event, ")",
            number_and_insert!(
                lanes: concat!(
                    "SELECT ord, CASE WHEN (SELECT ok FROM checked)[config]", $delivery,
                    " THEN lane END AS lane FROM unnest($1::int[], $2::int[], $6::uuid[])
                        WITH ORDINALITY AS p(config, lane, event, ord)"
                ),
                rows: concat!(
                    "SELECT * FROM ", delivery_source!(),
                    " WHERE (SELECT ok FROM checked)[config]", $delivery
                )
            ),
            $($ended, $delivery, ")",)?
            " SELECT (SELECT open FROM fence) AS in_time, (SELECT ok FROM checked) AS ok, ",
            $refused, " AS refused,
                (SELECT numbers FROM given) AS numbers"
        )
    };
}

/// Takes the keys, in their order (two replicas must not wait for each other in a
/// circle), and tells the events whose key was taken.
macro_rules! keys {
    () => {
        ", asked AS MATERIALIZED (
            SELECT tenant, key, event, matched, request_hash, expire_time, create_time
            FROM unnest($43::int[], $44::text[], $45::text[], $46::uuid[], $47::int[], $48::bytea[],
                $49::bigint[], $50::bigint[])
                AS k(config, tenant, key, event, matched, request_hash, expire_time, create_time)
            WHERE (SELECT ok FROM checked)[config])
        , taken AS (INSERT INTO idempotency_keys AS old
                (tenant, key, event, matched, request_hash, expire_time, create_time)
            SELECT tenant, key, event, matched, request_hash, expire_time, create_time FROM asked
            ORDER BY tenant, key
            ON CONFLICT (tenant, key) DO UPDATE
                SET event = excluded.event, matched = excluded.matched,
                    request_hash = excluded.request_hash, expire_time = excluded.expire_time,
                    create_time = excluded.create_time
                WHERE old.expire_time <= excluded.create_time
            RETURNING event)
        , refused AS MATERIALIZED (
            SELECT event FROM asked WHERE event NOT IN (SELECT event FROM taken))"
    };
}

macro_rules! ended {
    () => {
        concat!(
            ", ended AS (INSERT INTO ended_deliveries (",
            delivery_columns!(),
            ", end_reason, end_time)
                SELECT ",
            delivery_columns!(),
            ", end_reason, end_time FROM ",
            delivery_source!(),
            " WHERE state >= 4 AND (SELECT ok FROM checked)[config]"
        )
    };
}

macro_rules! with_keys {
    ([$($ended:expr)?]) => {
        publish!(
            keys: [keys!()],
            ended: [$($ended)?],
            event_passed: " AND id NOT IN (SELECT event FROM refused)",
            delivery_passed: " AND event NOT IN (SELECT event FROM refused)",
            refused: "(SELECT coalesce(array_agg(event), '{}') FROM refused)"
        )
    };
}

macro_rules! without_keys {
    ([$($ended:expr)?]) => {
        publish!(
            keys: [], ended: [$($ended)?],
            event_passed: "", delivery_passed: "", refused: "'{}'::uuid[]"
        )
    };
}

/// The variant that does nothing that the batch does not need.
pub(super) const fn statement(keys: bool, ended: bool) -> &'static str {
    match (keys, ended) {
        (false, false) => without_keys!([]),
        (false, true) => without_keys!([ended!()]),
        (true, false) => with_keys!([]),
        (true, true) => with_keys!([ended!()]),
    }
}

/// Reading the event holds its partition, or its row, until the delivery is
/// visible to whoever would remove it. 24 is the event's time, 25 whether the
/// delivery has to be registered.
pub(super) const ADD: &str = concat!(
    "WITH added AS MATERIALIZED (
        SELECT * FROM ",
    delivery_source!(),
    " WHERE EXISTS (SELECT FROM events e
            WHERE e.tenant = d.tenant AND e.id = d.event AND e.create_time = $24)
        OR EXISTS (SELECT FROM retained_events r
            WHERE r.tenant = d.tenant AND r.id = d.event FOR KEY SHARE))",
    number_and_insert!(lanes: added_lanes!(), rows: "SELECT * FROM added"),
    ", ended AS (INSERT INTO ended_deliveries (",
    delivery_columns!(),
    ", end_reason, end_time) SELECT ",
    delivery_columns!(),
    ", end_reason, end_time FROM added WHERE state >= 4)
    , later AS (INSERT INTO later_deliveries (tenant, event, delivery)
        SELECT tenant, event, id FROM added WHERE $25)
    SELECT (SELECT count(*) FROM added) AS added, (SELECT numbers FROM given) AS numbers"
);
