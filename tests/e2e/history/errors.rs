//! Requests that are refused.
//!
//! Fed by a small cluster; feeds `history`. Guarantees that a caller is told by
//! field what is wrong with a request, and by position what is with a filter.

use std::collections::HashMap;

use postrider_proto::v1::{
    CreateSubscriptionRequest, CreateTenantRequest, Event, GetDeliveryRequest, GetEventRequest,
    GetSubscriptionRequest, GetTenantRequest, ListDeliveriesRequest, ListEventsRequest,
    ListSubscriptionsRequest, Subscription, SuccessRule, UpdateSubscriptionRequest,
};
use postrider_tests::api::{reason, violated_fields};
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use prost_types::FieldMask;
use tonic::{Code, Status};
use tonic_types::StatusExt;

use crate::stage::{DEFAULT_PAYLOAD, Stage, delays};

fn assert_field(refused: &Status, field: &str) {
    assert_eq!(refused.code(), Code::InvalidArgument, "{field}: {refused:?}");
    assert_eq!(reason(refused), "INVALID_REQUEST", "{field}");
    let fields = violated_fields(refused);
    assert!(fields.iter().any(|named| named == field), "{field} is not in {fields:?}");
    let info = refused.get_details_error_info().unwrap();
    assert_eq!(info.domain, "postrider");
}

fn bad_events() -> Vec<(&'static str, Event)> {
    let good = || event("payment.completed", DEFAULT_PAYLOAD);
    vec![
        ("event.event_type", event("", DEFAULT_PAYLOAD)),
        ("event.event_type", event("payment..completed", DEFAULT_PAYLOAD)),
        ("event.payload_json", event("payment.completed", "{")),
        ("event.payload_json", event("payment.completed", &format!("\"{}\"", "x".repeat(300_000)))),
        ("event.account", Event { account: "x".repeat(257), ..good() }),
        ("event.ordering_key", Event { ordering_key: "x".repeat(257), ..good() }),
        ("event.content_type", Event { content_type: "no media type".to_owned(), ..good() }),
        (
            "event.attributes",
            Event { attributes: HashMap::from([("x".repeat(65), String::new())]), ..good() },
        ),
    ]
}

fn bad_subscriptions(stage: &Stage) -> Vec<(&'static str, Subscription)> {
    let mut bad = Vec::new();
    let mut add = |field, change: &dyn Fn(&mut Subscription)| {
        let mut subscription = stage.wanted("/hook");
        change(&mut subscription);
        bad.push((field, subscription));
    };
    for url in [
        "",
        "http://127.0.0.1/",
        "https://user:secret@example.com/",
        "https://example.com/#part",
        "https://*.example/",
        "https://{region}.example/",
        "https://a..b/",
        "https:/example.com/",
    ] {
        add("subscription.url", &|s| s.url = url.to_owned());
    }
    add("subscription.event_types", &|s| s.event_types.clear());
    add("subscription.event_types[0]", &|s| {
        s.event_types = vec!["pay*".to_owned()];
    });
    add("subscription.region", &|s| s.region = "eu".to_owned());
    add("subscription.request_timeout", &|s| {
        s.request_timeout = Some(prost_types::Duration { seconds: 61, nanos: 0 });
    });
    add("subscription.success_rule.status_codes", &|s| {
        let status_codes = vec![99];
        s.success_rule = Some(SuccessRule { status_codes });
    });
    add("subscription.retry_policy.fixed_delays.delays", &|s| {
        s.retry_policy = Some(delays(&[]));
    });
    add("subscription.max_requests_per_second", &|s| {
        s.max_requests_per_second = 10_001;
    });
    add("subscription.signing_secret", &|s| {
        s.signing_secret = "whsec_c2hvcnQ=".to_owned();
    });
    bad
}

pub async fn errors_name_their_fields(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "refusals").await;
    for (field, event) in bad_events() {
        let refused = stage.api.publish(&stage.tenant, event, "").await;
        assert_field(&refused.unwrap_err(), field);
    }
    let key = "x".repeat(257);
    let refused = stage.api.publish(&stage.tenant, event("a.b", "{}"), &key).await;
    assert_field(&refused.unwrap_err(), "idempotency_key");
    let refused = stage.api.publish("refusals", event("a.b", "{}"), "").await;
    assert_field(&refused.unwrap_err(), "parent");
    for (field, subscription) in bad_subscriptions(&stage) {
        let refused = stage.api.subscribe(&stage.tenant, subscription).await;
        assert_field(&refused.unwrap_err(), field);
    }
    let refused = stage.api.subscriptions.create_subscription(CreateSubscriptionRequest {
        parent: stage.tenant.clone(),
        subscription_id: "Not-An-Id".to_owned(),
        subscription: Some(stage.wanted("/hook")),
    });
    assert_field(&refused.await.unwrap_err(), "subscription_id");
    let refused = stage
        .api
        .tenants
        .create_tenant(CreateTenantRequest { tenant_id: "-".to_owned(), tenant: None });
    assert_field(&refused.await.unwrap_err(), "tenant_id");
    let name = stage.subscribe("/hook").await.name;
    let refused = stage.api.subscriptions.update_subscription(UpdateSubscriptionRequest {
        subscription: Some(Subscription { name, ..Subscription::default() }),
        update_mask: Some(FieldMask { paths: vec!["status".to_owned()] }),
    });
    assert_field(&refused.await.unwrap_err(), "update_mask");
    let refused = stage.api.events.list_events(ListEventsRequest {
        parent: stage.tenant.clone(),
        page_size: -1,
        ..ListEventsRequest::default()
    });
    assert_field(&refused.await.unwrap_err(), "page_size");
    let refused = stage.api.subscriptions.list_subscriptions(ListSubscriptionsRequest {
        parent: stage.tenant.clone(),
        order_by: "url".to_owned(),
        ..ListSubscriptionsRequest::default()
    });
    assert_field(&refused.await.unwrap_err(), "order_by");
}

pub async fn bad_filters_are_refused(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "filters").await;
    for (filter, position) in [
        ("state = ", 8),
        ("state = SUCCEEDED OR test = true", 18),
        ("colour = \"red\"", 0),
        ("state = GREEN", 8),
        ("test = true AND account ~ \"a\"", 24),
        ("account = \"open", 10),
    ] {
        let listed = stage.api.deliveries.list_deliveries(ListDeliveriesRequest {
            parent: stage.tenant.clone(),
            filter: filter.to_owned(),
            ..ListDeliveriesRequest::default()
        });
        let refused = listed.await.unwrap_err();
        assert_field(&refused, "filter");
        let told = refused.get_details_bad_request().unwrap().field_violations;
        let told = &told[0].description;
        let named = told.split(|c: char| !c.is_ascii_digit());
        let named: Vec<usize> = named.filter_map(|number| number.parse().ok()).collect();
        assert!(named.contains(&position), "{filter}: {position} is not in {told:?}");
    }
}

pub async fn what_is_not_there_is_not_found(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "nothing").await;
    let id = "0".repeat(32);
    let event = format!("{}/events/evt_{id}", stage.tenant);
    let delivery = format!("{}/deliveries/dlv_{id}", stage.tenant);
    let subscription = format!("{}/subscriptions/none", stage.tenant);
    let api = &mut stage.api;
    let refused = [
        api.tenants
            .get_tenant(GetTenantRequest { name: "tenants/none".to_owned() })
            .await
            .unwrap_err(),
        api.subscriptions
            .get_subscription(GetSubscriptionRequest { name: subscription })
            .await
            .unwrap_err(),
        api.events.get_event(GetEventRequest { name: event, view: 0 }).await.unwrap_err(),
        api.deliveries.get_delivery(GetDeliveryRequest { name: delivery }).await.unwrap_err(),
    ];
    for refused in refused {
        assert_eq!(refused.code(), Code::NotFound, "{refused:?}");
        assert_eq!(reason(&refused), "RESOURCE_NOT_FOUND");
        let resource = refused.get_details_resource_info().unwrap();
        assert!(resource.resource_name.starts_with("tenants/"), "{resource:?}");
        assert!(resource.resource_type.starts_with("postrider/"), "{resource:?}");
    }
}
