//! Holds and clocks that outlive a process, in memory: `ClockStore`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use postrider_domain::delivery::{Delivery, DeliveryState};
use postrider_domain::ids::{DeliveryId, Shard, SubscriptionKey};
use postrider_domain::time::{HoldClock, Timestamp};
use postrider_store::{ClockStore, RescheduleRequest, StoreResult};

use crate::MemoryStore;

#[async_trait]
impl ClockStore for MemoryStore {
    async fn put_hold_clock(&self, key: &SubscriptionKey, clock: &HoldClock) -> StoreResult<()> {
        let mut tables = self.tables()?;
        let known = tables.hold_clocks.entry(key.clone()).or_insert(*clock);
        if clock.version > known.version {
            *known = *clock;
        }
        Ok(())
    }

    async fn hold_clocks(
        &self,
        until: Timestamp,
    ) -> StoreResult<Vec<(SubscriptionKey, HoldClock)>> {
        let tables = self.tables()?;
        let held = tables.hold_clocks.iter().filter(|(_, clock)| clock.until > until);
        Ok(held.map(|(key, clock)| (key.clone(), *clock)).collect())
    }

    async fn note_clock(&self, now: Timestamp) -> StoreResult<()> {
        let mut tables = self.tables()?;
        let shards: Vec<Shard> = tables.shards.iter().map(|row| row.shard).collect();
        for shard in shards {
            let clock = tables.clocks.entry(shard).or_default();
            *clock = now.max(*clock);
        }
        Ok(())
    }

    async fn clocks_ahead(&self, now: Timestamp) -> StoreResult<Vec<(Shard, Timestamp)>> {
        let tables = self.tables()?;
        let ahead = tables.clocks.iter().filter(|(_, clock)| **clock > now);
        Ok(ahead.map(|(shard, clock)| (*shard, *clock)).collect())
    }

    async fn forget_clocks(
        &self,
        shards: &[(Shard, Timestamp)],
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut tables = self.tables()?;
        for (shard, seen) in shards {
            if let Some(clock) = tables.clocks.get_mut(shard).filter(|clock| *clock == seen) {
                *clock = now;
            }
        }
        Ok(())
    }

    async fn reschedule_waiting(
        &self,
        request: &RescheduleRequest,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let mut tables = self.tables()?;
        let latest = |delivery: &Delivery| {
            let failures = usize::try_from(delivery.failures).unwrap_or(usize::MAX);
            let longest = request.longest.get(failures).or(request.longest.last());
            request.since + longest.copied().unwrap_or_default()
        };
        let late = tables.unfinished.values().filter(|delivery| {
            delivery.subscription == request.subscription
                && delivery.shard == request.shard
                && delivery.state == DeliveryState::Waiting
                && delivery.due > now
                && delivery.due > latest(delivery)
        });
        let most = usize::try_from(limit).unwrap_or(usize::MAX);
        let late: Vec<DeliveryId> = late.take(most).map(|late| late.id).collect();
        for id in &late {
            if let Some(one) = tables.unfinished.get_mut(id) {
                one.due = latest(one);
            }
        }
        Ok(late.len() as u64)
    }

    async fn list_blocked_subscriptions(
        &self,
        until: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        let tables = self.tables()?;
        let quiet = tables.held_keys.iter().filter(|(_, held_key)| held_key.blocked_until > until);
        let keys: BTreeSet<_> = quiet.map(|(key, _)| key.subscription.clone()).collect();
        Ok(keys.into_iter().collect())
    }

    async fn shorten_key_blocks(&self, key: &SubscriptionKey, until: Timestamp) -> StoreResult<()> {
        let mut tables = self.tables()?;
        for (of, one) in &mut tables.held_keys {
            if of.subscription == *key {
                one.blocked_until = one.blocked_until.min(until);
            }
        }
        Ok(())
    }
}
