//! Clocks that outlive a process, as [`ClockStore`] asks for them.

use async_trait::async_trait;
use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::time::{HoldClock, Timestamp};
use sqlx::sqlite::SqliteRow;

use super::bulk::BoundValues;
use super::engine::SqliteStore;
use super::rows::RowReader;
use crate::clocks::{ClockStore, RescheduleRequest};
use crate::codec;
use crate::error::StoreResult;

const UPSERT_HOLD_CLOCK: &str = "INSERT INTO hold_clocks (
        tenant, subscription, total, held_since, held_until, version
    )
    VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT (tenant, subscription) DO UPDATE
        SET total = excluded.total, held_since = excluded.held_since,
            held_until = excluded.held_until, version = excluded.version
        WHERE excluded.version > hold_clocks.version";
const SELECT_HOLD_CLOCKS: &str = "SELECT tenant, subscription, total, held_since, held_until,
        version
    FROM hold_clocks
    WHERE held_until > ?";
const NOTE_CLOCK: &str = "UPDATE shards SET clock = ?1 WHERE clock < ?1";
const SELECT_CLOCKS_AHEAD: &str = "SELECT shard, clock FROM shards WHERE clock > ? ORDER BY shard";
const FORGET_CLOCKS: &str = "UPDATE shards SET clock = ?2
    FROM json_each(?1) j
    WHERE shards.shard = j.value ->> 0 AND shards.clock = j.value ->> 1";

/// Along the index of what waits: none of what is due by now is read.
const RESCHEDULE_WAITING: &str = "UPDATE deliveries
    SET due = ?7 + (?5 ->> min(failures, json_array_length(?5) - 1))
    WHERE id IN (
        SELECT id FROM deliveries INDEXED BY deliveries_waiting
        WHERE state = 2 /* WAITING */
            AND shard = ?1
            AND tenant = ?2
            AND subscription = ?3
            AND due > ?4
            AND due > ?7 + (?5 ->> min(failures, json_array_length(?5) - 1))
        LIMIT ?6
    )";
const SELECT_BLOCKED_SUBSCRIPTIONS: &str =
    "SELECT DISTINCT tenant, subscription FROM held_keys WHERE quiet_until > ?";
const SHORTEN_BLOCKS: &str = "UPDATE held_keys SET quiet_until = ?3
    WHERE tenant = ?1 AND subscription = ?2 AND quiet_until > ?3";

#[async_trait]
impl ClockStore for SqliteStore {
    async fn put_hold_clock(&self, key: &SubscriptionKey, clock: &HoldClock) -> StoreResult<()> {
        let mut values = of(key);
        values
            .add(codec::micros(clock.total))
            .add(clock.since.as_micros())
            .add(clock.until.as_micros())
            .add(clock.version);
        self.change(values, UPSERT_HOLD_CLOCK).await
    }

    async fn hold_clocks(
        &self,
        until: Timestamp,
    ) -> StoreResult<Vec<(SubscriptionKey, HoldClock)>> {
        let rows = at(until).run(&mut *self.reader().await?, SELECT_HOLD_CLOCKS).await?;
        let hold = |row: &SqliteRow| {
            let mut columns = RowReader::of(row);
            let key = key(&mut columns)?;
            let (total, since, until) = (columns.span("total")?, columns.time()?, columns.time()?);
            Ok((key, HoldClock { total, since, until, version: columns.int()? }))
        };
        rows.iter().map(hold).collect()
    }

    async fn note_clock(&self, now: Timestamp) -> StoreResult<()> {
        self.change(at(now), NOTE_CLOCK).await
    }

    async fn clocks_ahead(&self, now: Timestamp) -> StoreResult<Vec<(Shard, Timestamp)>> {
        let rows = at(now).run(&mut *self.reader().await?, SELECT_CLOCKS_AHEAD).await?;
        let ahead = |row: &SqliteRow| {
            let mut columns = RowReader::of(row);
            Ok((columns.shard()?, columns.time()?))
        };
        rows.iter().map(ahead).collect()
    }

    async fn forget_clocks(
        &self,
        shards: &[(Shard, Timestamp)],
        now: Timestamp,
    ) -> StoreResult<()> {
        let list: Vec<(u16, i64)> =
            shards.iter().map(|(shard, clock)| (shard.0, clock.as_micros())).collect();
        let mut values = BoundValues::default();
        values.add(codec::to_json(&list)?).add(now.as_micros());
        self.change(values, FORGET_CLOCKS).await
    }

    async fn reschedule_waiting(
        &self,
        request: &RescheduleRequest,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let longest: Vec<i64> = request.longest.iter().map(|delay| codec::micros(*delay)).collect();
        let mut values = BoundValues::default();
        values
            .add(i64::from(request.shard.0))
            .text(request.subscription.tenant.as_str())
            .text(request.subscription.subscription.as_str())
            .add(now.as_micros())
            .add(codec::to_json(&longest)?)
            .add(i64::from(limit))
            .add(request.since.as_micros());
        self.changed_by(values, RESCHEDULE_WAITING).await
    }

    async fn list_blocked_subscriptions(
        &self,
        until: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        let rows = at(until).run(&mut *self.reader().await?, SELECT_BLOCKED_SUBSCRIPTIONS).await?;
        rows.iter().map(|row| key(&mut RowReader::of(row))).collect()
    }

    async fn shorten_key_blocks(&self, key: &SubscriptionKey, until: Timestamp) -> StoreResult<()> {
        let mut values = of(key);
        values.add(until.as_micros());
        self.change(values, SHORTEN_BLOCKS).await
    }
}

fn at(time: Timestamp) -> BoundValues {
    let mut values = BoundValues::default();
    values.add(time.as_micros());
    values
}

fn of(key: &SubscriptionKey) -> BoundValues {
    let mut values = BoundValues::default();
    values.text(key.tenant.as_str()).text(key.subscription.as_str());
    values
}

fn key(columns: &mut RowReader<'_>) -> StoreResult<SubscriptionKey> {
    Ok(SubscriptionKey { tenant: columns.tenant()?, subscription: columns.subscription()? })
}
