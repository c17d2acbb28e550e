//! Checks that everything ended as promised.
//!
//! Fed by the store and by what publishers and receivers know, once there are no faults
//! and nothing moves; feeds the world every violation.

use std::collections::{BTreeMap, BTreeSet};

use postrider_domain::delivery::{Delivery, DeliveryState, Outcome};
use postrider_domain::ids::{AttemptKey, SubscriptionKey, TenantId};
use postrider_store::{DeliveryQuery, EventQuery, HistoryStore as _, StoreResult};

use crate::process::State;
use crate::world::World;

async fn deliveries(world: &World, tenant: &TenantId) -> StoreResult<Vec<Delivery>> {
    let query = DeliveryQuery::newest(tenant, u32::MAX);
    world.store.list_deliveries(&query).await
}

/// What is still to be done, in words; nothing once everything is done.
pub async fn unfinished(world: &World) -> StoreResult<Option<String>> {
    if !world.load.is_published() {
        return Ok(Some("events are being published".to_owned()));
    }
    for tenant in &world.load.tenants {
        let all = deliveries(world, tenant).await?;
        if let Some(one) = all.iter().find(|item| !item.state.is_final()) {
            return Ok(Some(format!("{one:?}")));
        }
    }
    let places = world.agents.lock().len();
    for place in 0..places {
        let Some(agent) = world.agent(place) else { continue };
        let hello = agent.coordinator.build_hello();
        if !hello.in_flight.is_empty() || !hello.unacknowledged.is_empty() {
            return Ok(Some(format!("agent {place} holds {hello:?}")));
        }
    }
    Ok(None)
}

/// Holds the end against the promises.
pub async fn judge(world: &World) -> StoreResult<()> {
    let mut all = BTreeMap::new();
    for tenant in &world.load.tenants {
        one_event_for_each_key(world, tenant).await?;
        for delivery in deliveries(world, tenant).await? {
            all.insert(delivery.id, delivery);
        }
    }
    nothing_acknowledged_is_lost(world, all.values());
    numbers_have_no_gap(world, all.values());
    let mut recorded = BTreeMap::new();
    for delivery in all.values() {
        let tenant = &delivery.subscription.tenant;
        let attempts = world.store.list_attempts(tenant, delivery.id, 0, u32::MAX).await?;
        let attempts: Vec<_> = attempts.into_iter().map(|attempt| attempt.record).collect();
        let numbers: Vec<u32> = attempts.iter().map(|attempt| attempt.key.number).collect();
        if !numbers.iter().copied().eq(1..=delivery.attempts) {
            world.wrong(format!("{}: the history has the attempts {numbers:?}", delivery.id));
        }
        let succeeded = attempts.iter().any(|attempt| attempt.outcome == Outcome::Succeeded);
        if succeeded != (delivery.state == DeliveryState::Succeeded) {
            world.wrong(format!("{} is {:?} against its history", delivery.id, delivery.state));
        }
        recorded.extend(attempts.into_iter().map(|attempt| (attempt.key, attempt.outcome)));
    }
    let mut successes = BTreeSet::new();
    for post in world.receiver.posts() {
        let key = AttemptKey { delivery: post.delivery, number: post.number };
        successes.extend(post.succeeded.then_some(key));
        let told = post.answered && !post.process.is(State::Dead);
        match recorded.get(&key) {
            None => world.wrong(format!("{key:?} was sent, and is not in the history")),
            Some(Outcome::Unknown) if told => {
                world.wrong(format!("{key:?} is UNKNOWN, and its agent lives and knows"));
            }
            Some(outcome) if told && post.succeeded && *outcome != Outcome::Succeeded => {
                world.wrong(format!("{key:?} succeeded, and is {outcome:?} in the history"));
            }
            Some(_) => {}
        }
    }
    for (key, _) in recorded.iter().filter(|(_, outcome)| **outcome == Outcome::Succeeded) {
        if !successes.contains(key) {
            world.wrong(format!("{key:?} is recorded as a success that no receiver gave"));
        }
    }
    Ok(())
}

async fn one_event_for_each_key(world: &World, tenant: &TenantId) -> StoreResult<()> {
    let query = EventQuery::newest(tenant, u32::MAX);
    let mut keys = BTreeSet::new();
    for listed in world.store.list_events(&query).await? {
        if let Some(key) = listed.event.content.idempotency_key
            && !keys.insert(key.clone())
        {
            world.wrong(format!("the key {key} of {tenant} made two events"));
        }
    }
    Ok(())
}

fn nothing_acknowledged_is_lost<'d>(world: &World, all: impl Iterator<Item = &'d Delivery>) {
    let mut found = BTreeMap::new();
    for delivery in all {
        *found.entry((delivery.event, delivery.subscription.clone())).or_insert(0) += 1;
    }
    for (key, tenant, event) in world.load.acknowledged() {
        for plan in world.load.plans.iter().filter(|plan| plan.key.tenant == tenant) {
            let count = found.get(&(event, plan.key.clone())).copied().unwrap_or(0);
            if count != 1 {
                world.wrong(format!("{key}, {event}: {count} deliveries to {}", plan.key));
            }
        }
    }
}

fn numbers_have_no_gap<'d>(world: &World, all: impl Iterator<Item = &'d Delivery>) {
    let mut numbers: BTreeMap<&SubscriptionKey, Vec<i64>> = BTreeMap::new();
    for delivery in all {
        numbers.entry(&delivery.subscription).or_default().extend(delivery.sequence);
    }
    for (key, mut numbers) in numbers {
        numbers.sort_unstable();
        if !numbers.iter().copied().eq(1..=numbers.len() as i64) {
            world.wrong(format!("{key} has the numbers {numbers:?}"));
        }
    }
}
