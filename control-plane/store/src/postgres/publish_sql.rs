//! The statements that commit events and deliveries.

use super::rows::{delivery_columns, event_columns};

/// Deliveries of the batch.
macro_rules! delivery_source {
    () => {
        "unnest($1::delivery_input[]) AS d"
    };
}

/// Numbers those of a batch that have a lane by their subscriptions' next numbers,
/// in the batch's order, and stores the unfinished ones as `live`. Parameters: 1 the
/// deliveries, 2 to 4 the lanes' subscriptions and how many each numbers.
///
/// `$all` is true when all of the batch is stored; then the places and the counts
/// that came with it are right, and nothing is counted here. `$passes` is a condition
/// on a delivery: whether it is stored.
///
/// The counters are locked in the order of their keys (two replicas must not wait
/// for each other in a circle) and until the commit, so that numbers follow the
/// order of commits and none is left out. Nothing is joined: a lane's number is found
/// by its rank among those that number anything. `bases` has, for each lane, the
/// number before its first new one.
macro_rules! number_and_insert {
    (all: $all:expr, passes: $passes:expr) => {
        concat!(
            ", kept AS MATERIALIZED (SELECT ord, lane, CASE WHEN ",
            $passes,
            " THEN 1 END AS passes FROM ",
            $crate::postgres::publish_sql::delivery_source!(),
            " WHERE NOT ",
            $all,
            ")
            , lanes AS MATERIALIZED (SELECT lane, tenant, subscription, n,
                    count(*) FILTER (WHERE n > 0) OVER (ORDER BY lane) AS rank
                FROM (SELECT lane, tenant, subscription, CASE WHEN ",
            $all,
            " THEN n ELSE (SELECT array_agg(n ORDER BY lane) FROM (
                            SELECT lane, count(passes) AS n FROM kept WHERE lane IS NOT NULL
                            GROUP BY lane) counted)[lane] END AS n
                    FROM unnest($2::text[], $3::text[], $4::bigint[])
                        WITH ORDINALITY AS l(tenant, subscription, n, lane)) numbering)
            , counters AS (INSERT INTO subscription_sequences AS old (tenant, subscription, sequence)
                SELECT tenant, subscription, n FROM lanes WHERE n > 0 ORDER BY lane
                ON CONFLICT (tenant, subscription) DO UPDATE
                    SET sequence = old.sequence + excluded.sequence
                RETURNING tenant, subscription, sequence)
            , last AS MATERIALIZED (SELECT array_agg(sequence ORDER BY tenant, subscription) AS number
                FROM counters)
            , bases AS MATERIALIZED (SELECT coalesce(
                    array_agg((SELECT number FROM last)[rank] - n ORDER BY lane), '{}') AS base
                FROM lanes)
            , live AS (INSERT INTO deliveries (",
            $crate::postgres::rows::delivery_columns!(),
            ") SELECT id, tenant, subscription, event, event_type, account, shard, epoch, state,
                    attempts, failures, trigger, due, deadline, ordering_key,
                    coalesce(sequence, (SELECT base FROM bases)[lane] + CASE WHEN ",
            $all,
            " THEN place ELSE (SELECT array_agg(place ORDER BY ord) FROM (
                        SELECT ord, row_number() OVER (PARTITION BY lane, passes ORDER BY ord) AS place
                        FROM kept) placed)[ord] END),
                    test, resend_of, filter_failed
                FROM ",
            $crate::postgres::publish_sql::delivery_source!(),
            " WHERE state < 4 AND ",
            $passes,
            ")"
        )
    };
}

/// Whether a batch was added as a whole, and whether one delivery of it was.
macro_rules! number_added {
    () => {
        concat!(
            ", everything AS MATERIALIZED (SELECT count(*) = cardinality($1::delivery_input[]) AS yes FROM added)",
            $crate::postgres::publish_sql::number_and_insert!(
                all: "(SELECT yes FROM everything)",
                passes: "((SELECT yes FROM everything) OR ord IN (SELECT ord FROM added))"
            )
        )
    };
}

pub(super) use {delivery_source, number_added, number_and_insert};

/// The statement: one round trip for a batch of events of many tenants, in phases.
///
/// 1. `checked`: of each tenant, whether its configuration is still the version that the
///    events were matched against, and whether the statement began in time.
/// 2. `asked`, `taken`, `refused`: idempotency keys; an event whose key is used is left out.
/// 3. `new_events`: the events that passed.
/// 4. `kept`, `lanes`, `counters`, `bases`: how many deliveries each subscription gets, and
///    the numbers that its counter gives for them.
/// 5. `live` and `ended`: the deliveries, with their numbers.
///
/// Example: events 1 (tenant A), 2 (A) and 3 (B) for subscriptions A/x and B/y, and B was
/// changed after matching. `checked.ok` is {true, false}; event 3 and its delivery are left
/// out. Of `lanes`, A/x numbers 2 and B/y 0. A/x's counter goes from 41 to 43, so its base
/// is 41 and the deliveries get 42 and 43. The answer `{true, false}` tells the caller to
/// match event 3 again.
///
/// What decides about a row is looked up in an array or in a hashed
/// subplan, never joined: with hash joins off, a join of two batches would be
/// quadratic. Where everything passes, it is not even looked up.
///
/// Parameters: 1 to 4 the deliveries, 5 and 6 the configurations, 7 the events, 8 the
/// latest time at which the statement may begin to write, 9 the
/// keys.
macro_rules! publish {
    (keys: [$($keys:expr)?], ended: [$($ended:expr)?], everything: $everything:expr,
     event_passes: $event:expr, delivery_passes: $delivery:expr, refused: $refused:expr) => {
        concat!(
            "WITH fence AS MATERIALIZED (SELECT ", $crate::postgres::ownership::clock!(), " <= $8 AS open)
            , checked AS MATERIALIZED (
                SELECT array_agg(t.config_version IS NOT DISTINCT FROM c.version
                        AND (SELECT open FROM fence) ORDER BY c.ord) AS ok,
                    bool_and(t.config_version IS NOT DISTINCT FROM c.version)
                        AND (SELECT open FROM fence) AS every
                FROM unnest($5::text[], $6::bigint[]) WITH ORDINALITY AS c(tenant, version, ord)
                LEFT JOIN tenants t ON t.id = c.tenant AND t.delete_time IS NULL)",
            $($keys,)?
            ", everything AS MATERIALIZED (SELECT ", $everything, " AS yes)
            , new_events AS (INSERT INTO events (", event_columns!(), ", payload)
                SELECT ", event_columns!(), ", payload FROM unnest($7::event_input[]) AS e
                WHERE ", $event, ")",
            number_and_insert!(all: "(SELECT yes FROM everything)", passes: $delivery),
            $($ended, $delivery, ")",)?
            " SELECT (SELECT open FROM fence) AS in_time, (SELECT ok FROM checked) AS ok, ",
            $refused, " AS refused,
                (SELECT base FROM bases) AS base"
        )
    };
}

/// Takes the keys, in their order (two replicas must not wait for each other in a
/// circle), and tells the events whose key was taken.
macro_rules! keys {
    () => {
        ", asked AS MATERIALIZED (
            SELECT tenant, key, event, matched, request_hash, expire_time, create_time
            FROM unnest($9::key_input[]) AS k WHERE (SELECT ok FROM checked)[config])
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
            SELECT event FROM asked WHERE (SELECT count(*) FROM asked) > (SELECT count(*) FROM taken)
                AND event NOT IN (SELECT event FROM taken))"
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
            " WHERE state >= 4 AND "
        )
    };
}

macro_rules! with_keys {
    ([$($ended:expr)?]) => {
        publish!(
            keys: [keys!()],
            ended: [$($ended)?],
            everything: "(SELECT every FROM checked) AND NOT EXISTS (SELECT FROM refused)",
            event_passes: "((SELECT yes FROM everything)
                OR (SELECT ok FROM checked)[config] AND id NOT IN (SELECT event FROM refused))",
            delivery_passes: "((SELECT yes FROM everything)
                OR (SELECT ok FROM checked)[config] AND event NOT IN (SELECT event FROM refused))",
            refused: "(SELECT coalesce(array_agg(event), '{}') FROM refused)"
        )
    };
}

macro_rules! without_keys {
    ([$($ended:expr)?]) => {
        publish!(
            keys: [],
            ended: [$($ended)?],
            everything: "(SELECT every FROM checked)",
            event_passes: "((SELECT yes FROM everything) OR (SELECT ok FROM checked)[config])",
            delivery_passes: "((SELECT yes FROM everything) OR (SELECT ok FROM checked)[config])",
            refused: "'{}'::uuid[]"
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

/// As [`statement`], parameters 1 to 8, for a batch without keys of which nothing has
/// ended: it stores all of it, or nothing when a configuration has changed or it comes
/// too late. Most
/// batches are such ones, and what a small one costs is the length of its plan.
pub(super) const PUBLISH_ALL_OR_NOTHING: &str = concat!(
    "WITH checked AS MATERIALIZED (
        SELECT count(t.id) = cardinality($5::text[]) AND ",
    crate::postgres::ownership::clock!(),
    " <= $8 AS yes
        FROM unnest($5::text[], $6::bigint[]) AS c(tenant, version)
        LEFT JOIN tenants t ON t.id = c.tenant AND t.config_version = c.version
            AND t.delete_time IS NULL)
    , new_events AS (INSERT INTO events (",
    event_columns!(),
    ", payload) SELECT ",
    event_columns!(),
    ", payload FROM unnest($7::event_input[]) AS e WHERE (SELECT yes FROM checked))
    , counters AS (INSERT INTO subscription_sequences AS old (tenant, subscription, sequence)
        SELECT tenant, subscription, n FROM unnest($2::text[], $3::text[], $4::bigint[])
            WITH ORDINALITY AS l(tenant, subscription, n, lane)
        WHERE (SELECT yes FROM checked) ORDER BY lane
        ON CONFLICT (tenant, subscription) DO UPDATE SET sequence = old.sequence + excluded.sequence
        RETURNING tenant, subscription, sequence)
    , last AS MATERIALIZED (SELECT array_agg(sequence ORDER BY tenant, subscription) AS number
        FROM counters)
    , live AS (INSERT INTO deliveries (",
    delivery_columns!(),
    ") SELECT id, tenant, subscription, event, event_type, account, shard, epoch, state,
            attempts, failures, trigger, due, deadline, ordering_key,
            coalesce(sequence, (SELECT number FROM last)[lane] - ($4::bigint[])[lane] + place),
            test, resend_of, filter_failed
        FROM ",
    delivery_source!(),
    " WHERE (SELECT yes FROM checked))
    SELECT (SELECT yes FROM checked) AS stored, coalesce((SELECT number FROM last), '{}') AS number"
);

/// Reading the event holds its partition, or its row, until the delivery is
/// visible to whoever would remove it. 5 is the event's time, 6 whether the
/// delivery has to be registered.
pub(super) const ADD_DELIVERY: &str = concat!(
    "WITH added AS MATERIALIZED (
        SELECT * FROM ",
    delivery_source!(),
    " WHERE EXISTS (SELECT FROM events e
            WHERE e.tenant = d.tenant AND e.id = d.event AND e.create_time = $5)
        OR EXISTS (SELECT FROM retained_events r
            WHERE r.tenant = d.tenant AND r.id = d.event FOR KEY SHARE))",
    number_added!(),
    ", ended AS (INSERT INTO ended_deliveries (",
    delivery_columns!(),
    ", end_reason, end_time) SELECT ",
    delivery_columns!(),
    ", end_reason, end_time FROM added WHERE state >= 4)
    , later AS (INSERT INTO later_deliveries (tenant, event, delivery)
        SELECT tenant, event, id FROM added WHERE $6)
    SELECT (SELECT count(*) FROM added) AS added, (SELECT base FROM bases) AS base"
);
