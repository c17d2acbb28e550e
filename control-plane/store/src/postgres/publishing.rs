//! Commits events: one statement for a batch.
//!
//! The statement compares the configuration versions (read-your-writes) and the time,
//! takes the idempotency keys (one-key-one-event), and inserts the events and
//! deliveries of the items that pass all three. Most batches have no keys and pass as a
//! whole, in a shorter statement. What a used key belongs to takes another one.
//!
//! Keeps the invariants `read-your-writes` and `one-key-one-event`.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use postrider_domain::delivery::Delivery;
use postrider_domain::ids::{EventId, TenantId};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditDraft;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::arrays::{DeliveryArrays, EventInput, int};
use super::call::DatabaseCall;
use super::engine::PostgresStore;
use super::inputs::input;
use super::numbers::BatchNumbers;
use super::publish_sql::{ADD_DELIVERY, PUBLISH_ALL_OR_NOTHING, statement};
use super::query::{PgQuery, query_with_room};
use super::rows::get;
use crate::codec;
use crate::error::{StoreError, StoreResult};
use crate::publishing::{
    IdempotencyRecord, NewEvent, PublishOutcome, PublishingStore, UsedIdempotencyKey,
};

/// How often an item is tried whose key was taken by something that a new look does not
/// find: the key expired and was deleted in between. Once is seldom, twice in a row no
/// coincidence.
const MAX_KEY_ROUNDS: usize = 3;

/// Room for an event's parameters beside its payload, and for a delivery's: with a little for
/// their texts. If it is not enough, they are copied once more.
const EVENT_ROOM_BYTES: usize = 384;
const DELIVERY_ROOM_BYTES: usize = 448;

const READ_KEYS: &str = "SELECT k.tenant, k.key, k.event, k.matched, k.request_hash
    FROM unnest($1::text[], $2::text[]) AS asked(tenant, key)
    JOIN idempotency_keys k ON k.tenant = asked.tenant AND k.key = asked.key";

const USED_KEY: &str = "SELECT event, matched, request_hash FROM idempotency_keys
    WHERE tenant = $1 AND key = $2 AND expire_time > $3";

#[async_trait]
impl PublishingStore for PostgresStore {
    async fn publish(
        &self,
        batch: &[NewEvent],
        until: Timestamp,
    ) -> StoreResult<Vec<PublishOutcome>> {
        let mut call = self.call("publish");
        let keys = batch.iter().flat_map(|item| &item.deliveries);
        let keys = keys.map(|delivery| &delivery.subscription);
        let mut numbers = self.numbers.look_up(batch.iter().map(|item| &item.event.tenant), keys);
        self.numbers.complete(&mut call, &mut numbers).await?;
        let mut answers: Vec<Option<PublishOutcome>> = vec![None; batch.len()];
        let mut pending: Vec<usize> = (0..batch.len()).collect();
        for round in 0..MAX_KEY_ROUNDS {
            let items: Vec<&NewEvent> = pending.iter().filter_map(|at| batch.get(*at)).collect();
            let found = commit(&mut call, &items, until, &numbers).await;
            let found = found.map_err(|error| after_round(round, error))?;
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

    async fn used_key(
        &self,
        tenant: &TenantId,
        key: &str,
        at: Timestamp,
    ) -> StoreResult<Option<UsedIdempotencyKey>> {
        let mut call = self.call("used_key");
        let query = sqlx::query(USED_KEY).bind(tenant.as_str()).bind(key).bind(at.as_micros());
        let row = call.row(query).await?;
        row.as_ref().map(used_key).transpose()
    }

    async fn add_delivery(
        &self,
        delivery: &Delivery,
        audit: &AuditDraft,
    ) -> StoreResult<Option<i64>> {
        let (_turn, mut call) = self.change_call("add_delivery", audit).await?;
        let key = std::iter::once(&delivery.subscription);
        let mut numbers = self.numbers.look_up(std::iter::empty(), key);
        self.numbers.complete(&mut call, &mut numbers).await?;
        call.begin().await?;
        let mut arrays = DeliveryArrays::of(std::iter::once(delivery), &numbers)?;
        arrays.push(1, delivery, &numbers)?;
        let later = delivery.create_time() != delivery.event.time();
        let row = call
            .one_row(
                arrays
                    .bind(sqlx::query(ADD_DELIVERY))
                    .bind(delivery.event.time().as_micros())
                    .bind(later),
            )
            .await?;
        if get::<i64>(&row, "added")? == 0 {
            return Err(StoreError::Rejected(
                "the delivery's event is no longer stored".to_owned(),
            ));
        }
        let bases: Vec<i64> = get(&row, "base")?;
        self.append_to(&mut call, audit).await?;
        call.commit().await?;
        Ok(delivery.sequence.or_else(|| bases.first().map(|base| base + 1)))
    }
}

/// After the first round something was written, so an error must not claim that the
/// call had no effect.
fn after_round(round: usize, error: StoreError) -> StoreError {
    match error {
        StoreError::Rejected(text) | StoreError::Faulty(text) if round > 0 => {
            StoreError::Unavailable(text)
        }
        other => other,
    }
}

/// An item's idempotency, with the key.
fn keyed(item: &NewEvent) -> Option<(&str, &IdempotencyRecord)> {
    item.event.content.idempotency_key.as_deref().zip(item.idempotency.as_ref())
}

fn tenant_and_key(item: &NewEvent) -> Option<(&str, &str)> {
    keyed(item).map(|(key, _)| (item.event.tenant.as_str(), key))
}

/// One round; `None` for an item whose key was taken and then was free.
async fn commit(
    call: &mut DatabaseCall<'_>,
    items: &[&NewEvent],
    until: Timestamp,
    numbers: &BatchNumbers<'_>,
) -> StoreResult<Vec<Option<PublishOutcome>>> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let batch = PublishParameters::of(items, numbers)?;
    if batch.is_plain()
        && let Some(given) = commit_all(call, batch, until).await?
    {
        return Ok(committed(items, given));
    }
    commit_what_passes(call, items, until, numbers).await
}

/// Stores a whole batch; `None` when a configuration has changed or it comes too
/// late, and nothing of it was stored.
async fn commit_all(
    call: &mut DatabaseCall<'_>,
    batch: PublishParameters<'_>,
    until: Timestamp,
) -> StoreResult<Option<SequenceNumbers>> {
    let (lanes, counts) = (batch.deliveries.lanes(), batch.deliveries.counts());
    let query = query_with_room(PUBLISH_ALL_OR_NOTHING, batch.room_bytes);
    let query = batch.bind(query, until);
    let row = call.one_row(query).await?;
    if !get::<bool>(&row, "stored")? {
        return Ok(None);
    }
    let last: Vec<i64> = get(&row, "number")?;
    let bases = last.iter().zip(counts).map(|(last, count)| Some(last - count)).collect();
    Ok(Some(SequenceNumbers { bases, lanes: lanes.into_iter() }))
}

async fn commit_what_passes(
    call: &mut DatabaseCall<'_>,
    items: &[&NewEvent],
    until: Timestamp,
    numbers: &BatchNumbers<'_>,
) -> StoreResult<Vec<Option<PublishOutcome>>> {
    let batch = PublishParameters::of(items, numbers)?;
    let configs = batch.configs.clone();
    let lanes = batch.deliveries.lanes().into_iter();
    let row = call.one_row(batch.query(until)).await?;
    if !get::<bool>(&row, "in_time")? {
        return Err(StoreError::Unavailable("the commit came too late".to_owned()));
    }
    let current: Vec<bool> = get(&row, "ok")?;
    let refused: HashSet<Uuid> = get::<Vec<Uuid>>(&row, "refused")?.into_iter().collect();
    let in_the_way = items.iter().filter(|item| refused.contains(&item.event.id.0));
    let used = read_keys(call, in_the_way.copied().filter_map(tenant_and_key)).await?;
    let mut numbers = SequenceNumbers { bases: get(&row, "base")?, lanes };
    let answer = |(item, config): (&&NewEvent, i32)| {
        let is_current = usize::try_from(config - 1).ok().and_then(|at| current.get(at));
        if is_current != Some(&true) {
            numbers.skip(item);
            return Some(PublishOutcome::StaleConfig);
        }
        if !refused.contains(&item.event.id.0) {
            return Some(PublishOutcome::Committed { sequences: numbers.give(item) });
        }
        numbers.skip(item);
        let (key, idempotency) = keyed(item)?;
        let used = used.get(&(item.event.tenant.as_str().to_owned(), key.to_owned()))?;
        Some(PublishOutcome::Duplicate {
            event: used.event,
            matched: used.matched,
            same_request: used.request_hash == idempotency.request_hash,
        })
    };
    Ok(items.iter().zip(configs).map(answer).collect())
}

/// Looks up the owners of these items' keys, in a statement of its own, because the
/// one that met a concurrent insert does not see it.
async fn read_keys(
    call: &mut DatabaseCall<'_>,
    asked: impl Iterator<Item = (&str, &str)>,
) -> StoreResult<HashMap<(String, String), UsedIdempotencyKey>> {
    let (tenants, keys): (Vec<&str>, Vec<&str>) = asked.unzip();
    if keys.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = call.rows(sqlx::query(READ_KEYS).bind(tenants).bind(keys)).await?;
    rows.iter()
        .map(|row| {
            let of = (get(row, "tenant")?, get(row, "key")?);
            Ok((of, used_key(row)?))
        })
        .collect()
}

fn used_key(row: &PgRow) -> StoreResult<UsedIdempotencyKey> {
    Ok(UsedIdempotencyKey {
        event: EventId(get(row, "event")?),
        matched: codec::narrow("matched", get::<i32>(row, "matched")?.into())?,
        request_hash: codec::fixed("request_hash", get(row, "request_hash")?)?,
    })
}

fn committed(items: &[&NewEvent], mut numbers: SequenceNumbers) -> Vec<Option<PublishOutcome>> {
    let of = |item: &&NewEvent| PublishOutcome::Committed { sequences: numbers.give(item) };
    items.iter().map(of).map(Some).collect()
}

/// The sequence numbers that a statement gave: each stored delivery has its lane's next
/// one.
struct SequenceNumbers {
    /// For each lane the number before its first new one, if it numbered any.
    bases: Vec<Option<i64>>,
    /// The lanes of the deliveries of the items still to be asked for.
    lanes: std::vec::IntoIter<Option<i32>>,
}

impl SequenceNumbers {
    fn give(&mut self, item: &NewEvent) -> Vec<Option<i64>> {
        let mut sequences = Vec::with_capacity(item.deliveries.len());
        for delivery in &item.deliveries {
            let lane = self.lanes.next().flatten();
            sequences.push(delivery.sequence.or_else(|| self.next(lane?)));
        }
        sequences
    }

    /// Passes over what was not stored.
    fn skip(&mut self, item: &NewEvent) {
        self.lanes.by_ref().take(item.deliveries.len()).for_each(drop);
    }

    fn next(&mut self, lane: i32) -> Option<i64> {
        let lane = usize::try_from(lane - 1).ok()?;
        let number = self.bases.get_mut(lane)?.as_mut()?;
        *number += 1;
        Some(*number)
    }
}

/// A batch, as the statement's parameters.
struct PublishParameters<'a> {
    /// For each item the number of its configuration, from 1.
    configs: Vec<i32>,
    tenants: Vec<&'a str>,
    versions: Vec<i64>,
    events: Vec<EventInput<'a>>,
    deliveries: DeliveryArrays<'a>,
    any_ended: bool,
    keys: Vec<KeyInput<'a>>,
    /// What all but the keys take about as parameters.
    room_bytes: usize,
}

input!(
    /// An idempotency key to take.
    KeyInput as "key_input" {
        config: i32,
        tenant: &'a str,
        key: &'a str,
        event: Uuid,
        matched: i32,
        request_hash: &'a [u8],
        expire_time: i64,
        create_time: i64,
    }
);

impl<'a> PublishParameters<'a> {
    fn of(items: &[&'a NewEvent], names: &BatchNumbers<'_>) -> StoreResult<Self> {
        let mut batch = Self {
            configs: Vec::with_capacity(items.len()),
            tenants: Vec::new(),
            versions: Vec::new(),
            events: Vec::with_capacity(items.len()),
            deliveries: DeliveryArrays::of(items.iter().flat_map(|item| &item.deliveries), names)?,
            any_ended: false,
            keys: Vec::new(),
            room_bytes: 0,
        };
        let mut numbers: HashMap<(&str, i64), i32> = HashMap::new();
        for item in items {
            let of_item = (item.event.tenant.as_str(), item.config_version);
            let next = int(u32::try_from(numbers.len() + 1).unwrap_or(u32::MAX));
            let config = *numbers.entry(of_item).or_insert_with(|| {
                batch.tenants.push(of_item.0);
                batch.versions.push(of_item.1);
                next
            });
            batch.configs.push(config);
            let tenant = names.tenant(&item.event.tenant)?;
            batch.events.push(EventInput::new(config, tenant, &item.event)?);
            batch.room_bytes += EVENT_ROOM_BYTES
                + item.event.content.payload.len()
                + DELIVERY_ROOM_BYTES * item.deliveries.len();
            for delivery in &item.deliveries {
                batch.any_ended |= delivery.state.is_final();
                batch.deliveries.push(config, delivery, names)?;
            }
            if let Some((key, idempotency)) = keyed(item) {
                batch.keys.push(KeyInput {
                    config,
                    tenant: of_item.0,
                    key,
                    event: item.event.id.0,
                    matched: int(item.event.matched),
                    request_hash: &idempotency.request_hash,
                    expire_time: idempotency.expire_time.as_micros(),
                    create_time: item.event.create_time().as_micros(),
                });
            }
        }
        Ok(batch)
    }

    /// Whether there are no keys and no ended deliveries.
    fn is_plain(&self) -> bool {
        self.keys.is_empty() && !self.any_ended
    }

    fn query(mut self, until: Timestamp) -> PgQuery<'static> {
        let keys = std::mem::take(&mut self.keys);
        let sql = statement(!keys.is_empty(), self.any_ended);
        let query = query_with_room(sql, self.room_bytes);
        let query = self.bind(query, until);
        if keys.is_empty() { query } else { query.bind(keys) }
    }

    /// Binds all but the keys.
    fn bind(self, query: PgQuery<'_>, until: Timestamp) -> PgQuery<'_> {
        let query = self.deliveries.bind(query).bind(self.tenants).bind(self.versions);
        query.bind(self.events).bind(until.as_micros())
    }
}
