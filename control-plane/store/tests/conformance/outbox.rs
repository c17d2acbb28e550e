//! The outbox, and the endpoints that do nothing but fail.

use postrider_domain::delivery::{DeliveryState, DeliveryTransition, EndReason, Outcome};
use postrider_domain::failure_streak::{FailureStreak, WarningStage};
use postrider_domain::ids::Shard;
use postrider_domain::operational_event::{EndpointSummary, OperationalEvent};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{
    Conclusion, ConclusionOutcome, EndWaitingRequest, OutboxEntry, StreakChange,
    SubscriptionSideEffects, WriteError,
};

use crate::engine::conformance;
use crate::fixture::{HOUR, SECOND, SUCCESS, World, audit, expiring, record};

const EXHAUSTED: DeliveryTransition = DeliveryTransition::End {
    state: DeliveryState::Exhausted,
    reason: Some(EndReason::AttemptsExhausted),
};

fn about(world: &World, id: &str) -> OperationalEvent {
    OperationalEvent {
        id: id.to_owned(),
        subscription: world.key.clone(),
        event_type: "postrider.endpoint.failing".to_owned(),
        payload: format!("{{\"id\":\"{id}\"}}"),
    }
}

async fn outbox(world: &World) -> Vec<OutboxEntry> {
    world.store.list_outbox(&[world.shard()], 100).await.unwrap()
}

async fn ids(world: &World) -> Vec<String> {
    outbox(world).await.into_iter().map(|outbox| outbox.operational_event.id).collect()
}

/// Concludes a fresh attempt, with what it makes of the streak.
async fn conclude(
    world: &World,
    outcome: Outcome,
    streak: Option<StreakChange>,
) -> ConclusionOutcome {
    let delivery = world.publish(DeliveryState::InFlight).await;
    let transition = if outcome == Outcome::Succeeded { SUCCESS } else { EXHAUSTED };
    let new = Conclusion::new(&delivery, record(&delivery, outcome), transition);
    let batch = [Conclusion { streak, ..new }];
    world.store.conclude(&batch, world.now).await.unwrap()[0]
}

fn begin(world: &World) -> Option<StreakChange> {
    Some(StreakChange::Begin { since: world.now })
}

conformance! {
    async fn what_is_told_waits_in_order_until_it_is_removed(engine) {
        let world = World::new(engine).await;
        let mut batch = Vec::new();
        for id in ["one", "two", "three"] {
            let delivery = world.publish(DeliveryState::InFlight).await;
            let new = Conclusion::new(&delivery, record(&delivery, Outcome::HttpStatus), EXHAUSTED);
            batch.push(Conclusion { operational_event: Some(about(&world, id)), ..new });
        }
        let concluded = world.store.conclude(&batch, world.now).await.unwrap();
        assert_eq!(concluded, [ConclusionOutcome::Applied; 3]);
        let found = outbox(&world).await;
        assert_eq!(found.iter().map(|found| &found.operational_event.id).collect::<Vec<_>>(), ["one", "two", "three"]);
        assert_eq!(found[1].operational_event, about(&world, "two"));
        let first = world.store.list_outbox(&[world.shard()], 1).await.unwrap();
        assert_eq!(first, found[..1]);
        let other = Shard((world.shard().0 + 1) % crate::engine::SHARDS);
        assert!(world.store.list_outbox(&[other], 9).await.unwrap().is_empty());
        world.store.delete_from_outbox(&[found[0].place, found[2].place]).await.unwrap();
        assert_eq!(ids(&world).await, ["two"]);
        world.store.delete_from_outbox(&[]).await.unwrap();
    }

    async fn what_did_not_happen_is_not_told(engine) {
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        world.succeed(&delivery).await;
        let new = Conclusion::new(&delivery, record(&delivery, Outcome::HttpStatus), EXHAUSTED);
        let again = Conclusion { operational_event: Some(about(&world, "x")), streak: begin(&world), ..new };
        let concluded = world.store.conclude(&[again], world.now).await.unwrap();
        assert_eq!(concluded, [ConclusionOutcome::NotCurrent]);
        assert!(ids(&world).await.is_empty());
        assert_eq!(world.store.streak(&world.key).await.unwrap(), None);
    }

    async fn one_occurrence_is_told_once(engine) {
        let world = World::new(engine).await;
        for _ in 0..2 {
            let delivery = world.publish(DeliveryState::InFlight).await;
            let new = Conclusion::new(&delivery, record(&delivery, Outcome::HttpStatus), EXHAUSTED);
            let batch = [Conclusion { operational_event: Some(about(&world, "same")), ..new }];
            world.store.conclude(&batch, world.now).await.unwrap();
        }
        assert_eq!(ids(&world).await, ["same"]);
    }

    async fn a_streak_begins_once_and_ends(engine) {
        let world = World::new(engine).await;
        conclude(&world, Outcome::HttpStatus, begin(&world)).await;
        let later = Some(StreakChange::Begin { since: world.now + HOUR });
        conclude(&world, Outcome::HttpStatus, later).await;
        let streak = FailureStreak::begun(world.now);
        assert_eq!(world.store.streak(&world.key).await.unwrap(), Some(streak));
        let of_shard = world.store.streaks(&[world.shard()]).await.unwrap();
        assert_eq!(of_shard, [(world.key.clone(), streak)]);
        // Nobody was warned, so nobody is told that it is over.
        let end = StreakChange::End { recovered: Some(about(&world, "recovered")) };
        conclude(&world, Outcome::Succeeded, Some(end.clone())).await;
        assert_eq!(world.store.streak(&world.key).await.unwrap(), None);
        assert!(ids(&world).await.is_empty());
        conclude(&world, Outcome::Succeeded, Some(end)).await;
        assert!(ids(&world).await.is_empty());
    }

    async fn a_streak_is_raised_only_as_it_was_seen_and_its_end_is_told(engine) {
        let world = World::new(engine).await;
        conclude(&world, Outcome::HttpStatus, begin(&world)).await;
        let store = &world.store;
        let begun = FailureStreak::begun(world.now);
        let warning = about(&world, "warning");
        let other = FailureStreak::begun(world.now + SECOND);
        assert!(!store.raise_streak(&world.key, other, WarningStage::Tenth, Some(&warning)).await.unwrap());
        assert!(ids(&world).await.is_empty());
        assert!(store.raise_streak(&world.key, begun, WarningStage::Tenth, Some(&warning)).await.unwrap());
        assert!(!store.raise_streak(&world.key, begun, WarningStage::Tenth, Some(&warning)).await.unwrap());
        let raised = FailureStreak { stage: WarningStage::Tenth, ..begun };
        assert!(store.raise_streak(&world.key, raised, WarningStage::Half, None).await.unwrap());
        let half = FailureStreak { stage: WarningStage::Half, ..begun };
        assert_eq!(store.streak(&world.key).await.unwrap(), Some(half));
        assert_eq!(ids(&world).await, ["warning"]);
        store.end_streak(&world.key, Some(&about(&world, "recovered"))).await.unwrap();
        assert_eq!(ids(&world).await, ["warning", "recovered"]);
        assert_eq!(store.streak(&world.key).await.unwrap(), None);
        store.end_streak(&world.key, None).await.unwrap();
    }

    async fn the_results_of_a_batch_count_one_after_another(engine) {
        let world = World::new(engine).await;
        let end = || Some(StreakChange::End { recovered: None });
        for (changes, left) in [
            (vec![begin(&world), end()], false),
            (vec![end(), begin(&world)], true),
            (vec![begin(&world), end(), begin(&world), end()], false),
            (vec![begin(&world), begin(&world)], true),
        ] {
            let mut batch = Vec::new();
            for streak in changes {
                let delivery = world.publish(DeliveryState::InFlight).await;
                let new = Conclusion::new(&delivery, record(&delivery, Outcome::HttpStatus), EXHAUSTED);
                batch.push(Conclusion { streak, ..new });
            }
            world.store.conclude(&batch, world.now).await.unwrap();
            assert_eq!(world.store.streak(&world.key).await.unwrap().is_some(), left);
        }
    }

    async fn deliveries_that_expire_are_told_one_by_one(engine) {
        let world = World::new(engine).await;
        let expired = world.publish(DeliveryState::Waiting).await;
        world.publish_with(|d| d.test = true, DeliveryState::Waiting).await;
        let own = |d: &mut postrider_domain::delivery::Delivery| {
            d.event_type = "postrider.secret.rotated".to_owned();
        };
        world.publish_with(own, DeliveryState::Waiting).await;
        let endpoint = EndpointSummary { subscription: world.key.clone(), host: "x.example".to_owned() };
        let request = EndWaitingRequest {
            subscription: world.key.clone(),
            shard: world.shard(),
            deadline_before: None,
            state: DeliveryState::Exhausted,
            reason: EndReason::Expired,
            hold_keys: false,
            endpoint_for_events: Some(endpoint),
        };
        assert_eq!(world.store.end_waiting(&request, world.now, 10).await.unwrap(), 3);
        let found = outbox(&world).await;
        assert_eq!(found.len(), 1);
        let told = &found[0].operational_event;
        assert_eq!(told.event_type, "postrider.delivery.exhausted");
        assert!(told.payload.contains(&expired.id.to_string()), "{told:?}");
        assert!(told.payload.contains("EXPIRED"), "{told:?}");
    }

    async fn a_certificate_is_warned_of_as_long_as_it_is_there(engine) {
        let world = World::new(engine).await;
        let (store, shards) = (&world.store, [world.shard()]);
        let day = SECOND * 86_400;
        let due_by = |now: Timestamp| store.due_certificate_warnings(&shards, now, 10);
        assert_eq!(due_by(world.now + day * 1000).await.unwrap(), []);
        let mut hook = store.get_subscription(&world.key).await.unwrap().unwrap();
        let end = hook.update_time + day * 100;
        hook.settings.credentials = expiring(end);
        let nothing = SubscriptionSideEffects::default();
        store.update_subscription(&hook, hook.revision, &nothing, audit()).await.unwrap();
        let read = store.get_subscription(&world.key).await.unwrap().unwrap();
        assert_eq!(read.settings.credentials, hook.settings.credentials);
        let first = end - day * 30;
        assert_eq!(due_by(first - SECOND).await.unwrap(), []);
        assert_eq!(due_by(first).await.unwrap(), [(world.key.clone(), first)]);
        assert_eq!(store.due_certificate_warnings(&[], end, 10).await.unwrap(), []);
        let warning = [about(&world, "warning")];
        let next = Some(end - day * 7);
        assert!(!store.warn_of_certificates(&world.key, end, next, &warning).await.unwrap());
        assert!(ids(&world).await.is_empty());
        assert!(store.warn_of_certificates(&world.key, first, next, &warning).await.unwrap());
        assert!(!store.warn_of_certificates(&world.key, first, next, &warning).await.unwrap());
        assert_eq!(ids(&world).await, ["warning"]);
        assert_eq!(due_by(end).await.unwrap(), [(world.key.clone(), end - day * 7)]);
        let gone = Subscription { delete_time: Some(world.now), ..read.clone() };
        store.update_subscription(&gone, read.revision, &nothing, audit()).await.unwrap();
        assert_eq!(due_by(end).await.unwrap(), []);
        let left = store.get_subscription(&world.key).await.unwrap().unwrap();
        assert!(left.settings.credentials.is_empty());
    }

    async fn a_change_takes_its_news_along_or_nothing(engine) {
        let world = World::new(engine).await;
        conclude(&world, Outcome::HttpStatus, begin(&world)).await;
        let found = world.store.get_subscription(&world.key).await.unwrap().unwrap();
        let side_effects = SubscriptionSideEffects { operational_events: vec![about(&world, "news")], ends_streak: true };
        let missed = world.store.update_subscription(&found, found.revision + 1, &side_effects, audit()).await;
        assert!(matches!(missed, Err(WriteError::RevisionMismatch)));
        assert!(ids(&world).await.is_empty());
        assert!(world.store.streak(&world.key).await.unwrap().is_some());
        world.store.update_subscription(&found, found.revision, &side_effects, audit()).await.unwrap();
        assert_eq!(ids(&world).await, ["news"]);
        assert_eq!(world.store.streak(&world.key).await.unwrap(), None);
    }

    async fn a_tenant_takes_its_streaks_along(engine) {
        let world = World::new(engine).await;
        conclude(&world, Outcome::HttpStatus, begin(&world)).await;
        let revision = world.store.get_tenant(world.tenant()).await.unwrap().unwrap().revision;
        world.store.delete_tenant(world.tenant(), revision, world.now, audit()).await.unwrap();
        assert_eq!(world.store.streak(&world.key).await.unwrap(), None);
    }
}
