//! Rows of history and work that somebody has edited past Postrider: all others are read.
//!
//! Shows the invariant `bad-row-isolated`.

use postrider_domain::delivery::DeliveryState;
use postrider_domain::ids::{AttemptKey, DeliveryId, Epoch};
use postrider_store::{ClaimedDelivery, DeliveryQuery, EventQuery, StoreError, StoreResult};
use uuid::Uuid;

use crate::database::Database;
use crate::engine::{Engine, conformance};
use crate::fixture::{EPOCH, World};
use crate::tail::await_all;

async fn edit(engine: &Engine, table: &str, change: &str, column: &str, id: Uuid) {
    let id = match engine.is_postgres() {
        true => format!("'{id}'"),
        false => format!("x'{}'", id.as_simple()),
    };
    let sql = format!("UPDATE {table} SET {change} WHERE {column} = {id}");
    Database::of(engine).await.execute(&sql).await;
}

/// The row that an error names.
fn named<T>(read: StoreResult<T>) -> String {
    let error = read.err().unwrap();
    assert!(matches!(error, StoreError::UnreadableRow { .. }), "{error:?}");
    let StoreError::UnreadableRow { row, .. } = error else { return String::new() };
    row
}

fn ids(work: &[ClaimedDelivery]) -> Vec<DeliveryId> {
    work.iter().map(|work| work.delivery.id).collect()
}

conformance! {
    async fn work_that_cannot_be_read_is_passed_over(engine) {
        if !engine.lasts() {
            return;
        }
        let (world, store) = (World::new(engine).await, &engine.store);
        let sick = world.publish(DeliveryState::Waiting).await;
        let well = world.publish(DeliveryState::Waiting).await;
        edit(engine, "deliveries", "failures = -1", "id", sick.id.0).await;
        assert_eq!(store.unreadable_rows(), 0);
        assert_eq!(ids(&world.claim_due(9).await), [well.id]);
        assert_eq!(store.unreadable_rows(), 1);
        for most in [1, 9] {
            let own = store.own_in_flight(&[(world.shard(), EPOCH)], None, most).await.unwrap();
            assert_eq!(own.iter().map(|own| own.id).collect::<Vec<_>>(), [well.id], "{most}");
        }
        let later = Epoch(EPOCH.0 + 1);
        let stale = store.stale_in_flight(&[(world.shard(), later)], 9).await.unwrap();
        assert_eq!(stale.iter().map(|stale| stale.id).collect::<Vec<_>>(), [well.id]);
        let loaded = store.load_work(&[sick.id, well.id], world.now).await.unwrap();
        assert_eq!(ids(&loaded), [well.id]);
        let name = format!("tenants/{}/deliveries/{}", world.tenant(), sick.id);
        assert_eq!(named(store.get_delivery(world.tenant(), sick.id).await), name);
        let list = DeliveryQuery::newest(world.tenant(), 9);
        assert_eq!(named(store.list_deliveries(&list).await), name);
        edit(engine, "deliveries", "failures = 0", "id", sick.id.0).await;
        let loaded = store.load_work(&[sick.id], world.now).await.unwrap();
        assert_eq!(ids(&loaded), [sick.id], "as it would have been");
        assert_eq!(store.unreadable_rows(), 1, "of the last hour");
    }

    async fn an_event_that_cannot_be_read_ends_no_delivery(engine) {
        if !engine.lasts() {
            return;
        }
        let (world, store) = (World::new(engine).await, &engine.store);
        let sick = world.publish(DeliveryState::Waiting).await;
        let well = world.publish(DeliveryState::Waiting).await;
        edit(engine, "events", "attributes = 'zz'", "id", sick.event.0).await;
        assert_eq!(ids(&world.claim_due(9).await), [well.id]);
        assert_eq!(world.get(sick.id).await.unwrap().state, DeliveryState::InFlight);
        assert!(store.load_work(&[sick.id], world.now).await.unwrap().is_empty());
        assert_eq!(world.get(sick.id).await.unwrap().state, DeliveryState::InFlight);
        let name = format!("tenants/{}/events/{}", world.tenant(), sick.event);
        assert_eq!(named(store.get_event(world.tenant(), sick.event).await), name);
        let list = EventQuery::newest(world.tenant(), 9);
        assert_eq!(named(store.list_events(&list).await), name);
    }

    async fn an_attempt_that_cannot_be_read_holds_no_feed_up(engine) {
        if !engine.lasts() {
            return;
        }
        let (world, store) = (World::new(engine).await, &engine.store);
        let start = store.tail_position().await.unwrap();
        let sick = world.publish(DeliveryState::InFlight).await;
        let well = world.publish(DeliveryState::InFlight).await;
        world.succeed(&sick).await;
        edit(engine, "ended_deliveries", "outcome = 99", "id", sick.id.0).await;
        world.succeed(&well).await;
        let (seen, position) = await_all(engine, start, 1).await;
        assert_eq!(seen, [AttemptKey { delivery: well.id, number: 1 }]);
        assert!(store.tail(position, 9).await.unwrap().attempts.is_empty());
        let name = format!("tenants/{}/deliveries/{}/attempts/1", world.tenant(), sick.id);
        assert_eq!(named(store.list_attempts(world.tenant(), sick.id, 0, 9).await), name);
    }
}
