//! Records past retention: what goes, and what stays although somebody wants it to go.

use postrider_identity::{AuditChain, AuditFault};
use postrider_store::StoreError;

use crate::audit::{acme, chain_of, creation, draft, faults, with_five};
use crate::database::Database;
use crate::engine::conformance;
use crate::fixture::SECOND;

conformance! {
    async fn retention_signs_what_it_removes(engine) {
        let store = &engine.store;
        with_five(engine).await;
        let (_, records) = chain_of(&**store, &acme()).await;
        let (first, now) = (records[0].draft.time, records[4].draft.time);
        let other = AuditChain::from_stored("other");
        store.append_audit_record(&creation("other", first)).await.unwrap();
        let none = store.forget_audit_records(None, first, now).await.unwrap();
        assert_eq!(none, None);
        let cutoff = first + SECOND * 3;
        let done = store.forget_audit_records(None, cutoff, now).await.unwrap().unwrap();
        assert_eq!((done.chain, done.removed, done.is_stuck), (acme(), 3, false));
        let done = store.forget_audit_records(Some(&acme()), cutoff, now).await.unwrap().unwrap();
        assert_eq!((done.chain, done.removed), (other.clone(), 1));
        assert_eq!(store.forget_audit_records(Some(&other), cutoff, now).await.unwrap(), None);
        assert_eq!(store.forget_audit_records(None, cutoff, now).await.unwrap(), None);
        let (state, left) = chain_of(&**store, &acme()).await;
        assert_eq!(left, &records[3..]);
        assert_eq!((state.sequence, state.checkpoint.sequence), (5, 3));
        assert_eq!(state.checkpoint.time, now);
        for chain in [&acme(), &other] {
            assert_eq!(faults(&**store, chain).await, []);
        }
        // The chain goes on where it was.
        store.append_audit_record(&draft("other", now)).await.unwrap();
        assert_eq!(chain_of(&**store, &other).await.0.sequence, 2);
        assert_eq!(faults(&**store, &other).await, []);
    }

    async fn retention_removes_more_than_one_batch(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        store.append_audit_record(&creation("acme", now)).await.unwrap();
        for _ in 1..210 {
            store.append_audit_record(&draft("acme", now)).await.unwrap();
        }
        let done = store.forget_audit_records(None, now + SECOND, now).await.unwrap().unwrap();
        assert_eq!((done.removed, done.is_stuck), (210, false));
        let (state, left) = chain_of(&**store, &acme()).await;
        assert_eq!((state.checkpoint.sequence, left.len()), (210, 0));
        assert_eq!(faults(&**store, &acme()).await, []);
    }

    async fn retention_reads_without_holding_up_changes(engine) {
        if !engine.lasts() {
            return;
        }
        with_five(engine).await;
        let store = &engine.store;
        let now = chain_of(&**store, &acme()).await.1[4].draft.time;
        let mut database = Database::of(engine).await;
        database.execute("UPDATE audit_records SET actor = 'x' WHERE sequence = 1").await;
        // Whoever appends has the chain. What is read and checked meanwhile needs no lock.
        database.execute("BEGIN").await;
        database.execute("UPDATE audit_chains SET sequence = sequence").await;
        let looked = store.forget_audit_records(None, now, now);
        let looked = tokio::time::timeout(SECOND * 3, looked).await.unwrap();
        assert_eq!(looked.unwrap().map(|done| done.is_stuck), Some(true));
        database.execute("ROLLBACK").await;
    }

    async fn nobody_has_retention_sign_what_he_changed(engine) {
        if !engine.lasts() {
            return;
        }
        with_five(engine).await;
        let store = &engine.store;
        let (_, records) = chain_of(&**store, &acme()).await;
        let mut database = Database::of(engine).await;
        let now = records[4].draft.time;
        // Made to look old, so that it goes.
        let tampering = "UPDATE audit_records SET record_time = 1 WHERE sequence <= 2";
        database.execute(tampering).await;
        let cutoff = records[0].draft.time;
        let done = store.forget_audit_records(None, cutoff, now).await.unwrap().unwrap();
        assert_eq!((done.removed, done.is_stuck), (0, true));
        assert_eq!(chain_of(&**store, &acme()).await.1.len(), 5);
        // Or cut, with a checkpoint that nobody signed.
        database.execute("DELETE FROM audit_records WHERE sequence <= 2").await;
        database.execute("UPDATE audit_chains SET checkpoint_sequence = 2").await;
        let forged = AuditFault::Checkpoint { sequence: 2 };
        let missing = AuditFault::Missing { first: 1, last: 2 };
        assert_eq!(faults(&**store, &acme()).await, [forged, missing]);
        // With the hash that fits, what comes after it stays all the same.
        let fitting = "UPDATE audit_chains SET checkpoint_hash = (
            SELECT previous FROM audit_records WHERE sequence = 3
        )";
        database.execute(fitting).await;
        let cutoff = records[4].draft.time + SECOND;
        let done = store.forget_audit_records(None, cutoff, now).await.unwrap().unwrap();
        assert_eq!((done.removed, done.is_stuck), (0, true));
        assert_eq!(faults(&**store, &acme()).await, [forged, missing]);
    }

    async fn retention_tells_where_records_are_missing(engine) {
        if !engine.lasts() {
            return;
        }
        with_five(engine).await;
        let store = &engine.store;
        let now = chain_of(&**store, &acme()).await.1[4].draft.time;
        let mut database = Database::of(engine).await;
        for removed in ["sequence = 1", "sequence <= 3", "sequence > 0"] {
            database.execute(&format!("DELETE FROM audit_records WHERE {removed}")).await;
            let done = store.forget_audit_records(None, now + SECOND, now).await.unwrap().unwrap();
            assert_eq!((done.removed, done.is_stuck), (0, true), "{removed}");
            assert_eq!(store.forget_audit_records(Some(&acme()), now, now).await.unwrap(), None);
        }
    }

    async fn retention_signs_nothing_of_a_chain_that_was_begun_anew(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        // As after a tenant's chain was removed: its creation is not there any more.
        let mut token = draft("acme", now);
        token.resource = "tokens/1".to_owned();
        store.append_audit_record(&token).await.unwrap();
        let done = store.forget_audit_records(None, now + SECOND, now).await.unwrap().unwrap();
        assert_eq!((done.removed, done.is_stuck), (0, false), "the tenant may be still to come");
        store.append_audit_record(&draft("acme", now)).await.unwrap();
        store.append_audit_record(&creation("acme", now)).await.unwrap();
        let done = store.forget_audit_records(None, now + SECOND, now).await.unwrap().unwrap();
        assert_eq!((done.removed, done.is_stuck), (0, true));
        assert_eq!(chain_of(&**store, &acme()).await.1.len(), 3);
    }

    async fn a_number_that_has_no_next_is_refused(engine) {
        if !engine.lasts() {
            return;
        }
        with_five(engine).await;
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let mut database = Database::of(engine).await;
        for sequence in [i64::MAX, -5] {
            let tampering = format!("UPDATE audit_chains SET sequence = {sequence}");
            database.execute(&tampering).await;
            let refused = store.append_audit_record(&draft("acme", now)).await;
            assert!(matches!(refused, Err(StoreError::Corrupt(_))), "{sequence}: {refused:?}");
        }
        database.execute("UPDATE audit_chains SET sequence = 5").await;
        assert_eq!(faults(&**store, &acme()).await, []);
        store.append_audit_record(&draft("acme", now)).await.unwrap();
        let beyond = format!("UPDATE audit_chains SET checkpoint_sequence = {}", i64::MAX);
        database.execute(&beyond).await;
        let done = store.forget_audit_records(None, now, now).await.unwrap().unwrap();
        assert_eq!((done.removed, done.is_stuck), (0, true));
    }
}
