//! Deliveries ended or brought forward by people.

use postrider_domain::delivery::{Delivery, DeliveryState, EndReason, Trigger};
use postrider_store::CancelOutcome;

use crate::engine::conformance;
use crate::fixture::{EPOCH, HOUR, SECOND, World, audit, without_owner};

conformance! {
    async fn one_is_cancelled_in_any_state(engine) {
        let world = World::new(engine).await;
        let reason = EndReason::CancelledByCaller;
        let cancel = |id| world.store.cancel(world.tenant(), id, reason, world.now + SECOND, audit());
        for state in [DeliveryState::Held, DeliveryState::Waiting, DeliveryState::InFlight] {
            let delivery = world.publish(state).await;
            let stranger = "stranger".parse().unwrap();
            let theirs = world.store.cancel(&stranger, delivery.id, reason, world.now, audit()).await;
            assert_eq!(theirs.unwrap(), CancelOutcome::NotFound);
            let under_way = delivery.cancelled_under_way(world.now + SECOND);
            let in_flight = under_way.as_ref().map(|record| record.key);
            assert_eq!(in_flight.is_some(), state == DeliveryState::InFlight);
            assert_eq!(cancel(delivery.id).await.unwrap(), CancelOutcome::Done { in_flight });
            let ended = Delivery {
                state: DeliveryState::Cancelled,
                end_reason: Some(reason),
                end_time: Some(world.now + SECOND),
                ..without_owner(&delivery)
            };
            assert_eq!(world.get(delivery.id).await, Some(ended));
            let last = world.store.last_attempts(world.tenant(), &[delivery.id]).await;
            assert_eq!(last.unwrap().first(), under_way.as_ref());
            let again = CancelOutcome::AlreadyEnded(DeliveryState::Cancelled);
            assert_eq!(cancel(delivery.id).await.unwrap(), again);
        }
        let unknown = world.delivery(&world.event(), DeliveryState::Held).id;
        assert_eq!(cancel(unknown).await.unwrap(), CancelOutcome::NotFound);
    }

    async fn what_waits_is_brought_forward(engine) {
        let world = World::new(engine).await;
        let due = world.now + HOUR;
        let waiting = world.publish_with(|d| d.due = due, DeliveryState::Waiting).await;
        let bring = |id| world.store.bring_forward(world.tenant(), id, world.now, audit());
        assert!(bring(waiting.id).await.unwrap());
        let trigger = Trigger::Manual;
        let brought = Delivery { due: world.now, trigger, ..waiting.clone() };
        assert_eq!(world.get(waiting.id).await, Some(brought));
        for state in [DeliveryState::Held, DeliveryState::InFlight, DeliveryState::Suppressed] {
            let delivery = world.publish(state).await;
            assert!(!bring(delivery.id).await.unwrap());
            assert_eq!(world.get(delivery.id).await, Some(delivery));
        }
        let claimed = world.claim_due(1).await;
        assert_eq!((claimed[0].delivery.trigger, claimed[0].delivery.epoch), (trigger, EPOCH));
    }
}
