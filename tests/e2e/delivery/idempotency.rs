//! Publishing again with the same key.
//!
//! Fed by a small cluster; feeds `delivery`. Guarantees that a key stands for one
//! event and one webhook, however often and however concurrently it is used.

use std::collections::BTreeSet;

use futures::future::join_all;
use postrider_proto::v1::{DeliveryState, Event};
use postrider_tests::api::reason;
use postrider_tests::cluster::Cluster;
use postrider_tests::publish::event;
use tonic::Code;
use tonic_types::StatusExt;

use crate::stage::{DEFAULT_PAYLOAD, Stage};

fn payment() -> Event {
    event("payment.completed", DEFAULT_PAYLOAD)
}

pub async fn the_same_request_returns_the_first_event(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "again").await;
    stage.subscribe("/hook").await;
    let mut publish = async |event| {
        let published = stage.api.publish(&stage.tenant, event, "key-1").await;
        published.unwrap()
    };
    let first = publish(payment()).await;
    // Trace context is not compared.
    let second = publish(Event {
        traceparent: "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned(),
        ..payment()
    })
    .await;
    assert!(!first.duplicate && second.duplicate);
    assert_eq!(second.event, first.event);
    assert_eq!(second.create_time, first.create_time);
    assert_eq!(second.matched_subscriptions, 1);
    let other = stage.api.publish(&stage.tenant, payment(), "key-2").await;
    let other = other.unwrap();
    assert_ne!(other.event, first.event);
    for event in [&first.event, &other.event] {
        stage.wait_for(event, DeliveryState::Succeeded).await;
    }
    assert_eq!(stage.receiver.received(), 2);
}

pub async fn another_request_under_the_key_is_refused(cluster: &Cluster) {
    let mut stage = Stage::set(cluster, "reused").await;
    let first = stage.api.publish(&stage.tenant, payment(), "key").await;
    let first = first.unwrap();
    let others = [
        event("payment.completed", "{\"amount\": \"10.01\"}"),
        event("payment.failed", DEFAULT_PAYLOAD),
        Event { account: "SE1".to_owned(), ..payment() },
    ];
    for other in others {
        let refused = stage.api.publish(&stage.tenant, other, "key").await;
        let refused = refused.unwrap_err();
        assert_eq!(refused.code(), Code::AlreadyExists, "{refused:?}");
        assert_eq!(reason(&refused), "IDEMPOTENCY_KEY_REUSED");
        let resource = refused.get_details_resource_info().unwrap();
        assert_eq!(resource.resource_name, first.event);
    }
    // A key is the tenant's own.
    let tenant = stage.api.create_tenant("reused-other").await.unwrap();
    let published = stage.api.publish(&tenant, payment(), "key").await;
    assert!(!published.unwrap().duplicate);
}

pub async fn fifty_at_once_make_one_event(cluster: &Cluster) {
    let stage = Stage::set(cluster, "fifty").await;
    stage.subscribe("/hook").await;
    let published = join_all((0..50).map(|_| {
        let mut api = stage.api.clone();
        let tenant = stage.tenant.clone();
        async move { api.publish(&tenant, payment(), "key").await.unwrap() }
    }))
    .await;
    let events: BTreeSet<_> = published.iter().map(|p| p.event.clone()).collect();
    assert_eq!(events.len(), 1, "{events:?}");
    let first = published.iter().filter(|p| !p.duplicate).count();
    assert_eq!(first, 1, "{published:?}");
    let event = events.first().unwrap();
    stage.wait_for(event, DeliveryState::Succeeded).await;
    assert_eq!(stage.receiver.received(), 1);
}
