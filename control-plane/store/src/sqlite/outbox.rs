//! The outbox of operational events, failure streaks, and certificates that end, as
//! [`OutboxStore`] asks for them.

use async_trait::async_trait;
use postrider_domain::failure_streak::{FailureStreak, WarningStage};
use postrider_domain::ids::{DeliveryId, Shard, SubscriptionKey, TenantId};
use postrider_domain::operational_event::{EndpointSummary, ExhaustedDelivery, OperationalEvent};
use postrider_domain::time::Timestamp;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

use super::bulk::{BoundValues, BulkStatement, id_list};
use super::engine::SqliteStore;
use super::rows::RowReader;
use crate::codec;
use crate::config::SubscriptionSideEffects;
use crate::error::StoreResult;
use crate::outbox::{OutboxEntry, OutboxStore, StreakChange, StreakChanges};
use crate::work::{Conclusion, ConclusionOutcome, EndWaitingRequest};

const INSERT_OUTBOX: BulkStatement = BulkStatement {
    sql: "INSERT INTO outbox (shard, tenant, subscription, id, event_type, payload)
        VALUES {rows}
        ON CONFLICT (tenant, id) DO NOTHING",
    columns: 6,
};
const SELECT_OUTBOX: &str = "SELECT seq, tenant, subscription, id, event_type, payload
    FROM outbox
    WHERE shard IN (SELECT value FROM json_each(?1))
    ORDER BY seq LIMIT ?2";
const DELETE_OUTBOX: &str = "DELETE FROM outbox WHERE seq IN (SELECT value FROM json_each(?))";

const INSERT_STREAKS: BulkStatement = BulkStatement {
    sql: "INSERT INTO failing_endpoints (tenant, subscription, shard, failing_since, stage)
        VALUES {rows}
        ON CONFLICT (tenant, subscription) DO NOTHING",
    columns: 5,
};
const DELETE_STREAKS: BulkStatement = BulkStatement {
    sql: "DELETE FROM failing_endpoints
        WHERE (tenant, subscription) IN (VALUES {rows})
        RETURNING tenant, subscription, stage",
    columns: 2,
};
const UPDATE_STREAK_STAGE: &str = "UPDATE failing_endpoints SET stage = ?5
    WHERE tenant = ?1 AND subscription = ?2 AND failing_since = ?3 AND stage = ?4";
const SELECT_STREAKS_OF_SHARDS: &str = "SELECT tenant, subscription, failing_since, stage
    FROM failing_endpoints
    WHERE shard IN (SELECT value FROM json_each(?))";
const SELECT_STREAK: &str = "SELECT tenant, subscription, failing_since, stage
    FROM failing_endpoints
    WHERE tenant = ? AND subscription = ?";
const SELECT_CERTIFICATE_WARNINGS: &str = "SELECT tenant, id, certificate_warning
    FROM subscriptions INDEXED BY subscriptions_certificate_warning
    WHERE certificate_warning <= ?2 AND shard IN (SELECT value FROM json_each(?1))
    ORDER BY certificate_warning LIMIT ?3";
const UPDATE_CERTIFICATE_WARNING: &str = "UPDATE subscriptions SET certificate_warning = ?4
    WHERE tenant = ?1 AND id = ?2 AND certificate_warning = ?3";
const DELETE_STREAKS_OF_TENANT: &str = "DELETE FROM failing_endpoints WHERE tenant = ?";

const SELECT_ENDING_DELIVERIES: &str = "SELECT d.id, d.tenant, d.subscription, d.event,
        d.event_type, d.account, d.shard, d.epoch, d.state, d.end_reason, d.attempts, d.failures,
        d.cause, d.due, d.deadline, d.end_time, d.ordering_key, d.sequence, d.test, d.resend_of,
        d.filter_failed
    FROM json_each(?1) j
    CROSS JOIN deliveries d ON d.id = unhex(j.value)";

#[async_trait]
impl OutboxStore for SqliteStore {
    async fn list_outbox(&self, shards: &[Shard], limit: u32) -> StoreResult<Vec<OutboxEntry>> {
        let mut values = BoundValues::default();
        values.add(shard_list(shards)?).add(i64::from(limit));
        let rows = values.run(&mut *self.reader().await?, SELECT_OUTBOX).await?;
        rows.iter()
            .map(|row| {
                let mut columns = RowReader::of(row);
                let place = columns.int()?;
                let tenant = columns.tenant()?;
                let subscription = columns.subscription()?;
                let operational_event = OperationalEvent {
                    subscription: SubscriptionKey { tenant, subscription },
                    id: columns.text()?.to_owned(),
                    event_type: columns.text()?.to_owned(),
                    payload: columns.text()?.to_owned(),
                };
                Ok(OutboxEntry { place, operational_event })
            })
            .collect()
    }

    async fn delete_from_outbox(&self, places: &[i64]) -> StoreResult<()> {
        let mut values = BoundValues::default();
        values.add(codec::to_json(&places)?);
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        values.change(&mut tx, DELETE_OUTBOX).await?;
        tx.commit().await
    }

    async fn streaks(
        &self,
        shards: &[Shard],
    ) -> StoreResult<Vec<(SubscriptionKey, FailureStreak)>> {
        let mut values = BoundValues::default();
        values.add(shard_list(shards)?);
        let rows = values.run(&mut *self.reader().await?, SELECT_STREAKS_OF_SHARDS).await?;
        rows.iter().map(streak).collect()
    }

    async fn streak(&self, key: &SubscriptionKey) -> StoreResult<Option<FailureStreak>> {
        let rows = named(key).run(&mut *self.reader().await?, SELECT_STREAK).await?;
        rows.first().map(|row| streak(row).map(|(_, streak)| streak)).transpose()
    }

    async fn raise_streak(
        &self,
        key: &SubscriptionKey,
        from: FailureStreak,
        to: WarningStage,
        operational_event: Option<&OperationalEvent>,
    ) -> StoreResult<bool> {
        let mut values = named(key);
        values.add(from.since.as_micros()).add(from.stage.code()).add(to.code());
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let raised = values.change(&mut tx, UPDATE_STREAK_STAGE).await? > 0;
        if raised {
            put(&mut tx, &Vec::from_iter(operational_event), self.shards).await?;
        }
        tx.commit().await?;
        Ok(raised)
    }

    async fn end_streak(
        &self,
        key: &SubscriptionKey,
        recovered: Option<&OperationalEvent>,
    ) -> StoreResult<()> {
        let change = StreakChange::End { recovered: recovered.cloned() };
        let mut changes = StreakChanges::default();
        changes.push(key, &change);
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let operational_events = apply(&mut tx, &changes, self.shards).await?;
        put(&mut tx, &operational_events, self.shards).await?;
        tx.commit().await
    }

    async fn due_certificate_warnings(
        &self,
        shards: &[Shard],
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(SubscriptionKey, Timestamp)>> {
        let mut values = BoundValues::default();
        values.add(shard_list(shards)?).add(now.as_micros()).add(i64::from(limit));
        let rows = values.run(&mut *self.reader().await?, SELECT_CERTIFICATE_WARNINGS).await?;
        rows.iter()
            .map(|row| {
                let mut columns = RowReader::of(row);
                let tenant = columns.tenant()?;
                let subscription = columns.subscription()?;
                Ok((SubscriptionKey { tenant, subscription }, columns.time()?))
            })
            .collect()
    }

    async fn warn_of_certificates(
        &self,
        key: &SubscriptionKey,
        due: Timestamp,
        next: Option<Timestamp>,
        operational_events: &[OperationalEvent],
    ) -> StoreResult<bool> {
        let mut values = named(key);
        values.add(due.as_micros()).add(next.map(Timestamp::as_micros));
        let mut writing = self.writer.lock().await?;
        let mut tx = writing.begin().await?;
        let done = values.change(&mut tx, UPDATE_CERTIFICATE_WARNING).await? > 0;
        if done {
            put(&mut tx, &operational_events.iter().collect::<Vec<_>>(), self.shards).await?;
        }
        tx.commit().await?;
        Ok(done)
    }
}

/// Writes what the conclusions that were applied make of streaks, and what is
/// told of them.
pub(super) async fn of_conclusions(
    connection: &mut SqliteConnection,
    batch: &[Conclusion],
    concluded: &[ConclusionOutcome],
    shards: u16,
) -> StoreResult<()> {
    let mut changes = StreakChanges::default();
    let mut operational_events = Vec::new();
    for (item, _) in batch.iter().zip(concluded).filter(|(_, c)| **c == ConclusionOutcome::Applied)
    {
        if let Some(change) = &item.streak {
            changes.push(&item.record.subscription, change);
        }
        operational_events.extend(&item.operational_event);
    }
    operational_events.extend(apply(connection, &changes, shards).await?);
    put(connection, &operational_events, shards).await
}

/// Writes the operational events about deliveries that are about to end.
pub(super) async fn of_ends(
    connection: &mut SqliteConnection,
    endpoint: &EndpointSummary,
    ids: &[DeliveryId],
    request: &EndWaitingRequest,
    shards: u16,
) -> StoreResult<()> {
    let mut values = BoundValues::default();
    values.add(id_list(ids.iter().map(|id| id.0)));
    let mut operational_events = Vec::new();
    for row in values.run(&mut *connection, SELECT_ENDING_DELIVERIES).await? {
        let delivery = RowReader::of(&row).delivery()?;
        let ended = ExhaustedDelivery::of(&delivery, Some(request.reason));
        operational_events.extend(ended.map(|ended| endpoint.exhausted(ended)));
    }
    put(connection, &operational_events.iter().collect::<Vec<_>>(), shards).await
}

/// Writes what comes with a change of a subscription.
pub(super) async fn of_change(
    connection: &mut SqliteConnection,
    key: &SubscriptionKey,
    side_effects: &SubscriptionSideEffects,
    shards: u16,
) -> StoreResult<()> {
    if side_effects.ends_streak {
        let keys = [key];
        DELETE_STREAKS
            .run(&mut *connection, &keys, |row, key| {
                row.text(key.tenant.as_str()).text(key.subscription.as_str());
                Ok(())
            })
            .await?;
    }
    put(connection, &side_effects.operational_events.iter().collect::<Vec<_>>(), shards).await
}

pub(super) async fn forget_tenant(
    connection: &mut SqliteConnection,
    tenant: &TenantId,
) -> StoreResult<()> {
    let mut values = BoundValues::default();
    values.text(tenant.as_str());
    values.change(connection, DELETE_STREAKS_OF_TENANT).await.map(|_| ())
}

/// Applies changes of streaks; returns what is to be told of them.
async fn apply<'a>(
    connection: &mut SqliteConnection,
    changes: &StreakChanges<'a>,
    shards: u16,
) -> StoreResult<Vec<&'a OperationalEvent>> {
    let ended = changes.ended();
    let removed = DELETE_STREAKS.run(&mut *connection, &ended, |row, key| {
        row.text(key.tenant.as_str()).text(key.subscription.as_str());
        Ok(())
    });
    let mut operational_events = Vec::new();
    for row in removed.await? {
        let mut columns = RowReader::of(&row);
        let tenant = columns.tenant()?;
        let subscription = columns.subscription()?;
        let key = SubscriptionKey { tenant, subscription };
        operational_events.extend(changes.recovered(&key, codec::stage(columns.int()?)?));
    }
    INSERT_STREAKS
        .run(connection, &changes.begun(), |row, (key, since)| {
            row.text(key.tenant.as_str())
                .text(key.subscription.as_str())
                .add(i64::from(Shard::of(&key.tenant, shards).0))
                .add(since.as_micros())
                .add(WarningStage::Begun.code());
            Ok(())
        })
        .await?;
    Ok(operational_events)
}

async fn put(
    connection: &mut SqliteConnection,
    operational_events: &[&OperationalEvent],
    shards: u16,
) -> StoreResult<()> {
    let rows = INSERT_OUTBOX.run(connection, operational_events, |row, operational_event| {
        let key = &operational_event.subscription;
        row.add(i64::from(Shard::of(&key.tenant, shards).0))
            .text(key.tenant.as_str())
            .text(key.subscription.as_str())
            .text(&operational_event.id)
            .text(&operational_event.event_type)
            .text(&operational_event.payload);
        Ok(())
    });
    rows.await.map(|_| ())
}

fn streak(row: &SqliteRow) -> StoreResult<(SubscriptionKey, FailureStreak)> {
    let mut columns = RowReader::of(row);
    let tenant = columns.tenant()?;
    let subscription = columns.subscription()?;
    let streak = FailureStreak { since: columns.time()?, stage: codec::stage(columns.int()?)? };
    Ok((SubscriptionKey { tenant, subscription }, streak))
}

fn named(key: &SubscriptionKey) -> BoundValues {
    let mut values = BoundValues::default();
    values.text(key.tenant.as_str()).text(key.subscription.as_str());
    values
}

fn shard_list(shards: &[Shard]) -> StoreResult<String> {
    codec::to_json(&shards.iter().map(|shard| shard.0).collect::<Vec<_>>())
}
