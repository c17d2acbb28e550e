//! Records of changes, their chains, and what somebody with the database can do to them.

use std::sync::Arc;

use postrider_domain::ids::TenantId;
use postrider_domain::time::Timestamp;
use postrider_identity::{
    AuditChain, AuditDraft, AuditFault, AuditFields, AuditOrigin, AuditRecord, ChainHash,
    ChainState, ChainVerifier,
};
use postrider_store::{AuditPosition, AuditQuery, AuditScope, Store, StoreError, WriteError};

use crate::database::Database;
use crate::engine::{Engine, conformance, options};
use crate::fixture::{SECOND, subscription, tenant};

pub fn acme() -> AuditChain {
    AuditChain::Tenant("acme".parse().unwrap())
}

/// A record about a tenant, with a difference that JSON has to escape.
pub fn draft(id: &str, now: Timestamp) -> AuditDraft {
    let origin = AuditOrigin {
        actor: "subject:jane@\"issuer\"".to_owned(),
        address: "192.0.2.1:7".to_owned(),
        request_id: "r-1".to_owned(),
        method: "postrider.v1.TenantService/UpdateTenant".into(),
    };
    let (mut before, mut after) = (AuditFields::none(), AuditFields::none());
    before.text("display_name", "with \0 and \"quotes\"");
    after.text("display_name", "é").text("url", "https://example.com");
    origin.draft(&format!("tenants/{id}"), now).with_changes(&before, &after)
}

/// The record with which a tenant's chain begins.
pub fn creation(id: &str, now: Timestamp) -> AuditDraft {
    let method = "postrider.v1.TenantService/CreateTenant".to_owned();
    AuditDraft { method, ..draft(id, now) }
}

pub async fn chain_of(store: &dyn Store, chain: &AuditChain) -> (ChainState, Vec<AuditRecord>) {
    store.read_audit_chain(chain, i64::MIN, 1000).await.unwrap()
}

async fn faults_knowing(
    store: &dyn Store,
    chain: &AuditChain,
    known: Option<(i64, ChainHash)>,
) -> Vec<AuditFault> {
    let key = store.audit_key().await.unwrap().of_chain(chain);
    let mut verifier = ChainVerifier::new(key, None, known);
    loop {
        let from = verifier.position().next;
        let (state, records) = store.read_audit_chain(chain, from, 3).await.unwrap();
        verifier.take(&state, &records);
        if records.len() < 3 {
            return verifier.finish(&state).faults;
        }
    }
}

pub async fn faults(store: &dyn Store, chain: &AuditChain) -> Vec<AuditFault> {
    faults_knowing(store, chain, None).await
}

/// A chain of five records, each a second after the one before, and its head.
pub async fn with_five(engine: &Engine) -> (i64, ChainHash) {
    let now = engine.store.now().await.unwrap();
    engine.store.append_audit_record(&creation("acme", now)).await.unwrap();
    for number in 1..5 {
        engine.store.append_audit_record(&draft("acme", now + SECOND * number)).await.unwrap();
    }
    assert_eq!(faults(&*engine.store, &acme()).await, []);
    let (state, _) = chain_of(&*engine.store, &acme()).await;
    (state.sequence, state.hash)
}

/// The chains and numbers of a page, and its last position.
async fn listed(
    store: &dyn Store,
    scope: AuditScope,
    before: Option<AuditPosition>,
    limit: u32,
) -> (Vec<(String, i64)>, Option<AuditPosition>) {
    let found = store.list_audit_records(&AuditQuery { scope, before, limit }).await.unwrap();
    let named = |found: &AuditRecord| (found.draft.chain.stored().to_owned(), found.sequence);
    (found.iter().map(named).collect(), found.last().map(AuditPosition::of))
}

conformance! {
    async fn a_change_has_one_record_and_what_changes_nothing_has_none(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let made = tenant("acme", now);
        let record = draft("acme", now);
        store.create_tenant(&made, &record).await.unwrap();
        let again = store.create_tenant(&made, &record).await.unwrap_err();
        assert!(matches!(again, WriteError::AlreadyExists));
        let hook = subscription(&made.id, "erp", now);
        store.create_subscription(&hook, usize::MAX, &record).await.unwrap();
        assert!(store.create_subscription(&hook, usize::MAX, &record).await.is_err());
        for (expected, is_written) in [(7, false), (1, true), (1, false)] {
            let updated = store.update_tenant(&made, expected, &record).await;
            assert_eq!(updated.is_ok(), is_written);
        }
        let none = Default::default();
        assert!(store.update_subscription(&hook, 9, &none, &record).await.is_err());
        store.update_subscription(&hook, 1, &none, &record).await.unwrap();
        store.delete_tenant(&made.id, 2, now, &record).await.unwrap();
        assert!(store.delete_tenant(&made.id, 3, now, &record).await.is_err());
        let (state, records) = chain_of(&**store, &acme()).await;
        assert_eq!((state.sequence, records.len()), (5, 5));
        let deletion = record.clone().with_removed("subscriptions", &["erp".to_owned()]);
        let (last, others) = records.split_last().unwrap();
        assert!(others.iter().all(|found| found.draft == record), "{records:?}");
        assert_eq!(last.draft, deletion, "it names what went along");
        assert_eq!(faults(&**store, &acme()).await, []);
        let (empty, none) = chain_of(&**store, &AuditChain::Installation).await;
        assert_eq!((empty.sequence, none.len()), (0, 0));
    }

    async fn records_of_one_chain_are_written_one_after_the_other(engine) {
        let (one, other) = (Arc::clone(&engine.store), engine.second().await);
        let now = one.now().await.unwrap();
        let mut writes = Vec::new();
        for number in 0..20 {
            let store = Arc::clone(if number % 2 == 0 { &one } else { &other });
            let id = if number % 5 == 0 { "other" } else { "acme" };
            writes.push(tokio::spawn(async move {
                store.append_audit_record(&draft(id, now)).await
            }));
        }
        for write in writes {
            write.await.unwrap().unwrap();
        }
        for (chain, count) in [(acme(), 16), (AuditChain::from_stored("other"), 4)] {
            let (state, records) = chain_of(&*one, &chain).await;
            assert_eq!((state.sequence, records.len()), (count, usize::try_from(count).unwrap()));
            assert_eq!(faults(&*other, &chain).await, []);
        }
        assert_eq!(one.audit_key().await.unwrap(), other.audit_key().await.unwrap());
        let chains = one.list_audit_chains(None, 10).await.unwrap();
        let names: Vec<_> = chains.iter().map(|state| state.chain.stored()).collect();
        assert_eq!(names, ["acme", "other"]);
        let after = one.list_audit_chains(Some(&acme()), 10).await.unwrap();
        assert_eq!(after, &chains[1..]);
    }

    async fn who_waits_for_a_chain_keeps_no_connection_from_others(engine) {
        if !engine.is_postgres() {
            return;
        }
        with_five(engine).await;
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let mut database = Database::of(engine).await;
        database.execute("BEGIN").await;
        database.execute("UPDATE audit_chains SET sequence = sequence WHERE chain = 'acme'").await;
        // Twice as many as there are connections.
        let mut waiting = Vec::new();
        for _ in 0..2 * options().max_connections {
            let store = Arc::clone(store);
            waiting.push(tokio::spawn(async move {
                store.append_audit_record(&draft("acme", now)).await
            }));
        }
        tokio::time::sleep(SECOND / 2).await;
        let other = draft("other", now);
        let other = tokio::time::timeout(SECOND * 2, store.append_audit_record(&other)).await;
        other.unwrap().unwrap();
        database.execute("ROLLBACK").await;
        for write in waiting {
            write.await.unwrap().unwrap();
        }
        let (state, _) = chain_of(&**store, &acme()).await;
        assert_eq!(state.sequence, 5 + 2 * i64::from(options().max_connections));
    }

    async fn a_key_that_was_not_stored_signs_nothing(engine) {
        if !engine.lasts() {
            return;
        }
        let now = engine.store.now().await.unwrap();
        let mut database = Database::of(engine).await;
        // The first change draws the key, and fails.
        database.refuse("audit_records", "MESSAGE = 'refused'").await;
        assert!(engine.store.append_audit_record(&draft("acme", now)).await.is_err());
        database.allow("audit_records").await;
        engine.store.append_audit_record(&draft("acme", now)).await.unwrap();
        let key = engine.store.audit_key().await.unwrap();
        engine.store.close().await;
        // What counts is what another process reads.
        let again = postrider_store::open(&engine.url, &options()).await.unwrap();
        assert_eq!(again.audit_key().await.unwrap(), key);
        assert_eq!(faults(&*again, &acme()).await, []);
        again.close().await;
    }

    async fn the_installations_chain_is_begun_once_with_the_key(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        for _ in 0..2 {
            store.begin_audit_log(now).await.unwrap();
        }
        let installation = AuditChain::Installation;
        let (state, records) = chain_of(&**store, &installation).await;
        assert_eq!((state.sequence, records.len()), (1, 1));
        assert!(records[0].draft.begins_chain(), "{records:?}");
        assert_eq!(faults(&**store, &installation).await, []);
        if !engine.lasts() {
            return;
        }
        let mut database = Database::of(engine).await;
        database.execute("DELETE FROM audit_records").await;
        database.execute("DELETE FROM audit_chains").await;
        // Whoever removed it does not get another.
        engine.second().await.begin_audit_log(now).await.unwrap();
        assert_eq!(chain_of(&**store, &installation).await.0.sequence, 0);
    }

    async fn records_are_listed_newest_first_and_page_by_page(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        for (number, id) in ["acme", "other", "acme", "third", "acme"].into_iter().enumerate() {
            let at = now + SECOND * u32::try_from(number).unwrap();
            store.append_audit_record(&draft(id, at)).await.unwrap();
        }
        let installation = AuditOrigin::command("x").draft("tokens/1", now);
        store.append_audit_record(&installation).await.unwrap();
        let list = |scope, before, limit| listed(&**store, scope, before, limit);
        let named = |all: &[(&str, i64)]| {
            all.iter().map(|(chain, number)| ((*chain).to_owned(), *number)).collect::<Vec<_>>()
        };
        let (first, last) = list(AuditScope::Chain(acme()), None, 2).await;
        assert_eq!(first, named(&[("acme", 3), ("acme", 2)]));
        let (rest, _) = list(AuditScope::Chain(acme()), last, 2).await;
        assert_eq!(rest, named(&[("acme", 1)]));
        let (own, _) = list(AuditScope::Chain(AuditChain::Installation), None, 9).await;
        assert_eq!(own, named(&[("", 1)]));
        let (all, last) = list(AuditScope::Tenants(None), None, 3).await;
        assert_eq!(all, named(&[("acme", 3), ("third", 1), ("acme", 2)]));
        let (rest, _) = list(AuditScope::Tenants(None), last, 3).await;
        assert_eq!(rest, named(&[("other", 1), ("acme", 1)]));
        let some: Vec<TenantId> = vec!["other".parse().unwrap(), "third".parse().unwrap()];
        let some = AuditScope::Tenants(Some(some.into_iter().collect()));
        assert_eq!(list(some, None, 9).await.0, named(&[("third", 1), ("other", 1)]));
        let nobody = AuditScope::Tenants(Some(Default::default()));
        assert!(list(nobody, None, 9).await.0.is_empty());
    }

    async fn a_changed_record_is_found(engine) {
        if !engine.lasts() {
            return;
        }
        with_five(engine).await;
        let mut database = Database::of(engine).await;
        for change in [
            "actor = 'token:other'",
            "resource = 'tenants/else'",
            "record_time = record_time + 1",
            "left_out = 1",
            "changes = '[]'",
            "changes = 'no JSON'",
            "hash = previous",
        ] {
            let back = "CREATE TABLE kept AS SELECT * FROM audit_records";
            database.execute(back).await;
            let tampering = format!("UPDATE audit_records SET {change} WHERE sequence = 3");
            database.execute(&tampering).await;
            let found = faults(&*engine.store, &acme()).await;
            assert_eq!(found, [AuditFault::Changed { sequence: 3 }], "{change}");
            database.execute("DELETE FROM audit_records").await;
            database.execute("INSERT INTO audit_records SELECT * FROM kept").await;
            database.execute("DROP TABLE kept").await;
        }
        assert_eq!(faults(&*engine.store, &acme()).await, []);
        if engine.is_postgres() {
            return;
        }
        // SQLite also keeps what is no text.
        for column in ["actor", "changes"] {
            let tampering =
                format!("UPDATE audit_records SET {column} = CAST(x'ff' AS TEXT) WHERE sequence = 3");
            database.execute(&tampering).await;
            let found = faults(&*engine.store, &acme()).await;
            assert_eq!(found, [AuditFault::Changed { sequence: 3 }], "{column}");
            let (listed, _) = listed(&*engine.store, AuditScope::Tenants(None), None, 9).await;
            assert_eq!(listed.len(), 5, "{column}");
        }
    }

    async fn a_removed_record_is_found(engine) {
        if !engine.lasts() {
            return;
        }
        with_five(engine).await;
        let mut database = Database::of(engine).await;
        database.execute("DELETE FROM audit_records WHERE sequence = 2").await;
        let missing = |first, last| AuditFault::Missing { first, last };
        assert_eq!(faults(&*engine.store, &acme()).await, [missing(2, 2)]);
        database.execute("DELETE FROM audit_records WHERE sequence = 1").await;
        assert_eq!(faults(&*engine.store, &acme()).await, [missing(1, 2)]);
        database.execute("DELETE FROM audit_records").await;
        assert_eq!(faults(&*engine.store, &acme()).await, [missing(1, 5)]);
    }

    async fn a_record_that_was_put_before_the_first_is_found(engine) {
        if !engine.lasts() {
            return;
        }
        with_five(engine).await;
        let store = &engine.store;
        let now = chain_of(&**store, &acme()).await.1[1].draft.time;
        store.forget_audit_records(None, now + SECOND, now).await.unwrap();
        let mut database = Database::of(engine).await;
        let numbers = [i64::MIN, -5, 0, 1, 2];
        for number in numbers {
            let planted = format!(
                "INSERT INTO audit_records (chain, sequence, previous, hash, record_time, actor,
                    address, request_id, method, resource, changes, left_out)
                SELECT chain, {number}, previous, hash, 1, 'token:somebody', address, request_id,
                    method, resource, changes, left_out
                FROM audit_records WHERE sequence = 4"
            );
            database.execute(&planted).await;
        }
        let changed = numbers.map(|sequence| AuditFault::Changed { sequence });
        assert_eq!(faults(&**store, &acme()).await, changed);
        // Retention goes on, and removes what it has checked and nothing else.
        let done = store.forget_audit_records(None, now + SECOND * 2, now).await.unwrap();
        assert_eq!(done.map(|done| (done.removed, done.is_stuck)), Some((1, false)));
        assert_eq!(faults(&**store, &acme()).await, changed);
    }

    async fn a_record_in_the_place_of_the_next_is_no_fault_of_the_caller(engine) {
        if !engine.lasts() {
            return;
        }
        with_five(engine).await;
        let planted = "INSERT INTO audit_records (chain, sequence, previous, hash, record_time,
                actor, address, request_id, method, resource, changes, left_out)
            SELECT chain, 6, previous, hash, record_time, actor, address, request_id, method,
                resource, changes, left_out
            FROM audit_records WHERE sequence = 5";
        Database::of(engine).await.execute(planted).await;
        let store = &engine.store;
        let last = chain_of(&**store, &acme()).await.1.pop().unwrap();
        let refused = store.append_audit_record(&last.draft).await.unwrap_err();
        assert!(matches!(refused, StoreError::Corrupt(_)), "{refused:?}");
    }

    async fn reordered_records_are_found(engine) {
        if !engine.lasts() {
            return;
        }
        with_five(engine).await;
        let mut database = Database::of(engine).await;
        for (from, to) in [(2, 100), (4, 2), (100, 4)] {
            let tampering =
                format!("UPDATE audit_records SET sequence = {to} WHERE sequence = {from}");
            database.execute(&tampering).await;
        }
        let moved = |sequence, belongs_at| AuditFault::Moved { sequence, belongs_at };
        assert_eq!(faults(&*engine.store, &acme()).await, [moved(2, 4), moved(4, 2)]);
    }

    async fn a_cut_tail_is_found_by_the_head(engine) {
        if !engine.lasts() {
            return;
        }
        let known = with_five(engine).await;
        let mut database = Database::of(engine).await;
        database.execute("DELETE FROM audit_records WHERE sequence > 3").await;
        let missing = AuditFault::Missing { first: 4, last: 5 };
        assert_eq!(faults(&*engine.store, &acme()).await, [missing]);
        // The head is set back too: only who noted it knows.
        let set_back = "UPDATE audit_chains
            SET sequence = 3,
                hash = (SELECT hash FROM audit_records WHERE chain = 'acme' AND sequence = 3)";
        database.execute(set_back).await;
        assert_eq!(faults(&*engine.store, &acme()).await, []);
        assert_eq!(faults_knowing(&*engine.store, &acme(), Some(known)).await, [missing]);
        // Another history since is another one.
        let now = engine.store.now().await.unwrap();
        for _ in 0..2 {
            engine.store.append_audit_record(&draft("acme", now)).await.unwrap();
        }
        let other = AuditFault::Changed { sequence: 5 };
        assert_eq!(faults_knowing(&*engine.store, &acme(), Some(known)).await, [other]);
        database.execute("DELETE FROM audit_chains").await;
        let head = AuditFault::Head { sequence: 0 };
        assert_eq!(faults(&*engine.store, &acme()).await, [head]);
    }
}
