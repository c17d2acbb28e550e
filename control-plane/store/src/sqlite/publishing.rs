//! Commits events with their deliveries, in one transaction for a batch.
//!
//! Keeps the invariants `read-your-writes` and `one-key-one-event`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::ids::{EventId, SubscriptionKey, TenantId};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::sqlite::SqliteConnection;

use super::bulk::{BoundValues, BulkStatement};
use super::engine::SqliteStore;
use super::payload_removal::is_removed;
use super::rows::{
    DELIVERY_COLUMNS, ENDED_COLUMNS, EVENT_COLUMNS, RowReader, put_delivery, put_ended, put_event,
};
use crate::codec;
use crate::error::{StoreError, StoreResult};
use crate::publishing::{
    IdempotencyRecord, NewEvent, PublishOutcome, PublishingStore, UsedIdempotencyKey, numbered,
};

const CONFIG_VERSIONS: &str = "SELECT t.id, t.config_version FROM json_each(?) j
    CROSS JOIN tenants t ON t.id = j.value
    WHERE t.delete_time IS NULL";

const USED_KEYS: BulkStatement = BulkStatement {
    sql: "WITH asked(n, tenant, key, at) AS (VALUES {rows})
        SELECT n, event, matched, request_hash FROM asked
        CROSS JOIN idempotency_keys k ON k.tenant = asked.tenant AND k.key = asked.key
        WHERE k.expire_time > asked.at",
    columns: 4,
};

const USED_KEY: &str = "SELECT event, matched, request_hash FROM idempotency_keys
    WHERE tenant = ? AND key = ? AND expire_time > ?";

/// By name: a newer schema may have more columns.
const INSERT_LATER_DELIVERY: &str =
    "INSERT INTO later_deliveries (tenant, event, delivery) VALUES (?, ?, ?)";

const PUT_KEYS: BulkStatement = BulkStatement {
    sql: "INSERT INTO idempotency_keys (tenant, key, event, matched, request_hash, expire_time)
        VALUES {rows}
        ON CONFLICT (tenant, key) DO UPDATE
            SET event = excluded.event, matched = excluded.matched,
                request_hash = excluded.request_hash, expire_time = excluded.expire_time",
    columns: 6,
};

const PUT_EVENTS: BulkStatement = BulkStatement {
    sql: "INSERT INTO events (
            tenant, id, event_type, account, attributes, ordering_key, content_type,
            payload_sha256, traceparent, tracestate, idempotency_key, matched, test, payload
        )
        VALUES {rows}",
    columns: EVENT_COLUMNS,
};

const PUT_DELIVERIES: BulkStatement = BulkStatement {
    sql: "INSERT INTO deliveries (
            id, tenant, subscription, event, event_type, account, shard, epoch, state, end_reason,
            attempts, failures, cause, due, deadline, end_time, ordering_key, sequence, test,
            resend_of, filter_failed
        )
        VALUES {rows}",
    columns: DELIVERY_COLUMNS,
};

const PUT_ENDED: BulkStatement = BulkStatement {
    sql: "INSERT INTO ended_deliveries (
            id, event, tenant, subscription, event_type, account, state, end_reason, attempts,
            failures, cause, due, deadline, end_time, ordering_key, sequence, test, resend_of,
            filter_failed
        )
        VALUES {rows}",
    columns: ENDED_COLUMNS,
};

const SEQUENCES: BulkStatement = BulkStatement {
    sql: "WITH asked(tenant, subscription) AS (VALUES {rows})
        SELECT s.tenant, s.subscription, s.sequence FROM asked
        CROSS JOIN subscription_sequences s ON s.tenant = asked.tenant
            AND s.subscription = asked.subscription",
    columns: 2,
};

const PUT_SEQUENCES: BulkStatement = BulkStatement {
    sql: "INSERT INTO subscription_sequences (tenant, subscription, sequence)
        VALUES {rows}
        ON CONFLICT (tenant, subscription) DO UPDATE SET sequence = excluded.sequence",
    columns: 3,
};

#[async_trait]
impl PublishingStore for SqliteStore {
    async fn publish(&self, batch: &[NewEvent], _: Timestamp) -> StoreResult<Vec<PublishOutcome>> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let mut answers = judge(&mut tx, batch).await?;
        let accepted: Vec<&NewEvent> = batch
            .iter()
            .zip(&answers)
            .filter(|(_, answer)| answer.is_committed())
            .map(|(item, _)| item)
            .collect();
        PUT_EVENTS.run(&mut tx, &accepted, |row, item| put_event(row, &item.event)).await?;
        let deliveries: Vec<&Delivery> =
            accepted.iter().flat_map(|item| &item.deliveries).collect();
        let mut numbers = put_deliveries(&mut tx, &deliveries).await?.into_iter();
        put_keys(&mut tx, &accepted).await?;
        tx.commit().await?;
        for (item, answer) in batch.iter().zip(&mut answers) {
            if let PublishOutcome::Committed { sequences } = answer {
                sequences.extend(numbers.by_ref().take(item.deliveries.len()));
            }
        }
        Ok(answers)
    }

    async fn used_key(
        &self,
        tenant: &TenantId,
        key: &str,
        at: Timestamp,
    ) -> StoreResult<Option<UsedIdempotencyKey>> {
        let mut values = BoundValues::default();
        values.text(tenant.as_str()).text(key).add(at.as_micros());
        let rows = values.run(&mut *self.reader().await?, USED_KEY).await?;
        rows.first().map(|row| used_key(&mut RowReader::of(row))).transpose()
    }

    async fn add_delivery(
        &self,
        delivery: &Delivery,
        audit: &AuditDraft,
    ) -> StoreResult<Option<i64>> {
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        if is_removed(&mut tx, &delivery.subscription.tenant, delivery.event).await? {
            return Err(StoreError::Rejected("the event's payload was removed".to_owned()));
        }
        let numbers = put_deliveries(&mut tx, &[delivery]).await?;
        let mut values = BoundValues::default();
        values.text(delivery.subscription.tenant.as_str()).id(delivery.event.0).id(delivery.id.0);
        values.change(&mut tx, INSERT_LATER_DELIVERY).await?;
        self.append_to(&mut tx, audit).await?;
        tx.commit().await?;
        Ok(numbers.first().copied().flatten())
    }
}

/// Answers for each item before anything is written: under the writer's lock
/// nothing can change until it is.
async fn judge(
    connection: &mut SqliteConnection,
    batch: &[NewEvent],
) -> StoreResult<Vec<PublishOutcome>> {
    let versions = config_versions(connection, batch.iter().map(|item| &item.event.tenant)).await?;
    let mut answers: Vec<PublishOutcome> = batch
        .iter()
        .map(|item| match versions.get(&item.event.tenant) {
            Some(version) if *version == item.config_version => {
                PublishOutcome::Committed { sequences: Vec::with_capacity(item.deliveries.len()) }
            }
            _ => PublishOutcome::StaleConfig,
        })
        .collect();
    let asked: Vec<(usize, &NewEvent, &str, IdempotencyRecord)> = batch
        .iter()
        .enumerate()
        .filter_map(|(n, item)| {
            Some((n, item, item.event.content.idempotency_key.as_deref()?, item.idempotency?))
        })
        .collect();
    let used = USED_KEYS.run(connection, &asked, |row, (n, item, key, _)| {
        let n = i64::try_from(*n).unwrap_or(i64::MAX);
        row.add(n).text(item.event.tenant.as_str()).text(key);
        row.add(item.event.create_time().as_micros());
        Ok(())
    });
    for row in used.await? {
        let mut columns = RowReader::of(&row);
        let n: usize = columns.number("n")?;
        let UsedIdempotencyKey { event, matched, request_hash } = used_key(&mut columns)?;
        let same_request = batch
            .get(n)
            .and_then(|item| item.idempotency)
            .is_some_and(|asked| asked.request_hash == request_hash);
        if let Some(answer) = answers.get_mut(n) {
            *answer = PublishOutcome::Duplicate { event, matched, same_request };
        }
    }
    Ok(answers)
}

fn used_key(columns: &mut RowReader<'_>) -> StoreResult<UsedIdempotencyKey> {
    Ok(UsedIdempotencyKey {
        event: EventId(columns.id()?),
        matched: columns.number("matched")?,
        request_hash: codec::fixed("request_hash", columns.get()?)?,
    })
}

/// The versions of the tenants that are there.
pub(super) async fn config_versions<'a>(
    connection: &mut SqliteConnection,
    tenants: impl Iterator<Item = &'a TenantId>,
) -> StoreResult<HashMap<TenantId, i64>> {
    let tenants: BTreeSet<&str> = tenants.map(TenantId::as_str).collect();
    let mut values = BoundValues::default();
    values.add(codec::to_json(&tenants)?);
    let rows = values.run(connection, CONFIG_VERSIONS).await?;
    rows.iter()
        .map(|row| {
            let mut columns = RowReader::of(row);
            Ok((columns.tenant()?, columns.int()?))
        })
        .collect()
}

/// Stores deliveries; returns the number that each is stored with.
pub(super) async fn put_deliveries(
    connection: &mut SqliteConnection,
    deliveries: &[&Delivery],
) -> StoreResult<Vec<Option<i64>>> {
    let numbers = number(connection, deliveries).await?;
    let (ended, unfinished): (Vec<_>, Vec<_>) =
        deliveries.iter().zip(&numbers).partition(|(delivery, _)| delivery.state.is_final());
    put_unfinished(connection, &unfinished).await?;
    PUT_ENDED
        .run(connection, &ended, |row, (delivery, number)| {
            put_ended(row, delivery, **number);
            Ok(())
        })
        .await?;
    Ok(numbers)
}

/// Inserts unfinished deliveries with their sequence numbers.
pub(super) async fn put_unfinished(
    connection: &mut SqliteConnection,
    unfinished: &[(&&Delivery, &Option<i64>)],
) -> StoreResult<()> {
    PUT_DELIVERIES
        .run(connection, unfinished, |row, (delivery, number)| {
            put_delivery(row, delivery, **number);
            Ok(())
        })
        .await
        .map(drop)
}

/// Gives deliveries their subscriptions' next numbers, as far as they get one and
/// have none, and keeps the last ones.
async fn number(
    connection: &mut SqliteConnection,
    deliveries: &[&Delivery],
) -> StoreResult<Vec<Option<i64>>> {
    let mut last: BTreeMap<&SubscriptionKey, i64> = deliveries
        .iter()
        .filter(|delivery| numbered(delivery))
        .map(|delivery| (&delivery.subscription, 0))
        .collect();
    let keys: Vec<SubscriptionKey> = last.keys().map(|key| (*key).clone()).collect();
    let rows = SEQUENCES
        .run(connection, &keys, |row, key| {
            row.text(key.tenant.as_str()).text(key.subscription.as_str());
            Ok(())
        })
        .await?;
    for row in &rows {
        let mut columns = RowReader::of(row);
        let key =
            SubscriptionKey { tenant: columns.tenant()?, subscription: columns.subscription()? };
        let sequence = columns.int()?;
        if let Some(last) = last.get_mut(&key) {
            *last = sequence;
        }
    }
    let numbers = deliveries
        .iter()
        .map(|delivery| match last.get_mut(&delivery.subscription) {
            Some(last) if numbered(delivery) => {
                *last += 1;
                Some(*last)
            }
            _ => delivery.sequence,
        })
        .collect();
    let changed: Vec<_> = last.into_iter().collect();
    PUT_SEQUENCES
        .run(connection, &changed, |row, (key, sequence)| {
            row.text(key.tenant.as_str()).text(key.subscription.as_str()).add(*sequence);
            Ok(())
        })
        .await?;
    Ok(numbers)
}

async fn put_keys(connection: &mut SqliteConnection, accepted: &[&NewEvent]) -> StoreResult<()> {
    let keys: Vec<_> = accepted
        .iter()
        .filter_map(|item| {
            Some((&item.event, item.event.content.idempotency_key.as_deref()?, item.idempotency?))
        })
        .collect();
    PUT_KEYS
        .run(connection, &keys, |row, (event, key, idempotency)| {
            row.text(event.tenant.as_str())
                .text(key)
                .id(event.id.0)
                .add(i64::from(event.matched))
                .add(idempotency.request_hash.as_slice())
                .add(idempotency.expire_time.as_micros());
            Ok(())
        })
        .await?;
    Ok(())
}
