//! What triggers of others can do to records: nothing that is committed with a change, and
//! whatever stands at any table is told.

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

/// Removes the newest record of the chain, and sets its head back.
const WIPE: &str = "CREATE FUNCTION wipe() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
        DELETE FROM audit_records r USING audit_chains c
            WHERE c.chain = 'acme' AND r.chain = c.chain AND r.sequence = c.sequence;
        UPDATE audit_chains c SET sequence = r.sequence, hash = r.hash FROM audit_records r
            WHERE c.chain = 'acme' AND r.chain = c.chain AND r.sequence = c.sequence - 1;
        RETURN NULL;
    END $$";
/// Triggers by it that run after the record was written: at the statement's end, and at that
/// of the transaction, also at a table that has nothing to do with records.
const LATE_WIPES: [(&str, &str); 3] = [
    (
        "audit_chains",
        "CREATE TRIGGER late AFTER UPDATE ON audit_chains FOR EACH ROW
        WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION wipe()",
    ),
    (
        "audit_records",
        "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON audit_records
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wipe()",
    ),
    (
        "tenants",
        "CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON tenants
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION wipe()",
    ),
];

/// What somebody puts at tables of which none is one of records, how it is told, and how it
/// is taken away.
const PUT_ON_POSTGRES: [[&str; 3]; 8] = [
    [
        "CREATE TRIGGER other AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION nothing()",
        "trigger other of events",
        "DROP TRIGGER other ON events",
    ],
    [
        "CREATE CONSTRAINT TRIGGER other AFTER UPDATE ON tenants DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION nothing()",
        "trigger other of tenants",
        "DROP TRIGGER other ON tenants",
    ],
    [
        "CREATE TABLE other (id text COLLATE \"C\" PRIMARY KEY); ALTER TABLE audit_records
            ADD CONSTRAINT leaving FOREIGN KEY (chain) REFERENCES other ON DELETE CASCADE",
        "constraint leaving of audit_records",
        "ALTER TABLE audit_records DROP CONSTRAINT leaving; DROP TABLE other",
    ],
    [
        "CREATE TABLE other () INHERITS (audit_records)",
        "child other of audit_records",
        "DROP TABLE other",
    ],
    [
        "CREATE RULE other AS ON INSERT TO outbox DO ALSO NOTHING",
        "rule other of outbox",
        "DROP RULE other ON outbox",
    ],
    [
        "ALTER TABLE tokens ENABLE ROW LEVEL SECURITY",
        "row security of tokens",
        "ALTER TABLE tokens DISABLE ROW LEVEL SECURITY",
    ],
    [
        "CREATE FUNCTION other() RETURNS integer LANGUAGE sql AS 'SELECT 1';
            ALTER TABLE shards ADD CONSTRAINT calling CHECK (other() = 1)",
        "function other(), which constraint calling on table shards uses",
        "ALTER TABLE shards DROP CONSTRAINT calling; DROP FUNCTION other",
    ],
    [
        "CREATE FUNCTION other() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
            CREATE EVENT TRIGGER other ON ddl_command_end EXECUTE FUNCTION other()",
        "event trigger other",
        "DROP EVENT TRIGGER other; DROP FUNCTION other",
    ],
];
const PUT_ON_SQLITE: [[&str; 3]; 3] = [
    [
        "CREATE TRIGGER other AFTER INSERT ON Events BEGIN SELECT 1; END",
        "trigger other",
        "DROP TRIGGER other",
    ],
    [
        "CREATE TABLE other (id TEXT REFERENCES audit_chains (chain) ON DELETE CASCADE)",
        "foreign key of other to audit_chains",
        "DROP TABLE other",
    ],
    [
        "ALTER TABLE tokens RENAME TO other; CREATE VIEW tokens AS SELECT * FROM other",
        "view tokens",
        "DROP VIEW tokens; ALTER TABLE other RENAME TO tokens",
    ],
];

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

    async fn a_change_whose_record_is_removed_before_its_end_is_not_made(engine) {
        if !engine.is_postgres() {
            return;
        }
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let made = tenant("acme", now);
        store.create_tenant(&made, &creation("acme", now)).await.unwrap();
        let renamed = Tenant { display_name: "Renamed".to_owned(), ..made.clone() };
        let mut database = Database::of(engine).await;
        database.execute(WIPE).await;
        for (table, trigger) in LATE_WIPES {
            database.execute(trigger).await;
            let refused = store.update_tenant(&renamed, 1, &draft("acme", now)).await.unwrap_err();
            let WriteError::Store(StoreError::Corrupt(words)) = refused else {
                panic!("{table}: {refused:?}");
            };
            assert!(words.contains("was not stored as it was written"), "{table}: {words}");
            assert_eq!(store.foreign_triggers(9).await.unwrap(), [format!("trigger late of {table}")]);
            database.execute(&format!("DROP TRIGGER late ON {table}")).await;
            let config = store.tenant_config(&made.id).await.unwrap().unwrap();
            assert_eq!(config.tenant.display_name, made.display_name, "{table}");
            assert_eq!(chain_of(&**store, &acme()).await.0.sequence, 1, "{table}");
        }
        store.update_tenant(&renamed, 1, &draft("acme", now)).await.unwrap();
        assert_eq!(faults(&**store, &acme()).await, []);
    }

    async fn what_others_put_at_any_table_is_told(engine) {
        let mut database = match engine.lasts() {
            true => Database::of(engine).await,
            false => return,
        };
        let put: &[[&str; 3]] = match engine.is_postgres() {
            true => &PUT_ON_POSTGRES,
            false => &PUT_ON_SQLITE,
        };
        if engine.is_postgres() {
            let nothing = "CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql
                AS 'BEGIN RETURN NULL; END'";
            database.execute(nothing).await;
        }
        for [made, told, undone] in put {
            database.execute(made).await;
            assert_eq!(engine.store.foreign_triggers(9).await.unwrap(), [*told], "{made}");
            assert_eq!(engine.store.foreign_triggers(0).await.unwrap().len(), 0);
            database.execute(undone).await;
            assert!(engine.store.foreign_triggers(9).await.unwrap().is_empty(), "{undone}");
        }
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
        let told = || store.foreign_triggers(9);
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
