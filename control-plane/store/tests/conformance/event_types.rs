//! The catalogue of event types.

use postrider_domain::event_type::{EventType, EventTypeInput, ValidationMode};
use postrider_domain::subscription::Subscription;
use postrider_domain::time::Timestamp;
use postrider_store::{CatalogueError, EventTypeQuery, Store, SubscriptionSideEffects, WriteError};

use crate::engine::conformance;
use crate::fixture::{SECOND, World, audit, subscription};

const MOST: usize = 100;

fn event_type(name: &str, now: Timestamp) -> EventType {
    let input = EventTypeInput {
        name: name.to_owned(),
        description: format!("What {name} ÄR"),
        group: "payments".to_owned(),
        schema: Some("{ \"type\":  \"object\" }".to_owned()),
        validation: ValidationMode::Warn,
        sample: Some("{\"amount\": 1.00}\n".to_owned()),
    };
    EventType::new(input, now)
}

fn is(error: &CatalogueError, wanted: &WriteError) -> bool {
    matches!(error, CatalogueError::Write(error) if error.to_string() == wanted.to_string())
}

conformance! {
    async fn an_event_type_is_read_back_as_it_was_given(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let (before, none) = store.catalogue().await.unwrap();
        assert!(none.is_empty());
        let new = event_type("payment.completed", now);
        let version = store.create_event_type(&new, MOST, audit()).await.unwrap();
        assert_eq!(version, before + 1);
        let stored = EventType { revision: version, ..new.clone() };
        assert_eq!(store.get_event_type(&new.name).await.unwrap(), Some(stored.clone()));
        assert_eq!(store.catalogue().await.unwrap(), (version, vec![stored]));
        assert_eq!(store.catalogue_version().await.unwrap(), version);
        assert_eq!(store.get_event_type("payment.Completed").await.unwrap(), None);
        let twice = store.create_event_type(&new, MOST, audit()).await.unwrap_err();
        assert!(is(&twice, &WriteError::AlreadyExists), "{twice}");
        assert_eq!(store.catalogue_version().await.unwrap(), version);
    }

    async fn a_change_of_an_event_type_needs_its_revision(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let new = event_type("a", now);
        let first = store.create_event_type(&new, MOST, audit()).await.unwrap();
        let changed = EventType {
            description: String::new(),
            group: "other".to_owned(),
            schema: None,
            validation: ValidationMode::Off,
            sample: None,
            archive_time: Some(now),
            update_time: now + SECOND,
            ..new.clone()
        };
        let second = store.update_event_type(&changed, first, audit()).await.unwrap();
        assert_eq!(second, first + 1);
        let stored = Some(EventType { revision: second, ..changed.clone() });
        assert_eq!(store.get_event_type("a").await.unwrap(), stored);
        for stale in [0, first, second + 1] {
            let refused = store.update_event_type(&changed, stale, audit()).await.unwrap_err();
            assert!(is(&refused, &WriteError::RevisionMismatch), "{refused}");
            let refused = store.delete_event_type("a", stale, true, audit()).await.unwrap_err();
            assert!(is(&refused, &WriteError::RevisionMismatch), "{refused}");
        }
        let other = event_type("b", now);
        let refused = store.update_event_type(&other, second, audit()).await.unwrap_err();
        assert!(is(&refused, &WriteError::NotFound), "{refused}");
        assert_eq!(store.catalogue_version().await.unwrap(), second, "a refused change raised it");
        let third = store.delete_event_type("a", second, false, audit()).await.unwrap();
        assert_eq!(store.catalogue().await.unwrap(), (third, vec![]));
        let refused = store.delete_event_type("a", second, false, audit()).await.unwrap_err();
        assert!(is(&refused, &WriteError::NotFound), "{refused}");
        let again = store.create_event_type(&new, MOST, audit()).await.unwrap();
        assert!(again > second, "a revision came twice");
    }

    async fn there_are_not_more_event_types_than_allowed(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        store.create_event_type(&event_type("a", now), 2, audit()).await.unwrap();
        store.create_event_type(&event_type("b", now), 2, audit()).await.unwrap();
        let refused = store.create_event_type(&event_type("c", now), 2, audit()).await.unwrap_err();
        assert!(matches!(refused, CatalogueError::TooMany), "{refused}");
        assert_eq!(store.catalogue().await.unwrap().1.len(), 2);
    }

    async fn an_event_type_that_is_asked_for_by_name_is_kept(engine) {
        let world = World::new(engine).await;
        let (store, now) = (&world.store, world.now);
        let revision = store.create_event_type(&event_type("refund.made", now), MOST, audit()).await.unwrap();
        // Asked for by a prefix only, and as a display name.
        let mut hook = subscription(world.tenant(), "by-prefix", now);
        hook.settings.display_name = "refund.made".to_owned();
        hook.settings.event_types = vec!["refund.*".parse().unwrap()];
        store.create_subscription(&hook, usize::MAX, audit()).await.unwrap();
        let mut hook = subscription(world.tenant(), "by-name", now);
        hook.settings.event_types = vec!["order.*".parse().unwrap(), "refund.made".parse().unwrap()];
        store.create_subscription(&hook, usize::MAX, audit()).await.unwrap();
        let refused = store.delete_event_type("refund.made", revision, false, audit()).await.unwrap_err();
        let CatalogueError::InUse(users) = refused else { panic!("{refused}") };
        assert_eq!(users, [hook.key()]);
        assert!(store.get_event_type("refund.made").await.unwrap().is_some());
        let gone = Subscription { delete_time: Some(now), ..hook };
        store.update_subscription(&gone, 1, &SubscriptionSideEffects::default(), audit()).await.unwrap();
        store.delete_event_type("refund.made", revision, false, audit()).await.unwrap();
        let mut hook = subscription(world.tenant(), "again", now);
        hook.settings.event_types = vec!["refund.made".parse().unwrap()];
        store.create_subscription(&hook, usize::MAX, audit()).await.unwrap();
        let revision = store.create_event_type(&event_type("refund.made", now), MOST, audit()).await.unwrap();
        store.delete_event_type("refund.made", revision, true, audit()).await.unwrap();
    }

    async fn many_are_put_at_once_or_none(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        let left = event_type("left.alone", now);
        store.create_event_type(&left, MOST, audit()).await.unwrap();
        let old = EventType { group: "old".to_owned(), ..event_type("n007", now) };
        let version = store.create_event_type(&old, MOST, audit()).await.unwrap();
        let put: Vec<_> = (0..300)
            .map(|n| {
                let revision = if n == 7 { version } else { 0 };
                EventType { revision, ..event_type(&format!("n{n:03}"), now) }
            })
            .collect();
        for (wrong, revision) in [(7, version - 1), (7, 0), (8, version)] {
            let mut put = put.clone();
            put[wrong].revision = revision;
            let refused = store.put_event_types(&put, 1_000, audit()).await.unwrap_err();
            assert!(is(&refused, &WriteError::RevisionMismatch), "{refused}");
        }
        let refused = store.put_event_types(&put, 300, audit()).await.unwrap_err();
        assert!(matches!(refused, CatalogueError::TooMany), "{refused}");
        assert_eq!(store.catalogue().await.unwrap().1.len(), 2);
        assert_eq!(store.catalogue_version().await.unwrap(), version);
        let raised = store.put_event_types(&put, 301, audit()).await.unwrap();
        assert_eq!(raised, version + 1);
        let (at, all) = store.catalogue().await.unwrap();
        assert_eq!((at, all.len()), (raised, 301));
        assert_eq!(all[0].name, "left.alone");
        assert_eq!(all[0].revision, version - 1);
        let wanted: Vec<_> =
            put.into_iter().map(|put| EventType { revision: raised, ..put }).collect();
        assert_eq!(&all[1..], wanted);
    }

    async fn event_types_are_listed_in_the_order_of_their_names(engine) {
        let store = &engine.store;
        let now = store.now().await.unwrap();
        for (name, group, archived) in [
            ("order_created", "orders", false),
            ("Order.Cancelled", "orders", false),
            ("payment.completed", "payments", false),
            ("payment.old", "payments", true),
        ] {
            let archive_time = archived.then_some(now);
            let group = group.to_owned();
            let new = EventType { group, archive_time, ..event_type(name, now) };
            store.create_event_type(&new, MOST, audit()).await.unwrap();
        }
        let all = "Order.Cancelled order_created payment.completed payment.old";
        let archived = EventTypeQuery { show_archived: true, ..EventTypeQuery::default() };
        assert_eq!(list(&**store, archived.clone()).await, all);
        let in_use = EventTypeQuery::default();
        assert_eq!(
            list(&**store, in_use.clone()).await,
            "Order.Cancelled order_created payment.completed"
        );
        let group = Some("payments".to_owned());
        assert_eq!(list(&**store, EventTypeQuery { group: group.clone(), ..in_use.clone() }).await, "payment.completed");
        let both = EventTypeQuery { group, ..archived };
        assert_eq!(list(&**store, both).await, "payment.completed payment.old");
        for (search, found) in [
            ("ORDER", "Order.Cancelled order_created"),
            ("r_c", "order_created"),
            ("%", ""),
            ("completed är", "payment.completed"),
        ] {
            let query = EventTypeQuery { search: Some(search.to_owned()), ..in_use.clone() };
            assert_eq!(list(&**store, query).await, found, "{search}");
        }
    }
}

/// The names that a query selects, read two by two.
async fn list(store: &dyn Store, mut query: EventTypeQuery) -> String {
    query.limit = 2;
    let mut listed = Vec::new();
    loop {
        let page = store.list_event_types(&query).await.unwrap();
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { return listed.join(" ") };
        query.after = Some(last.name.clone());
        listed.extend(page.into_iter().map(|page| page.name));
    }
}
