//! A great many deliveries that succeeded at once, and their attempts.

use std::time::Duration;

use postrider_domain::delivery::{DeliveryState, EndReason, Outcome};
use postrider_domain::ids::{DeliveryId, EventId};
use postrider_domain::operation::TimeWindow;
use postrider_store::{AttemptQuery, CancelOutcome, DeliveryQuery, HistoryRange, PublishOutcome};

use super::{Backlog, Call, DELIVERIES, LIMIT, shards};
use crate::fixture::{HOUR, World, audit, random, record};

pub const BACKLOG: Backlog =
    Backlog { state: DeliveryState::Succeeded, key_of: |_| None, calls: CALLS };

const CALLS: &[(&str, Call)] = &[
    ("waiting", |world, _| {
        Box::pin(async move {
            assert!(world.store.waiting(&shards()).await.unwrap().is_empty());
        })
    }),
    ("publish, conclude", |world, _| {
        Box::pin(async move {
            let delivery = world.publish(DeliveryState::InFlight).await;
            world.succeed(&delivery).await;
        })
    }),
    ("publish again by its key", |world, _| {
        Box::pin(async move {
            let item = world.keyed("key", 1, world.now + HOUR);
            world.commit(item.clone()).await;
            let again = world.store.publish(&[item], world.now + HOUR).await.unwrap();
            assert!(matches!(again[0], PublishOutcome::Duplicate { .. }), "{again:?}");
        })
    }),
    ("conclude_late", |world, delivery| {
        Box::pin(async move {
            let late = record(&delivery, Outcome::Succeeded);
            world.store.conclude_late(&late, world.now).await.unwrap();
        })
    }),
    ("cancel", |world, delivery| {
        Box::pin(async move {
            let reason = EndReason::CancelledByCaller;
            let done =
                world.store.cancel(world.tenant(), delivery.id, reason, world.now, audit()).await;
            let ended = CancelOutcome::AlreadyEnded(DeliveryState::Succeeded);
            assert_eq!(done.unwrap(), ended);
        })
    }),
    ("get_event, get_delivery", |world, delivery| {
        Box::pin(async move {
            let event = world.store.get_event(world.tenant(), delivery.event).await.unwrap();
            assert!(event.is_some() && world.get(delivery.id).await.is_some());
            let nobody = EventId::new(world.now, random());
            assert!(world.store.get_event(world.tenant(), nobody).await.unwrap().is_none());
            assert!(world.get(DeliveryId::new(world.now, random())).await.is_none());
        })
    }),
    ("list_deliveries", |world, _| {
        Box::pin(async move {
            let query = DeliveryQuery::newest(world.tenant(), LIMIT);
            let page = world.store.list_deliveries(&query).await.unwrap();
            assert_eq!(page.len(), LIMIT as usize);
        })
    }),
    ("list_deliveries of a subscription", |world, delivery| {
        Box::pin(async move {
            let subscription = Some(world.key.subscription.clone());
            let before = Some(delivery.id);
            let query = DeliveryQuery {
                subscription,
                before,
                ..DeliveryQuery::newest(world.tenant(), LIMIT)
            };
            let page = world.store.list_deliveries(&query).await.unwrap();
            assert_eq!(page.len(), query.limit as usize);
        })
    }),
    ("list_deliveries of an event", |world, delivery| {
        Box::pin(async move {
            let query = DeliveryQuery {
                event: Some(delivery.event),
                ..DeliveryQuery::newest(world.tenant(), LIMIT)
            };
            assert_eq!(world.store.list_deliveries(&query).await.unwrap().len(), 1);
        })
    }),
    ("deliveries_of, delivery_counts", |world, delivery| {
        Box::pin(async move {
            let (tenant, events) = (world.tenant(), [delivery.event]);
            assert_eq!(world.store.deliveries_of(tenant, &events).await.unwrap().len(), 1);
            let counts = world.store.delivery_counts(tenant, &events).await.unwrap();
            assert_eq!(counts[0].by_state, [(DeliveryState::Succeeded, 1)]);
        })
    }),
    ("list_attempts, last_attempts", |world, delivery| {
        Box::pin(async move {
            let (tenant, id) = (world.tenant(), delivery.id);
            assert_eq!(world.store.list_attempts(tenant, id, 0, LIMIT).await.unwrap().len(), 1);
            assert_eq!(world.store.last_attempts(tenant, &[id]).await.unwrap().len(), 1);
        })
    }),
    ("recorded_results", |world, delivery| {
        Box::pin(async move {
            let asked = [delivery.current_attempt()];
            let found = world.store.recorded_results(world.tenant(), &asked).await.unwrap();
            assert_eq!(found, asked);
        })
    }),
    ("find_attempts", |world, _| {
        Box::pin(async move {
            let query = AttemptQuery::newest(world.tenant(), LIMIT);
            let page = world.store.find_attempts(&query).await.unwrap();
            assert_eq!(page.attempts.len(), LIMIT as usize);
        })
    }),
    ("find_attempts, of which none matches", |world, _| {
        Box::pin(async move {
            let mut query = AttemptQuery::newest(world.tenant(), LIMIT);
            (query.test, query.scan) = (Some(true), LIMIT);
            let page = world.store.find_attempts(&query).await.unwrap();
            assert!(page.attempts.is_empty() && page.next.is_some(), "{page:?}");
        })
    }),
    ("tail", |world, _| {
        Box::pin(async move {
            let end = world.store.tail_position().await.unwrap();
            world.store.tail(end, LIMIT).await.unwrap();
        })
    }),
    ("stats", |world, _| {
        Box::pin(async move {
            assert!(!world.store.stats(&world.key, world.now - HOUR).await.unwrap().is_empty());
        })
    }),
    ("ended_deliveries", |world, _| {
        Box::pin(async move {
            let mut stretch = stretch(&world);
            assert_eq!(
                world.store.list_ended_in_range(&stretch).await.unwrap().len(),
                LIMIT as usize
            );
            stretch.subscription = Some(world.key.subscription.clone());
            assert_eq!(
                world.store.list_ended_in_range(&stretch).await.unwrap().len(),
                LIMIT as usize
            );
        })
    }),
    ("list_events_in_range, find_delivered_events", |world, delivery| {
        Box::pin(async move {
            let stretch = stretch(&world);
            let events = world.store.list_events_in_range(&stretch, true).await.unwrap();
            assert_eq!(events.len(), LIMIT as usize);
            let delivered = world.store.find_delivered_events(&world.key, &[delivery.event]).await;
            assert_eq!(delivered.unwrap().len(), 1);
        })
    }),
];

/// From the middle on, so that as much is before it as behind it.
fn stretch(world: &World) -> HistoryRange {
    let half = Duration::from_millis(u64::from(DELIVERIES / 2));
    HistoryRange {
        tenant: world.tenant().clone(),
        subscription: None,
        window: TimeWindow { from: world.now - half, until: world.now + HOUR },
        after: None,
        limit: LIMIT,
    }
}
