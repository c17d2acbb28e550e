//! Secrets at rest: sealed, turned over, forgotten.

use std::sync::Arc;

use postrider_domain::assignment_key::AssignmentKey;
use postrider_domain::secret::SigningSecret;
use postrider_domain::signature::{KeyKind, KeyRotation, SignatureScheme, SigningKey};
use postrider_domain::subscription::{RequestHeader, Subscription, SubscriptionConfig};
use postrider_store::{
    Store, StoreError, StoreResult, SubscriptionQuery, SubscriptionSideEffects, TenantQuery,
};

use crate::database::Database;
use crate::engine::{Engine, TEST_KEY, conformance, options_with};
use crate::fixture::{SECOND, audit, expiring, page, subscription, tenant};

const OTHER_KEY: &str = "other:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
/// Of the same name, with other bytes.
const FALSE_KEY: &str = "test:AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=";

/// A subscription with secrets of both kinds.
fn with_secrets(id: &str, now: postrider_domain::time::Timestamp) -> Subscription {
    let mut hook = subscription(&"acme".parse().unwrap(), id, now);
    hook.settings.headers = vec![
        RequestHeader { name: "authorization".into(), value: "Bearer \"quoted\"".into() },
        RequestHeader { name: "x-team".into(), value: "pay in".into() },
    ];
    hook.settings.credentials = expiring(now + SECOND);
    hook.signing_keys = vec![SigningKey {
        id: "key-1".to_owned(),
        kind: KeyKind::Text,
        secret: SigningSecret::new(b"any \0 bytes \xff".to_vec()),
        create_time: now,
        expire_time: Some(now + SECOND),
    }];
    hook
}

async fn read(store: &dyn Store, like: &Subscription) -> Subscription {
    store.get_subscription(&like.key()).await.unwrap().unwrap()
}

/// The same database with other key-encryption keys.
async fn reopened(
    engine: &Engine,
    keys: &[&str],
    current: &str,
) -> Result<Arc<dyn Store>, StoreError> {
    engine.store.close().await;
    let store = postrider_store::open(&engine.url, &options_with(keys, current)).await?;
    match store.require_keys().await {
        Ok(()) => Ok(store),
        Err(error) => {
            store.close().await;
            Err(error)
        }
    }
}

/// A read failed, and named what cannot be read.
fn assert_unreadable(read: StoreResult<()>, name: &str) {
    let is_named = |error: &StoreError| matches!(error, StoreError::UnreadableConfig { resource, .. } if resource == name);
    assert!(read.as_ref().is_err_and(is_named), "{name}: {read:?}");
}

/// What there is beside tenants' data keys once something was changed.
fn audit_key_alone() -> Vec<(String, u64)> {
    vec![("test".to_owned(), 1)]
}

async fn used_keys(store: &dyn Store) -> Vec<(String, u64)> {
    let counts = store.count_data_keys().await.unwrap();
    counts.into_iter().map(|used| (used.by.to_string(), used.count)).collect()
}

conformance! {
    async fn a_deletion_forgets_secrets_and_keeps_the_rest(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        store.create_tenant(&tenant("acme", now), audit()).await.unwrap();
        let (erp, crm) = (with_secrets("erp", now), with_secrets("crm", now));
        for hook in [&erp, &crm] {
            store.create_subscription(hook, usize::MAX, audit()).await.unwrap();
            assert_eq!(read(&**store, hook).await, *hook);
        }
        let mut gone = Subscription { delete_time: Some(now), ..erp.clone() };
        let news = SubscriptionSideEffects::default();
        store.update_subscription(&gone, 1, &news, audit()).await.unwrap();
        gone.revision = 2;
        gone.forget_secrets();
        assert_eq!(read(&**store, &erp).await, gone);
        let headers = &gone.settings.headers;
        assert!(headers.len() == 2 && headers.iter().all(|header| header.value.is_empty()));
        let changes = store.tenant_changes(&erp.tenant, 0).await.unwrap().unwrap().changed;
        assert!(changes.contains(&gone) && changes.contains(&crm));

        store.delete_tenant(&crm.tenant, 1, now, audit()).await.unwrap();
        let left = read(&**store, &crm).await;
        assert!(left.signing_keys.is_empty() && left.delete_time.is_some());
        let left = if engine.lasts() { audit_key_alone() } else { Vec::new() };
        assert_eq!(used_keys(&**store).await, left, "the tenant's data key is gone");
        engine.maintain(std::time::Duration::ZERO, SECOND * 86_400 * 30).await;
    }

    async fn the_keys_of_what_is_stored_are_required(engine) {
        if !engine.lasts() {
            return;
        }
        let store = &engine.store;
        let now = store.now().await.unwrap();
        store.require_keys().await.unwrap();
        store.create_tenant(&tenant("acme", now), audit()).await.unwrap();
        let hook = with_secrets("erp", now);
        store.create_subscription(&hook, usize::MAX, audit()).await.unwrap();
        assert_eq!(used_keys(&**store).await, [("test".to_owned(), 2)]);
        let lacks = reopened(engine, &[OTHER_KEY], "").await.err().unwrap();
        let told = lacks.to_string();
        assert!(matches!(lacks, StoreError::Faulty(_)) && told.contains("\"test\" (2 data keys)"));
        let wrong = reopened(engine, &[FALSE_KEY], "").await.err().unwrap();
        assert!(wrong.to_string().contains("\"test\" is not the one that wrapped"), "{wrong}");
        let store = reopened(engine, &[TEST_KEY, OTHER_KEY], "other").await.unwrap();
        assert_eq!(read(&*store, &hook).await, hook);
        store.close().await;
    }

    async fn keys_are_turned_over_in_steps_and_nothing_else_changes(engine) {
        if !engine.lasts() {
            return;
        }
        let store = &engine.store;
        let now = store.now().await.unwrap();
        store.create_tenant(&tenant("acme", now), audit()).await.unwrap();
        let hooks: Vec<_> = (0..5).map(|n| with_secrets(&format!("hook-{n}"), now)).collect();
        for hook in &hooks {
            store.create_subscription(hook, usize::MAX, audit()).await.unwrap();
        }
        let store = reopened(engine, &[TEST_KEY, OTHER_KEY], "other").await.unwrap();
        let versions = store.config_versions(&[hooks[0].tenant.clone()]).await.unwrap();
        assert_eq!(store.rewrap_data_keys(10).await.unwrap(), 2);
        assert_eq!(store.rewrap_data_keys(10).await.unwrap(), 0);
        assert_eq!(used_keys(&*store).await, [("other".to_owned(), 2)]);
        store.close().await;
        // The old key is needed no more.
        let store = reopened(engine, &[OTHER_KEY], "").await.unwrap();
        assert_eq!(read(&*store, &hooks[0]).await, hooks[0]);

        let since = store.now().await.unwrap() + SECOND;
        let acme = store.next_keyed_tenant(None).await.unwrap().unwrap();
        assert_eq!(acme, hooks[0].tenant);
        assert!(store.next_keyed_tenant(Some(&acme)).await.unwrap().is_none());
        let step = store.replace_data_key(&acme, since, 2).await.unwrap();
        assert_eq!((step.resealed, step.is_last), (2, false));
        assert_eq!(used_keys(&*store).await, [("other".to_owned(), 3)], "the old one is needed");
        for hook in &hooks {
            assert_eq!(read(&*store, hook).await, *hook, "between two steps");
        }
        let mut sealed = 2;
        loop {
            let step = store.replace_data_key(&acme, since, 2).await.unwrap();
            sealed += step.resealed;
            if step.is_last {
                break;
            }
        }
        assert_eq!((sealed, used_keys(&*store).await), (5, vec![("other".to_owned(), 2)]));
        let again = store.replace_data_key(&acme, since, 2).await.unwrap();
        assert_eq!((again.resealed, again.is_last), (0, true));
        assert_eq!(store.config_versions(&[acme]).await.unwrap(), versions);
        store.rewrite_secrets().await.unwrap();
        store.close().await;
        let store = reopened(engine, &[OTHER_KEY], "").await.unwrap();
        for hook in &hooks {
            assert_eq!(read(&*store, hook).await, *hook, "by a process that has just started");
        }
        store.close().await;
    }

    async fn nobody_has_secrets_sent_elsewhere_by_writing_to_the_database(engine) {
        if !engine.lasts() {
            return;
        }
        let store = &engine.store;
        let now = store.now().await.unwrap();
        store.create_tenant(&tenant("acme", now), audit()).await.unwrap();
        let mut hook = with_secrets("erp", now);
        hook.settings.schemes = vec![SignatureScheme::Stripe { header: "x-sign".to_owned() }];
        store.create_subscription(&hook, usize::MAX, audit()).await.unwrap();
        let static_secret = SignatureScheme::StaticSecret {
            header: "x-secret".to_owned(),
            prefix: String::new(),
            rotation: KeyRotation::EachKey,
        };
        let changes: [fn(&mut SubscriptionConfig); 3] = [
            |settings| settings.url = "https://attacker.example/hook".to_owned(),
            |settings| settings.url.push_str("/of-somebody-else"),
            |settings| settings.region = "attacker".parse().unwrap(),
        ];
        let mut tampered: Vec<SubscriptionConfig> = Vec::new();
        for change in changes {
            let mut settings = hook.settings.clone();
            change(&mut settings);
            tampered.push(settings);
        }
        tampered.push(SubscriptionConfig { schemes: vec![static_secret], ..hook.settings.clone() });
        let mut database = Database::of(engine).await;
        for settings in tampered {
            let text = serde_json::to_string(&settings).unwrap();
            database.execute(&format!("UPDATE subscriptions SET settings = '{text}'")).await;
            let refused = store.get_subscription(&hook.key()).await;
            let Err(StoreError::UnreadableConfig { resource, .. }) = refused else {
                panic!("{text}: {refused:?}");
            };
            assert_eq!(resource, "tenants/acme/subscriptions/erp");
        }
        // What does not lead elsewhere can be changed so, and what was written opens again.
        let mut repaired = hook.clone();
        repaired.settings.display_name = "Repaired".to_owned();
        let text = serde_json::to_string(&repaired.settings).unwrap();
        database.execute(&format!("UPDATE subscriptions SET settings = '{text}'")).await;
        assert_eq!(read(&**store, &hook).await, repaired);
        database.execute("CREATE TABLE kept AS SELECT credentials FROM subscriptions").await;
        // A change through the store seals for what the row says then.
        let mut moved = repaired.clone();
        moved.settings.url = "https://elsewhere.example/hook".to_owned();
        let none = SubscriptionSideEffects::default();
        store.update_subscription(&moved, 1, &none, audit()).await.unwrap();
        assert_eq!(read(&**store, &hook).await, Subscription { revision: 2, ..moved });
        // And nobody takes credentials of before along.
        let put_back = "UPDATE subscriptions SET credentials = (SELECT credentials FROM kept)";
        database.execute(put_back).await;
        let refused = store.get_subscription(&hook.key()).await;
        assert!(matches!(refused, Err(StoreError::UnreadableConfig { .. })));
    }

    async fn what_cannot_be_read_is_named_and_is_one_tenants(engine) {
        if !engine.lasts() {
            return;
        }
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let other_key = match engine.is_postgres() {
            true => "data_key = '00000000-0000-0000-0000-000000000007'",
            false => "data_key = x'00000000000000000000000000000007'",
        };
        let edits = [
            ("subscriptions", "settings = '{'", "/subscriptions/erp"),
            ("subscriptions", "signing_keys = header_values", "/subscriptions/erp"),
            ("subscriptions", other_key, ""),
            ("tenants", "labels = '{'", ""),
        ];
        let ids = ["first", "second", "third", "fourth", "well"];
        for id in ids {
            store.create_tenant(&tenant(id, now), audit()).await.unwrap();
            let hook = Subscription { tenant: id.parse().unwrap(), ..with_secrets("erp", now) };
            store.create_subscription(&hook, usize::MAX, audit()).await.unwrap();
        }
        let mut database = Database::of(engine).await;
        for ((table, edit, place), id) in edits.into_iter().zip(ids) {
            let owner = if table == "tenants" { "id" } else { "tenant" };
            database.execute(&format!("UPDATE {table} SET {edit} WHERE {owner} = '{id}'")).await;
            let named = format!("tenants/{id}{place}");
            let id = id.parse().unwrap();
            let whole = store.tenant_config(&id).await.map(drop);
            for read in [whole, store.tenant_changes(&id, 0).await.map(drop)] {
                assert_unreadable(read, &named);
            }
        }
        let tenants = TenantQuery { search: None, show_deleted: false, page: page(9) };
        assert_unreadable(store.list_tenants(&tenants).await.map(drop), "tenants/fourth");
        let hooks = SubscriptionQuery {
            tenant: "first".parse().unwrap(),
            search: None,
            status: None,
            event_type: None,
            region: None,
            show_deleted: false,
            page: page(9),
        };
        let listed = store.list_subscriptions(&hooks).await.map(drop);
        assert_unreadable(listed, "tenants/first/subscriptions/erp");
        let well = "well".parse().unwrap();
        let config = store.tenant_config(&well).await.unwrap().unwrap();
        assert_eq!(config.subscriptions.len(), 1);
    }

    async fn the_assignment_key_is_wrapped_as_data_keys_are_and_stays(engine) {
        if !engine.lasts() {
            return;
        }
        let [drawn, later] = [[7; 32], [8; 32]].map(AssignmentKey::new);
        assert_eq!(engine.store.assignment_key(&drawn).await.unwrap(), drawn);
        assert_eq!(used_keys(&*engine.store).await, [("test".to_owned(), 1)]);
        let store = reopened(engine, &[TEST_KEY, OTHER_KEY], "other").await.unwrap();
        assert_eq!(store.rewrap_data_keys(10).await.unwrap(), 1);
        assert!(store.next_keyed_tenant(None).await.unwrap().is_none(), "it is no tenant's");
        store.close().await;
        let store = reopened(engine, &[OTHER_KEY], "").await.unwrap();
        assert_eq!(store.assignment_key(&later).await.unwrap(), drawn);
        store.close().await;
    }
}
