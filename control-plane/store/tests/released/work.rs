//! What is unfinished: found by those who look for it, and carried on.

use std::collections::BTreeSet;
use std::time::Duration;

use postrider_domain::delivery::{
    AttemptRecord, Delivery, DeliveryState, DeliveryTransition, Outcome,
};
use postrider_domain::ids::{
    Epoch, EventId, OrderedKey, ReplicaId, Shard, SubscriptionKey, TenantId,
};
use postrider_domain::time::Timestamp;
use postrider_identity::AuditOrigin;
use postrider_store::{Conclusion, ConclusionOutcome, Store};
use serde_json::Value;

use crate::answers::{ReleaseAnswers, text};

/// As `rig.py` has it.
pub const SHARD_COUNT: u16 = 6;

const ALL_ROWS: u32 = 1000;
/// Above that of any owner.
const NEXT_EPOCH: Epoch = Epoch(1000);

fn shards() -> Vec<Shard> {
    (0..SHARD_COUNT).map(Shard).collect()
}

fn subscriptions(deliveries: &[Value]) -> BTreeSet<String> {
    deliveries.iter().map(|delivery| text(delivery, "subscription").to_owned()).collect()
}

pub async fn check(store: &dyn Store, answers: &ReleaseAnswers) {
    let now = store.now().await.unwrap();
    let waiting = store.waiting(&shards()).await.unwrap();
    let found: BTreeSet<_> = waiting.iter().map(|found| found.subscription.to_string()).collect();
    assert_eq!(found, subscriptions(&answers.deliveries_in(DeliveryState::Waiting)));
    let keys = store.list_key_backlogs(None, ALL_ROWS, now).await.unwrap();
    let found: BTreeSet<_> = keys.iter().map(|found| found.key.subscription.to_string()).collect();
    assert_eq!(found, subscriptions(&answers.deliveries_in(DeliveryState::Held)));
    let in_flight = in_flight(store).await;
    assert_eq!(in_flight.len(), answers.deliveries_in(DeliveryState::InFlight).len());
    // Whose receiver asked for a wait, and whose endpoint only failed.
    let holds = store.hold_clocks(Timestamp::default()).await.unwrap();
    let held: Vec<_> = holds.iter().map(|(key, _)| key.to_string()).collect();
    assert_eq!(held, ["tenants/acme/subscriptions/asked"]);
    let streaks = store.streaks(&shards()).await.unwrap();
    assert!(streaks.iter().any(|(key, _)| key.subscription.as_str() == "down"), "{streaks:?}");
    idempotency_keys(store, answers).await;
}

/// Those of the release, for whoever takes its shards over.
async fn in_flight(store: &dyn Store) -> Vec<Delivery> {
    let owned: Vec<_> = shards().into_iter().map(|shard| (shard, NEXT_EPOCH)).collect();
    store.stale_in_flight(&owned, ALL_ROWS).await.unwrap()
}

/// A publisher that tries again after the upgrade gets the event that there is.
async fn idempotency_keys(store: &dyn Store, answers: &ReleaseAnswers) {
    let tenant: TenantId = "acme".parse().unwrap();
    let events = answers.list("tenants/acme/events", "events");
    for event in events.iter().filter(|event| !text(event, "idempotencyKey").is_empty()) {
        let id: EventId = text(event, "name").rsplit('/').next().unwrap().parse().unwrap();
        let key = text(event, "idempotencyKey");
        let used = store.used_key(&tenant, key, id.time()).await.unwrap();
        assert_eq!(used.map(|used| used.event), Some(id), "{key}");
    }
}

/// A new owner takes all shards over, the result of what was under way is taken, and a key that
/// was held goes on.
pub async fn go_on(store: &dyn Store) {
    let (owner, lease) = (ReplicaId("replica-2".into()), Duration::from_secs(10));
    let taken = store.acquire_shards(&owner, &shards(), lease, true).await.unwrap();
    assert_eq!(taken.len(), shards().len());
    assert!(taken.iter().all(|(_, epoch)| *epoch > Epoch(1)), "{taken:?}");
    let now = store.now().await.unwrap();
    for delivery in in_flight(store).await {
        succeed(store, &delivery, now).await;
    }
    let (tenant, subscription) = ("acme".parse().unwrap(), "kept".parse().unwrap());
    let subscription = SubscriptionKey { tenant, subscription };
    let key = OrderedKey { subscription: subscription.clone(), key: "key-1".to_owned() };
    let audit = AuditOrigin::command("a test").draft(&subscription.to_string(), now);
    assert!(store.end_key_hold(&key, &audit).await.unwrap());
    assert_eq!(store.release_next(&[key], now).await.unwrap(), [subscription]);
}

async fn succeed(store: &dyn Store, delivery: &Delivery, now: Timestamp) {
    let unknown = AttemptRecord::unknown(delivery, "", now);
    let record = AttemptRecord { outcome: Outcome::Succeeded, ..unknown };
    let success = DeliveryTransition::End { state: DeliveryState::Succeeded, reason: None };
    let batch = [Conclusion::new(delivery, record, success)];
    assert_eq!(store.conclude(&batch, now).await.unwrap(), [ConclusionOutcome::Applied]);
    let tenant = &delivery.subscription.tenant;
    let ended = store.get_delivery(tenant, delivery.id).await.unwrap().unwrap();
    assert_eq!(ended.state, DeliveryState::Succeeded);
    let attempts = store.list_attempts(tenant, delivery.id, 0, ALL_ROWS).await.unwrap();
    assert_eq!(attempts.len(), 1);
}
