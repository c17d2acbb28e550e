//! A great many deliveries WAITING, all of them due.

use postrider_domain::delivery::{DeliveryState, DeliveryTransition, EndReason, Outcome};
use postrider_domain::ids::Epoch;
use postrider_store::{CancelOutcome, DeliveryQuery, EventQuery};

use super::{Backlog, Call, LIMIT, expired, shards};
use crate::fixture::{EPOCH, HOUR, World, audit, record};

pub const BACKLOG: Backlog =
    Backlog { state: DeliveryState::Waiting, key_of: |_| None, calls: CALLS };

const CALLS: &[(&str, Call)] = &[
    ("nothing", |_, _| Box::pin(async {})),
    ("waiting", |world, _| {
        Box::pin(async move {
            assert_eq!(world.store.waiting(&shards()).await.unwrap().len(), 1);
        })
    }),
    ("stale_in_flight", |world, _| {
        Box::pin(async move {
            let leases = [(world.shard(), Epoch(EPOCH.0 + 1))];
            assert!(world.store.stale_in_flight(&leases, LIMIT).await.unwrap().is_empty());
        })
    }),
    ("own_in_flight", |world, _| {
        Box::pin(async move {
            let leases = [(world.shard(), EPOCH)];
            assert!(world.store.own_in_flight(&leases, None, LIMIT).await.unwrap().is_empty());
        })
    }),
    ("deleted_with_unfinished", |world, _| {
        Box::pin(async move {
            let found = world.store.deleted_with_unfinished(&shards(), LIMIT).await.unwrap();
            assert!(found.is_empty());
        })
    }),
    ("end_waiting", |world, _| {
        Box::pin(async move {
            let request = expired(&world, false);
            let ended = world.store.end_waiting(&request, world.now, LIMIT);
            assert_eq!(ended.await.unwrap(), 0);
        })
    }),
    ("claim_due, release", |world, _| {
        Box::pin(async move {
            let claimed = world.claim_due(LIMIT).await;
            assert_eq!(claimed.len(), LIMIT as usize);
            let attempts: Vec<_> =
                claimed.iter().map(|claimed| claimed.delivery.current_attempt()).collect();
            world.store.release(&attempts, world.now).await.unwrap();
        })
    }),
    ("count_due", |world, _| {
        Box::pin(async move {
            let (key, shard) = (world.key.clone(), world.shard());
            let count = world.store.count_due(&key, shard, world.now, LIMIT).await.unwrap();
            assert_eq!(count, LIMIT);
        })
    }),
    ("backlog", |world, _| {
        Box::pin(async move {
            assert_eq!(world.store.backlog(&world.key, LIMIT).await.unwrap().count, LIMIT);
        })
    }),
    ("list_key_backlogs", |world, _| {
        Box::pin(async move {
            let keys = world.store.list_key_backlogs(None, LIMIT, world.now).await.unwrap();
            assert!(keys.is_empty());
        })
    }),
    ("bring_forward", |world, delivery| {
        Box::pin(async move {
            let brought =
                world.store.bring_forward(world.tenant(), delivery.id, world.now, audit());
            assert!(brought.await.unwrap());
        })
    }),
    ("cancel", |world, delivery| {
        Box::pin(async move {
            let reason = EndReason::CancelledByCaller;
            let done = world.store.cancel(world.tenant(), delivery.id, reason, world.now, audit());
            assert_eq!(done.await.unwrap(), CancelOutcome::Done { in_flight: None });
        })
    }),
    ("publish, conclude", |world, _| {
        Box::pin(async move {
            let delivery = world.publish(DeliveryState::InFlight).await;
            world.succeed(&delivery).await;
        })
    }),
    ("publish, load_work, conclude with a retry", |world, _| {
        Box::pin(async move {
            let delivery = world.publish(DeliveryState::InFlight).await;
            let loaded = world.store.load_work(&[delivery.id], world.now).await.unwrap();
            assert_eq!(loaded.len(), 1);
            let retry = DeliveryTransition::Retry { due: world.now + HOUR, failures: 1 };
            world.conclude(record(&delivery, Outcome::HttpStatus), retry).await;
        })
    }),
    ("get_delivery", |world, delivery| {
        Box::pin(async move { assert!(world.get(delivery.id).await.is_some()) })
    }),
    ("list_deliveries", |world, _| Box::pin(async move { list(&world, |_| {}, LIMIT).await })),
    ("list_deliveries of a subscription", |world, _| {
        Box::pin(async move {
            let key = world.key.subscription.clone();
            list(&world, |query| query.subscription = Some(key), LIMIT).await;
        })
    }),
    ("list_deliveries of an event", |world, delivery| {
        Box::pin(async move {
            list(&world, |query| query.event = Some(delivery.event), 1).await;
        })
    }),
    ("list_events", |world, _| {
        Box::pin(async move {
            let query = EventQuery::newest(world.tenant(), LIMIT);
            assert_eq!(world.store.list_events(&query).await.unwrap().len(), LIMIT as usize);
        })
    }),
    ("deliveries_of", |world, delivery| {
        Box::pin(async move {
            let found = world.store.deliveries_of(world.tenant(), &[delivery.event]).await;
            assert_eq!(found.unwrap().len(), 1);
        })
    }),
    ("delivery_counts", |world, delivery| {
        Box::pin(async move {
            let counts = world.store.delivery_counts(world.tenant(), &[delivery.event]).await;
            assert_eq!(counts.unwrap()[0].by_state, [(DeliveryState::Waiting, 1)]);
        })
    }),
    ("list_attempts, last_attempts", |world, delivery| {
        Box::pin(async move {
            let (tenant, id) = (world.tenant(), delivery.id);
            assert!(world.store.list_attempts(tenant, id, 0, LIMIT).await.unwrap().is_empty());
            assert!(world.store.last_attempts(tenant, &[id]).await.unwrap().is_empty());
        })
    }),
];

async fn list(world: &World, change: impl FnOnce(&mut DeliveryQuery), expected: u32) {
    let mut query = DeliveryQuery::newest(world.tenant(), LIMIT);
    change(&mut query);
    assert_eq!(world.store.list_deliveries(&query).await.unwrap().len(), expected as usize);
}
