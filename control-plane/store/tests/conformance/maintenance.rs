//! Retention and readiness (invariant `partitions-made-ahead`), and how a store is opened.

use std::time::Duration;

use postrider_domain::delivery::{AttemptRecord, Delivery, DeliveryState, Outcome};
use postrider_domain::event::Event;
use postrider_domain::ids::EventId;
use postrider_domain::time::Timestamp;
use postrider_store::{
    ClaimLimits, ClaimRequest, Conclusion, ConclusionOutcome, MaintenanceOptions, OpenOptions,
    PublishOutcome, StoreError,
};

use crate::database::Database;
use crate::engine::{DAY, Engine, SHARDS, conformance, options};
use crate::fixture::{HOUR, SECOND, SUCCESS, World, audit, record};

conformance! {
    async fn what_is_old_goes_and_what_unfinished_deliveries_need_stays(engine) {
        // Ten days ago the store was maintained, and so could hold what came.
        engine.maintain(10 * DAY, 30 * DAY).await;
        let world = World::new(engine).await;
        let old = world.now - 10 * DAY;
        let ended = Old::publish(&world, DeliveryState::InFlight).await;
        conclude(&world, &ended.delivery, old + 2 * HOUR).await;
        let waiting = Old::publish(&world, DeliveryState::Waiting).await;
        let held = Old::publish(&world, DeliveryState::Held).await;
        let flying = Old::publish(&world, DeliveryState::InFlight).await;
        let resent = Old::publish(&world, DeliveryState::Suppressed).await;
        let mut resend = world.delivery(&world.event(), DeliveryState::Waiting);
        resend.event = resent.event;
        world.store.add_delivery(&resend, audit()).await.unwrap();
        let young = world.publish(DeliveryState::InFlight).await;
        world.succeed(&young).await;
        // Twice: the second has nothing to do, and does it without harm.
        for _ in 0..2 {
            engine.maintain(Duration::ZERO, 5 * DAY).await;
            assert!(find(&world, ended.event).await.is_none());
            assert!(world.get(ended.delivery.id).await.is_none());
            let id = ended.delivery.id;
            let attempts = world.store.list_attempts(world.tenant(), id, 0, 9).await.unwrap();
            assert!(attempts.is_empty());
            let stats = world.store.stats(&world.key, old - DAY).await.unwrap();
            assert_eq!(stats.iter().map(|row| row.count).sum::<u64>(), 1, "the young one's");
            assert!(world.get(resent.delivery.id).await.is_none());
            for kept in [&waiting, &held, &flying] {
                let event = find(&world, kept.event).await.expect("needed for its delivery");
                assert!(!event.content.payload.is_empty());
                assert_eq!(world.get(kept.delivery.id).await.as_ref(), Some(&kept.delivery));
            }
            assert!(find(&world, resent.event).await.is_some(), "needed for its resend");
            assert!(find(&world, young.event).await.is_some());
            assert!(world.get(young.id).await.is_some());
        }
        // What was kept can still be worked on.
        let loaded = world.store.load_work(&[flying.delivery.id], world.now).await.unwrap();
        assert_eq!(loaded[0].event.id, flying.event);
        let claims = [ClaimRequest { running: old, ..world.claim(9) }];
        let limits = ClaimLimits { deliveries: 9 };
        let claimed = world.store.claim_due(&claims, world.now, limits).await.unwrap();
        let claimed: Vec<EventId> = claimed.iter().map(|work| work.event.id).collect();
        assert!(claimed.contains(&waiting.event) && claimed.contains(&resent.event));
        conclude(&world, &flying.delivery, world.now).await;
        engine.maintain(Duration::ZERO, 5 * DAY).await;
        assert!(find(&world, flying.event).await.is_none(), "nobody needs it any more");
        assert!(find(&world, waiting.event).await.is_some());
    }

    async fn more_than_one_step_of_old_rows_goes(engine) {
        engine.maintain(10 * DAY, 30 * DAY).await;
        let world = World::new(engine).await;
        let mut made = Vec::new();
        for _ in 0..2 {
            let batch: Vec<_> = (0..600_u32)
                .map(|n| {
                    let event = world.event_at(world.now - 9 * DAY + n * SECOND);
                    let delivery = world.delivery(&event, DeliveryState::Suppressed);
                    made.push((event.id, delivery.id));
                    world.new_event(event, vec![delivery])
                })
                .collect();
            world.store.publish(&batch, Timestamp::MAX).await.unwrap();
        }
        let done = engine.maintain(Duration::ZERO, 5 * DAY).await;
        // PostgreSQL drops them with their day.
        let (removed, least) = match engine.is_postgres() {
            true => (done.partitions_dropped, 1),
            false => (done.rows_removed, 2400),
        };
        assert!(removed >= least, "{done:?}");
        for (event_id, delivery) in made.iter().step_by(100).chain(made.last()) {
            assert!(find(&world, *event_id).await.is_none());
            assert!(world.get(*delivery).await.is_none());
        }
    }

    async fn expired_keys_go(engine) {
        let world = World::new(engine).await;
        world.commit(world.keyed("old", 1, world.now - HOUR)).await;
        world.commit(world.keyed("new", 1, world.now + HOUR)).await;
        engine.maintain(Duration::ZERO, 5 * DAY).await;
        world.commit(world.keyed("old", 2, world.now + HOUR)).await;
        let again = world.store.publish(&[world.keyed("new", 1, world.now + HOUR)], Timestamp::MAX).await;
        assert!(matches!(again.unwrap()[0], PublishOutcome::Duplicate { .. }));
    }

    async fn two_may_maintain_at_once(engine) {
        let second = engine.second().await;
        let now = engine.store.now().await.unwrap();
        let settings = MaintenanceOptions { retention: 5 * DAY, days_ahead: 20 };
        let (one, two) = tokio::join!(
            engine.store.maintain(now, settings),
            second.maintain(now, settings)
        );
        one.and(two).unwrap();
        if engine.is_postgres() {
            second.close().await;
        }
    }

    async fn a_store_is_ready_until_it_is_closed(engine) {
        let now = engine.store.now().await.unwrap();
        engine.store.ready(now).await.unwrap();
        if engine.is_postgres() {
            let far = engine.store.ready(now + 100 * DAY).await;
            assert!(far.is_err(), "there is no partition for that day");
        }
        let closed = engine.second().await;
        closed.close().await;
        let error = closed.ready(now).await.unwrap_err();
        assert!(error.is_transient(), "{error}");
        // Closing twice is as good as once.
        closed.close().await;
    }

    async fn an_older_program_works_on_a_newer_schema_that_says_so(engine) {
        if !engine.lasts() {
            return;
        }
        let world = World::new(engine).await;
        engine.store.close().await;
        let mut database = Database::of(engine).await;
        database.execute("CREATE TABLE newer (id integer)").await;
        let (time, bytes) = match engine.is_postgres() {
            true => ("now()", "'\\x00'"),
            false => ("CURRENT_TIMESTAMP", "x'00'"),
        };
        database.execute(&format!("INSERT INTO _sqlx_migrations
            (version, description, installed_on, success, checksum, execution_time)
            VALUES (999, 'newer', {time}, true, {bytes}, 0)")).await;
        let unchanged = OpenOptions { migrate: false, ..options() };
        for options in [&unchanged, &options()] {
            let store = postrider_store::open(&engine.url, options).await.unwrap();
            let world = World { store, key: world.key.clone(), ..world };
            let delivery = world.publish(DeliveryState::InFlight).await;
            world.succeed(&delivery).await;
            world.store.close().await;
        }
        let name = if engine.is_postgres() { "key" } else { "name" };
        database.execute(&format!(
            "UPDATE meta SET value = '999' WHERE {name} = 'minimum_version'"
        )).await;
        for options in [&unchanged, &options()] {
            let error = open(engine, options).await.unwrap_err();
            assert!(error.to_string().contains("needs a program that knows migration 999"), "{error}");
        }
        database.execute(&format!(
            "INSERT INTO meta ({name}, value) VALUES ('minimum_release', '9.1.0')"
        )).await;
        let error = open(engine, &unchanged).await.unwrap_err();
        assert!(error.to_string().contains("(Postrider 9.1.0 or later)"), "{error}");
    }

    async fn the_schema_and_the_number_of_shards_are_checked(engine) {
        if !engine.lasts() {
            return;
        }
        engine.store.close().await;
        let other = OpenOptions { shards: SHARDS + 1, ..options() };
        let error = open(engine, &other).await.unwrap_err();
        assert!(!error.is_transient(), "{error}");
        let unchanged = OpenOptions { migrate: false, ..options() };
        for options in [unchanged, options()] {
            let again = open(engine, &options).await;
            again.unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

/// Opens and closes.
async fn open(engine: &Engine, options: &OpenOptions) -> Result<(), StoreError> {
    postrider_store::open(&engine.url, options).await?.close().await;
    Ok(())
}

/// An event of ten days ago, less an hour, and its delivery.
struct Old {
    event: EventId,
    delivery: Delivery,
}

impl Old {
    async fn publish(world: &World, state: DeliveryState) -> Self {
        let event = world.event_at(world.now - 10 * DAY + HOUR);
        let delivery = world.delivery(&event, state);
        world.commit(world.new_event(event.clone(), vec![delivery.clone()])).await;
        Self { event: event.id, delivery }
    }
}

async fn find(world: &World, id: EventId) -> Option<Event> {
    world.store.get_event(world.tenant(), id).await.unwrap()
}

async fn conclude(world: &World, delivery: &Delivery, at: Timestamp) {
    let record = AttemptRecord { start_time: at, ..record(delivery, Outcome::Succeeded) };
    let batch = [Conclusion::new(delivery, record, SUCCESS)];
    let answers = world.store.conclude(&batch, at).await.unwrap();
    assert_eq!(answers, [ConclusionOutcome::Applied]);
}

#[tokio::test]
async fn sqlite_refuses_a_second_process_and_a_schema_not_made() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("one.db");
    let url = format!("sqlite:{}", path.display());
    let unmade = OpenOptions { migrate: false, ..options() };
    assert!(postrider_store::open(&url, &unmade).await.is_err(), "there is no file");
    std::fs::write(&path, "").unwrap();
    let error = postrider_store::open(&url, &unmade).await.err().unwrap();
    assert!(error.to_string().contains("postrider migrate"), "{error}");
    let store = postrider_store::open(&url, &options()).await.unwrap();
    let error = postrider_store::open(&url, &options()).await.err().unwrap();
    assert!(error.to_string().contains("another process"), "{error}");
    store.close().await;
    drop(store);
    let error = postrider_store::open("sqlite::memory:", &options()).await.err().unwrap();
    assert!(matches!(error, StoreError::Rejected(_)), "{error}");
    let again = postrider_store::open(&url, &unmade).await.unwrap();
    let log = directory.path().join("one.db-wal");
    again.close().await;
    assert!(!log.exists(), "the log is moved into the database when it is closed");
}
