//! The outbox of operational events, failure streaks, and certificates that end, as
//! [`OutboxStore`] asks for them.

use async_trait::async_trait;
use postrider_domain::delivery::EndReason;
use postrider_domain::failure_streak::{FailureStreak, WarningStage};
use postrider_domain::ids::{DeliveryId, EventId, Shard, SubscriptionKey, TenantId};
use postrider_domain::operational_event::{EndpointSummary, ExhaustedDelivery, OperationalEvent};
use postrider_domain::time::Timestamp;
use sqlx::postgres::PgRow;

use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::rows::{get, read, subscription_key, time};
use crate::codec;
use crate::config::SubscriptionSideEffects;
use crate::error::StoreResult;
use crate::outbox::{OutboxEntry, OutboxStore, StreakChange, StreakChanges};
use crate::work::Conclusion;

const INSERT_OUTBOX: &str = "INSERT INTO outbox (
        shard, tenant, subscription, id, event_type, payload
    )
    SELECT *
    FROM unnest($1::integer[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
    ON CONFLICT (tenant, id) DO NOTHING";
const SELECT_OUTBOX: &str = "SELECT seq, tenant, subscription, id, event_type, payload
    FROM outbox
    WHERE shard = ANY($1::integer[])
    ORDER BY seq LIMIT $2";
const DELETE_OUTBOX: &str = "DELETE FROM outbox WHERE seq = ANY($1::bigint[])";

const INSERT_STREAKS: &str = "INSERT INTO failing_endpoints (
        tenant, subscription, shard, failing_since, stage
    )
    SELECT tenant, subscription, shard, since, 0
    FROM unnest(
        $1::text[], $2::text[], $3::integer[], $4::bigint[]
    ) AS begun(tenant, subscription, shard, since)
    ON CONFLICT (tenant, subscription) DO NOTHING";
const DELETE_STREAKS: &str = "DELETE FROM failing_endpoints f
    USING unnest($1::text[], $2::text[]) AS ended(tenant, subscription)
    WHERE f.tenant = ended.tenant AND f.subscription = ended.subscription
    RETURNING f.tenant, f.subscription, f.stage";
const UPDATE_STREAK_STAGE: &str = "UPDATE failing_endpoints SET stage = $5
    WHERE tenant = $1 AND subscription = $2 AND failing_since = $3 AND stage = $4";
const SELECT_STREAKS_OF_SHARDS: &str = "SELECT tenant, subscription, failing_since, stage
    FROM failing_endpoints
    WHERE shard = ANY($1::integer[])";
const SELECT_STREAK: &str = "SELECT tenant, subscription, failing_since, stage
    FROM failing_endpoints
    WHERE tenant = $1 AND subscription = $2";
const SELECT_CERTIFICATE_WARNINGS: &str = "SELECT tenant, id AS subscription, certificate_warning
    FROM subscriptions
    WHERE certificate_warning <= $2 AND shard = ANY($1::integer[])
    ORDER BY certificate_warning LIMIT $3";
const UPDATE_CERTIFICATE_WARNING: &str = "UPDATE subscriptions SET certificate_warning = $4
    WHERE tenant = $1 AND id = $2 AND certificate_warning = $3";

#[async_trait]
impl OutboxStore for PostgresStore {
    async fn list_outbox(&self, shards: &[Shard], limit: u32) -> StoreResult<Vec<OutboxEntry>> {
        let mut call = self.call("list_outbox");
        let rows = call
            .rows(sqlx::query(SELECT_OUTBOX).bind(numbers(shards)).bind(i64::from(limit)))
            .await?;
        read(&rows, waiting)
    }

    async fn delete_from_outbox(&self, places: &[i64]) -> StoreResult<()> {
        let mut call = self.call("delete_from_outbox");
        call.execute(sqlx::query(DELETE_OUTBOX).bind(places)).await?;
        Ok(())
    }

    async fn streaks(
        &self,
        shards: &[Shard],
    ) -> StoreResult<Vec<(SubscriptionKey, FailureStreak)>> {
        let mut call = self.call("streaks");
        let query = sqlx::query(SELECT_STREAKS_OF_SHARDS).bind(numbers(shards));
        read(&call.rows(query).await?, streak)
    }

    async fn streak(&self, key: &SubscriptionKey) -> StoreResult<Option<FailureStreak>> {
        let mut call = self.call("streak");
        let row = call
            .row(
                sqlx::query(SELECT_STREAK)
                    .bind(key.tenant.as_str())
                    .bind(key.subscription.as_str()),
            )
            .await?;
        row.map(|row| streak(&row).map(|(_, streak)| streak)).transpose()
    }

    async fn raise_streak(
        &self,
        key: &SubscriptionKey,
        from: FailureStreak,
        to: WarningStage,
        operational_event: Option<&OperationalEvent>,
    ) -> StoreResult<bool> {
        let mut call = self.call("raise_streak");
        call.begin().await?;
        let done = call
            .execute(
                sqlx::query(UPDATE_STREAK_STAGE)
                    .bind(key.tenant.as_str())
                    .bind(key.subscription.as_str())
                    .bind(from.since.as_micros())
                    .bind(from.stage.code())
                    .bind(to.code()),
            )
            .await?;
        let raised = done > 0;
        if raised {
            put(&mut call, &Vec::from_iter(operational_event), self.shards).await?;
        }
        call.commit().await?;
        Ok(raised)
    }

    async fn end_streak(
        &self,
        key: &SubscriptionKey,
        recovered: Option<&OperationalEvent>,
    ) -> StoreResult<()> {
        let mut call = self.call("end_streak");
        let change = StreakChange::End { recovered: recovered.cloned() };
        let mut changes = StreakChanges::default();
        changes.push(key, &change);
        call.begin().await?;
        let operational_events = apply(&mut call, &changes, self.shards).await?;
        put(&mut call, &operational_events, self.shards).await?;
        call.commit().await
    }

    async fn due_certificate_warnings(
        &self,
        shards: &[Shard],
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<Vec<(SubscriptionKey, Timestamp)>> {
        let mut call = self.call("due_certificate_warnings");
        let query = sqlx::query(SELECT_CERTIFICATE_WARNINGS).bind(numbers(shards));
        let query = query.bind(now.as_micros()).bind(i64::from(limit));
        read(&call.rows(query).await?, |row| {
            Ok((subscription_key(row)?, time(row, "certificate_warning")?))
        })
    }

    async fn warn_of_certificates(
        &self,
        key: &SubscriptionKey,
        due: Timestamp,
        next: Option<Timestamp>,
        operational_events: &[OperationalEvent],
    ) -> StoreResult<bool> {
        let mut call = self.call("warn_of_certificates");
        call.begin().await?;
        let done = call
            .execute(
                sqlx::query(UPDATE_CERTIFICATE_WARNING)
                    .bind(key.tenant.as_str())
                    .bind(key.subscription.as_str())
                    .bind(due.as_micros())
                    .bind(next.map(Timestamp::as_micros)),
            )
            .await?;
        if done > 0 {
            put(&mut call, &operational_events.iter().collect::<Vec<_>>(), self.shards).await?;
        }
        call.commit().await?;
        Ok(done > 0)
    }
}

/// Writes the side effects of conclusions: streaks and operational events.
pub(super) async fn of_conclusions<'a>(
    call: &mut DatabaseCall<'_>,
    applied: impl Iterator<Item = &'a Conclusion>,
    shards: u16,
) -> StoreResult<()> {
    let mut changes = StreakChanges::default();
    let mut operational_events = Vec::new();
    for item in applied {
        if let Some(change) = &item.streak {
            changes.push(&item.record.subscription, change);
        }
        operational_events.extend(&item.operational_event);
    }
    operational_events.extend(apply(call, &changes, shards).await?);
    put(call, &operational_events, shards).await
}

/// Writes the operational events of ended deliveries.
pub(super) async fn of_ends(
    call: &mut DatabaseCall<'_>,
    endpoint: &EndpointSummary,
    ended: &[PgRow],
    reason: EndReason,
    shards: u16,
) -> StoreResult<()> {
    let mut operational_events = Vec::new();
    for row in ended {
        let event_type: String = get(row, "event_type")?;
        let ended = ExhaustedDelivery {
            delivery: DeliveryId(get(row, "id")?),
            event: EventId(get(row, "event")?),
            event_type: &event_type,
            attempts: codec::narrow("attempts", get::<i32>(row, "attempts")?.into())?,
            reason: Some(reason),
        };
        let ended = ended.unless_hidden(get(row, "test")?);
        operational_events.extend(ended.map(|ended| endpoint.exhausted(ended)));
    }
    put(call, &operational_events.iter().collect::<Vec<_>>(), shards).await
}

/// Writes the side effects of a subscription's change.
pub(super) async fn of_change(
    call: &mut DatabaseCall<'_>,
    key: &SubscriptionKey,
    side_effects: &SubscriptionSideEffects,
    shards: u16,
) -> StoreResult<()> {
    if side_effects.ends_streak {
        call.execute(
            sqlx::query(DELETE_STREAKS)
                .bind(vec![key.tenant.as_str()])
                .bind(vec![key.subscription.as_str()]),
        )
        .await?;
    }
    put(call, &side_effects.operational_events.iter().collect::<Vec<_>>(), shards).await
}

pub(super) async fn forget_tenant(
    call: &mut DatabaseCall<'_>,
    tenant: &TenantId,
) -> StoreResult<()> {
    call.execute(
        sqlx::query("DELETE FROM failing_endpoints WHERE tenant = $1").bind(tenant.as_str()),
    )
    .await?;
    Ok(())
}

/// Applies changes of streaks; returns the operational events to write.
async fn apply<'a>(
    call: &mut DatabaseCall<'_>,
    changes: &StreakChanges<'a>,
    shards: u16,
) -> StoreResult<Vec<&'a OperationalEvent>> {
    let ended = changes.ended();
    let mut operational_events = Vec::new();
    if !ended.is_empty() {
        let removed = call
            .rows(
                sqlx::query(DELETE_STREAKS)
                    .bind(ended.iter().map(|key| key.tenant.as_str()).collect::<Vec<_>>())
                    .bind(ended.iter().map(|key| key.subscription.as_str()).collect::<Vec<_>>()),
            )
            .await?;
        for row in &removed {
            let stage = codec::stage(get::<i16>(row, "stage")?.into())?;
            operational_events.extend(changes.recovered(&subscription_key(row)?, stage));
        }
    }
    let begun = changes.begun();
    if !begun.is_empty() {
        let shard = |(key, _): &(&SubscriptionKey, _)| shard_of(key, shards);
        call.execute(
            sqlx::query(INSERT_STREAKS)
                .bind(begun.iter().map(|(key, _)| key.tenant.as_str()).collect::<Vec<_>>())
                .bind(begun.iter().map(|(key, _)| key.subscription.as_str()).collect::<Vec<_>>())
                .bind(begun.iter().map(shard).collect::<Vec<_>>())
                .bind(begun.iter().map(|(_, since)| since.as_micros()).collect::<Vec<_>>()),
        )
        .await?;
    }
    Ok(operational_events)
}

async fn put(
    call: &mut DatabaseCall<'_>,
    operational_events: &[&OperationalEvent],
    shards: u16,
) -> StoreResult<()> {
    if operational_events.is_empty() {
        return Ok(());
    }
    let all = || operational_events.iter();
    call.execute(
        sqlx::query(INSERT_OUTBOX)
            .bind(all().map(|item| shard_of(&item.subscription, shards)).collect::<Vec<_>>())
            .bind(all().map(|item| item.subscription.tenant.as_str()).collect::<Vec<_>>())
            .bind(all().map(|item| item.subscription.subscription.as_str()).collect::<Vec<_>>())
            .bind(all().map(|item| item.id.as_str()).collect::<Vec<_>>())
            .bind(all().map(|item| item.event_type.as_str()).collect::<Vec<_>>())
            .bind(all().map(|item| item.payload.as_str()).collect::<Vec<_>>()),
    )
    .await?;
    Ok(())
}

fn waiting(row: &PgRow) -> StoreResult<OutboxEntry> {
    let operational_event = OperationalEvent {
        subscription: subscription_key(row)?,
        id: get(row, "id")?,
        event_type: get(row, "event_type")?,
        payload: get(row, "payload")?,
    };
    Ok(OutboxEntry { place: get(row, "seq")?, operational_event })
}

fn streak(row: &PgRow) -> StoreResult<(SubscriptionKey, FailureStreak)> {
    let stage = codec::stage(get::<i16>(row, "stage")?.into())?;
    Ok((subscription_key(row)?, FailureStreak { since: time(row, "failing_since")?, stage }))
}

fn shard_of(key: &SubscriptionKey, shards: u16) -> i32 {
    i32::from(Shard::of(&key.tenant, shards).0)
}

fn numbers(shards: &[Shard]) -> Vec<i32> {
    shards.iter().map(|shard| i32::from(shard.0)).collect()
}
