//! Tenants and subscriptions.

use postrider_domain::delivery::DeliveryState;
use postrider_domain::subscription::{Subscription, SubscriptionStatus};
use postrider_domain::tenant::Tenant;
use postrider_store::{
    OrderBy, PageRequest, Store, SubscriptionQuery, SubscriptionSideEffects, TenantQuery,
    WriteError,
};

use crate::engine::conformance;
use crate::fixture::{HOUR, SECOND, World, audit, page, subscription, tenant};

conformance! {
    async fn what_is_created_is_read_back_whole(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let tenant = tenant("acme", now);
        store.create_tenant(&tenant, audit()).await.unwrap();
        assert_eq!(store.get_tenant(&tenant.id).await.unwrap(), Some(tenant.clone()));
        let hook = subscription(&tenant.id, "hook", now);
        assert_eq!(store.create_subscription(&hook, usize::MAX, audit()).await.unwrap(), 2);
        assert_eq!(store.get_subscription(&hook.key()).await.unwrap(), Some(hook.clone()));
        let config = store.tenant_config(&tenant.id).await.unwrap().unwrap();
        assert_eq!(config.tenant, Tenant { config_version: 2, ..tenant.clone() });
        assert_eq!(config.subscriptions, [hook]);
        let nobody = "nobody".parse().unwrap();
        assert!(store.get_tenant(&nobody).await.unwrap().is_none());
        assert!(store.tenant_config(&nobody).await.unwrap().is_none());
        let versions = store.config_versions(&[nobody, tenant.id.clone(), tenant.id]).await;
        assert_eq!(versions.unwrap(), [0, 2, 2]);
    }

    async fn what_changed_since_a_version_is_found(engine) {
        let world = World::new(engine).await;
        let (store, tenant) = (&world.store, world.tenant());
        World::named(engine, "other", "hook").await;
        let changes = async |since: i64| {
            let found = store.tenant_changes(tenant, since).await.unwrap().unwrap();
            let one = |subscription: Subscription| {
                format!("{}{}", subscription.id, if subscription.delete_time.is_some() { " gone" } else { "" })
            };
            let mut named: Vec<String> = found.changed.into_iter().map(one).collect();
            named.sort();
            (found.tenant.config_version, named)
        };
        let named = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(changes(1).await, (2, named(&["hook"])));
        assert_eq!(changes(2).await, (2, named(&[])));
        for id in ["a", "b", "c"] {
            store.create_subscription(&subscription(tenant, id, world.now), usize::MAX, audit()).await.unwrap();
        }
        assert_eq!(changes(2).await, (5, named(&["a", "b", "c"])));
        assert_eq!(changes(4).await, (5, named(&["c"])));
        let a = subscription(tenant, "a", world.now);
        store.update_subscription(&a, 1, &SubscriptionSideEffects::default(), audit()).await.unwrap();
        let b = Subscription { delete_time: Some(world.now), ..subscription(tenant, "b", world.now) };
        assert_eq!(store.update_subscription(&b, 1, &SubscriptionSideEffects::default(), audit()).await.unwrap(), 7);
        assert_eq!(changes(5).await, (7, named(&["a", "b gone"])));
        assert_eq!(changes(6).await, (7, named(&["b gone"])));
        assert_eq!(changes(0).await, (7, named(&["a", "b gone", "c", "hook"])));
        // A change that did not happen leaves no trace.
        assert!(store.update_subscription(&a, 1, &SubscriptionSideEffects::default(), audit()).await.is_err());
        let of_tenant = store.get_tenant(tenant).await.unwrap().unwrap();
        store.update_tenant(&of_tenant, 1, audit()).await.unwrap();
        assert_eq!(changes(7).await, (8, named(&[])));
        store.delete_tenant(tenant, 2, world.now, audit()).await.unwrap();
        assert!(store.tenant_changes(tenant, 0).await.unwrap().is_none());
    }

    async fn every_change_raises_the_config_version(engine) {
        let world = World::new(engine).await;
        let (store, now) = (&world.store, world.now + SECOND);
        assert_eq!(world.version, 2);
        let old = store.get_tenant(world.tenant()).await.unwrap().unwrap();
        let wish = Tenant {
            display_name: "New".to_owned(),
            update_time: now,
            config_version: 77,
            revision: 77,
            ..old.clone()
        };
        let written = store.update_tenant(&wish, 1, audit()).await.unwrap();
        assert_eq!(written, Tenant { config_version: 3, revision: 2, ..wish });
        assert_eq!(store.get_tenant(&old.id).await.unwrap(), Some(written));

        let hook = store.get_subscription(&world.key).await.unwrap().unwrap();
        let mut wish = Subscription {
            status: SubscriptionStatus::Paused,
            status_reason: "because".to_owned(),
            update_time: now,
            revision: 77,
            request_revision: 2,
            ..hook.clone()
        };
        wish.settings.url = "https://elsewhere.example/".to_owned();
        wish.paused_clock.stop(now);
        assert_eq!(store.update_subscription(&wish, 1, &SubscriptionSideEffects::default(), audit()).await.unwrap(), 4);
        let read = store.get_subscription(&world.key).await.unwrap();
        assert_eq!(read, Some(Subscription { revision: 2, ..wish }));
        let (version, taken) = store.delete_tenant(world.tenant(), 2, now, audit()).await.unwrap();
        assert_eq!((version, taken), (5, 1));
    }

    async fn a_change_needs_the_revision_it_was_based_on(engine) {
        let world = World::new(engine).await;
        let store = &world.store;
        let tenant = store.get_tenant(world.tenant()).await.unwrap().unwrap();
        let hook = store.get_subscription(&world.key).await.unwrap().unwrap();
        let at = tenant.config_version;
        for wrong in [0, 2] {
            assert!(matches!(
                store.update_tenant(&tenant, wrong, audit()).await,
                Err(WriteError::RevisionMismatch)
            ));
            assert!(matches!(
                store.update_subscription(&hook, wrong, &SubscriptionSideEffects::default(), audit()).await,
                Err(WriteError::RevisionMismatch)
            ));
            assert!(matches!(
                store.delete_tenant(&tenant.id, wrong, world.now, audit()).await,
                Err(WriteError::RevisionMismatch)
            ));
        }
        let stranger = subscription(&tenant.id, "other", world.now);
        assert!(matches!(
            store.update_subscription(&stranger, 1, &SubscriptionSideEffects::default(), audit()).await,
            Err(WriteError::NotFound)
        ));
        let after = store.config_versions(&[tenant.id]).await.unwrap();
        assert_eq!(after, [at], "a refused change raised the version");
    }

    async fn ids_are_never_used_again(engine) {
        let world = World::new(engine).await;
        let (store, now) = (&world.store, world.now);
        let hook = store.get_subscription(&world.key).await.unwrap().unwrap();
        assert!(matches!(
            store.create_subscription(&hook, usize::MAX, audit()).await,
            Err(WriteError::AlreadyExists)
        ));
        let gone = Subscription { delete_time: Some(now), ..hook.clone() };
        store.update_subscription(&gone, 1, &SubscriptionSideEffects::default(), audit()).await.unwrap();
        let read = store.get_subscription(&world.key).await.unwrap().unwrap();
        assert_eq!(read.delete_time, Some(now), "a deleted one can still be read");
        assert!(matches!(store.update_subscription(&hook, 2, &SubscriptionSideEffects::default(), audit()).await, Err(WriteError::NotFound)));
        assert!(matches!(
            store.create_subscription(&hook, usize::MAX, audit()).await,
            Err(WriteError::AlreadyExists)
        ));
        let config = store.tenant_config(world.tenant()).await.unwrap().unwrap();
        assert!(config.subscriptions.is_empty());
        let again = tenant("acme", now);
        assert!(matches!(store.create_tenant(&again, audit()).await, Err(WriteError::AlreadyExists)));
        store.delete_tenant(world.tenant(), 1, now, audit()).await.unwrap();
        assert!(matches!(store.create_tenant(&again, audit()).await, Err(WriteError::AlreadyExists)));
        assert!(matches!(store.update_tenant(&again, 2, audit()).await, Err(WriteError::NotFound)));
        assert!(store.tenant_config(world.tenant()).await.unwrap().is_none());
        assert_eq!(store.config_versions(&[again.id.clone(), tenant("x", now).id]).await.unwrap(), [0, 0]);
        let deleted = store.get_tenant(&again.id).await.unwrap().unwrap();
        assert_eq!(deleted.delete_time, Some(now));
        let orphan = subscription(&again.id, "orphan", now);
        assert!(matches!(store.create_subscription(&orphan, usize::MAX, audit()).await, Err(WriteError::NotFound)));
    }

    async fn subscriptions_are_counted_with_the_change_that_creates_one(engine) {
        const MAX_SUBSCRIPTIONS: usize = 3;
        let (world, side_effects) = (World::new(engine).await, SubscriptionSideEffects::default());
        let (store, tenant) = (&world.store, world.tenant());
        let new = ["a", "b", "c", "d"].map(|id| subscription(tenant, id, world.now));
        let created = new.iter().map(|new| store.create_subscription(new, MAX_SUBSCRIPTIONS, audit()));
        let created = futures::future::join_all(created).await;
        let refused = created.iter().filter(|made| matches!(made, Err(WriteError::TooMany))).count();
        assert_eq!(refused, 2, "one was there, and two found room: {created:?}");
        // A refusal leaves nothing, and a deletion makes room.
        let config = store.tenant_config(tenant).await.unwrap().unwrap();
        assert_eq!(config.subscriptions.len(), MAX_SUBSCRIPTIONS);
        let gone = Subscription { delete_time: Some(world.now), ..config.subscriptions[0].clone() };
        store.update_subscription(&gone, gone.revision, &side_effects, audit()).await.unwrap();
        let late = subscription(tenant, "late", world.now);
        store.create_subscription(&late, MAX_SUBSCRIPTIONS, audit()).await.unwrap();
    }

    async fn lists_are_ordered_and_paged_without_gaps(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        // Two share a name, two a time; capitals sort before small letters.
        let all = [("a", "beta", 3), ("b", "Beta", 1), ("c", "beta", 1), ("d", "alpha", 2)];
        for (id, name, seconds) in all {
            let create_time = now + seconds * SECOND;
            let display_name = name.to_owned();
            let new = Tenant { create_time, display_name, ..tenant(id, now) };
            store.create_tenant(&new, audit()).await.unwrap();
        }
        let gone = tenant("gone", now);
        store.create_tenant(&gone, audit()).await.unwrap();
        store.delete_tenant(&gone.id, 1, now, audit()).await.unwrap();
        for (order_by, expected) in [
            (OrderBy::Id, "abcd"),
            (OrderBy::CreateTime, "bcda"),
            (OrderBy::DisplayName, "bdac"),
        ] {
            for descending in [false, true] {
                let mut expected: Vec<char> = expected.chars().collect();
                if descending {
                    expected.reverse();
                }
                for limit in 1..=5 {
                    let listed = list_tenants(&**store, order_by, descending, limit).await;
                    let context = format!("{order_by:?} {descending} by {limit}");
                    assert_eq!(listed, String::from_iter(&expected), "{context}");
                }
            }
        }
    }

    async fn a_search_takes_wildcards_literally_and_ignores_case(engine) {
        let world = World::new(engine).await;
        let store = &world.store;
        for (id, name, url) in [
            ("one", "100% Sure", "https://one.example/a_b"),
            ("two", "100 sure", "https://two.example/aXb"),
            ("three", r"back\slash ÄRGER", "https://three.example/"),
        ] {
            let mut new = subscription(world.tenant(), id, world.now);
            new.settings.display_name = name.to_owned();
            new.settings.url = url.to_owned();
            store.create_subscription(&new, usize::MAX, audit()).await.unwrap();
        }
        for (search, expected) in [
            ("100% s", "one"),
            ("%", "one"),
            ("a_b", "one"),
            ("K\\S", "three"),
            ("ärger", "three"),
            ("SURE", "one two"),
            ("TWO", "two"),
            ("EXAMPLE/A", "one two"),
            ("'; DROP TABLE tenants; --", ""),
        ] {
            let listed = list(&world, |query| query.search = Some(search.to_owned())).await;
            assert_eq!(listed, expected, "{search}");
        }
        let search = |text: &str| TenantQuery {
            search: Some(text.to_owned()),
            show_deleted: false,
            page: page(9),
        };
        let query = search("ANT ac");
        assert_eq!(store.list_tenants(&query).await.unwrap().items.len(), 1);
        let query = search("a%e");
        assert_eq!(store.list_tenants(&query).await.unwrap().items.len(), 0);
    }

    async fn subscriptions_are_filtered(engine) {
        let world = World::new(engine).await;
        let store = &world.store;
        for n in 0..10 {
            let mut new = subscription(world.tenant(), &format!("s{n}"), world.now);
            if n % 2 == 0 {
                new.status = SubscriptionStatus::Disabled;
            }
            if n % 5 == 0 {
                new.settings.region = "us".parse().unwrap();
            }
            if n >= 8 {
                new.settings.event_types =
                    vec!["refund.made".parse().unwrap(), "order.*".parse().unwrap()];
            }
            store.create_subscription(&new, usize::MAX, audit()).await.unwrap();
        }
        let of_type = |text: &'static str| {
            move |query: &mut SubscriptionQuery| query.event_type = Some(text.to_owned())
        };
        assert_eq!(list(&world, of_type("refund.made")).await, "s8 s9");
        assert_eq!(list(&world, of_type("order.placed")).await, "s8 s9");
        assert_eq!(list(&world, of_type("order.*")).await, "s8 s9");
        assert_eq!(list(&world, of_type("refund.*")).await, "");
        assert_eq!(list(&world, |query| query.status = Some(SubscriptionStatus::Paused)).await, "");
        let both = |query: &mut SubscriptionQuery| {
            query.status = Some(SubscriptionStatus::Disabled);
            query.region = Some("us".parse().unwrap());
        };
        assert_eq!(list(&world, both).await, "s0");
        World::named(engine, "other", "s0").await;
        assert_eq!(list(&world, both).await, "s0", "another tenant's");
    }

    async fn what_is_deleted_is_listed_only_when_asked_for(engine) {
        let world = World::new(engine).await;
        let store = &world.store;
        let gone = subscription(world.tenant(), "gone", world.now);
        store.create_subscription(&gone, usize::MAX, audit()).await.unwrap();
        let deleted = Subscription { delete_time: Some(world.now), ..gone };
        store.update_subscription(&deleted, 1, &SubscriptionSideEffects::default(), audit()).await.unwrap();
        assert_eq!(list(&world, |_| ()).await, "");
        assert_eq!(list(&world, |query| query.show_deleted = true).await, "gone");
        let elsewhere = |query: &mut SubscriptionQuery| {
            query.show_deleted = true;
            query.region = Some("us".parse().unwrap());
        };
        assert_eq!(list(&world, elsewhere).await, "", "the other conditions hold as well");
        World::named(engine, "other", "hook").await;
        store.delete_tenant(world.tenant(), 1, world.now, audit()).await.unwrap();
        for (show_deleted, expected) in [(false, vec!["other"]), (true, vec!["acme", "other"])] {
            let query = TenantQuery { search: None, show_deleted, page: page(9) };
            let listed = store.list_tenants(&query).await.unwrap().items;
            let ids: Vec<_> = listed.iter().map(|tenant| tenant.id.as_str()).collect();
            assert_eq!(ids, expected);
            assert_eq!(listed[0].delete_time.is_some(), show_deleted);
        }
    }

    async fn deleted_subscriptions_whose_deliveries_still_wait_are_found(engine) {
        for (name, state, found) in [
            ("held", DeliveryState::Held, true),
            ("waiting", DeliveryState::Waiting, true),
            ("flying", DeliveryState::InFlight, false),
            ("ended", DeliveryState::Suppressed, false),
        ] {
            let world = World::named(engine, name, "hook").await;
            world.publish(state).await;
            let shards = [world.shard()];
            let deleted = || world.store.deleted_with_unfinished(&shards, 10);
            let before = deleted().await.unwrap();
            assert!(!before.contains(&world.key), "{name}: it is not deleted yet");
            let hook = world.store.get_subscription(&world.key).await.unwrap().unwrap();
            let gone = Subscription { delete_time: Some(world.now + HOUR), ..hook };
            world.store.update_subscription(&gone, 1, &SubscriptionSideEffects::default(), audit()).await.unwrap();
            assert_eq!(deleted().await.unwrap().contains(&world.key), found, "{name}");
            let limited = world.store.deleted_with_unfinished(&shards, 1).await.unwrap();
            assert!(limited.len() <= 1);
            assert!(world.store.deleted_with_unfinished(&[], 9).await.unwrap().is_empty());
        }
    }
}

/// The ids of all tenants, read page by page.
async fn list_tenants(
    store: &dyn Store,
    order_by: OrderBy,
    descending: bool,
    limit: u32,
) -> String {
    let mut listed = String::new();
    let mut after = None;
    loop {
        let page = PageRequest { order_by, descending, after: after.clone(), limit };
        let page = store
            .list_tenants(&TenantQuery { search: None, show_deleted: false, page })
            .await
            .unwrap();
        assert!(page.items.len() <= limit as usize);
        listed.extend(page.items.iter().map(|tenant| tenant.id.as_str()));
        match page.next {
            Some(next) => {
                assert_ne!(after.as_ref(), Some(&next), "the list stands still");
                after = Some(next);
            }
            None => return listed,
        }
    }
}

/// The ids of a world's subscriptions, but for its first, read two by two.
async fn list(world: &World, change: impl Fn(&mut SubscriptionQuery)) -> String {
    let mut query = SubscriptionQuery {
        tenant: world.tenant().clone(),
        search: None,
        status: None,
        event_type: None,
        region: None,
        show_deleted: false,
        page: page(2),
    };
    change(&mut query);
    let mut listed = Vec::new();
    loop {
        let page = world.store.list_subscriptions(&query).await.unwrap();
        assert!(page.items.len() <= 2);
        listed.extend(page.items.into_iter().map(|subscription| subscription.id.to_string()));
        match page.next {
            Some(next) => {
                assert_ne!(query.page.after.as_ref(), Some(&next), "the list stands still");
                query.page.after = Some(next);
            }
            None => break,
        }
    }
    listed.retain(|id| id != "hook");
    listed.sort_by_key(|id| ["one", "two", "three"].iter().position(|known| known == id));
    listed.join(" ")
}
