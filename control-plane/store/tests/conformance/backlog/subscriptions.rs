//! A tenant of many subscriptions, and the changes of one of them.

use postrider_domain::subscription::Subscription;
use postrider_store::SubscriptionSideEffects;
use sqlx::{Connection, Executor, PgConnection};

use super::{Meter, QUIET};
use crate::engine::{Engine, conformance};
use crate::fixture::{World, audit, subscription};

const SUBSCRIPTIONS: usize = 300;
/// Entries and rows, of three changes and of opening the store: one look at all
/// subscriptions would be more.
const MOST_READ: i64 = 200;

conformance! {
    async fn a_change_of_one_subscription_reads_no_others(engine) {
        if engine.is_postgres() {
            changes(engine).await;
        }
    }
}

async fn changes(engine: &Engine) {
    let world = World::new(engine).await;
    let mut connection = PgConnection::connect(&engine.url).await.unwrap();
    connection.execute(QUIET).await.unwrap();
    let mut version = world.version;
    for number in 0..SUBSCRIPTIONS {
        let new = subscription(world.tenant(), &format!("s{number}"), world.now);
        version = world.store.create_subscription(&new, usize::MAX, audit()).await.unwrap();
    }
    engine.store.close().await;
    for analysed in [false, true] {
        if analysed {
            connection.execute("VACUUM ANALYZE").await.unwrap();
        }
        connection.close().await.unwrap();
        let mut meter = Meter::new(engine).await;
        let read = meter.cost(&world, move |world| Box::pin(change(world, version))).await;
        assert!(read <= MOST_READ, "{read} read, analysed: {analysed}");
        version += 3;
        connection = PgConnection::connect(&engine.url).await.unwrap();
    }
}

/// One made, one changed, one deleted; each looked up as a replica does.
async fn change(world: World, mut version: i64) {
    let store = &world.store;
    let new = subscription(world.tenant(), &format!("n{version}"), world.now);
    let gone = Subscription { delete_time: Some(world.now), revision: 2, ..new.clone() };
    for step in 0..3 {
        match step {
            0 => store.create_subscription(&new, usize::MAX, audit()).await.unwrap(),
            1 => store
                .update_subscription(&new, 1, &SubscriptionSideEffects::default(), audit())
                .await
                .unwrap(),
            _ => store
                .update_subscription(&gone, 2, &SubscriptionSideEffects::default(), audit())
                .await
                .unwrap(),
        };
        let changes = store.tenant_changes(world.tenant(), version).await.unwrap().unwrap();
        assert_eq!(changes.changed.len(), 1);
        version = changes.tenant.config_version;
    }
}
