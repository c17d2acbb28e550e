//! Holds and releases ordering keys, in memory: `OrderingStore`.

use std::collections::BTreeSet;

use async_trait::async_trait;
use postrider_domain::delivery::{Delivery, DeliveryState};
use postrider_domain::ids::{DeliveryId, EventId, OrderedKey, SubscriptionKey};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use postrider_store::{KeyBacklog, KeyEnd, KeyHold, OrderingStore, StoreResult};

use crate::MemoryStore;
use crate::tables::{HeldKey, MemoryTables};

#[async_trait]
impl OrderingStore for MemoryStore {
    async fn release_next(
        &self,
        keys: &[OrderedKey],
        now: Timestamp,
    ) -> StoreResult<Vec<SubscriptionKey>> {
        let mut tables = self.tables()?;
        let mut gone = Vec::new();
        for key in keys.iter().collect::<BTreeSet<_>>() {
            if let Some(next) = tables.next_of(key, now)
                && let Some(delivery) = tables.unfinished.get_mut(&next)
            {
                delivery.state = DeliveryState::Waiting;
                delivery.due = now;
                gone.push(key.subscription.clone());
            }
        }
        Ok(gone)
    }

    async fn hold_key(&self, hold: &KeyHold) -> StoreResult<()> {
        self.tables()?.hold(hold);
        Ok(())
    }

    async fn end_key_hold(&self, key: &OrderedKey, audit: &AuditDraft) -> StoreResult<bool> {
        let mut tables = self.tables()?;
        let held = tables.held_keys.get_mut(key).filter(|held_key| held_key.held);
        let Some(held) = held else { return Ok(false) };
        held.held = false;
        tables.append_record(audit)?;
        Ok(true)
    }

    async fn end_key_holds(&self, subscription: &SubscriptionKey) -> StoreResult<()> {
        for (key, one) in &mut self.tables()?.held_keys {
            one.held &= key.subscription != *subscription;
        }
        Ok(())
    }

    async fn list_key_backlogs(
        &self,
        after: Option<&OrderedKey>,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Vec<KeyBacklog>> {
        let mut tables = self.tables()?;
        tables.held_keys.retain(|_, held_key| held_key.held || held_key.blocked_until > now);
        let held =
            tables.unfinished.values().filter(|delivery| delivery.state == DeliveryState::Held);
        let keys: BTreeSet<OrderedKey> =
            held.filter_map(key_of).filter(|key| after.is_none_or(|after| key > after)).collect();
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
        let waiting = |key: OrderedKey| KeyBacklog { under_way: tables.under_way(&key), key };
        Ok(keys.into_iter().take(wanted).map(waiting).collect())
    }

    async fn release_all_held(
        &self,
        subscription: &SubscriptionKey,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<u64> {
        let mut tables = self.tables()?;
        let held = tables.unfinished.values_mut().filter(|delivery| {
            delivery.subscription == *subscription && delivery.state == DeliveryState::Held
        });
        let mut held: Vec<&mut Delivery> = held.collect();
        held.sort_by(|a, b| (&a.ordering_key, a.sequence).cmp(&(&b.ordering_key, b.sequence)));
        held.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        for delivery in &mut held {
            delivery.state = DeliveryState::Waiting;
            delivery.due = now;
        }
        Ok(held.len() as u64)
    }
}

/// The key that a delivery is ordered by.
fn key_of(delivery: &Delivery) -> Option<OrderedKey> {
    let key = delivery.ordering_key.clone()?;
    Some(OrderedKey { subscription: delivery.subscription.clone(), key })
}

impl MemoryTables {
    fn of_key<'t>(&'t self, key: &'t OrderedKey) -> impl Iterator<Item = &'t Delivery> {
        self.unfinished.values().filter(|delivery| {
            delivery.ordering_key.as_ref() == Some(&key.key)
                && delivery.subscription == key.subscription
        })
    }

    fn under_way(&self, key: &OrderedKey) -> bool {
        self.of_key(key).any(|delivery| delivery.state != DeliveryState::Held)
    }

    /// What of a key may go, if anything.
    fn next_of(&self, key: &OrderedKey, now: Timestamp) -> Option<DeliveryId> {
        let hold = self.held_keys.get(key);
        if hold.is_some_and(|hold| hold.blocked_until > now) || self.under_way(key) {
            return None;
        }
        let held_for = hold.filter(|hold| hold.held).map(|hold| hold.event);
        let may_go = |item: &&Delivery| held_for.is_none_or(|event| item.event == event);
        let next = self.of_key(key).filter(may_go).min_by_key(|delivery| delivery.sequence);
        next.map(|delivery| delivery.id)
    }

    /// Holds a key, keeps it quiet, or both.
    pub fn hold(&mut self, hold: &KeyHold) {
        let KeyHold { key, event, held, blocked_until } = hold;
        let fresh = HeldKey { event: *event, held: *held, blocked_until: *blocked_until };
        let one = self.held_keys.entry(key.clone()).or_insert(fresh);
        if !one.held {
            one.event = *event;
        }
        one.held |= *held;
        one.blocked_until = one.blocked_until.max(*blocked_until);
    }

    /// Holds the key of a delivery, if it has one, unless it is held already.
    pub fn hold_key_of(&mut self, id: DeliveryId) {
        let Some(delivery) = self.unfinished.get(&id) else { return };
        if let Some(key) = key_of(delivery) {
            let blocked_until = Timestamp::default();
            self.hold(&KeyHold { key, event: delivery.event, held: true, blocked_until });
        }
    }

    /// Ends a hold on account of an event that was delivered.
    pub fn delivered(&mut self, key: &OrderedKey, event: EventId) {
        if let Some(one) = self.held_keys.get_mut(key).filter(|held_key| held_key.event == event) {
            one.held = false;
        }
    }

    /// Ends the hold on account of a delivery that succeeded.
    pub fn free_key_of(&mut self, delivery: &Delivery) {
        if let Some(key) = key_of(delivery) {
            self.delivered(&key, delivery.event);
        }
    }

    pub fn put_key_end(&mut self, end: &KeyEnd) {
        match end {
            KeyEnd::Held(hold) => self.hold(hold),
            KeyEnd::Delivered { key, event } => self.delivered(key, *event),
        }
    }
}
