//! What triggers of others at the tables of records can do: nothing that is committed.

use postrider_domain::tenant::Tenant;
use postrider_store::{StoreError, WriteError};

use crate::audit::{acme, chain_of, creation, draft, faults};
use crate::database::Database;
use crate::engine::{Engine, conformance};
use crate::fixture::tenant;

/// A trigger: its table, when it runs on both engines, and what it does there.
struct MeddlingTrigger {
    table: &'static str,
    /// On PostgreSQL, and on SQLite, which sets no column before a row is written.
    events: [&'static str; 2],
    postgres: &'static str,
    sqlite: &'static str,
}

const DROPPED_RECORD: MeddlingTrigger = MeddlingTrigger {
    table: "audit_records",
    events: ["BEFORE INSERT"; 2],
    postgres: "RETURN NULL;",
    sqlite: "SELECT RAISE(IGNORE);",
};
const DROPPED_HEAD: MeddlingTrigger =
    MeddlingTrigger { table: "audit_chains", events: ["BEFORE UPDATE"; 2], ..DROPPED_RECORD };
const REPLACED_RECORD: MeddlingTrigger = MeddlingTrigger {
    table: "audit_records",
    events: ["BEFORE INSERT", "AFTER INSERT"],
    postgres: "NEW.actor := 'token:innocent'; RETURN NEW;",
    sqlite: "UPDATE audit_records SET actor = 'token:innocent'
        WHERE chain = new.chain AND sequence = new.sequence;",
};
const REPLACED_HEAD: MeddlingTrigger = MeddlingTrigger {
    table: "audit_chains",
    events: ["BEFORE UPDATE", "AFTER UPDATE"],
    postgres: "NEW.sequence := OLD.sequence; RETURN NEW;",
    sqlite: "UPDATE audit_chains SET sequence = old.sequence WHERE chain = new.chain;",
};

async fn meddle(engine: &Engine, meddling: &MeddlingTrigger) {
    let MeddlingTrigger { table, events: [on_postgres, on_sqlite], postgres, sqlite } = meddling;
    let mut database = Database::of(engine).await;
    let event = if engine.is_postgres() { on_postgres } else { on_sqlite };
    let trigger = format!("CREATE TRIGGER meddling {event} ON {table} FOR EACH ROW");
    let made = if engine.is_postgres() {
        format!(
            "CREATE OR REPLACE FUNCTION meddle() RETURNS trigger AS $$ BEGIN {postgres} END $$
            LANGUAGE plpgsql; {trigger} EXECUTE FUNCTION meddle()"
        )
    } else {
        format!("{trigger} BEGIN {sqlite} END")
    };
    database.execute(&made).await;
}

async fn stop_meddling(engine: &Engine, meddling: &MeddlingTrigger) {
    let place =
        if engine.is_postgres() { format!(" ON {}", meddling.table) } else { String::new() };
    Database::of(engine).await.execute(&format!("DROP TRIGGER meddling{place}")).await;
}

conformance! {
    async fn a_change_whose_record_is_dropped_or_replaced_is_not_made(engine) {
        if !engine.lasts() {
            return;
        }
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let made = tenant("acme", now);
        store.create_tenant(&made, &creation("acme", now)).await.unwrap();
        let renamed = Tenant { display_name: "Renamed".to_owned(), ..made.clone() };
        for meddling in [DROPPED_RECORD, DROPPED_HEAD, REPLACED_RECORD, REPLACED_HEAD] {
            meddle(engine, &meddling).await;
            let refused = store.update_tenant(&renamed, 1, &draft("acme", now)).await.unwrap_err();
            let WriteError::Store(StoreError::Corrupt(words)) = refused else {
                panic!("{}: {refused:?}", meddling.table);
            };
            assert!(words.contains("was not stored as it was written"), "{words}");
            assert!(words.contains("\"acme\""), "{words}");
            stop_meddling(engine, &meddling).await;
            let config = store.tenant_config(&made.id).await.unwrap().unwrap();
            assert_eq!(config.tenant.display_name, made.display_name, "it was rolled back");
            let (state, records) = chain_of(&**store, &acme()).await;
            assert_eq!((state.sequence, records.len()), (1, 1));
        }
        store.update_tenant(&renamed, 1, &draft("acme", now)).await.unwrap();
        assert_eq!(chain_of(&**store, &acme()).await.0.sequence, 2);
        assert_eq!(faults(&**store, &acme()).await, []);
    }

    async fn a_chain_that_a_trigger_keeps_from_beginning_holds_no_change(engine) {
        if !engine.lasts() {
            return;
        }
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let meddling = MeddlingTrigger { events: ["BEFORE INSERT"; 2], ..DROPPED_HEAD };
        meddle(engine, &meddling).await;
        let made = tenant("acme", now);
        let refused = store.create_tenant(&made, &creation("acme", now)).await.unwrap_err();
        assert!(matches!(refused, WriteError::Store(StoreError::Corrupt(_))), "{refused:?}");
        stop_meddling(engine, &meddling).await;
        assert!(store.tenant_config(&made.id).await.unwrap().is_none());
        store.create_tenant(&made, &creation("acme", now)).await.unwrap();
        assert_eq!(faults(&**store, &acme()).await, []);
    }

    async fn triggers_of_others_at_the_tables_of_records_are_told(engine) {
        let store = &engine.store;
        let told = || store.foreign_audit_triggers(9);
        assert!(told().await.unwrap().is_empty(), "Postrider has none");
        if !engine.lasts() {
            return;
        }
        let of = |text: &str, table: &str| match engine.is_postgres() {
            true => format!("{text} of {table}"),
            false => text.to_owned(),
        };
        for meddling in [DROPPED_RECORD, DROPPED_HEAD] {
            meddle(engine, &meddling).await;
            assert_eq!(told().await.unwrap(), [of("trigger meddling", meddling.table)]);
            stop_meddling(engine, &meddling).await;
        }
        let mut database = Database::of(engine).await;
        database.execute("CREATE TABLE elsewhere (id integer)").await;
        meddle(engine, &MeddlingTrigger { table: "elsewhere", ..DROPPED_RECORD }).await;
        assert!(told().await.unwrap().is_empty(), "other tables are nobody's business here");
        database.execute("ALTER TABLE audit_records RENAME TO kept").await;
        database.execute("CREATE VIEW audit_records AS SELECT * FROM kept").await;
        let view = match engine.is_postgres() {
            true => "rule _RETURN of audit_records",
            false => "view audit_records",
        };
        assert_eq!(told().await.unwrap(), [view]);
    }
}
