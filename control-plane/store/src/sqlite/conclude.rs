//! Records the results of attempts, in time or late, and moves their deliveries.

use std::collections::{BTreeMap, HashSet};

use postrider_domain::delivery::{
    self, AttemptRecord, Delivery, DeliveryState, DeliveryStatus, DeliveryTransition, EndReason,
    KnownAttempt, LateRecord, LateResult, Outcome, Trigger,
};
use postrider_domain::time::Timestamp;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::bulk::{BoundValues, BulkStatement, id_list};
use super::ending_attempts::{last_seq, move_ending_attempt};
use super::histogram::{self, HistogramChange};
use super::ordering::put_key_end;
use super::payload_removal::recordable;
use super::rows::{
    ATTEMPT_COLUMNS, OUTCOME_COLUMNS, RowReader, SELECT_DELIVERY, put_attempt, put_outcome,
};
use super::work_rows;
use crate::codec;
use crate::error::StoreResult;
use crate::latency::latency_bucket;
use crate::work::{Conclusion, ConclusionOutcome, changes_ending_attempt};

/// With the attempt that ends each, unless a result that came late has recorded it before.
const END_DELIVERIES: BulkStatement = BulkStatement {
    sql: "WITH result(
            id, number, state, reason, at, seq, settings_revision,
            outcome, http_status, start_time, dns, connect, tls, first_byte, total,
            response_headers, response_body, response_body_bytes, response_body_truncated, error,
            agent, region, remote_address, http_version
        ) AS (VALUES {rows})
        INSERT INTO ended_deliveries (
            id, event, tenant, subscription, event_type, account, state, end_reason, attempts,
            failures, cause, due, deadline, end_time, ordering_key, sequence, test, resend_of,
            filter_failed, outcome, http_status, start_time, dns, connect, tls, first_byte, total,
            response_headers, response_body, response_body_bytes, response_body_truncated, error,
            agent, region, remote_address, http_version, settings_revision, seq
        )
        SELECT d.id, d.event, d.tenant, d.subscription, d.event_type, d.account, result.state,
            result.reason, d.attempts, d.failures, d.cause, d.due, d.deadline, result.at,
            d.ordering_key, d.sequence, d.test, d.resend_of, d.filter_failed,
            CASE WHEN known.seq IS NULL THEN result.outcome END, result.http_status, result.start_time,
            result.dns, result.connect, result.tls, result.first_byte, result.total,
            result.response_headers, result.response_body, result.response_body_bytes,
            result.response_body_truncated, result.error, result.agent, result.region,
            result.remote_address, result.http_version, result.settings_revision, result.seq
        FROM result
        CROSS JOIN deliveries d ON d.id = result.id
            AND d.attempts = result.number
            AND d.state = 3 /* IN_FLIGHT */
        LEFT JOIN attempts known
            ON known.tenant = d.tenant AND known.delivery = d.id AND known.number = d.attempts
        RETURNING id",
    columns: 7 + OUTCOME_COLUMNS,
};

const RETRY_DELIVERIES: BulkStatement = BulkStatement {
    sql: "WITH result(id, number, due, failures, cause) AS (VALUES {rows})
        UPDATE deliveries
        SET state = 2 /* WAITING */, due = result.due, failures = result.failures,
            cause = result.cause
        FROM result
        WHERE deliveries.id = result.id
            AND deliveries.attempts = result.number
            AND deliveries.state = 3 /* IN_FLIGHT */
        RETURNING deliveries.id",
    columns: 5,
};

/// A result that came late may have recorded the attempt before its conclusion.
const INSERT_ATTEMPTS: BulkStatement = BulkStatement {
    sql: "INSERT INTO attempts (
            record_time, tenant, delivery, number, subscription, event, event_type, outcome,
            http_status, start_time, dns, connect, tls, first_byte, total, response_headers,
            response_body, response_body_bytes, response_body_truncated, error, agent, region,
            remote_address, http_version, cause, test, next_attempt_time, settings_revision,
            delivery_state, delivery_end_reason, seq
        )
        VALUES {rows}
        ON CONFLICT (tenant, delivery, number) DO NOTHING",
    columns: ATTEMPT_COLUMNS + 1,
};

const UPSERT_COUNTS: BulkStatement = BulkStatement {
    sql: "INSERT INTO attempt_stats (tenant, subscription, hour, outcome, counts)
        VALUES {rows}
        ON CONFLICT (tenant, subscription, hour, outcome) DO UPDATE SET counts = excluded.counts",
    columns: 5,
};

const SELECT_COUNTS: BulkStatement = BulkStatement {
    sql: "WITH asked(n, tenant, subscription, hour, outcome) AS (VALUES {rows})
        SELECT n, s.counts FROM asked
        CROSS JOIN attempt_stats s ON s.tenant = asked.tenant
            AND s.subscription = asked.subscription
            AND s.hour = asked.hour
            AND s.outcome = asked.outcome",
    columns: 5,
};

const SELECT_ATTEMPT: &str = "SELECT record_time, tenant, delivery, number, subscription, event,
        event_type, outcome, http_status, start_time, dns, connect, tls, first_byte, total,
        response_headers, response_body, response_body_bytes, response_body_truncated, error,
        agent, region, remote_address, http_version, cause, test, next_attempt_time,
        settings_revision, delivery_state, delivery_end_reason
    FROM attempts
    WHERE tenant = ?1 AND delivery = ?2 AND number = ?3
    UNION ALL
    SELECT end_time AS record_time, tenant, id AS delivery, attempts AS number, subscription, event,
        event_type, outcome, http_status, start_time, dns, connect, tls, first_byte, total,
        response_headers, response_body, response_body_bytes, response_body_truncated, error, agent,
        region, remote_address, http_version, cause, test, NULL AS next_attempt_time,
        settings_revision, state AS delivery_state, end_reason AS delivery_end_reason
    FROM ended_deliveries
    WHERE tenant = ?1 AND id = ?2 AND attempts = ?3 AND outcome IS NOT NULL";
const DELETE_ATTEMPT: &str =
    "DELETE FROM attempts WHERE tenant = ? AND delivery = ? AND number = ?";
const COUNT_UNFINISHED: &str = "UPDATE deliveries SET attempts = ?3 WHERE tenant = ?1 AND id = ?2";
const COUNT_ENDED: &str = "UPDATE ended_deliveries SET attempts = ?3 WHERE tenant = ?1 AND id = ?2";
/// Ends the hold on an ordering key that is there for the delivery's event.
const END_HOLD_OF_DELIVERY: &str = "UPDATE held_keys SET held = 0
    WHERE held = 1
        AND (tenant, subscription, ordering_key, event) IN (
            SELECT tenant, subscription, ordering_key, event FROM ended_deliveries
            WHERE tenant = ?1 AND id = ?2 AND ordering_key IS NOT NULL
        )";
const SUCCEED_ENDED: &str = "UPDATE ended_deliveries
    SET state = ?3, end_reason = NULL, end_time = ?4
    WHERE tenant = ?1 AND id = ?2";

/// Applies results whose deliveries still are where the results left them.
pub(super) async fn conclude(
    connection: &mut SqliteConnection,
    batch: &[Conclusion],
    now: Timestamp,
) -> StoreResult<Vec<ConclusionOutcome>> {
    let mut ends: Vec<(&AttemptRecord, DeliveryState, Option<EndReason>)> = Vec::new();
    let mut retries: Vec<(&AttemptRecord, Timestamp, u32)> = Vec::new();
    for Conclusion { record, transition, .. } in batch {
        match *transition {
            DeliveryTransition::End { state, reason } => ends.push((record, state, reason)),
            DeliveryTransition::Retry { due, failures } => retries.push((record, due, failures)),
        }
    }
    let mut seq = last_seq(connection).await?;
    let ended = END_DELIVERIES.run(connection, &ends, |row, (record, state, reason)| {
        seq += 1;
        row.id(record.key.delivery.0)
            .add(i64::from(record.key.number))
            .add(state.code())
            .add(reason.map(EndReason::code))
            .add(record.key.delivery.no_earlier(now).as_micros())
            .add(seq)
            .add(record.settings_revision);
        put_outcome(row, record)
    });
    let mut applied = ids(&ended.await?)?;
    if !applied.is_empty() {
        work_rows::remove(connection, id_list(applied.iter().copied())).await?;
    }
    let retried = RETRY_DELIVERIES.run(connection, &retries, |row, (record, due, failures)| {
        row.id(record.key.delivery.0)
            .add(i64::from(record.key.number))
            .add(due.as_micros())
            .add(i64::from(*failures))
            .add(Trigger::Retry.code());
        Ok(())
    });
    let retried = ids(&retried.await?)?;
    let going_on: Vec<&Conclusion> =
        batch.iter().filter(|item| retried.contains(&item.record.key.delivery.0)).collect();
    INSERT_ATTEMPTS
        .run(connection, &going_on, |row, item| {
            seq += 1;
            put_attempt(row, &item.record, Some(item.transition.standing()), now)?;
            row.add(seq);
            Ok(())
        })
        .await?;
    applied.extend(retried);
    let recorded: Vec<&Conclusion> =
        batch.iter().filter(|item| applied.contains(&item.record.key.delivery.0)).collect();
    count(connection, recorded.iter().map(|item| (&*item.record, 1))).await?;
    for end in recorded.iter().filter_map(|item| item.key_end.as_ref()) {
        put_key_end(connection, end).await?;
    }
    Ok(batch
        .iter()
        .map(|item| match applied.contains(&item.record.key.delivery.0) {
            true => ConclusionOutcome::Applied,
            false => ConclusionOutcome::NotCurrent,
        })
        .collect())
}

fn ids(rows: &[sqlx::sqlite::SqliteRow]) -> StoreResult<HashSet<Uuid>> {
    rows.iter().map(|row| RowReader::of(row).id()).collect()
}

/// Adds attempts, but for tests, to the statistics, or with −1 takes them out.
async fn count<'a>(
    connection: &mut SqliteConnection,
    records: impl Iterator<Item = (&'a AttemptRecord, i64)>,
) -> StoreResult<()> {
    let mut changes: BTreeMap<CountedAttempts<'_>, HistogramChange> = BTreeMap::new();
    for (record, by) in records.filter(|(record, _)| !record.test) {
        let key = (
            record.subscription.tenant.as_str(),
            record.subscription.subscription.as_str(),
            codec::hour(record.start_time),
            record.outcome.code(),
        );
        let bucket = latency_bucket(record.timings.total);
        *changes.entry(key).or_default().entry(bucket).or_default() += by;
    }
    let keys: Vec<_> = (0_i64..).zip(changes.keys()).collect();
    let found = SELECT_COUNTS.run(connection, &keys, |row, (n, key)| {
        row.add(*n);
        put_counted(row, key);
        Ok(())
    });
    let found = found.await?;
    let mut before: Vec<&[u8]> = vec![&[]; changes.len()];
    for row in &found {
        let mut columns = RowReader::of(row);
        let n: usize = columns.number("n")?;
        let counts = columns.get()?;
        before.get_mut(n).into_iter().for_each(|before| *before = counts);
    }
    let changes: Vec<_> = changes.into_iter().zip(before).collect();
    let written = UPSERT_COUNTS.run(connection, &changes, |row, ((key, change), before)| {
        put_counted(row, key);
        row.add(histogram::changed(before, change)?);
        Ok(())
    });
    written.await.map(drop)
}

/// What attempts are counted as: tenant, subscription, hour, outcome.
type CountedAttempts<'a> = (&'a str, &'a str, i64, i16);

fn put_counted(row: &mut BoundValues, (tenant, subscription, hour, outcome): &CountedAttempts<'_>) {
    row.text(tenant).text(subscription).add(*hour).add(*outcome);
}

/// Records a result that came after its delivery had moved on (invariant `any-success-counts`).
pub(super) async fn late(
    connection: &mut SqliteConnection,
    record: &AttemptRecord,
    now: Timestamp,
) -> StoreResult<LateResult> {
    let record = &recordable(connection, record).await?;
    let rows = named(record).run(connection, SELECT_DELIVERY).await?;
    let found = rows.first().map(|row| RowReader::of(row).delivery()).transpose()?;
    let rows = attempt(record).run(connection, SELECT_ATTEMPT).await?;
    let before = rows.first().map(|row| RowReader::of(row).attempt()).transpose()?;
    let known = match &before {
        None => KnownAttempt::Nothing,
        Some(before) if before.outcome == Outcome::Unknown => KnownAttempt::Unknown,
        Some(_) => KnownAttempt::Result,
    };
    let standing = found.as_ref().map(Delivery::standing);
    let late = delivery::late(standing.map(|before| before.state), known, record.outcome);
    let after = late.standing(standing);
    if found.as_ref().is_some_and(|delivery| changes_ending_attempt(delivery, record, late)) {
        move_ending_attempt(connection, record).await?;
    }
    match late.record {
        LateRecord::Ignore => {}
        LateRecord::Insert => put(connection, record, after, now).await?,
        LateRecord::ReplaceUnknown => {
            // As a new row, so that a tail that has shown the UNKNOWN shows this.
            attempt(record).change(connection, DELETE_ATTEMPT).await?;
            count(connection, before.iter().map(|before| (before, -1))).await?;
            put(connection, record, after, now).await?;
        }
    }
    if let Some(delivery) = found {
        settle(connection, record, &delivery, late, now).await?;
    }
    Ok(late)
}

/// Brings the delivery itself up to what a late result says of it.
async fn settle(
    connection: &mut SqliteConnection,
    record: &AttemptRecord,
    delivery: &Delivery,
    late: LateResult,
    now: Timestamp,
) -> StoreResult<()> {
    let (succeeds, number, state) = (late.succeeds, record.key.number, delivery.state);
    if number > delivery.attempts {
        let mut values = named(record);
        values.add(i64::from(number));
        let count = if state.is_final() { COUNT_ENDED } else { COUNT_UNFINISHED };
        values.change(connection, count).await?;
    }
    if let Some(overtaken) = late.overtaken(delivery, number, now) {
        put_unless_known(connection, &overtaken, DeliveryStatus::SUCCEEDED, now).await?;
    }
    if succeeds && state.is_final() {
        let mut values = named(record);
        let end_time = record.key.delivery.no_earlier(now);
        values.add(DeliveryState::Succeeded.code()).add(end_time.as_micros());
        values.change(connection, SUCCEED_ENDED).await?;
    } else if succeeds {
        let id = record.key.delivery;
        work_rows::end(connection, &[id], DeliveryState::Succeeded, None, now).await?;
    }
    if succeeds {
        named(record).change(connection, END_HOLD_OF_DELIVERY).await?;
    }
    Ok(())
}

/// Records an attempt of which history may have something already.
pub(super) async fn put_unless_known(
    connection: &mut SqliteConnection,
    record: &AttemptRecord,
    delivery: DeliveryStatus,
    now: Timestamp,
) -> StoreResult<()> {
    if attempt(record).run(connection, SELECT_ATTEMPT).await?.is_empty() {
        put(connection, record, Some(delivery), now).await?;
    }
    Ok(())
}

async fn put(
    connection: &mut SqliteConnection,
    record: &AttemptRecord,
    delivery: Option<DeliveryStatus>,
    now: Timestamp,
) -> StoreResult<()> {
    let seq = last_seq(connection).await? + 1;
    INSERT_ATTEMPTS
        .run(connection, &[record], |row, record| {
            put_attempt(row, record, delivery, now)?;
            row.add(seq);
            Ok(())
        })
        .await?;
    count(connection, std::iter::once((record, 1))).await
}

fn named(record: &AttemptRecord) -> BoundValues {
    let mut values = BoundValues::default();
    values.text(record.subscription.tenant.as_str()).id(record.key.delivery.0);
    values
}

fn attempt(record: &AttemptRecord) -> BoundValues {
    let mut values = named(record);
    values.add(i64::from(record.key.number));
    values
}
