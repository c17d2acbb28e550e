//! Expunged payloads: what goes, what stays, and what is refused afterwards.

use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryState, EndReason, Outcome};
use postrider_domain::event::{Event, PayloadRemoval, RemovalReason};
use postrider_domain::ids::EventId;
use postrider_domain::operation::Operation;
use postrider_store::{CancelOutcome, ExpungeBatch, OperationStep, RemovalCounts, StoreError};

use crate::engine::conformance;
use crate::fixture::{HOUR, SECOND, World, audit, record};
use crate::operations::{again, begin, events, step, stretch};

/// Of each event of the fixture.
const PAYLOAD_BYTES: u64 = 18;

conformance! {
    async fn a_payload_goes_and_its_size_and_hash_stay(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        world.succeed(&delivery).await;
        let other = world.publish(DeliveryState::InFlight).await;
        world.succeed(&other).await;
        let before = find(&world, delivery.event).await;
        let after = expunge(&world, &[delivery.event]).await;
        assert_eq!((after.made, after.unfinished, after.payload_bytes), (1, 0, PAYLOAD_BYTES));
        let (reason, time) = (RemovalReason::Expunged, world.now + HOUR);
        let removal = PayloadRemoval { reason, time, bytes: PAYLOAD_BYTES };
        let mut wanted = Event { payload_removal: Some(removal), ..before };
        wanted.content.payload = bytes::Bytes::new();
        assert_eq!(find(&world, delivery.event).await, wanted);
        assert_eq!(world.get(delivery.id).await.unwrap().state, DeliveryState::Succeeded);
        let kept = attempt(&world, &delivery).await;
        assert!(kept.response_body.is_empty() && kept.response_headers.is_empty());
        assert_eq!((kept.http_status, kept.response_body_bytes), (Some(200), 14));
        // Lists say so too.
        for with_payload in [false, true] {
            let listed = events(&world, stretch(&world), with_payload).await;
            let listed = listed.iter().find(|event| event.id == delivery.event).unwrap();
            assert_eq!(listed.payload_removal, Some(removal));
        }
        // Its neighbour is whole, and once more removes nothing.
        assert!(!find(&world, other.event).await.content.payload.is_empty());
        assert!(!attempt(&world, &other).await.response_body.is_empty());
        let again = expunge(&world, &[delivery.event]).await;
        assert_eq!((again.made, again.payload_bytes), (0, 0));
    }

    async fn an_event_with_an_unfinished_delivery_is_left(engine) {
        let world = World::new(engine).await;
        for state in [DeliveryState::Held, DeliveryState::Waiting, DeliveryState::InFlight] {
            let delivery = world.publish(state).await;
            let after = expunge(&world, &[delivery.event]).await;
            assert_eq!((after.made, after.unfinished), (0, 1), "{state:?}");
            assert_eq!(find(&world, delivery.event).await.payload_removal, None);
            // What keeps it need not have been made with it.
            let cancelled = cancel(&world, &delivery).await;
            let resend = Delivery { end_reason: None, ..again(&world, &cancelled) };
            world.store.add_delivery(&resend, audit()).await.unwrap();
            assert_eq!(expunge(&world, &[delivery.event]).await.unfinished, 1);
            cancel(&world, &resend).await;
            assert_eq!(expunge(&world, &[delivery.event]).await.made, 1);
        }
    }

    async fn what_lost_its_payload_is_not_sent_again(engine) {
        let world = World::new(engine).await;
        let ended = world.publish(DeliveryState::Exhausted).await;
        expunge(&world, &[ended.event]).await;
        let resend = again(&world, &ended);
        let refused = world.store.add_delivery(&resend, audit()).await.unwrap_err();
        assert!(matches!(refused, StoreError::Rejected(_)), "{refused}");
        let begun = begin(&world).await;
        let replay = OperationStep { deliveries: vec![resend.clone()], ..step(&begun, 1) };
        let after = world.store.step_operation(&replay, world.now).await.unwrap().unwrap();
        assert_eq!((after.examined, after.made), (1, 0));
        assert_eq!(world.get(resend.id).await, None);
    }

    async fn a_result_that_comes_later_leaves_no_response(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        cancel(&world, &delivery).await;
        expunge(&world, &[delivery.event]).await;
        let late = record(&delivery, Outcome::HttpStatus);
        world.store.conclude_late(&late, world.now + SECOND).await.unwrap();
        let kept = attempt(&world, &delivery).await;
        assert_eq!(kept, late.without_response());
    }

    async fn responses_go_by_delivery_too(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        world.succeed(&delivery).await;
        let batch = ExpungeBatch { deliveries: vec![delivery.id], ..ExpungeBatch::default() };
        let after = run(&world, batch).await;
        assert_eq!((after.made, after.payload_bytes), (0, 0));
        assert!(attempt(&world, &delivery).await.response_body.is_empty());
        assert_eq!(find(&world, delivery.event).await.payload_removal, None);
    }

    async fn a_dry_run_counts_and_removes_nothing(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::Exhausted).await;
        let counted = RemovalCounts { events: 3, payload_bytes: 70, unfinished: 2 };
        let after = run(&world, ExpungeBatch { counted, ..ExpungeBatch::default() }).await;
        assert_eq!((after.made, after.unfinished, after.payload_bytes), (3, 2, 70));
        assert_eq!(find(&world, delivery.event).await.payload_removal, None);
    }

    async fn of_a_resend_and_an_expunge_at_once_one_is_refused(engine) {
        let world = World::new(engine).await;
        let second = engine.second().await;
        for _ in 0..20 {
            let ended = world.publish(DeliveryState::Exhausted).await;
            let resend = again(&world, &ended);
            let events = [ended.event];
            let (added, removed) = tokio::join!(
                second.add_delivery(&resend, audit()),
                expunge(&world, &events)
            );
            assert!(added.is_ok() != (removed.made == 1), "{added:?} {removed:?}");
        }
        let claimed = world.claim_due(100).await;
        assert!(claimed.iter().all(|work| !work.event.content.payload.is_empty()));
        if engine.is_postgres() {
            second.close().await;
        }
    }

    async fn a_step_may_leave_a_record(engine) {
        let world = World::new(engine).await;
        let begun = begin(&world).await;
        let last = OperationStep { audit: Some(audit().clone()), ..step(&begun, 0) };
        assert!(world.store.step_operation(&last, world.now).await.unwrap().is_some());
        // The cursor has moved on: neither the step nor its record.
        assert_eq!(world.store.step_operation(&last, world.now).await.unwrap(), None);
        let record = audit().chain.clone();
        let chains = world.store.list_audit_chains(None, 10).await.unwrap();
        let count = |chains: &[postrider_identity::ChainState]| {
            chains.iter().find(|state| state.chain == record).map(|state| state.sequence)
        };
        let before = count(&chains);
        let later = world.store.get_operation(world.tenant(), begun.id).await.unwrap().unwrap();
        let last = OperationStep { audit: Some(audit().clone()), ..step(&later, 0) };
        assert!(world.store.step_operation(&last, world.now).await.unwrap().is_some());
        let chains = world.store.list_audit_chains(None, 10).await.unwrap();
        assert_eq!(count(&chains), before.map(|sequence| sequence + 1));
    }
}

/// Expunges events by an operation of its own; returns what that says.
async fn expunge(world: &World, events: &[EventId]) -> Operation {
    run(world, ExpungeBatch { events: events.to_vec(), ..ExpungeBatch::default() }).await
}

async fn run(world: &World, expunged: ExpungeBatch) -> Operation {
    let begun = begin(world).await;
    let step = OperationStep { expunged, ..step(&begun, 0) };
    world.store.step_operation(&step, world.now + HOUR).await.unwrap().unwrap()
}

async fn cancel(world: &World, delivery: &Delivery) -> Delivery {
    let reason = EndReason::EventExpunged;
    let cancelled =
        world.store.cancel(world.tenant(), delivery.id, reason, world.now, audit()).await.unwrap();
    assert!(matches!(cancelled, CancelOutcome::Done { .. }), "{cancelled:?}");
    let ended = world.get(delivery.id).await.unwrap();
    assert_eq!((ended.state, ended.end_reason), (DeliveryState::Cancelled, Some(reason)));
    ended
}

async fn find(world: &World, id: EventId) -> Event {
    world.store.get_event(world.tenant(), id).await.unwrap().unwrap()
}

async fn attempt(world: &World, delivery: &Delivery) -> AttemptRecord {
    let found = world.store.list_attempts(world.tenant(), delivery.id, 0, 9).await.unwrap();
    found.into_iter().next_back().unwrap().record
}
