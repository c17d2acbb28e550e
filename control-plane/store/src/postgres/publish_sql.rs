//! The statements that commit events and deliveries.

use super::rows::{delivery_columns, event_columns};

/// Deliveries of the batch.
macro_rules! delivery_source {
    () => {
        concat!(
            "unnest($1::int[], $2::uuid[], $3::text[], $4::text[], $5::uuid[], $6::text[],
                $7::text[], $8::int[], $9::bigint[], $10::smallint[], $11::int[], $12::int[], $13::smallint[],
                $14::bigint[], $15::bigint[], $16::text[], $17::bigint[], $18::boolean[],
                $19::uuid[], $20::smallint[], $21::bigint[])
                AS d(config, ",
            delivery_columns!(),
            ", end_reason, end_time)"
        )
    };
}
pub(super) use delivery_source;

/// The statement. What decides about a row is looked up in an array or in a hashed
/// subplan, never joined: with hash joins off, a join of two batches would be
/// quadratic.
///
/// Parameters: 1 to 21 the deliveries, 22 and 23 the configurations, 24 to 39 the
/// events, 40 to 47 the keys.
macro_rules! publish {
    (keys: [$($keys:expr)?], ended: [$($ended:expr)?],
     event_passed: $event:expr, delivery_passed: $delivery:expr, refused: $refused:expr) => {
        concat!(
            "WITH checked AS MATERIALIZED (
                SELECT array_agg(t.config_version IS NOT DISTINCT FROM c.version ORDER BY c.ord) AS ok
                FROM unnest($22::text[], $23::bigint[]) WITH ORDINALITY AS c(tenant, version, ord)
                LEFT JOIN tenants t ON t.id = c.tenant AND t.delete_time IS NULL)",
            $($keys,)?
            ", new_events AS (INSERT INTO events (", event_columns!(), ", payload)
                SELECT ", event_columns!(), ", payload
                FROM unnest($24::int[], $25::text[], $26::uuid[], $27::bigint[], $28::text[], $29::text[],
                    $30::text[], $31::text[], $32::text[], $33::bytea[], $34::text[], $35::text[],
                    $36::text[], $37::int[], $38::boolean[], $39::bytea[])
                    AS e(config, ", event_columns!(), ", payload)
                WHERE (SELECT ok FROM checked)[config]", $event, ")
            , live AS (INSERT INTO deliveries (", delivery_columns!(), ")
                SELECT ", delivery_columns!(), " FROM ", delivery_source!(), "
                WHERE state < 4 AND (SELECT ok FROM checked)[config]", $delivery, ")",
            $($ended, $delivery, ")",)?
            " SELECT (SELECT ok FROM checked) AS ok, ", $refused, " AS refused"
        )
    };
}

/// Takes the keys, in their order (two replicas must not wait for each other in a
/// circle), and tells the events whose key was taken.
macro_rules! keys {
    () => {
        ", asked AS MATERIALIZED (
            SELECT tenant, key, event, matched, request_hash, expire_time, create_time
            FROM unnest($40::int[], $41::text[], $42::text[], $43::uuid[], $44::int[], $45::bytea[],
                $46::bigint[], $47::bigint[])
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
/// visible to whoever would remove it. 22 is the event's time, 23 whether the
/// delivery has to be registered.
pub(super) const ADD: &str = concat!(
    "WITH added AS MATERIALIZED (
        SELECT * FROM ",
    delivery_source!(),
    " WHERE EXISTS (SELECT FROM events e
            WHERE e.tenant = d.tenant AND e.id = d.event AND e.create_time = $22)
        OR EXISTS (SELECT FROM retained_events r
            WHERE r.tenant = d.tenant AND r.id = d.event FOR KEY SHARE))
    , live AS (INSERT INTO deliveries (",
    delivery_columns!(),
    ") SELECT ",
    delivery_columns!(),
    " FROM added WHERE state < 4)
    , ended AS (INSERT INTO ended_deliveries (",
    delivery_columns!(),
    ", end_reason, end_time) SELECT ",
    delivery_columns!(),
    ", end_reason, end_time FROM added WHERE state >= 4)
    , later AS (INSERT INTO later_deliveries (tenant, event, delivery)
        SELECT tenant, event, id FROM added WHERE $23)
    SELECT count(*) FROM added"
);
