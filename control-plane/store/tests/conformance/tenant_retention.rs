//! Retention of a tenant's own: shorter than the installation's, and payloads for less than
//! history.

use std::time::Duration;

use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryState, Outcome};
use postrider_domain::event::{Event, RemovalReason};
use postrider_domain::ids::EventId;
use postrider_domain::tenant::{Tenant, TenantRetention};
use postrider_domain::time::Timestamp;
use postrider_store::{Conclusion, ConclusionOutcome};

use crate::engine::{DAY, Engine, conformance};
use crate::fixture::{HOUR, SUCCESS, World, audit, record};

conformance! {
    async fn a_retention_is_kept_as_given(engine) {
        let world = World::new(engine).await;
        let days = TenantRetention { history: Some(9 * DAY), payload: Some(2 * DAY) };
        let only_payload = TenantRetention { history: None, payload: Some(HOUR) };
        for retention in [days, only_payload, TenantRetention::default()] {
            retain(&world, retention).await;
            let tenant = world.store.get_tenant(world.tenant()).await.unwrap().unwrap();
            assert_eq!(tenant.retention, retention);
        }
    }

    async fn history_goes_by_its_tenants_retention(engine) {
        engine.maintain(10 * DAY, 30 * DAY).await;
        let (world, neighbour) = two(engine).await;
        let retention = TenantRetention { history: Some(5 * DAY), payload: None };
        retain(&world, retention).await;
        let gone = delivered(&world, 9).await;
        let kept = delivered(&world, 2).await;
        let others = delivered(&neighbour, 9).await;
        let waiting = publish(&world, 9, DeliveryState::Waiting).await;
        let resent = publish(&world, 9, DeliveryState::Suppressed).await;
        let mut resend = world.delivery(&world.event(), DeliveryState::Waiting);
        resend.event = resent.event;
        world.store.add_delivery(&resend, audit()).await.unwrap();
        // An event, two deliveries and a count; the attempt has a row of its own in memory only.
        for rows_removed in [if engine.lasts() { 4 } else { 5 }, 0] {
            let done = engine.maintain(Duration::ZERO, 30 * DAY).await;
            assert_eq!(done.rows_removed, rows_removed, "{done:?}");
            assert_eq!(find(&world, gone.event).await, None);
            assert_eq!(world.get(gone.id).await, None);
            assert!(attempts(&world, &gone).await.is_empty());
            let since = world.now - 30 * DAY;
            let stats = world.store.stats(&world.key, since).await.unwrap();
            assert_eq!(stats.iter().map(|row| row.count).sum::<u64>(), 1, "the young one's");
            for (world, delivery) in [(&world, &kept), (&neighbour, &others)] {
                assert!(find(world, delivery.event).await.is_some());
                assert!(world.get(delivery.id).await.is_some());
                assert_eq!(attempts(world, delivery).await.len(), 1);
            }
            for event in [waiting.event, resent.event] {
                let needed = find(&world, event).await.expect("needed for its delivery");
                assert!(!needed.content.payload.is_empty());
            }
            assert!(world.get(waiting.id).await.is_some());
        }
    }

    async fn payloads_go_before_history(engine) {
        engine.maintain(10 * DAY, 30 * DAY).await;
        let (world, neighbour) = two(engine).await;
        retain(&world, TenantRetention { history: None, payload: Some(5 * DAY) }).await;
        let old = delivered(&world, 9).await;
        let young = delivered(&world, 2).await;
        let others = delivered(&neighbour, 9).await;
        let waiting = publish(&world, 9, DeliveryState::Waiting).await;
        for _ in 0..2 {
            engine.maintain(Duration::ZERO, 30 * DAY).await;
            let event = find(&world, old.event).await.expect("history is kept");
            let removal = event.payload_removal.expect("its payload is not");
            assert_eq!((removal.reason, removal.bytes), (RemovalReason::RetentionEnded, 18));
            assert!(event.content.payload.is_empty());
            assert!(attempts(&world, &old).await[0].response_body.is_empty());
            assert!(world.get(old.id).await.is_some());
            for (world, delivery) in [(&world, &young), (&neighbour, &others)] {
                let event = find(world, delivery.event).await.unwrap();
                assert!(event.payload_removal.is_none() && !event.content.payload.is_empty());
                assert!(!attempts(world, delivery).await[0].response_body.is_empty());
            }
            let needed = find(&world, waiting.event).await.unwrap();
            assert_eq!(needed.payload_removal, None, "its delivery waits");
        }
    }

    async fn more_than_one_step_of_a_tenant_goes(engine) {
        engine.maintain(10 * DAY, 30 * DAY).await;
        let world = World::new(engine).await;
        let batch: Vec<_> = (0..1200_u32)
            .map(|n| {
                let event = world.event_at(world.now - 9 * DAY + n * Duration::from_secs(1));
                let delivery = world.delivery(&event, DeliveryState::Suppressed);
                world.new_event(event, vec![delivery])
            })
            .collect();
        let ids: Vec<EventId> = batch.iter().map(|item| item.event.id).collect();
        world.store.publish(&batch, Timestamp::MAX).await.unwrap();
        retain(&world, TenantRetention { history: None, payload: Some(5 * DAY) }).await;
        engine.maintain(Duration::ZERO, 30 * DAY).await;
        for id in ids.iter().step_by(150).chain(ids.last()) {
            assert!(find(&world, *id).await.unwrap().payload_removal.is_some());
        }
        let days = TenantRetention { history: Some(5 * DAY), payload: None };
        retain(&world, days).await;
        let done = engine.maintain(Duration::ZERO, 30 * DAY).await;
        assert_eq!(done.rows_removed, 2 * ids.len() as u64, "{done:?}");
        for id in ids.iter().step_by(150).chain(ids.last()) {
            assert_eq!(find(&world, *id).await, None);
        }
    }
}

/// Two tenants, each with a subscription.
async fn two(engine: &Engine) -> (World, World) {
    (World::new(engine).await, World::named(engine, "other", "hook").await)
}

/// Sets a tenant's retention. What is published afterwards is matched against the
/// version that this makes.
async fn retain(world: &World, retention: TenantRetention) {
    let tenant = world.store.get_tenant(world.tenant()).await.unwrap().unwrap();
    let revision = tenant.revision;
    let changed = Tenant { retention, ..tenant };
    let written = world.store.update_tenant(&changed, revision, audit()).await.unwrap();
    assert_eq!(written.retention, retention);
}

/// Publishes an event of some days ago, less an hour, with a delivery.
async fn publish(world: &World, days: u32, state: DeliveryState) -> Delivery {
    let event = world.event_at(world.now - days * DAY + HOUR);
    let delivery = world.delivery(&event, state);
    let tenant = world.store.get_tenant(world.tenant()).await.unwrap().unwrap();
    let mut item = world.new_event(event, vec![delivery.clone()]);
    item.config_version = tenant.config_version;
    world.commit(item).await;
    delivery
}

/// As [`publish`], with a success of two hours later.
async fn delivered(world: &World, days: u32) -> Delivery {
    let delivery = publish(world, days, DeliveryState::InFlight).await;
    let at = world.now - days * DAY + 2 * HOUR;
    let record = AttemptRecord { start_time: at, ..record(&delivery, Outcome::Succeeded) };
    let batch = [Conclusion::new(&delivery, record, SUCCESS)];
    let answers = world.store.conclude(&batch, at).await.unwrap();
    assert_eq!(answers, [ConclusionOutcome::Applied]);
    delivery
}

async fn find(world: &World, id: EventId) -> Option<Event> {
    world.store.get_event(world.tenant(), id).await.unwrap()
}

async fn attempts(world: &World, delivery: &Delivery) -> Vec<AttemptRecord> {
    let found = world.store.list_attempts(world.tenant(), delivery.id, 0, 9).await.unwrap();
    found.into_iter().map(|attempt| attempt.record).collect()
}
