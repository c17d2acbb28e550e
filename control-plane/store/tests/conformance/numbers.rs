//! Numbers that stand for names on PostgreSQL, after the database has lost some, as it does
//! where a standby that lagged behind is promoted.
//!
//! Shows the invariant `bad-row-isolated`.

use postrider_domain::delivery::DeliveryState;
use postrider_domain::ids::Shard;

use crate::database::Database;
use crate::engine::{Engine, SHARDS, conformance};
use crate::fixture::World;

/// The same tenant in another process, which remembers no numbers.
async fn elsewhere(engine: &Engine, world: World) -> World {
    World { store: engine.second().await, ..world }
}

conformance! {
    async fn a_name_whose_number_was_lost_gets_it_again(engine) {
        if !engine.is_postgres() {
            return;
        }
        let world = World::new(engine).await;
        let before = world.publish(DeliveryState::Waiting).await;
        let lose = "DELETE FROM tenant_numbers; DELETE FROM subscription_numbers";
        Database::of(engine).await.execute(lose).await;
        let world = elsewhere(engine, world).await;
        assert_eq!(world.get(before.id).await, None);
        let after = world.publish(DeliveryState::Waiting).await;
        for delivery in [before, after] {
            let found = world.get(delivery.id).await.unwrap();
            assert_eq!(found.subscription, delivery.subscription);
        }
        world.store.close().await;
    }

    async fn a_number_that_another_name_has_is_given_to_nobody(engine) {
        if !engine.is_postgres() {
            return;
        }
        let world = World::new(engine).await;
        let before = world.publish(DeliveryState::Waiting).await;
        let take = "UPDATE tenant_numbers SET id = 'taken';
            UPDATE subscription_numbers SET tenant = 'taken'";
        Database::of(engine).await.execute(take).await;
        let world = elsewhere(engine, world).await;
        let after = world.publish(DeliveryState::Waiting).await;
        assert_eq!(world.get(before.id).await, None);
        assert!(world.get(after.id).await.is_some());
        world.store.close().await;
    }

    async fn work_under_a_name_that_was_lost_keeps_nobody_from_the_rest(engine) {
        if !engine.is_postgres() {
            return;
        }
        let (sick, well) =
            (World::named(engine, "sick", "hook").await, World::named(engine, "well", "hook").await);
        for world in [&sick, &well] {
            world.publish(DeliveryState::Waiting).await;
            world.publish(DeliveryState::Held).await;
        }
        let lose = "DELETE FROM tenant_numbers WHERE id = 'sick'";
        Database::of(engine).await.execute(lose).await;
        let shards: Vec<_> = (0..SHARDS).map(Shard).collect();
        let waiting = engine.store.waiting(&shards).await.unwrap();
        assert_eq!(waiting.len(), 1);
        assert_eq!(waiting[0].subscription, well.key);
        let held = engine.store.list_key_backlogs(None, 9, well.now).await.unwrap();
        assert_eq!(held.len(), 1);
        assert_eq!(held[0].key.subscription, well.key);
        assert_eq!(engine.store.unreadable_rows(), 1);
    }
}
