//! Clocks that outlive a process, as [`ClockStore`] asks for them.

use async_trait::async_trait;
use postrider_domain::ids::{Shard, SubscriptionKey};
use postrider_domain::time::{HoldClock, Timestamp};
use sqlx::postgres::PgRow;

use super::engine::PostgresStore;
use super::rows::{self, get, shard, subscription_key, time};
use crate::clocks::{ClockStore, RescheduleRequest};
use crate::codec;
use crate::error::StoreResult;

const UPSERT_HOLD_CLOCK: &str = "INSERT INTO hold_clocks (
        tenant, subscription, total_us, held_since, held_until, version
    )
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant, subscription) DO UPDATE
        SET total_us = excluded.total_us, held_since = excluded.held_since,
            held_until = excluded.held_until, version = excluded.version
        WHERE excluded.version > hold_clocks.version";

const SELECT_HOLD_CLOCKS: &str =
    "SELECT tenant, subscription, total_us, held_since, held_until, version FROM hold_clocks
    WHERE held_until > $1";

const NOTE_CLOCK: &str = "UPDATE shards SET clock = $1 WHERE clock < $1";

const SELECT_CLOCKS_AHEAD: &str = "SELECT shard, clock FROM shards WHERE clock > $1 ORDER BY shard";

const FORGET_CLOCKS: &str = "UPDATE shards s SET clock = $3
    FROM unnest($1::integer[], $2::bigint[]) AS seen(shard, clock)
    WHERE s.shard = seen.shard AND s.clock = seen.clock";

/// Along the index of what waits, the latest first: none of what is due by now
/// is read.
const RESCHEDULE_WAITING: &str = "UPDATE deliveries d
    SET due = $7 + ($5::bigint[])[least(d.failures + 1, cardinality($5::bigint[]))]
    WHERE d.id = ANY(
        ARRAY(
            SELECT id FROM deliveries
            WHERE shard = $1
                AND tenant = (SELECT n.number FROM tenant_numbers n WHERE n.id = $2)
                AND subscription = (
                    SELECT n.number FROM subscription_numbers n WHERE n.tenant = $2 AND n.id = $3
                )
                AND state = 2 /* WAITING */
                AND due > $4
                AND due > $7 + ($5::bigint[])[least(failures + 1, cardinality($5::bigint[]))]
            ORDER BY due DESC LIMIT $6
        )
    )
        AND d.state + 0 = 2 /* WAITING */";

const SELECT_BLOCKED_SUBSCRIPTIONS: &str =
    "SELECT DISTINCT tenant, subscription FROM held_keys WHERE quiet_until > $1";

const SHORTEN_BLOCKS: &str = "UPDATE held_keys SET quiet_until = $3
    WHERE tenant = $1 AND subscription = $2 AND quiet_until > $3";

#[async_trait]
impl ClockStore for PostgresStore {
    async fn put_hold_clock(&self, key: &SubscriptionKey, clock: &HoldClock) -> StoreResult<()> {
        let mut call = self.call("put_hold_clock");
        call.execute(
            sqlx::query(UPSERT_HOLD_CLOCK)
                .bind(key.tenant.as_str())
                .bind(key.subscription.as_str())
                .bind(codec::micros(clock.total))
                .bind(clock.since.as_micros())
                .bind(clock.until.as_micros())
                .bind(clock.version),
        )
        .await?;
        Ok(())
    }

    async fn hold_clocks(
        &self,
        until: Timestamp,
    ) -> StoreResult<Vec<(SubscriptionKey, HoldClock)>> {
        let mut call = self.call("hold_clocks");
        let query = sqlx::query(SELECT_HOLD_CLOCKS).bind(until.as_micros());
        rows::read(&call.rows(query).await?, hold_clock)
    }

    async fn note_clock(&self, now: Timestamp) -> StoreResult<()> {
        let mut call = self.call("note_clock");
        call.execute(sqlx::query(NOTE_CLOCK).bind(now.as_micros())).await?;
        Ok(())
    }

    async fn clocks_ahead(&self, now: Timestamp) -> StoreResult<Vec<(Shard, Timestamp)>> {
        let mut call = self.call("clocks_ahead");
        let query = sqlx::query(SELECT_CLOCKS_AHEAD).bind(now.as_micros());
        let rows = call.rows(query).await?;
        rows::read(&rows, |row: &PgRow| Ok((shard(row)?, time(row, "clock")?)))
    }

    async fn forget_clocks(
        &self,
        shards: &[(Shard, Timestamp)],
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut call = self.call("forget_clocks");
        call.execute(
            sqlx::query(FORGET_CLOCKS)
                .bind(shards.iter().map(|(shard, _)| i32::from(shard.0)).collect::<Vec<_>>())
                .bind(shards.iter().map(|(_, clock)| clock.as_micros()).collect::<Vec<_>>())
                .bind(now.as_micros()),
        )
        .await?;
        Ok(())
    }

    async fn reschedule_waiting(
        &self,
        request: &RescheduleRequest,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let mut call = self.call("reschedule_waiting");
        let done = call
            .execute(
                sqlx::query(RESCHEDULE_WAITING)
                    .bind(i32::from(request.shard.0))
                    .bind(request.subscription.tenant.as_str())
                    .bind(request.subscription.subscription.as_str())
                    .bind(now.as_micros())
                    .bind(
                        request
                            .longest
                            .iter()
                            .map(|delay| codec::micros(*delay))
                            .collect::<Vec<_>>(),
                    )
                    .bind(i64::from(limit))
                    .bind(request.since.as_micros()),
            )
            .await?;
        Ok(done)
    }

    async fn list_blocked_subscriptions(
        &self,
        until: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        let mut call = self.call("list_blocked_subscriptions");
        let query = sqlx::query(SELECT_BLOCKED_SUBSCRIPTIONS).bind(until.as_micros());
        rows::read(&call.rows(query).await?, subscription_key)
    }

    async fn shorten_key_blocks(&self, key: &SubscriptionKey, until: Timestamp) -> StoreResult<()> {
        let mut call = self.call("shorten_key_blocks");
        call.execute(
            sqlx::query(SHORTEN_BLOCKS)
                .bind(key.tenant.as_str())
                .bind(key.subscription.as_str())
                .bind(until.as_micros()),
        )
        .await?;
        Ok(())
    }
}

fn hold_clock(row: &PgRow) -> StoreResult<(SubscriptionKey, HoldClock)> {
    let clock = HoldClock {
        total: codec::span("total_us", get(row, "total_us")?)?,
        since: time(row, "held_since")?,
        until: time(row, "held_until")?,
        version: get(row, "version")?,
    };
    Ok((subscription_key(row)?, clock))
}
