//! A result that arrives after its delivery has moved on (any-success-counts).
//!
//! The delivery's row is locked while the domain decides, in whichever table it is. A
//! delivery moves from the unfinished to the ended ones and never back, so looking in
//! that order, each in its own statement, misses none.
//!
//! Keeps the invariant `any-success-counts`.

use std::time::Duration;

use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryStatus, KnownAttempt, LateRecord, LateResult, Outcome, late,
};
use postrider_domain::ids::OrderedKey;
use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;

use super::arrays::{AttemptArrays, int};
use super::call::DatabaseCall;
use super::ending_attempts::move_ending_attempt;
use super::engine::PostgresStore;
use super::numbers::numbers_of;
use super::octaves::{OctaveCounts, octave};
use super::ordering::put_delivered;
use super::payload_removal::recordable;
use super::query::PgQuery;
use super::rows::{delivery, get, time};
use super::tail::RecordingTransaction;
use crate::codec;
use crate::error::StoreResult;
use crate::latency::latency_bucket;
use crate::sql_file::without_comment;
use crate::work::changes_ending_attempt;

const LOCK_LIVE: &str =
    "SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, account, shard, epoch, state, attempts, failures, trigger, due, deadline,
        ordering_key, sequence, test, resend_of, filter_failed, NULL::smallint AS end_reason,
        NULL::bigint AS end_time
    FROM deliveries
    WHERE id = $1 AND tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $2) FOR UPDATE";

const LOCK_ENDED: &str =
    "SELECT id, (SELECT n.id FROM tenant_numbers n WHERE n.number = tenant) AS tenant,
        (SELECT n.id FROM subscription_numbers n WHERE n.number = subscription) AS subscription,
        event, event_type, account, 0 AS shard, 0::bigint AS epoch, state, attempts, failures,
        trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_reason,
        end_time
    FROM ended_deliveries
    WHERE id = $1
        AND tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $2)
        AND end_time >= $3 FOR UPDATE";

/// The number is compared as a range, whose order only the index has that has to be taken.
const FIND_ATTEMPT: &str = "(
        SELECT outcome, start_time, total_us FROM attempts
        WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
            AND delivery = $2
            AND number >= $3
            AND number <= $3
            AND record_time >= $4
        ORDER BY number LIMIT 1
    )
    UNION ALL
    SELECT outcome, start_time, total_us FROM ended_deliveries
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND id = $2
        AND attempts = $3
        AND end_time >= $4
        AND outcome IS NOT NULL
    LIMIT 1";

const REMOVE_ATTEMPT: &str = "DELETE FROM attempts
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND delivery = $2
        AND number = $3
        AND record_time >= $4";

/// Nothing is taken from a place that has nothing: it would be taken from the next.
const SUBTRACT_COUNT: &str = "UPDATE attempt_stats SET counts = counts - $6::text::numeric
    WHERE tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $1)
        AND subscription = (
            SELECT n.number FROM subscription_numbers n WHERE n.tenant = $1 AND n.id = $2
        )
        AND hour = $3
        AND outcome = $4
        AND octave = $5
        AND mod(div(counts, $6::text::numeric), 1000000000000) > 0";

const INSERT_ATTEMPT: &str = without_comment(include_str!("../../sql/postgres/insert_attempt.sql"));

/// 1 the id, 2 the tenant, 3 the attempts, 4 now.
const END_UNFINISHED: &str = "WITH gone AS (
        DELETE FROM deliveries
        WHERE id = $1 AND tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $2)
        RETURNING *
    )
    INSERT INTO ended_deliveries (
        id, event, tenant, subscription, event_type, account, state, attempts, failures, trigger,
        due, deadline, ordering_key, sequence, test, resend_of, filter_failed, end_time
    )
    SELECT id, event, tenant, subscription, event_type, account, 4 /* SUCCEEDED */, $3::integer,
        failures, trigger, due, deadline, ordering_key, sequence, test, resend_of, filter_failed,
        $4::bigint
    FROM gone";

/// As [`END_UNFINISHED`]; 5 is the end's time until now.
const END_EXHAUSTED: &str = "UPDATE ended_deliveries
    SET state = 4 /* SUCCEEDED */, end_reason = NULL, attempts = $3, end_time = $4
    WHERE id = $1
        AND tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $2)
        AND end_time = $5";

const RAISE_UNFINISHED: &str = "UPDATE deliveries SET attempts = $3
    WHERE id = $1 AND tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $2)";

const RAISE_ENDED: &str = "UPDATE ended_deliveries SET attempts = $3
    WHERE id = $1
        AND tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $2)
        AND end_time = $4";

impl PostgresStore {
    pub(super) async fn conclude_one_late(
        &self,
        record: &AttemptRecord,
        now: Timestamp,
    ) -> StoreResult<LateResult> {
        let mut call = self.call("conclude_late");
        // Most late results are repetitions, which one look shows: agents send a result
        // again that was not acknowledged soon, and the more of them the slower the
        // database is.
        let repeated = EarlierRecord::known(find_attempt(&mut call, record).await?.as_ref());
        if repeated == KnownAttempt::Result {
            return Ok(late(None, repeated, record.outcome));
        }
        let key = std::iter::once(&record.subscription);
        let mut numbers = self.numbers.look_up(std::iter::empty(), key);
        self.numbers.complete(&mut call, &mut numbers).await?;
        let mut transaction = RecordingTransaction::begin(&mut call).await?;
        let record = &recordable(&mut transaction, record).await?;
        let delivery = lock_delivery(&mut transaction, record).await?;
        let earlier = find_attempt(&mut transaction, record).await?;
        let known = EarlierRecord::known(earlier.as_ref());
        let decision =
            late(delivery.as_ref().map(|delivery| delivery.state), known, record.outcome);
        let standing = decision.standing(delivery.as_ref().map(Delivery::standing));
        if let Some(delivery) = delivery {
            if changes_ending_attempt(&delivery, record, decision) {
                move_ending_attempt(&mut transaction, &delivery).await?;
            }
            if let Some(overtaken) = decision.overtaken(&delivery, record.key.number, now) {
                put_unless_known(&mut transaction, &overtaken, DeliveryStatus::SUCCEEDED, now)
                    .await?;
            }
            move_delivery(&mut transaction, &delivery, record, decision, now).await?;
        }
        if let (LateRecord::ReplaceUnknown, Some(earlier)) = (decision.record, earlier) {
            remove_attempt(&mut transaction, record, &earlier).await?;
        }
        if decision.record != LateRecord::Ignore {
            put_attempt(&mut transaction, record, standing, now).await?;
        }
        transaction.commit().await?;
        Ok(decision)
    }
}

async fn lock_delivery(
    call: &mut DatabaseCall<'_>,
    record: &AttemptRecord,
) -> StoreResult<Option<Delivery>> {
    let (id, tenant) = (record.key.delivery, record.subscription.tenant.as_str());
    let live = call.row(sqlx::query(LOCK_LIVE).bind(id.0).bind(tenant)).await?;
    if let Some(row) = live {
        return delivery(&row).map(Some);
    }
    let ended = call
        .row(sqlx::query(LOCK_ENDED).bind(id.0).bind(tenant).bind(id.time().as_micros()))
        .await?;
    ended.as_ref().map(delivery).transpose()
}

/// What history has in the record's place.
struct EarlierRecord {
    outcome: Outcome,
    start_time: Timestamp,
    total: Duration,
}

impl EarlierRecord {
    fn known(earlier: Option<&Self>) -> KnownAttempt {
        match earlier.map(|earlier| earlier.outcome) {
            None => KnownAttempt::Nothing,
            Some(Outcome::Unknown) => KnownAttempt::Unknown,
            Some(_) => KnownAttempt::Result,
        }
    }
}

async fn find_attempt(
    call: &mut DatabaseCall<'_>,
    record: &AttemptRecord,
) -> StoreResult<Option<EarlierRecord>> {
    let row = call.row(attempt_query(FIND_ATTEMPT, record)).await?;
    let earlier = |row: &PgRow| {
        Ok(EarlierRecord {
            outcome: codec::outcome(get::<i16>(row, "outcome")?.into())?,
            start_time: time(row, "start_time")?,
            total: codec::span("total_us", get(row, "total_us")?)?,
        })
    };
    row.as_ref().map(earlier).transpose()
}

/// Binds what names an attempt, and from when on it can have been recorded.
fn attempt_query<'q>(sql: &'static str, record: &'q AttemptRecord) -> PgQuery<'q> {
    sqlx::query(sql)
        .bind(record.subscription.tenant.as_str())
        .bind(record.key.delivery.0)
        .bind(int(record.key.number))
        .bind(record.key.delivery.time().as_micros())
}

/// Records an attempt, unless history has a record of it.
pub(super) async fn put_unless_known(
    transaction: &mut RecordingTransaction<'_, '_>,
    record: &AttemptRecord,
    delivery: DeliveryStatus,
    now: Timestamp,
) -> StoreResult<()> {
    if find_attempt(transaction, record).await?.is_some() {
        return Ok(());
    }
    put_attempt(transaction, record, Some(delivery), now).await
}

async fn put_attempt(
    transaction: &mut RecordingTransaction<'_, '_>,
    record: &AttemptRecord,
    delivery: Option<DeliveryStatus>,
    now: Timestamp,
) -> StoreResult<()> {
    let mut attempt = AttemptArrays::default();
    let numbers = numbers_of(transaction, &record.subscription).await?;
    attempt.push(record, numbers, delivery, None)?;
    let record_time = record.key.delivery.no_earlier(now);
    let query = attempt.bind(sqlx::query(INSERT_ATTEMPT)).bind(record_time.as_micros());
    transaction.execute(query).await?;
    Ok(())
}

async fn remove_attempt(
    call: &mut DatabaseCall<'_>,
    record: &AttemptRecord,
    earlier: &EarlierRecord,
) -> StoreResult<()> {
    call.execute(attempt_query(REMOVE_ATTEMPT, record)).await?;
    if record.test {
        return Ok(()); // It was not counted.
    }
    let (octave, place) = octave(latency_bucket(earlier.total));
    let mut one = OctaveCounts::default();
    one.add(place);
    call.execute(
        sqlx::query(SUBTRACT_COUNT)
            .bind(record.subscription.tenant.as_str())
            .bind(record.subscription.subscription.as_str())
            .bind(codec::hour(earlier.start_time))
            .bind(earlier.outcome.code())
            .bind(octave)
            .bind(one.to_number()),
    )
    .await?;
    Ok(())
}

/// Ends the delivery when it succeeded by the record; counts what history has then.
async fn move_delivery(
    call: &mut DatabaseCall<'_>,
    delivery: &Delivery,
    record: &AttemptRecord,
    decision: LateResult,
    now: Timestamp,
) -> StoreResult<()> {
    let succeeds = decision.succeeds;
    let attempts = delivery.attempts.max(record.key.number);
    if !succeeds && attempts == delivery.attempts {
        return Ok(());
    }
    let sql = match (succeeds, delivery.end_time) {
        (true, None) => END_UNFINISHED,
        (true, Some(_)) => END_EXHAUSTED,
        (false, None) => RAISE_UNFINISHED,
        (false, Some(_)) => RAISE_ENDED,
    };
    let mut query = sqlx::query(sql)
        .bind(delivery.id.0)
        .bind(delivery.subscription.tenant.as_str())
        .bind(int(attempts));
    if succeeds {
        query = query.bind(delivery.id.no_earlier(now).as_micros());
    }
    if let Some(end_time) = delivery.end_time {
        query = query.bind(end_time.as_micros());
    }
    call.execute(query).await?;
    match &delivery.ordering_key {
        Some(key) if succeeds => {
            let subscription = delivery.subscription.clone();
            let key = OrderedKey { subscription, key: key.clone() };
            put_delivered(call, &key, delivery.event).await
        }
        _ => Ok(()),
    }
}
