//! Whose fault an engine says an error is, as the databases themselves tell it.

use std::io::{Seek as _, SeekFrom, Write as _};

use postrider_domain::delivery::{Delivery, DeliveryState, Outcome};
use postrider_domain::time::Timestamp;
use postrider_store::{Conclusion, ConclusionOutcome, StoreError, StoreResult};
use sqlx::Connection as _;

use crate::database::Database;
use crate::engine::{conformance, options};
use crate::fixture::{SUCCESS, World, record};

async fn conclude(world: &World, delivery: &Delivery) -> StoreResult<Vec<ConclusionOutcome>> {
    let success = Conclusion::new(delivery, record(delivery, Outcome::Succeeded), SUCCESS);
    world.store.conclude(&[success], world.now).await
}

async fn publish(world: &World) -> StoreResult<()> {
    let event = world.event();
    let delivery = world.delivery(&event, DeliveryState::Waiting);
    world.store.publish(&[world.new_event(event, vec![delivery])], Timestamp::MAX).await.map(drop)
}

const RAISED: &str = "ERRCODE = 'P0001'";

conformance! {
    async fn what_a_trigger_refuses_is_nobodys_fault(engine) {
        let world = World::new(engine).await;
        world.store.rehearse_conclusion(world.now).await.unwrap();
        if !engine.lasts() {
            return;
        }
        let delivery = world.publish(DeliveryState::InFlight).await;
        let mut database = Database::of(engine).await;
        for table in ["ended_deliveries", "attempt_stats"] {
            database.refuse(table, RAISED).await;
            let refused = conclude(&world, &delivery).await;
            assert!(matches!(refused, Err(StoreError::Faulty(_))), "{table}: {refused:?}");
            let rehearsed = world.store.rehearse_conclusion(world.now).await;
            assert!(matches!(rehearsed, Err(StoreError::Faulty(_))), "{table}: {rehearsed:?}");
            database.allow(table).await;
        }
        for table in ["events", "deliveries"] {
            database.refuse(table, RAISED).await;
            let refused = publish(&world).await;
            assert!(matches!(refused, Err(StoreError::Faulty(_))), "{table}: {refused:?}");
            database.allow(table).await;
        }
        world.store.rehearse_conclusion(world.now).await.unwrap();
        assert_eq!(conclude(&world, &delivery).await.unwrap(), [ConclusionOutcome::Applied]);
        // Nothing of a rehearsal is left.
        let attempts = "SELECT count(*) FROM ended_deliveries WHERE outcome IS NOT NULL";
        let count: i64 = match &mut database {
            Database::Postgres(one) => sqlx::query_scalar(attempts).fetch_one(one).await.unwrap(),
            Database::Sqlite(one) => sqlx::query_scalar(attempts).fetch_one(one).await.unwrap(),
        };
        assert_eq!(count, 1);
    }

    async fn a_column_of_another_schema_is_nobodys_fault(engine) {
        if !engine.lasts() {
            return;
        }
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let mut database = Database::of(engine).await;
        database.execute("ALTER TABLE ended_deliveries RENAME COLUMN error TO problem").await;
        let refused = conclude(&world, &delivery).await;
        assert!(matches!(refused, Err(StoreError::Faulty(_))), "{refused:?}");
        database.execute("ALTER TABLE ended_deliveries RENAME COLUMN problem TO error").await;
        database.execute("ALTER TABLE events ADD COLUMN newer integer NOT NULL DEFAULT 0").await;
        publish(&world).await.unwrap();
        if engine.is_postgres() {
            database.execute("ALTER TABLE events ALTER COLUMN newer DROP DEFAULT").await;
            let refused = publish(&world).await;
            assert!(matches!(refused, Err(StoreError::Faulty(_))), "{refused:?}");
        }
        assert_eq!(conclude(&world, &delivery).await.unwrap(), [ConclusionOutcome::Applied]);
    }

    async fn each_sqlstate_is_told_by_whose_fault_it_is(engine) {
        if !engine.is_postgres() {
            return;
        }
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        let mut database = Database::of(engine).await;
        let told: &[(&str, &[&str])] = &[
            ("faulty", &[
                "42501", "42703", "42P01", "26000", "XX000", "XX001", "P0001", "0A000", "23502",
                "23514", "58030", "38000",
            ]),
            ("rejected", &["22001", "22021", "23505", "54000"]),
            ("unavailable", &["40001", "53100", "57014", "25006", "08006", "55P03"]),
        ];
        for (kind, codes) in told {
            for code in *codes {
                database.refuse("ended_deliveries", &format!("ERRCODE = '{code}'")).await;
                let error = conclude(&world, &delivery).await.unwrap_err();
                assert_eq!(error.name(), *kind, "{code}: {error}");
                database.allow("ended_deliveries").await;
            }
        }
        let named = "ERRCODE = '23514', CONSTRAINT = 'size'";
        database.refuse("ended_deliveries", named).await;
        let error = conclude(&world, &delivery).await.unwrap_err();
        assert_eq!(error.name(), "rejected", "{error}");
        database.allow("ended_deliveries").await;
        database.execute("DO $$ DECLARE t text; BEGIN FOR t IN SELECT inhrelid::regclass::text
            FROM pg_inherits WHERE inhparent = 'ended_deliveries'::regclass
            LOOP EXECUTE 'DROP TABLE ' || t; END LOOP; END $$").await;
        let error = conclude(&world, &delivery).await.unwrap_err();
        assert_eq!(error.name(), "faulty", "there is no partition: {error}");
    }

    async fn a_damaged_page_is_nobodys_fault(engine) {
        let Some(file) = engine.url.strip_prefix("sqlite:") else {
            return;
        };
        let world = World::new(engine).await;
        let delivery = world.publish(DeliveryState::InFlight).await;
        world.store.close().await;
        let Database::Sqlite(mut database) = Database::of(engine).await else { return };
        let place = "SELECT (rootpage - 1) * page_size, page_size \
            FROM sqlite_master, pragma_page_size WHERE name = 'ended_deliveries'";
        let (start, length): (i64, i64) =
            sqlx::query_as(place).fetch_one(&mut database).await.unwrap();
        database.close().await.unwrap();
        let mut bytes = std::fs::File::options().write(true).open(file).unwrap();
        bytes.seek(SeekFrom::Start(u64::try_from(start).unwrap())).unwrap();
        bytes.write_all(&vec![0xAA; usize::try_from(length).unwrap()]).unwrap();
        bytes.sync_all().unwrap();
        let store = postrider_store::open(&engine.url, &options()).await.unwrap();
        let world = World { store, ..world };
        let refused = conclude(&world, &delivery).await;
        assert!(matches!(refused, Err(StoreError::Faulty(_))), "{refused:?}");
        world.store.close().await;
    }
}
