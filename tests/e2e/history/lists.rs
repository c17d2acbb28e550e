//! Filters and orders of lists.
//!
//! Fed by a small cluster; feeds `history`. Guarantees that each field of each
//! filter selects what it says.

use std::collections::HashMap;

use http::StatusCode;
use postrider_proto::v1::{
    DeliveryState, Event, EventView, ListEventsRequest, ListSubscriptionsRequest,
    ListTenantsRequest, PauseSubscriptionRequest, Subscription, Tenant, UpdateTenantRequest,
};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use postrider_tests::receiver::behaviour::status;

use crate::stage::{DEFAULT_PAYLOAD, Stage, once};

async fn events_with(stage: &Stage, filter: &str, view: EventView) -> Vec<Event> {
    let mut api = stage.api.clone();
    let listed = api.events.list_events(ListEventsRequest {
        parent: stage.tenant.clone(),
        filter: filter.to_owned(),
        view: view as i32,
        ..ListEventsRequest::default()
    });
    listed.await.unwrap().into_inner().events
}

pub async fn events_are_filtered(cluster: &Cluster) {
    let stage = Stage::set(cluster, "events").await;
    stage.subscribe("/hook").await;
    let mut names = Vec::new();
    for (event_type, account, currency) in [
        ("payment.completed", "SE1", "EUR"),
        ("payment.completed", "SE2", "SEK"),
        ("payment.failed", "SE1", ""),
    ] {
        let mut event = event(event_type, DEFAULT_PAYLOAD);
        event.account = account.to_owned();
        if !currency.is_empty() {
            event.attributes = HashMap::from([("currency".to_owned(), currency.to_owned())]);
        }
        names.push(stage.publish_event(event).await);
    }
    stage.wait_for(&names[2], DeliveryState::Succeeded).await;
    let all = events_with(&stage, "", EventView::Unspecified).await;
    let listed: Vec<_> = all.iter().map(|event| event.name.clone()).collect();
    assert_eq!(listed, [names[2].clone(), names[1].clone(), names[0].clone()]);
    assert!(all.iter().all(|event| event.payload_form.is_none()), "{all:?}");
    assert_eq!(all[0].delivery_summary.unwrap().succeeded, 1);
    assert_eq!(all[0].matched_subscriptions, 1);
    let time = all[1].create_time.unwrap();
    let cases: [(String, &[usize]); 8] = [
        ("event_type = \"payment.completed\"".to_owned(), &[1, 0]),
        ("account = \"SE1\"".to_owned(), &[2, 0]),
        ("account = \"SE1\" AND event_type = \"payment.failed\"".to_owned(), &[2]),
        ("attributes.currency = \"EUR\"".to_owned(), &[0]),
        ("attributes:currency".to_owned(), &[1, 0]),
        ("test = true".to_owned(), &[]),
        (format!("create_time >= \"{time}\""), &[2, 1]),
        (format!("create_time < \"{time}\""), &[0]),
    ];
    for (filter, wanted) in cases {
        let seen = events_with(&stage, &filter, EventView::Full).await;
        let listed: Vec<_> = seen.iter().map(|event| event.name.clone()).collect();
        let wanted: Vec<_> = wanted.iter().map(|at| names[*at].clone()).collect();
        assert_eq!(listed, wanted, "{filter}");
        assert!(seen.iter().all(|event| event.payload_form.is_some()), "{filter}");
    }
}

pub async fn deliveries_are_filtered(cluster: &Cluster) {
    let stage = Stage::set(cluster, "deliveries").await;
    stage.receiver.script("/bad", [status(StatusCode::BAD_GATEWAY)]);
    let good = stage.subscribe("/good").await.name;
    let wanted = stage.wanted("/bad");
    let retry_policy = Some(once());
    let bad = stage.create(Subscription { retry_policy, ..wanted }).await.name;
    let first = stage.publish().await;
    let mut other = event("payment.failed", DEFAULT_PAYLOAD);
    other.account = "SE1".to_owned();
    let second = stage.publish_event(other).await;
    let exhausted = stage.api.wait_for_deliveries(
        &stage.tenant,
        "state = EXHAUSTED",
        2,
        crate::stage::SOON_LIMIT,
    );
    let time = exhausted.await.unwrap()[0].create_time.unwrap();
    let filter = "state = SUCCEEDED";
    let succeeded =
        stage.api.wait_for_deliveries(&stage.tenant, filter, 2, crate::stage::SOON_LIMIT);
    succeeded.await.unwrap();
    for (filter, wanted) in [
        (String::new(), 4),
        (format!("subscription = \"{good}\""), 2),
        (format!("subscription = \"{bad}\" AND state = EXHAUSTED"), 2),
        (format!("subscription = \"{bad}\" AND state != EXHAUSTED"), 0),
        (format!("event = \"{first}\""), 2),
        (format!("event = \"{second}\" AND subscription = \"{bad}\""), 1),
        ("event_type = \"payment.failed\"".to_owned(), 2),
        ("account = \"SE1\"".to_owned(), 2),
        ("test = true".to_owned(), 0),
        ("test = false AND state = SUCCEEDED".to_owned(), 2),
        (format!("create_time >= \"{time}\""), 2),
        (format!("create_time < \"{time}\""), 2),
    ] {
        assert_eq!(stage.count(&filter).await, wanted, "{filter}");
    }
}

async fn subscriptions_with(stage: &Stage, request: ListSubscriptionsRequest) -> Vec<String> {
    let mut api = stage.api.clone();
    let parent = stage.tenant.clone();
    let request = ListSubscriptionsRequest { parent, ..request };
    let listed = api.subscriptions.list_subscriptions(request).await.unwrap();
    let all = listed.into_inner().subscriptions.into_iter();
    all.map(|subscription| subscription.display_name).collect()
}

pub async fn subscriptions_and_tenants_are_filtered(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "searched").await;
    for (display_name, path, event_types) in [
        ("Ledger", "/ledger", "payment.*"),
        ("Fraud desk", "/fraud", "*"),
        ("Archive", "/LEDGER-copy", "payout.sent"),
    ] {
        let made = stage
            .create(Subscription {
                display_name: display_name.to_owned(),
                event_types: vec![event_types.to_owned()],
                ..stage.wanted(path)
            })
            .await;
        if display_name == "Archive" {
            let paused = stage.api.subscriptions.pause_subscription(PauseSubscriptionRequest {
                name: made.name,
                ..PauseSubscriptionRequest::default()
            });
            paused.await.unwrap();
        }
    }
    let with = |filter: &str, search: &str| ListSubscriptionsRequest {
        filter: filter.to_owned(),
        search: search.to_owned(),
        order_by: "display_name".to_owned(),
        ..ListSubscriptionsRequest::default()
    };
    let cases: [(&str, &str, &[&str]); 6] = [
        ("", "", &["Archive", "Fraud desk", "Ledger"]),
        ("", "ledger", &["Archive", "Ledger"]),
        ("status = PAUSED", "", &["Archive"]),
        ("status != PAUSED", "", &["Fraud desk", "Ledger"]),
        ("event_type = \"payment.completed\"", "", &["Fraud desk", "Ledger"]),
        ("region = \"regions/us\"", "", &[]),
    ];
    for (filter, search, wanted) in cases {
        let seen = subscriptions_with(&stage, with(filter, search)).await;
        assert_eq!(seen, wanted, "{filter} {search}");
    }
    let updated = stage.api.tenants.update_tenant(UpdateTenantRequest {
        tenant: Some(Tenant {
            name: stage.tenant.clone(),
            display_name: "A very searched bank".to_owned(),
            labels: HashMap::from([("tier".to_owned(), "gold".to_owned())]),
            ..Tenant::default()
        }),
        update_mask: None,
    });
    updated.await.unwrap();
    let listed = stage.api.tenants.list_tenants(ListTenantsRequest {
        filter: "labels.tier = \"gold\" AND display_name:\"SEARCHED\"".to_owned(),
        ..ListTenantsRequest::default()
    });
    let tenants = listed.await.unwrap().into_inner().tenants;
    assert_eq!(tenants.len(), 1, "{tenants:?}");
    assert_eq!(tenants[0].name, stage.tenant);
}
