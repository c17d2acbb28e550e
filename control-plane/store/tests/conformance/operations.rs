//! Long-running operations: steps that happen once, and what they go through.

use std::collections::HashSet;

use postrider_domain::delivery::{Delivery, DeliveryState, Trigger};
use postrider_domain::event::Event;
use postrider_domain::ids::{DeliveryId, OperationId, Shard};
use postrider_domain::operation::{
    Backfill, Operation, OperationFailure, OperationState, OperationTask, Replay, TimeWindow,
};
use postrider_domain::time::Timestamp;
use postrider_store::{ExpungeBatch, HistoryRange, OperationEnd, OperationStep};
use uuid::Uuid;

use crate::engine::{DAY, conformance};
use crate::fixture::{EPOCH, HOUR, SECOND, World, audit, random};

const ENDED: OperationEnd = OperationEnd { state: OperationState::Succeeded, failure: None };

conformance! {
    async fn an_operation_is_kept_as_given(engine) {
        let world = World::new(engine).await;
        let replay = operation(&world, world.now);
        let window = window(&world);
        let backfill = Operation {
            task: OperationTask::Backfill(Backfill {
                window,
                per_second: 7,
                subscription: world.key.subscription.clone(),
            }),
            state: OperationState::Failed,
            failure: Some(OperationFailure::SubscriptionDeleted),
            cursor: Some(Uuid::from_u128(5)),
            examined: 9,
            made: 4,
            unfinished: 2,
            payload_bytes: 77,
            end_time: Some(world.now + HOUR),
            ..operation(&world, world.now + SECOND)
        };
        for operation in [&replay, &backfill] {
            world.store.create_operation(operation, audit()).await.unwrap();
            let kept = world.store.get_operation(world.tenant(), operation.id).await.unwrap();
            assert_eq!(kept.as_ref(), Some(operation));
        }
        let other = "other".parse().unwrap();
        assert_eq!(world.store.get_operation(&other, replay.id).await.unwrap(), None);
        // The newest first, page by page.
        let list = |before, limit| world.store.list_operations(world.tenant(), before, limit);
        assert_eq!(list(None, 5).await.unwrap(), [backfill.clone(), replay.clone()]);
        assert_eq!(list(None, 1).await.unwrap(), vec![backfill.clone()]);
        assert_eq!(list(Some(backfill.id), 5).await.unwrap(), vec![replay.clone()]);
        // Only what runs, and in these shards.
        let running = world.store.running_operations(&[world.shard()], 5).await.unwrap();
        assert_eq!(running, [replay]);
        let elsewhere = [Shard(world.shard().0 + 1)];
        assert!(world.store.running_operations(&elsewhere, 5).await.unwrap().is_empty());
        assert!(world.store.running_operations(&[], 5).await.unwrap().is_empty());
    }

    async fn a_step_commits_its_deliveries_once(engine) {
        let world = World::new(engine).await;
        let begun = begin(&world).await;
        let ended = world.publish(DeliveryState::Exhausted).await;
        let again = again(&world, &ended);
        let step = OperationStep { deliveries: vec![again.clone()], ..step(&begun, 3) };
        let after = world.store.step_operation(&step, world.now).await.unwrap().unwrap();
        let wanted = Operation { cursor: step.to, examined: 3, made: 1, ..begun.clone() };
        assert_eq!(after, wanted);
        assert_eq!(world.get(again.id).await, Some(again.clone()));
        // It is among its event's deliveries, and can be claimed.
        let counts = world.store.delivery_counts(world.tenant(), &[ended.event]).await.unwrap();
        let states = [(DeliveryState::Waiting, 1), (DeliveryState::Exhausted, 1)];
        assert_eq!(counts[0].by_state, states);
        let claim = world.claim(9);
        let limits = postrider_store::ClaimLimits { deliveries: 9 };
        let due = world.now + 2 * SECOND;
        let work = world.store.claim_due(&[claim], due, limits).await.unwrap();
        assert_eq!(work[0].delivery.id, again.id);
        // The same step again, as one who does not know that it was committed.
        let repeated = OperationStep {
            deliveries: vec![Delivery { id: later_id(&world), ..again }],
            ..step.clone()
        };
        assert_eq!(world.store.step_operation(&repeated, world.now).await.unwrap(), None);
        assert_eq!(world.get(repeated.deliveries[0].id).await, None);
        let kept = world.store.get_operation(world.tenant(), begun.id).await.unwrap();
        assert_eq!(kept, Some(wanted));
    }

    async fn a_delivery_without_its_event_is_left_out(engine) {
        let world = World::new(engine).await;
        let begun = begin(&world).await;
        let ended = world.publish(DeliveryState::Exhausted).await;
        let gone = world.delivery(&world.event(), DeliveryState::Exhausted);
        let deliveries = vec![again(&world, &gone), again(&world, &ended)];
        let step = OperationStep { deliveries: deliveries.clone(), ..step(&begun, 2) };
        let after = world.store.step_operation(&step, world.now).await.unwrap().unwrap();
        assert_eq!((after.examined, after.made), (2, 1));
        assert_eq!(world.get(deliveries[0].id).await, None);
        assert!(world.get(deliveries[1].id).await.is_some());
    }

    async fn owners_that_race_make_a_step_once(engine) {
        let world = World::new(engine).await;
        let second = engine.second().await;
        let mut stands = begin(&world).await;
        for n in 1..=20 {
            let ended = world.publish(DeliveryState::Exhausted).await;
            let step = |delivery| OperationStep { deliveries: vec![delivery], ..step(&stands, 1) };
            let (one, two) = (step(again(&world, &ended)), step(again(&world, &ended)));
            let (first, other) = tokio::join!(
                world.store.step_operation(&one, world.now),
                second.step_operation(&two, world.now)
            );
            let (first, other) = (first.unwrap(), other.unwrap());
            assert!(first.is_some() != other.is_some(), "{first:?} {other:?}");
            stands = first.or(other).unwrap();
            assert_eq!(stands.made, n);
            let counts = world.store.delivery_counts(world.tenant(), &[ended.event]).await.unwrap();
            assert_eq!(counts[0].by_state[0], (DeliveryState::Waiting, 1));
        }
        if engine.is_postgres() {
            second.close().await;
        }
    }

    async fn what_ended_stays_as_it_ended(engine) {
        let world = World::new(engine).await;
        let now = world.now + HOUR;
        let cancelled = begin(&world).await;
        world.store.cancel_operation(world.tenant(), cancelled.id, now, audit()).await.unwrap();
        let succeeded = begin(&world).await;
        let last = OperationStep { end: Some(ENDED), ..step(&succeeded, 0) };
        world.store.step_operation(&last, now).await.unwrap().unwrap();
        let end = OperationEnd {
            state: OperationState::Failed,
            failure: Some(OperationFailure::TenantDeleted),
        };
        let failed = begin(&world).await;
        let step_of = |of: &Operation| OperationStep { end: Some(end), ..step(of, 0) };
        world.store.step_operation(&step_of(&failed), now).await.unwrap().unwrap();
        for (ended, state, failure) in [
            (&cancelled, OperationState::Cancelled, None),
            (&succeeded, OperationState::Succeeded, None),
            (&failed, OperationState::Failed, end.failure),
        ] {
            let tenant = world.tenant();
            world.store.cancel_operation(tenant, ended.id, now + HOUR, audit()).await.unwrap();
            let found = world.store.get_operation(tenant, ended.id).await.unwrap().unwrap();
            assert_eq!((found.state, found.failure, found.end_time), (state, failure, Some(now)));
            let late = OperationStep { from: found.cursor, ..step_of(&found) };
            assert_eq!(world.store.step_operation(&late, now).await.unwrap(), None);
            assert!(world.store.delete_operation(tenant, ended.id, audit()).await.unwrap());
            assert!(!world.store.delete_operation(tenant, ended.id, audit()).await.unwrap());
            assert_eq!(world.store.get_operation(tenant, ended.id).await.unwrap(), None);
        }
        let running = begin(&world).await;
        assert!(!world.store.delete_operation(world.tenant(), running.id, audit()).await.unwrap());
        let found = world.store.get_operation(world.tenant(), running.id).await.unwrap();
        assert_eq!(found, Some(running.clone()));
        world.store.cancel_operation(world.tenant(), running.id, now, audit()).await.unwrap();
        assert!(world.store.running_operations(&[world.shard()], 5).await.unwrap().is_empty());
    }

    async fn ended_deliveries_come_in_their_order(engine) {
        let world = World::new(engine).await;
        let before = world.now - SECOND;
        let event = world.event_at(before);
        let early = world.delivery(&event, DeliveryState::Exhausted);
        world.commit(world.new_event(event, vec![early.clone()])).await;
        let mut wanted = Vec::new();
        for state in [DeliveryState::Exhausted, DeliveryState::Waiting, DeliveryState::Suppressed] {
            let delivery = world.publish(state).await;
            if state.is_final() {
                wanted.push(delivery.id);
            }
        }
        let all = stretch(&world);
        assert_eq!(ended(&world, all.clone()).await, wanted);
        assert_eq!(ended(&world, HistoryRange { limit: 1, ..all.clone() }).await, wanted[..1]);
        let rest = HistoryRange { after: Some(wanted[0].0), ..all.clone() };
        assert_eq!(ended(&world, rest).await, wanted[1..]);
        let mine = Some(world.key.subscription.clone());
        assert_eq!(ended(&world, HistoryRange { subscription: mine, ..all.clone() }).await, wanted);
        let other = Some("other".parse().unwrap());
        assert!(ended(&world, HistoryRange { subscription: other, ..all.clone() }).await.is_empty());
        let from = all.window.from - 2 * SECOND;
        let earlier = TimeWindow { from, until: all.window.from };
        assert_eq!(ended(&world, HistoryRange { window: earlier, ..all }).await, [early.id]);
    }

    async fn events_come_in_their_order(engine) {
        let world = World::new(engine).await;
        let mut wanted = Vec::new();
        for n in 0..3 {
            let event = world.event_at(world.now + n * SECOND / 2);
            world.commit(world.new_event(event.clone(), Vec::new())).await;
            wanted.push(event);
        }
        let all = stretch(&world);
        assert_eq!(events(&world, all.clone(), true).await, wanted);
        let mut heads = wanted.clone();
        heads.iter_mut().for_each(|event| event.content.payload = Default::default());
        assert_eq!(events(&world, all.clone(), false).await, heads);
        let rest = HistoryRange { after: Some(wanted[0].id.0), limit: 1, ..all.clone() };
        assert_eq!(events(&world, rest, true).await, wanted[1..2]);
        let until = wanted[2].create_time();
        let window = TimeWindow { until, ..all.window };
        assert_eq!(events(&world, HistoryRange { window, ..all }, true).await, wanted[..2]);
    }

    async fn a_delivery_is_found_wherever_it_is(engine) {
        let world = World::new(engine).await;
        let live = world.publish(DeliveryState::Waiting).await.event;
        let ended = world.publish(DeliveryState::Suppressed).await.event;
        let mut later = Vec::new();
        for state in [DeliveryState::Waiting, DeliveryState::Cancelled] {
            let event = world.event();
            let first = world.delivery(&event, state);
            world.commit(world.new_event(event.clone(), Vec::new())).await;
            let made = Delivery { id: later_id(&world), ..first };
            world.store.add_delivery(&made, audit()).await.unwrap();
            later.push(event.id);
        }
        let none = world.event();
        world.commit(world.new_event(none.clone(), Vec::new())).await;
        let asked = [live, ended, later[0], later[1], none.id];
        let found = world.store.find_delivered_events(&world.key, &asked).await.unwrap();
        assert_eq!(found, HashSet::from([live, ended, later[0], later[1]]));
        let mut other = world.key.clone();
        other.subscription = "other".parse().unwrap();
        assert!(world.store.find_delivered_events(&other, &asked).await.unwrap().is_empty());
        assert!(world.store.find_delivered_events(&world.key, &[]).await.unwrap().is_empty());
    }

    async fn ended_operations_go_with_retention(engine) {
        let world = World::new(engine).await;
        let old = operation(&world, world.now - 3 * DAY);
        world.store.create_operation(&old, audit()).await.unwrap();
        let (new, running) = (begin(&world).await, begin(&world).await);
        let tenant = world.tenant();
        world.store.cancel_operation(tenant, old.id, world.now - 3 * DAY, audit()).await.unwrap();
        world.store.cancel_operation(tenant, new.id, world.now, audit()).await.unwrap();
        engine.maintain(std::time::Duration::ZERO, 2 * DAY).await;
        let left = world.store.list_operations(tenant, None, 9).await.unwrap();
        let left: HashSet<_> = left.into_iter().map(|operation| operation.id).collect();
        assert_eq!(left, HashSet::from([new.id, running.id]));
    }
}

fn window(world: &World) -> TimeWindow {
    TimeWindow { from: world.now, until: world.now + HOUR }
}

pub fn stretch(world: &World) -> HistoryRange {
    HistoryRange {
        tenant: world.tenant().clone(),
        subscription: None,
        window: window(world),
        after: None,
        limit: 100,
    }
}

fn operation(world: &World, create_time: Timestamp) -> Operation {
    Operation {
        tenant: world.tenant().clone(),
        id: OperationId::new(create_time, random()),
        shard: world.shard(),
        task: OperationTask::Replay(Replay {
            window: window(world),
            per_second: 100,
            subscription: Some(world.key.subscription.clone()),
            states: vec![DeliveryState::Exhausted],
            event_types: vec!["payment.*".parse().unwrap()],
        }),
        state: OperationState::Running,
        failure: None,
        cursor: None,
        examined: 0,
        made: 0,
        unfinished: 0,
        payload_bytes: 0,
        create_time,
        end_time: None,
    }
}

pub async fn begin(world: &World) -> Operation {
    let operation = operation(world, world.now);
    world.store.create_operation(&operation, audit()).await.unwrap();
    operation
}

/// A step from where an operation stands.
pub fn step(of: &Operation, examined: u64) -> OperationStep {
    let to = of.cursor.map_or(1, |cursor| cursor.as_u128() + 1);
    OperationStep {
        tenant: of.tenant.clone(),
        id: of.id,
        from: of.cursor,
        to: Some(Uuid::from_u128(to)),
        examined,
        deliveries: Vec::new(),
        expunged: ExpungeBatch::default(),
        audit: None,
        end: None,
    }
}

pub async fn events(world: &World, stretch: HistoryRange, with_payload: bool) -> Vec<Event> {
    world.store.list_events_in_range(&stretch, with_payload).await.unwrap()
}

async fn ended(world: &World, stretch: HistoryRange) -> Vec<DeliveryId> {
    let found = world.store.list_ended_in_range(&stretch).await.unwrap();
    found.into_iter().map(|delivery| delivery.id).collect()
}

fn later_id(world: &World) -> DeliveryId {
    DeliveryId::new(world.now + SECOND, random())
}

/// What a replay makes of an ended delivery.
pub fn again(world: &World, ended: &Delivery) -> Delivery {
    Delivery {
        id: later_id(world),
        shard: world.shard(),
        epoch: EPOCH,
        state: DeliveryState::Waiting,
        end_time: None,
        trigger: Trigger::Replay,
        resend_of: Some(ended.id),
        ..ended.clone()
    }
}
