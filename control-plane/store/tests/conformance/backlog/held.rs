//! A great many deliveries HELD, ten of each ordering key.

use postrider_domain::delivery::DeliveryState;
use postrider_domain::ids::OrderedKey;
use postrider_store::KeyHold;

use super::{Backlog, Call, DELIVERIES, LIMIT, expired, shards};
use crate::fixture::{World, audit};

const KEYS: u32 = DELIVERIES / 10;

pub const BACKLOG: Backlog = Backlog {
    state: DeliveryState::Held,
    key_of: |number| Some(format!("key-{:04}", number % KEYS)),
    calls: CALLS,
};

const CALLS: &[(&str, Call)] = &[
    ("waiting", |world, _| {
        Box::pin(async move {
            assert!(world.store.waiting(&shards()).await.unwrap().is_empty());
        })
    }),
    ("deleted_with_unfinished", |world, _| {
        Box::pin(async move {
            let found = world.store.deleted_with_unfinished(&shards(), LIMIT).await.unwrap();
            assert!(found.is_empty());
        })
    }),
    ("claim_due", |world, _| {
        Box::pin(async move { assert!(world.claim_due(LIMIT).await.is_empty()) })
    }),
    ("list_key_backlogs", |world, _| {
        Box::pin(async move {
            let after = key(&world, "key-1000");
            let keys = world.store.list_key_backlogs(Some(&after), LIMIT, world.now).await.unwrap();
            assert_eq!(keys.len(), LIMIT as usize);
            assert_eq!(keys[0].key.key, "key-1001");
        })
    }),
    ("release_next", |world, delivery| {
        Box::pin(async move {
            let one = key(&world, delivery.ordering_key.as_deref().unwrap());
            let gone =
                world.store.release_next(std::slice::from_ref(&one), world.now).await.unwrap();
            assert_eq!(gone.len(), 1);
            assert!(world.store.release_next(&[one], world.now).await.unwrap().is_empty());
        })
    }),
    ("hold_key, release_next of its event, release_key", |world, delivery| {
        Box::pin(async move {
            let key = key(&world, delivery.ordering_key.as_deref().unwrap());
            let (event, blocked_until) = (delivery.event, world.now);
            let hold = KeyHold { key: key.clone(), event, held: true, blocked_until };
            world.store.hold_key(&hold).await.unwrap();
            let gone =
                world.store.release_next(std::slice::from_ref(&key), world.now).await.unwrap();
            assert_eq!(gone.len(), 1);
            assert!(world.store.end_key_hold(&key, audit()).await.unwrap());
        })
    }),
    ("publish, release_next, succeed", |world, _| {
        Box::pin(async move {
            world.publish(DeliveryState::Held).await;
            let gone = world.store.release_next(&[key(&world, "order")], world.now).await.unwrap();
            assert_eq!(gone.len(), 1);
            let claimed = world.claim_due(1).await;
            world.succeed(&claimed[0].delivery).await;
        })
    }),
    ("release_all_held", |world, _| {
        Box::pin(async move {
            let release_next =
                world.store.release_all_held(&world.key, world.now, LIMIT).await.unwrap();
            assert_eq!(release_next, u64::from(LIMIT));
        })
    }),
    ("end_waiting", |world, _| {
        Box::pin(async move {
            let request = expired(&world, true);
            let ended = world.store.end_waiting(&request, world.now, LIMIT);
            assert_eq!(ended.await.unwrap(), 0);
        })
    }),
];

fn key(world: &World, key: &str) -> OrderedKey {
    OrderedKey { subscription: world.key.clone(), key: key.to_owned() }
}
