//! What is done all the time costs what it finds, not what waits.
//!
//! PostgreSQL chooses how to find rows by what it last learned about a table, which
//! may be of a time when it was empty or full of something else. Guarantees, by
//! counting what its scans read, that no call looks through a backlog whatever the
//! statistics say.

mod ended;
mod held;
mod subscriptions;
mod waiting;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use postrider_domain::delivery::{Delivery, DeliveryState, EndReason};
use postrider_domain::ids::Shard;
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{EndWaitingRequest, PublishOutcome};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::engine::{Engine, SHARDS, conformance, options};
use crate::fixture::{World, audit, subscription};

/// How long a connection that a store has closed may still be shown.
const CLOSED_LIMIT: Duration = Duration::from_secs(30);
const DELIVERIES: u32 = 20_000;
const BATCH: u32 = 500;
/// What a call asks for at most.
const LIMIT: u32 = 50;
/// Entries and rows that a call's scans may read: of attempts a whole batch, which has one
/// time, each with the names of its tenant and its subscription.
const MOST_READ: i64 = 2_000;

const READ: &str = "SELECT (SELECT sum(coalesce(seq_tup_read, 0)) FROM pg_stat_user_tables)::bigint
    + (SELECT sum(idx_tup_read) FROM pg_stat_user_indexes)::bigint";
const OTHERS: &str = "SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
        AND backend_type = 'client backend'";
/// A table that learns nothing by itself in the meantime.
const QUIET: &str = "DO $$ DECLARE name regclass; BEGIN
    FOR name IN SELECT oid::regclass FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
    LOOP EXECUTE format('ALTER TABLE %s SET (autovacuum_enabled = off)', name); END LOOP;
    END $$";

/// What the planner knows of a backlog.
#[derive(Clone, Copy, Debug)]
enum Known {
    Nothing,
    /// It is empty.
    Empty,
    /// All of it is IN_FLIGHT; of other tables nothing.
    InFlight,
    All,
}

/// What a subscription has a great many of, and what is done beside them.
struct Backlog {
    state: DeliveryState,
    key_of: fn(u32) -> Option<String>,
    /// Each with a delivery of its own.
    calls: &'static [(&'static str, Call)],
}

type Call = fn(World, Delivery) -> BoxFuture<'static, ()>;

conformance! {
    async fn nothing_looks_through_what_waits_of_which_nothing_is_known(engine) {
        nothing_looks_through(&waiting::BACKLOG, Known::Nothing, engine).await;
    }

    async fn nothing_looks_through_what_waits_though_none_is_known(engine) {
        nothing_looks_through(&waiting::BACKLOG, Known::Empty, engine).await;
    }

    async fn nothing_looks_through_what_waits_known_in_flight(engine) {
        nothing_looks_through(&waiting::BACKLOG, Known::InFlight, engine).await;
    }

    async fn nothing_looks_through_what_waits_known_as_it_is(engine) {
        nothing_looks_through(&waiting::BACKLOG, Known::All, engine).await;
    }

    async fn nothing_looks_through_what_is_held_of_which_nothing_is_known(engine) {
        nothing_looks_through(&held::BACKLOG, Known::Nothing, engine).await;
    }

    async fn nothing_looks_through_what_is_held_though_none_is_known(engine) {
        nothing_looks_through(&held::BACKLOG, Known::Empty, engine).await;
    }

    async fn nothing_looks_through_what_is_held_known_in_flight(engine) {
        nothing_looks_through(&held::BACKLOG, Known::InFlight, engine).await;
    }

    async fn nothing_looks_through_what_is_held_known_as_it_is(engine) {
        nothing_looks_through(&held::BACKLOG, Known::All, engine).await;
    }

    async fn nothing_looks_through_what_has_ended_of_which_nothing_is_known(engine) {
        nothing_looks_through(&ended::BACKLOG, Known::Nothing, engine).await;
    }

    async fn nothing_looks_through_what_has_ended_though_none_is_known(engine) {
        nothing_looks_through(&ended::BACKLOG, Known::Empty, engine).await;
    }

    async fn nothing_looks_through_what_has_ended_known_in_flight(engine) {
        nothing_looks_through(&ended::BACKLOG, Known::InFlight, engine).await;
    }

    async fn nothing_looks_through_what_has_ended_known_as_it_is(engine) {
        nothing_looks_through(&ended::BACKLOG, Known::All, engine).await;
    }
}

async fn nothing_looks_through(backlog: &Backlog, known: Known, engine: &Engine) {
    if !engine.is_postgres() {
        return;
    }
    let mut world = World::new(engine).await;
    let deliveries = backlog.fill(engine, &mut world, known).await;
    engine.store.close().await;
    let mut meter = Meter::new(engine).await;
    let mut too_much = Vec::new();
    for ((name, call), delivery) in backlog.calls.iter().zip(deliveries.iter().rev()) {
        let read = meter.cost(&world, |world| call(world, delivery.clone())).await;
        if read > MOST_READ {
            too_much.push((name, read));
        }
    }
    assert!(too_much.is_empty(), "{known:?}: {too_much:?}");
}

impl Backlog {
    /// Fills a subscription's backlog, and tells the planner what it is to know.
    async fn fill(&self, engine: &Engine, world: &mut World, known: Known) -> Vec<Delivery> {
        let mut connection = PgConnection::connect(&engine.url).await.unwrap();
        connection.execute(QUIET).await.unwrap();
        if matches!(known, Known::Empty) {
            connection.execute("ANALYZE").await.unwrap();
        }
        let gone = subscription(world.tenant(), "gone", world.now);
        let gone = Subscription { delete_time: Some(world.now), ..gone };
        world.version = world.store.create_subscription(&gone, usize::MAX, audit()).await.unwrap();
        let mut made = Vec::new();
        for batch in 0..DELIVERIES / BATCH {
            let mut items = Vec::new();
            for number in 0..BATCH {
                let number = batch * BATCH + number;
                let before = Duration::from_millis(u64::from(DELIVERIES - number));
                let event = world.event_at(world.now - before);
                let delivery = world.delivery(&event, DeliveryState::InFlight);
                let delivery = Delivery { ordering_key: (self.key_of)(number), ..delivery };
                made.push(delivery.clone());
                items.push(world.new_event(event, vec![delivery]));
            }
            let answers = world.store.publish(&items, Timestamp::MAX).await;
            assert!(answers.unwrap().iter().all(PublishOutcome::is_committed));
        }
        if matches!(known, Known::InFlight) {
            connection.execute("ANALYZE deliveries").await.unwrap();
        }
        if self.state.is_final() {
            let now = world.now;
            for batch in made.chunks(BATCH as usize) {
                world.succeed_all(batch).await;
                world.now = world.now + Duration::from_millis(1);
            }
            world.now = now;
        } else {
            let state =
                format!("UPDATE deliveries SET state = {}, attempts = 0", self.state.code());
            connection.execute(AssertSqlSafe(state)).await.unwrap();
        }
        connection.execute("VACUUM (INDEX_CLEANUP ON) deliveries").await.unwrap();
        if matches!(known, Known::All) {
            connection.execute("ANALYZE").await.unwrap();
        }
        connection.close().await.unwrap();
        made
    }
}

/// Counts what a call reads.
struct Meter {
    url: String,
    connection: PgConnection,
}

impl Meter {
    async fn new(engine: &Engine) -> Self {
        let url = engine.url.clone();
        let connection = PgConnection::connect(&url).await.unwrap();
        Self { url, connection }
    }

    /// A server process tells what it read when it ends.
    async fn cost(
        &mut self,
        world: &World,
        call: impl FnOnce(World) -> BoxFuture<'static, ()>,
    ) -> i64 {
        let before = self.read().await;
        let store = postrider_store::open(&self.url, &options()).await.unwrap();
        let (key, version, now) = (world.key.clone(), world.version, world.now);
        call(World { store: Arc::clone(&store), key, version, now }).await;
        store.close().await;
        self.read().await - before
    }

    async fn read(&mut self) -> i64 {
        let begun = Instant::now();
        while self.number(OTHERS).await > 0 {
            assert!(begun.elapsed() < CLOSED_LIMIT, "the store's own connections stay");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        self.number(READ).await
    }

    async fn number(&mut self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&mut self.connection).await.unwrap()
    }
}

fn shards() -> Vec<Shard> {
    (0..SHARDS).map(Shard).collect()
}

/// What has expired, which nothing has.
fn expired(world: &World, hold_keys: bool) -> EndWaitingRequest {
    EndWaitingRequest {
        subscription: world.key.clone(),
        shard: world.shard(),
        deadline_before: Some(world.now),
        state: DeliveryState::Exhausted,
        reason: EndReason::Expired,
        hold_keys,
        endpoint_for_events: None,
    }
}
