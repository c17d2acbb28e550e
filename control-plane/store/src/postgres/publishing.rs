//! Commits of events: one statement for a batch.
//!
//! The statement compares the configuration versions (rule 1) and the time, takes
//! the idempotency keys (rule 9) and inserts the events and deliveries of the items
//! that passed all three. Only what a key belongs to, when it was used before, takes
//! another statement.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::ids::{EventId, SubscriptionKey};
use postrider_domain::time::Timestamp;
use uuid::Uuid;

use super::PostgresStore;
use super::arrays::{DeliveryArrays, EventArrays, int};
use super::errors::Checked as _;
use super::publish_sql::{ADD, statement};
use super::rows::get;
use crate::codec;
use crate::error::{StoreError, StoreResult};
use crate::publishing::{Idempotency, NewEvent, Published, PublishingStore, numbered};

/// How often an item is tried whose key was taken, but by nothing that a fresh
/// look finds: the key expired and was removed in between.
const ROUNDS: usize = 3;

const READ_KEYS: &str = "SELECT k.tenant, k.key, k.event, k.matched, k.request_hash
    FROM unnest($1::text[], $2::text[]) AS asked(tenant, key)
    JOIN idempotency_keys k ON k.tenant = asked.tenant AND k.key = asked.key";

#[async_trait]
impl PublishingStore for PostgresStore {
    async fn publish(&self, batch: &[NewEvent], until: Timestamp) -> StoreResult<Vec<Published>> {
        let mut answers: Vec<Option<Published>> = vec![None; batch.len()];
        let mut pending: Vec<usize> = (0..batch.len()).collect();
        for round in 0..ROUNDS {
            let items: Vec<&NewEvent> = pending.iter().filter_map(|at| batch.get(*at)).collect();
            let found =
                self.commit(&items, until).await.map_err(|error| after_round(round, error))?;
            let mut again = Vec::new();
            for (at, answer) in pending.into_iter().zip(found) {
                match answer {
                    None => again.push(at),
                    decided => {
                        if let Some(slot) = answers.get_mut(at) {
                            *slot = decided;
                        }
                    }
                }
            }
            pending = again;
            if pending.is_empty() {
                return answers
                    .into_iter()
                    .map(|answer| {
                        answer.ok_or_else(|| codec::corrupt("a commit without an answer"))
                    })
                    .collect();
            }
        }
        Err(StoreError::Unavailable("an idempotency key changed hands too often".to_owned()))
    }

    async fn add_delivery(&self, delivery: &Delivery) -> StoreResult<Option<i64>> {
        let mut arrays = DeliveryArrays::default();
        let lane = numbered(delivery).then_some(1);
        arrays.push(1, lane, delivery)?;
        let later = delivery.create_time() != delivery.event.time();
        let row = arrays
            .bind(sqlx::query(ADD))
            .bind(delivery.event.time().as_micros())
            .bind(later)
            .fetch_one(&self.pool)
            .await
            .checked()?;
        if get::<i64>(&row, "added")? == 0 {
            return Err(StoreError::Rejected("the delivery's event is no longer kept".to_owned()));
        }
        let numbers: Vec<Option<i64>> = get(&row, "numbers")?;
        Ok(delivery.sequence.or_else(|| numbers.first().copied().flatten()))
    }
}

/// After the first round something was written, which a refusal would deny.
fn after_round(round: usize, error: StoreError) -> StoreError {
    match error {
        StoreError::Rejected(text) if round > 0 => StoreError::Unavailable(text),
        other => other,
    }
}

/// An item's idempotency, with the key.
fn keyed(item: &NewEvent) -> Option<(&str, &Idempotency)> {
    item.event.idempotency_key.as_deref().zip(item.idempotency.as_ref())
}

fn tenant_and_key(item: &NewEvent) -> Option<(&str, &str)> {
    keyed(item).map(|(key, _)| (item.event.tenant.as_str(), key))
}

impl PostgresStore {
    /// One round: `None` for an item whose key was in the way and then was not.
    async fn commit(
        &self,
        items: &[&NewEvent],
        until: Timestamp,
    ) -> StoreResult<Vec<Option<Published>>> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let batch = Batch::of(items)?;
        let groups = batch.groups.clone();
        let row = batch.query(until).fetch_one(&self.pool).await.checked()?;
        if !get::<bool>(&row, "in_time")? {
            return Err(StoreError::Unavailable("the commit came too late".to_owned()));
        }
        let current: Vec<bool> = get(&row, "ok")?;
        let refused: HashSet<Uuid> = get::<Vec<Uuid>>(&row, "refused")?.into_iter().collect();
        let in_the_way = items.iter().filter(|item| refused.contains(&item.event.id.0));
        let used = self.read_keys(in_the_way.copied().filter_map(tenant_and_key)).await?;
        let mut numbers = get::<Vec<Option<i64>>>(&row, "numbers")?.into_iter();
        let answer = |(item, group): (&&NewEvent, i32)| {
            let given = numbers.by_ref().take(item.deliveries.len());
            let own = item.deliveries.iter().map(|delivery| delivery.sequence);
            let sequences = own.zip(given).map(|(own, given)| own.or(given)).collect();
            let is_current = usize::try_from(group - 1).ok().and_then(|at| current.get(at));
            if is_current != Some(&true) {
                return Some(Published::StaleConfig);
            }
            if !refused.contains(&item.event.id.0) {
                return Some(Published::Committed { sequences });
            }
            let (key, idempotency) = keyed(item)?;
            let used = used.get(&(item.event.tenant.as_str().to_owned(), key.to_owned()))?;
            Some(Published::Duplicate {
                event: used.event,
                matched: used.matched,
                same_request: used.request_hash == idempotency.request_hash,
            })
        };
        Ok(items.iter().zip(groups).map(answer).collect())
    }

    /// What these items' keys belong to: a statement of its own, since one that
    /// meets a concurrent insert does not see it.
    async fn read_keys(
        &self,
        asked: impl Iterator<Item = (&str, &str)>,
    ) -> StoreResult<HashMap<(String, String), UsedKey>> {
        let (tenants, keys): (Vec<&str>, Vec<&str>) = asked.unzip();
        if keys.is_empty() {
            return Ok(HashMap::new());
        }
        let rows = sqlx::query(READ_KEYS)
            .bind(tenants)
            .bind(keys)
            .fetch_all(&self.pool)
            .await
            .checked()?;
        rows.iter()
            .map(|row| {
                let used = UsedKey {
                    event: EventId(get(row, "event")?),
                    matched: codec::narrow("matched", get::<i32>(row, "matched")?.into())?,
                    request_hash: codec::fixed("request_hash", get(row, "request_hash")?)?,
                };
                Ok(((get(row, "tenant")?, get(row, "key")?), used))
            })
            .collect()
    }
}

struct UsedKey {
    event: EventId,
    matched: u32,
    request_hash: [u8; 32],
}

/// The subscriptions that number the batch's deliveries, in the order in which
/// their counters are locked.
pub(super) struct Lanes<'a>(HashMap<&'a SubscriptionKey, i32>);

impl<'a> Lanes<'a> {
    pub(super) fn of(deliveries: impl Iterator<Item = &'a Delivery>) -> Self {
        let mut keys: Vec<&SubscriptionKey> =
            deliveries.filter(|one| numbered(one)).map(|one| &one.subscription).collect();
        keys.sort_unstable();
        keys.dedup();
        Self(keys.into_iter().zip(1..).collect())
    }

    pub(super) fn get(&self, delivery: &Delivery) -> Option<i32> {
        if numbered(delivery) { self.0.get(&delivery.subscription).copied() } else { None }
    }
}

/// A batch, as the statement's parameters.
#[derive(Default)]
struct Batch<'a> {
    /// For each item the number of its configuration, from 1.
    groups: Vec<i32>,
    tenants: Vec<&'a str>,
    versions: Vec<i64>,
    events: EventArrays<'a>,
    deliveries: DeliveryArrays<'a>,
    any_ended: bool,
    keys: Vec<Key<'a>>,
}

struct Key<'a> {
    group: i32,
    tenant: &'a str,
    key: &'a str,
    event: Uuid,
    matched: i32,
    idempotency: &'a Idempotency,
    create_time: i64,
}

impl<'a> Batch<'a> {
    fn of(items: &[&'a NewEvent]) -> StoreResult<Self> {
        let mut batch = Self::default();
        let mut configs: HashMap<(&str, i64), i32> = HashMap::new();
        let lanes = Lanes::of(items.iter().flat_map(|item| &item.deliveries));
        for item in items {
            let config = (item.event.tenant.as_str(), item.config_version);
            let next = int(u32::try_from(configs.len() + 1).unwrap_or(u32::MAX));
            let group = *configs.entry(config).or_insert_with(|| {
                batch.tenants.push(config.0);
                batch.versions.push(config.1);
                next
            });
            batch.groups.push(group);
            batch.events.push(group, &item.event)?;
            for delivery in &item.deliveries {
                batch.any_ended |= delivery.state.is_final();
                batch.deliveries.push(group, lanes.get(delivery), delivery)?;
            }
            if let Some((key, idempotency)) = keyed(item) {
                batch.keys.push(Key {
                    group,
                    tenant: config.0,
                    key,
                    event: item.event.id.0,
                    matched: int(item.event.matched),
                    idempotency,
                    create_time: item.event.create_time().as_micros(),
                });
            }
        }
        Ok(batch)
    }

    fn query(self, until: Timestamp) -> super::PgQuery<'static> {
        let query = sqlx::query(statement(!self.keys.is_empty(), self.any_ended));
        let query = self.deliveries.bind(query).bind(self.tenants).bind(self.versions);
        let query = self.events.bind(query).bind(until.as_micros());
        let keys = &self.keys;
        if keys.is_empty() {
            return query;
        }
        query
            .bind(keys.iter().map(|key| key.group).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| key.tenant).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| key.key).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| key.event).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| key.matched).collect::<Vec<_>>())
            .bind(keys.iter().map(|key| &key.idempotency.request_hash[..]).collect::<Vec<_>>())
            .bind(
                keys.iter().map(|key| key.idempotency.expire_time.as_micros()).collect::<Vec<_>>(),
            )
            .bind(keys.iter().map(|key| key.create_time).collect::<Vec<_>>())
    }
}
